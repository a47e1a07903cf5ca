//! Rows that are about no data source: what flow definitions and TCP connections add up in a second.

use core::time::Duration;
use std::sync::Arc;

use flowmote_decoder::visit::Value;
use flowmote_decoder::{Address, DataSource, RtFlow};

use super::{Kind, Points};
use crate::flowcache::Estimate;
use crate::instant::Instant;
use crate::source::Source;

/// What the samples of a flow definition stand for in a short time: sums over packets, without decay. They can
/// be added up over times and analyzers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlowTotal {
    /// Sum of w, the value of a sample times its sampling rate.
    pub total: f64,
    /// Sum of w².
    pub squares: f64,
    /// The variance of `total`: the sum of w²·(1 - 1/N) with the sampling rate N.
    pub variance: f64,
    /// What no sample may hide with a probability of 95 %: three samples. NaN before the first one.
    pub unseen: f64,
}

/// What the hosts report of their TCP connections in a short time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Connections {
    /// Bytes sent and acknowledged, and bytes received.
    pub bytes: f64,
    /// Segments sent again.
    pub retransmissions: f64,
    /// Retransmission timers that expired; `None` if no kernel counts them.
    pub timeouts: Option<f64>,
    /// The round-trip times, microseconds.
    pub rtt: Option<Times>,
}

/// Several times.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "statistics of the times")]
pub struct Times {
    pub sum: f64,
    pub min: f64,
    pub max: f64,
    pub count: f64,
}

impl FlowTotal {
    /// The total with its 95 % interval. Without a sample it is from 0 to what they may hide.
    pub fn estimate(&self) -> Estimate {
        match self.total > 0.0 {
            true => Estimate::of_sums(self.total, self.squares, self.variance),
            false => Estimate { high: self.unseen, ..Estimate::default() },
        }
    }

    /// Adds a share of another total.
    pub fn add(&mut self, other: &Self, share: f64) {
        self.total += other.total * share;
        self.squares += other.squares * share;
        self.variance += other.variance * share;
        // The larger one; NaN is less than any number here.
        self.unseen = self.unseen.max(other.unseen);
    }

    fn numbers(&self) -> [f64; 4] {
        [self.total, self.squares, self.variance, self.unseen]
    }

    fn of(numbers: &[f64]) -> Option<Self> {
        let [total, squares, variance, unseen] = *numbers.first_chunk()?;
        Some(Self { total, squares, variance, unseen })
    }
}

impl Connections {
    /// True for the report of a connection.
    pub(crate) fn has(flow: &RtFlow<'_>) -> bool {
        flow.datasource.0 == DATASOURCE
    }

    /// Adds the report of a connection.
    pub(crate) fn add(&mut self, flow: &RtFlow<'_>) {
        for value in flow.values().flatten() {
            let Some(number) = number(&value.value) else { continue };
            match value.name.0 {
                b"bytes_sent" | b"bytes_received" => self.bytes += number,
                b"retransmissions" => self.retransmissions += number,
                b"timeouts" => *self.timeouts.get_or_insert(0.0) += number,
                b"rtt" => {
                    let own = Times { sum: number, min: number, max: number, count: 1.0 };
                    self.rtt = Some(self.rtt.map_or(own, |times| times.plus(own)));
                }
                _ => {}
            }
        }
    }

    fn numbers(&self) -> [f64; 7] {
        let unknown = Times { sum: f64::NAN, min: f64::NAN, max: f64::NAN, count: 0.0 };
        let Times { sum, min, max, count } = self.rtt.unwrap_or(unknown);
        let timeouts = self.timeouts.unwrap_or(f64::NAN);
        [self.bytes, self.retransmissions, timeouts, sum, min, max, count]
    }

