//! What a packet socket and tc hooks have in common.

use core::num::NonZeroU32;
use std::fmt::Debug;
use std::io;

use flowmote_core::SampleMeta;

use super::options::TapOptions;
use super::packet::Packet;
use super::tap::{Drained, Method, TapStats};

/// A source of packet samples of one or several interfaces.
pub trait Capture: Debug {
    /// Passes the samples that are ready to `visit`, about `budget` of them.
    ///
    /// # Errors
    /// Those of reading the losses, after the samples were passed on.
    fn drain(&mut self, budget: usize, visit: &mut dyn FnMut(&Packet<'_>)) -> io::Result<Drained>;

    /// Returns true if the packets of this interface are sampled.
    fn has(&self, if_index: u32) -> bool;

    /// Returns true if interfaces can join.
    fn is_shared(&self) -> bool;

    /// How packets are selected.
    fn method(&self) -> Method;

    /// What the kernel refused and what is lost by it, one sentence each.
    fn shortfalls(&self) -> &[String];

    /// The numbers of a flow sample of an interface now.
    fn meta(&mut self, if_index: u32) -> SampleMeta;

    /// Totals of an interface, with losses as of the last [`update_losses`](Self::update_losses);
    /// zeroes if it is not sampled.
    fn totals(&mut self, if_index: u32) -> TapStats;

    /// Brings the number of lost samples up to date.
    ///
    /// # Errors
    /// Those of getsockopt(PACKET_STATISTICS).
    fn update_losses(&mut self) -> io::Result<()>;

    /// Samples 1 in `rate` of an interface from now on.
    ///
    /// # Errors
    /// `InvalidInput` above 2^31; with [`Method::Classic`] those of SO_ATTACH_FILTER.
    fn set_sampling_rate(&mut self, if_index: u32, rate: NonZeroU32) -> io::Result<()>;

    /// Keeps this number of bytes of each packet from now on. Returns false if it cannot change.
    fn set_header_bytes(&mut self, if_index: u32, header_bytes: u32) -> bool;

    /// Holds the interface in promiscuous mode, or ends that.
    ///
    /// # Errors
    /// Those of the socket option; ENODEV.
    fn set_promiscuous(&mut self, options: &TapOptions, on: bool) -> io::Result<()>;

    /// Ends the sampling of an interface. Its samples that wait can still be read.
    ///
    /// # Errors
    /// Those of SO_ATTACH_FILTER, if nothing is shared.
    fn stop_one(&self, if_index: u32) -> io::Result<()>;

    /// Ends the sampling of an interface that had joined, and forgets its samples that wait.
    fn leave(&mut self, if_index: u32);
}
