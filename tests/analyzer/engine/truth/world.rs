//! Devices with traffic, a network that loses datagrams, and the analyzer.

use core::sync::atomic::AtomicBool;
use core::time::Duration;

use flowmote_core::Random;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::{ActiveFlow, AggMode, Definition, Estimate, FlowLog, Query};
use flowmote_engine::lookup::{Lookup, Topology};
use flowmote_engine::samples::{PastQuery, PastResult};
use flowmote_engine::source::AgentList;
use flowmote_engine::{Arrival, Instant};

use super::traffic::{FLOWS, Sums, Traffic, frame};
use crate::device::Device;

/// What a device does at a time, in ms.
pub(crate) struct Plan {
    /// 1 in N is sampled.
    pub(crate) rate: fn(u64) -> u32,
    /// Samples per second.
    pub(crate) samples: fn(u64) -> u32,
}

/// How often something is lost, in 1 of 100.
#[derive(Clone, Copy, Default)]
pub(crate) struct Losses {
    /// Samples in the agent, for which it has no room.
    pub(crate) in_agent: u32,
    /// Datagrams on the way.
    pub(crate) on_the_way: u32,
}

pub(crate) struct World {
    pub(crate) analyzer: Analyzer,
    devices: Vec<(Device, Traffic, Plan)>,
    losses: Losses,
    random: Random,
    now: u64,
    /// What passed in each step of the run.
    pub(crate) steps: Vec<Sums>,
    /// Rates as the analyzer smooths them.
    smoothed: Sums,
}

/// The values of one kind that were found and that are true, by flow.
pub(crate) struct Found {
    pub(crate) value: &'static str,
    pub(crate) estimates: [Estimate; FLOWS],
    pub(crate) total: Vec<Estimate>,
    pub(crate) truth: [f64; FLOWS],
}

impl World {
    pub(crate) fn new(plans: Vec<Plan>, losses: Losses, seed: u64) -> Self {
        let mut analyzer = Analyzer::new(32 << 20);
        for value in VALUES {
            analyzer.define(Instant::default(), value, definition(value)).expect("a definition");
        }
        let mut random = Random::new(seed);
        let devices = plans.into_iter().zip(1..).map(|(plan, number)| {
            let device = Device::new(number, &[(plan.rate)(0)], random.next_u32().into());
            (device, Traffic::new(&mut random), plan)
        });
        let devices = devices.collect();
        let (now, steps, smoothed) = (0, Vec::new(), Sums::default());
        Self { analyzer, devices, losses, random, now, steps, smoothed }
    }

    /// Three seconds of traffic.
    pub(crate) fn run(&mut self) {
        self.steps.clear();
        for _ in 0..RUN / STEP {
            self.now += STEP;
            let passed = self.step();
            self.steps.push(passed);
            let kept = (-(STEP as f64) / 1000.0 / T).exp();
            self.smoothed = self.smoothed.times(kept).plus(passed.times(1.0 / T));
        }
        let (flows, events) = (&mut FlowLog::new(1), &mut EventLog::default());
        self.analyzer.tick(at(self.now), flows, events);
    }

    /// What passes at this time.
    fn step(&mut self) -> Sums {
        let Self { analyzer, devices, losses, random, now, .. } = self;
        let mut passed = Sums::default();
        for (device, traffic, plan) in devices {
            let mut wire = Vec::new();
            let rate = (plan.rate)(*now);
            if device.sampler(1).sampling_rate() != rate {
                device.sampler(1).set_sampling_rate(rate);
            }
            let samples = f64::from((plan.samples)(*now)) * STEP as f64 / 1000.0;
            let packets = (samples * f64::from(rate)).round() as u32;
            let mut left = packets;
            while let Some(taken) = device.sampler(1).advance(left) {
                left -= taken;
                match random.below(100) < losses.in_agent {
                    true => device.sampler(1).dropped(),
                    false => {
                        let frame = traffic.packet(packets - left - 1);
                        device.sampled(*now, 1, frame, &mut wire);
                    }
                }
            }
            passed = passed.plus(traffic.pass(packets));
            device.flush(*now, &mut wire);
            let arrival = Arrival { time: at(*now), sender: None };
            wire.retain(|_| random.below(100) >= losses.on_the_way);
            wire.iter().for_each(|datagram| analyzer.ingest(&arrival, datagram));
        }
        passed
    }

    /// The flows now.
    pub(crate) fn live(&self, value: &'static str) -> Found {
        let snapshot = self.analyzer.flows().snapshot(at(self.now), value).expect("a definition");
        let query = Query {
            agents: &AgentList::All,
            topology: &Topology::default(),
            agg_mode: None,
            max_flows: FLOWS,
            min_value: 0.0,
        };
        let flows = snapshot.active(&query);
        let total = snapshot.totals().map(|(_, total)| total).collect();
        let estimates = by_flow(&flows).map(|it| it.unwrap_or_else(|| snapshot.unseen()));
        Found { value, estimates, total, truth: of(&self.smoothed, value) }
    }

    /// The flows of the last run, from the samples of the past.
    pub(crate) fn past(&self, value: &'static str) -> Found {
        let result = self.query(value, None);
        let flows: Vec<ActiveFlow> = result.flows.into_iter().map(|(flow, _)| flow).collect();
        let unseen = Estimate { high: result.unseen.unwrap_or_default(), ..Estimate::default() };
        let run = self.steps.iter().fold(Sums::default(), |sum, step| sum.plus(*step));
        Found {
            value,
            estimates: by_flow(&flows).map(|estimate| estimate.unwrap_or(unseen)),
            total: vec![result.total.estimate],
            truth: of(&run.times(1000.0 / RUN as f64), value),
        }
    }

    /// The result about the last run, with a value for each step if its length is given.
    pub(crate) fn query(&self, value: &str, step: Option<Duration>) -> PastResult {
        // The packets of a step have the time of its end.
        let (from, to) = (at(self.now - RUN + 1), at(self.now + 1));
        let query = PastQuery::new(definition(value), Lookup::default(), from, to);
        let mut query = query.expect("a query");
        if let Some(step) = step {
            query = query.in_steps(step).expect("few steps");
        }
        let held = self.analyzer.history().held(from, to);
        assert!(held.begin() <= from, "the run is held");
        let query = query.within(&held);
        let stop = AtomicBool::new(false);
        let scan = query.scan(&held, 1 << 20, &stop).expect("not stopped");
        query.result(&[scan], &stop).expect("not stopped")
    }
}

fn definition(value: &str) -> Definition {
    Definition {
        keys: "ipsource".to_owned(),
        value: value.to_owned(),
        n: FLOWS as u32,
        t: T,
        agg_mode: AggMode::Sum,
        ..Definition::default()
    }
}

fn by_flow(flows: &[ActiveFlow]) -> [Option<Estimate>; FLOWS] {
    core::array::from_fn(|flow| {
        let key = frame(flow, 64).address().to_string();
        flows.iter().find(|flow| flow.key == key).map(|flow| flow.estimate)
    })
}

pub(crate) fn of(sums: &Sums, value: &str) -> [f64; FLOWS] {
    if value == "frames" { sums.frames } else { sums.bytes }
}

fn at(millis: u64) -> Instant {
    Instant::after_start(Duration::from_millis(millis))
}

pub(crate) const VALUES: [&str; 2] = ["frames", "bytes"];
/// Length of a run and of its steps, ms.
pub(crate) const RUN: u64 = 3000;
pub(crate) const STEP: u64 = 50;
/// Smoothing, seconds.
const T: f64 = 1.5;
