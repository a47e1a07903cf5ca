//! Metrics sent to other systems: Prometheus remote write, and OpenTelemetry over HTTP.
//!
//! One thread reads what is new since the last time and encodes it for each protocol in use. Each
//! destination has a queue and a thread that sends. So a destination that is slow or fails holds up
//! neither packets nor requests nor other destinations.

mod agents;
mod catalogue;
mod destination;
mod fresh;
mod names;
mod otlp;
mod own;
mod queue;
mod remote_write;
mod sender;
mod series;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use crate::hub::Hub;
use agents::Agents;
use destination::Protocol;
pub(crate) use destination::{Destination, ExportArguments};
use otlp::Otlp;
use own::Own;
use queue::Batch;
use remote_write::RemoteWrite;
use sender::Sender;
use series::{Encode, Series};

/// All destinations.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    destinations: Vec<Arc<Destination>>,
    interval: Duration,
    /// Bytes that queues and series may use together.
    pub(crate) memory: usize,
    /// Samples without room.
    skipped: AtomicU64,
    stage: Mutex<Stage>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Running,
    /// The last samples are to be read.
    Ending,
    Ended,
}

/// The requests of a protocol in the making.
struct Output {
    encoder: Box<dyn Encode>,
    samples: u64,
    destinations: Vec<Arc<Destination>>,
}

impl Exports {
    /// The destinations that options name, with a share of `memory`.
    ///
    /// # Errors
    /// The option or file that cannot be used, and why.
    pub(crate) fn new(arguments: &ExportArguments, memory: usize) -> Result<Self, String> {
        let destinations = arguments.destinations(memory / 32)?;
        let destinations: Vec<_> = destinations.into_iter().map(Arc::new).collect();
        let memory = if destinations.is_empty() { 0 } else { memory / 8 };
        let interval = arguments.export_interval;
        Ok(Self { destinations, interval, memory, ..Self::default() })
    }

    /// Starts the threads.
    pub(crate) fn start(hub: &Arc<Hub>) -> io::Result<()> {
        let exports = &hub.exports;
        if exports.destinations.is_empty() {
            return Ok(());
        }
        for destination in &exports.destinations {
            let sender = Sender::new(destination.clone());
            thread::Builder::new().name("send".to_owned()).spawn(move || sender.run())?;
        }
        let hub = hub.clone();
        let read = move || hub.exports.read(&hub);
        thread::Builder::new().name("export".to_owned()).spawn(read).map(drop)
    }

    /// Reads new samples at the interval, until the end.
    fn read(&self, hub: &Hub) {
        let (mut agents, mut own) = (Agents::new(self.memory / 2), Own::new(self.memory / 4));
        let mut outputs = self.outputs();
        let mut next = Instant::now();
        loop {
            // Passes that took too long are left out.
            next = (next + self.interval).max(Instant::now());
            let stage = self.wait(next);
            let mut emit = |series: &Series<'_>| outputs.iter_mut().for_each(|it| it.add(series));
            agents.collect(hub, &mut emit);
            own.collect(hub, &mut emit);
            outputs.iter_mut().for_each(Output::finish);
            self.skipped.store(agents.skipped() + own.skipped(), Ordering::Relaxed);
            if stage == Stage::Ending {
                return self.set(Stage::Ended);
            }
        }
    }

    /// One output for each protocol in use.
    fn outputs(&self) -> Vec<Output> {
        let of = |protocol, encoder: Box<dyn Encode>| {
            let own = self.destinations.iter().filter(|it| it.protocol == protocol);
            Output { encoder, samples: 0, destinations: own.cloned().collect() }
        };
        let all = [
            of(Protocol::RemoteWrite, Box::<RemoteWrite>::default()),
            of(Protocol::Otlp, Box::<Otlp>::default()),
        ];
        all.into_iter().filter(|output| !output.destinations.is_empty()).collect()
    }

    fn wait(&self, until: Instant) -> Stage {
        let mut stage = self.stage.lock();
        while *stage == Stage::Running {
            if self.changed.wait_until(&mut stage, until).timed_out() {
                break;
            }
        }
        *stage
    }

    fn set(&self, stage: Stage) {
        *self.stage.lock() = stage;
        self.changed.notify_all();
    }

    /// Sends the last samples, unless that takes too long.
    pub(crate) fn finish(&self) {
        if self.destinations.is_empty() {
            return;
        }
        let deadline = Instant::now() + LAST;
        self.set(Stage::Ending);
        let mut stage = self.stage.lock();
        while *stage != Stage::Ended {
            if self.changed.wait_until(&mut stage, deadline).timed_out() {
                return;
            }
        }
        self.destinations.iter().for_each(|destination| destination.queue.end(deadline));
    }

    pub(crate) fn destinations(&self) -> impl Iterator<Item = &Destination> {
        self.destinations.iter().map(|destination| &**destination)
    }

    /// Samples that were not exported because there are too many series or names.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

impl Output {
    fn add(&mut self, series: &Series<'_>) {
        // A receiver that was away gets many points of a series in several requests.
        for points in series.points.chunks(MAX_SAMPLES) {
            self.encoder.add(&Series { points, ..*series });
            self.samples += points.len() as u64;
            if self.samples >= MAX_SAMPLES as u64 {
                self.finish();
            }
        }
    }

    /// Puts the request into the queues.
    fn finish(&mut self) {
        let samples = core::mem::take(&mut self.samples);
        if samples > 0 {
            let batch = Arc::new(Batch { body: self.encoder.finish(), samples });
            self.destinations.iter().for_each(|it| it.queue.push(batch.clone()));
        }
    }
}

/// Samples of a request.
const MAX_SAMPLES: usize = 2000;
/// Time for the last samples when the program ends.
const LAST: Duration = Duration::from_secs(2);
