//! The work of flow logs, on a thread of its own: samples become records, and records lines.

use core::cell::RefCell;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use flowmote_decoder::Address;
use flowmote_engine::Instant as EngineTime;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::records::{Action, Closed, Meter, Status, Window, Windows};

use super::batches::Batches;
use super::definition::{Destination, Traffic};
use super::field::Line;
use super::files::Files;
use super::interface::Interfaces;
use super::{Active, vpc_group};
use crate::hub::Hub;

/// The thread, until its end.
#[derive(Debug)]
pub(crate) struct Running {
    hub: Arc<Hub>,
    thread: JoinHandle<()>,
}

/// Starts the thread. Its records have about `memory` bytes.
pub(crate) fn start(hub: Arc<Hub>, memory: usize) -> io::Result<Running> {
    let own = hub.clone();
    make_groups(&hub);
    let files = hub.flow_logs.options.files.clone().map(|options| {
        let (clock, counts) = (hub.clone(), hub.flow_logs.file_counts.clone());
        Files::start(options, counts, memory, move || clock.unix_ms(clock.now()) / 1000)
    });
    let files = files.transpose()?;
    let history = hub.flow_logs.options.history.clone().map(|options| {
        let (clock, counts) = (hub.clone(), hub.flow_logs.history_counts.clone());
        Files::start(options, counts, memory, move || clock.unix_ms(clock.now()) / 1000)
    });
    let history = history.transpose()?;
    let work = move || {
        let mut worker = Worker::new(&own, memory, [files, history]);
        while !own.flow_logs.ends() {
            thread::sleep(PERIOD);
            worker.turn(&own, GRACE);
        }
        worker.end(&own);
    };
    let thread = thread::Builder::new().name("flow logs".to_owned()).spawn(work)?;
    Ok(Running { hub, thread })
}

/// Makes the log groups of the flow logs that are not there: they have a group before they have a line.
pub(crate) fn make_groups(hub: &Hub) {
    let now = hub.unix_ms(hub.now()).cast_signed();
    for log in hub.flow_logs.active().iter() {
        if let Destination::Group(group) = &log.setting.destination {
            hub.aws.logs.make_group(group, now);
        }
    }
}

impl Running {
    /// Ends the thread, after the records of the last window.
    pub(crate) fn end(self) {
        self.hub.flow_logs.ends.store(true, Ordering::Relaxed);
        // A panic of the thread was printed when it happened.
        let _ = self.thread.join();
    }
}

/// What the thread has between two turns.
#[derive(Debug)]
struct Worker {
    meter: Meter,
    /// Samples of each analyzer that were read.
    read: Vec<u64>,
    logs: Arc<Vec<Active>>,
    lines: Lines,
}

/// The lines of records.
#[derive(Debug)]
struct Lines {
    interfaces: Interfaces,
    batches: Batches,
    files: Option<Files>,
    /// Of the history of flows.
    history: Option<Files>,
    /// The end of the time that a disk has in this turn to take lines. Samples wait meanwhile, and are kept.
    deadline: Instant,
    /// Reused for each line.
    line: String,
    stream: String,
}

impl Worker {
    fn new(hub: &Hub, memory: usize, [files, history]: [Option<Files>; 2]) -> Self {
        Self {
            meter: Meter::new(memory, hub.start_unix()),
            read: Vec::new(),
            logs: Arc::default(),
            lines: Lines {
                interfaces: Interfaces::default(),
                batches: Batches::new(Files::batch(memory)),
                files,
                history,
                deadline: Instant::now(),
                line: String::new(),
                stream: String::new(),
            },
        }
    }

    /// Reads the samples that have come, and writes the lines of windows that ended `grace` ago.
    fn turn(&mut self, hub: &Hub, grace: Duration) {
        let elapsed = hub.now().since(EngineTime::default());
        let now = EngineTime::after_start(elapsed.saturating_sub(grace));
        self.lines.deadline = Instant::now() + PATIENCE;
        self.adopt(hub, now);
        self.read(hub);
        self.close(hub, now);
        let counts = &hub.flow_logs.counts;
        counts.refused.store(self.meter.refused, Ordering::Relaxed);
        counts.missed.store(self.meter.missed, Ordering::Relaxed);
        counts.open.store(self.meter.open() as u64, Ordering::Relaxed);
    }

    /// Adopts definitions that have changed.
    fn adopt(&mut self, hub: &Hub, now: EngineTime) {
        let logs = hub.flow_logs.active();
        if Arc::ptr_eq(&logs, &self.logs) {
            return;
        }
        let mut windows: Vec<Windows> = Vec::new();
        for log in logs.iter() {
            let (seconds, link) = (log.setting.window, log.format.has_link());
            let early = log.is_history();
            match windows.iter_mut().find(|window| window.seconds == seconds) {
                Some(window) => {
                    window.link |= link;
                    window.early |= early;
                }
                None => windows.push(Windows { seconds, link, early }),
            }
        }
        self.meter.set_windows(now, &windows);
        self.logs = logs;
    }

