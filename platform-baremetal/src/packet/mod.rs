//! Packet samples, from the packet path to the main loop.

pub(crate) mod port_sampler;
pub(crate) mod queue;
pub(crate) mod sample;
#[cfg(feature = "smoltcp")]
pub(crate) mod sampled_device;
