//! The ledger of the analyzer against what really became of each sample, with an agent of three
//! sub-agents that restart, whose numbers wrap, and whose datagrams get lost, cut, repeated and late.

mod agent;
mod network;

use flowmote_core::Random;
use proptest::prelude::*;

use crate::agent::{Kind, PORTS, SubAgent};
use crate::network::{Faults, Network};

/// The three sub-agents and the network.
struct World {
    network: Network,
    agents: Vec<SubAgent>,
    random: Random,
}

impl World {
    /// `wrap`: numbers begin shortly before they wrap, and so does the uptime.
    fn new(seed: u64, wrap: bool) -> Self {
        let mut network = Network::new(seed);
        network.now = if wrap { u64::from(u32::MAX) - 3_000 } else { 1_000 };
        // Every number wraps before the first restart, which else might look like a loss across the wrap.
        let offset = if wrap { u32::MAX - 2 } else { 0 };
        let agents = (0..3).map(|id| SubAgent::new(id, 0, offset, seed + u64::from(id)));
        Self { agents: agents.collect(), network, random: Random::new(seed ^ 0x5eed) }
    }

    /// Makes a sample of a sub-agent, and sends what is full.
    fn make(&mut self, id: usize, port: u32, kind: Kind, faults: Option<Faults>) {
        let Self { network, agents, .. } = self;
        let (made, full) = agents[id].make(network.now, port, kind);
        // A notice above the limit is not made, but counted by the agent.
        network.truth.samples.made += 1;
        network.truth.samples.dropped += u64::from(!made);
        network.send(full, faults);
    }

    /// Each source has a sample of each kind that is numbered, twice, and nothing gets lost: after it,
    /// all that was lost before is known.
    fn settle(&mut self) {
        for _ in 0..2 {
            self.network.drain();
            self.network.now += 2_000;
            for id in 0..self.agents.len() {
                for port in 1..=PORTS {
                    for kind in [Kind::Flow, Kind::Counters, Kind::Notice] {
                        self.make(id, port, kind, None);
                    }
                }
                let rest = self.agents[id].flush(self.network.now);
                self.network.send(rest, None);
            }
        }
    }

    /// Twenty times a second, some samples of each sub-agent.
    fn run(&mut self, rounds: u32, faults: Faults) {
        for _ in 0..rounds {
            self.network.now += 50;
            for id in 0..self.agents.len() {
                for _ in 0..self.random.below(6) {
                    let port = 1 + self.random.below(PORTS);
                    match self.random.below(20) {
                        0 | 1 => self.drop_sample(id, port),
                        2 | 3 => self.make(id, port, Kind::Counters, Some(faults)),
                        4 => self.make(id, port, Kind::Absurd, Some(faults)),
                        5 | 6 => self.make(id, port, Kind::Notice, Some(faults)),
                        _ => self.make(id, port, Kind::Flow, Some(faults)),
                    }
                }
                let ready = self.agents[id].ready(self.network.now);
                self.network.send(ready, Some(faults));
            }
        }
    }

    fn drop_sample(&mut self, id: usize, port: u32) {
        self.agents[id].drop_sample(port);
        self.network.truth.samples.made += 1;
        self.network.truth.samples.dropped += 1;
    }

    /// Samples without numbers, in datagrams that arrive: of those that get lost nobody can know.
    fn make_unnumbered(&mut self) {
        for kind in [Kind::Metric, Kind::Unknown, Kind::Unknown] {
            self.make(1, 1, kind, None);
        }
        let rest = self.agents[1].flush(self.network.now);
        self.network.send(rest, None);
    }

    /// A sub-agent begins anew. Its uptime begins with it, or is that of its host.
    fn restart(&mut self, id: usize, host: bool) {
        // The analyzer follows two sequences that alternate. Five minutes later it takes none of the
        // new numbers for one of the old session.
        self.network.now += 301_000;
        let boot = if host { 0 } else { self.network.now };
        let seed = self.random.next_u32().into();
        self.agents[id] = SubAgent::new(id as u32, boot, 0, seed);
    }

    fn check(&self) {
        assert_eq!(self.network.found(), self.network.truth);
        let found = self.network.found().samples;
        let losses = found.dropped + found.lost + found.malformed + found.unknown;
        assert_eq!(found.made, losses + found.implausible + found.used);
        assert_eq!(self.network.analyzer.agents().total(), self.network.ledger());
    }
}

fn faults(chance: u32) -> impl Strategy<Value = Faults> {
    let chance = 0..chance;
    (chance.clone(), chance.clone(), chance.clone(), chance)
        .prop_map(|(lost, cut, repeated, late)| Faults { lost, cut, repeated, late })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn made_is_the_sum_of_used_and_lost(seed in 0..u64::MAX >> 8, wrap: bool, host: bool, faults in faults(250)) {
        let mut world = World::new(seed, wrap);
        world.settle();
        // Each session is shorter than the one before: its numbers do not continue those.
        for (rounds, restarted) in [(160, 0), (60, 1), (30, 0), (10, 2)] {
            world.run(rounds, faults);
            world.make_unnumbered();
            world.settle();
            world.check();
            world.restart(restarted, host);
            world.settle();
        }
        world.check();
    }
}

#[test]
fn ledger_of_a_quiet_network_has_no_losses() {
    let mut world = World::new(1, true);
    world.settle();
    world.run(200, Faults { lost: 0, cut: 0, repeated: 0, late: 0 });
    world.settle();
    world.check();
    let found = world.network.found().samples;
    assert!(found.used > 500 && found.dropped > 20 && found.implausible > 5, "{found:?}");
    assert_eq!((found.lost, found.malformed, found.unknown), (0, 0, 0));
}
