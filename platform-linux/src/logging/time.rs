//! The time of a line: RFC 3339, UTC, with milliseconds.

use std::time::{SystemTime, UNIX_EPOCH};

/// `2026-07-01T08:30:00.125Z`. A time before 1970 is shown as the start of 1970.
///
/// UTC, because the rules of a time zone are a file that may be replaced while the daemon runs.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of the Gregorian calendar, from days since 1970-01-01.
///
/// Years begin in March, so that the leap day is the last of a year, and months have a length
/// that repeats every five (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(DAYS_TO_1970);
    let (era, day_of_era) = (days / DAYS_IN_ERA, days % DAYS_IN_ERA);
    let leap_days = day_of_era / 1460 + day_of_era / DAYS_IN_ERA.saturating_sub(1);
    let year_of_era = (day_of_era.saturating_add(day_of_era / 36_524) - leap_days) / 365;
    let first = 365 * year_of_era + year_of_era / 4 - year_of_era / 100;
    let day_of_year = day_of_era - first;
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

/// Days in 400 years.
const DAYS_IN_ERA: u64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const DAYS_TO_1970: u64 = 719_468;

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        // Seconds by `date -u -d "..." +%s`.
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.007Z"),
            (951_782_399, "2000-02-28T23:59:59.007Z"),
            (951_782_400, "2000-02-29T00:00:00.007Z"),
            (951_868_800, "2000-03-01T00:00:00.007Z"),
            (1_709_164_800, "2024-02-29T00:00:00.007Z"),
            (1_767_225_599, "2025-12-31T23:59:59.007Z"),
            (1_767_225_600, "2026-01-01T00:00:00.007Z"),
            (4_107_542_400, "2100-03-01T00:00:00.007Z"),
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds) + Duration::from_millis(7);
            assert_eq!(rfc3339(time), expected);
        }
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
    }

    /// Each day follows the one before: the first of a month, or the next day of the same month.
    #[test]
    fn days_follow_one_another() {
        let mut before = date(0);
        for days in 1..150_000 {
            let (year, month, day) = date(days);
            let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let lengths = [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            assert!((1..=lengths[month as usize - 1]).contains(&day), "{year}-{month}-{day}");
            let (year_before, month_before, day_before) = before;
            let same_month = (year, month, day) == (year_before, month_before, day_before + 1);
            let next_month = day == 1 && 12 * year + month == 12 * year_before + month_before + 1;
            assert!(same_month || next_month, "{year}-{month}-{day}");
            before = (year, month, day);
        }
    }
}
