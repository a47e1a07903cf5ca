//! Log lines that an outside event can repeat, limited to one a minute.

use std::collections::BTreeMap;
use std::fmt;

use flowmote_core::{Duration, Instant};
use log::warn;

/// Limits the warnings of one kind and counts those that it suppresses.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    next: Option<Instant>,
    suppressed: u64,
}

impl Throttle {
    /// Logs a warning, unless the last one is less than a minute old. A line that follows
    /// suppressed ones ends with their number. Returns true if it was logged.
    pub(crate) fn warn(&mut self, now: Instant, text: fmt::Arguments<'_>) -> bool {
        match self.admit(now) {
            Some(0) => warn!("{text}"),
            Some(count) => warn!("{text} ({count} similar lines suppressed)"),
            None => return false,
        }
        true
    }

    /// Returns the number of lines suppressed since the last one if a line may be logged now.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.next = Some(now + INTERVAL);
        Some(core::mem::take(&mut self.suppressed))
    }
}

/// Limits warnings about a state that lasts to one for each reason.
#[derive(Debug, Default)]
pub(crate) struct ThrottleByReason {
    throttle: Throttle,
    /// The last text that was logged since the state ended.
    last: String,
}

impl ThrottleByReason {
    /// Logs a warning, unless the last one since [`clear`](Self::clear) had the same text or is less
    /// than a minute old. Returns true if it was logged.
    pub(crate) fn warn(&mut self, now: Instant, text: fmt::Arguments<'_>) -> bool {
        let text = text.to_string();
        let is_logged = text != self.last && self.throttle.warn(now, format_args!("{text}"));
        if is_logged {
            self.last = text;
        }
        is_logged
    }

    /// Ends the state: the next warning is logged, whatever its text.
    pub(crate) fn clear(&mut self) {
        self.last.clear();
    }
}

/// Limits warnings about many subjects, such as interfaces, each text on its own: what is refused
/// to one interface is refused to hundreds. The texts must be few, because each is kept.
#[derive(Debug, Default)]
pub(crate) struct ThrottleByText {
    throttles: BTreeMap<String, Throttle>,
}

impl ThrottleByText {
    /// Logs each of `texts` with the name of the subject in front, unless the text was logged less
    /// than a minute ago, about whichever subject.
    pub(crate) fn warn(&mut self, now: Instant, subject: &str, texts: &[String]) {
        for text in texts {
            let throttle = self.throttles.entry(text.clone()).or_default();
            throttle.warn(now, format_args!("{subject}: {text}"));
        }
    }
}

const INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_minute_and_the_suppressed_are_counted() {
        let mut throttle = Throttle::default();
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        assert_eq!(throttle.admit(at(1)), Some(0));
        assert_eq!(throttle.admit(at(2)), None);
        assert_eq!(throttle.admit(at(60)), None);
        assert_eq!(throttle.admit(at(61)), Some(2));
        assert_eq!(throttle.admit(at(121)), Some(0));
    }

    #[test]
    fn reason_is_logged_again_only_after_the_state_ended() {
        let mut throttle = ThrottleByReason::default();
        let mut warn = |secs: u64, text: &str| {
            if text.is_empty() {
                throttle.clear();
            }
            throttle.warn(Instant::from_millis(secs * 1000), format_args!("{text}"))
        };
        assert!(warn(0, "a") && !warn(100, "a") && !warn(1000, "a"));
        assert!(warn(1001, "b") && !warn(1002, "a"), "within a minute");
        assert!(warn(1100, "a"));
        assert!(!warn(1200, ""), "no text");
        assert!(warn(1300, "a"));
    }

    #[test]
    fn each_text_has_a_limit_of_its_own() {
        let mut throttle = ThrottleByText::default();
        let texts = ["no eBPF".to_owned(), "small ring".to_owned()];
        for subject in ["eth0", "eth1", "eth2"] {
            throttle.warn(Instant::ZERO, subject, &texts[..1]);
        }
        throttle.warn(Instant::ZERO, "eth3", &texts);
        let suppressed = |text: &String| throttle.throttles[text].suppressed;
        assert_eq!(texts.each_ref().map(suppressed), [3, 0]);
    }
}
