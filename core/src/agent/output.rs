//! What comes out of the agent: datagrams, and who is due.

use super::{Agent, HandleError, State};
use crate::data_source::DataSource;
use crate::platform::{CounterSource, Transport};
use crate::record::CounterRecord;
use crate::sample::CounterSample;
use crate::time::Instant;

impl Agent<'_> {
    /// Whose counters are due. The turn counts as taken, so answer with
    /// [`handle_counters`](Self::handle_counters). Walks the sources once, and only when one is
    /// due.
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

    /// Lends the finished datagram, if there is one: it is full, or its oldest sample has waited
    /// long enough. Changes after each `handle_*`, after [`flush`](Self::flush), and with time.
    #[inline(never)]
    pub fn poll_transmit(&mut self, now: Instant) -> Option<&[u8]> {
        let ready = match self.state {
            State::Ready => true,
            State::Filling => !self.datagram.is_empty() && self.deadline <= now,
            State::Lent => false,
        };
        if !ready {
            return None;
        }
        self.state = State::Lent;
        self.sequence = self.sequence.wrapping_add(1);
        self.stats.datagrams = self.stats.datagrams.wrapping_add(1);
        self.stats.datagram_bytes =
            self.stats.datagram_bytes.wrapping_add(self.datagram.len() as u64);
        Some(self.datagram.finish(self.sequence, now.uptime()))
    }

    /// Makes the datagram ready as it is, before the end of the program.
    pub fn flush(&mut self) {
        if self.state == State::Filling && !self.datagram.is_empty() {
            self.state = State::Ready;
        }
    }

    /// When to call `poll_counters` and `poll_transmit` again, [`Instant::ZERO`] for at once;
    /// `None`: not before a sample was handed in. Changes after every other call.
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

    /// All that is due: sends what is ready, asks for the counters whose turn it is, and says
    /// when to call again. Each source is asked at most once; send errors are counted, and what
    /// was lost by them shows as a gap in the sequence numbers.
    pub fn poll(
        &mut self,
        now: Instant,
        counters: &mut impl CounterSource,
        transport: &mut impl Transport,
    ) -> Option<Instant> {
        self.transmit(now, transport);
        while let Some(source) = self.poll_counters(now) {
            counters.counters(source, &mut |records| {
                self.submit(now, source, records, transport);
            });
        }
        self.transmit(now, transport);
        self.poll_timeout()
    }

    /// Sends what is ready.
    pub fn transmit(&mut self, now: Instant, transport: &mut impl Transport) {
        while let Some(datagram) = self.poll_transmit(now) {
            if transport.send(datagram).is_err() {
                self.stats.send_errors = self.stats.send_errors.wrapping_add(1);
            }
        }
    }

    /// Notes that so many datagrams were lost behind the transport, which had taken them: they
    /// count as `send_errors`.
    pub fn datagrams_lost(&mut self, lost: u32) {
        self.stats.send_errors = self.stats.send_errors.wrapping_add(lost.into());
    }

    /// Hands in counters, sending what is in their way; records that do not fit one datagram
    /// together go out in several samples.
    fn submit(
        &mut self,
        now: Instant,
        source: DataSource,
        records: &[&dyn CounterRecord],
        transport: &mut impl Transport,
    ) {
        let mut rest = records;
        let mut count = rest.len();
        while let Some((records, behind)) = rest.split_at_checked(count) {
            if records.is_empty() {
                return;
            }
            match self.handle_counters(now, source, &CounterSample { records }) {
                Ok(()) => (rest, count) = (behind, behind.len()),
                Err(HandleError::Full) => {}
                Err(HandleError::TooLarge) if count > 1 => {
                    count = count.div_ceil(2);
                    // Nothing is lost yet.
                    self.stats.too_large = self.stats.too_large.wrapping_sub(1);
                }
                Err(_) => (rest, count) = (behind, behind.len()),
            }
            self.transmit(now, transport);
        }
    }
}
