//! Spans of time in a query string.

use core::time::Duration;

use flowmote_engine::Instant;

use crate::http::reply::Failure;
use crate::hub::Hub;

/// The span that a request is about, and its steps. Times are since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) step: Option<Duration>,
    /// Where the first whole step begins.
    pub(super) first: Instant,
}

/// The span that a request names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Named {
    from: Moment,
    to: Moment,
    step: Option<Duration>,
    /// Milliseconds since 1970.
    now: u64,
}

/// A time: milliseconds since 1970, or before now.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Moment {
    Unix(u64),
    Ago(Duration),
}

impl Named {
    /// Reads `from` (five minutes ago), `to` (now) and `step` (none).
    pub(super) fn read(hub: &Hub, [from, to, step]: [Option<&str>; 3]) -> Result<Self, Failure> {
        let step = parameter("step", step, "`10s`", duration)?.filter(|step| !step.is_zero());
        let from = parameter("from", from, TIME, moment)?.unwrap_or(Moment::Ago(DEFAULT));
        let to = parameter("to", to, TIME, moment)?.unwrap_or(Moment::Ago(Duration::ZERO));
        Ok(Self { from, to, step, now: hub.unix_ms(hub.now()) })
    }

    /// The span without what is before `earliest`, in milliseconds since 1970. A span that begins some time
    /// ago has steps at multiples of the step, so that those of later requests are the same.
    pub(super) fn span(&self, earliest: u64) -> Span {
        let step = self.step;
        let step_ms = step.map_or(1, milliseconds).max(1);
        let (begin, to) = (self.begin(), self.unix(self.to));
        let before = earliest.saturating_sub(begin);
        let first = begin.saturating_add(before.div_ceil(step_ms).saturating_mul(step_ms));
        let [from, to, first] = [begin.max(earliest), to.max(earliest), first].map(since_1970);
        Span { from, to, step, first }
    }

    /// The beginning in milliseconds since 1970.
    pub(super) fn begin(&self) -> u64 {
        let step_ms = self.step.map_or(1, milliseconds).max(1);
        match self.from {
            Moment::Unix(time) => time,
            ago => self.unix(ago) / step_ms * step_ms,
        }
    }

    fn unix(&self, moment: Moment) -> u64 {
        match moment {
            Moment::Unix(time) => time,
            Moment::Ago(ago) => self.now.saturating_sub(milliseconds(ago)),
        }
    }
}

/// Milliseconds since 1970 as a time since then.
pub(super) fn since_1970(milliseconds: u64) -> Instant {
    Instant::after_start(Duration::from_millis(milliseconds))
}

/// A time since 1970 in milliseconds.
pub(super) fn unix_ms(time: Instant) -> u64 {
    milliseconds(time.since(Instant::default()))
}

fn parameter<T>(
    name: &str,
    text: Option<&str>,
    expected: &str,
    read: fn(&str) -> Option<T>,
) -> Result<Option<T>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || Failure::bad(format!("{name}: expected {expected}, not {text:?}"));
    read(text).map(Some).ok_or_else(wrong)
}

fn moment(text: &str) -> Option<Moment> {
    match text.strip_prefix('-') {
        Some(ago) => duration(ago).map(Moment::Ago),
        None if text == "now" => Some(Moment::Ago(Duration::ZERO)),
        None => text.parse().ok().map(Moment::Unix),
    }
}

/// A number with `ms`, `s`, `m` or `h`; without, seconds.
fn duration(text: &str) -> Option<Duration> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let unit = |(name, seconds)| Some((text.strip_suffix(name)?, seconds));
    let (number, seconds) = units.into_iter().find_map(unit).unwrap_or((text, 1.0));
    // `parse` would accept a sign, and `inf`.
    let number = Some(number).filter(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    Duration::try_from_secs_f64(number?.parse::<f64>().ok()? * seconds).ok()
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

const DEFAULT: Duration = Duration::from_secs(300);
const TIME: &str = "`-5m`, or milliseconds since 1970";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let millis = |text| duration(text).map(milliseconds);
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("10s"), Some(10_000));
        assert_eq!(millis("1.5m"), Some(90_000));
        assert_eq!(millis("2h"), Some(7_200_000));
        assert_eq!(millis("7"), Some(7000));
        for text in ["", "s", "-1s", "+1s", "inf", "nan", "1d", "1e400", "1 s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_before_now_or_since_1970() {
        assert_eq!(moment("-5m"), Some(Moment::Ago(Duration::from_secs(300))));
        assert_eq!(moment("now"), Some(Moment::Ago(Duration::ZERO)));
        assert_eq!(moment("1790000000000"), Some(Moment::Unix(1_790_000_000_000)));
        assert_eq!(moment("5m"), None);
        assert_eq!(moment("--5m"), None);
    }
}
