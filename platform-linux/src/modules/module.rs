//! The seam between the event loop and the producers of samples: [`Module`].

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use caps::Capability;
use flowmote_core::{CounterRecord, DataSource, Duration, Instant};

use crate::config::Config;
use crate::events::{Events, Wakeup};
use crate::kernel::netlink::ReceiveError;
use crate::links::Links;
use crate::output::Output;

/// A producer of samples, counters or both.
///
/// The event loop is one thread, so that each call must be short and must not block: work that an
/// outside event can multiply is done in portions, and what is left wakes the loop again. A module
/// does not report errors to its caller. It counts them, logs them through a
/// [`Throttle`](crate::throttle::Throttle) and tries again at its [`deadline`](Self::deadline).
///
/// Calls through `dyn Module` happen once per wake-up, never once per packet.
pub(crate) trait Module: fmt::Debug {
    /// Capabilities that the module needs from now on. The daemon gives up all others, for good,
    /// after the start and after every [`reconcile`](Self::reconcile).
    fn capabilities(&self, _config: &Config) -> &'static [Capability] {
        &[]
    }

    /// Checks, once before the first [`reconcile`](Self::reconcile), for something that makes it
    /// useless to start the daemon at all. The error names what is missing and how to provide it.
    fn may_start(&self, _config: &Config) -> Result<(), String> {
        Ok(())
    }

    /// Returns true if the module samples or reports packets under this configuration.
    fn samples_packets(&self, _config: &Config) -> bool {
        false
    }

    /// Brings the module in line with configuration, interfaces and time.
    ///
    /// Called at the start while the process still has its privileges, after a reload, after
    /// changes of interfaces or addresses, and at the [`deadline`](Self::deadline). Samples that
    /// were taken under the old settings go to `output` first.
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>);

    /// Closes what belongs to an interface that was deleted. Called before
    /// [`reconcile`](Self::reconcile), because another interface may have the ifIndex already.
    fn interface_removed(&mut self, _if_index: u32) {}

    /// Names the data sources of the module's samples and counters. The agent refuses samples of
    /// all others, and polls each of these. Called after every [`reconcile`](Self::reconcile).
    fn data_sources(&self, _config: &Config, _links: &Links, _add: &mut dyn FnMut(DataSource)) {}

    /// Passes the counters of a data source to `emit` if they are this module's. Returns false
    /// without a call of `emit` if they are not; an error counts as true.
    fn counters(
        &mut self,
        _now: Instant,
        _links: &Links,
        _source: DataSource,
        _emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) -> bool {
        false
    }

    /// Returns a data source whose counters of this module are to be read apart from the polls of the
    /// agent, because the last poll sent none of them. Called after the polls of a moment until `None`.
    fn unscheduled(&mut self, _now: Instant) -> Option<Unscheduled> {
        None
    }

    /// Handles input or an error on a descriptor that was registered by [`World::watch`].
    fn ready(&mut self, _now: Instant, _token: u32, _world: &World<'_>, _output: &mut Output<'_>) {}

    /// When to call [`reconcile`](Self::reconcile) although nothing has changed. Must be later
    /// than the `now` of the last call.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Returns true unless a part of the last [`reconcile`](Self::reconcile) was put off to the
    /// [`deadline`](Self::deadline), because it takes long.
    fn is_settled(&self) -> bool {
        true
    }

    /// The longest time for which the kernel holds samples back before they can be read. The
    /// daemon waits for it at its end, before it calls [`drain`](Self::drain).
    fn hold_time(&self) -> Duration {
        Duration::ZERO
    }

    /// Passes a bounded number of the samples that can be read to `output`, before the end of the
    /// daemon. Returns true if there were any, so that more may wait.
    fn drain(&mut self, _now: Instant, _config: &Config, _output: &mut Output<'_>) -> bool {
        false
    }

    /// Adds the module's lines to the statistics. A counter is added whether it is 0 or not.
    fn report(&mut self, _statistics: &mut Statistics) {}

    /// Lists what the configuration requests and this host lacks: errors of `flowmote check` and
    /// warnings of `flowmote run`. Opens nothing.
    fn problems(&self, _config: &Config, _links: &Links, _problems: &mut Vec<String>) {}

    /// Describes for `flowmote check` what the module would do, beyond
    /// [`problems`](Self::problems). May open what it would use, for a moment.
    fn check(&self, _config: &Config, _links: &Links, _findings: &mut Findings) {}
}

/// A module whose packets arrive in datagrams of netlink.
pub(crate) trait Receiver {
    /// Datagrams handled before other descriptors, timers and signals get their turn.
    const BUDGET: usize;

