//! The socket that a sampled packet belongs to, by its addresses and ports.

use std::collections::BTreeMap;
use std::net::IpAddr;

use flowmote_core::record::flow::PacketDirection;
use flowmote_core::{Interface, SourceClass};

use crate::config::SocketLookup;
use crate::entities::Entities;
use crate::headers::{self, TCP, ip_packet};
use crate::kernel::netlink::sock_diag::Query;
use crate::links::{Flow, Links};
use crate::output::waiting::Waiting;

/// The addresses of the host, and which packets have a socket here.
#[derive(Debug, Default)]
pub(super) struct Subjects {
    /// Addresses of interfaces that are up, sorted.
    local: Vec<IpAddr>,
    /// The master of each interface that has one: a bridge, a bond, a VRF.
    masters: BTreeMap<u32, u32>,
    /// The network namespace into which an interface leads: that of the other end of a veth pair.
    namespaces: BTreeMap<u32, i32>,
    lookup: SocketLookup,
    /// Sockets of other network namespaces can be looked up.
    pub(super) looks_elsewhere: bool,
}

/// A sampled packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// `None` if the packet is of another protocol, a fragment, or forwarded.
    pub(super) socket: Option<Socket>,
}

/// The socket of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) query: Query,
    /// From the point of view of the socket.
    pub(super) direction: PacketDirection,
}

impl Subjects {
    pub(super) fn update(&mut self, lookup: SocketLookup, links: &Links) {
        let up = links.iter().filter(|link| link.admin_up);
        self.local = up.flat_map(|link| &link.addresses).map(|address| address.ip).collect();
        self.local.sort_unstable();
        let master = |(port, master): (u32, Option<u32>)| Some((port, master?));
        self.masters =
            links.iter().map(|link| (link.index, link.master)).filter_map(master).collect();
        let pairs = links.iter().filter(|link| link.is_pair());
        self.namespaces = pairs.filter_map(|link| Some((link.index, link.elsewhere?))).collect();
        self.lookup = lookup;
    }

    /// What a sampled packet of IP belongs to; `None` for another protocol.
    pub(super) fn of(&self, sample: &Waiting, entities: &Entities) -> Option<Subject> {
        let ip = ip_packet(sample.protocol(), sample.header())?;
        let flow = headers::flow(ip)?;
        let device = match sample.source().class() {
            SourceClass::Interface => self.outermost(sample.source().index()),
            _ => 0,
        };
        // The packet in a tunnel belongs to the interface of the tunnel, which is not known here.
        let inner = || self.lookup.tunnel.then(|| headers::tunnelled_flow(ip)).flatten();
        let socket = self.socket(flow, device).or_else(|| self.socket(inner()?, 0));
        let socket = socket.or_else(|| self.socket_elsewhere(flow, sample, entities));
        Some(Subject { source: flow.source, destination: flow.destination, socket })
    }

    fn socket(&self, flow: Flow, device: u32) -> Option<Socket> {
        let direction = if self.is_local(flow.source) {
            // Between two sockets of the host, the one that has sent the packet.
            PacketDirection::SENT
        } else if self.is_local(flow.destination) {
            PacketDirection::RECEIVED
        } else {
            return None;
        };
        let socket = Socket::of(flow, direction)?;
        let query = Query { device, ..socket.query };
        (query.protocol == TCP || self.lookup.udp).then_some(Socket { query, direction })
    }

    /// The socket of TCP in the network namespace of a container: the one behind the veth pair at which
    /// the packet was sampled, or that of the container that has one of its addresses.
    fn socket_elsewhere(
        &self,
        flow: Flow,
        sample: &Waiting,
        entities: &Entities,
    ) -> Option<Socket> {
        let behind = |port: Interface| match port {
            Interface::Index(index) => self.namespaces.get(&index).copied(),
            _ => None,
        };
        let namespace = |port, address| behind(port).or_else(|| entities.namespace_of(address));
        let (namespace, direction) = match namespace(sample.input(), flow.source) {
            Some(namespace) => (namespace, PacketDirection::SENT),
            None => (namespace(sample.output(), flow.destination)?, PacketDirection::RECEIVED),
        };
        let socket = Socket::of(flow, direction)?;
        let query = Query { namespace: Some(namespace), ..socket.query };
        (query.protocol == TCP && self.looks_elsewhere).then_some(Socket { query, direction })
    }

    fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.local.binary_search(&address).is_ok()
    }

    /// The interface to which a socket can be bound that gets the packets of `port`: the VRF, bond or
    /// bridge above it.
    fn outermost(&self, port: u32) -> u32 {
        let mut device = port;
        for _ in 0..MAX_MASTERS {
            match self.masters.get(&device) {
                Some(master) => device = *master,
                None => break,
            }
        }
        device
    }
}

impl Socket {
    /// The socket that has sent or that receives the packets of a flow.
    fn of(flow: Flow, direction: PacketDirection) -> Option<Self> {
        let (protocol, source_port, destination_port) = flow.transport?;
        let source = (flow.source, source_port);
        let destination = (flow.destination, destination_port);
        let (local, remote) = match direction {
            PacketDirection::SENT => (source, destination),
            _ => (destination, source),
        };
        Some(Self {
            query: Query { protocol, local, remote, device: 0, namespace: None },
            direction,
        })
    }
}

/// A bond below a bridge below a VRF has two. The kernel refuses loops and more than eight.
const MAX_MASTERS: usize = 8;
