//! What goes into the agent: samples.

use super::{Agent, HandleError, MAX_DELAY, State};
use crate::data_source::DataSource;
use crate::datagram::DoesNotFit;
use crate::sample::{CounterSample, DiscardedPacket, FlowSample, RtFlow, RtMetric};
use crate::time::Instant;

impl Agent<'_> {
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
            self.reserve_for_another(start);
            self.stats.flow_samples = self.stats.flow_samples.wrapping_add(1);
        }
        self.end(now, fit)
    }

    /// Takes a packet that the device discarded, as far as the limit allows: what is beyond it is
    /// counted in `drops` and in [`AgentStats`], and is no error.
    ///
    /// # Errors
    /// [`HandleError::Full`], `UnknownSource` or `TooLarge`. A notice that is not handed in again
    /// is told to [`discards_lost`](Self::discards_lost).
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
            Err(DoesNotFit) => source.discards = before,
        }
        self.end(now, fit)
    }

    /// Notes that the notices of so many discarded packets were lost on the way here, for lack of
    /// resources: in `drops` of the next notice and in [`AgentStats`](crate::AgentStats). Returns
    /// whether the data source is there.
    pub fn discards_lost(&mut self, source: DataSource, lost: u32) -> bool {
        let Some(source) = self.sources.find(source) else { return false };
        source.discards.drops = source.discards.drops.wrapping_add(lost);
        self.stats.discards_lost = self.stats.discards_lost.wrapping_add(lost.into());
        true
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
    fn reserve_for_another(&mut self, start: usize) {
        self.reserve = self.reserve.max(self.datagram.len().saturating_sub(start));
    }

    /// Books the outcome of a sample.
    #[inline]
    fn end(&mut self, now: Instant, fit: Result<(), DoesNotFit>) -> Result<(), HandleError> {
        if fit.is_err() {
            return self.refuse();
        }
        if self.datagram.is_first() {
            self.deadline = now.saturating_add(self.config.max_delay.min(MAX_DELAY));
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
}
