//! The output side of the agent: datagrams, data sources that are due, and the next deadline.

use super::{Agent, HandleError, State};
use crate::data_source::DataSource;
use crate::platform::{CounterSource, Transport};
use crate::record::CounterRecord;
use crate::sample::CounterSample;
use crate::time::Instant;

impl Agent<'_> {
    /// Returns a data source whose counters are due, and schedules its next poll.
    ///
    /// Read its counters and hand them to [`handle_counters`](Self::handle_counters); call again
    /// until `None`. Walks the table of sources, but only if one is due.
    pub fn poll_counters(&mut self, now: Instant) -> Option<DataSource> {
        if now < self.next_poll {
            return None;
        }
        let due = self.sources.iter_mut().find_map(|source| {
            let due = source.poller.poll(now);
            due.then_some(source.key)
        });
        self.schedule();
        due
    }

    /// Lends the datagram if it is full or if its oldest sample has waited for the configured
    /// delay.
    ///
    /// Each datagram is lent once. The result can change after each `handle_*`, after
    /// [`flush`](Self::flush) and [`reconfigure`](Self::reconfigure), and with time.
    // Called from several places: one copy keeps firmware small.
    #[inline(never)]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<&[u8]> {
        let ready = match self.state {
            State::Ready => true,
            // An empty datagram is never sent (rule A11).
            State::Filling => !self.datagram.is_empty() && self.deadline <= now,
            State::Lent => false,
        };
        if !ready {
            return None;
        }
        // From here on the datagram counts as sent: if the transport loses it, the collector sees a
        // gap in the sequence numbers, which is the truth.
        self.state = State::Lent;
        self.sequence = self.sequence.wrapping_add(1);
        self.stats.datagrams = self.stats.datagrams.wrapping_add(1);
        self.stats.datagram_bytes =
            self.stats.datagram_bytes.wrapping_add(self.datagram.len() as u64);
        Some(self.datagram.finish(self.sequence, now.uptime()))
    }

    /// Finishes the datagram before it is full or old, such as at the end of the program.
    pub fn flush(&mut self) {
        if self.state == State::Filling && !self.datagram.is_empty() {
            self.state = State::Ready;
        }
    }

    /// Returns the time at which to call [`poll_counters`](Self::poll_counters) and
    /// [`poll_transmit`](Self::poll_transmit) again.
    ///
    /// [`Instant::ZERO`]: immediately. `None`: not before a sample was handed in or a source added.
    /// The result can change after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let transmit = match self.state {
            State::Ready => Instant::ZERO,
            State::Filling if !self.datagram.is_empty() => self.deadline,
            State::Filling | State::Lent => Instant::NEVER,
        };
        let next = transmit.min(self.next_poll);
        if next == Instant::NEVER { None } else { Some(next) }
    }

    /// Does everything that is due: sends finished datagrams, reads the counters of sources that
    /// are due, and returns the time of the next call.
    ///
    /// Reads each source at most once. Send errors are counted in [`AgentStats::send_errors`]; the
    /// collector sees a gap in the sequence numbers.
    ///
    /// [`AgentStats::send_errors`]: crate::AgentStats::send_errors
    pub fn poll(
        &mut self,
        now: Instant,
        counters: &mut impl CounterSource,
        transport: &mut impl Transport,
    ) -> Option<Instant> {
        // First, so that the counters find an empty datagram if one is due.
        self.transmit(now, transport);
        while let Some(source) = self.poll_counters(now) {
            self.poll_source(now, source, counters, transport);
        }
        self.poll_timeout()
    }

    /// Reads the counters of a data source and sends what is due, apart from the schedule: after a
    /// [`counters_reset`](Self::counters_reset), or because they were not there when they were due.
    pub fn poll_source(
        &mut self,
        now: Instant,
        source: DataSource,
        counters: &mut impl CounterSource,
        transport: &mut impl Transport,
    ) {
        counters.counters(source, &mut |records| {
            self.submit(now, source, records, transport);
        });
    }

    /// Sends finished datagrams until there is none.
    pub fn transmit(&mut self, now: Instant, transport: &mut impl Transport) {
        while let Some(datagram) = self.poll_transmit(now) {
            if transport.send(datagram).is_err() {
                self.stats.send_errors = self.stats.send_errors.wrapping_add(1);
            }
        }
    }

    /// Adds datagrams that the transport accepted and lost later to
    /// [`AgentStats::send_errors`](crate::AgentStats::send_errors).
    pub fn datagrams_lost(&mut self, lost: u32) {
        self.stats.send_errors = self.stats.send_errors.wrapping_add(lost.into());
    }

    /// Hands in the records of one poll, and sends datagrams that have no room for them.
    ///
    /// Records that do not fit one datagram together are divided among several samples: the number
    /// per sample is halved until it fits. A single record that does not fit is dropped and
    /// counted.
    fn submit(
        &mut self,
        now: Instant,
        source: DataSource,
        records: &[&dyn CounterRecord],
        transport: &mut impl Transport,
    ) {
        let mut rest = records;
        // Records in the next attempt: all that are left, or fewer after `TooLarge`.
        let mut count = rest.len();
        while let Some((records, after)) = rest.split_at_checked(count) {
            if records.is_empty() {
                return;
            }
            match self.handle_counters(now, source, &CounterSample { records }) {
                Ok(()) => (rest, count) = (after, after.len()),
                Err(HandleError::Full) => {}
                Err(HandleError::TooLarge) if count > 1 => {
                    count = count.div_ceil(2);
                    // `handle_counters` counted a loss, but the records are tried again.
                    self.stats.too_large = self.stats.too_large.wrapping_sub(1);
                }
                Err(_) => (rest, count) = (after, after.len()),
            }
            self.transmit(now, transport);
        }
    }
}
