//! The module as the daemon calls it, on a tree of files.

use flowmote_core::{Agent, AgentConfig, DatagramHead, Encoding, SourceSlot};
use std::time::Duration as StdDuration;

use super::*;
use crate::cgroups::testing::Tree;
use crate::config::EntityRule;
use crate::events::Events;
use crate::output::collectors::Collectors;

const RULE: Option<EntityRule> = Some(EntityRule { marks_traffic: true, hostname: false });
const MOUNT: &str = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
const NONE: [u32; 0] = [];
const LONG: StdDuration = StdDuration::from_secs(60);

/// The module with everything that the daemon has around it.
struct Host {
    tree: Tree,
    workloads: Workloads,
    config: Config,
    links: Links,
    events: Events,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        let tree = Tree::new();
        tree.file("proc/self/mountinfo", MOUNT);
        tree.file("proc/meminfo", "MemTotal: 1024 kB\n");
        tree.file("sys/devices/system/cpu/online", "0-1\n");
        let mut workloads = Workloads::new(tree.path());
        workloads.readings.patience = LONG;
        let mut config = Config::default();
        config.entities.systemd = RULE;
        let (links, events) = (Links::open().unwrap(), Events::new().unwrap());
        Self { tree, workloads, config, links, events, now: Instant::ZERO }
    }

    fn service(&self, name: &str, cpu_usec: u64) {
        let path = format!("sys/fs/cgroup/system.slice/{name}");
        self.tree.file(&format!("{path}/cpu.stat"), &format!("usage_usec {cpu_usec}\n"));
        self.tree.file(&format!("{path}/memory.current"), "4096\n");
    }

    /// Moves the clock and calls the module when it is due, as the daemon does.
    fn run(&mut self, output: &mut Output<'_>, until: Instant) {
        loop {
            let world = World::new(&self.config, &self.links, &self.events);
            self.workloads.reconcile(self.now, &world, output);
            let due = self.workloads.deadline();
            assert!(due.is_none_or(|due| due > self.now), "a busy loop");
            if self.workloads.search.is_searching() {
                // However busy the machine is.
                self.workloads.search.wait_for_thread(LONG);
            }
            match due.filter(|due| *due <= until) {
                Some(due) => self.now = due,
                None => return self.now = until,
            }
        }
    }

    fn sources(&self) -> Vec<DataSource> {
        let mut sources = Vec::new();
        self.workloads.data_sources(&self.config, &self.links, &mut |source| sources.push(source));
        sources
    }

    /// The record formats of a poll, with what was read for it.
    fn poll(&mut self, source: DataSource) -> Vec<u32> {
        let mut formats = self.counters(source);
        while let Some(late) = self.workloads.readings.late(self.now) {
            formats.extend(self.counters(late));
        }
        formats
    }

    fn counters(&mut self, source: DataSource) -> Vec<u32> {
        let mut formats = Vec::new();
        self.workloads.counters(self.now, &self.links, source, &mut |records| {
            formats.extend(records.iter().map(|record| record.format().word()));
        });
        formats
    }
}

fn at(secs: u64) -> Instant {
    Instant::from_millis(secs * 1000)
}

fn with_output(test: impl FnOnce(&mut Host, &mut Output<'_>)) {
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 4], [0xa5; 1400]);
    let head = DatagramHead {
        address: [192, 0, 2, 1].into(),
        sub_agent_id: 1,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    };
    let config = AgentConfig {
        head,
        header_bytes: 128,
        max_delay: Duration::ZERO,
        discard_limit: 10,
        seed: 1,
    };
    let agent = Agent::new(config, &mut sources, &mut buffer);
    let mut output = Output::new(agent, Collectors::new(&[]));
    test(&mut Host::new(), &mut output);
}

#[test]
fn service_is_found_polled_and_forgotten() {
    with_output(|host, output| {
        host.service("a.service", 2_000);
        host.run(output, at(1));
        let sources = host.sources();
        assert_eq!(sources.len(), 1);
        assert_eq!(host.poll(sources[0]), [2000, 2002, 2101, 2102]);
        assert_eq!(host.poll(DataSource::HOST), [2100], "the number of entities");
        assert_eq!(host.poll(DataSource::interface(1)), NONE);
        assert_eq!(output.entities.iter().next().unwrap().source, sources[0]);
        host.tree.remove("sys/fs/cgroup/system.slice/a.service");
        assert_eq!(host.poll(sources[0]), NONE, "gone before the next search");
        assert_eq!(host.workloads.readings.gone, 1);
        host.run(output, at(100));
        assert_eq!((host.sources(), output.entities.iter().count()), (vec![], 0));
        assert_eq!(host.poll(DataSource::HOST), NONE);
        assert_eq!(host.workloads.unscheduled(host.now), None);
    });
}

#[test]
fn restarted_service_starts_its_counters_again() {
    with_output(|host, output| {
        host.service("a.service", 2_000_000);
        host.run(output, at(1));
        let source = host.sources()[0];
        assert_eq!(host.workloads.unscheduled(host.now), None);
        // The directory before exists until the new one does, so that they differ in inode.
        let slice = host.tree.path().join("sys/fs/cgroup/system.slice");
        std::fs::rename(slice.join("a.service"), slice.join("old")).unwrap();
        host.service("a.service", 1_000);
        assert_eq!(host.poll(source), NONE, "not with the sequence of the cgroup before");
        host.run(output, at(100));
        assert_eq!(host.sources(), [source], "the same data source");
        assert_eq!(host.workloads.unscheduled(host.now), Some(Unscheduled::Restarted(source)));
        assert_eq!(host.poll(source), [2000, 2002, 2101, 2102]);
        assert_eq!(host.workloads.unscheduled(host.now), None);
    });
}

