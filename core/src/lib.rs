//! sFlow version 5 agent core.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod drop_reason;
pub mod record;
mod source;
mod time;
pub mod xdr;

pub use crate::drop_reason::DropReason;
pub use crate::record::{CounterRecord, DataFormat, FlowRecord};
pub use crate::source::{DataSource, Interface, MAX_COMPACT_INDEX, SourceClass};
pub use crate::time::{Duration, Instant};

/// Which of the two layouts of samples an agent uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// a
    Compact,
    /// b
    Expanded,
}
