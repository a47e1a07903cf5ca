//! Flows, one flat JSON object per flow sample, with the names and types of goflow2.

mod message;
mod names;

use core::net::IpAddr;
use std::time::SystemTime;

use flowmote_decoder::flow::ExtendedGateway;
use flowmote_decoder::{Address, Datagram, FlowSample, MacAddress, Sample};
use flowmote_engine::{Sink, Tally, walk};

use super::format::{Format, Received};
use super::json_text::JsonText;
use message::Message;

/// Writes a line for each flow sample.
#[derive(Debug)]
pub(super) struct Flows {
    out: JsonText,
    /// Time of arrival of the current datagram, nanoseconds since 1970.
    received: u64,
    agent: Address,
    sequence_number: u32,
}

impl Default for Flows {
    fn default() -> Self {
        let agent = Address::Unknown;
        Self { out: JsonText::default(), received: 0, agent, sequence_number: 0 }
    }
}

impl Format for Flows {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        let since = received.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.received = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        walk(&received.arrival(), received.payload, tally, self);
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        self.out.buffer()
    }
}

impl Sink for Flows {
    fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.agent = datagram.agent_address;
        self.sequence_number = datagram.sequence_number;
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        if let Sample::Flow(flow) = sample {
            let message = Message::of(flow);
            self.out.begin("", b'{');
            self.sample_fields(flow, &message);
            self.packet_fields(&message);
            self.route_fields(&message);
            self.layer_fields(&message);
            self.out.end_line();
        }
    }
}

impl Flows {
    fn sample_fields(&mut self, sample: &FlowSample<'_>, message: &Message<'_>) {
        self.out.string("type", "SFLOW_5");
        self.out.number("time_received_ns", self.received);
        self.out.number("sequence_num", self.sequence_number);
        self.out.number("sampling_rate", sample.sampling_rate);
        self.address("sampler_address", self.agent);
        self.out.number("time_flow_start_ns", self.received);
        self.out.number("time_flow_end_ns", self.received);
        self.out.number("bytes", message.bytes);
        self.out.number("packets", 1);
        self.address("src_addr", message.src);
        self.address("dst_addr", message.dst);
        self.out.string("etype", names::ether_type(message.ether_type));
        self.out.string("proto", names::ip_protocol(message.protocol));
        self.out.number("src_port", message.src_port);
        self.out.number("dst_port", message.dst_port);
        for (name, port) in [("in_if", sample.input), ("out_if", sample.output)] {
            // The word of a compact sample as it was sent, with the format in its upper two bits.
            let format = if sample.expanded { 0 } else { port.format << 30 };
            self.out.number(name, format | port.value);
        }
    }

    fn packet_fields(&mut self, message: &Message<'_>) {
        self.mac("src_mac", message.src_mac);
        self.mac("dst_mac", message.dst_mac);
        let vlans = message.switch.map_or((0, 0), |switch| (switch.src_vlan, switch.dst_vlan));
        for (name, value) in [
            ("src_vlan", vlans.0),
            ("dst_vlan", vlans.1),
            ("vlan_id", message.vlan),
            ("ip_tos", message.tos),
            ("forwarding_status", 0),
            ("ip_ttl", message.ttl),
            ("ip_flags", message.ip_flags),
            ("tcp_flags", message.tcp_flags),
            ("icmp_type", message.icmp_type),
            ("icmp_code", message.icmp_code),
            ("ipv6_flow_label", message.flow_label),
            ("fragment_id", message.fragment_id),
            ("fragment_offset", message.fragment_offset),
        ] {
            self.out.number(name, value);
        }
    }

