//! The two traits that a platform implements.

use crate::data_source::DataSource;
use crate::record::CounterRecord;

/// A reader of counters, such as those of a kernel, a MAC or a switch chip.
pub trait CounterSource {
    /// Reads the counters of `source` and passes their records to `emit`.
    ///
    /// Calls `emit` once, or not at all if nothing could be read. MUST NOT block.
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord]));
}

/// A way to the collectors, such as a UDP socket or the uplink of a firmware.
pub trait Transport {
    /// Sends one datagram to every collector.
    ///
    /// MUST NOT block: a datagram that cannot be sent immediately is lost.
    ///
    /// # Errors
    /// [`SendError`] if the datagram was sent to no collector.
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError>;
}

/// Error of [`Transport::send`]: the datagram was sent to no collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SendError;

impl<T: CounterSource> CounterSource for &mut T {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        (**self).counters(source, emit);
    }
}

impl<T: Transport> Transport for &mut T {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        (**self).send(datagram)
    }
}