    fn read(&mut self, hub: &Hub) {
        let Self { meter, read, logs, lines } = self;
        read.resize(hub.threads(), 0);
        // One after the other, as each has a copy of its newest samples.
        for (number, read) in read.iter_mut().enumerate() {
            let take =
                |analyzer: &mut Analyzer| (analyzer.history().after(*read), analyzer.take_losses());
            let Some((fresh, losses)) = hub.at_mut(number, take) else { continue };
            *read = fresh.end;
            meter.add(&fresh, |window, closed| lines.add(hub, logs, window, closed));
            meter.lose(&losses);
        }
    }

    fn close(&mut self, hub: &Hub, now: EngineTime) {
        let Self { meter, logs, lines, .. } = self;
        // All analyzers are asked, so once for all interfaces of an agent.
        let (no_data, seen) = (hub.flow_logs.options.no_data, RefCell::new(HashMap::new()));
        let last_seen = |agent| {
            let read = || last_seen(hub, agent);
            if no_data { *seen.borrow_mut().entry(agent).or_insert_with(read) } else { None }
        };
        meter.close(now, last_seen, |window, closed| lines.add(hub, logs, window, closed));
        lines.flush(hub);
        if let Some(history) = &lines.history {
            history.close(hub.unix_ms(now) / 1000);
        }
    }

    /// Writes what is left when the program ends.
    fn end(&mut self, hub: &Hub) {
        self.turn(hub, Duration::ZERO);
        let Self { meter, logs, lines, .. } = self;
        meter.finish(hub.now(), |window, closed| lines.add(hub, logs, window, closed));
        lines.flush(hub);
    }
}

/// The time of the last datagram of an agent.
fn last_seen(hub: &Hub, agent: Address) -> Option<EngineTime> {
    let seen = hub.each(|analyzer| analyzer.agents().get(agent).map(|agent| agent.last_seen));
    seen.into_iter().flatten().max()
}

impl Lines {
    /// Adds the lines that flow logs have for a record, or for an interface without one.
    fn add(&mut self, hub: &Hub, logs: &[Active], window: Window, closed: Closed<'_>) {
        let source = match closed {
            Closed::Record(key, ..) => key.interface,
            Closed::Interface(source, _) => source,
        };
        let interface = self.interfaces.get(hub, source);
        let account = interface.account.as_deref().unwrap_or(&hub.flow_logs.options.account);
        let mut line = Line {
            version: 2,
            account,
            interface: &interface,
            tag_keys: &[],
            start: window.start,
            end: window.start + u64::from(window.seconds.saturating_sub(1)),
            record: None,
            frames: None,
            status: "OK",
        };
        let mut time = Duration::from_secs(window.start);
        match closed {
            Closed::Record(key, record, frames) => {
                line.frames = frames;
                (line.start, line.end) =
                    (record.first(window).as_secs(), record.last(window).as_secs());
                (line.record, time) = (Some((key, record)), record.first(window));
            }
            Closed::Interface(_, Status::NoData) => line.status = "NODATA",
            Closed::Interface(_, Status::Skipped) => line.status = "SKIPDATA",
        }
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        for log in logs.iter().filter(|log| log.setting.window == window.seconds) {
            let action = line.record.map(|(key, _)| key.action());
            if !log.setting.traffic.has(action) || !interface.is_in(&log.setting.resource) {
                continue;
            }
            if log.is_history() && line.record.is_none() {
                continue;
            }
            (line.version, line.tag_keys) = (log.format.version(), &log.setting.tag_keys);
            self.line.clear();
            log.format.write(&line, &mut self.line);
            hub.flow_logs.counts.lines.fetch_add(1, Ordering::Relaxed);
            if let Some(files) = &log.files {
                self.batches.add_to_file(files, files.slot(window.start), &self.line);
            }
            let Destination::Group(group) = &log.setting.destination else { continue };
            self.stream.clear();
            self.stream.push_str(&interface.id);
            self.stream.push('-');
            self.stream.push_str(log.setting.traffic.stream());
            self.batches.add(group, &self.stream, time, &self.line);
            if log.is_first()
                && let Some(vpc) = &interface.vpc
                && hub.flow_logs.note_vpc(vpc, hub.unix_ms(hub.now()))
            {
                self.batches.add(&vpc_group(vpc), &self.stream, time, &self.line);
            }
        }
        if self.batches.are_full() {
            self.flush(hub);
        }
    }

    fn flush(&mut self, hub: &Hub) {
        let files = [self.files.as_ref(), self.history.as_ref()];
        self.batches.flush(hub, files, self.deadline);
    }
}

impl Traffic {
    /// True for records with this fate; `None` is the status of an interface, which all have: what is
    /// missing may have been of any fate.
    fn has(self, action: Option<Action>) -> bool {
        match action {
            None => true,
            Some(Action::Accept) => matches!(self, Self::Accept | Self::All),
            Some(Action::Reject) => self != Self::Accept,
            Some(Action::Discard) => self == Self::Discards,
        }
    }
}

/// Time between two turns.
const PERIOD: Duration = Duration::from_millis(200);
/// A window is closed so long after its end, when all samples are stored that came before it.
const GRACE: Duration = Duration::from_millis(100);
/// Time that a disk has in a turn to take lines.
const PATIENCE: Duration = Duration::from_secs(1);
