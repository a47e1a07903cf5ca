//! The date of a build: the same sources make the same bytes.

use std::str::FromStr;

use anyhow::{Context, Result};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

/// A time in UTC, from the seconds since 1970 that `SOURCE_DATE_EPOCH` has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Date(OffsetDateTime);

impl Date {
    /// Seconds since 1970, for archives; 0 for a time before.
    pub(crate) fn seconds(self) -> u32 {
        u32::try_from(self.0.unix_timestamp()).unwrap_or_default()
    }

    /// `2026-07-01`.
    pub(crate) fn day(self) -> String {
        self.0.date().to_string()
    }

    /// `2026-07-01T08:30:00Z`.
    ///
    /// # Errors
    /// A year beyond 9999.
    pub(crate) fn rfc3339(self) -> Result<String> {
        self.0.format(&Rfc3339).context("a date beyond the year 9999")
    }

    /// `Wed, 01 Jul 2026 08:30:00 +0000`.
    ///
    /// # Errors
    /// A year before 1900.
    pub(crate) fn rfc2822(self) -> Result<String> {
        self.0.format(&Rfc2822).context("a date before 1900")
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse().map_err(|error| format!("{error}"))?;
        OffsetDateTime::from_unix_timestamp(seconds).map(Self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::Date;

    #[test]
    fn seconds_become_dates() {
        let date: Date = "1782894600".parse().unwrap();
        assert_eq!(date.seconds(), 1_782_894_600);
        assert_eq!(date.day(), "2026-07-01");
        assert_eq!(date.rfc3339().unwrap(), "2026-07-01T08:30:00Z");
        assert_eq!(date.rfc2822().unwrap(), "Wed, 01 Jul 2026 08:30:00 +0000");
        assert!("today".parse::<Date>().is_err());
    }
}
