//! The state of TCP connections: each sampled packet that belongs to a socket of this host gets the
//! kernel's `struct tcp_info` of it.

mod elsewhere;
mod follow;
mod lookups;
mod sockets;
mod subject;
mod totals;

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use caps::Capability;
use flowmote_core::{Duration, Instant};
use log::info;

use crate::config::{Config, SocketLookup};
use crate::headers::{TCP, UDP};
use crate::kernel::netlink::sock_diag::{ClosedSockets, SocketDiag};
use crate::links::{Link, Links};
use crate::modules::module::{Findings, Line, Module, Statistics, World};
use crate::modules::tcp::elsewhere::Elsewhere;
use crate::modules::tcp::lookups::{Counts, Lookups};
use crate::output::Output;
use crate::output::waiting::Annotator;
use crate::throttle::Throttle;

/// The lookups of the `tcp { }` block, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Tcp {
    /// Shared with the output, which calls it for each batch of samples.
    lookups: Option<Rc<RefCell<Lookups>>>,
    program: Program,
    /// The time of the next attempt after a failed one.
    retry: Option<Instant>,
    /// From the block that was removed.
    former: Counts,
    throttle: Throttle,
}

/// The program for sockets of other network namespaces. It is loaded once, because the daemon does not
/// keep the capability for it.
#[derive(Debug, Default)]
enum Program {
    /// There was no `tcp { }` block yet.
    #[default]
    Unneeded,
    Loaded(Rc<Elsewhere>),
    /// Until the daemon is started again.
    Refused,
}

impl Program {
    fn load(links: &Links) -> Self {
        match Elsewhere::open() {
            Ok(elsewhere) => {
                info!("tcp: sockets of containers are looked up{}", without(&elsewhere));
                return Self::Loaded(Rc::new(elsewhere));
            }
            Err(problem) if links.iter().any(leads_elsewhere) => {
                info!("tcp: sockets of containers are not looked up: {problem}");
            }
            // Nobody misses them.
            Err(_) => {}
        }
        Self::Refused
    }

    fn loaded(&self) -> Option<Rc<Elsewhere>> {
        match self {
            Self::Loaded(elsewhere) => Some(elsewhere.clone()),
            Self::Unneeded | Self::Refused => None,
        }
    }
}

impl Module for Tcp {
    /// To run the program, which Linux before 5.19 refuses without it.
    fn capabilities(&self, _config: &Config) -> &'static [Capability] {
        match self.program {
            Program::Loaded(_) => &[Capability::CAP_BPF],
            Program::Unneeded | Program::Refused => &[],
        }
    }

    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let Some(lookup) = lookup(world.config) else {
            self.close(now, output);
            self.retry = None;
            return;
        };
        // Samples that wait have their sockets looked up under the old settings.
        output.release(now);
        if self.lookups.is_none() && self.retry.is_none_or(|at| at <= now) {
            self.open(now, lookup, output);
        }
        let adds_state = world.config.tcp.is_some();
        if adds_state && matches!(self.program, Program::Unneeded) {
            self.program = Program::load(world.links);
        }
        if let Some(lookups) = &self.lookups {
            let mut lookups = lookups.borrow_mut();
            lookups.look_elsewhere(self.program.loaded().filter(|_| adds_state));
            lookups.subjects.update(lookup, world.links);
            lookups.adds_state = adds_state;
            lookups.report_if_due(now, output);
        }
        self.log_failure(now);
    }

    fn deadline(&self) -> Option<Instant> {
        let report = self.lookups.as_ref().and_then(|lookups| lookups.borrow().next_report);
        self.retry.or(report)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let Counts { annotated, without, lookups, failed, malformed, changes, displaced, overruns } =
            self.counts();
        statistics.lines.push(Line {
            subject: "tcp".to_owned(),
            counters: vec![
                (annotated, "samples with the state of their connection"),
                (without, "without, of local addresses"),
                (lookups, "lookups of sockets"),
                (changes, "changes of connections"),
            ],
            exceptions: Vec::new(),
            optional: self.lookups.is_none(),
        });
        statistics.exceptions.extend([
            (failed, "lookups of sockets that failed"),
            (malformed, "malformed replies to lookups of sockets"),
            (displaced, "connections no longer followed for lack of room"),
            (overruns, "overruns of the notifications of closed sockets"),
        ]);
    }

    fn check(&self, config: &Config, links: &Links, findings: &mut Findings) {
        let Some(SocketLookup { tunnel, udp }) = lookup(config) else { return };
        let tunnels = if tunnel { ", also in tunnels" } else { "" };
        let datagrams = if udp { " and UDP" } else { "" };
        let purpose = if config.tcp.is_some() { "" } else { ", for markTraffic" };
        findings.line(
            "tcp",
            format_args!(
                "sockets of sampled packets of TCP{datagrams}{tunnels}, by sock_diag{purpose}"
            ),
        );
        if config.tcp.is_some() {
            describe_containers(links, findings);
        }
        let lacking = match open() {
            Ok(mut diag) => lacks_udp(&mut diag, udp),
            Err(problem) => Some(problem),
        };
        if let Some(problem) = lacking {
            findings.problems.push(format!("tcp: {problem}"));
        }
    }
}

