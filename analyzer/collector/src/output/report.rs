//! Lines on standard error while datagrams are written.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::HashMap;
use std::time::Instant;

use flowmote_decoder::Error;
use flowmote_engine::{Gaps, Refused, Tally};

use crate::receive::Drops;
use crate::stderr::eprintln_lossy;

/// The line of `--interval`, the summary of SIGUSR1, and a line for senders of other protocols.
#[derive(Debug)]
pub(crate) struct Report {
    interval: Option<Duration>,
    next: Option<Instant>,
    drops: Drops,
    /// The totals of gaps at the last report. Streams are listed only if there are new gaps.
    gaps: Gaps,
    notices: Notices,
}

impl Report {
    /// A report every `interval`; `None` for none.
    pub(crate) fn new(interval: Option<Duration>, drops: Drops) -> Self {
        let next = interval.map(|interval| Instant::now() + interval);
        Self { interval, next, drops, gaps: Gaps::default(), notices: Notices::default() }
    }

    /// The time of the next report.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Prints the summary.
    pub(super) fn now(&self, summary: &str) {
        eprintln_lossy(format_args!("flowmote-analyzer: {summary}\n{}", self.drops));
    }

    /// Prints the report if it is due, and a line if the last datagrams were of another protocol.
    pub(super) fn tick(&mut self, tally: &Tally) {
        let now = Instant::now();
        if let Some(line) = tally.last_refused.and_then(|refused| self.notices.note(now, &refused))
        {
            eprintln_lossy(line);
        }
        let due = self.next.filter(|next| now >= *next);
        let (Some(_), Some(interval)) = (due, self.interval) else { return };
        self.next = Some(now + interval);
        let mut text = format!("flowmote-analyzer: {}, {}", tally.line(), self.drops);
        if self.gaps != tally.sequences.totals {
            self.gaps = tally.sequences.totals;
            text += &tally.sequences.to_string();
        }
        eprintln_lossy(text);
    }
}

/// Lines about refused datagrams: at most one a minute for each sender.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    last: Option<Refused>,
    shown: HashMap<Option<IpAddr>, Instant>,
}

impl Notices {
    /// Returns the line for `refused`; `None` if it has been shown.
    pub(crate) fn note(&mut self, now: Instant, refused: &Refused) -> Option<String> {
        if self.last.as_ref() == Some(refused) {
            return None;
        }
        self.last = Some(*refused);
        self.shown.retain(|_, shown| now.saturating_duration_since(*shown) < NOTICE_INTERVAL);
        let sender = refused.arrival.sender;
        if self.shown.len() >= MAX_SENDERS || self.shown.contains_key(&sender) {
            return None;
        }
        self.shown.insert(sender, now);
        Some(format!("flowmote-analyzer: {}", notice(refused)))
    }
}

/// The reason for which datagrams of a sender are not shown.
pub(crate) fn notice(refused: &Refused) -> String {
    let Refused { arrival, error } = refused;
    let sender = arrival.sender.map_or("an unknown address".to_owned(), |ip| ip.to_string());
    match error {
        // The error is the name of the protocol.
        Error::NetFlow(_) | Error::Ipfix => format!("{sender} sends {error}"),
        _ => format!("datagrams from {sender} are refused: {error}"),
    }
}

/// Time between two lines about a sender.
const NOTICE_INTERVAL: Duration = Duration::from_secs(60);
/// Senders that get a line within this time, so that forged ones do not fill the log.
const MAX_SENDERS: usize = 16;

#[cfg(test)]
mod tests {
    use flowmote_engine::{Arrival, Instant as EngineTime};

    use super::*;

    #[test]
    fn each_sender_gets_a_line_a_minute() {
        let start = Instant::now();
        let mut notices = Notices::default();
        let mut note = |seconds: u64, sender: u8| {
            let time = EngineTime::after_start(Duration::from_secs(seconds));
            let arrival = Arrival { time, sender: Some([192, 0, 2, sender].into()) };
            let refused = Refused { arrival, error: Error::Short };
            notices.note(start + Duration::from_secs(seconds), &refused)
        };
        assert!(note(0, 1).unwrap().contains("192.0.2.1"));
        assert!(note(0, 2).unwrap().contains("192.0.2.2"));
        assert_eq!((note(1, 1), note(59, 1)), (None, None));
        assert!(note(60, 1).is_some());
        assert_eq!((60..=120).filter(|seconds| note(*seconds, 1).is_some()).count(), 1);
        assert_eq!(
            (100..200).filter(|sender| note(121, *sender).is_some()).count(),
            MAX_SENDERS - 1
        );
    }
}
