//! The producers of samples and counters, one room each, behind one seam.
//!
//! ```text
//! daemon ──▶ Modules ──▶ dyn Module ──▶ taps · host · interfaces ──▶ links, kernel, config
//!               │            │
//!               └─ World ────┤  in: configuration, interfaces, registration of descriptors
//!                            └▶ Output: samples to the agent, datagrams to the collectors
//! ```
//!
//! The daemon depends on [`Module`] only. A module does not import another module or the daemon; what
//! two modules need is a room beneath them.
//!
//! To add a module:
//! 1. Write `modules/NAME.rs` (or `NAME/mod.rs`) with a type that implements [`Module`]. It is
//!    constructed once and stays, whether it is configured or not: `reconcile` opens and closes
//!    what the configuration in force requires.
//! 2. Write its block in `config/block/NAME.rs` if it has one.
//! 3. Add it to the list in [`Modules::open`] and its `mod` line here.
//! 4. Describe its log lines and statistics in `docs/operations.md`; a test compares them.
//!
//! The kinds of module that the seam is made for: one that samples packets from a descriptor
//! (`taps`; name the data sources in `data_sources`, read a bounded number in `ready`, pass them
//! to [`Output`](crate::output::Output)), and one that answers polls (`host`, `interfaces`;
//! `data_sources` and `counters`).

mod cloud;
mod driver_counters;
mod dropmon;
pub mod host;
mod host_metrics;
pub mod interfaces;
pub mod json;
pub(crate) mod module;
mod nflog;
mod nvml;
mod optics;
mod psample;
pub mod taps;
pub mod tcp;
pub mod workloads;

use std::io;
use std::ops::Range;
use std::path::Path;

use caps::Capability;
use flowmote_core::{CounterRecord, CounterSource, DataSource, Duration, Instant};

use crate::config::Config;
use crate::links::Links;
use crate::modules::cloud::Cloud;
use crate::modules::driver_counters::DriverStatistics;
use crate::modules::dropmon::Dropmon;
use crate::modules::host::HostCounters;
use crate::modules::host_metrics::MoreHostMetrics;
use crate::modules::interfaces::InterfaceCounters;
use crate::modules::json::Json;
use crate::modules::module::{Findings, Module, Statistics, Unscheduled, World};
use crate::modules::nflog::Nflog;
use crate::modules::nvml::Nvml;
use crate::modules::optics::Optics;
use crate::modules::psample::Psample;
use crate::modules::taps::Taps;
use crate::modules::tcp::Tcp;
use crate::modules::workloads::Workloads;
use crate::output::Output;

/// All modules, which are called in the order of the list.
#[derive(Debug)]
pub(crate) struct Modules {
    all: Vec<Box<dyn Module>>,
}

/// The counters of modules at one moment.
#[derive(Debug)]
pub(crate) struct Counters<'a> {
    modules: &'a mut Modules,
    now: Instant,
    links: &'a Links,
    /// The modules that are read: all, or the one that has asked for it.
    readers: Range<usize>,
}

impl Modules {
    /// Constructs the modules. To be called before privileges are dropped: only root may read the
    /// UUID of the machine.
    ///
    /// # Errors
    /// Those of netlink sockets.
    pub(crate) fn open(config: &Config) -> io::Result<Self> {
        Ok(Self {
            all: vec![
                Box::new(Taps::default()),
                Box::new(Nflog::default()),
                Box::new(Tcp::default()),
                Box::new(Json::default()),
                Box::new(Psample::default()),
                Box::new(Dropmon::default()),
                Box::new(HostCounters::new("/", config.uuid)?),
                Box::new(InterfaceCounters::open()?),
                Box::new(Cloud::new(Path::new("/"))),
                Box::new(Workloads::new(Path::new("/"))),
                Box::new(DriverStatistics::default()),
                Box::new(MoreHostMetrics::new("/")),
                Box::new(Nvml::default()),
                Box::new(Optics::default()),
            ],
        })
    }

    /// The capabilities that some module needs after the start, each once.
    pub(crate) fn capabilities(&self, config: &Config) -> Vec<Capability> {
        let mut needed = Vec::new();
        for capability in self.all.iter().flat_map(|module| module.capabilities(config)) {
            if !needed.contains(capability) {
                needed.push(*capability);
            }
        }
        needed
    }

    /// Returns the first reason not to start the daemon.
    pub(crate) fn may_start(&self, config: &Config) -> Result<(), String> {
        self.all.iter().try_for_each(|module| module.may_start(config))
    }

    /// Returns true if some module samples packets under this configuration.
    pub(crate) fn sample_packets(&self, config: &Config) -> bool {
        self.all.iter().any(|module| module.samples_packets(config))
    }

