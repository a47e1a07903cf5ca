//! The agent: samples go in, datagrams come out, and it says when to call again.

use crate::datagram::{DatagramBuilder, DatagramHead, DoesNotFit};
use crate::platform::{CounterSource, Transport};
use crate::poller::Poller;
use crate::record::CounterRecord;
use crate::sample::{CounterSample, DiscardedPacket, Encoding, FlowSample, RtFlow, RtMetric};
use crate::sampler::Random;
use crate::source::{DataSource, MAX_COMPACT_INDEX};
use crate::sources::{Source, Sources};
use crate::stats::AgentStats;
use crate::time::{Duration, Instant};

/// One sFlow agent, which makes one stream of datagrams.
///
/// It owns no memory: data sources and the datagram live in slices of the caller. It has no
/// clock, no socket and no source of randomness: `now` and the seed are arguments.
#[derive(Debug)]
pub struct Agent<'a> {
    config: AgentConfig,
    sources: Sources<'a>,
    datagram: DatagramBuilder<'a>,
    state: State,
    /// When the first sample of this datagram came.
    oldest: Instant,
    /// The largest sample of a packet to expect: as long as one more of these fits, the datagram
    /// may wait. Counters do not count: they are rare, and one large host sample would otherwise
    /// cut all datagrams short for ever.
    reserve: usize,
    /// When the next counters are due, so that nobody walks the table to find out.
    next_poll: Option<Instant>,
    sequence: u32,
    random: Random,
    stats: AgentStats,
}

/// What an [`Agent`] is told once.
#[derive(Clone, Copy, Debug)]
pub struct AgentConfig {
    /// Who speaks; the encoding must be [`Encoding::Expanded`] if an ifIndex can be 2^24 or more.
    pub head: DatagramHead,
    /// Packet header bytes a sample may carry: sFlowFsMaximumHeaderSize, typically 128.
    pub header_bytes: usize,
    /// How long a sample may wait for its datagram to fill, at most one second (rule A11).
    pub max_delay: Duration,
    /// Discarded packets told a second and data source; the text's default is 10 (rule A25).
    pub discard_limit: u32,
    /// Spreads the first polls; agents must not share one.
    pub seed: u64,
}

/// Why [`Agent::add_source`] or [`Agent::reconfigure`] refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AddError {
    /// The slice of sources has no place left.
    TableFull,
    /// The data source is there already.
    Exists,
    /// The index needs more than 24 bits and the agent's encoding is compact.
    NeedsExpanded,
}

/// Why a sample was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HandleError {
    /// The datagram is finished: call [`Agent::poll_transmit`], then hand the sample in again.
    Full,
    /// The data source was not added; counted.
    UnknownSource,
    /// Larger than an empty datagram; counted.
    TooLarge,
    /// A name breaks the rules of section 3.7; counted.
    InvalidName,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Room for more.
    Filling,
    /// To be lent out at the next chance.
    Ready,
    /// Lent out; the next call that needs the buffer empties it.
    Lent,
}

/// No sample waits longer than this: section 5 of the sFlow version 5 text.
pub const MAX_DELAY: Duration = Duration::from_secs(1);

impl<'a> Agent<'a> {
    /// An agent without data sources. `buffer` holds one datagram.
    #[must_use]
    pub fn new(config: AgentConfig, sources: &'a mut [Source], buffer: &'a mut [u8]) -> Self {
        Self {
            config,
            sources: Sources::new(sources),
            datagram: DatagramBuilder::new(buffer, config.head),
            state: State::Filling,
            oldest: Instant::ZERO,
            reserve: config.header_bytes.saturating_add(LEAST_RESERVE),
            next_poll: None,
            sequence: 0,
            random: Random::new(config.seed),
            stats: AgentStats::default(),
        }
    }

    /// Takes a new configuration; the seed is ignored. Samples that wait go out under the old one
    /// at the next [`poll_transmit`](Self::poll_transmit). All sequences go on, unless the encoding
    /// changes: that is a new session, and those of samples start at 1.
    ///
    /// # Errors
    /// [`AddError::NeedsExpanded`] if the new encoding is compact and the index of a data source
    /// needs more than 24 bits; nothing has changed.
    pub fn reconfigure(&mut self, config: AgentConfig) -> Result<(), AddError> {
        let compact = config.head.encoding == Encoding::Compact;
        if compact && self.sources.iter().any(|source| source.key.index() > MAX_COMPACT_INDEX) {
            return Err(AddError::NeedsExpanded);
        }
        if config.head.encoding != self.config.head.encoding {
            self.sources.iter_mut().for_each(Source::restart);
        }
        self.config = config;
        self.reserve = config.header_bytes.saturating_add(LEAST_RESERVE);
        if self.datagram.is_empty() {
            self.state = State::Lent;
        }
        self.flush();
        Ok(())
    }

