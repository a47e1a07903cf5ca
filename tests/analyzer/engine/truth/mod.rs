//! Estimates and their intervals: how often the truth is inside. A run is one flow in three seconds: of
//! sixteen flows, each three seconds give sixteen runs.

mod traffic;
mod world;

use core::ops::RangeInclusive;
use core::time::Duration;

use flowmote_engine::flowcache::ActiveFlow;

use self::traffic::{ELEPHANTS, FLOWS, frame};
use self::world::{Found, Losses, Plan, RUN, STEP, VALUES, World, of};

/// How often the truth is inside the interval of a kind of flow.
#[derive(Clone, Copy, Debug, Default)]
struct Inside {
    inside: u32,
    all: u32,
}

/// All runs, by value: frames, bytes.
#[derive(Debug, Default)]
struct Coverage {
    elephants: [Inside; 2],
    mice: [Inside; 2],
    total: [Inside; 2],
    /// Sums of the estimates, and of the truths.
    sums: [[f64; 2]; 2],
}

impl Inside {
    fn add(&mut self, inside: bool) {
        self.inside += u32::from(inside);
        self.all += 1;
    }

    fn percent(self) -> f64 {
        100.0 * f64::from(self.inside) / f64::from(self.all)
    }
}

impl Coverage {
    fn add(&mut self, found: &Found) {
        let at = usize::from(found.value == "bytes");
        for (flow, (estimate, truth)) in found.estimates.iter().zip(found.truth).enumerate() {
            let kind = if flow < ELEPHANTS { &mut self.elephants } else { &mut self.mice };
            kind[at].add(estimate.low <= truth && truth <= estimate.high);
        }
        let truth = found.truth.iter().sum();
        // Each device has a total.
        if let [total] = found.total[..] {
            self.total[at].add(total.low <= truth && truth <= total.high);
        }
        self.sums[at][0] += found.estimates.iter().map(|estimate| estimate.value).sum::<f64>();
        self.sums[at][1] += truth;
    }

    fn check(&self, flows: &RangeInclusive<f64>, least_of_total: f64) {
        println!("{self:?}");
        for kind in self.elephants.iter().chain(&self.mice) {
            assert!(kind.all >= 1000, "{kind:?}");
            assert!(flows.contains(&kind.percent()), "{kind:?}");
        }
        for total in self.total.iter().filter(|total| total.all > 0) {
            assert!(total.percent() >= least_of_total, "{total:?}");
        }
        for [found, truth] in self.sums {
            assert!((found / truth - 1.0).abs() < 0.02, "{found} instead of {truth}");
        }
    }
}

/// Checks the flows as they are now, and those of each run from the samples of the past: the percentage of
/// runs in which the truth is inside, of a flow, and at least of all packets of a device.
///
/// The interval allows for any random choice of packets. The sampler chooses more regularly, so that the
/// packets of all flows together are inside more often.
fn check(plans: Vec<Plan>, losses: Losses, flows: RangeInclusive<f64>, least_of_total: f64) {
    let mut world = World::new(plans, losses, 1);
    let [mut live, mut past] = [Coverage::default(), Coverage::default()];
    (0..WARM_UP).for_each(|_| world.run());
    for _ in 0..RUNS {
        world.run();
        for value in VALUES {
            live.add(&world.live(value));
            past.add(&world.past(value));
        }
    }
    live.check(&flows, least_of_total);
    past.check(&flows, least_of_total);
}

/// 1 in N of steady traffic.
fn steady(rate: fn(u64) -> u32, samples: fn(u64) -> u32) -> Plan {
    Plan { rate, samples }
}

#[test]
fn one_packet_in_10_is_sampled() {
    check(vec![steady(|_| 10, |_| 300)], Losses::default(), PROMISED, 95.0);
}

#[test]
fn one_packet_in_100_000_is_sampled() {
    check(vec![steady(|_| 100_000, |_| 300)], Losses::default(), PROMISED, 95.0);
}

