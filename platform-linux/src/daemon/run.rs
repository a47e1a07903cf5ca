//! From start to end.

use std::fmt;
use std::io;

use flowmote_core::{
    AddError, Agent, AgentConfig, DataSource, DatagramHead, Duration, Encoding, Instant,
    MAX_COMPACT_INDEX, Source as SourceState,
};
use log::{error, info, warn};
use nix::sys::signal::Signal;
use sd_notify::NotifyState;

use crate::config::Config;
use crate::daemon::clock;
use crate::daemon::collectors::Collectors;
use crate::daemon::counters::Counters;
use crate::daemon::events::{Events, Signals, Wakeup};
use crate::daemon::identity::Identity;
use crate::daemon::options::{Loaded, Source, Unusable};
use crate::daemon::ports::Ports;
use crate::daemon::privileges;
use crate::daemon::report::Report;
use crate::daemon::resolver::Resolver;
use crate::daemon::view;
use crate::links::{LinkEvent, Links};
use crate::sys::text;

/// How to run.
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// Where the configuration comes from, now and at each SIGHUP.
    pub source: Source,
    /// The user to become when started as root.
    pub user: String,
    /// Time between two reports in the log; zero: only when asked.
    pub stats_interval: Duration,
}

/// Why the daemon ended other than by a signal.
#[derive(Debug)]
pub enum Failure {
    /// The configuration cannot be used.
    Configuration(Unusable),
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
    let mut sources = vec![SourceState::VACANT; MAX_SOURCES];
    let mut buffer = vec![0; MAX_DATAGRAM];
    let identity = Identity::elect(&loaded.config, &links);
    identity.log();
    let agent_config = agent_config(&loaded.config, &identity, encoding(&links));
    let agent = Agent::new(agent_config, &mut sources, &mut buffer);
    let mut daemon = Daemon::new(options, loaded.config, links, identity, agent)?;
    daemon.start(&signals)?;
    daemon.serve(&mut signals)?;
    daemon.end();
    Ok(())
}

struct Daemon<'a> {
    options: &'a RunOptions,
    config: Config,
    identity: Identity,
    encoding: Encoding,
    links: Links,
    counters: Counters,
    agent: Agent<'a>,
    ports: Ports,
    collectors: Collectors,
    resolver: Resolver,
    events: Events,
    /// When the next report is due.
    report: Option<Instant>,
    /// Data sources that the agent knows.
    sources: Vec<DataSource>,
    started: Instant,
}

