//! Which numbers of a record are recorded.
//!
//! All formulas and all published metrics of it. A rate is recorded as the difference that it is made of,
//! which is a whole number and mostly that of a formula too, so that the history keeps it once.

use std::collections::HashMap;
use std::sync::Arc;

use flowmote_engine::metrics::{PastRecord, Published};
use flowmote_engine::points::Row;
use parking_lot::RwLock;

use super::{CHECK, CUSTOM, Live};
use crate::aws::cloudwatch::names::{BYTES, Formula, Kind, PERCENT, formulas, unit};
use crate::aws::cloudwatch::silence;
use crate::history::{Column, History, Sample};
use crate::stderr::eprintln_lossy;

/// The plans of all records that were seen.
#[derive(Debug, Default)]
pub(super) struct Plans {
    records: HashMap<Shape, Plan>,
    customs: HashMap<(Arc<str>, bool), Option<Column>>,
}

/// Where the values of an `rtmetric` go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Column(Column),
    /// There are too many.
    None,
    Unknown,
}

/// What metrics a record has.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// In an analyzer.
    Record(usize, &'static str, (u16, usize)),
    Custom(Arc<str>, bool),
}

impl Shape {
    pub(super) fn of(analyzer: usize, record: PastRecord<'_>) -> Self {
        Self::Record(analyzer, record.name(), record.shape())
    }

    pub(super) fn custom(name: Arc<str>, counter: bool) -> Self {
        Self::Custom(name, counter)
    }
}

/// Published metrics by name.
pub(super) type Metrics = Vec<(Arc<str>, Published)>;

pub(super) fn metrics(record: PastRecord<'_>) -> Metrics {
    record.published().collect()
}

/// The numbers of a record, in the order of their columns.
#[derive(Debug)]
pub(super) struct Plan(Vec<(Column, bool, Number)>);

/// A number of a record.
#[derive(Clone, Copy, Debug)]
enum Number {
    Formula(&'static Formula),
    Published(Published),
}

impl Plans {
    pub(super) fn get(&self, shape: &Shape) -> Option<&Plan> {
        self.records.get(shape)
    }

    pub(super) fn custom(&self, name: &Arc<str>, counter: bool) -> Place {
        match self.customs.get(&(name.clone(), counter)) {
            Some(column) => column.map_or(Place::None, Place::Column),
            None if self.customs.len() >= MAX_CUSTOMS => Place::None,
            None => Place::Unknown,
        }
    }

    /// Makes plans of records. A metric has no place if the catalogue is full.
    pub(super) fn add(
        &mut self,
        unknown: Vec<(Shape, Metrics)>,
        history: &History,
        live: &RwLock<Live>,
    ) {
        for (shape, metrics) in unknown {
            match &shape {
                Shape::Custom(name, counter) => {
                    if self.customs.len() >= MAX_CUSTOMS {
                        continue;
                    }
                    let column = history.column(name, *counter);
                    if let Some(column) = column {
                        live.write().add_column(CUSTOM, name.clone(), column);
                    }
                    self.customs.insert((name.clone(), *counter), column);
                    if self.customs.len() == MAX_CUSTOMS {
                        eprintln_lossy(format_args!(
                            "flowmote-analyzer: agents have sent {MAX_CUSTOMS} names of rtmetric values: \
                             the history does not record further ones until the next start"
                        ));
                    }
                }
                Shape::Record(_, record, _) => {
                    let plan = plan(record, &metrics, history, live);
                    self.records.insert(shape, plan);
                }
            }
        }
    }
}

fn plan(record: &'static str, metrics: &Metrics, history: &History, live: &RwLock<Live>) -> Plan {
    let mut numbers = Vec::new();
    let mut add = |name: Arc<str>, is_difference, unit: &str, number| {
        let column = match (is_difference, unit) {
            (false, BYTES) => history.column_of_bytes(&name),
            _ => history.column(&name, is_difference),
        };
        if let Some(column) = column {
            let is_percent = unit == PERCENT;
            live.write().add_column(record, name, column);
            numbers.push((column, is_percent, number));
        }
    };
    for formula in formulas().filter(|formula| formula.record == record) {
        let is_difference = formula.kind == Kind::Difference;
        add(name_of(formula), is_difference, formula.unit, Number::Formula(formula));
    }
    for (name, metric) in metrics {
        add(name.clone(), metric.rate, unit_of(name, metric.rate), Number::Published(*metric));
    }
    if record == silence::RECORD
        && let Some(column) = history.column(CHECK, false)
    {
        live.write().add_column(record, CHECK.into(), column);
    }
    numbers.sort_by_key(|(column, ..)| *column);
    numbers.dedup_by_key(|(column, ..)| *column);
    Plan(numbers)
}

/// The unit of a published metric. Those that formulas have in bytes too have equal columns, which
/// are kept once.
fn unit_of(name: &str, rate: bool) -> &'static str {
    let is_of_bytes = ["mem_", "swap_", "disk_"].iter().any(|prefix| name.starts_with(prefix));
    match unit(name, rate) {
        PERCENT => PERCENT,
        _ if is_of_bytes && !rate => BYTES,
        unit => unit,
    }
}

