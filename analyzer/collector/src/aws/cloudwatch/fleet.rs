//! How many hosts, instances and metrics there are, and how many metrics are read.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;

use super::names::{AGENT, FLOWMOTE, Wanted, of_agent, of_several};
use crate::hub::Hub;

/// What there is.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fleet {
    /// Agents with the identity of an instance.
    pub(crate) instances: u64,
    /// Agents with metrics of a host.
    pub(crate) hosts: u64,
    /// Metrics of the namespace `CWAgent`, of `Flowmote`, and of programs.
    pub(crate) of_hosts: u64,
    pub(crate) of_agents: u64,
    pub(crate) of_programs: u64,
}

/// Counts of requests, and the last fleet.
#[derive(Debug, Default)]
pub(in crate::aws) struct Usage {
    reads: AtomicU64,
    last: Mutex<Option<Counted>>,
}

/// A fleet, and the time until it is counted again.
#[derive(Clone, Copy, Debug)]
struct Counted {
    fleet: Fleet,
    until: Instant,
}

impl Usage {
    /// Notes a request of so many metrics.
    pub(super) fn read(&self, metrics: usize) {
        self.reads.fetch_add(metrics as u64, Ordering::Relaxed);
    }

    /// Metrics in requests of `GetMetricData` since the start.
    pub(in crate::aws) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// The fleet of now or of a moment ago: counting takes a small part of the time only.
    pub(in crate::aws) fn fleet(&self, hub: &Hub) -> Fleet {
        let mut last = self.last.lock();
        let now = Instant::now();
        if let Some(counted) = *last
            && now < counted.until
        {
            return counted.fleet;
        }
        let fleet = count(hub);
        let pause = (PAUSES * now.elapsed()).max(MIN_PAUSE);
        *last = Some(Counted { fleet, until: now + pause });
        fleet
    }
}

fn count(hub: &Hub) -> Fleet {
    let mut fleet = Fleet::default();
    let directory = hub.aws.directory.get(hub);
    let of_flows = Wanted { namespace: Some(FLOWMOTE), ..Wanted::default() };
    fleet.of_agents = of_several(&directory, of_flows).len() as u64;
    for agent in directory.from(None) {
        let [of_hosts, of_agents] = [AGENT, FLOWMOTE].map(|namespace| {
            let wanted = Wanted { namespace: Some(namespace), ..Wanted::default() };
            let sources = of_agent(hub, agent, wanted, None);
            sources.map(|(_, metrics)| metrics.len() as u64).sum::<u64>()
        });
        fleet.instances += u64::from(agent.instance.is_some());
        fleet.hosts += u64::from(agent.is_host(hub));
        fleet.of_hosts += of_hosts;
        fleet.of_agents += of_agents;
    }
    fleet.of_programs = hub.aws.reported.lock().metrics_after(None, i64::MIN).count() as u64;
    fleet
}

/// The fleet is counted in one part of so many of the time.
const PAUSES: u32 = 20;
const MIN_PAUSE: Duration = Duration::from_secs(1);
