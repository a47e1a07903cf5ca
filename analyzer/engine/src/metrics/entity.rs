//! The metrics of one data source.

use core::time::Duration;

use flowmote_decoder::RtValue;
use flowmote_decoder::visit::Value;

use super::MetricValue;
use super::fields::Fields;
use super::names::{Metric, Names};
use super::record::{Record, is_silent};
use super::schema::{SchemaId, Schemas};
use super::shown;
use crate::instant::Instant;
use crate::interfaces::SampleTime;

/// The last records of a data source, and its values of `rtmetric` samples.
#[derive(Debug, Default)]
pub(super) struct Entity {
    records: Vec<Record>,
    custom: Vec<Custom>,
    /// The time of the last record or value.
    pub(super) updated: Instant,
}

/// What became of a record or a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Recorded {
    NoRoom,
    /// It is late or repeated, and changes nothing.
    Late,
    /// It is new, this time after the one before; zero if they cannot be compared.
    After(Duration),
}

/// A value of an `rtmetric` sample.
#[derive(Debug)]
struct Custom {
    metric: Metric,
    /// `None` for the first count of a counter, which has no rate yet.
    value: Option<MetricValue>,
    /// The last count of a counter, and its difference to the one before.
    count: Option<u64>,
    difference: Option<u64>,
    time: Instant,
    /// Time since the value before, in milliseconds; 0 if there was none.
    gap: u32,
}

impl Entity {
    /// Replaces the metrics of a record. Returns the time since the one before.
    pub(super) fn record(
        &mut self,
        id: SchemaId,
        time: SampleTime,
        fields: &mut Fields,
        schemas: &Schemas,
        names: &mut Names,
    ) -> Recorded {
        let Some(schema) = schemas.get(id) else { return Recorded::NoRoom };
        if !self.records.iter().any(|record| record.schema == id) {
            if self.records.len() >= MAX_RECORDS {
                return Recorded::NoRoom;
            }
            if !schema.is_numbered() {
                let format = |it: &Record| schemas.get(it.schema).map(|schema| schema.format);
                self.records.retain(|record| format(record) != Some(schema.format));
            }
            self.records.reserve_exact(1);
            self.records.push(Record::new(id, time));
        }
        let record = self.records.iter_mut().find(|record| record.schema == id);
        let elapsed = record.and_then(|record| record.update(schema, time, fields, names));
        self.updated = self.updated.max(time.arrival);
        elapsed.map_or(Recorded::Late, Recorded::After)
    }

    /// Replaces a value of an `rtmetric` sample. Returns the time since the one before.
    pub(super) fn custom(
        &mut self,
        name: &str,
        value: &RtValue<'_>,
        now: Instant,
        names: &mut Names,
    ) -> Recorded {
        let Some(metric) = names.custom(name, now) else { return Recorded::NoRoom };
        self.updated = self.updated.max(now);
        if let Some(entry) = self.custom.iter_mut().find(|entry| entry.metric == metric) {
            entry.update(value, now).map_or(Recorded::Late, Recorded::After)
        } else if self.custom.len() < MAX_CUSTOM {
            let difference = None;
            let mut entry =
                Custom { metric, value: None, count: None, difference, time: now, gap: 0 };
            entry.set(value, None);
            self.custom.push(entry);
            Recorded::After(Duration::ZERO)
        } else {
            Recorded::NoRoom
        }
    }

    /// The number of the last value of an `rtmetric` sample, and true if it is the difference of a counter.
    pub(super) fn custom_point(&self, name: &str, names: &Names) -> Option<(f64, bool)> {
        let metric = names.get(name)?;
        let entry = self.custom.iter().find(|entry| entry.metric == metric)?;
        match (entry.count, &entry.value) {
            (Some(_), _) => Some((entry.difference.map_or(f64::NAN, |it| it as f64), true)),
            (None, Some(MetricValue::Number(number))) => Some((*number, false)),
            (None, _) => None,
        }
    }

    /// A metric, its value and the time of the value.
    pub(super) fn get(
        &self,
        schemas: &Schemas,
        wanted: Metric,
    ) -> Option<(Metric, MetricValue, Instant)> {
        let mut records = self.records.iter();
        let record = records.find_map(|record| {
            let value = record.get(schemas.get(record.schema)?, wanted)?;
            Some((wanted, value, record.time.arrival))
        });
        record.or_else(|| self.custom_values().find(|(metric, ..)| *metric == wanted))
    }