    fn of(numbers: &[f64]) -> Option<Self> {
        let [bytes, retransmissions, timeouts, sum, min, max, count] = *numbers.first_chunk()?;
        let timeouts = (!timeouts.is_nan()).then_some(timeouts);
        let rtt = (count > 0.0).then_some(Times { sum, min, max, count });
        Some(Self { bytes, retransmissions, timeouts, rtt })
    }
}

impl Times {
    fn plus(self, other: Self) -> Self {
        Self {
            sum: self.sum + other.sum,
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            count: self.count + other.count,
        }
    }
}

impl Points {
    /// Adds what a flow definition with this name and value added up in the time `over` before `now`.
    pub(crate) fn add_flow(
        &mut self,
        (name, value): (&Arc<str>, &str),
        now: Instant,
        over: Duration,
        total: &FlowTotal,
    ) {
        let kind = Kind::Flow(name.clone(), value.into());
        self.add(of_flow(name), &kind, now, over, total.numbers().into_iter());
    }

    /// Adds what connections reported in the time `over` before `now`.
    pub(crate) fn add_connections(&mut self, now: Instant, over: Duration, all: &Connections) {
        self.add(own(0), &Kind::Connections, now, over, all.numbers().into_iter());
    }

    /// The flow definitions that have rows, by name and value.
    pub fn flows(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        let all = self.sources.range(own(0)..=own(u32::MAX));
        all.flat_map(|(_, series)| series).filter_map(|series| match &series.kind {
            Kind::Flow(name, value) => Some((name, value)),
            _ => None,
        })
    }

    /// True if a connection was reported.
    pub fn has_connections(&self) -> bool {
        self.sources.contains_key(&own(0))
    }

    /// The totals of a flow definition that are about a part of the time from `from` to `to`, without it:
    /// the end, the time that each is about, the total.
    pub fn flow_totals(
        &self,
        (name, value): (&str, &str),
        from: Instant,
        to: Instant,
    ) -> impl Iterator<Item = (Instant, Duration, FlowTotal)> {
        let is =
            |kind: &Kind| matches!(kind, Kind::Flow(own, of) if **own == *name && **of == *value);
        let all = self.sources.get(&of_flow(name)).into_iter().flatten();
        let series = all.into_iter().find(|series| is(&series.kind));
        let rows = series.into_iter().flat_map(move |series| series.rows.between(from, to));
        rows.filter_map(|(end, over, numbers)| Some((end, over, FlowTotal::of(numbers)?)))
    }

    /// The reports of connections in the same form.
    pub fn connections(
        &self,
        from: Instant,
        to: Instant,
    ) -> impl Iterator<Item = (Instant, Duration, Connections)> {
        let all = self.sources.get(&own(0)).into_iter().flatten();
        let all = all.filter(|series| series.kind == Kind::Connections);
        let rows = all.flat_map(move |series| series.rows.between(from, to));
        rows.filter_map(|(end, over, numbers)| Some((end, over, Connections::of(numbers)?)))
    }
}

/// True for the place of rows that are about no data source.
pub(super) fn is_own(source: &Source) -> bool {
    source.data_source.class == OWN
}

fn own(index: u32) -> Source {
    Source { agent: Address::Unknown, data_source: DataSource { class: OWN, index } }
}

/// The place of a definition. Two of the same place are told apart by their kinds.
fn of_flow(name: &str) -> Source {
    // FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
    let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    own(name.bytes().fold(0x811c_9dc5, hash).max(1))
}

/// A number of a report; none of them counts down.
fn number(value: &Value<'_>) -> Option<f64> {
    let number = match *value {
        Value::I32(number) => number.into(),
        Value::I64(number) => number as f64,
        Value::F32(number) => number.into(),
        Value::F64(number) => number,
        _ => return None,
    };
    (number.is_finite() && number >= 0.0).then_some(number)
}

/// The name of the data source of connections, as agents send it.
const DATASOURCE: &[u8] = b"tcp";
/// A class that no agent sends. If one did, its rows would have other kinds.
const OWN: u32 = u32::MAX;
