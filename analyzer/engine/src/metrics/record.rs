//! The last record of a format from a data source, and the metrics made of it.

use core::time::Duration;

use super::MetricValue;
use super::derived::{derived, is_value, may_step_back};
use super::fields::{Content, Fields, Leaf};
use super::names::{Metric, Names};
use super::schema::{Output, Schema, SchemaId};
use crate::instant::Instant;
use crate::interfaces::{MIN_FRAME_BITS, SampleTime, exceeds_link};

/// The values of a record; its schema has their names.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) schema: SchemaId,
    pub(super) time: SampleTime,
    /// Time since the record before, in milliseconds; 0 if there was none.
    gap: u32,
    /// The counts, for the next difference; [`UNKNOWN`] if unknown.
    counts: Vec<u64>,
    /// NaN if unknown.
    numbers: Vec<f64>,
    /// Empty if unknown.
    texts: Vec<Box<str>>,
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

/// The step of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difference {
    /// One of the two counts is unknown, or the field is no counter.
    Unknown,
    Forward(u64),
    /// No device counts back: the counter was reset.
    Back,
}

impl Record {
    pub(super) fn new(schema: SchemaId, time: SampleTime) -> Self {
        // A step to itself is old: start with a number that no sample follows.
        let sequence_number = time.sequence_number.wrapping_add(1 << 31);
        let time = SampleTime { sequence_number, ..time };
        let (counts, numbers, texts) = (Vec::new(), Vec::new(), Vec::new());
        Self { schema, time, gap: 0, counts, numbers, texts }
    }

    /// Replaces all values, and returns the time since the record before, zero if they cannot be compared.
    /// `None` if the record is late or repeated.
    pub(super) fn update(
        &mut self,
        schema: &Schema,
        time: SampleTime,
        fields: &mut Fields,
        names: &mut Names,
    ) -> Option<Duration> {
        let elapsed = match step(&self.time, &time) {
            Step::Old => return None,
            Step::After(seconds) => Some(seconds),
            Step::Reset => None,
        };
        let gap = time.arrival.since(self.time.arrival).as_millis();
        self.gap = u32::try_from(gap).unwrap_or(u32::MAX);
        self.time = time;
        self.rates(schema, fields, elapsed);
        self.store(schema, fields);
        for (metric, output) in &schema.outputs {
            if self.is_known(*output) {
                names.seen(*metric, time.arrival);
            }
        }
        Some(Duration::from_secs_f64(elapsed.unwrap_or(0.0)))
    }

    /// Computes the rates per second of the counters. If one of them was reset, all were.
    fn rates(&self, schema: &Schema, fields: &mut Fields, elapsed: Option<f64>) {
        let Some(seconds) = elapsed else { return };
        let mut reset = false;
        for (leaf, column) in fields.iter_mut().zip(&schema.columns) {
            let old = column.counter.and_then(|at| self.counts.get(usize::from(at)));
            leaf.difference = match difference(old, leaf) {
                Difference::Forward(count) => Some(count),
                Difference::Back if may_step_back(schema.record, leaf.name) => Some(0),
                Difference::Back => {
                    reset = true;
                    None
                }
                Difference::Unknown => None,
            };
            leaf.rate = leaf.difference.map(|count| count as f64 / seconds);
        }
        if reset || is_implausible(schema.record, fields) {
            fields.iter_mut().for_each(|leaf| (leaf.difference, leaf.rate) = (None, None));
        }
    }

    fn store(&mut self, schema: &Schema, fields: &Fields) {
        refill(&mut self.counts, schema.counters, UNKNOWN);
        refill(&mut self.numbers, schema.numbers, f64::NAN);
        refill(&mut self.texts, schema.texts, Box::default());
        for (slot, derived) in self.numbers.iter_mut().zip(derived(schema.record)) {
            *slot = (derived.value)(fields).unwrap_or(f64::NAN);
        }
        for (leaf, column) in fields.iter().zip(&schema.columns) {
            if let Content::Counter { count: Some(count), .. } = leaf.content {
                set(&mut self.counts, column.counter, count);
            }
            match column.output {
                Some(Output::Number(at, _)) => {
                    set(&mut self.numbers, Some(at), number(leaf).unwrap_or(f64::NAN));
                }
                Some(Output::Text(at)) => {
                    if let Content::Text(Some(text)) = &leaf.content {
                        set(&mut self.texts, Some(at), text.clone());
                    }
                }
                None => {}
            }
        }
    }

    fn is_known(&self, output: Output) -> bool {
        match output {
            Output::Number(at, _) => {
                self.numbers.get(usize::from(at)).is_some_and(|number| !number.is_nan())
            }
            Output::Text(at) => {
                self.texts.get(usize::from(at)).is_some_and(|text| !text.is_empty())
            }
        }
    }

