//! From start to end.

use std::fmt;
use std::io;

use flowmote_core::{Duration, Instant, SourceSlot};
use log::{error, info, warn};
use nix::sys::signal::Signal;
use sd_notify::NotifyState;

use crate::config::Config;
use crate::daemon::agent::{HostAgent, MAX_DATAGRAM, MAX_SOURCES};
use crate::daemon::clock;
use crate::daemon::collectors::Collectors;
use crate::daemon::counters::Counters;
use crate::daemon::events::{Events, Signals, Wakeup};
use crate::daemon::options::{ConfigSource, LoadError, Loaded};
use crate::daemon::privileges;
use crate::daemon::report::Report;
use crate::daemon::resolver::Resolver;
use crate::daemon::throttle::{Throttle, held_back};
use crate::daemon::view;
use crate::kernel::sys::text;
use crate::links::{LinkEvent, Links};
use crate::modules::taps::Ports;

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the configuration comes from, now and at each SIGHUP.
    pub source: ConfigSource,
    /// The user to become when started as root.
    pub user: String,
    /// Time between two reports in the log; zero: only when asked.
    pub stats_interval: Duration,
}

/// Why the daemon ended other than by a signal.
#[derive(Debug)]
pub enum Failure {
    /// The configuration cannot be used.
    Configuration(LoadError),
    /// The kernel refused something that the daemon cannot do without.
    Runtime(String),
}

/// Runs the agent until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that cannot be used, and what the kernel refuses at the start. Once running,
/// nothing but a signal ends the daemon.
pub fn run(options: &RunOptions) -> Result<(), Failure> {
    let mut signals = Signals::block().map_err(runtime("signals"))?;
    let loaded = options.source.load().map_err(Failure::Configuration)?;
    log_loaded(&loaded);
    let links = Links::open().map_err(runtime("rtnetlink"))?;
    let mut sources = vec![SourceSlot::VACANT; MAX_SOURCES];
    let mut buffer = vec![0; MAX_DATAGRAM];
    let agent = HostAgent::new(&loaded.config, &links, &mut sources, &mut buffer);
    let mut daemon = Daemon::new(options, loaded.config, links, agent)?;
    daemon.start(&signals)?;
    daemon.serve(&mut signals)?;
    daemon.end();
    Ok(())
}

struct Daemon<'a> {
    options: &'a RunOptions,
    config: Config,
    links: Links,
    /// When to ask for links again after an error.
    links_retry: Option<Instant>,
    counters: Counters,
    agent: HostAgent<'a>,
    ports: Ports,
    collectors: Collectors,
    resolver: Resolver,
    events: Events,
    /// When the next report is due.
    report: Option<Instant>,
    started: Instant,
    throttle: Throttle,
}

