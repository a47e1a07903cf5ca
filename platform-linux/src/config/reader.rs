//! One setting: its value read, and what is wrong with it reported.

use super::MIN_COMFORTABLE_DATAGRAM;
use super::diagnostic::{Diagnostics, Position, quoted};
use super::tokens::{Kind, Token};
use super::value;

/// A setting as it stands in the file.
pub(super) struct Setting {
    pub(super) token: &'static Token,
    /// The name as it was written.
    pub(super) name: String,
    pub(super) at: Position,
    pub(super) value: String,
    pub(super) value_at: Position,
}

/// Reads the value of one setting and reports what is wrong with it.
pub(super) struct Reader<'a> {
    pub(super) setting: &'a Setting,
    pub(super) problems: &'a mut Diagnostics,
}

impl Reader<'_> {
    pub(super) fn fail(&mut self, message: impl Into<String>) {
        self.problems.error(self.setting.value_at, message);
    }

    pub(super) fn warn(&mut self, message: impl Into<String>) {
        self.problems.warning(self.setting.value_at, message);
    }

    pub(super) fn read<T>(&mut self, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.setting.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fail(message);
                None
            }
        }
    }

    /// A whole number in the range of its token.
    pub(super) fn number(&mut self) -> Option<u32> {
        let number = self.read(|text| value::number(text, value::NUMBER_SUFFIXES))?;
        let Kind::Number(range) = &self.setting.token.kind else { return None };
        let text = &self.setting.value;
        if !range.contains(&number.value) {
            let name = quoted(&self.setting.name);
            let (low, high) = (range.start(), range.end());
            self.fail(format!("{name} = {} is out of range {low}..={high}", text.escape_debug()));
            return None;
        }
        if number.octal {
            let decimal = text.trim_start_matches('0');
            let value = number.value;
            self.warn(format!("{text} is octal and means {value}; write {value} or {decimal}"));
        }
        u32::try_from(number.value).ok()
    }

    pub(super) fn number_into(&mut self, field: &mut u32) {
        *field = self.number().unwrap_or(*field);
    }

    /// The speed in the name `sampling.10G`.
    pub(super) fn speed_in_name(&mut self) -> Option<(String, u64)> {
        let name = self.setting.token.wildcard(&self.setting.name)?;
        let Some(speed) = value::speed_name(name) else {
            let message = format!("{} is not a speed such as 100M, 2.5G or 10G", quoted(name));
            self.problems.error(self.setting.at, message);
            return None;
        };
        Some((name.into(), speed))
    }

    pub(super) fn check_datagram_bytes(&mut self, bytes: u32) {
        if bytes < MIN_COMFORTABLE_DATAGRAM {
            self.warn(format!(
                "datagramBytes below {MIN_COMFORTABLE_DATAGRAM} may be too few for the counters of \
                 the host, which are lost then; hsflowd ignores this setting"
            ));
        }
    }

    pub(super) fn warn_replaced(&mut self, first: Option<Position>) {
        let line = first.map_or(0, |at| at.line);
        let name = quoted(&self.setting.name);
        let message = format!("{name} is set again and replaces the one on line {line}");
        self.problems.warning(self.setting.at, message);
    }
}