    /// Adds a data source, polled every `polling` (zero: never) and for the first time at a
    /// random moment within the first interval (rule A16).
    ///
    /// # Errors
    /// See [`AddError`]; nothing has changed.
    pub fn add_source(
        &mut self,
        now: Instant,
        source: DataSource,
        polling: Duration,
    ) -> Result<(), AddError> {
        if self.config.head.encoding == Encoding::Compact && source.index() > MAX_COMPACT_INDEX {
            return Err(AddError::NeedsExpanded);
        }
        if self.sources.find(source).is_some() {
            return Err(AddError::Exists);
        }
        let poller = Poller::new(polling, self.first_poll(now, polling));
        self.sources.insert(Source::new(source, poller)).ok_or(AddError::TableFull)?;
        self.schedule();
        Ok(())
    }

    /// Forgets a data source; samples of it that wait in the datagram are still sent. Returns
    /// whether it was there. Added again it starts at sequence number 1.
    pub fn remove_source(&mut self, source: DataSource) -> bool {
        let removed = self.sources.remove(source).is_some();
        self.schedule();
        removed
    }

    /// Polls a data source at another interval from now on; returns whether it is there. A turn
    /// that was to come earlier than the new schedule begins is kept.
    pub fn set_polling(&mut self, now: Instant, source: DataSource, polling: Duration) -> bool {
        let first = self.first_poll(now, polling);
        let Some(source) = self.sources.find(source) else { return false };
        if source.poller.interval() != polling {
            let first = source.poller.due().map_or(first, |due| due.min(first));
            source.poller = Poller::new(polling, first);
            self.schedule();
        }
        true
    }

    /// Tells that the counters of a data source started over: so does the sequence of its
    /// counter samples, and a collector leaves out one difference (rule A9).
    pub fn counters_reset(&mut self, source: DataSource) {
        if let Some(source) = self.sources.find(source) {
            source.counter_sequence = 0;
        }
    }

    /// Takes a packet that was chosen, and encodes it at once.
    ///
    /// # Errors
    /// [`HandleError::Full`], `UnknownSource` or `TooLarge`.
    pub fn handle_flow_sample(
        &mut self,
        now: Instant,
        sample: &FlowSample<'_>,
    ) -> Result<(), HandleError> {
        let start = self.begin()?;
        let Some(source) = self.sources.find(sample.source) else { return self.unknown_source() };
        let sequence = source.next_flow();
        let fit = self.datagram.flow_sample_cut(sequence, sample, self.config.header_bytes);
        if fit.is_ok() {
            source.flow_sequence = sequence;
            self.expect(start);
            self.stats.flow_samples = self.stats.flow_samples.wrapping_add(1);
        }
        self.end(now, fit)
    }

    /// Takes a packet that the device discarded, as far as the limit allows: what is beyond it is
    /// counted in `drops` and in [`AgentStats`], and is no error.
    ///
    /// # Errors
    /// [`HandleError::Full`], `UnknownSource` or `TooLarge`.
    pub fn handle_discard(
        &mut self,
        now: Instant,
        packet: &DiscardedPacket<'_>,
    ) -> Result<(), HandleError> {
        let header = packet.header.cut(self.config.header_bytes);
        let packet = DiscardedPacket { header, ..*packet };
        let start = self.begin()?;
        let Some(source) = self.sources.find(packet.source) else { return self.unknown_source() };
        let before = source.discards;
        if !source.discards.admit(now, self.config.discard_limit) {
            self.stats.discards_suppressed = self.stats.discards_suppressed.wrapping_add(1);
            return Ok(());
        }
        let sequence = source.discards.sequence.wrapping_add(1);
        let fit = self.datagram.discarded_packet(sequence, source.discards.drops, &packet);
        match fit {
            Ok(()) => {
                source.discards.sequence = sequence;
                self.expect(start);
                self.stats.discarded_packets = self.stats.discarded_packets.wrapping_add(1);
            }
            Err(DoesNotFit) => source.discards = before,
        }
        self.end(now, fit)
    }

    /// Takes the counters of a data source.
    ///
    /// # Errors
    /// [`HandleError::Full`], `UnknownSource` or `TooLarge`; in the last case hand the records in
    /// by halves, as [`poll`](Self::poll) does.
    pub fn handle_counters(
        &mut self,
        now: Instant,
        source: DataSource,
        sample: &CounterSample<'_>,
    ) -> Result<(), HandleError> {
        self.begin()?;
        let Some(state) = self.sources.find(source) else { return self.unknown_source() };
        let sequence = state.next_counter();
        let fit = self.datagram.counter_sample(source, sequence, sample);
        if fit.is_ok() {
            state.counter_sequence = sequence;
            self.stats.counter_samples = self.stats.counter_samples.wrapping_add(1);
        }
        self.end(now, fit)
    }

