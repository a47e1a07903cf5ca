//! The agent: samples go in, datagrams and the time of the next call come out.

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

/// One sFlow agent, which makes one stream of datagrams.
///
/// It owns no memory: data sources and the datagram live in slices of the caller. It has no
/// clock, no socket and no source of randomness: `now` and the seed are arguments.
#[derive(Debug)]
pub struct Agent<'a> {
    config: AgentConfig,
    sources: SourceTable<'a>,
    datagram: DatagramBuilder<'a>,
    state: State,
    /// When this datagram has to go out: its first sample has waited long enough then.
    deadline: Instant,
    /// The largest sample of a packet to expect: as long as one more of these fits, the datagram
    /// may wait. Counters do not count: they are rare, and one large host sample would otherwise
    /// cut all datagrams short for ever.
    reserve: usize,
    /// When the next counters are due, so that nobody walks the table to find out.
    next_poll: Instant,
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
            self.sources.iter_mut().for_each(SourceSlot::restart);
        }
        self.config = config;
        self.reserve = config.header_bytes.saturating_add(MIN_RESERVE);
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
        let poller = Poller::new(polling, self.first_poll(now, polling));
        self.sources.insert(SourceSlot::new(source, poller))?;
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

    /// Totals since the agent was made.
    #[must_use]
    pub fn stats(&self) -> &AgentStats {
        &self.stats
    }

    /// A random moment of the first interval.
    fn first_poll(&mut self, now: Instant, interval: Duration) -> Instant {
        let wait = self.random.below(interval.as_millis()).wrapping_add(1);
        now.saturating_add(Duration::from_millis(wait))
    }

    fn schedule(&mut self) {
        let due = self.sources.iter().filter_map(|source| source.poller.due());
        self.next_poll = due.fold(Instant::NEVER, Instant::min);
    }
}

/// What a flow sample needs besides its header bytes: expanded sample 52, record 24, and 40 for
/// the two small records that most packets have, extended_switch and extended_timestamp.
const MIN_RESERVE: usize = 52 + 24 + 40;

#[cfg(test)]
mod tests;
