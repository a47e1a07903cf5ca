//! The metrics of one data source.

use flowmote_decoder::DataFormat;
use flowmote_decoder::visit::Value;

use super::MetricValue;
use super::derived::{Rates, derive, is_replaced, is_value};
use super::fields::{Content, Fields, Leaf};
use super::names::{Metric, Names};
use super::published;
use super::shown;
use super::words::word;
use crate::instant::Instant;
use crate::interfaces::SampleTime;

/// The last records of a data source, and the metrics made of them.
#[derive(Debug, Default)]
pub(super) struct Entity {
    records: Vec<Record>,
    /// Metrics of `rtmetric` samples.
    custom: Vec<(Metric, MetricValue, Instant)>,
    /// The time of the last record.
    pub(super) updated: Instant,
}

/// The last record of a format.
#[derive(Debug)]
struct Record {
    format: DataFormat,
    time: SampleTime,
    /// One for each field, in their order.
    cells: Vec<Cell>,
    derived: Vec<(Metric, MetricValue)>,
}

/// A field.
#[derive(Debug)]
struct Cell {
    /// `None` if the field is no metric.
    metric: Option<Metric>,
    /// The count in the last record, for the next difference.
    count: Option<u64>,
    value: Option<MetricValue>,
}

/// The place of a record in time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// It has been seen, or a later one has.
    Old,
    /// It follows the last one after this number of seconds.
    After(f64),
    /// It cannot be compared with the last one.
    Reset,
}

impl Entity {
    /// Replaces the metrics of a record.
    pub(super) fn record(
        &mut self,
        name: &str,
        format: DataFormat,
        class: u32,
        time: SampleTime,
        fields: &Fields,
        names: &mut Names,
    ) {
        let at = match self.records.iter().position(|record| record.format == format) {
            Some(at) => at,
            None if self.records.len() >= MAX_RECORDS => return,
            None => {
                self.records.push(Record::new(format, time));
                self.records.len() - 1
            }
        };
        if let Some(record) = self.records.get_mut(at) {
            record.update(name, class, time, fields, names);
            self.updated = self.updated.max(time.arrival);
        }
    }

    /// Replaces a metric of an `rtmetric` sample.
    pub(super) fn custom(
        &mut self,
        name: &str,
        value: &Value<'_>,
        now: Instant,
        names: &mut Names,
    ) {
        let value = match value {
            Value::U32(value) => MetricValue::Number((*value).into()),
            Value::U64(value) => MetricValue::Number(*value as f64),
            Value::F32(value) if value.is_finite() => MetricValue::Number((*value).into()),
            Value::F64(value) if value.is_finite() => MetricValue::Number(*value),
            Value::Text(value) => MetricValue::Text(shown(*value)),
            _ => return,
        };
        let Some(metric) = names.touch(name, now) else { return };
        self.updated = self.updated.max(now);
        let old = self.custom.iter_mut().find(|(other, ..)| *other == metric);
        if let Some(entry) = old {
            *entry = (metric, value, now);
        } else if self.custom.len() < MAX_CUSTOM {
            self.custom.push((metric, value, now));
        }
    }

    /// A metric, its value and the time of the value.
    pub(super) fn get(&self, wanted: Metric) -> Option<(Metric, MetricValue, Instant)> {
        self.iter()
            .find(|(metric, ..)| *metric == wanted)
            .map(|(metric, value, time)| (metric, value.clone(), time))
    }

    /// True if a metric is this text.
    pub(super) fn is_text(&self, wanted: Metric, text: &str) -> bool {
        let mut found = self.iter().filter(|(metric, ..)| *metric == wanted);
        found.any(|(_, value, _)| matches!(value, MetricValue::Text(it) if **it == *text))
    }

    /// All metrics, in the order of their records.
    pub(super) fn values(&self) -> impl Iterator<Item = (Metric, MetricValue, Instant)> {
        self.iter().map(|(metric, value, time)| (metric, value.clone(), time))
    }

    fn iter(&self) -> impl Iterator<Item = (Metric, &MetricValue, Instant)> {
        let records = self.records.iter().flat_map(|record| {
            let cells =
                record.cells.iter().filter_map(|cell| Some((cell.metric?, cell.value.as_ref()?)));
            let derived = record.derived.iter().map(|(metric, value)| (*metric, value));
            cells.chain(derived).map(|(metric, value)| (metric, value, record.time.arrival))
        });
        let custom = self.custom.iter().map(|(metric, value, time)| (*metric, value, *time));
        records.chain(custom)
    }

    /// Memory in use, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let records = self.records.iter().map(|record| {
            size_of::<Record>()
                + record.cells.capacity() * size_of::<Cell>()
                + record.derived.capacity() * size_of::<(Metric, MetricValue)>()
                + record
                    .cells
                    .iter()
                    .filter_map(|cell| cell.value.as_ref())
                    .map(heap)
                    .sum::<usize>()
        });
        let custom = self
            .custom
            .iter()
            .map(|(_, value, _)| size_of::<(Metric, MetricValue, Instant)>() + heap(value));
        ENTRY + records.sum::<usize>() + custom.sum::<usize>()
    }
}

