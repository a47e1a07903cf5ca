//! Applications that report their operations, counters and metrics in JSON, in datagrams to the
//! loopback addresses or by a FIFO.

mod application;
mod applications;
mod budget;
mod custom;
mod fifo;
mod inbox;
mod intake;
mod members;
mod message;
mod objects;
mod pause;
mod refusals;
mod samples;
mod sockets;
#[cfg(any(test, feature = "_testing"))]
pub mod testing;
mod value;

use flowmote_core::{DataSource, Duration, Instant};
use log::{info, warn};

use crate::config::{Config, JsonInput};
use crate::links::Links;
use crate::modules::json::fifo::Fifo;
use crate::modules::json::intake::{Counts, Intake, Scene};
use crate::modules::json::sockets::{Outcome, Sockets};
use crate::modules::module::{Findings, Line, Module, Statistics, World};
use crate::output::Output;
use crate::throttle::Throttle;

/// The inputs of the `json { }` block, if there is one, and the applications that use them.
#[derive(Debug, Default)]
pub(crate) struct Json {
    /// There is a block, so that the statistics have its line, also before the first message.
    is_configured: bool,
    sockets: Sockets,
    fifo: Option<Fifo>,
    /// The path was reported as one that cannot be opened.
    fifo_reported: bool,
    intake: Intake,
    /// When to try again what failed, and to look whether the FIFO was replaced.
    retry: Option<Instant>,
    throttle: Throttle,
}

impl Module for Json {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let config = world.config;
        let none = JsonInput { port: 0, fifo: None };
        let input = config.json.as_ref().unwrap_or(&none);
        self.is_configured = config.json.is_some();
        self.retry = None;
        let mut scene = Scene { now, config, output };
        let sockets = self.sockets.update(input.port, world, &mut self.intake, &mut scene);
        if sockets == Outcome::Retry {
            self.retry_at(now + RETRY);
        }
        self.update_fifo(input.fifo.as_deref(), world, &mut scene);
        self.intake.applications.configure(now, config);
        self.intake.applications.run_due(now, output);
    }

    /// The applications so far. Their counters are not polled: they are sent when they arrive, or
    /// at an interval of their own.
    fn data_sources(&self, _config: &Config, _links: &Links, add: &mut dyn FnMut(DataSource)) {
        self.intake.applications.sources().for_each(add);
    }

    fn ready(&mut self, now: Instant, token: u32, world: &World<'_>, output: &mut Output<'_>) {
        let mut scene = Scene { now, config: world.config, output };
        match token {
            FIFO => {
                self.read_fifo(&mut scene);
            }
            _ => {
                let outcome = self.sockets.ready(token, world, &mut self.intake, &mut scene);
                if outcome == Outcome::Retry {
                    self.retry_at(now + RETRY);
                }
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.retry, self.intake.applications.deadline()];
        deadlines.into_iter().flatten().min()
    }

    fn drain(&mut self, now: Instant, config: &Config, output: &mut Output<'_>) -> bool {
        let mut scene = Scene { now, config, output };
        let datagrams = self.sockets.read(&mut self.intake, &mut scene);
        self.read_fifo(&mut scene) || datagrams > 0
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let Counts { objects, operations, samples } = self.intake.counts;
        statistics.lines.push(Line {
            subject: "applications".to_owned(),
            counters: vec![
                (objects, "JSON objects"),
                (operations, "operations"),
                (samples, "samples"),
            ],
            exceptions: Vec::new(),
            optional: !self.is_configured,
        });
        self.intake.refusals.report(statistics);
        let lost = self.sockets.lost();
        statistics.exceptions.push((lost, "JSON datagrams lost on the receive queue"));
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(input) = &config.json else { return };
        Sockets::check(input.port, findings);
        if let Some(path) = &input.fifo {
            findings.line("json", format_args!("FIFO {path}"));
            if let Err(error) = Fifo::open(path) {
                findings.problems.push(format!("json: FIFO {path}: {error}"));
            }
        }
    }
}

impl Json {
    fn update_fifo(&mut self, path: Option<&str>, world: &World<'_>, scene: &mut Scene<'_, '_>) {
        let stays = |fifo: &Fifo| Some(fifo.path()) == path && !fifo.is_replaced();
        if self.fifo.as_ref().is_some_and(|fifo| !stays(fifo)) {
            self.read_fifo(scene);
            if let Some(fifo) = self.fifo.take() {
                info!("json: FIFO {}: closed", fifo.path());
            }
        }
        let Some(path) = path else { return };
        self.retry_at(scene.now + RETRY);
        if self.fifo.is_some() {
            return;
        }
        match Fifo::open(path).and_then(|fifo| Ok((world.watch(&fifo, FIFO)?, fifo))) {
            Ok(((), fifo)) => {
                info!("json: FIFO {path}: open");
                self.fifo_reported = false;
                self.fifo = Some(fifo);
            }
            Err(error) => {
                if !core::mem::replace(&mut self.fifo_reported, true) {
                    warn!("json: FIFO {path}: {error}; retrying every 5 s");
                }
            }
        }
    }

    /// Handles at most [`READS`] reads. Returns true if there were any.
    fn read_fifo(&mut self, scene: &mut Scene<'_, '_>) -> bool {
        let now = scene.now;
        let Self { fifo: Some(fifo), intake, .. } = self else { return false };
        let mut any = false;
        for _ in 0..READS {
            match fifo.read(|object| intake.input(object, scene)) {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(error) => {
                    self.throttle.warn(
                        now,
                        format_args!("json: FIFO {}: {error}; opening it again", fifo.path()),
                    );
                    self.fifo = None;
                    self.retry_at(now + RETRY);
                    break;
                }
            }
        }
        any
    }

    fn retry_at(&mut self, time: Instant) {
        self.retry = Some(self.retry.map_or(time, |retry| retry.min(time)));
    }
}

/// The token of the FIFO, after those of the sockets and their timer.
const FIFO: u32 = 3;
/// Reads of the FIFO per wake-up.
const READS: usize = 16;
const RETRY: Duration = Duration::from_secs(5);
