//! Sub-agents that several senders use.

use core::fmt;
use core::net::IpAddr;
use std::collections::BTreeMap;

use super::{Sequences, SubAgent};

/// A sub-agent whose datagrams come from several senders: a configuration error, such as the agent
/// address 127.0.0.1 on every host, or line cards with the same sub-agent id.
///
/// Its gaps are counted for each sender. Its counters and samples cannot be separated by the agent
/// address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The sub-agent in the datagrams.
    pub sub_agent: SubAgent,
    /// The source addresses and the number of sequences from each, lowest address first.
    pub senders: Vec<(Option<IpAddr>, usize)>,
}

impl Sequences {
    /// The sub-agents that several senders use, lowest agent first.
    pub fn shared(&self) -> Vec<Shared> {
        let mut shared: BTreeMap<SubAgent, Vec<(Option<IpAddr>, usize)>> = BTreeMap::new();
        for (key, stream) in &self.streams {
            let interleaved = stream.interleaved();
            if stream.confirmed && (interleaved != 0 || self.alternates(&key.sub_agent)) {
                let senders = shared.entry(key.sub_agent).or_default();
                senders.push((key.sender, interleaved.max(1)));
            }
        }
        let several =
            |senders: &[(_, usize)]| senders.iter().map(|(_, count)| count).sum::<usize>() > 1;
        let shared = shared.into_iter().filter(|(_, senders)| several(senders));
        shared
            .map(|(sub_agent, mut senders)| {
                senders.sort();
                Shared { sub_agent, senders }
            })
            .collect()
    }

    /// True if the datagrams of `sub_agent` come from several source addresses in turn.
    pub fn alternates(&self, sub_agent: &SubAgent) -> bool {
        self.sub_agents.get(sub_agent).is_some_and(|last| last.alternates)
    }
}

/// `2 senders use agent 127.0.0.1 sub-agent 0: 192.0.2.1, 192.0.2.2`.
impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SubAgent { agent, sub_agent_id } = self.sub_agent;
        let count: usize = self.senders.iter().map(|(_, count)| count).sum();
        write!(f, "{count} senders use agent {agent} sub-agent {sub_agent_id}")?;
        for (at, (sender, count)) in self.senders.iter().take(MAX_SENDERS).enumerate() {
            f.write_str(if at == 0 { ": " } else { ", " })?;
            match sender {
                Some(sender) => write!(f, "{sender}")?,
                None => f.write_str("unknown address")?,
            }
            if *count > 1 {
                write!(f, " ({count} sequences)")?;
            }
        }
        match self.senders.len().checked_sub(MAX_SENDERS) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, " and {more} more"),
        }
    }
}

/// Upper bound on senders listed.
const MAX_SENDERS: usize = 8;