    /// True if a metric is this text.
    pub(super) fn is_text(&self, schemas: &Schemas, wanted: Metric, text: &str) -> bool {
        let value = self.get(schemas, wanted).map(|(_, value, _)| value);
        matches!(value, Some(MetricValue::Text(it)) if *it == *text)
    }

    /// All metrics, in the order of their records.
    pub(super) fn values(
        &self,
        schemas: &Schemas,
    ) -> impl Iterator<Item = (Metric, MetricValue, Instant)> {
        let records = self.records.iter().flat_map(|record| {
            let outputs = schemas.get(record.schema).map_or(&[][..], |schema| &schema.outputs);
            outputs.iter().filter_map(|(metric, output)| {
                Some((*metric, record.value(*output)?, record.time.arrival))
            })
        });
        records.chain(self.custom_values())
    }

    fn custom_values(&self) -> impl Iterator<Item = (Metric, MetricValue, Instant)> {
        self.custom
            .iter()
            .filter_map(|entry| Some((entry.metric, entry.value.clone()?, entry.time)))
    }

    /// Removes what the agent sends no more. Returns false if nothing is left.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        self.records.retain(|record| !record.is_old(now));
        self.custom.retain(|entry| !is_silent(now.since(entry.time), entry.gap));
        !self.records.is_empty() || !self.custom.is_empty()
    }

    /// Memory in use, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let heap = |value: &Option<MetricValue>| match value {
            Some(MetricValue::Text(text)) => text.len(),
            Some(MetricValue::Number(_)) | None => 0,
        };
        ENTRY
            + self.records.capacity() * size_of::<Record>()
            + self.records.iter().map(Record::bytes).sum::<usize>()
            + self.custom.capacity() * size_of::<Custom>()
            + self.custom.iter().map(|entry| heap(&entry.value)).sum::<usize>()
    }
}

impl Custom {
    fn update(&mut self, value: &RtValue<'_>, now: Instant) -> Option<Duration> {
        let elapsed = now.since(self.time);
        // A repeated datagram.
        if elapsed < MIN_GAP {
            return None;
        }
        self.gap = u32::try_from(elapsed.as_millis()).unwrap_or(u32::MAX);
        self.time = now;
        self.set(value, Some(elapsed.as_secs_f64()));
        Some(elapsed)
    }

    /// Sets the value; for a counter the rate over `seconds`.
    fn set(&mut self, value: &RtValue<'_>, seconds: Option<f64>) {
        let old = self.count.take();
        let number = match (value.type_code, value.value) {
            (COUNTER_32, Value::U32(count)) => {
                self.count = Some(count.into());
                let step = old.map(|old| count.wrapping_sub(old as u32));
                let step = step.filter(|step| *step <= u32::MAX / 2);
                self.difference = step.map(u64::from);
                step.zip(seconds).map(|(step, seconds)| f64::from(step) / seconds)
            }
            (COUNTER_64, Value::U64(count)) => {
                self.count = Some(count);
                let step = old.and_then(|old| count.checked_sub(old));
                self.difference = step;
                step.zip(seconds).map(|(step, seconds)| step as f64 / seconds)
            }
            (_, Value::U32(value)) => Some(value.into()),
            (_, Value::U64(value)) => Some(value as f64),
            (_, Value::F32(value)) => Some(value.into()),
            (_, Value::F64(value)) => Some(value),
            (_, Value::Text(value)) => {
                self.value = Some(MetricValue::Text(shown(value)));
                return;
            }
            _ => None,
        };
        self.value = number.filter(|number| number.is_finite()).map(MetricValue::Number);
    }
}

/// Formats of records of a data source.
const MAX_RECORDS: usize = 64;
/// Metrics of `rtmetric` samples of a data source.
const MAX_CUSTOM: usize = 1024;
/// Bytes of an entry of the map, with its share of a node.
const ENTRY: usize = 184;
/// Values of an agent that are less apart are the same one.
const MIN_GAP: Duration = Duration::from_millis(10);
/// The types of `rtmetric` that are counters.
const COUNTER_32: u32 = 1;
const COUNTER_64: u32 = 2;
