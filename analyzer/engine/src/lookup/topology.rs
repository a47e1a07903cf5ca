//! Nodes, their ports, and the links between them.
//!
//! A link joins two ports. A port with a link is *core*; all other ports of the nodes are *edge*. So
//! traffic that enters the network can be counted once, where it passes an edge port.
//!
//! Ports are named by the user. The ifIndex of a port is given in the topology, or found by the agent's
//! own name of the interface (`port_name`). The agent of a node is given by its address or its host name;
//! without either it is the agent whose host name is the name of the node.

use std::collections::BTreeMap;

use flowmote_decoder::Address;
use foldhash::{HashMap, HashMapExt};

use super::error::LookupError;

/// The topology in use. Empty without nodes and links.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    nodes: BTreeMap<String, Node>,
    links: BTreeMap<String, Link>,
    /// Ports with a link, as far as agent and ifIndex are known.
    core: HashMap<(Address, u32), String>,
    /// Nodes by agent. Several nodes may share one agent.
    agents: HashMap<Address, Vec<String>>,
}

/// A device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The address of its agent.
    pub agent: Option<Address>,
    /// The host name of its agent, if the address is not given.
    pub host_name: Option<String>,
    /// The ifIndex of each port, by the name of the port.
    pub ports: BTreeMap<String, u32>,
}

/// A link between two ports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members of the published form")]
pub struct Link {
    pub node1: String,
    pub port1: String,
    pub node2: String,
    pub port2: String,
}

/// The place of a port in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A port to the outside: one without a link.
    Edge,
    /// A port with a link to another node.
    Core,
}

/// Names by which agents name themselves, to find the ports of a topology that has names only.
pub trait Names {
    /// The agents by host name.
    fn hosts(&self) -> Hosts;
    /// The ifIndex of the interface of `agent` that is named `port`.
    fn ifindex(&self, agent: &Address, port: &str) -> Option<u32>;
}

/// Agents by host name.
pub type Hosts = HashMap<Box<str>, Vec<Address>>;

impl Topology {
    /// A topology of these nodes and links. Ports that are given by name only are unresolved until
    /// [`resolve`](Topology::resolve).
    ///
    /// # Errors
    /// If there are more than 100,000 ports and links.
    pub fn new(
        nodes: BTreeMap<String, Node>,
        links: BTreeMap<String, Link>,
    ) -> Result<Self, LookupError> {
        let ports: usize = nodes.values().map(|node| node.ports.len()).sum();
        if nodes.len() + ports + links.len() > MAX_ENTRIES {
            return Err(LookupError(format!("more than {MAX_ENTRIES} nodes, ports and links")));
        }
        let (core, agents) = (HashMap::new(), HashMap::new());
        let mut topology = Self { nodes, links, core, agents };
        topology.resolve(&Unnamed);
        Ok(topology)
    }

    /// Finds the ports of all links again, with the names that agents send.
    pub fn resolve(&mut self, names: &dyn Names) {
        let (hosts, mut core) = (names.hosts(), HashMap::new());
        let mut agents: HashMap<Address, Vec<String>> = HashMap::new();
        for name in self.nodes.keys() {
            for agent in self.agents_of(name, &hosts) {
                agents.entry(agent).or_default().push(name.clone());
            }
        }
        for (name, link) in &self.links {
            let ends = [(&link.node1, &link.port1), (&link.node2, &link.port2)];
            for (node, port) in ends {
                for end in self.ports(node, port, &hosts, names) {
                    agents.entry(end.0).or_insert_with(|| vec![node.clone()]);
                    core.insert(end, name.clone());
                }
            }
        }
        (self.agents, self.core) = (agents, core);
    }

    /// Adds the agents and ports that the same topology has found by the names of other agents.
    pub fn join(&mut self, other: &Self) {
        for (agent, names) in &other.agents {
            self.agents.entry(*agent).or_insert_with(|| names.clone());
        }
        self.core.extend(other.core.iter().map(|(port, link)| (*port, link.clone())));
    }

    /// The agents that a node is: the given one, else those with the host name that is given, or with the
    /// name of the node. A name that is no node is a host name.
    pub fn agents_of(&self, name: &str, hosts: &Hosts) -> Vec<Address> {
        let node = self.nodes.get(name);
        let host = node.and_then(|node| node.host_name.as_deref()).unwrap_or(name);
        let named = || hosts.get(host).cloned().unwrap_or_default();
        node.and_then(|node| node.agent).map_or_else(named, |agent| vec![agent])
    }

    /// The interfaces that a port of a link is.
    fn ports(
        &self,
        name: &str,
        port: &str,
        hosts: &Hosts,
        names: &dyn Names,
    ) -> Vec<(Address, u32)> {
        let given = self.nodes.get(name).and_then(|node| node.ports.get(port)).copied();
        let ifindex = |agent: &Address| given.or_else(|| names.ifindex(agent, port));
        let agents = self.agents_of(name, hosts).into_iter();
        agents.filter_map(|agent| Some((agent, ifindex(&agent)?))).collect()
    }

