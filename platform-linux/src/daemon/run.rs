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
    let agent_config = agent_config(&loaded.config, &identity, &links);
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
    links: Links,
    counters: Counters,
    agent: Agent<'a>,
    ports: Ports,
    collectors: Collectors,
    resolver: Resolver,
    events: Events,
    /// When the next report is due.
    report: Option<Instant>,
    /// Data sources that the agent knows, so that only differences are told.
    polled: Vec<u32>,
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
            links,
            agent,
            ports: Ports::default(),
            resolver: Resolver::new().map_err(runtime("resolver"))?,
            events: Events::new().map_err(runtime("epoll"))?,
            report: None,
            polled: Vec::new(),
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
        self.need_capture()?;
        self.reconcile(now);
        let outcome = privileges::drop_all(&self.options.user).map_err(runtime("privileges"))?;
        info!("{outcome}");
        self.report = self.next_report(now);
        notify(NotifyState::Ready);
        Ok(())
    }

    fn serve(&mut self, signals: &mut Signals) -> Result<(), Failure> {
        loop {
            let now = clock::now();
            let deadline = self.work(now);
            let woken: Vec<Wakeup> = self.events.wait(now, deadline).map_err(runtime("epoll"))?.collect();
            let now = clock::now();
            for wakeup in woken {
                match wakeup {
                    Wakeup::Tap(index) => {
                        self.ports.drain(now, index, &mut self.agent, &mut self.collectors);
                    }
                    Wakeup::Links => self.follow_links(now),
                    Wakeup::Resolver => self.take_answers(now),
                    Wakeup::Signal => {
                        while let Some(signal) = signals.next() {
                            if self.obey(now, signal) {
                                return Ok(());
                            }
                        }
                    }
                }
            }
        }
    }
}
