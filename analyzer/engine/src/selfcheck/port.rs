//! A port: its last counters, the chain of its samples, and its two directions.

use core::time::Duration;

use flowmote_decoder::FlowSample;
use flowmote_decoder::counter::IfCounters;

use super::Direction;
use super::diagnosis::Diagnosis;
use super::period::Period;
use super::side::{Checked, Side};
use crate::interfaces::{SampleTime, delta32, delta64, faster_than_link};

/// A port that sent counters.
#[derive(Debug, Default)]
pub(super) struct Port {
    counters: Option<(SampleTime, IfCounters)>,
    chain: Chain,
    /// The sampling rate of the last sample; 0 without one.
    rate: u32,
    received: Side,
    sent: Side,
}

/// The numbers of the samples of a port.
#[derive(Clone, Copy, Debug, Default)]
struct Chain {
    /// Sequence number, drops and pool of the last sample.
    last: Option<[u32; 3]>,
    /// Since the last counter sample: samples made or dropped, samples that arrived, packets of the
    /// pool.
    chosen: f64,
    received: f64,
    pool: f64,
}

impl Port {
    /// Notes a sample. Returns true if it states another rate than the one before.
    pub(super) fn sample(
        &mut self,
        direction: Direction,
        sample: &FlowSample<'_>,
        length: u64,
        stripped: u32,
    ) -> bool {
        let rate = sample.sampling_rate;
        let side = match direction {
            Direction::In => &mut self.received,
            Direction::Out => &mut self.sent,
        };
        side.samples.add(rate, length, stripped);
        self.chain.note(sample);
        core::mem::replace(&mut self.rate, rate) != rate
    }

    /// Takes new counters, which end an interval. `usual` is the sampling rate of the agent.
    pub(super) fn counters(&mut self, time: SampleTime, counters: &IfCounters, usual: u32) {
        let interval = self.counters.as_ref().map(|(before, old)| {
            if time.sequence_number == before.sequence_number {
                return Interval::Repeated;
            }
            match time.since(before) {
                Some(elapsed) if !faster_than_link(old, counters, elapsed) => {
                    Interval::of(old, counters, elapsed)
                }
                _ => Interval::Reset,
            }
        });
        match interval {
            Some(Interval::Repeated) => return,
            Some(Interval::Counted(seconds, received, sent)) => {
                let rate = f64::from(if self.rate == 0 { usual } else { self.rate });
                let chain = self.chain.take();
                let others = [self.sent.has_samples(), self.received.has_samples()];
                let sides = [&mut self.received, &mut self.sent];
                for ((side, [packets, octets]), other) in
                    sides.into_iter().zip([received, sent]).zip(others)
                {
                    let samples = core::mem::take(&mut side.samples);
                    let period = Period::interval(seconds, samples, packets, octets);
                    side.add(
                        Period {
                            chosen: chain.chosen,
                            received: chain.received,
                            pool: chain.pool,
                            ..period
                        },
                        rate,
                        other,
                    );
                }
            }
            Some(Interval::Reset) | None => {
                self.chain.take();
                self.received.interrupt();
                self.sent.interrupt();
            }
        }
        self.counters = Some((time, *counters));
    }

    /// The diagnoses for packets received and sent.
    pub(super) fn diagnoses(&self) -> [Diagnosis; 2] {
        [self.received.diagnosis(), self.sent.diagnosis()]
    }

    /// The results for packets received and sent.
    pub(super) fn checked(&self) -> [Checked; 2] {
        [self.received.checked(), self.sent.checked()]
    }
}

/// What two counter samples in a row show.
enum Interval {
    /// Seconds; packets and bytes received; packets and bytes sent.
    Counted(f64, [Option<f64>; 2], [Option<f64>; 2]),
    /// The same sample twice.
    Repeated,
    /// The counters cannot be compared.
    Reset,
}

impl Interval {
    fn of(old: &IfCounters, new: &IfCounters, elapsed: Duration) -> Self {
        let packets = |pairs: [(u32, u32); 3]| {
            let known = pairs.into_iter().filter_map(|(old, new)| delta32(old, new));
            known.reduce(u64::saturating_add).map(|packets| packets as f64)
        };
        let octets = |old: u64, new: u64| delta64(old, new).map(|octets| octets as f64);
        let backwards = |old: u64, new: u64| old != u64::MAX && new != u64::MAX && new < old;
        if backwards(old.if_in_octets, new.if_in_octets)
            || backwards(old.if_out_octets, new.if_out_octets)
        {
            return Self::Reset;
        }
        let received = packets([
            (old.if_in_ucast_pkts, new.if_in_ucast_pkts),
            (old.if_in_multicast_pkts, new.if_in_multicast_pkts),
            (old.if_in_broadcast_pkts, new.if_in_broadcast_pkts),
        ]);
        let sent = packets([
            (old.if_out_ucast_pkts, new.if_out_ucast_pkts),
            (old.if_out_multicast_pkts, new.if_out_multicast_pkts),
            (old.if_out_broadcast_pkts, new.if_out_broadcast_pkts),
        ]);
        Self::Counted(
            elapsed.as_secs_f64(),
            [received, octets(old.if_in_octets, new.if_in_octets)],
            [sent, octets(old.if_out_octets, new.if_out_octets)],
        )
    }
}

impl Chain {
    fn note(&mut self, sample: &FlowSample<'_>) {
        let now = [sample.sequence_number, sample.drops, sample.sample_pool];
        let step = |[a, b, c]: [u32; 3], [d, e, f]: [u32; 3]| {
            [a, b, c].into_iter().zip([d, e, f]).map(|(now, last)| now.wrapping_sub(last))
        };
        let Some(last) = self.last else {
            self.last = Some(now);
            return;
        };
        let mut steps = step(now, last);
        let (Some(samples), Some(drops), Some(pool)) = (steps.next(), steps.next(), steps.next())
        else {
            return;
        };
        match samples.cast_signed() {
            // A sample that is late was missing in the steps before.
            MAX_LATE..0 => self.received += 1.0,
            1..=MAX_STEP => {
                self.last = Some(now);
                self.received += 1.0;
                let counted =
                    |step: u32| if step.cast_signed() < 0 { 0.0 } else { f64::from(step) };
                self.chosen += f64::from(samples) + counted(drops);
                self.pool += counted(pool);
            }
            0 => {}
            _ => self.last = Some(now),
        }
    }

    /// Takes the sums.
    fn take(&mut self) -> Self {
        core::mem::replace(self, Self { last: self.last, ..Self::default() })
    }
}

/// Samples between two samples that are compared; more is a new sequence.
const MAX_STEP: i32 = 100_000;
/// Step of the sequence number to a sample that is as late as possible.
const MAX_LATE: i32 = -64;
