//! The input side of the agent: samples, and losses that it cannot see itself.

use super::{Agent, HandleError, MAX_DELAY, State};
use crate::data_source::DataSource;
use crate::datagram::DoesNotFit;
use crate::sample::{CounterSample, DiscardedPacket, FlowSample, RtFlow, RtMetric};
use crate::time::Instant;

impl Agent<'_> {
    /// Encodes a sampled packet into the datagram.
    ///
    /// # Errors
    /// [`HandleError::Full`], [`UnknownSource`](HandleError::UnknownSource) or
    /// [`TooLarge`](HandleError::TooLarge).
    pub fn handle_flow_sample(
        &mut self,
        now: Instant,
        sample: &FlowSample<'_>,
    ) -> Result<(), HandleError> {
        let start = self.begin()?;
        let Some(source) = self.sources.find(sample.source) else { return self.unknown_source() };
        let sequence = source.next_flow();
        let fit = self.datagram.flow_sample_cut(sequence, sample, self.config.header_bytes);
        // A refused sample must not use up its number: a gap means a lost sample to a collector.
        if fit.is_ok() {
            source.flow_sequence = sequence;
            self.reserve_for_another(start);
            self.stats.flow_samples = self.stats.flow_samples.wrapping_add(1);
        }
        self.end(now, fit)
    }

    /// Encodes a packet that the device discarded, within the configured limit per second.
    ///
    /// A packet above the limit is no error. It is counted in `drops` of the next notification and
    /// in [`AgentStats::discards_suppressed`](crate::AgentStats::discards_suppressed).
    ///
    /// # Errors
    /// [`HandleError::Full`], [`UnknownSource`](HandleError::UnknownSource) or
    /// [`TooLarge`](HandleError::TooLarge). If a refused notification is not handed in again, call
    /// [`discards_lost`](Self::discards_lost).
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
                self.reserve_for_another(start);
                self.stats.discarded_packets = self.stats.discarded_packets.wrapping_add(1);
            }
            // A refused notification must not use up the limit: it is handed in again.
            Err(DoesNotFit) => source.discards = before,
        }
        self.end(now, fit)
    }

    /// Counts notifications of discarded packets that were lost before the agent got them, such as
    /// in a full queue; returns false if the data source is not there.
    ///
    /// They appear in `drops` of the next notification and in
    /// [`AgentStats::discards_lost`](crate::AgentStats::discards_lost).
    pub fn discards_lost(&mut self, source: DataSource, lost: u32) -> bool {
        let Some(source) = self.sources.find(source) else { return false };
        source.discards.drops = source.discards.drops.wrapping_add(lost);
        self.stats.discards_lost = self.stats.discards_lost.wrapping_add(lost.into());
        true
    }

    /// Encodes the counters of a data source into the datagram.
    ///
    /// # Errors
    /// [`HandleError::Full`], [`UnknownSource`](HandleError::UnknownSource) or
    /// [`TooLarge`](HandleError::TooLarge). In the last case hand in the records by halves, as
    /// [`poll`](Self::poll) does.
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
        // No `reserve_for_another`: see `Agent::reserve`.
        if fit.is_ok() {
            state.counter_sequence = sequence;
            self.stats.counter_samples = self.stats.counter_samples.wrapping_add(1);
        }
        self.end(now, fit)
    }

    /// Encodes metrics that a user defines into the datagram.
    ///
    /// # Errors
    /// [`HandleError::Full`], [`TooLarge`](HandleError::TooLarge) or
    /// [`InvalidName`](HandleError::InvalidName).
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

    /// Encodes a flow with fields that a user defines into the datagram.
    ///
    /// # Errors
    /// [`HandleError::Full`], [`TooLarge`](HandleError::TooLarge) or
    /// [`InvalidName`](HandleError::InvalidName).
    pub fn handle_rt_flow(&mut self, now: Instant, flow: &RtFlow<'_>) -> Result<(), HandleError> {
        if !flow.is_valid() {
            return self.invalid_name();
        }
        self.begin()?;
        let fit = self.datagram.rt_flow(flow);
        self.stats.rt_samples = self.stats.rt_samples.wrapping_add(u64::from(fit.is_ok()));
        self.end(now, fit)
    }

    /// Returns the offset of the next sample in the datagram, after restarting one that was lent.
    #[inline]
    fn begin(&mut self) -> Result<usize, HandleError> {
        match self.state {
            State::Filling => {}
            // Even if it had room: after `reconfigure` it has the head of the old configuration.
            State::Ready => return Err(HandleError::Full),
            State::Lent => {
                self.datagram.restart(self.config.head);
                // Not in `reconfigure`: a datagram that waits has a number of the old sequence.
                if core::mem::take(&mut self.renumber) {
                    self.sequence = 0;
                }
                self.state = State::Filling;
            }
        }
        Ok(self.datagram.len())
    }

    /// Reserves room for another sample as large as the one that began at `start`.
    #[inline]
    fn reserve_for_another(&mut self, start: usize) {
        self.reserve = self.reserve.max(self.datagram.len().saturating_sub(start));
    }

    /// Updates the state of the datagram after an attempt to append a sample.
    #[inline]
    fn end(&mut self, now: Instant, fit: Result<(), DoesNotFit>) -> Result<(), HandleError> {
        if fit.is_err() {
            return self.refuse();
        }
        // The oldest sample determines the deadline: rule A11 is about each sample.
        if self.datagram.is_first() {
            self.deadline = now.saturating_add(self.config.max_delay.min(MAX_DELAY));
        }
        if self.datagram.remaining() < self.reserve {
            self.state = State::Ready;
        }
        Ok(())
    }

    /// Returns the error for a sample that does not fit.
    #[cold]
    fn refuse(&mut self) -> Result<(), HandleError> {
        // It does not fit an empty datagram, so another attempt would fail too.
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
}
