//! Values of fields, which are texts until something needs a number.

use core::cmp::Ordering;
use std::borrow::Cow;

use time::OffsetDateTime;

use crate::aws::logs::comparison::{natural, number, numeric};

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    /// The record has no such field.
    #[default]
    Null,
    Bool(bool),
    Number(f64),
    /// Milliseconds since 1970.
    Time(i64),
    Text(Cow<'a, str>),
}

impl Value<'_> {
    pub(super) fn text(text: &str) -> Value<'_> {
        Value::Text(Cow::Borrowed(text))
    }

    /// A finite number; null for another.
    pub(super) fn of_number(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Null }
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Time(time) => Some(*time as f64),
            Self::Text(text) => number(text),
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Null => None,
        }
    }

    /// The text of a value that is not null.
    pub(super) fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Null => None,
            Self::Bool(value) => Some(Cow::Borrowed(if *value { "1" } else { "0" })),
            Self::Number(number) => Some(Cow::Owned(number.to_string())),
            Self::Time(time) => Some(Cow::Owned(time_text(*time))),
            Self::Text(text) => Some(Cow::Borrowed(text)),
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0,
            Self::Text(text) => text == "true" || text == "1",
            Self::Null | Self::Time(_) => false,
        }
    }

    /// The same without what it borrows.
    pub(super) fn owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Number(number) => Value::Number(number),
            Self::Time(time) => Value::Time(time),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        }
    }

    /// Bytes of memory, without a text that it borrows.
    pub(super) fn bytes(&self) -> usize {
        let text = if let Self::Text(Cow::Owned(text)) = self { text.capacity() } else { 0 };
        size_of::<Self>() + text
    }

    /// Bytes of a text.
    pub(super) fn length(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }

    /// The order of two values: that of numbers if both are, otherwise that of texts; none with null.
    pub(super) fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        if let (Self::Text(one), Value::Text(other)) = (self, other) {
            // Most are equal or no numbers.
            let order = one.as_ref().cmp(other.as_ref());
            return if order.is_eq() { Some(order) } else { numeric(one, other).or(Some(order)) };
        }
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.partial_cmp(&other),
            _ => Some(self.to_text()?.cmp(&other.to_text()?)),
        }
    }

    /// The place of a value beside another when rows are sorted: texts before numbers. It is the same in
    /// whatever order values are compared.
    pub(super) fn rank(&self, other: &Value<'_>) -> Ordering {
        let texts = || (self.to_text().unwrap_or_default(), other.to_text().unwrap_or_default());
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other).then_with(|| {
                let (one, other) = texts();
                one.cmp(&other)
            }),
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (None, None) => {
                let (one, other) = texts();
                natural(&one, &other)
            }
        }
    }
}

/// A time as results have it: `2026-11-28 12:00:00.000`.
fn time_text(time: i64) -> String {
    let Ok(date) = OffsetDateTime::from_unix_timestamp_nanos(i128::from(time) * 1_000_000) else {
        return time.to_string();
    };
    let (year, month, day) = date.to_calendar_date();
    let (hour, minute, second, milli) = date.to_hms_milli();
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{milli:03}")
}
