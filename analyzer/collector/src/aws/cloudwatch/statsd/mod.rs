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

use super::datum::report;
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
    let receive = move || {
        let (mut receiver, mut batch) = (Receiver::of(socket), Batch::new());
        let mut table = Table::new(capacity);
        let interval = i64::try_from(interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let mut begin = now(&hub) / interval;
        loop {
            receiver.receive(&mut batch, usize::MAX)?;
            batch.iter().for_each(|(payload, _)| counters.read(&mut table, payload));
            let time = now(&hub);
            if time / interval != begin {
                report(&hub, &table.collect(begin * interval));
                begin = time / interval;
            }
            if batch.is_empty() {
                let rest = interval - time % interval;
                receiver.wait_for(Duration::from_millis(rest.unsigned_abs()))?;
            }
        }
    };
    thread::Builder::new().name("statsd".to_owned()).spawn(receive)
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
