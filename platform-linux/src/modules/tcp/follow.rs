//! Reports of what has changed on the connections of which packets were sampled: bytes,
//! retransmissions, timeouts.
//!
//! A packet shows the state of its connection at one moment. The differences of the counters of its
//! socket need a second moment, which must not depend on a second sample.

use flowmote_core::{Duration, Instant};

use crate::headers::TCP;
use crate::kernel::netlink::sock_diag::{Found, MAX_QUERIES, Query};
use crate::modules::tcp::lookups::Lookups;
use crate::modules::tcp::totals::Totals;
use crate::output::Output;

impl Lookups {
    /// Reports the changes, if it is time to, of a bounded number of connections. The others are next,
    /// and their changes are not lost.
    pub(super) fn report_if_due(&mut self, now: Instant, output: &mut Output<'_>) {
        if self.next_report.is_none_or(|due| now < due) {
            return;
        }
        self.counts.displaced += self.sockets.take_displaced();
        let before = self.counts.changes;
        self.report_closed(now, output);
        for _ in 0..self.sockets.followed().min(MAX_REPORTS) {
            let Some(place) = self.sockets.next_followed() else { break };
            let Some(slot) = self.sockets.get_mut(place) else { break };
            if slot.asked.is_some_and(|asked| now < asked + FRESH) {
                self.report_of(now, place, output);
                continue;
            }
            slot.ask(now);
            self.pending.push(place);
            if self.pending.len() == MAX_QUERIES {
                self.report_pending(now, output);
            }
        }
        self.report_pending(now, output);
        if self.counts.changes != before {
            // Not after the delay of a datagram: a change is to be seen within two seconds.
            output.flush(now);
        }
        let more = self.sockets.followed() > 0;
        self.next_report = more.then_some(now + REPORT_INTERVAL);
    }

    /// Looks up the pending connections and reports their changes.
    fn report_pending(&mut self, now: Instant, output: &mut Output<'_>) {
        if !self.pending.is_empty() {
            self.look_up(now);
        }
        while let Some(place) = self.pending.pop() {
            self.report_of(now, place, output);
        }
    }

    /// Reports the changes of a connection by its last lookup. One that is gone or idle is not followed
    /// any more.
    fn report_of(&mut self, now: Instant, place: usize, output: &mut Output<'_>) {
        let Some(slot) = self.sockets.get(place) else { return };
        let (query, is_gone, is_idle) = (slot.query, slot.is_gone, now >= slot.active + IDLE);
        if let Some(found) = slot.found {
            self.report(now, &query, &found, output);
        }
        if let Some(slot) = self.sockets.get_mut(place).filter(|_| is_gone || is_idle) {
            slot.reported = None;
        }
    }

    /// Reports the last values of connections that were closed, a bounded number of them.
    fn report_closed(&mut self, now: Instant, output: &mut Output<'_>) {
        let Some(mut closed) = self.closed.take() else { return };
        let result = closed.receive(&mut |found| {
            let query = Query {
                protocol: TCP,
                local: found.local,
                remote: found.remote,
                device: 0,
                namespace: None,
            };
            self.report(now, &query, found, output);
        });
        self.counts.overruns += u64::from(result.is_err());
        self.closed = Some(closed);
    }

    fn report(&mut self, now: Instant, query: &Query, found: &Found, output: &mut Output<'_>) {
        let place = self.sockets.find(query);
        let Some(slot) = place.and_then(|place| self.sockets.get_mut(place)) else { return };
        let Some((totals, before)) = Totals::of(found).zip(slot.reported) else { return };
        slot.reported = Some(totals);
        if let Some(difference) = totals.since(&before) {
            slot.active = now;
            self.counts.changes += 1;
            // An error is counted by the agent.
            difference.with_rt_flow(query, |flow| {
                let _ = output.rt_flow(now, flow);
            });
        }
    }
}

pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(1);
/// A lookup for a sample serves a report so long after it: a change is reported after 1.5 seconds at
/// most.
const FRESH: Duration = Duration::from_millis(500);
/// Connections in a report, about 1 ms of CPU.
const MAX_REPORTS: usize = 512;
/// A connection on which nothing happens is not followed for longer. The next packet that is sampled
/// brings it back.
const IDLE: Duration = Duration::from_secs(60);
