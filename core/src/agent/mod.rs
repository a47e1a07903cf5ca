//! The agent: takes samples, returns datagrams and the time of the next call.

mod intake;
mod output;

use crate::data_source::{DataSource, MAX_COMPACT_INDEX};
use crate::datagram::{DatagramBuilder, DatagramHead};
use crate::poller::Poller;
use crate::random::Random;
use crate::sample::Encoding;
use crate::source_table::{AddError, SourceSlot, SourceTable};
use crate::stats::AgentStats;
use crate::time::{Duration, Instant};

/// An sFlow agent, which produces one stream of datagrams.
///
/// Data sources and the datagram under construction live in slices of the caller. The agent has no
/// clock, no socket and no source of randomness: `now` and the seed are arguments.
#[derive(Debug)]
pub struct Agent<'a> {
    config: AgentConfig,
    sources: SourceTable<'a>,
    datagram: DatagramBuilder<'a>,
    state: State,
    /// The time at which the first sample of the datagram has waited for the configured delay.
    deadline: Instant,
    /// Bytes of the largest packet sample to expect. As long as that many are free, the datagram
    /// may wait for another sample. Counter samples are ignored: one large host sample would make
    /// every later datagram short.
    reserve: usize,
    /// The earliest due time of all pollers, so that most polls do not walk the table.
    next_poll: Instant,
    sequence: u32,
    /// The next datagram is the first of another agent or sub-agent.
    renumber: bool,
    random: Random,
    stats: AgentStats,
}

/// The configuration of an [`Agent`], from [`Agent::new`] or [`Agent::reconfigure`].
#[derive(Clone, Copy, Debug)]
pub struct AgentConfig {
    /// Identity of the agent and layout of its datagrams. The encoding must be
    /// [`Encoding::Expanded`] if an ifIndex can be 2^24 or more (rule A19).
    pub head: DatagramHead,
    /// Most bytes of a packet in a sample: sFlowFsMaximumHeaderSize, typically 128 (rule A13).
    pub header_bytes: usize,
    /// Longest time that a sample waits for its datagram to fill; more than [`MAX_DELAY`] counts
    /// as that (rule A11).
    pub max_delay: Duration,
    /// Most discarded packets sent per second and data source; 10 is the default of the
    /// specification (rule A25), 0 sends none.
    pub discard_limit: u32,
    /// Seed of the first poll times. Agents must not share one, or they poll in step.
    pub seed: u64,
}

/// Error of the `handle_*` calls of an [`Agent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum HandleError {
    /// The datagram is finished: call [`Agent::poll_transmit`], then hand the sample in again.
    Full,
    /// The data source was not added. Counted in
    /// [`AgentStats::unknown_source`](crate::AgentStats::unknown_source).
    UnknownSource,
    /// The sample does not fit an empty datagram. Counted in
    /// [`AgentStats::too_large`](crate::AgentStats::too_large).
    TooLarge,
    /// A name breaks the rules of section 3.7. Counted in
    /// [`AgentStats::invalid_name`](crate::AgentStats::invalid_name).
    InvalidName,
}

/// State of the one datagram buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Accepts samples.
    Filling,
    /// Finished; the next `poll_transmit` lends it.
    Ready,
    /// Lent to the caller. The bytes stay in the buffer until the next sample restarts the
    /// datagram.
    Lent,
}

/// Upper bound of [`AgentConfig::max_delay`]: one second, from section 5 of the sFlow version 5
/// specification (rule A11).
pub const MAX_DELAY: Duration = Duration::from_secs(1);

impl<'a> Agent<'a> {
    /// Creates an agent without data sources.
    ///
    /// `sources` is the table of data sources, at most as many as it has slots. `buffer` holds one
    /// datagram; its length bounds that of datagrams, as [`DatagramHead::max_bytes`] does.
    #[must_use]
    pub fn new(config: AgentConfig, sources: &'a mut [SourceSlot], buffer: &'a mut [u8]) -> Self {
        Self {
            config,
            sources: SourceTable::new(sources),
            datagram: DatagramBuilder::new(buffer, config.head),
            state: State::Filling,
            deadline: Instant::ZERO,
            reserve: config.header_bytes.saturating_add(MIN_RESERVE),
            next_poll: Instant::NEVER,
            sequence: 0,
            renumber: false,
            random: Random::new(config.seed),
            stats: AgentStats::default(),
        }
    }

