//! Services, containers and pods: each is a data source of class 3 with counters of its cgroup.
//!
//! ```text
//! search ── thread: survey ── names         which cgroups are entities ──▶ Output::entities
//! readings ── thread: meter                 counters of those that are polled ──▶ records
//! ```
//!
//! All kinds share one search, one table and one thread for reading, because they share the tree of
//! cgroups: a container may be in a pod or in a service.

mod docker;
mod kubernetes;
mod meter;
mod names;
mod naming;
mod network;
mod node;
mod podman;
mod ports;
mod readings;
mod records;
mod search;
mod survey;

use std::path::{Path, PathBuf};

use flowmote_core::{CounterRecord, DataSource, Duration, Instant};
use foldhash::{HashMap, HashMapExt};
use log::{info, warn};

use self::meter::{Place, Reading};
use self::ports::Ports;
use self::readings::Readings;
use self::records::Identity;
pub use self::records::WorkloadReading;
use self::search::Search;
use self::survey::{Group, Survey, SurveyResult};
use crate::cgroups::Hierarchy;
use crate::config::{Config, EntityRules};
use crate::entities::{self, Kind};
use crate::links::Links;
use crate::modules::module::{Findings, Line, Module, Statistics, Unscheduled, World};
use crate::output::Output;
use crate::throttle::Throttle;

/// The entities of the blocks `systemd`, `docker`, `containerd` and `k8s`.
#[derive(Debug)]
pub(crate) struct Workloads {
    root: PathBuf,
    search: Search,
    readings: Readings,
    ports: Ports,
    members: HashMap<DataSource, Member>,
    /// Entities whose counters start again.
    restarted: Vec<DataSource>,
    /// Why Docker does not supply names, as last logged.
    refusal: Option<String>,
    /// The number of entities is to be logged.
    is_new: bool,
    /// There is a block, so that the statistics have its line.
    is_configured: bool,
    throttle: Throttle,
    stats: Stats,
}

/// An entity with a data source.
#[derive(Debug)]
struct Member {
    kind: Kind,
    identity: Identity,
    place: Place,
}

/// Counters of what is not sent, each as of the last search.
#[derive(Clone, Copy, Debug, Default)]
struct Stats {
    /// Entities beyond the size of the table.
    left_out: u64,
    /// Cgroups that were not searched.
    unsearched: u64,
    /// Directories without a watch.
    unwatched: u64,
}

impl Workloads {
    /// Reads below `root`, `/` except in tests.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            search: Search::new(root),
            readings: Readings::new(root),
            ports: Ports::default(),
            members: HashMap::new(),
            restarted: Vec::new(),
            refusal: None,
            is_new: false,
            is_configured: false,
            throttle: Throttle::default(),
            stats: Stats::default(),
        }
    }

    /// Applies the result of a search.
    fn update(
        &mut self,
        now: Instant,
        result: SurveyResult,
        world: &World<'_>,
        output: &mut Output<'_>,
    ) {
        let SurveyResult { groups, walk, unwatched, refusal, .. } = result;
        let forget = Duration::from_secs(world.config.entities.forget());
        let found: Vec<_> = groups.iter().map(|group| group.found.clone()).collect();
        let places = output.entities.update(now, &found, forget);
        self.members = members(groups, &places);
        let restarted = places.iter().flatten().filter(|place| place.restarted);
        self.restarted = restarted.map(|place| place.source).collect();
        let Self { members, readings, restarted, .. } = self;
        // Those of the cgroup before are not the counters of the one now.
        readings.retain(|source| members.contains_key(&source) && !restarted.contains(&source));
        let left_out = places.iter().filter(|place| place.is_none()).count();
        self.stats = Stats {
            left_out: left_out as u64,
            unsearched: walk.left_out as u64,
            unwatched: unwatched as u64,
        };
        self.log(now, left_out, refusal);
    }

    fn log(&mut self, now: Instant, left_out: usize, refusal: Option<String>) {
        if core::mem::take(&mut self.is_new) {
            let [services, containers, pods] = self.count();
            info!("{services} services, {containers} containers and {pods} pods have counters");
        }
        if let Some(error) = refusal.as_ref().filter(|_| self.refusal != refusal) {
            warn!("docker: {error}; containers have their ids as names");
        }
        self.refusal = refusal;
        if left_out > 0 {
            let there = self.members.len();
            self.throttle.warn(
                now,
                format_args!(
                    "more than {there} services and containers: {left_out} have no counters"
                ),
            );
        }
    }

    fn count(&self) -> [usize; 3] {
        let of = |kind| self.members.values().filter(|member| member.kind == kind).count();
        [of(Kind::Service), of(Kind::Container), of(Kind::Pod)]
    }

    fn emit(
        &mut self,
        links: &Links,
        source: DataSource,
        reading: &Reading,
        emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) {
        match (reading, self.members.get(&source)) {
            (Reading::Entity { usage, traffic, namespace, node }, Some(member)) => {
                let ports = namespace.map(|id| self.ports.read(links, id)).unwrap_or_default();
                let traffic = traffic.or_else(|| ports::traffic(&ports));
                let mut reading = WorkloadReading::new(&member.identity, usage, traffic, node);
                reading.adapters = ports.into_iter().map(ports::Port::adapter).collect();
                reading.records(emit);
            }
            (Reading::Host(node), _) => emit(&[&node.record(self.members.len())]),
            _ => {}
        }
    }

    /// Ends the data sources when no block selects them any more.
    fn close(&mut self, now: Instant, output: &mut Output<'_>) {
        output.entities.update(now, &[], Duration::ZERO);
        self.members = HashMap::new();
        self.restarted = Vec::new();
        self.readings.retain(|_| false);
        self.stats = Stats::default();
    }
}