impl Record {
    fn new(format: DataFormat, time: SampleTime) -> Self {
        // A step to itself is old: start with a number that no sample follows.
        let time =
            SampleTime { sequence_number: time.sequence_number.wrapping_add(1 << 31), ..time };
        Self { format, time, cells: Vec::new(), derived: Vec::new() }
    }

    fn update(
        &mut self,
        name: &str,
        class: u32,
        time: SampleTime,
        fields: &Fields,
        names: &mut Names,
    ) {
        let elapsed = match step(&self.time, &time) {
            Step::Old => return,
            Step::After(seconds) => Some(seconds),
            Step::Reset => None,
        };
        self.time = time;
        let rates = self.rates(fields, elapsed);
        self.cells.truncate(rates.len());
        self.cells.reserve_exact(rates.len() - self.cells.len());
        for (at, (field, rate)) in fields.iter().zip(&rates).enumerate() {
            let metric = self.metric(at, name, class, field, time.arrival, names);
            let cell = Cell { metric, count: count(field), value: value(name, field, *rate) };
            match self.cells.get_mut(at) {
                Some(old) => *old = cell,
                None => self.cells.push(cell),
            }
        }
        self.derived.clear();
        derive(name, &Rates { fields, rates: &rates }, |name, value| {
            self.derived.extend(names.touch(name, time.arrival).map(|metric| (metric, value)));
        });
    }

    /// The number of the name of a field: the one it had in the last record, unless it is part of a list.
    fn metric(
        &self,
        at: usize,
        record: &str,
        class: u32,
        field: &Leaf,
        now: Instant,
        names: &mut Names,
    ) -> Option<Metric> {
        match self.cells.get(at).map(|cell| cell.metric) {
            Some(metric) if field.path.is_empty() => {
                metric.inspect(|metric| names.seen(*metric, now))
            }
            _ => {
                let name = published::name(record, &field.path, field.name, class)?;
                names.touch(&name, now)
            }
        }
    }

    /// The rates per second of the counters. If one of them went back, the counters were reset, and none
    /// has a rate.
    fn rates(&self, fields: &Fields, elapsed: Option<f64>) -> Vec<Option<f64>> {
        let differences: Vec<_> =
            fields.iter().enumerate().map(|(at, field)| self.difference(at, field)).collect();
        let reset = differences.contains(&Difference::Back);
        let seconds = elapsed.filter(|_| !reset);
        let rate = |difference: &Difference| match difference {
            Difference::Forward(count) => seconds.map(|seconds| *count as f64 / seconds),
            Difference::Unknown | Difference::Back => None,
        };
        differences.iter().map(rate).collect()
    }

    fn difference(&self, at: usize, field: &Leaf) -> Difference {
        let (Content::Counter(Some(new), bits), Some(old)) =
            (&field.content, self.cells.get(at).and_then(|cell| cell.count))
        else {
            return Difference::Unknown;
        };
        match bits {
            // A counter of 32 bits that went back by less than half its range has wrapped.
            32 => match (*new as u32).wrapping_sub(old as u32) {
                step if step > u32::MAX / 2 => Difference::Back,
                step => Difference::Forward(step.into()),
            },
            _ => new.checked_sub(old).map_or(Difference::Back, Difference::Forward),
        }
    }
}

/// The step of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difference {
    /// One of the two counts is unknown, or the field is no counter.
    Unknown,
    Forward(u64),
    /// No device counts back: the counter was reset.
    Back,
}

/// The value of a field.
fn value(record: &str, field: &Leaf, rate: Option<f64>) -> Option<MetricValue> {
    match &field.content {
        Content::Counter(count, _) if is_value(field.name) => {
            count.map(|count| MetricValue::Number(count as f64))
        }
        Content::Counter(..) if is_replaced(record, field.name) => None,
        Content::Counter(..) => rate.map(MetricValue::Number),
        Content::Value(value) => {
            let text = value.as_ref()?.number().and_then(|number| word(record, field.name, number));
            text.map(|text| MetricValue::Text(text.into())).or_else(|| value.clone())
        }
    }
}

fn count(field: &Leaf) -> Option<u64> {
    match field.content {
        Content::Counter(count, _) => count,
        Content::Value(_) => None,
    }
}

/// The place of `new` after `last`.
fn step(last: &SampleTime, new: &SampleTime) -> Step {
    let back = last.sequence_number.wrapping_sub(new.sequence_number);
    let uptime = last.uptime.wrapping_sub(new.uptime);
    // Late or repeated: a few numbers back, and sent a short time before the last one.
    if back <= MAX_LATE && uptime <= MAX_LATE_MS {
        return Step::Old;
    }
    new.since(last).map_or(Step::Reset, |elapsed| Step::After(elapsed.as_secs_f64()))
}

fn heap(value: &MetricValue) -> usize {
    match value {
        MetricValue::Number(_) => 0,
        MetricValue::Text(text) => text.len(),
    }
}

/// Formats of records of a data source.
const MAX_RECORDS: usize = 64;
/// Metrics of `rtmetric` samples of a data source.
const MAX_CUSTOM: usize = 1024;
/// Numbers by which a sample is late.
const MAX_LATE: u32 = 64;
/// Milliseconds by which a sample is late.
const MAX_LATE_MS: u32 = 60_000;
/// Bytes of an entry of the map, with its share of a node.
const ENTRY: usize = 120;
