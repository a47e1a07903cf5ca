//! Times as calendar date and time of day, in UTC.

use core::fmt;
use core::time::Duration;
use std::time::SystemTime;

/// A point in time as RFC 3339 writes it, with milliseconds: `2026-01-31T23:59:59.123Z`.
///
/// The zone is always UTC, so that a capture reads the same on every machine. Times before 1970 are
/// shown as 1970-01-01.
#[derive(Clone, Copy, Debug)]
pub(super) struct Utc(pub(super) SystemTime);

impl Utc {
    fn since(self) -> Duration {
        self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    /// The date and time without fraction and zone.
    pub(super) fn seconds(self) -> impl fmt::Display {
        fmt::from_fn(move |f| write_seconds(f, self.since().as_secs()))
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since();
        write_seconds(f, since.as_secs())?;
        write!(f, ".{:03}Z", since.subsec_millis())
    }
}

fn write_seconds(f: &mut fmt::Formatter<'_>, seconds: u64) -> fmt::Result {
    let (year, month, day) = date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
fn date(days: u64) -> (u64, u64, u64) {
    // Years are counted from March: the leap day is then the last of its year, and the length of
    // the months before it does not depend on the year. 719,468 days lie between 0000-03-01 and
    // 1970-01-01. 400 years have 146,097 days, 100 years 36,524 and 4 years 1461.
    let days = days.saturating_add(719_468);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // From March on, five months have 153 days.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let next_year = u64::from(month >= 10);
    (400 * era + year + next_year, if month < 10 { month + 3 } else { month - 9 }, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_follows_the_one_before() {
        let leap = |year: u64| {
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
        };
        let (mut year, mut month, mut day) = (1970, 1, 1);
        // Past 2400, so that all rules of the calendar occur.
        for days in 0..160_000 {
            assert_eq!(date(days), (year, month, day), "{days}");
            let length = match month {
                2 if leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert!(year > 2400);
    }

    #[test]
    fn time_is_shown_with_date_and_zone() {
        let at = |millis| Utc(SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(1_709_251_199_999), "2024-02-29T23:59:59.999Z");
        assert_eq!(at(1_709_251_200_000), "2024-03-01T00:00:00.000Z");
        let before = Utc(SystemTime::UNIX_EPOCH - Duration::from_secs(1));
        assert_eq!(before.to_string(), "1970-01-01T00:00:00.000Z");
    }
}
