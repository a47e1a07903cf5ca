//! Observers: an agent and one of its data sources, and how users name them.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::IpAddr;
use std::sync::Arc;

use flowmote_decoder::{Address, DataSource};

use crate::lookup::{Role, Topology};
pub use crate::source_names::SourceNames;

/// A data source of an agent.
///
/// Sub-agent and sender do not identify a source: agents send flow samples and counters of the same
/// interface with different sub-agents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The agent address in the datagram.
    pub agent: Address,
    /// The data source in the sample.
    pub data_source: DataSource,
}

/// As one number for IPv4: a source is looked up for each sample.
impl Hash for Source {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let DataSource { class, index } = self.data_source;
        let number = u64::from(class) << 32 | u64::from(index);
        match self.agent {
            Address::V4(agent) => {
                state.write_u128(u128::from(agent.to_bits()) << 64 | u128::from(number));
            }
            agent => {
                agent.hash(state);
                state.write_u64(number);
            }
        }
    }
}

/// A data source in the form of the REST interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// An interface as `5`, others as `2.1`.
    Number(DataSource),
    /// An application by its name.
    Name(Arc<str>),
}

impl Label {
    /// Parses a number.
    pub(crate) fn parse(text: &str) -> Option<DataSource> {
        let (class, index) = text.split_once('.').unwrap_or(("0", text));
        // `parse` would accept a sign.
        let number =
            |text: &str| text.starts_with(|c: char| c.is_ascii_digit()).then(|| text.parse().ok());
        Some(DataSource { class: number(class)??, index: number(index)?? })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(DataSource { class: 0, index }) => write!(f, "{index}"),
            Self::Number(DataSource { class, index }) => write!(f, "{class}.{index}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// The agents that a question is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AgentList {
    /// `ALL`.
    #[default]
    All,
    /// `TOPOLOGY`: the nodes of the topology.
    Topology,
    /// `EDGE` or `CORE`: the ports without or with a link.
    Ports(Role),
    /// Addresses, and host names of agents.
    Named {
        /// Addresses.
        addresses: Vec<Address>,
        /// Everything that is no address.
        names: Vec<String>,
    },
}

impl AgentList {
    /// Parses a list separated by `,` or `;`. One that contains `ALL` is [`All`](AgentList::All).
    pub fn parse(text: &str) -> Self {
        let parts = || text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty());
        let has = |word| parts().any(|part| part == word);
        if has("ALL") {
            return Self::All;
        }
        match text {
            "TOPOLOGY" => return Self::Topology,
            "EDGE" => return Self::Ports(Role::Edge),
            "CORE" => return Self::Ports(Role::Core),
            _ => {}
        }
        let (mut addresses, mut names) = (Vec::new(), Vec::new());
        for part in parts() {
            match part.parse::<IpAddr>() {
                Ok(address) => addresses.push(address.into()),
                Err(_) => names.push(part.to_owned()),
            }
        }
        Self::Named { addresses, names }
    }

    /// True if the list has names that are to be replaced by addresses.
    pub fn has_names(&self) -> bool {
        matches!(self, Self::Named { names, .. } if !names.is_empty())
    }

    /// Adds the agents that have the names of the list, as `agents` finds them.
    pub fn resolve(&mut self, agents: impl Fn(&str) -> Vec<Address>) {
        if let Self::Named { addresses, names } = self {
            for name in names.drain(..) {
                addresses.extend(agents(&name));
            }
        }
    }

    /// True if the question is about this observer. Names are not compared: see
    /// [`resolve`](AgentList::resolve).
    pub fn contains(&self, source: &Source, topology: &Topology) -> bool {
        match self {
            Self::Ports(role) => {
                let DataSource { class, index } = source.data_source;
                class == 0 && topology.role(&source.agent, index) == Some(*role)
            }
            _ => self.contains_agent(&source.agent, topology),
        }
    }

    /// True if the question is about all data sources of this agent; a list of ports has no agents.
    pub fn contains_agent(&self, agent: &Address, topology: &Topology) -> bool {
        match self {
            Self::All => true,
            Self::Topology => topology.contains(agent),
            Self::Ports(_) => false,
            Self::Named { addresses, .. } => addresses.contains(agent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    #[test]
    fn labels_are_read_back() {
        for (class, index, text) in [(0, 5, "5"), (2, 1, "2.1"), (3, 70_000, "3.70000")] {
            let source = DataSource { class, index };
            assert_eq!(Label::Number(source).to_string(), text);
            assert_eq!(Label::parse(text), Some(source));
        }
        for text in ["", ".", "2.", ".1", "a", "1.2.3", "-1", "+5", "99999999999"] {
            assert_eq!(Label::parse(text), None, "{text}");
        }
    }

    #[test]
    fn lists_have_both_separators() {
        let address = |last| Address::V4(Ipv4Addr::new(192, 0, 2, last));
        let mut list = AgentList::parse("192.0.2.1;192.0.2.2,s1");
        assert!(list.has_names());
        list.resolve(|name| if name == "s1" { vec![address(9)] } else { Vec::new() });
        let source =
            |last| Source { agent: address(last), data_source: DataSource { class: 0, index: 1 } };
        let contains = |last| list.contains(&source(last), &Topology::default());
        assert_eq!([1, 2, 3, 9].map(contains), [true, true, false, true]);
        assert_eq!(AgentList::parse("192.0.2.1,ALL"), AgentList::All);
    }
}
