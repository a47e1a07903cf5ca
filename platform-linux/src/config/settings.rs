//! Reading the settings of a block: values, repetitions, and problems in both.

use super::diagnostic::{Diagnostics, Position, quoted};
use super::tokens::{Kind, Setting, Settings, Token, Value};
use super::value;

impl Settings<'_> {
    /// Returns true if a setting or block of this name was written, even with a wrong value.
    pub(super) fn has(&self, name: &str) -> bool {
        self.list.iter().any(|setting| setting.token.name == name)
    }

    /// The value of a setting; `None` if it is missing or wrong.
    pub(super) fn value<T>(
        &mut self,
        token: &Token,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        self.last(token, |setting, problems| setting.parse(&parse, problems))
    }

    /// The value of a setting with a whole number; `None` if it is missing or wrong.
    pub(super) fn number(&mut self, token: &Token) -> Option<u32> {
        self.last(token, Setting::number)
    }

    /// Reads a setting that has one value. The last one counts, as in hsflowd, with a warning for
    /// each repetition; wrong values are reported in all of them.
    pub(super) fn last<T>(
        &mut self,
        token: &Token,
        read: impl Fn(&Setting, &mut Diagnostics) -> Option<T>,
    ) -> Option<T> {
        let (mut value, mut previous) = (None, None);
        self.each(token, |setting, problems| {
            if let Some(first) = previous.replace(setting.at) {
                setting.warn_replaced(first, problems);
            }
            value = read(setting, problems).or(value.take());
        });
        value
    }

    /// Visits all settings with a value of this token, in the order of the file.
    pub(super) fn each(
        &mut self,
        token: &Token,
        mut visit: impl FnMut(&Setting, &mut Diagnostics),
    ) {
        let is_meant = |setting: &&Setting| setting.token.name == token.name;
        let with_value = self.list.iter().filter(is_meant).filter(|s| s.value.is_some());
        with_value.for_each(|setting| visit(setting, self.problems));
    }

    /// Reports an error at the name of the block.
    pub(super) fn error(&mut self, message: impl Into<String>) {
        self.problems.error(self.at, message);
    }

    /// Reports a warning at the name of the block.
    pub(super) fn warn(&mut self, message: impl Into<String>) {
        self.problems.warning(self.at, message);
    }
}

impl Setting {
    /// Reads the value and reports it if it is wrong.
    pub(super) fn parse<T>(
        &self,
        parse: impl Fn(&str) -> Result<T, String>,
        problems: &mut Diagnostics,
    ) -> Option<T> {
        let Value { text, at } = self.value.as_ref()?;
        parse(text).map_err(|message| problems.error(*at, message)).ok()
    }

    /// Reads a whole number in the range of its token, at most `u32::MAX`.
    pub(super) fn number(&self, problems: &mut Diagnostics) -> Option<u32> {
        let number = self.parse(|text| value::number(text, value::NUMBER_SUFFIXES), problems)?;
        let Kind::Number(range) = &self.token.kind else { return None };
        let Value { text, at } = self.value.as_ref()?;
        if !range.contains(&number.value) {
            let name = quoted(&self.name);
            let (low, high) = (range.start(), range.end());
            let text = text.escape_debug();
            problems.error(*at, format!("{name} = {text} is out of range {low}..={high}"));
            return None;
        }
        if number.octal {
            let decimal = text.trim_start_matches('0');
            let value = number.value;
            let message = format!("{text} is octal and means {value}; write {value} or {decimal}");
            self.warn(message, problems);
        }
        u32::try_from(number.value).ok()
    }

    /// Reports a warning at the value.
    pub(super) fn warn(&self, message: impl Into<String>, problems: &mut Diagnostics) {
        let at = self.value.as_ref().map_or(self.at, |value| value.at);
        problems.warning(at, message);
    }

    /// Warns that this setting replaces the one at `first`.
    pub(super) fn warn_replaced(&self, first: Position, problems: &mut Diagnostics) {
        let (name, line) = (quoted(&self.name), first.line);
        let message = format!("{name} overrides the value on line {line}");
        problems.warning(self.at, message);
    }
}

/// Adds to a list that the work of the agent grows with, up to a bound.
pub(super) fn push_bounded<T>(
    list: &mut Vec<T>,
    item: T,
    at: Position,
    problems: &mut Diagnostics,
) {
    if list.len() >= MAX_REPETITIONS {
        return problems.error(at, format!("more than {MAX_REPETITIONS} repetitions"));
    }
    list.push(item);
}

/// Bound of collectors, taps, speeds and address blocks: each datagram, link or address is
/// compared with all of them.
const MAX_REPETITIONS: usize = 256;