    /// True without nodes and links.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.links.is_empty()
    }

    /// The nodes, by name.
    pub fn nodes(&self) -> &BTreeMap<String, Node> {
        &self.nodes
    }

    /// The links, by name.
    pub fn links(&self) -> &BTreeMap<String, Link> {
        &self.links
    }

    /// True if a node is this agent.
    pub fn contains(&self, agent: &Address) -> bool {
        self.agents.contains_key(agent)
    }

    /// The name of the link at an interface.
    pub fn link(&self, agent: &Address, ifindex: u32) -> Option<&str> {
        self.core.get(&(*agent, ifindex)).map(String::as_str)
    }

    /// The name of the node that an agent is; the one that has the interface if several share the agent.
    pub fn node(&self, agent: &Address, ifindex: Option<u32>) -> Option<&str> {
        let names = self.agents.get(agent)?;
        let with_port = names.iter().find(|name| {
            let node = self.nodes.get(*name);
            node.is_some_and(|node| node.ports.values().any(|port| Some(*port) == ifindex))
        });
        with_port.or_else(|| names.first()).map(String::as_str)
    }

    /// The place of an interface; `None` if the agent is not part of the topology.
    pub fn role(&self, agent: &Address, ifindex: u32) -> Option<Role> {
        let core = self.core.contains_key(&(*agent, ifindex));
        match core {
            true => Some(Role::Core),
            false => self.contains(agent).then_some(Role::Edge),
        }
    }
}

/// No names: only ports with agent and ifIndex are found.
struct Unnamed;

impl Names for Unnamed {
    fn hosts(&self) -> Hosts {
        Hosts::default()
    }

    fn ifindex(&self, _: &Address, _: &str) -> Option<u32> {
        None
    }
}

/// Nodes, ports and links together.
const MAX_ENTRIES: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::Ipv4Addr;

    fn agent(last: u8) -> Address {
        Address::V4(Ipv4Addr::new(192, 0, 2, last))
    }

    fn link(node1: &str, port1: &str, node2: &str, port2: &str) -> Link {
        let [node1, port1, node2, port2] = [node1, port1, node2, port2].map(str::to_owned);
        Link { node1, port1, node2, port2 }
    }

    fn links(link: Link) -> BTreeMap<String, Link> {
        BTreeMap::from([("s1-s2".to_owned(), link)])
    }

    #[test]
    fn ports_with_links_are_core_and_all_others_edge() {
        let port = |name: &str, index| BTreeMap::from([(name.to_owned(), index)]);
        let nodes = BTreeMap::from([
            (
                "s1".to_owned(),
                Node { agent: Some(agent(11)), host_name: None, ports: port("e1", 5) },
            ),
            (
                "s2".to_owned(),
                Node { agent: Some(agent(11)), host_name: None, ports: port("e1", 8) },
            ),
        ]);
        let topology = Topology::new(nodes, links(link("s1", "e1", "s2", "e1"))).unwrap();
        assert_eq!(topology.role(&agent(11), 5), Some(Role::Core));
        assert_eq!(topology.role(&agent(11), 6), Some(Role::Edge));
        assert_eq!(topology.role(&agent(12), 5), None);
        assert_eq!(topology.link(&agent(11), 8), Some("s1-s2"));
        assert_eq!(topology.node(&agent(11), Some(8)), Some("s2"));
    }

    /// Switches that name themselves and their ports.
    struct Named;

    impl Names for Named {
        fn hosts(&self) -> Hosts {
            Hosts::from_iter([("s1".into(), vec![agent(1)]), ("s2".into(), vec![agent(2)])])
        }

        fn ifindex(&self, _: &Address, port: &str) -> Option<u32> {
            (port == "e1").then_some(7)
        }
    }

    #[test]
    fn links_alone_are_resolved_by_names() {
        let links = links(link("s1", "e1", "s2", "e9"));
        let mut topology = Topology::new(BTreeMap::new(), links).unwrap();
        assert_eq!(topology.role(&agent(1), 7), None);
        topology.resolve(&Named);
        assert_eq!(topology.role(&agent(1), 7), Some(Role::Core));
        assert_eq!(topology.role(&agent(1), 8), Some(Role::Edge));
        // The port e9 is unknown.
        assert_eq!(topology.role(&agent(2), 7), None);
        let mut joined = Topology::new(BTreeMap::new(), topology.links.clone()).unwrap();
        joined.join(&topology);
        assert_eq!(joined.role(&agent(1), 7), Some(Role::Core));
        assert_eq!(joined.node(&agent(1), None), Some("s1"));
    }

    #[test]
    fn agent_of_a_node_may_be_a_host_name() {
        let node = Node { host_name: Some("s1".to_owned()), ..Node::default() };
        let nodes = BTreeMap::from([("leaf".to_owned(), node)]);
        let mut topology = Topology::new(nodes, links(link("leaf", "e1", "s2", "e1"))).unwrap();
        topology.resolve(&Named);
        assert_eq!(topology.node(&agent(1), None), Some("leaf"));
        assert_eq!([1, 2].map(|last| topology.role(&agent(last), 7)), [Some(Role::Core); 2]);
        assert_eq!(topology.agents_of("leaf", &Named.hosts()), [agent(1)]);
        assert_eq!(topology.agents_of("s2", &Named.hosts()), [agent(2)]);
    }
}