    /// Brings every module in line with configuration and interfaces.
    pub(crate) fn reconcile(&mut self, now: Instant, world: World<'_>, output: &mut Output<'_>) {
        self.reconcile_if(now, world, output, |_| true);
    }

    /// The same for the modules whose deadline has passed; returns true if there were any.
    pub(crate) fn run_due(
        &mut self,
        now: Instant,
        world: World<'_>,
        output: &mut Output<'_>,
    ) -> bool {
        let is_due = |module: &dyn Module| module.deadline().is_some_and(|due| due <= now);
        self.reconcile_if(now, world, output, is_due)
    }

    /// The earliest time at which [`run_due`](Self::run_due) has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.all.iter().filter_map(|module| module.deadline()).min()
    }

    /// Returns true if no module has put work off.
    pub(crate) fn are_settled(&self) -> bool {
        self.all.iter().all(|module| module.is_settled())
    }

    /// Passes on that an interface was deleted.
    pub(crate) fn interface_removed(&mut self, if_index: u32) {
        self.all.iter_mut().for_each(|module| module.interface_removed(if_index));
    }

    /// The data sources of all modules, each once.
    pub(crate) fn data_sources(&self, config: &Config, links: &Links) -> Vec<DataSource> {
        let mut sources = Vec::new();
        for module in &self.all {
            module.data_sources(config, links, &mut |source| sources.push(source));
        }
        // The host first: the agent takes them in this order until its table is full.
        sources.sort_unstable_by_key(|source| (*source != DataSource::HOST, *source));
        sources.dedup();
        sources
    }

    /// The counters as the agent polls them.
    pub(crate) fn counters<'a>(&'a mut self, now: Instant, links: &'a Links) -> Counters<'a> {
        let readers = 0..self.all.len();
        Counters { modules: self, now, links, readers }
    }

    /// Passes a wake-up to the module that registered the descriptor.
    pub(crate) fn ready(
        &mut self,
        now: Instant,
        (number, token): (u16, u32),
        world: World<'_>,
        output: &mut Output<'_>,
    ) {
        if let Some(module) = self.all.get_mut(usize::from(number)) {
            module.ready(now, token, &world.of_module(number), output);
        }
    }

    /// The longest time for which the kernel holds samples of some module back.
    pub(crate) fn hold_time(&self) -> Duration {
        self.all.iter().map(|module| module.hold_time()).max().unwrap_or(Duration::ZERO)
    }

    /// Passes some of the samples that wait to `output`; returns true if more may wait.
    pub(crate) fn drain(&mut self, now: Instant, config: &Config, output: &mut Output<'_>) -> bool {
        // Not `any`, which would stop at the first module that has samples.
        self.all.iter_mut().fold(false, |more, module| module.drain(now, config, output) | more)
    }

    /// The lines of all modules.
    pub(crate) fn statistics(&mut self) -> Statistics {
        let mut statistics = Statistics::default();
        self.all.iter_mut().for_each(|module| module.report(&mut statistics));
        statistics
    }

    /// What the configuration requests of modules and this host lacks.
    pub(crate) fn problems(&self, config: &Config, links: &Links, problems: &mut Vec<String>) {
        self.all.iter().for_each(|module| module.problems(config, links, problems));
    }

    /// Describes what each module would do.
    pub(crate) fn check(&self, config: &Config, links: &Links, findings: &mut Findings) {
        self.all.iter().for_each(|module| module.check(config, links, findings));
    }

    fn reconcile_if(
        &mut self,
        now: Instant,
        world: World<'_>,
        output: &mut Output<'_>,
        applies: impl Fn(&dyn Module) -> bool,
    ) -> bool {
        let mut any = false;
        for (module, number) in self.all.iter_mut().zip(0..) {
            if applies(module.as_ref()) {
                module.reconcile(now, &world.of_module(number), output);
                any = true;
            }
        }
        any
    }
}

impl Counters<'_> {
    /// See [`Module::unscheduled`]. From here on only the counters of that module are read: those of
    /// the others were sent at the poll.
    pub(crate) fn unscheduled(&mut self) -> Option<Unscheduled> {
        let mut modules = self.modules.all.iter_mut().enumerate();
        let (number, unscheduled) =
            modules.find_map(|(number, module)| Some((number, module.unscheduled(self.now)?)))?;
        self.readers = number..number + 1;
        Some(unscheduled)
    }
}

impl CounterSource for Counters<'_> {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let Self { modules, now, links, readers } = self;
        // Several modules may have counters of one source, each with a sample of its own.
        for module in modules.all.get_mut(readers.clone()).into_iter().flatten() {
            module.counters(*now, links, source, emit);
        }
    }
}

#[cfg(test)]
mod tests;
