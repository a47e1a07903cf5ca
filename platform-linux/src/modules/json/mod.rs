//! Applications that report their operations, counters and metrics in JSON, in datagrams to the
//! loopback addresses or by a FIFO.

mod application;
mod applications;
mod budget;
mod custom;
mod fifo;
mod intake;
mod message;
mod objects;
mod refusals;
mod samples;
mod sockets;
mod value;

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};

use flowmote_core::{DataSource, Duration, Instant};
use log::{info, warn};

use crate::config::{Config, JsonInput};
use crate::links::Links;
use crate::modules::json::fifo::Fifo;
use crate::modules::json::intake::{Counts, Intake, Scene};
use crate::modules::json::sockets::{ADDRESSES, BATCH, Inbox};
use crate::modules::module::{Findings, Line, Module, Statistics, World};
use crate::output::Output;
use crate::throttle::Throttle;

/// The inputs of the `json { }` block, if there is one, and the applications that use them.
#[derive(Debug, Default)]
pub(crate) struct Json {
    /// The port of `endpoints`; 0: none.
    port: u16,
    /// In the order of [`ADDRESSES`].
    endpoints: [Endpoint; 2],
    fifo: Option<Fifo>,
    /// The path was reported as one that cannot be opened.
    fifo_reported: bool,
    /// Allocated with the first socket.
    inbox: Option<Inbox>,
    intake: Intake,
    /// When to try again what failed, and to look whether the FIFO was replaced.
    retry: Option<Instant>,
    throttle: Throttle,
}

/// A socket, unless it could not be bound.
#[derive(Debug, Default)]
struct Endpoint {
    socket: Option<UdpSocket>,
    /// That it could not be bound was reported.
    reported: bool,
}

impl Module for Json {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let config = world.config;
        let none = JsonInput { port: 0, fifo: None };
        let input = config.json.as_ref().unwrap_or(&none);
        self.retry = None;
        self.update_sockets(now, input.port, world, output);
        self.update_fifo(now, input.fifo.as_deref(), world, output);
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
            FIFO => self.read_fifo(&mut scene),
            number => self.read_socket(number as usize, &mut scene),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.retry, self.intake.applications.deadline()];
        deadlines.into_iter().flatten().min()
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
            optional: true,
        });
        self.intake.refusals.report(statistics);
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(input) = &config.json else { return };
        if input.port != 0 {
            findings.line("json", format_args!("UDP port {} of 127.0.0.1 and ::1", input.port));
            for address in ADDRESSES {
                check_socket(SocketAddr::new(address, input.port), findings);
            }
        }
        if let Some(path) = &input.fifo {
            findings.line("json", format_args!("FIFO {path}"));
            if let Err(error) = Fifo::open(path) {
                findings.problems.push(format!("json: FIFO {path}: {error}"));
            }
        }
    }
}

impl Json {
    fn update_sockets(
        &mut self,
        now: Instant,
        port: u16,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        if port != self.port {
            self.close_sockets(now, world, output);
            self.port = port;
        }
        if port == 0 {
            return;
        }
        for number in 0..ADDRESSES.len() {
            self.bind(now, number, world);
        }
    }

    fn bind(&mut self, now: Instant, number: usize, world: &World<'_>) {
        let (Some(endpoint), Some(address)) =
            (self.endpoints.get_mut(number), ADDRESSES.get(number))
        else {
            return;
        };
        if endpoint.socket.is_some() {
            return;
        }
        let address = SocketAddr::new(*address, self.port);
        let bound = sockets::bind(address);
        match bound.and_then(|socket| Ok((world.watch(&socket, number as u32)?, socket))) {
            Ok(((), socket)) => {
                info!("json: receiving on {address}");
                *endpoint = Endpoint { socket: Some(socket), reported: false };
                self.inbox.get_or_insert_with(Inbox::new);
            }
            Err(error) => {
                // Without the address there is nothing to wait for but a change of addresses,
                // after which this is called anyway.
                if error.kind() != ErrorKind::AddrNotAvailable {
                    self.retry_at(now + RETRY);
                }
                let reported = self.endpoints.get_mut(number).map(|it| &mut it.reported);
                if reported.is_some_and(|it| !core::mem::replace(it, true)) {
                    warn!("json: {address}: {}", reason(&error));
                }
            }
        }
    }

    fn close_sockets(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let mut scene = Scene { now, config: world.config, output };
        for number in 0..ADDRESSES.len() {
            self.read_socket(number, &mut scene);
        }
        if self.endpoints.iter().any(|endpoint| endpoint.socket.is_some()) {
            info!("json: no longer receiving on port {}", self.port);
        }
        self.endpoints = Default::default();
    }

    /// Handles at most [`BATCHES`] batches of datagrams.
    fn read_socket(&mut self, number: usize, scene: &mut Scene<'_, '_>) {
        let now = scene.now;
        let Self { endpoints, inbox: Some(inbox), intake, .. } = self else { return };
        let Some(endpoint) = endpoints.get_mut(number) else { return };
        let Some(socket) = &endpoint.socket else { return };
        for _ in 0..BATCHES {
            match inbox.receive(socket, |datagram| intake.input(datagram, scene)) {
                Ok(count) if count < BATCH => return,
                Ok(_) => {}
                Err(error) => {
                    self.throttle.warn(
                        now,
                        format_args!("json: UDP port {}: {error}; opening it again", self.port),
                    );
                    endpoint.socket = None;
                    self.retry_at(now + RETRY);
                    return;
                }
            }
        }
    }

    fn update_fifo(
        &mut self,
        now: Instant,
        path: Option<&str>,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        let stays = |fifo: &Fifo| Some(fifo.path()) == path && !fifo.is_replaced();
        if self.fifo.as_ref().is_some_and(|fifo| !stays(fifo)) {
            self.read_fifo(&mut Scene { now, config: world.config, output });
            if let Some(fifo) = self.fifo.take() {
                info!("json: FIFO {}: closed", fifo.path());
            }
        }
        let Some(path) = path else { return };
        self.retry_at(now + RETRY);
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

    /// Handles at most [`READS`] reads.
    fn read_fifo(&mut self, scene: &mut Scene<'_, '_>) {
        let now = scene.now;
        let Self { fifo: Some(fifo), intake, .. } = self else { return };
        for _ in 0..READS {
            match fifo.read(|object| intake.input(object, scene)) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    self.throttle.warn(
                        now,
                        format_args!("json: FIFO {}: {error}; opening it again", fifo.path()),
                    );
                    self.fifo = None;
                    self.retry_at(now + RETRY);
                    return;
                }
            }
        }
    }

    fn retry_at(&mut self, time: Instant) {
        self.retry = Some(self.retry.map_or(time, |retry| retry.min(time)));
    }
}

fn check_socket(address: SocketAddr, findings: &mut Findings) {
    if let Err(error) = sockets::bind(address) {
        findings.warnings.push(format!("warning: json: {address}: {}", reason(&error)));
    }
}

/// The reason why an address cannot be bound, and what follows.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        // In `check` most probably the daemon that is to be reloaded.
        ErrorKind::AddrInUse => "another process receives there; retrying every 5 s".into(),
        ErrorKind::AddrNotAvailable => "this host does not have the address".into(),
        _ => format!("{error}; retrying every 5 s"),
    }
}

/// The token of the FIFO, after those of the sockets.
const FIFO: u32 = 2;
/// System calls per wake-up and socket, of [`BATCH`] datagrams each: less than a millisecond for
/// messages of usual length.
const BATCHES: usize = 16;
/// The same for the FIFO.
const READS: usize = 16;
const RETRY: Duration = Duration::from_secs(5);
