//! What happened at a port in one direction, over one or several intervals between counter samples.

use crate::flowcache::{Sums, Weight};

/// Sums over intervals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Period {
    /// Duration by the clock of the agent, seconds.
    pub(super) seconds: f32,
    pub(super) intervals: u32,
    pub(super) samples: Samples,
    /// Packets and bytes by the counters; `None` if the agent does not count them.
    pub(super) packets: Option<f64>,
    pub(super) octets: Option<f64>,
    /// The busiest interval: packets and bytes per second.
    pub(super) peak: [f32; 2],
    /// Samples of the port, by the numbers of those that arrived, and those that the agent dropped.
    pub(super) chosen: f64,
    /// Those that arrived.
    pub(super) received: f64,
    /// Packets that could have been sampled, by the pool; 0 if the agent does not count them.
    pub(super) pool: f64,
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Samples {
    pub(super) number: f64,
    pub(super) packets: Sums,
    pub(super) octets: Sums,
    /// Bytes that may be missing in counters of bytes: those that were stripped from the sampled
    /// headers, such as the checksum of Ethernet frames.
    pub(super) stripped: f64,
}

/// What is compared: packets, or bytes if packets are not counted, or not those of the wire.
#[derive(Clone, Copy, Debug)]
struct Measure {
    estimate: f64,
    /// The lower limit of the estimate, if counters leave out what is stripped, and all headers of a
    /// super-packet but the first.
    least: f64,
    counted: f64,
    peak: f64,
    /// What a typical sample stands for.
    weight: f64,
}

/// The counters of a period against its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The period is too short.
    Open,
    Agrees,
    /// The samples estimate less than was counted.
    Less,
    /// They estimate more.
    More,
}

impl Samples {
    /// Adds a sample.
    pub(super) fn add(&mut self, rate: u32, length: u64, stripped: u32) {
        let weight = Weight::one_in(rate.into());
        self.number += 1.0;
        self.packets.add(1.0, weight);
        self.octets.add(length as f64, weight);
        self.stripped += f64::from(stripped) * weight.packets;
    }

    fn plus(self, other: Self) -> Self {
        Self {
            number: self.number + other.number,
            packets: self.packets.plus(other.packets),
            octets: self.octets.plus(other.octets),
            stripped: self.stripped + other.stripped,
        }
    }

    fn halved(self) -> Self {
        let half = |sums: Sums| Sums {
            total: sums.total / 2.0,
            squares: sums.squares / 2.0,
            variance: sums.variance / 2.0,
        };
        Self {
            number: self.number / 2.0,
            packets: half(self.packets),
            octets: half(self.octets),
            stripped: self.stripped / 2.0,
        }
    }
}

