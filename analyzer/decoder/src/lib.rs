//! sFlow decoder for version 5, and for 2 and 4: no `std`, no allocation, no unsafe code, no panic on any input.
//!
//! ```
//! use flowmote_decoder::flow::SampledHeader;
//! use flowmote_decoder::{Datagram, Sample};
//!
//! fn bytes_by_port(payload: &[u8], mut add: impl FnMut(u16, u64)) {
//!     let Ok(datagram) = Datagram::parse(payload) else { return };
//!     // Faults are skipped here. To count them, match on the `Malformed` instead.
//!     for sample in datagram.samples().flatten() {
//!         let Sample::Flow(sample) = sample else { continue };
//!         for record in sample.records().flatten() {
//!             let Some(header) = record.read::<SampledHeader>() else { continue };
//!             let Some(flow) = header.five_tuple() else { continue };
//!             let bytes = u64::from(header.frame_length) * u64::from(sample.sampling_rate);
//!             add(flow.dst_port, bytes);
//!         }
//!     }
//! }
//! # bytes_by_port(&[], |_, _| ());
//! ```
//!
//! All values borrow from the payload and are read lazily:
//!
//! 1. [`Datagram::parse`] reads the header. It returns an [`Error`] only if no sample can be found.
//! 2. [`Datagram::samples`] walks by lengths and reads the fixed part of each [`Sample`].
//! 3. [`FlowSample::records`] and its counterparts walk by lengths and read only record numbers.
//! 4. [`Record::read`](record::Record::read) reads one given structure of [`flow`] or [`counter`],
//!    [`decode`](record::Record::decode) reads any of them, and
//!    [`visit`](record::Record::visit) passes the fields to a visitor by name.
//! 5. [`SampledHeader::layers`](flow::SampledHeader::layers) reads the protocol headers of the
//!    sampled packet; [`five_tuple`](flow::SampledHeader::five_tuple) reads only its addresses,
//!    protocol and ports.
//!
//! Unknown samples and records are returned as bytes with their [`DataFormat`]. A record longer
//! than its structure is an extension: the tail is ignored. In a shorter record, absent fields have
//! sFlow's code for "unknown". A length or count beyond the bytes left ends the iteration there,
//! after all whole items, with a [`Malformed`] that contains kind and offset. The structures and
//! their numbers are those of sFlow version 5 and its extensions. To add one, see [`structure`].

// Unconditional, so that no module uses std by accident. Tests and `capture` name it.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(any(test, feature = "capture"))]
extern crate std;

#[cfg(feature = "capture")]
pub mod capture;
pub mod counter;
mod custom;
mod datagram;
pub mod flow;
mod format;
mod layout;
mod legacy;
mod malformed;
pub mod packet;
mod reason;
pub mod record;
mod sample;
mod sampled_packet;
mod scalar;
mod source;
mod space;
pub mod structure;
mod value;
pub mod visit;
pub mod xdr;

pub use counter::{Counter, CounterData, CounterRecord, CounterRecords};
pub use custom::{RtFlow, RtMetric, RtValue, RtValues, ValueTypes};
pub use datagram::{Datagram, Samples};
pub use flow::{Flow, FlowData, FlowRecord, FlowRecords};
pub use format::DataFormat;
pub use malformed::{Error, Malformed, MalformedKind};
pub use reason::drop_reason_name;
pub use sample::{CountersSample, DiscardedPacket, FlowSample, Sample, UnknownSample};
pub use sampled_packet::{EthernetEnds, Implausible, SampledPacket};
pub use source::{DataSource, Interface, Port};
pub use value::{Address, Latin1, MacAddress, MplsLabel, Percentage, Text, Uuid};