#[test]
fn counters_that_are_due_together_are_read_at_once() {
    with_output(|host, output| {
        ["a.service", "b.service", "c.service"].iter().for_each(|name| host.service(name, 1));
        host.run(output, at(1));
        for source in host.sources() {
            assert_eq!(host.counters(source), NONE);
        }
        assert_eq!(host.workloads.readings.deadline(), None, "no thread for a single one");
        let late = |host: &mut Host| match host.workloads.unscheduled(host.now) {
            Some(Unscheduled::Late(source)) => host.counters(source),
            other => panic!("{other:?} instead of a source whose counters are late"),
        };
        assert_eq!(late(host), [2000, 2002, 2101, 2102]);
        host.tree.remove("sys/fs/cgroup/system.slice");
        assert_eq!(late(host), [2000, 2002, 2101, 2102], "read with the first");
        assert_eq!(late(host), [2000, 2002, 2101, 2102]);
        assert_eq!(host.workloads.unscheduled(host.now), None);
    });
}

#[test]
fn slow_read_is_sent_late_and_once() {
    with_output(|host, output| {
        host.service("a.service", 1);
        host.run(output, at(1));
        let source = host.sources()[0];
        host.workloads.readings.patience = StdDuration::ZERO;
        while host.poll(source) != NONE {}
        host.workloads.readings.wait_for_thread(LONG);
        let (now, later) = (host.now, host.workloads.readings.deadline().unwrap());
        assert!(later > now && later <= now + Duration::from_millis(10));
        host.run(output, later);
        assert_eq!(host.workloads.unscheduled(host.now), Some(Unscheduled::Late(source)));
        assert_eq!(host.poll(source), [2000, 2002, 2101, 2102]);
        assert_eq!(host.workloads.unscheduled(host.now), None);
    });
}

#[test]
fn reload_ends_and_begins_the_search() {
    with_output(|host, output| {
        host.service("a.service", 1);
        host.run(output, at(1));
        let source = host.sources()[0];
        host.config.entities = EntityRules::default();
        host.run(output, at(2));
        assert!(host.sources().is_empty());
        assert_eq!((host.workloads.deadline(), output.entities.iter().count()), (None, 0));
        assert_eq!(host.poll(source), NONE);
        host.config.entities.systemd = RULE;
        host.run(output, at(3));
        assert_eq!(host.sources(), [source]);
    });
}

#[test]
fn new_service_wakes_the_daemon_and_is_found_within_a_second() {
    with_output(|host, output| {
        host.service("a.service", 1);
        host.run(output, at(1));
        assert_eq!(host.events.wait(Instant::ZERO, Some(Instant::ZERO)).unwrap(), 0);
        host.service("b.service", 1);
        assert_eq!(host.events.wait(Instant::ZERO, Some(Instant::ZERO)).unwrap(), 1);
        let world = World::new(&host.config, &host.links, &host.events);
        host.workloads.ready(host.now, 0, &world, output);
        let quiet = host.events.wait(Instant::ZERO, Some(Instant::ZERO)).unwrap();
        assert_eq!(quiet, 0, "until the search begins");
        let soon = host.now + Duration::from_secs(1);
        assert_eq!(host.workloads.deadline(), Some(soon));
        host.run(output, soon + Duration::from_millis(10));
        assert_eq!(host.sources().len(), 2);
    });
}

#[test]
fn ten_thousand_services_that_come_and_go_leave_nothing() {
    with_output(|host, output| {
        let names: Vec<_> = (0..100).map(|number| format!("{number}.service")).collect();
        for round in 0..100_u64 {
            // Each has a cgroup of its own, and half of them have names that were there before.
            let name = |name: &String| format!("{}-{name}", round / 2);
            let path = |unit| format!("sys/fs/cgroup/system.slice/{}", name(unit));
            names.iter().for_each(|unit| host.tree.directory(&path(unit)));
            host.run(output, at((round + 1) * 60));
            assert_eq!(host.sources().len(), 100);
            host.tree.remove("sys/fs/cgroup/system.slice");
        }
        host.run(output, at(110 * 60));
        assert_eq!((host.sources(), output.entities.iter().count()), (vec![], 0));
        assert_eq!(host.workloads.readings.deadline(), None);
        assert!(host.workloads.restarted.is_empty());
    });
}

#[test]
fn host_without_version_2_is_a_problem_of_the_blocks() {
    let problems = |kind: &str| {
        let tree = Tree::new();
        tree.file("proc/self/mountinfo", kind);
        let workloads = Workloads::new(tree.path());
        let mut config = Config::default();
        let links = Links::open().unwrap();
        let mut problems = Vec::new();
        workloads.problems(&config, &links, &mut problems);
        assert_eq!(problems, [""; 0], "no block");
        (config.entities.systemd, config.entities.k8s) = (RULE, RULE);
        workloads.problems(&config, &links, &mut problems);
        problems
    };
    assert_eq!(problems(MOUNT), [""; 0]);
    let legacy = problems(&MOUNT.replace("cgroup2", "cgroup"));
    assert!(legacy[0].starts_with("systemd, k8s: this host has cgroups of version 1 only"));
    assert_eq!(problems("").len(), 1);
}
