//! The seam: calls reach the right module, and one module does not stand in the way of another.

use std::cell::RefCell;
use std::os::unix::net::UnixDatagram;
use std::rc::Rc;

use flowmote_core::record::counter::PortName;
use flowmote_core::{Agent, AgentConfig, DatagramHead, Encoding, SourceSlot};

use super::*;
use crate::events::{Events, Wakeup};
use crate::output::collectors::Collectors;

/// A module that keeps a record of its calls.
#[derive(Debug, Default)]
struct Recorder {
    name: &'static str,
    calls: Rc<RefCell<Vec<String>>>,
    sources: Vec<DataSource>,
    deadline: Option<Instant>,
    waiting: u32,
    late: Option<DataSource>,
    socket: Option<UnixDatagram>,
}

impl Recorder {
    fn note(&self, call: &str) {
        self.calls.borrow_mut().push(format!("{} {call}", self.name));
    }
}

impl Module for Recorder {
    fn capabilities(&self, _config: &Config) -> &'static [Capability] {
        &[Capability::CAP_NET_RAW]
    }

    fn reconcile(&mut self, _now: Instant, world: &World<'_>, _output: &mut Output<'_>) {
        self.note("reconcile");
        if let Some(socket) = &self.socket {
            world.watch(socket, 9).unwrap();
        }
    }

    fn data_sources(&self, _config: &Config, _links: &Links, add: &mut dyn FnMut(DataSource)) {
        self.sources.iter().for_each(|source| add(*source));
    }

    fn counters(
        &mut self,
        _now: Instant,
        _links: &Links,
        source: DataSource,
        emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) -> bool {
        let is_own = self.sources.contains(&source);
        if is_own {
            emit(&[&PortName { name: self.name }]);
        }
        is_own
    }

    fn unscheduled(&mut self, _now: Instant) -> Option<Unscheduled> {
        self.late.take().map(Unscheduled::Late)
    }

    fn ready(&mut self, _now: Instant, token: u32, _world: &World<'_>, _output: &mut Output<'_>) {
        self.note(&format!("ready {token}"));
    }

    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    fn drain(&mut self, _now: Instant, _config: &Config, _output: &mut Output<'_>) -> bool {
        self.note("drain");
        let more = self.waiting > 0;
        self.waiting = self.waiting.saturating_sub(1);
        more
    }
}

/// Runs `test` with two modules `a` and `b`, and returns their calls.
fn calls_of(
    [a, b]: [Recorder; 2],
    test: impl FnOnce(&mut Modules, World<'_>, &mut Output<'_>),
) -> Vec<String> {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let named = |name, module| {
        let module = Recorder { name, calls: Rc::clone(&calls), ..module };
        Box::new(module) as Box<dyn Module>
    };
    let mut modules = Modules { all: vec![named("a", a), named("b", b)] };
    let (config, links, events) =
        (Config::default(), Links::open().unwrap(), Events::new().unwrap());
    let head = DatagramHead {
        address: [192, 0, 2, 1].into(),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 1400,
    };
    let agent = AgentConfig {
        head,
        header_bytes: 128,
        max_delay: Duration::ZERO,
        discard_limit: 0,
        seed: 1,
    };
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0xa5; 1400]);
    let agent = Agent::new(agent, &mut sources, &mut buffer);
    let mut output = Output::new(agent, Collectors::new(&[]));
    test(&mut modules, World::new(&config, &links, &events), &mut output);
    drop(modules);
    calls.take()
}

#[test]
fn wakeup_reaches_the_module_that_registered_the_descriptor() {
    let (near, far) = UnixDatagram::pair().unwrap();
    far.send(&[1]).unwrap();
    let b = Recorder { socket: Some(near), ..Recorder::default() };
    let mut events = Events::new().unwrap();
    let calls = calls_of([Recorder::default(), b], |modules, world, output| {
        let watched = World::new(world.config, world.links, &events);
        modules.reconcile(Instant::ZERO, watched, output);
        assert_eq!(events.wait(Instant::ZERO, None).unwrap(), 1);
        assert_eq!(events.woken(0), Some(Wakeup::Module { module: 1, token: 9 }));
        modules.ready(Instant::ZERO, (1, 9), world, output);
        // A module that does not exist.
        modules.ready(Instant::ZERO, (2, 9), world, output);
    });
    assert_eq!(calls, ["a reconcile", "b reconcile", "b ready 9"]);
}

#[test]
fn only_modules_that_are_due_are_reconciled() {
    let at = Instant::from_millis;
    let due = |millis| Recorder { deadline: Some(at(millis)), ..Recorder::default() };
    let calls = calls_of([due(5), due(7)], |modules, world, output| {
        assert_eq!(modules.deadline(), Some(at(5)));
        assert!(!modules.run_due(at(4), world, output));
        assert!(modules.run_due(at(5), world, output));
    });
    assert_eq!(calls, ["a reconcile"]);
}

#[test]
fn data_sources_are_listed_once_the_host_first() {
    let sources = |sources: &[u32]| Recorder {
        sources: sources.iter().copied().map(DataSource::interface).collect(),
        ..Recorder::default()
    };
    let mut b = sources(&[3, 1]);
    b.sources.push(DataSource::HOST);
    calls_of([sources(&[2, 3]), b], |modules, world, _| {
        let expected = [1, 2, 3].map(DataSource::interface);
        let listed = modules.data_sources(world.config, world.links);
        assert_eq!(listed, [&[DataSource::HOST][..], &expected].concat());
    });
}

#[test]
fn counters_come_from_the_first_module_that_has_the_source() {
    let of =
        |index| Recorder { sources: vec![DataSource::interface(index)], ..Recorder::default() };
    calls_of([of(1), of(2)], |modules, world, _| {
        let mut count = |index| {
            let mut calls = 0;
            let mut counters = modules.counters(Instant::ZERO, world.links);
            counters.counters(DataSource::interface(index), &mut |_| calls += 1);
            calls
        };
        assert_eq!([count(1), count(2), count(3)], [1, 1, 0]);
    });
}

#[test]
fn late_counters_are_read_from_the_module_that_has_them() {
    let sources = vec![DataSource::HOST];
    let a = Recorder { sources: sources.clone(), ..Recorder::default() };
    let b = Recorder { sources, late: Some(DataSource::HOST), ..Recorder::default() };
    calls_of([a, b], |modules, world, _| {
        let mut counters = modules.counters(Instant::ZERO, world.links);
        let count = |counters: &mut Counters<'_>| {
            let mut calls = 0;
            counters.counters(DataSource::HOST, &mut |_| calls += 1);
            calls
        };
        assert_eq!(count(&mut counters), 2, "a poll");
        assert_eq!(counters.unscheduled(), Some(Unscheduled::Late(DataSource::HOST)));
        assert_eq!(count(&mut counters), 1, "not a second time from the other");
        assert_eq!(counters.unscheduled(), None);
    });
}

#[test]
fn draining_continues_until_no_module_has_samples() {
    let b = Recorder { waiting: 1, ..Recorder::default() };
    let a = Recorder { waiting: 2, ..Recorder::default() };
    let calls = calls_of(
        [a, b],
        |modules, world, output| {
            while modules.drain(Instant::ZERO, world.config, output) {}
        },
    );
    assert_eq!(calls, ["a drain", "b drain"].repeat(3));
}

#[test]
fn each_capability_is_listed_once() {
    calls_of([Recorder::default(), Recorder::default()], |modules, world, _| {
        assert_eq!(modules.capabilities(world.config), [Capability::CAP_NET_RAW]);
    });
}