#[test]
fn traffic_and_sampling_rate_change() {
    let rate = |now| if now % 1700 < 800 { 100 } else { 400 };
    let samples = |now| if now % 2300 < 1000 { 240 } else { 480 };
    check(vec![Plan { rate, samples }], Losses::default(), PROMISED, 95.0);
}

#[test]
fn samples_are_lost_in_the_agent_and_on_the_way() {
    // A datagram takes all its samples with it: their losses vary more than those of single samples.
    let losses = Losses { in_agent: 10, on_the_way: 10 };
    check(vec![steady(|_| 1000, |_| 300)], losses, PROMISED, 90.0);
}

#[test]
fn several_agents_see_a_part_each() {
    let plans = [|_| 500, |_| 1000, |_| 2000].map(|rate| steady(rate, |_| 120));
    check(plans.into(), Losses::default(), PROMISED, 95.0);
}

/// A flow has three to twelve samples in a run.
#[test]
fn few_samples_keep_nearly_the_same_promise() {
    check(vec![steady(|_| 1000, |_| 50)], Losses::default(), 92.0..=99.0, 95.0);
}

/// A flow has two to four samples that stand for 1000 packets, and others that hardly count.
#[test]
fn few_samples_of_different_weight_may_be_the_light_ones() {
    let plans = [|_| 10, |_| 100, |_| 1000].map(|rate| steady(rate, |_| 25));
    check(plans.into(), Losses::default(), 84.0..=98.0, 93.0);
}

#[test]
fn every_packet_sampled_gives_the_exact_numbers() {
    let plan = steady(|_| 1, |now| (now % 700) as u32);
    let mut world = World::new(vec![plan], Losses::default(), 1);
    for _ in 0..20 {
        world.run();
        for value in VALUES {
            for found in [world.live(value), world.past(value)] {
                for (estimate, truth) in found.estimates.iter().zip(found.truth) {
                    near(estimate.value, truth);
                    assert_eq!((estimate.low, estimate.high), (estimate.value, estimate.value));
                }
            }
            let course = world.query(value, Some(Duration::from_millis(STEP)));
            for (flow, series) in &course.flows {
                let number = number_of(flow);
                assert_eq!(series.len(), world.steps.len());
                for (found, step) in series.iter().zip(&world.steps) {
                    near(
                        found.expect("a sum").value,
                        of(step, value)[number] * 1000.0 / STEP as f64,
                    );
                }
            }
        }
    }
}

#[test]
fn steps_of_a_course_add_up_to_the_span() {
    let mut world = World::new(vec![steady(|_| 100, |_| 300)], Losses::default(), 1);
    (0..5).for_each(|_| world.run());
    for step in [STEP, 700, RUN] {
        let result = world.query("bytes", Some(Duration::from_millis(step)));
        let flows = result.flows.iter().map(|(flow, series)| (flow.estimate.value, series));
        let total = (result.total.estimate.value, &result.total.series);
        for (value, series) in flows.chain([total]) {
            // The last step is as long as is left.
            let starts = (0..RUN).step_by(step as usize);
            let lengths = starts.map(|start| step.min(RUN - start) as f64);
            let sum: f64 =
                series.iter().zip(lengths).map(|(it, ms)| it.expect("a sum").value * ms).sum();
            near(sum / RUN as f64, value);
        }
    }
}

fn near(found: f64, truth: f64) {
    assert!((found - truth).abs() <= 1e-9 * truth, "{found}, {truth}");
}

fn number_of(flow: &ActiveFlow) -> usize {
    let is = |number: &usize| frame(*number, 64).address().to_string() == flow.key;
    (0..FLOWS).find(is).expect("a flow")
}

/// Percentage of runs in which the truth is inside the interval of a flow.
const PROMISED: RangeInclusive<f64> = 93.0..=97.0;
/// Readings of all flows.
const RUNS: usize = 250;
/// Three seconds, in which the analyzer learns how many samples are lost.
const WARM_UP: usize = 20;
