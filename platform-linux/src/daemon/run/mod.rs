//! `flowmote run`: start, event loop, end.

mod configuration;
mod error;
mod views;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use flowmote_core::{Duration, Instant, SourceSlot};
use log::{info, warn};
use nix::sys::signal::Signal;

use crate::clock;
use crate::config::Config;
use crate::daemon::agent::{HostAgent, MAX_DATAGRAM, MAX_SOURCES};
use crate::daemon::auto_file::{AutoFile, AutoLink};
use crate::daemon::discovery::Discoverer;
use crate::daemon::limits;
use crate::daemon::link_watch::LinkWatch;
use crate::daemon::options::{ConfigSource, LoadError};
use crate::daemon::privileges;
use crate::daemon::run::configuration::log_loaded;
use crate::daemon::run::error::runtime;
use crate::daemon::runtime_dir::RuntimeDirectory;
use crate::daemon::service_manager;
use crate::daemon::signals::Signals;
use crate::daemon::user::User;
use crate::daemon::visitors::Visitors;
use crate::events::{Events, Wakeup};
use crate::links::LinkEvent;
use crate::logging;
use crate::modules::Modules;
use crate::modules::module::{Unscheduled, World};
use crate::output::Output;
use crate::output::collectors::Collectors;
use crate::output::resolver::Resolver;

pub use self::error::RunError;

/// Options of [`run`].
#[derive(Clone, Debug)]
pub struct RunOptions {
    /// The origin of the configuration, read at the start and at each SIGHUP.
    pub source: ConfigSource,
    /// The user to become when started as root; `None`: `flowmote`, else `nobody`.
    pub user: Option<String>,
    /// Where other programs find the settings in force.
    pub auto: AutoLink,
    /// Time between two reports in the log; zero: on request only.
    pub stats_interval: Duration,
    /// Place of the status socket; `None`: in the runtime directory.
    pub status_socket: Option<PathBuf>,
}

/// Runs the agent until SIGTERM or SIGINT.
///
/// # Errors
/// A configuration that cannot be used, and errors of the kernel at the start. Once it is running,
/// only a signal ends the daemon.
pub fn run(options: &RunOptions) -> Result<(), RunError> {
    run_until_signal(options).inspect_err(|error| {
        let errno = match error {
            RunError::Configuration(_) => libc::EINVAL,
            RunError::Runtime(_) => libc::EIO,
        };
        service_manager::failed(&error.to_string(), errno);
    })
}

fn run_until_signal(options: &RunOptions) -> Result<(), RunError> {
    // Until here a signal ends the process: a pipe is waited for, and a file may be on a slow disk.
    let loaded = options.source.load().map_err(RunError::Configuration)?;
    let mut signals = Signals::block().map_err(runtime("signals"))?;
    let user = User::find(options.user.as_deref());
    let user = user.map_err(|problem| RunError::Configuration(LoadError::of(&problem)))?;
    log_loaded(&loaded);
    let links = LinkWatch::open().map_err(runtime("rtnetlink"))?;
    let mut sources = SOURCES.lock().unwrap_or_else(PoisonError::into_inner);
    let mut buffer = vec![0; MAX_DATAGRAM];
    let (host, agent) = HostAgent::new(&loaded.config, links.links(), &mut *sources, &mut buffer);
    let output = Output::new(agent, Collectors::new(&loaded.config.collectors));
    let mut daemon = Daemon {
        options,
        modules: Modules::open(&loaded.config).map_err(runtime("counters"))?,
        config: loaded.config.clone(),
        discoverer: Discoverer::new(&loaded.config),
        file_config: loaded.config.clone(),
        file: loaded.file.clone(),
        links,
        host,
        output,
        resolver: Resolver::new().map_err(runtime("resolver"))?,
        events: Events::new().map_err(runtime("epoll"))?,
        auto_file: None,
        runtime: None,
        visitors: Visitors::new(),
        runs_as: String::new(),
        wake_ups: 0,
        started: clock::now(),
        next_report: None,
        privileges: None,
        is_ready: false,
    };
    let without_effect = user.without_effect();
    daemon.start(&signals, &user)?;
    for problem in without_effect.into_iter().chain(loaded.unreadable_to(&user)) {
        warn!("{problem}");
    }
    daemon.event_loop(&mut signals)?;
    daemon.end();
    Ok(())
}