    fn route_fields(&mut self, message: &Message<'_>) {
        let gateway = message.gateway.as_ref();
        let path = As::of(gateway);
        self.out.number("src_as", path.src);
        self.out.number("dst_as", path.dst);
        let next_hop = message.router.map_or(Address::Unknown, |router| router.nexthop);
        self.address("next_hop", next_hop);
        self.out.number("next_hop_as", path.next_hop);
        // Without `extended_router` (1002), every address is in the network of length 0.
        let masks =
            message.router.map_or((0, 0), |router| (router.src_mask_len, router.dst_mask_len));
        self.network("src_net", message.src, masks.0);
        self.network("dst_net", message.dst, masks.1);
        self.address("bgp_next_hop", gateway.map_or(Address::Unknown, |gateway| gateway.nexthop));
        self.out.begin("bgp_communities", b'[');
        gateway.into_iter().flat_map(communities).for_each(|number| self.out.number("", number));
        self.out.end(b']');
        self.out.begin("as_path", b'[');
        gateway.into_iter().flat_map(as_path).for_each(|number| self.out.number("", number));
        self.out.end(b']');
    }

    fn layer_fields(&mut self, message: &Message<'_>) {
        self.out.begin("mpls_ttl", b'[');
        message.labels.iter().for_each(|(_, ttl)| self.out.number("", *ttl));
        self.out.end(b']');
        self.out.begin("mpls_label", b'[');
        message.labels.iter().for_each(|(label, _)| self.out.number("", *label));
        self.out.end(b']');
        self.out.begin("mpls_ip", b'[');
        self.out.end(b']');
        self.out.number("observation_domain_id", 0);
        self.out.number("observation_point_id", 0);
        self.out.begin("layer_stack", b'[');
        message.layers.iter().for_each(|(name, _)| self.out.string("", name));
        self.out.end(b']');
        self.out.begin("layer_size", b'[');
        message.layers.iter().for_each(|(_, length)| self.out.number("", *length));
        self.out.end(b']');
        self.out.begin("ipv6_routing_header_addresses", b'[');
        message.segments.iter().for_each(|segment| self.out.shown("", segment));
        self.out.end(b']');
        self.out.number("ipv6_routing_header_seg_left", message.segments_left);
    }

    /// Writes an address; an empty string if unknown.
    fn address(&mut self, name: &str, address: Address) {
        self.out.key(name);
        match address {
            Address::Unknown => self.out.quoted(""),
            known => self.out.address(known),
        }
    }

    fn mac(&mut self, name: &str, address: MacAddress) {
        self.out.key(name);
        self.out.mac(address);
    }

    /// Writes the network of an address, `192.0.2.0/24`.
    fn network(&mut self, name: &str, address: Address, bits: u32) {
        let network = match address.ip() {
            Some(IpAddr::V4(address)) if bits <= 32 => {
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                IpAddr::V4((u32::from(address) & mask).into())
            }
            Some(IpAddr::V6(address)) if bits <= 128 => {
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                IpAddr::V6((u128::from(address) & mask).into())
            }
            _ => return self.out.string(name, "invalid Prefix"),
        };
        self.out.shown(name, format_args!("{network}/{bits}"));
    }
}

/// AS numbers of the ends of a flow; 0 if unknown.
#[derive(Default)]
struct As {
    src: u32,
    dst: u32,
    next_hop: u32,
}

impl As {
    fn of(gateway: Option<&ExtendedGateway<'_>>) -> Self {
        let Some(gateway) = gateway else { return Self::default() };
        // An empty path ends in the AS of the router; so does a source of which no other is known.
        let src = if gateway.src_as == 0 { gateway.asn } else { gateway.src_as };
        let dst = as_path(gateway).last().unwrap_or(gateway.asn);
        Self { src, dst, next_hop: as_path(gateway).next().unwrap_or(0) }
    }
}

/// The AS numbers of all segments.
fn as_path<'a>(gateway: &ExtendedGateway<'a>) -> impl Iterator<Item = u32> + use<'a> {
    gateway.dst_as_path.iter().flat_map(|segment| segment.as_numbers.iter())
}

fn communities<'a>(gateway: &ExtendedGateway<'a>) -> impl Iterator<Item = u32> + use<'a> {
    gateway.communities.iter()
}