impl Module for Workloads {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        self.is_configured = !world.config.entities.is_empty();
        if self.search.configure(now, world) {
            self.is_new = true;
            if world.config.entities.is_empty() {
                self.close(now, output);
            }
        }
        if let Some(result) = self.search.run(now, world) {
            self.update(now, result, world, output);
        }
        self.readings.check(now);
    }

    fn data_sources(&self, _config: &Config, _links: &Links, add: &mut dyn FnMut(DataSource)) {
        self.members.keys().for_each(|source| add(*source));
    }

    fn counters(
        &mut self,
        _now: Instant,
        links: &Links,
        source: DataSource,
        emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) -> bool {
        // Before anything else: what is not taken stays late.
        let reading = self.readings.take(source);
        let place = match self.members.get(&source) {
            Some(member) => Some(member.place.clone()),
            None if source == DataSource::HOST && !self.members.is_empty() => None,
            None => return false,
        };
        match reading {
            Some(reading) => self.emit(links, source, &reading, emit),
            None => self.readings.request(source, place),
        }
        true
    }

    fn unscheduled(&mut self, now: Instant) -> Option<Unscheduled> {
        let restarted = self.restarted.pop().map(Unscheduled::Restarted);
        restarted.or_else(|| self.readings.late(now).map(Unscheduled::Late))
    }

    fn ready(&mut self, now: Instant, _token: u32, world: &World<'_>, _output: &mut Output<'_>) {
        self.search.woken(now, world);
    }

    fn deadline(&self) -> Option<Instant> {
        [self.search.deadline(), self.readings.deadline()].into_iter().flatten().min()
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let [services, containers, pods] = self.count().map(|count| count as u64);
        let Stats { left_out, unsearched, unwatched } = self.stats;
        statistics.lines.push(Line {
            subject: "services and containers".to_owned(),
            counters: vec![(services, "services"), (containers, "containers"), (pods, "pods")],
            exceptions: Vec::new(),
            optional: !self.is_configured,
        });
        statistics.exceptions.extend([
            (left_out, "services and containers without counters, because there are too many"),
            (unsearched, "cgroups not searched, because there are too many"),
            (unwatched, "cgroups whose changes are seen at the next search only"),
            (self.readings.gone, "polls of services and containers that had ended"),
        ]);
    }

    fn problems(&self, config: &Config, _links: &Links, problems: &mut Vec<String>) {
        if !config.entities.is_empty() {
            let hierarchy = Survey::new(&self.root).hierarchy();
            problems.extend(
                problem(&hierarchy).map(|text| format!("{}: {text}", blocks(&config.entities))),
            );
        }
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        if config.entities.is_empty() {
            return;
        }
        let mut survey = Survey::new(&self.root);
        survey.rules = config.entities;
        survey.run();
        let SurveyResult { groups, refusal, .. } = survey.result.take().unwrap_or_default();
        let of = |kind| groups.iter().filter(|group| group.found.kind == kind).count();
        let [services, containers, pods] = [Kind::Service, Kind::Container, Kind::Pod].map(of);
        findings.line(
            "cgroups",
            format_args!("{services} services, {containers} containers and {pods} pods"),
        );
        let hierarchy = survey.hierarchy();
        findings.warnings.extend(warnings(&config.entities, refusal.as_deref(), &hierarchy));
    }
}

/// What is not sent.
fn warnings(rules: &EntityRules, refusal: Option<&str>, hierarchy: &Hierarchy) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(error) = refusal {
        warnings.push(format!("warning: docker: {error}; containers have their ids as names"));
    }
    if let Hierarchy::Hybrid(_) = hierarchy {
        let blocks = blocks(rules);
        warnings.push(format!(
            "warning: {blocks}: memory and I/O are counted by cgroups of version 1 on this host; only \
             CPU time is sent"
        ));
    }
    warnings
}

fn members(groups: Vec<Group>, places: &[Option<entities::Place>]) -> HashMap<DataSource, Member> {
    let place = |position: usize| places.get(position).copied().flatten();
    let members = groups.into_iter().enumerate().filter_map(|(position, group)| {
        let entities::Place { source, uuid, .. } = place(position)?;
        let parent = group.parent.and_then(place).map_or(DataSource::HOST, |place| place.source);
        let has_network = group.has_network();
        let (kind, name, cgroup) = (group.found.kind, group.found.name, group.found.cgroup);
        let identity = Identity { name, uuid, parent };
        let place = Place { path: group.path, cgroup, has_network };
        Some((source, Member { kind, identity, place }))
    });
    members.collect()
}

/// Why there are no entities on this host.
fn problem(hierarchy: &Hierarchy) -> Option<&'static str> {
    match hierarchy {
        Hierarchy::Unified(_) | Hierarchy::Hybrid(_) => None,
        Hierarchy::Legacy => Some(
            "this host has cgroups of version 1 only, and Flowmote reads those of version 2; boot \
             with systemd.unified_cgroup_hierarchy=1",
        ),
        Hierarchy::None => Some("no cgroups are mounted, or /proc cannot be read"),
    }
}

/// The names of the blocks that select entities.
fn blocks(rules: &EntityRules) -> String {
    let EntityRules { systemd, docker, containerd, k8s, .. } = rules;
    let blocks =
        [("systemd", systemd), ("docker", docker), ("containerd", containerd), ("k8s", k8s)];
    let names = blocks.iter().filter(|(_, rule)| rule.is_some()).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