    /// Passes the packets of one datagram to `output`. Returns false if there was none.
    fn receive(&mut self, now: Instant, output: &mut Output<'_>) -> Result<bool, ReceiveError>;

    /// Counts and logs an error. A socket that failed is closed.
    fn receive_failed(&mut self, now: Instant, error: ReceiveError);

    /// Handles at most [`BUDGET`](Self::BUDGET) datagrams. Returns true if there were any.
    fn receive_some(&mut self, now: Instant, output: &mut Output<'_>) -> bool {
        let mut any = false;
        for _ in 0..Self::BUDGET {
            match self.receive(now, output) {
                Ok(true) => any = true,
                Ok(false) => break,
                Err(error) => self.receive_failed(now, error),
            }
        }
        any
    }
}

/// A data source whose counters are read apart from its polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unscheduled {
    /// Its counters started again, such as those of a driver that was reset. A collector would take the
    /// fall for a wrap, so their sequence starts again first.
    Restarted(DataSource),
    /// Its counters were not there in time.
    Late(DataSource),
}

/// The configuration and the interfaces that [`Module::reconcile`] works from, and the event loop
/// in which it registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct World<'a> {
    /// The configuration in force.
    pub(crate) config: &'a Config,
    /// The interfaces of the network namespace.
    pub(crate) links: &'a Links,
    events: &'a Events,
    module: u16,
}

impl<'a> World<'a> {
    pub(crate) fn new(config: &'a Config, links: &'a Links, events: &'a Events) -> Self {
        Self { config, links, events, module: 0 }
    }

    /// The same for the module at this position of the list.
    pub(super) fn of_module(self, module: u16) -> Self {
        Self { module, ..self }
    }

    /// Has [`Module::ready`] called with `token` when `file` is readable or has an error, until it
    /// is closed.
    ///
    /// # Errors
    /// See [`Events::watch`].
    pub(crate) fn watch(&self, file: impl AsFd, token: u32) -> io::Result<()> {
        self.events.watch(file, Wakeup::Module { module: self.module, token })
    }

    /// The same, but once for each arrival, whether it is read or not.
    ///
    /// # Errors
    /// See [`Events::watch`].
    pub(crate) fn watch_arrivals(&self, file: impl AsFd, token: u32) -> io::Result<()> {
        self.events.watch_arrivals(file, Wakeup::Module { module: self.module, token })
    }

    /// Ends the calls of [`Module::ready`] for `file`.
    pub(crate) fn unwatch(&self, file: impl AsFd) {
        self.events.unwatch(file);
    }
}

/// The part of the statistics that modules contribute.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    /// Interfaces whose packets are sampled by the agent itself, printed first.
    pub(crate) interfaces: Vec<SampledInterface>,
    /// Everything else, printed next, in this order.
    pub(crate) lines: Vec<Line>,
    /// Counters with their description that usually are 0, printed last and only if they are not.
    pub(crate) exceptions: Vec<(u64, &'static str)>,
}

/// An interface whose packets are sampled, for the statistics and for `flowmote status`.
#[derive(Clone, Debug)]
pub(crate) struct SampledInterface {
    /// Name, `IFLA_IFNAME`.
    pub(crate) name: String,
    pub(crate) if_index: u32,
    /// N of 1 in N packets, as in force now.
    pub(crate) sampling_rate: u32,
    /// The origin of the rate, in words.
    pub(crate) reason: String,
    /// The way in which packets are chosen, in words.
    pub(crate) filter: &'static str,
    /// Its counters.
    pub(crate) line: Line,
}

/// A line of the statistics: `SUBJECT: N packets seen, N samples, ...`.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// What was counted, an interface for example.
    pub(crate) subject: String,
    /// Counters with their description.
    pub(crate) counters: Vec<(u64, &'static str)>,
    /// Counters that are left out if they are 0.
    pub(crate) exceptions: Vec<(u64, &'static str)>,
    /// Left out if all its counters are 0.
    pub(crate) optional: bool,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exceptions = self.exceptions.iter().filter(|(count, _)| *count > 0);
        let mut separator = ": ";
        write!(f, "{}", self.subject)?;
        for (count, what) in self.counters.iter().chain(exceptions) {
            write!(f, "{separator}{count} {what}")?;
            separator = ", ";
        }
        Ok(())
    }
}

impl Line {
    /// Returns true if the line is left out.
    pub(crate) fn is_hidden(&self) -> bool {
        let mut counters = self.counters.iter().chain(&self.exceptions);
        self.optional && counters.all(|(count, _)| *count == 0)
    }
}

/// The outcome of `flowmote check`.
#[derive(Debug, Default)]
pub struct Findings {
    /// What the agent will do, for standard output.
    pub lines: Vec<String>,
    /// Errors, for standard error; `run` would warn of them and continue.
    pub problems: Vec<String>,
    /// Warnings, for standard error.
    pub warnings: Vec<String>,
}

impl Findings {
    /// Adds a line of two columns. A line that continues the one above has no `subject`.
    pub(crate) fn line(&mut self, subject: &str, text: fmt::Arguments<'_>) {
        self.lines.push(format!("{subject:<16}{text}"));
    }
}
