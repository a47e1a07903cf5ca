//! A time during which the datagrams of a collector are lost, and how many.

use flowmote_core::{Duration, Instant};

/// The current outage of a collector, if there is one.
///
/// It begins with the first loss. UDP has no acknowledgement, so it ends when datagrams were sent
/// for [`QUIET`] without an error.
#[derive(Debug, Default)]
pub(super) struct Outage {
    current: Option<Current>,
}

#[derive(Debug)]
struct Current {
    began: Instant,
    lost: u64,
    /// Time of the first datagram that was sent after the last loss.
    sent: Option<Instant>,
    /// The state of ICMP errors, once there is one.
    icmp: Option<Icmp>,
    /// A line of the log has reported the begin.
    logged: bool,
}

/// Counts what ICMP errors report. Routers and hosts limit their rate, to one a second by default
/// on Linux, so that the datagrams between two errors of an outage count as lost too.
#[derive(Debug)]
struct Icmp {
    /// Datagrams sent before the first that is lost.
    sent_before: u64,
    errors: u64,
    counted: u64,
}

/// An outage that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) lasted: Duration,
    pub(super) lost: u64,
    pub(super) logged: bool,
}

impl Outage {
    /// Notes a loss of `count` datagrams, which may be 0. Returns true if it begins an outage.
    pub(super) fn lose(&mut self, now: Instant, count: u64) -> bool {
        let begins = self.current.is_none();
        let current = self.current.get_or_insert(Current {
            began: now,
            lost: 0,
            sent: None,
            icmp: None,
            logged: false,
        });
        current.lost = current.lost.saturating_add(count);
        current.sent = None;
        begins
    }

    /// Notes ICMP errors about earlier datagrams, of which `sent` were sent so far. Returns the
    /// number of datagrams that are lost according to them.
    pub(super) fn icmp_errors(&mut self, errors: u64, sent: u64) -> u64 {
        let Some(current) = &mut self.current else { return errors };
        let icmp = current.icmp.get_or_insert(Icmp {
            sent_before: sent.saturating_sub(errors),
            errors: 0,
            counted: 0,
        });
        icmp.errors = icmp.errors.saturating_add(errors);
        let lost = icmp.errors.max(sent.saturating_sub(icmp.sent_before));
        let new = lost.saturating_sub(icmp.counted);
        icmp.counted = lost;
        current.lost = current.lost.saturating_add(new);
        new
    }

    /// Notes whether the begin was logged: if not, the end is not logged either.
    pub(super) fn set_logged(&mut self, logged: bool) {
        if let Some(current) = &mut self.current {
            current.logged = logged;
        }
    }

    /// Notes a loss that begins no outage, such as one before the name has an address.
    pub(super) fn lose_more(&mut self, now: Instant) {
        if self.current.is_some() {
            self.lose(now, 1);
        }
    }

    /// Returns true from the first loss until no error followed for long enough.
    pub(super) fn is_current(&self) -> bool {
        self.current.is_some()
    }

    /// Notes that a datagram was sent.
    #[inline]
    pub(super) fn sent(&mut self, now: Instant) {
        if let Some(current) = &mut self.current {
            current.sent.get_or_insert(now);
        }
    }

    /// When [`take_ended`](Self::take_ended) is to be called.
    pub(super) fn deadline(&self) -> Option<Instant> {
        Some(self.current.as_ref()?.sent? + QUIET)
    }

    /// Ends the outage if no error followed for long enough.
    pub(super) fn take_ended(&mut self, now: Instant) -> Option<Ended> {
        if self.deadline()? > now {
            return None;
        }
        let Current { began, lost, sent, logged, .. } = self.current.take()?;
        Some(Ended { lasted: sent?.since(began), lost, logged })
    }
}

/// Longer than the three seconds until a neighbour counts as unreachable, and than the interval of
/// errors whose rate is limited.
pub(super) const QUIET: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(secs: u64) -> Instant {
        Instant::from_millis(secs * 1000)
    }

    #[test]
    fn outage_ends_when_datagrams_are_sent_without_an_error() {
        let mut outage = Outage::default();
        outage.sent(at(1));
        outage.lose_more(at(1));
        assert_eq!(outage.deadline(), None);
        assert!(outage.lose(at(2), 3));
        outage.set_logged(true);
        assert!(!outage.lose(at(3), 1));
        assert_eq!((outage.deadline(), outage.take_ended(at(100))), (None, None), "nothing sent");
        outage.sent(at(4));
        outage.sent(at(5));
        assert_eq!(outage.deadline(), Some(at(14)));
        outage.lose_more(at(6));
        assert_eq!(outage.take_ended(at(14)), None, "an error came after it");
        outage.sent(at(20));
        assert_eq!(outage.take_ended(at(29)), None);
        let ended = Ended { lasted: Duration::from_secs(18), lost: 5, logged: true };
        assert_eq!(outage.take_ended(at(30)), Some(ended));
        assert_eq!((outage.deadline(), outage.take_ended(at(99))), (None, None));
    }

    #[test]
    fn datagrams_between_two_icmp_errors_are_lost() {
        let mut outage = Outage::default();
        assert_eq!(outage.icmp_errors(1, 100), 1, "too big for the path: no outage");
        outage.lose(at(1), 0);
        // One of 100, its second one read later, then every tenth only.
        assert_eq!(outage.icmp_errors(1, 100), 1);
        assert_eq!(outage.icmp_errors(1, 100), 1);
        assert_eq!(outage.icmp_errors(1, 110), 9);
        assert_eq!(outage.icmp_errors(2, 111), 1);
        outage.sent(at(1));
        assert_eq!(outage.take_ended(at(11)).unwrap().lost, 12);
        outage.lose(at(12), 0);
        assert_eq!(outage.icmp_errors(1, 150), 1, "a new outage begins anew");
    }
}