    /// Replaces the configuration, except for the seed.
    ///
    /// Samples that wait are sent with the old configuration at the next
    /// [`poll_transmit`](Self::poll_transmit). Sequence numbers continue. If the encoding changes,
    /// those of samples start again at 1, because no session may mix encodings (rule A19). If the
    /// agent address or the sub-agent id changes, all start again at 1: collectors number the
    /// datagrams of each agent and sub-agent, so that a continued sequence would be a loss to them
    /// once the former address returns.
    ///
    /// # Errors
    /// [`AddError::NeedsExpanded`] if the new encoding is compact and the index of a data source
    /// needs more than 24 bits. Nothing has changed then.
    pub fn reconfigure(&mut self, config: AgentConfig) -> Result<(), AddError> {
        let compact = config.head.encoding == Encoding::Compact;
        if compact && self.sources.iter().any(|source| source.key.index() > MAX_COMPACT_INDEX) {
            return Err(AddError::NeedsExpanded);
        }
        let renumber = config.head.stream() != self.config.head.stream();
        self.renumber |= renumber;
        if renumber || config.head.encoding != self.config.head.encoding {
            self.sources.iter_mut().for_each(SourceSlot::restart);
        }
        self.config = config;
        self.reserve = config.header_bytes.saturating_add(MIN_RESERVE);
        if self.datagram.is_empty() {
            // As after a loan: the next sample restarts the datagram, with the new head.
            self.state = State::Lent;
        }
        self.flush();
        Ok(())
    }

    /// Adds a data source whose counters are due every `polling`, zero: never.
    ///
    /// The first poll is at a random time within the first interval, so that sources added together
    /// are not polled together (rule A16). It is whole seconds away from the polls of the sources
    /// that are there: those of the same second are due at the same time and share a wake-up.
    ///
    /// # Errors
    /// See [`AddError`]. Nothing has changed then.
    pub fn add_source(
        &mut self,
        now: Instant,
        source: DataSource,
        polling: Duration,
    ) -> Result<(), AddError> {
        if self.config.head.encoding == Encoding::Compact && source.index() > MAX_COMPACT_INDEX {
            return Err(AddError::NeedsExpanded);
        }
        let poller = Poller::new(polling, self.first_poll(now, polling));
        self.sources.insert(SourceSlot::new(source, poller))?;
        self.schedule();
        Ok(())
    }

    /// Removes a data source; returns false if it was not there.
    ///
    /// Its samples that wait in the datagram are still sent. If it is added again, its sequence
    /// numbers start at 1.
    pub fn remove_source(&mut self, source: DataSource) -> bool {
        let removed = self.sources.remove(source).is_some();
        self.schedule();
        removed
    }

    /// Changes the polling interval of a data source; returns false if it is not there.
    ///
    /// A poll that is due before the new schedule begins is kept, so that repeated changes do not
    /// postpone it.
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

    /// Restarts the sequence of counter samples of a data source at 1.
    ///
    /// To be called when its counters were reset: a collector then skips the difference between the
    /// last value before and the first value after (rule A9). Does nothing for an unknown source.
    pub fn counters_reset(&mut self, source: DataSource) {
        if let Some(source) = self.sources.find(source) {
            source.counter_sequence = 0;
        }
    }

    /// Returns the totals since the agent was created.
    #[must_use]
    pub fn stats(&self) -> &AgentStats {
        &self.stats
    }

    /// Returns a random time within the first interval, 1 ms from now at the earliest, and whole
    /// seconds before or after `next_poll`.
    fn first_poll(&mut self, now: Instant, interval: Duration) -> Instant {
        let interval = interval.as_millis();
        let wait = self.random.below(interval);
        let wait = if self.next_poll == Instant::NEVER || interval < SECOND {
            wait.wrapping_add(1)
        } else {
            let whole = wait.wrapping_sub(within_second(wait));
            whole.wrapping_add(self.next_shared(now)).min(interval)
        };
        now.saturating_add(Duration::from_millis(wait))
    }

    /// Returns the milliseconds until the next time that is whole seconds from `next_poll`, 1 to 1000.
    fn next_shared(&self, now: Instant) -> u32 {
        // One of them is 0. Both are below 1000, so that nothing here wraps.
        let early = within_second(self.next_poll.since(now).as_millis());
        let late = within_second(now.since(self.next_poll).as_millis());
        let phase = within_second(early.wrapping_add(SECOND).wrapping_sub(late));
        if phase == 0 { SECOND } else { phase }
    }

    /// Updates `next_poll` after a change of the table or of a poller.
    fn schedule(&mut self) {
        let due = self.sources.iter().filter_map(|source| source.poller.due());
        self.next_poll = due.fold(Instant::NEVER, Instant::min);
    }
}

/// The milliseconds beyond whole seconds.
fn within_second(millis: u32) -> u32 {
    millis.checked_rem(SECOND).unwrap_or_default()
}

/// Milliseconds.
const SECOND: u32 = 1000;

/// Bytes of a flow sample without its packet header: the expanded sample head 8 + 44, the head of
/// the `sampled_header` record 8 + 16, and 40 for two small records that most packets have,
/// `extended_switch` (1001) and `extended_timestamp` (1043).
const MIN_RESERVE: usize = 52 + 24 + 40;

#[cfg(test)]
mod tests;
