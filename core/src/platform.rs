//! The two things that a platform implements.

use crate::data_source::DataSource;
use crate::record::CounterRecord;

/// Reads counters: from the kernel, from a MAC, from a switch chip.
pub trait CounterSource {
    /// Reads the counters of `source` and hands their records to `emit`, once; does not call it
    /// if there is nothing to tell. MUST NOT block.
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord]));
}

/// Carries datagrams to the collectors.
pub trait Transport {
    /// Sends one datagram to every collector, or takes note that it could not. MUST NOT block:
    /// a datagram that cannot go now is lost.
    ///
    /// # Errors
    /// [`SendError`] if no collector can have got it.
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError>;
}

/// A datagram was lost before it left.
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