impl<'a> Daemon<'a> {
    fn new(
        options: &'a RunOptions,
        config: Config,
        links: Links,
        agent: HostAgent<'a>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            options,
            collectors: Collectors::new(&config.collectors),
            counters: Counters::new(&config).map_err(runtime("counters"))?,
            config,
            links,
            links_retry: None,
            agent,
            ports: Ports::default(),
            resolver: Resolver::new().map_err(runtime("resolver"))?,
            events: Events::new().map_err(runtime("epoll"))?,
            report: None,
            started: clock::now(),
            throttle: Throttle::default(),
        })
    }

    /// All that needs privileges, and then gives them up.
    fn start(&mut self, signals: &Signals) -> Result<(), Failure> {
        let watch = |events: &Events| {
            events.watch(signals, Wakeup::Signal)?;
            events.watch(&self.links, Wakeup::Links)?;
            events.watch(&self.resolver, Wakeup::Resolver)
        };
        watch(&self.events).map_err(runtime("epoll"))?;
        if !self.config.taps.is_empty() {
            privileges::may_capture().map_err(Failure::Runtime)?;
        }
        let now = clock::now();
        self.tell_complaints();
        self.reconcile(now);
        let outcome = privileges::drop_all(&self.options.user).map_err(runtime("privileges"))?;
        info!("{outcome}");
        self.report = self.next_report(now);
        notify(NotifyState::Ready);
        // A matter of memory only: refused, everything works all the same.
        let _ = text::release();
        Ok(())
    }

    fn serve(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        loop {
            let now = clock::now();
            let deadline = self.work(now);
            let woken = self.events.wait(now, deadline).map_err(runtime("epoll"))?;
            let now = clock::now();
            self.collectors.wake(now);
            for number in 0..woken {
                let Some(wakeup) = self.events.woken(number) else { break };
                if self.react(now, wakeup, signals) {
                    return Ok(());
                }
            }
        }
    }

    /// Returns whether this ends the daemon.
    fn react(&mut self, now: Instant, wakeup: Wakeup, signals: &mut Signals) -> bool {
        match wakeup {
            Wakeup::Tap(index) => {
                self.ports.drain(now, index, &mut self.agent.core, &mut self.collectors);
            }
            Wakeup::Links => self.follow_links(now),
            Wakeup::Resolver => self.take_answers(now),
            Wakeup::Signal => {
                while let Some(signal) = signals.next() {
                    if self.obey(now, signal) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// All that is due now; returns when something is due next.
    fn work(&mut self, now: Instant) -> Option<Instant> {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.links_retry) {
            self.follow_links(now);
        }
        if is_due(self.ports.retry()) {
            self.reconcile(now);
        }
        let collectors = self.collectors.maintain(now, &self.resolver);
        let mut counters = self.counters.at(now, &self.links);
        let agent = self.agent.core.poll(now, &mut counters, &mut self.collectors);
        if is_due(self.report) {
            self.print_report(now);
            self.report = self.next_report(now);
        }
        let deadlines = [agent, collectors, self.links_retry, self.ports.retry(), self.report];
        deadlines.into_iter().flatten().min()
    }

    /// Interfaces or addresses have changed.
    fn follow_links(&mut self, now: Instant) {
        let mut changes = Vec::new();
        let polled = self.links.poll(LINK_EVENTS, &mut changes);
        // Notifications that were lost are made up for by asking; nothing else would wake us.
        self.links_retry = polled.is_err().then_some(now + LINKS_RETRY);
        if let Err(error) = polled
            && let Some(count) = self.throttle.admit(now)
        {
            warn!("rtnetlink: {error}; trying again{}", held_back(count));
        }
        if changes.is_empty() {
            return;
        }
        for change in changes {
            if let LinkEvent::Removed(index) = change {
                self.ports.remove(index);
                self.agent.remove_interface(index);
            }
        }
        self.reconcile(now);
        self.collectors.reconsider(now);
        self.agent.follow_addresses(&self.config, &self.links);
    }

    fn take_answers(&mut self, now: Instant) {
        while let Some(answer) = self.resolver.answer() {
            self.collectors.resolved(now, answer);
        }
    }

    /// Returns whether the signal ends the daemon.
    fn obey(&mut self, now: Instant, signal: Signal) -> bool {
        match signal {
            Signal::SIGTERM | Signal::SIGINT => return true,
            Signal::SIGHUP => self.reload(now),
            Signal::SIGUSR1 => self.print_report(now),
            _ => {}
        }
        false
    }

    /// Reads the configuration again. One that cannot be used changes nothing.
    fn reload(&mut self, now: Instant) {
        notify(NotifyState::Reloading);
        match self.options.source.load() {
            Ok(loaded) => {
                log_loaded(&loaded);
                self.config = loaded.config;
                self.tell_complaints();
                self.collectors.reconfigure(&self.config.collectors);
                self.counters.reconfigure(&self.config);
                self.agent.reconfigure(&self.config, &self.links);
                self.reconcile(now);
            }
            Err(unusable) => {
                unusable.0.iter().for_each(|line| error!("{line}"));
                error!("configuration not reloaded, the old one stays in force");
            }
        }
        notify(NotifyState::Ready);
    }

    /// Makes taps and data sources what configuration and kernel say now.
    fn reconcile(&mut self, now: Instant) {
        // What waits in the rings was chosen under the rates that were.
        for index in self.ports.indices() {
            self.ports.drain(now, index, &mut self.agent.core, &mut self.collectors);
        }
        self.ports.reconcile(now, &self.config, &self.links, &self.events);
        self.agent.reconcile(now, &self.config, &self.links);
    }

    /// Sends what waits, and says how it went.
    fn end(&mut self) {
        notify(NotifyState::Stopping);
        self.drain_rings();
        self.agent.core.flush();
        self.agent.core.transmit(clock::now(), &mut self.collectors);
        self.print_report(clock::now());
    }

    /// Takes what was sampled before the end: some of it is in blocks that the kernel hands over
    /// when they are full or old.
    fn drain_rings(&mut self) {
        let open = self.ports.indices();
        if open.is_empty() {
            return;
        }
        std::thread::sleep(BLOCK_AGE);
        let end = clock::now() + DRAIN_TIME;
        for index in open {
            while self.ports.drain(clock::now(), index, &mut self.agent.core, &mut self.collectors)
                && clock::now() < end
            {}
        }
    }

    fn print_report(&mut self, now: Instant) {
        let report = Report {
            uptime: now.since(self.started),
            ports: self.ports.stats(),
            agent: *self.agent.core.stats(),
            collectors: &self.collectors,
            links: self.links.stats(),
            counters: self.counters.stats(),
        };
        info!("{report}");
    }

    fn next_report(&self, now: Instant) -> Option<Instant> {
        let interval = self.options.stats_interval;
        (!interval.is_zero()).then_some(now + interval)
    }

    /// What `flowmote check` would call an error, in the same words.
    fn tell_complaints(&self) {
        for complaint in view::complaints(&self.config, &self.links) {
            warn!("{complaint}");
        }
        if self.config.taps.is_empty() {
            info!(
                "no interface is selected for packet samples (no pcap {{}} block): counters only"
            );
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(unusable) => write!(f, "{unusable}"),
            Self::Runtime(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Failure {}

fn log_loaded(loaded: &Loaded) {
    if let Some(file) = &loaded.file {
        info!("configuration {}", file.display());
    }
    // The log gives the severity itself.
    loaded.warnings.iter().for_each(|line| warn!("{}", line.replacen(" warning:", "", 1)));
}

fn runtime(what: &str) -> impl FnOnce(io::Error) -> Failure + '_ {
    move |error| Failure::Runtime(format!("{what}: {error}"))
}

/// Tells systemd, if it started us.
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        warn!("systemd: {error}");
    }
}

/// The age at which the kernel hands over a block of the ring that is not full.
const BLOCK_AGE: core::time::Duration = core::time::Duration::from_millis(100);
/// At the end of a flood the ring may never be empty.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// Notifications taken before packets have their turn again.
const LINK_EVENTS: usize = 256;
/// Time to the next try after an error of rtnetlink.
const LINKS_RETRY: Duration = Duration::from_secs(5);