impl<'a> Daemon<'a> {
    fn new(
        options: &'a RunOptions,
        config: Config,
        links: Links,
        identity: Identity,
        agent: Agent<'a>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            options,
            collectors: Collectors::new(&config.collectors),
            counters: Counters::new(&config).map_err(runtime("counters"))?,
            config,
            identity,
            encoding: encoding(&links),
            links,
            agent,
            ports: Ports::default(),
            resolver: Resolver::new().map_err(runtime("resolver"))?,
            events: Events::new().map_err(runtime("epoll"))?,
            report: None,
            sources: Vec::new(),
            started: clock::now(),
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
        let now = clock::now();
        self.tell_missing();
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
                match self.events.woken(number) {
                    Some(Wakeup::Tap(index)) => {
                        self.ports.drain(now, index, &mut self.agent, &mut self.collectors);
                    }
                    Some(Wakeup::Links) => self.follow_links(now),
                    Some(Wakeup::Resolver) => self.take_answers(now),
                    Some(Wakeup::Signal) => {
                        while let Some(signal) = signals.next() {
                            if self.obey(now, signal) {
                                return Ok(());
                            }
                        }
                    }
                    None => {}
                }
            }
        }
    }

    /// All that is due now; returns when something is due next.
    fn work(&mut self, now: Instant) -> Option<Instant> {
        if self.ports.retry().is_some_and(|retry| retry <= now) {
            self.ports.reconcile(now, &self.config, &self.links, &self.events);
        }
        let collectors = self.collectors.maintain(now, &self.resolver);
        let mut counters = self.counters.at(now, &self.links);
        let agent = self.agent.poll(now, &mut counters, &mut self.collectors);
        if self.report.is_some_and(|report| report <= now) {
            self.print_report(now);
            self.report = self.next_report(now);
        }
        [agent, collectors, self.ports.retry(), self.report].into_iter().flatten().min()
    }

    /// Interfaces or addresses have changed.
    fn follow_links(&mut self, now: Instant) {
        let mut changes = Vec::new();
        if let Err(error) = self.links.poll(LINK_EVENTS, &mut changes) {
            warn!("rtnetlink: {error}");
        }
        if changes.is_empty() {
            return;
        }
        self.reconcile(now);
        self.collectors.reconsider(now);
        let addresses = |change: &LinkEvent| matches!(change, LinkEvent::AddressesChanged(_));
        if changes.iter().any(addresses) {
            let identity = self.identity.follow(&self.config, &self.links);
            self.identify(identity);
        }
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
                self.tell_missing();
                self.collectors.reconfigure(&self.config.collectors);
                self.counters.reconfigure(&self.config);
                let identity = Identity::elect(&self.config, &self.links);
                self.identify(identity);
                self.configure_agent();
                self.reconcile(now);
            }
            Err(unusable) => {
                unusable.0.iter().for_each(|line| error!("{line}"));
                error!("configuration not reloaded, the old one stays in force");
            }
        }
        notify(NotifyState::Ready);
    }

    fn identify(&mut self, identity: Identity) {
        if identity == self.identity {
            return;
        }
        self.identity = identity;
        self.identity.log();
        self.configure_agent();
    }

    fn configure_agent(&mut self) {
        // Expanded once is expanded for good: each change is a new session for the collectors.
        if self.encoding == Encoding::Compact {
            self.encoding = encoding(&self.links);
        }
        let config = agent_config(&self.config, &self.identity, self.encoding);
        if let Err(error) = self.agent.reconfigure(config) {
            error!("agent not reconfigured: {error:?}");
        }
    }

    /// Makes taps and data sources what configuration and kernel say now.
    fn reconcile(&mut self, now: Instant) {
        self.ports.reconcile(now, &self.config, &self.links, &self.events);
        let polling = Duration::from_secs(self.config.polling_secs);
        let mut sources = vec![DataSource::HOST];
        let links = self
            .links
            .iter()
            .filter(|link| link.is_real() || view::is_selected(&self.config, link));
        sources.extend(links.map(|link| DataSource::interface(link.index)));
        for gone in self.sources.iter().filter(|source| !sources.contains(source)) {
            self.agent.remove_source(*gone);
        }
        for source in &sources {
            self.add_source(now, *source, polling);
        }
        self.sources = sources;
    }

    fn add_source(&mut self, now: Instant, source: DataSource, polling: Duration) {
        match self.agent.add_source(now, source, polling) {
            Ok(()) => {}
            Err(AddError::Exists) => {
                self.agent.set_polling(now, source, polling);
            }
            Err(AddError::TableFull) => {
                warn!(
                    "more than {MAX_SOURCES} data sources: ifIndex {} is left out",
                    source.index()
                );
            }
            Err(AddError::NeedsExpanded) => {
                info!("ifIndex {} needs expanded encoding: a new session begins", source.index());
                self.configure_agent();
                // The encoding is expanded now, so the same error cannot come again.
                let _ = self.agent.add_source(now, source, polling);
            }
        }
    }

    /// Sends what waits, and says how it went.
    fn end(&mut self) {
        notify(NotifyState::Stopping);
        self.drain_rings();
        self.agent.flush();
        self.agent.transmit(clock::now(), &mut self.collectors);
        self.print_report(clock::now());
    }

    /// Takes what was sampled before the end: some of it is in blocks that the kernel hands over
    /// when they are full or old.
    fn drain_rings(&mut self) {
        let open: Vec<u32> = self.ports.iter().map(|(index, _)| index).collect();
        if open.is_empty() {
            return;
        }
        std::thread::sleep(BLOCK_AGE);
        let end = clock::now() + DRAIN_TIME;
        for index in open {
            while self.ports.drain(clock::now(), index, &mut self.agent, &mut self.collectors)
                && clock::now() < end
            {}
        }
    }

    fn print_report(&mut self, now: Instant) {
        let report = Report {
            uptime: now.since(self.started),
            ports: self.ports.stats(),
            agent: *self.agent.stats(),
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

    /// Names in the configuration that no interface has yet.
    fn tell_missing(&self) {
        for missing in view::missing_devices(&self.config, &self.links) {
            warn!("{missing}; waiting for it");
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

/// Rule A19.
fn encoding(links: &Links) -> Encoding {
    let compact = links.iter().all(|link| link.index <= MAX_COMPACT_INDEX);
    if compact { Encoding::Compact } else { Encoding::Expanded }
}

fn agent_config(config: &Config, identity: &Identity, encoding: Encoding) -> AgentConfig {
    AgentConfig {
        head: DatagramHead {
            address: identity.address,
            sub_agent_id: config.sub_agent_id,
            encoding,
            max_bytes: config.datagram_bytes as usize,
        },
        header_bytes: config.header_bytes as usize,
        max_delay: MAX_DELAY,
        discard_limit: 10,
        seed: clock::seed(),
    }
}

fn log_loaded(loaded: &Loaded) {
    if let Some(file) = &loaded.file {
        info!("configuration {}", file.display());
    }
    loaded.warnings.iter().for_each(|line| warn!("{line}"));
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

/// How long a sample waits for others to share its datagram: with the at most 100 ms that the
/// kernel holds a block of the ring, a collector knows within a quarter of a second.
const MAX_DELAY: Duration = Duration::from_millis(100);
/// The age at which the kernel hands over a block of the ring that is not full.
const BLOCK_AGE: core::time::Duration = core::time::Duration::from_millis(100);
/// At the end of a flood the ring may never be empty.
const DRAIN_TIME: Duration = Duration::from_millis(500);
/// Interfaces beyond are left out, with a warning: a thousand on one host are rare.
const MAX_SOURCES: usize = 1024;
/// The largest datagramBytes that the configuration admits.
const MAX_DATAGRAM: usize = 8192;
/// Notifications taken before packets have their turn again.
const LINK_EVENTS: usize = 256;
