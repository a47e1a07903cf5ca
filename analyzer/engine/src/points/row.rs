//! A row with the names of its fields.

use core::time::Duration;

use crate::instant::Instant;
use crate::metrics::Schema;

/// The numbers of a record at a time.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The time of arrival.
    pub time: Instant,
    /// The time over which counters are compared; zero if there are no differences.
    pub over: Duration,
    pub(crate) schema: &'a Schema,
    pub(crate) numbers: &'a [f64],
}

impl Row<'_> {
    /// What a counter counted in the time of the row; `None` if it is unknown, was reset, or if the
    /// field is no counter of the record.
    pub fn difference(&self, field: &str) -> Option<f64> {
        self.number(field, true)
    }

    /// The value of a gauge; `None` if it is unknown, or if the field is none of the record.
    pub fn value(&self, field: &str) -> Option<f64> {
        self.number(field, false)
    }

    fn number(&self, field: &str, counter: bool) -> Option<f64> {
        let at = self.schema.place(field, counter)?;
        self.numbers.get(at).copied().filter(|number| !number.is_nan())
    }
}
