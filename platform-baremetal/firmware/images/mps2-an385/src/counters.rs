//! Counter samples from the Ethernet controller.

use flowmote_core::{CounterRecord, CounterSource, DataSource};

use crate::ethernet::Ethernet;

/// Reads the counters of the only port.
#[derive(Clone, Copy, Debug)]
pub struct MacCounters<'a>(pub &'a Ethernet);

impl CounterSource for MacCounters<'_> {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        // A copy, not a borrow: encoding the sample may send a datagram through the controller.
        let mut counted = self.0.statistics();
        counted.generic.if_index = source.index();
        emit(&[&counted.generic, &counted.ethernet]);
    }
}
