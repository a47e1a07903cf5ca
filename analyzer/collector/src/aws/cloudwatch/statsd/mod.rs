//! StatsD by UDP: metrics of applications, as the CloudWatch agent takes them.
//!
//! A thread receives [lines](line) into a [table], and takes a point of each metric from it at the end of each
//! interval of the clock. The point has the time at which the interval began, as a period has.

mod line;
mod table;

use core::convert::Infallible;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;

use super::datum::{Datum, report};
use crate::hub::Hub;
use crate::receive::{Batch, Drops, Receiver, Socket};
pub(in crate::aws) use table::Table;

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) datagrams: AtomicU64,
    /// Values that were added.
    pub(crate) values: AtomicU64,
    /// Lines of another form.
    pub(crate) malformed: AtomicU64,
    /// Values for which there was no room.
    pub(crate) dropped: AtomicU64,
    /// What the kernel dropped at the socket, or the list of senders refused.
    pub(crate) drops: OnceLock<Drops>,
    /// The values of now, if StatsD is received.
    interval: Mutex<Option<Interval>>,
}

/// What was received since the last end of an interval.
#[derive(Debug)]
struct Interval {
    table: Table,
    /// Milliseconds.
    length: i64,
    /// The beginning, in milliseconds since 1970.
    begin: i64,
}

/// Starts the thread, which ends after an error only. Its table uses at most about `capacity` bytes.
pub(crate) fn start(
    hub: Arc<Hub>,
    socket: Socket,
    interval: Duration,
    capacity: usize,
) -> io::Result<JoinHandle<io::Result<Infallible>>> {
    let counters = hub.aws.statsd.clone();
    // The first of them only.
    let _ = counters.drops.set(socket.drops()?);
    let length = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
    *counters.interval.lock() = Some(Interval::new(Table::new(capacity), length, now(&hub)));
    let receive = move || {
        let (mut receiver, mut batch) = (Receiver::of(socket), Batch::new());
        loop {
            receiver.receive(&mut batch, usize::MAX)?;
            let (mut interval, mut data) = (counters.interval.lock(), Vec::new());
            if let Some(interval) = &mut *interval {
                batch.iter().for_each(|(payload, _)| counters.read(&mut interval.table, payload));
                data = interval.collect_at(now(&hub));
            }
            drop(interval);
            report(&hub, &data);
            if batch.is_empty() {
                let rest = length - now(&hub) % length;
                receiver.wait_for(Duration::from_millis(rest.unsigned_abs()))?;
            }
        }
    };
    thread::Builder::new().name("statsd".to_owned()).spawn(receive)
}

/// Takes the values of the interval that has not ended yet, at the end of the program.
pub(crate) fn finish(hub: &Hub) {
    let interval = hub.aws.statsd.interval.lock().take();
    if let Some(Interval { mut table, begin, .. }) = interval {
        report(hub, &table.collect(begin));
    }
}

impl Interval {
    fn new(table: Table, length: i64, now: i64) -> Self {
        Self { table, length, begin: now - now.rem_euclid(length) }
    }

    /// The points of the interval, if it has ended at a time. Then the one of this time begins.
    fn collect_at(&mut self, now: i64) -> Vec<Datum> {
        let begin = now - now.rem_euclid(self.length);
        if begin == self.begin {
            return Vec::new();
        }
        self.table.collect(core::mem::replace(&mut self.begin, begin))
    }
}

fn now(hub: &Hub) -> i64 {
    hub.unix_ms(hub.now()).cast_signed()
}

impl Counters {
    /// Adds the lines of a datagram.
    pub(in crate::aws) fn read(&self, table: &mut Table, payload: &[u8]) {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        count(&self.datagrams);
        for text in payload.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            if text.is_empty() {
                continue;
            }
            match core::str::from_utf8(text).map_err(drop).and_then(line::read) {
                Ok(values) => {
                    for (metric, value) in values {
                        let added = table.add(metric, value);
                        count(if added { &self.values } else { &self.dropped });
                    }
                }
                Err(()) => drop(count(&self.malformed)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_is_collected_at_its_end_with_the_time_of_its_beginning() {
        let (counters, mut interval) =
            (Counters::default(), Interval::new(Table::new(1 << 20), 10, 25));
        let times = |data: Vec<Datum>| {
            data.iter()
                .flat_map(|it| &it.points)
                .map(|point| (point.end, point.sum))
                .collect::<Vec<_>>()
        };
        counters.read(&mut interval.table, b"a:1|c");
        assert_eq!(times(interval.collect_at(29)), []);
        counters.read(&mut interval.table, b"a:2|c");
        assert_eq!(times(interval.collect_at(30)), [(20, 3.0)]);
        counters.read(&mut interval.table, b"a:4|c");
        // A pause of several intervals.
        assert_eq!(times(interval.collect_at(61)), [(30, 4.0)]);
        assert_eq!((times(interval.collect_at(70)), interval.begin), (vec![], 70));
    }

    #[test]
    fn lines_of_a_datagram_are_counted() {
        let (counters, mut table) = (Counters::default(), Table::new(1 << 20));
        counters.read(&mut table, b"a:1|c\nb:2|g\r\n\n  c:3|ms:4|ms \nwrong\n\xff:1|c\n");
        counters.read(&mut table, b"");
        let mut full = Table::new(0);
        counters.read(&mut full, b"a:1|c");
        let counts =
            [&counters.datagrams, &counters.values, &counters.malformed, &counters.dropped]
                .map(|counter| counter.load(Ordering::Relaxed));
        assert_eq!(counts, [3, 4, 2, 1]);
        assert_eq!(table.collect(0).len(), 3);
    }
}