    /// Takes metrics of the user's own choice.
    ///
    /// # Errors
    /// [`HandleError::Full`], `TooLarge` or `InvalidName`.
    pub fn handle_rt_metric(
        &mut self,
        now: Instant,
        metric: &RtMetric<'_>,
    ) -> Result<(), HandleError> {
        if !metric.is_valid() {
            return self.invalid_name();
        }
        self.begin()?;
        let fit = self.datagram.rt_metric(metric);
        self.stats.rt_samples = self.stats.rt_samples.wrapping_add(u64::from(fit.is_ok()));
        self.end(now, fit)
    }

    /// Takes a flow of the user's own making.
    ///
    /// # Errors
    /// [`HandleError::Full`], `TooLarge` or `InvalidName`.
    pub fn handle_rt_flow(&mut self, now: Instant, flow: &RtFlow<'_>) -> Result<(), HandleError> {
        if !flow.is_valid() {
            return self.invalid_name();
        }
        self.begin()?;
        let fit = self.datagram.rt_flow(flow);
        self.stats.rt_samples = self.stats.rt_samples.wrapping_add(u64::from(fit.is_ok()));
        self.end(now, fit)
    }

    /// Whose counters are due. The turn counts as taken, so answer with
    /// [`handle_counters`](Self::handle_counters). Walks the sources once, and only when one is
    /// due.
    pub fn poll_counters(&mut self, now: Instant) -> Option<DataSource> {
        if self.next_poll.is_none_or(|due| now < due) {
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
    pub fn poll_transmit(&mut self, now: Instant) -> Option<&[u8]> {
        let ready = match self.state {
            State::Ready => true,
            State::Filling => !self.datagram.is_empty() && self.deadline() <= now,
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
            State::Ready => Some(Instant::ZERO),
            State::Filling if !self.datagram.is_empty() => Some(self.deadline()),
            State::Filling | State::Lent => None,
        };
        match (transmit, self.next_poll) {
            (Some(transmit), Some(poll)) => Some(transmit.min(poll)),
            (transmit, poll) => transmit.or(poll),
        }
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

    /// Totals since the agent was made.
    #[must_use]
    pub fn stats(&self) -> &AgentStats {
        &self.stats
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

    /// Empties the buffer if it was lent out; returns where the next sample begins. A finished
    /// datagram takes no more: it may be one of the configuration before.
    #[inline]
    fn begin(&mut self) -> Result<usize, HandleError> {
        match self.state {
            State::Filling => {}
            State::Ready => return Err(HandleError::Full),
            State::Lent => {
                self.datagram.restart(self.config.head);
                self.state = State::Filling;
            }
        }
        Ok(self.datagram.len())
    }

    /// Keeps room for another sample as large as the one that began at `start`.
    #[inline]
    fn expect(&mut self, start: usize) {
        self.reserve = self.reserve.max(self.datagram.len().saturating_sub(start));
    }

    /// Books the outcome of a sample.
    #[inline]
    fn end(&mut self, now: Instant, fit: Result<(), DoesNotFit>) -> Result<(), HandleError> {
        if fit.is_err() {
            return self.refuse();
        }
        if self.datagram.is_first() {
            self.oldest = now;
        }
        if self.datagram.remaining() < self.reserve {
            self.state = State::Ready;
        }
        Ok(())
    }

    #[cold]
    fn refuse(&mut self) -> Result<(), HandleError> {
        if self.datagram.is_empty() {
            self.stats.too_large = self.stats.too_large.wrapping_add(1);
            return Err(HandleError::TooLarge);
        }
        self.state = State::Ready;
        Err(HandleError::Full)
    }

    #[cold]
    fn unknown_source(&mut self) -> Result<(), HandleError> {
        self.stats.unknown_source = self.stats.unknown_source.wrapping_add(1);
        Err(HandleError::UnknownSource)
    }

    #[cold]
    fn invalid_name(&mut self) -> Result<(), HandleError> {
        self.stats.invalid_name = self.stats.invalid_name.wrapping_add(1);
        Err(HandleError::InvalidName)
    }

    fn deadline(&self) -> Instant {
        self.oldest.saturating_add(self.config.max_delay.min(MAX_DELAY))
    }

    /// A random moment of the first interval.
    fn first_poll(&mut self, now: Instant, interval: Duration) -> Instant {
        now.saturating_add(Duration::from_millis(self.random.uniform(interval.as_millis())))
    }

    fn schedule(&mut self) {
        self.next_poll = self.sources.iter().filter_map(|source| source.poller.due()).min();
    }
}

/// What a flow sample needs besides its header bytes: expanded sample 52, record 24, and 40 for
/// the two small records that most packets have, extended_switch and extended_timestamp.
const LEAST_RESERVE: usize = 52 + 24 + 40;

#[cfg(test)]
mod tests;