/// The name of the column of a formula, which no published metric has.
pub(super) fn name_of(formula: &Formula) -> Arc<str> {
    format!("={}", formula.name).into()
}

impl Plan {
    /// The numbers of a row that are known.
    pub(super) fn columns(&self, record: PastRecord<'_>, row: &Row<'_>) -> Vec<(Column, Sample)> {
        let mut columns = Vec::with_capacity(self.0.len());
        for (column, is_percent, number) in &self.0 {
            let number = match number {
                Number::Formula(formula) => (formula.value)(row),
                Number::Published(metric) if metric.rate => record.difference(row, *metric),
                Number::Published(metric) => record.value(row, *metric),
            };
            let number = number.filter(|_| !column.is_difference() || !row.over.is_zero());
            if let Some(number) = number.and_then(|it| rounded(it, *is_percent)) {
                columns.push((*column, Sample::one(number)));
            }
        }
        columns
    }
}

/// A number as it is recorded: whole numbers as they are, percentages in steps of 1/128 or of at least
/// nine significant bits, others with 20 significant bits. `None` if it is no number.
pub(super) fn rounded(number: f64, is_percent: bool) -> Option<f64> {
    if !number.is_finite() {
        return None;
    }
    if number.fract() == 0.0 {
        // Without the sign of zero.
        return Some(number + 0.0);
    }
    let exponent = ((number.to_bits() >> 52) & 0x7ff) as i32 - 1023;
    let digits = if is_percent { (8 - exponent).max(7) } else { 19 - exponent };
    let scale = f64::from(digits.clamp(0, 30)).exp2();
    Some((number * scale).round() / scale + 0.0)
}

/// Names of `rtmetric` values that are recorded: any agent can send others each time.
const MAX_CUSTOMS: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_gauges_of_bytes_are_kept_as_those_of_formulas() {
        for formula in formulas().filter(|it| it.unit == BYTES && it.kind == Kind::Value) {
            assert_eq!(unit_of(formula.name, false), BYTES, "{}", formula.name);
        }
        assert_eq!(unit_of("mem_utilization", false), PERCENT);
        assert_ne!(unit_of("disk_total", true), BYTES);
    }

    #[test]
    fn names_of_rtmetric_values_are_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::new(directory.path(), 1 << 30, 1 << 20);
        history.open(1_800_000_000_000);
        let (mut plans, live) = (Plans::default(), RwLock::default());
        let name = |at: usize| Arc::<str>::from(format!("name{at}"));
        let all = (0..MAX_CUSTOMS + 100).map(|at| (Shape::custom(name(at), false), Vec::new()));
        plans.add(all.collect(), &history, &live);
        assert_eq!(plans.customs.len(), MAX_CUSTOMS);
        assert!(matches!(plans.custom(&name(0), false), Place::Column(_)));
        assert_eq!(plans.custom(&name(0), true), Place::None);
        assert_eq!(plans.custom(&name(MAX_CUSTOMS), false), Place::None);
    }

    #[test]
    fn numbers_are_rounded_to_few_binary_digits() {
        for whole in [0.0, 1.0, -7.0, 1e15, 18_446_744_073_709_551_615.0] {
            assert_eq!(rounded(whole, false), Some(whole));
            assert_eq!(rounded(whole, true), Some(whole));
        }
        assert_eq!(rounded(-0.0, false).map(f64::to_bits), Some(0));
        assert_eq!((rounded(f64::NAN, false), rounded(f64::INFINITY, true)), (None, None));
        for number in [0.1, 3.7, 99.99, 1234.567, 1e-3] {
            let near = |rounded: f64, limit: f64| (rounded - number).abs() <= limit;
            assert!(near(rounded(number, false).unwrap(), number / f64::from(1 << 20)), "{number}");
            let limit = (1.0_f64 / 256.0).min(number / 256.0).max(number / f64::from(1 << 20));
            assert!(near(rounded(number, true).unwrap(), limit), "{number}");
            assert_eq!((rounded(number, true).unwrap() * f64::from(1 << 30)).fract(), 0.0);
        }
        assert_eq!(rounded(50.0038, true), Some(50.0));
        assert_eq!(rounded(50.004, true), Some(50.0078125));
    }
}
