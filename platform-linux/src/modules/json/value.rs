//! Values of messages as programs write them: `null` is the same as a key that is not there, and a
//! whole number may have a decimal point.

use std::borrow::Cow;

use flowmote_core::record::flow::AppStatus;

/// A text; empty if it is not there. Borrowed from the message unless it has escapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// A number from 0, without its fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Number(pub(super) Option<u64>);

/// `true` or `false`; `false` if it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flag(pub(super) bool);

/// The outcome of an operation; SUCCESS if it is not there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Status(pub(super) AppStatus);

/// An object in a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Section<T>(pub(super) Option<T>);

/// A value of any type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    #[default]
    Null,
    Bool,
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array,
    Object,
}

impl Text<'_> {
    /// The text, unless it is empty.
    pub(super) fn get(&self) -> Option<&str> {
        Some(&*self.0).filter(|text| !text.is_empty())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Number {
    /// A gauge of 32 bits: 0 if it is unknown; a larger number becomes the largest.
    pub(super) fn gauge(self) -> u32 {
        self.0.map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// A counter of 32 bits, which starts again at 0 behind its largest value: all ones if it is
    /// unknown.
    pub(super) fn counter(self) -> u32 {
        self.0.map_or(u32::MAX, |number| number as u32)
    }
}

impl Status {
    pub(super) const OTHER: Self = Self(AppStatus::OTHER);

    /// A number that is none of the list becomes OTHER, as in hsflowd.
    pub(super) fn new(code: u64) -> Self {
        let listed = u32::try_from(code).ok().map(AppStatus::new);
        let listed = listed.filter(|status| status.code() <= AppStatus::UNAUTHORIZED.code());
        listed.map_or(Self::OTHER, Self)
    }
}

impl Default for Status {
    fn default() -> Self {
        Self(AppStatus::SUCCESS)
    }
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauges_are_limited_and_counters_wrap() {
        for (number, gauge, counter) in [
            (Some(7), 7, 7),
            (Some(4_294_967_295), u32::MAX, u32::MAX),
            (Some(4_294_967_298), u32::MAX, 2),
            (Some(u64::MAX), u32::MAX, u32::MAX),
            // Unknown.
            (None, 0, u32::MAX),
        ] {
            let read = Number(number);
            assert_eq!((read.gauge(), read.counter()), (gauge, counter), "{number:?}");
        }
        assert_eq!(Number::default(), Number(None));
    }
}