    /// A value; `None` if it is unknown.
    pub(super) fn value(&self, output: Output) -> Option<MetricValue> {
        if !self.is_known(output) {
            return None;
        }
        match output {
            Output::Number(at, form) => {
                let number = *self.numbers.get(usize::from(at))?;
                let text = form.text(number).map(MetricValue::Text);
                Some(text.unwrap_or(MetricValue::Number(number)))
            }
            Output::Text(at) => self.texts.get(usize::from(at)).cloned().map(MetricValue::Text),
        }
    }

    /// The value of a metric, if it is one of this record.
    pub(super) fn get(&self, schema: &Schema, wanted: Metric) -> Option<MetricValue> {
        let found = schema.outputs.iter().find(|(metric, _)| *metric == wanted);
        found.and_then(|(_, output)| self.value(*output))
    }

    /// True if the agent should have sent another one long ago.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        is_silent(now.since(self.time.arrival), self.gap)
    }

    /// Memory in use without the record itself, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let lists = 8 * (self.counts.capacity() + self.numbers.capacity())
            + self.texts.capacity() * size_of::<Box<str>>();
        lists + self.texts.iter().map(|text| text.len()).sum::<usize>() + 3 * ALLOCATION
    }
}

/// True after five intervals between values, but not before [`MIN_SILENCE`]. Of a single value the
/// interval is not known.
pub(super) fn is_silent(silence: Duration, gap: u32) -> bool {
    let limit = match gap {
        0 => FIRST_SILENCE,
        gap => (Duration::from_millis(gap.into()) * 5).clamp(MIN_SILENCE, MAX_SILENCE),
    };
    silence >= limit
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

fn difference(old: Option<&u64>, leaf: &Leaf) -> Difference {
    let (Some(old), Content::Counter { count: Some(new), bits }) =
        (old.filter(|old| **old != UNKNOWN), &leaf.content)
    else {
        return Difference::Unknown;
    };
    match bits {
        // A counter of 32 bits that went back by more than half its range has wrapped.
        32 => match (*new as u32).wrapping_sub(*old as u32) {
            step if step > u32::MAX / 2 => Difference::Back,
            step => Difference::Forward(step.into()),
        },
        _ => new.checked_sub(*old).map_or(Difference::Back, Difference::Forward),
    }
}

/// True if an interface counted faster than its link carries: its counters were reset and look wrapped.
fn is_implausible(record: &str, fields: &Fields) -> bool {
    if record != "if_counters" {
        return false;
    }
    let rates = [
        ("ifInOctets", 8.0),
        ("ifOutOctets", 8.0),
        ("ifInUcastPkts", MIN_FRAME_BITS),
        ("ifInMulticastPkts", MIN_FRAME_BITS),
        ("ifInBroadcastPkts", MIN_FRAME_BITS),
        ("ifOutUcastPkts", MIN_FRAME_BITS),
        ("ifOutMulticastPkts", MIN_FRAME_BITS),
        ("ifOutBroadcastPkts", MIN_FRAME_BITS),
    ];
    let loads = rates.iter().filter_map(|(name, bits)| Some(fields.rate(name)? * bits));
    exceeds_link(fields.gauge("ifSpeed").unwrap_or(0.0), loads)
}

/// The number of a field in a row of the past: the difference of a counter. NaN if it is unknown.
pub(super) fn point(leaf: &Leaf) -> f64 {
    let known = match leaf.content {
        Content::Counter { .. } if !is_value(leaf.name) => leaf.difference.map(|it| it as f64),
        _ => number(leaf),
    };
    known.unwrap_or(f64::NAN)
}

/// The number of a field: the rate of a counter.
fn number(leaf: &Leaf) -> Option<f64> {
    match leaf.content {
        Content::Counter { count, .. } if is_value(leaf.name) => count.map(|count| count as f64),
        Content::Counter { .. } => leaf.rate,
        Content::Number(number) => number,
        Content::Text(_) => None,
    }
}

/// Makes `list` one of `len` times `value`, without room for more.
fn refill<T: Clone>(list: &mut Vec<T>, len: u16, value: T) {
    list.clear();
    list.reserve_exact(len.into());
    list.resize(len.into(), value);
}

fn set<T>(list: &mut [T], at: Option<u16>, value: T) {
    if let Some(slot) = at.and_then(|at| list.get_mut(usize::from(at))) {
        *slot = value;
    }
}

const UNKNOWN: u64 = u64::MAX;
/// Numbers by which a sample is late.
const MAX_LATE: u32 = 64;
/// Milliseconds by which a sample is late.
const MAX_LATE_MS: u32 = 60_000;
/// Bytes that an allocation costs beside its content. With `ENTRY` this is what 50,000
/// ports add to the resident memory: 1148 bytes each.
const ALLOCATION: usize = 16;
/// The silence after which values are removed: bounds of five intervals, and that of a single value.
const MIN_SILENCE: Duration = Duration::from_secs(300);
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(3600);
const FIRST_SILENCE: Duration = Duration::from_secs(1200);
