//! What the packets of a record have in common.

use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::{DataSource, drop_reason_name};

use crate::keys::{Direction, Link, Packet, Passed};
use crate::source::Source;

/// What the packets of a record have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The agent and its interface: the data source of samples; of a discarded packet the port that it
    /// entered by, else the one that it should have left by.
    pub interface: Source,
    /// The way through the interface.
    pub direction: Direction,
    /// Addresses, protocol and ports of the outermost IP packet.
    pub tuple: FiveTuple,
    /// The code of the reason for which the device discarded the packets, by a notification or in place of
    /// the output port of a sample; `None` if it did not.
    pub reason: Option<u32>,
    /// MAC addresses and VLAN, if they are wanted.
    pub link: Option<Link>,
}

/// The fate of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// They passed.
    Accept,
    /// A firewall, access list or policy of the device refused them.
    Reject,
    /// The device discarded them for another reason.
    Discard,
}

impl Key {
    /// The fate of the packets.
    pub fn action(&self) -> Action {
        match self.reason.map(drop_reason_name) {
            None => Action::Accept,
            Some(Some(reason)) if POLICIES.contains(&reason) => Action::Reject,
            Some(_) => Action::Discard,
        }
    }

    /// The key of a packet that a data source sampled.
    #[inline]
    pub(super) fn sampled(passed: &Passed, interface: Source) -> Self {
        let Passed { traffic, direction, reason, .. } = *passed;
        Self { interface, direction, tuple: traffic.tuple, reason, link: None }
    }

    /// The key of a packet that was sampled at, or discarded by, a data source.
    pub(super) fn of(packet: &Packet<'_>, passed: &Passed, source: Source, link: bool) -> Self {
        let mut key = Self::sampled(passed, source);
        // The data source of a notification may be the whole device.
        if packet.is_notification() {
            let [input, output] = packet.port_indexes();
            (key.direction, key.interface) = match (input, output) {
                (Some(index), _) => (Direction::Ingress, at_port(source, index)),
                (None, Some(index)) => (Direction::Egress, at_port(source, index)),
                (None, None) => (Direction::Unknown, source),
            };
        }
        key.link = if link { packet.link() } else { None };
        key
    }
}

fn at_port(source: Source, index: u32) -> Source {
    Source { data_source: DataSource { class: 0, index }, ..source }
}

/// Reasons by which somebody's rules refuse a packet. ICMP's codes of prohibition, access lists (also of
/// netfilter and Open vSwitch), programs at tc, XDP and cgroups, policies of IPsec, flow specifications.
const POLICIES: [&str; 10] = [
    "acl",
    "comm_admin_prohibited",
    "dst_net_prohibited",
    "dst_host_prohibited",
    "tc_ingress",
    "tc_egress",
    "xdp",
    "bpf_cgroup_egress",
    "xfrm_policy",
    "bgp_flowspec",
];