struct Daemon<'a> {
    options: &'a RunOptions,
    /// In force.
    config: Config,
    /// The same without what was discovered.
    file_config: Config,
    discoverer: Discoverer,
    /// The origin of the configuration, if it is a file.
    file: Option<PathBuf>,
    links: LinkWatch,
    host: HostAgent,
    modules: Modules,
    output: Output<'a>,
    resolver: Resolver,
    events: Events,
    /// `None`: not published.
    auto_file: Option<AutoFile>,
    /// `None`: not available to this agent.
    runtime: Option<Arc<RuntimeDirectory>>,
    visitors: Visitors,
    /// Process user, in words.
    runs_as: String,
    /// Returns of epoll_wait(2).
    wake_ups: u64,
    started: Instant,
    next_report: Option<Instant>,
    /// What is left of the privileges; `None` during the start.
    privileges: Option<privileges::Outcome>,
    /// systemd was notified that the start is over.
    is_ready: bool,
}

impl Daemon<'_> {
    /// Opens everything that needs privileges, then drops them.
    fn start(&mut self, signals: &Signals, user: &User) -> Result<(), RunError> {
        let watch = |events: &Events| {
            events.watch(signals, Wakeup::Signal)?;
            events.watch(self.links.links(), Wakeup::Links)?;
            events.watch(&self.resolver, Wakeup::Resolver)
        };
        watch(&self.events).map_err(runtime("epoll"))?;
        self.modules.may_start(&self.config).map_err(RunError::Runtime)?;
        // Before the first tap, and while there may still be the right to.
        privileges::raise_locked_memory();
        limits::raise_open_files();
        let now = clock::now();
        self.log_problems();
        self.locate_collectors();
        // Before the taps, which may need all descriptors.
        self.output.collectors.open_sockets(now);
        self.reconcile(now);
        self.open_runtime_directory(user);
        self.open_status();
        self.visitors.configure(now, &self.config, &self.events);
        let kept = self.modules.capabilities(&self.config);
        let outcome = privileges::drop_all(user, &kept).map_err(runtime("privileges"))?;
        self.runs_as = outcome.user().to_owned();
        logging::start_writer().map_err(runtime("log writer"))?;
        if outcome.is_root() {
            warn!("running as {outcome}; it can still change files of root");
        } else {
            info!("running as {outcome}");
        }
        self.privileges = Some(outcome);
        self.next_report = self.following_report(now);
        self.publish_settings(now);
        Ok(())
    }

    fn event_loop(&mut self, signals: &mut Signals) -> Result<(), RunError> {
        loop {
            let now = clock::now();
            let deadline = self.run_due(now);
            self.notify_when_ready();
            let woken = self.events.wait(now, deadline).map_err(runtime("epoll"))?;
            self.wake_ups = self.wake_ups.saturating_add(1);
            let now = clock::now();
            self.output.collectors.set_time(now);
            for number in 0..woken {
                let Some(wakeup) = self.events.woken(number) else { break };
                if self.dispatch(now, wakeup, signals) {
                    return Ok(());
                }
            }
        }
    }

    /// Ends the start for systemd once sampling has begun: modules put off what takes long.
    fn notify_when_ready(&mut self) {
        if !self.is_ready && self.modules.are_settled() {
            self.is_ready = true;
            service_manager::ready(&self.status());
        }
    }

    /// Handles one wake-up. Returns true if the daemon is to end.
    fn dispatch(&mut self, now: Instant, wakeup: Wakeup, signals: &mut Signals) -> bool {
        match wakeup {
            Wakeup::Module { module, token } => {
                let world = World::new(&self.config, self.links.links(), &self.events);
                self.modules.ready(now, (module, token), world, &mut self.output);
            }
            Wakeup::Links => self.update_links(now),
            Wakeup::Resolver => {
                while let Some(answer) = self.resolver.answer() {
                    self.output.collectors.resolved(now, answer);
                }
                self.publish_settings(now);
            }
            Wakeup::Collectors => self.output.collectors.read_errors(now),
            Wakeup::Visitor { token } => self.visited(now, token),
            Wakeup::Signal => {
                while let Some(signal) = signals.next() {
                    if self.handle_signal(now, signal) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// Does everything that is due. Returns when something is due next.
    fn run_due(&mut self, now: Instant) -> Option<Instant> {
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.links.deadline()) {
            self.update_links(now);
        }
        if is_due(self.discoverer.deadline()) && self.discoverer.run(now) {
            self.put_in_force(now);
        }
        if is_due(self.host.deadline()) {
            self.update_address(now);
        }
        let world = World::new(&self.config, self.links.links(), &self.events);
        if self.modules.run_due(now, world, &mut self.output) {
            self.follow_modules(now);
        }
        let collectors = self.output.collectors.maintain(now, &self.resolver);
        self.output.collectors.watch(|socket| {
            let _ = self.events.watch_errors(socket, Wakeup::Collectors);
        });
        let agent = self.poll_counters(now);
        self.visitors.run_due(now, &self.events);
        if is_due(self.next_report) {
            self.print_report(now);
            self.next_report = self.following_report(now);
        }
        let settings = self.auto_file.as_mut().and_then(|file| {
            file.run_due(now);
            file.deadline()
        });
        let own = [self.links.deadline(), self.host.deadline(), self.discoverer.deadline()];
        let (modules, visitors) = (self.modules.deadline(), self.visitors.deadline());
        let others = [agent, collectors, settings, modules, visitors, self.next_report];
        own.into_iter().chain(others).flatten().min()
    }

    fn poll_counters(&mut self, now: Instant) -> Option<Instant> {
        let sent = self.output.agent.stats().counter_samples;
        let mut counters = self.modules.counters(now, self.links.links());
        self.output.poll(now, &mut counters);
        while let Some(unscheduled) = counters.unscheduled() {
            let source = match unscheduled {
                Unscheduled::Restarted(source) => {
                    // The collector then skips the difference to the values before (rule A9 of
                    // docs/sflow-wire.md).
                    self.output.agent.counters_reset(source);
                    source
                }
                Unscheduled::Late(source) => source,
            };
            self.output.counters(now, source, &mut counters);
        }
        if self.output.agent.stats().counter_samples != sent {
            // Not after the delay of a datagram, which would be a wake-up of its own: all polls of a
            // second are at this moment.
            self.output.flush(now);
        }
        self.output.agent.poll_timeout()
    }

    /// Follows changes of interfaces and addresses.
    fn update_links(&mut self, now: Instant) {
        let changes = self.links.poll(now);
        if changes.is_empty() {
            return;
        }
        for change in changes {
            if let LinkEvent::Removed(if_index) = change {
                self.modules.interface_removed(if_index);
                self.host.remove_interface(&mut self.output.agent, if_index);
            }
        }
        self.reconcile(now);
        self.output.collectors.reconsider(now);
        self.update_address(now);
    }

    fn update_address(&mut self, now: Instant) {
        let world = (&self.config, self.links.links());
        self.host.update_address(&mut self.output.agent, now, world);
        self.publish_settings(now);
    }

    /// Returns true if the signal ends the daemon.
    fn handle_signal(&mut self, now: Instant, signal: Signal) -> bool {
        match signal {
            Signal::SIGTERM | Signal::SIGINT => return true,
            Signal::SIGHUP => self.reload(now),
            Signal::SIGUSR1 => self.print_report(now),
            _ => {}
        }
        false
    }

    /// Brings modules and data sources in line with configuration and interfaces.
    fn reconcile(&mut self, now: Instant) {
        let world = World::new(&self.config, self.links.links(), &self.events);
        self.modules.reconcile(now, world, &mut self.output);
        self.locate_collectors();
        self.follow_modules(now);
    }

    fn locate_collectors(&mut self) {
        let links = self.links.links();
        let name_of = |name: &str| links.by_name(name).map(|link| link.name.clone());
        self.output.collectors.locate_devices(name_of);
    }

    /// Adapts what depends on the state of the modules, after each of their steps: the data sources
    /// of the agent, and the capabilities of the process.
    fn follow_modules(&mut self, now: Instant) {
        self.update_sources(now);
        if let Some(privileges) = &mut self.privileges {
            privileges.keep_only(&self.modules.capabilities(&self.config));
        }
    }

    fn update_sources(&mut self, now: Instant) {
        let (config, links) = (&self.config, self.links.links());
        let sources = self.modules.data_sources(config, links);
        self.host.set_sources(&mut self.output.agent, now, sources, (config, links));
    }

    /// Sends the samples that wait and logs the statistics.
    fn end(&mut self) {
        service_manager::stopping();
        self.drain_modules();
        self.output.flush(clock::now());
        self.print_report(clock::now());
        if let Some(file) = &mut self.auto_file {
            file.remove();
        }
    }

    /// Reads what was sampled before the end. The kernel hands over the last of it only after the
    /// hold time.
    fn drain_modules(&mut self) {
        let hold_time = self.modules.hold_time();
        std::thread::sleep(core::time::Duration::from_millis(hold_time.as_millis().into()));
        let end = clock::now() + DRAIN_TIME;
        let Self { modules, config, output, .. } = self;
        while modules.drain(clock::now(), config, output) && clock::now() < end {}
    }
}

/// Limit for reading the last samples: in a flood the ring is never empty.
const DRAIN_TIME: Duration = Duration::from_millis(300);

/// Not a vector: that would be written, 100 kB that most hosts never need. The kernel provides the
/// pages of a static of zeroes when a slot is used.
static SOURCES: Mutex<[SourceSlot; MAX_SOURCES]> = Mutex::new([SourceSlot::VACANT; MAX_SOURCES]);