impl Tcp {
    fn open(&mut self, now: Instant, lookup: SocketLookup, output: &mut Output<'_>) {
        match open() {
            Ok(mut diag) => {
                if let Some(problem) = lacks_udp(&mut diag, lookup.udp) {
                    self.throttle.warn(now, format_args!("tcp: {problem}"));
                }
                let closed = ClosedSockets::open();
                if let Err(error) = &closed {
                    info!("tcp: the last changes of closed connections are not known: {error}");
                }
                let lookups = Rc::new(RefCell::new(Lookups::new(diag, closed.ok(), self.former)));
                let annotator: Rc<RefCell<dyn Annotator>> = lookups.clone();
                output.annotate_by(now, Some(annotator));
                self.lookups = Some(lookups);
                self.retry = None;
                info!("tcp: the sockets of sampled packets are looked up");
            }
            Err(problem) => {
                self.retry = Some(now + RETRY);
                self.throttle.warn(now, format_args!("tcp: {problem}; retrying every 5 s"));
            }
        }
    }

    fn close(&mut self, now: Instant, output: &mut Output<'_>) {
        if self.lookups.is_some() {
            output.annotate_by(now, None);
            self.former = self.counts();
            self.lookups = None;
            info!("tcp: the sockets of sampled packets are no longer looked up");
        }
    }

    fn counts(&self) -> Counts {
        self.lookups.as_ref().map_or(self.former, |lookups| lookups.borrow().counts)
    }

    fn log_failure(&mut self, now: Instant) {
        let lookups = self.lookups.as_ref();
        if let Some(error) = lookups.and_then(|lookups| lookups.borrow_mut().failed.take()) {
            self.throttle.warn(now, format_args!("tcp: lookup of sockets: {error}"));
        }
    }
}

/// Loads the program for a moment.
fn describe_containers(links: &Links, findings: &mut Findings) {
    match Elsewhere::open() {
        Ok(elsewhere) => {
            let without = without(&elsewhere);
            findings
                .line("tcp", format_args!("sockets of containers, by an eBPF program{without}"));
        }
        Err(problem) if links.iter().any(leads_elsewhere) => {
            findings
                .line("tcp", format_args!("sockets of containers are not looked up: {problem}"));
        }
        Err(_) => {}
    }
}

/// The fields that are missing for sockets of containers, and why.
fn without(elsewhere: &Elsewhere) -> String {
    elsewhere.shortfall().map_or_else(String::new, |reason| {
        format!(", without rttvar, pmtu, rcv_mss, reordering and timeouts: {reason}")
    })
}

fn leads_elsewhere(link: &Link) -> bool {
    link.is_pair() && link.elsewhere.is_some()
}

/// What to look up: what the block requests, and without it the services and containers of
/// `markTraffic`.
fn lookup(config: &Config) -> Option<SocketLookup> {
    config.tcp.or_else(|| config.entities.mark_traffic().then(SocketLookup::default))
}

/// Lookups without a module around them, for tests and benchmarks.
///
/// # Errors
/// What the kernel lacks.
pub fn annotator(
    lookup: SocketLookup,
    links: &Links,
) -> Result<Rc<RefCell<dyn Annotator>>, String> {
    let mut lookups = Lookups::new(open()?, None, Counts::default());
    lookups.subjects.update(lookup, links);
    Ok(Rc::new(RefCell::new(lookups)))
}

fn open() -> Result<SocketDiag, String> {
    let mut diag = SocketDiag::open().map_err(|error| match error.raw_os_error() {
        Some(libc::EPROTONOSUPPORT) => "this kernel has no sock_diag (CONFIG_INET_DIAG)".to_owned(),
        _ => format!("sock_diag: {error}"),
    })?;
    diag.probe(TCP).map_err(|error| lacks("tcp_diag", &error))?;
    Ok(diag)
}

/// The reason for which sockets of UDP cannot be looked up, if they are to be.
fn lacks_udp(diag: &mut SocketDiag, udp: bool) -> Option<String> {
    let probed = if udp { diag.probe(UDP) } else { Ok(()) };
    probed.err().map(|error| lacks("udp_diag", &error))
}

/// The kernel reports a missing family of sock_diag as it reports a missing socket.
fn lacks(module: &str, error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOENT) => {
            let option = module.to_ascii_uppercase();
            format!("this kernel has no {module} (CONFIG_INET_{option})")
        }
        _ => format!("{module}: {error}"),
    }
}

const RETRY: Duration = Duration::from_secs(5);