impl Period {
    /// One interval.
    pub(super) fn interval(
        seconds: f64,
        samples: Samples,
        packets: Option<f64>,
        octets: Option<f64>,
    ) -> Self {
        let rate = |counted: Option<f64>| (counted.unwrap_or(0.0) / seconds) as f32;
        let (peak, seconds) = ([rate(packets), rate(octets)], seconds as f32);
        Self { seconds, intervals: 1, samples, packets, octets, peak, ..Self::default() }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        if self.intervals == 0 {
            return other;
        }
        if other.intervals == 0 {
            return self;
        }
        let sum = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a + b);
        let ([packets, octets], [other_packets, other_octets]) = (self.peak, other.peak);
        Self {
            seconds: self.seconds + other.seconds,
            intervals: self.intervals + other.intervals,
            samples: self.samples.plus(other.samples),
            packets: sum(self.packets, other.packets),
            octets: sum(self.octets, other.octets),
            peak: [packets.max(other_packets), octets.max(other_octets)],
            chosen: self.chosen + other.chosen,
            received: self.received + other.received,
            pool: self.pool + other.pool,
        }
    }

    /// The period with half the weight, so that a sum of many is that of the last ones.
    pub(super) fn halved(self) -> Self {
        Self {
            seconds: self.seconds / 2.0,
            intervals: self.intervals.div_ceil(2),
            samples: self.samples.halved(),
            packets: self.packets.map(|packets| packets / 2.0),
            octets: self.octets.map(|octets| octets / 2.0),
            chosen: self.chosen / 2.0,
            received: self.received / 2.0,
            pool: self.pool / 2.0,
            ..self
        }
    }

    /// Samples that the counters lead to expect at 1 in `rate`.
    pub(super) fn expected(&self, rate: f64) -> f64 {
        self.packets.or(self.octets.map(|octets| octets / TYPICAL_FRAME)).unwrap_or(0.0) / rate
    }

    /// Packets for each sample, as the samples state it; `rate` without samples.
    pub(super) fn stated(&self, rate: f64) -> f64 {
        let Samples { number, packets, .. } = self.samples;
        if number > 0.0 { packets.total / number } else { rate }
    }

    /// True if samples arrived although the counters stood still.
    pub(super) fn is_stuck(&self) -> bool {
        let still = |counted: Option<f64>| counted.is_none_or(|counted| counted == 0.0);
        let known = self.packets.or(self.octets).is_some();
        known && still(self.packets) && still(self.octets) && self.samples.number > 0.0
    }

    /// Estimate by counted; `None` if nothing was counted.
    pub(super) fn ratio(&self, rate: f64) -> Option<f64> {
        let measure = self.measure(rate)?;
        (measure.counted > 0.0).then(|| measure.estimate / measure.counted)
    }

    /// The largest difference of the ratio from 1 that is no contradiction, for samples of 1 in `rate`
    /// where there are none.
    ///
    /// It is the sum of three: 3.3 standard errors, which chance exceeds once in 1000 times; the traffic
    /// of three seconds, because a sample waits up to one second in the agent, as counters do, and
    /// hardware counts in steps; and 5 % for packets that are counted but not sampled, or the reverse.
    pub(super) fn tolerance(&self, rate: f64) -> f64 {
        let Some(measure) = self.measure(rate).filter(|it| it.counted > 0.0) else {
            return f64::INFINITY;
        };
        let chance = 3.3 * (measure.weight / measure.counted).sqrt();
        chance + EDGE_SECONDS * measure.peak / measure.counted + 0.05
    }

    /// Compares samples and counters.
    pub(super) fn verdict(&self, rate: f64) -> Verdict {
        if self.intervals < MIN_INTERVALS {
            return Verdict::Open;
        }
        if self.is_stuck() {
            let enough = self.samples.number >= MIN_SAMPLES;
            return if enough { Verdict::More } else { Verdict::Open };
        }
        if self.samples.number == 0.0 && self.expected(rate) >= MIN_SAMPLES {
            return Verdict::Less;
        }
        let tolerance = self.tolerance(rate);
        let Some(Measure { estimate, least, counted, .. }) = self.measure(rate) else {
            return Verdict::Open;
        };
        match () {
            () if tolerance > MAX_TOLERANCE => Verdict::Open,
            () if estimate < counted * (1.0 - tolerance) => Verdict::Less,
            () if least > counted * (1.0 + tolerance) => Verdict::More,
            // Near the border: a longer period decides.
            () if tolerance > SURE_TOLERANCE
                && (estimate < counted * (1.0 - tolerance / 2.0)
                    || least > counted * (1.0 + tolerance / 2.0)) =>
            {
                Verdict::Open
            }
            () => Verdict::Agrees,
        }
    }

    fn measure(&self, rate: f64) -> Option<Measure> {
        let Samples { packets, octets, stripped, .. } = self.samples;
        let [packets_peak, octets_peak] = self.peak;
        let weight = |sums: Sums, one: f64| if sums.total > 0.0 { sums.typical() } else { one };
        let of_packets = |counted| Measure {
            estimate: packets.total,
            least: packets.total,
            counted,
            peak: packets_peak.into(),
            weight: weight(packets, rate),
        };
        let super_packets = self.super_packets();
        let headers = super_packets.map_or(0.0, |counted| packets.total - counted) * HEADERS;
        let of_octets = |counted| Measure {
            estimate: octets.total,
            least: octets.total - stripped - headers,
            counted,
            peak: octets_peak.into(),
            weight: weight(octets, rate * TYPICAL_FRAME),
        };
        let of_packets = self.packets.filter(|_| super_packets.is_none()).map(of_packets);
        of_packets.or(self.octets.map(of_octets))
    }

    /// The packets counted, if many of them are super-packets (GRO, TSO), as software interfaces of Linux
    /// count them: they are longer than those on the wire, and fewer.
    fn super_packets(&self) -> Option<f64> {
        let (packets, octets) = self.packets.zip(self.octets)?;
        let Samples { packets: estimate, octets: estimated_octets, .. } = self.samples;
        let fewer = packets > 0.0 && estimate.total > SUPER_PACKET * packets;
        let longer = octets * estimate.total > SUPER_PACKET * packets * estimated_octets.total;
        (fewer && longer).then_some(packets)
    }
}

/// Packets on the wire for each packet counted, on average: from this number on, the counters have
/// super-packets.
const SUPER_PACKET: f64 = 1.5;
/// Bytes of the headers of a segment, at most: Ethernet with a tag, IPv6, TCP with options.
const HEADERS: f64 = 90.0;
/// Time by which samples and counters may be apart.
const EDGE_SECONDS: f64 = 3.0;
/// A period with a larger tolerance shows nothing.
const MAX_TOLERANCE: f64 = 0.35;
/// A period with a smaller one is long enough for any verdict.
const SURE_TOLERANCE: f64 = 0.12;
/// Intervals of the shortest period.
const MIN_INTERVALS: u32 = 3;
/// Samples that are enough if there should be none; or none, if there should be as many.
const MIN_SAMPLES: f64 = 20.0;
/// Bytes of a frame, where only bytes are counted.
const TYPICAL_FRAME: f64 = 1000.0;
