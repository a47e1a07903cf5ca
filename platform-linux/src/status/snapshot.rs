//! The state of the agent at one moment.

use serde::{Deserialize, Serialize};

use super::counters::{Counters, is_loss};

/// The state of the agent at one moment, as `flowmote status --json` prints it.
///
/// The names are documented in `docs/operations.md` and stay; new ones can be added. Fields that a
/// newer or older agent does not send have their default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Snapshot {
    /// Version of the running program, which after an upgrade is not that of the file.
    pub version: String,
    /// Process id, in the PID namespace of the agent.
    pub pid: u32,
    /// Milliseconds since the agent started.
    pub uptime_ms: u64,
    /// Process user, in words.
    pub runs_as: String,
    /// Effective capabilities at this moment.
    pub capabilities: Vec<String>,
    /// The configuration file; `None`: options of the command line.
    pub configuration: Option<String>,
    /// `agent_address` of the datagrams.
    pub agent_address: String,
    /// Why this address was elected, in words.
    pub agent_address_reason: String,
    /// `sub_agent_id` of the datagrams.
    pub sub_agent_id: u32,
    /// Seconds between two counter samples of a data source; 0: none.
    pub polling_seconds: u32,
    /// Data sources, each as class:index.
    pub data_sources: Vec<String>,
    /// Number of times that the event loop has woken up.
    pub wake_ups: u64,
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Interfaces whose packets are sampled.
    pub interfaces: Vec<Interface>,
    /// What else modules count.
    pub modules: Vec<Module>,
    /// Receivers of the datagrams.
    pub collectors: Vec<Collector>,
    /// Counters of the whole agent.
    pub totals: Counted,
}

/// Counters, those of losses apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counted {
    /// What happened.
    pub counters: Counters,
    /// What was lost or went wrong.
    pub losses: Counters,
}

impl Counted {
    /// Adds a counter of the statistics. See [`is_loss`] for `usually_zero`.
    pub(crate) fn push(&mut self, (count, description): (u64, &str), usually_zero: bool) {
        let list = match is_loss(description, usually_zero) {
            true => &mut self.losses,
            false => &mut self.counters,
        };
        list.push(count, description);
    }
}

/// An interface whose packets are sampled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Interface {
    /// Name.
    pub name: String,
    /// ifIndex.
    pub if_index: u32,
    /// N of 1 in N packets.
    pub sampling_rate: u32,
    /// The origin of the rate, in words.
    pub reason: String,
    /// The filter that chooses the packets, in words.
    pub filter: String,
    /// Its counters.
    #[serde(flatten)]
    pub counted: Counted,
}

/// A line of the statistics of a module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Module {
    /// What was counted, in words.
    pub subject: String,
    /// Its counters.
    #[serde(flatten)]
    pub counted: Counted,
}

/// A receiver of datagrams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Collector {
    /// As configured, with its port.
    pub collector: String,
    /// Address and port in use; `None`: the name is not resolved.
    pub address: Option<String>,
    /// State, one of the words of `docs/operations.md`.
    pub state: String,
    /// Its counters.
    #[serde(flatten)]
    pub counted: Counted,
}
