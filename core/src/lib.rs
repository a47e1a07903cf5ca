//! sFlow version 5 agent core: sampling, scheduling and encoding, for hosts and for firmware.
//!
//! `no_std`, without allocator, unsafe code or panics. A platform hands in sampled packets and
//! counters, and sends the finished datagrams.
//!
//! ```text
//! packet path (kernel filter, ISR, RX burst)      main loop (thread, task, superloop)
//!  Sampler::advance ── chosen ──▶ queue ──▶ Agent::handle_flow_sample ─┐
//!                                           Agent::poll_counters       ├▶ Agent::poll_transmit
//!                                           Agent::handle_counters    ─┘
//!                                           Agent::poll_timeout: time of the next call
//! ```
//!
//! Sections and rules named in these docs ("section 3.6", "rule A19") are those of
//! `docs/sflow-wire.md`, which describes every byte of the protocol with its source. "Errata" are
//! the corrections to the specifications that it lists.
//!
//! # The calling contract
//!
//! > **After every `handle_*`, call [`Agent::poll_transmit`] until it returns `None`.** If a
//! > `handle_*` returned [`HandleError::Full`], it left the sample to you: hand it in again after
//! > that.
//!
//! [`Agent::poll`] keeps the contract for counters and for time. [`Agent::transmit`] keeps it after
//! the samples that a platform hands in itself:
//!
//! ```
//! use core::net::{IpAddr, Ipv4Addr};
//! use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
//! use flowmote_core::*;
//!
//! struct Wire(Vec<u8>);
//! impl Transport for Wire {
//!     fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
//!         self.0 = datagram.to_vec();
//!         Ok(())
//!     }
//! }
//!
//! let config = AgentConfig {
//!     head: DatagramHead {
//!         address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
//!         sub_agent_id: 0,
//!         encoding: Encoding::Compact,
//!         max_bytes: 1400,
//!     },
//!     header_bytes: 128,
//!     max_delay: Duration::from_millis(100),
//!     discard_limit: 10,
//!     seed: 0x5eed,
//! };
//! let (mut sources, mut buffer) = ([SourceSlot::VACANT; 4], [0; 1400]);
//! let mut agent = Agent::new(config, &mut sources, &mut buffer);
//! let port = DataSource::interface(2);
//! let boot = Instant::from_millis(5_000);
//! agent.add_source(boot, port, Duration::from_secs(20)).unwrap();
//!
//! let mut sampler = Sampler::new(1, 0x5eed);
//! let frame = [0; 60];
//! let mut wire = Wire(Vec::new());
//! if sampler.advance(1).is_some() {
//!     let sample = FlowSample {
//!         source: port,
//!         meta: sampler.meta(),
//!         input: Interface::Index(2),
//!         output: Interface::Internal,
//!         header: Some(SampledHeader {
//!             protocol: HeaderProtocol::ETHERNET,
//!             frame_length: 64, // with FCS
//!             stripped: 4,      // the FCS is not in `header`
//!             header: &frame,
//!         }),
//!         records: &[],
//!     };
//!     agent.handle_flow_sample(boot, &sample).unwrap();
//!     agent.transmit(boot, &mut wire);
//! }
//! assert_eq!(agent.poll_timeout(), Some(boot + Duration::from_millis(100)));
//! agent.transmit(boot + Duration::from_millis(100), &mut wire);
//! assert_eq!(wire.0[..4], [0, 0, 0, 5]);
//! ```
#![no_std]
#![forbid(unsafe_code)]
// Nothing here can panic. The proof is at link time, `platform-baremetal/firmware/prover`. These
// lints report most violations earlier and at their line.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::integer_division_remainder_used
    )
)]

// Instead of `#![cfg_attr(not(test), no_std)]`, which would bring the prelude of std into scope
// and so let code compile in tests that does not compile in firmware.
#[cfg(test)]
extern crate std;

mod agent;
mod data_source;
mod datagram;
mod drop_reason;
mod platform;
mod poller;
mod random;
pub mod record;
mod sample;
mod sampler;
mod source_table;
mod stats;
mod time;
mod xdr;

pub use crate::agent::{Agent, AgentConfig, HandleError, MAX_DELAY};
pub use crate::data_source::{DataSource, Interface, MAX_COMPACT_INDEX, SourceClass};
pub use crate::datagram::{DatagramBuilder, DatagramHead, DoesNotFit};
pub use crate::drop_reason::DropReason;
pub use crate::platform::{CounterSource, SendError, Transport};
pub use crate::poller::Poller;
pub use crate::random::Random;
pub use crate::record::{CounterRecord, DataFormat, FlowRecord};
pub use crate::sample::{
    CounterSample, DiscardedPacket, Encoding, FlowSample, FlowValue, MetricValue, RtFlow, RtMetric,
    is_datasource_name, is_value_name,
};
pub use crate::sampler::{MAX_SAMPLING_RATE, SampleMeta, Sampler};
pub use crate::source_table::{AddError, SourceSlot};
pub use crate::stats::AgentStats;
pub use crate::time::{Duration, Instant};
pub use crate::xdr::Encoder;
