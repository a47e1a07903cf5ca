//! The fields of a flow, taken from the records of a flow sample.

use core::net::Ipv6Addr;

use flowmote_decoder::flow::{
    ExtendedGateway, ExtendedRouter, ExtendedSwitch, SampledEthernet, SampledHeader, SampledIpv4,
    SampledIpv6,
};
use flowmote_decoder::packet::{Ipv4, Ipv6, Ipv6Extension, Layer};
use flowmote_decoder::{Address, FlowData, FlowRecord, FlowSample, MacAddress};

/// A flow message. Unknown values are 0.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// Bytes of the frame; of the IP packet if only that is known.
    pub(super) bytes: u32,
    pub(super) src_mac: MacAddress,
    pub(super) dst_mac: MacAddress,
    pub(super) ether_type: u32,
    /// The innermost of the outer VLAN tags.
    pub(super) vlan: u32,
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) protocol: u32,
    pub(super) tos: u32,
    pub(super) ttl: u32,
    /// The bits of the header: of IPv4 more fragments (1) and do not fragment (2), of the fragment
    /// header of IPv6 more fragments (1).
    pub(super) ip_flags: u32,
    pub(super) fragment_id: u32,
    /// In units of 8 bytes, as in the headers.
    pub(super) fragment_offset: u32,
    pub(super) flow_label: u32,
    pub(super) src_port: u32,
    pub(super) dst_port: u32,
    pub(super) tcp_flags: u32,
    pub(super) icmp_type: u32,
    pub(super) icmp_code: u32,
    /// Label and TTL of each entry of the MPLS stack.
    pub(super) labels: Vec<(u32, u32)>,
    /// Segments of segment routing (RFC 8754).
    pub(super) segments: Vec<Ipv6Addr>,
    pub(super) segments_left: u32,
    /// Name and length of each header that has a name.
    pub(super) layers: Vec<(&'static str, u32)>,
    pub(super) switch: Option<ExtendedSwitch>,
    pub(super) router: Option<ExtendedRouter>,
    pub(super) gateway: Option<ExtendedGateway<'a>>,
}

impl<'a> Message<'a> {
    /// The message of a sample. Records other than `sampled_header` (1) describe the packet only if
    /// that one is missing, so their order does not matter.
    pub(super) fn of(sample: &FlowSample<'a>) -> Self {
        let mut message = Self::default();
        let mut headers = sample.records().flatten().filter_map(|record| record.read());
        let header: Option<SampledHeader<'_>> = headers.next();
        if let Some(header) = header {
            message.header(&header);
        }
        for record in sample.records().flatten() {
            message.record(&record, header.is_none());
        }
        message
    }

    fn record(&mut self, record: &FlowRecord<'a>, describes_packet: bool) {
        match record.decode() {
            FlowData::SampledEthernet(header) if describes_packet => self.ethernet(&header),
            FlowData::SampledIpv4(header) if describes_packet => self.sampled_ipv4(&header),
            FlowData::SampledIpv6(header) if describes_packet => self.sampled_ipv6(&header),
            FlowData::ExtendedSwitch(switch) => self.switch = Some(switch),
            FlowData::ExtendedRouter(router) => self.router = Some(router),
            FlowData::ExtendedGateway(gateway) => self.gateway = Some(gateway),
            _ => {}
        }
    }

    fn ethernet(&mut self, header: &SampledEthernet) {
        (self.src_mac, self.dst_mac) = (header.src_mac, header.dst_mac);
        if self.bytes == 0 {
            self.bytes = header.length;
        }
        if self.ether_type == 0 {
            self.ether_type = header.ether_type;
        }
    }

    fn sampled_ipv4(&mut self, header: &SampledIpv4) {
        (self.src, self.dst) = (Address::V4(header.src_ip), Address::V4(header.dst_ip));
        (self.bytes, self.ether_type, self.tos) = (header.length, 0x0800, header.tos);
        self.ports(header.protocol, [header.src_port, header.dst_port, header.tcp_flags]);
    }

    fn sampled_ipv6(&mut self, header: &SampledIpv6) {
        (self.src, self.dst) = (Address::V6(header.src_ip), Address::V6(header.dst_ip));
        (self.bytes, self.ether_type, self.tos) = (header.length, 0x86dd, header.priority);
        self.ports(header.protocol, [header.src_port, header.dst_port, header.tcp_flags]);
    }

    fn ports(&mut self, protocol: u32, [src_port, dst_port, tcp_flags]: [u32; 3]) {
        (self.protocol, self.src_port, self.dst_port) = (protocol, src_port, dst_port);
        if protocol == 6 {
            self.tcp_flags = tcp_flags;
        }
    }

    /// Reads the headers of the packet. The fields are those of the outermost packet, the layers those
    /// of all that have a name.
    fn header(&mut self, header: &SampledHeader<'a>) {
        self.bytes = header.frame_length;
        let mut layers = header.layers();
        let (mut part, mut named) = (Part::Link, true);
        loop {
            let before = layers.rest();
            let Some(layer) = layers.next() else { return };
            let length = before.len().saturating_sub(layers.rest().len());
            part = part.after(&layer);
            match part {
                Part::Link => self.link(&layer),
                Part::Network => self.network(&layer, before),
                Part::Transport => self.transport(&layer),
                Part::Inner => {}
            }
            named = named && self.push_layer(&layer, length as u32);
        }
    }

    /// Adds a header to the list of layers. Returns false for one without a name, which ends the list.
    fn push_layer(&mut self, layer: &Layer<'_>, length: u32) -> bool {
        let (name, length) = match layer {
            Layer::Ethernet(_) => ("Ethernet", length),
            Layer::Vlan(_) => ("Dot1Q", length),
            // One layer for the whole stack.
            Layer::Mpls(_) if let Some(("MPLS", stack)) = self.layers.last_mut() => {
                *stack += length;
                return true;
            }
            Layer::Mpls(_) => ("MPLS", length),
            Layer::Ipv4(ip) => ("IPv4", 20 + u32::from(ip.options_length)),
            Layer::Ipv6(_) => ("IPv6", 40),
            Layer::Ipv6Extension(extension) => match extension.protocol {
                ROUTING => ("IPv6HeaderRouting", extension.length.into()),
                FRAGMENT => ("IPv6HeaderFragment", extension.length.into()),
                _ => return false,
            },
            Layer::Tcp(_) => ("TCP", length),
            Layer::Udp(_) => ("UDP", length),
            // Type, code and checksum; the other four bytes are part of the message.
            Layer::Icmp(_) => ("ICMP", 8),
            Layer::Icmpv6(_) => ("ICMPv6", 8),
            Layer::Gre(_) => ("GRE", length),
            Layer::Geneve(_) => ("Geneve", length),
            _ => return false,
        };
        self.layers.push((name, length));
        true
    }

    fn link(&mut self, layer: &Layer<'_>) {
        match layer {
            Layer::Ethernet(ethernet) => {
                // A second one is inside a pseudowire or a provider's frame.
                if self.layers.is_empty() {
                    (self.src_mac, self.dst_mac) = (ethernet.src, ethernet.dst);
                }
                self.ether_type = ethernet.ether_type.into();
            }
            Layer::Vlan(tag) => {
                (self.vlan, self.ether_type) = (tag.id.into(), tag.ether_type.into());
            }
            Layer::Llc(llc) if llc.oui == Some(0) => {
                self.ether_type = llc.ether_type.unwrap_or_default().into();
            }
            Layer::Mpls(entry) => self.labels.push((entry.label, entry.ttl.into())),
            _ => {}
        }
    }

    /// Reads an IP header or an extension, which begins `bytes`.
    fn network(&mut self, layer: &Layer<'_>, bytes: &[u8]) {
        match layer {
            Layer::Ipv4(ip) => self.ipv4(ip),
            Layer::Ipv6(ip) => self.ipv6(ip),
            Layer::Ipv6Extension(extension) => {
                self.protocol = extension.next_header.into();
                match extension.protocol {
                    FRAGMENT => self.fragment(extension, bytes),
                    ROUTING => self.routing(extension, bytes),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn ipv4(&mut self, ip: &Ipv4) {
        (self.src, self.dst) = (Address::V4(ip.src), Address::V4(ip.dst));
        (self.ether_type, self.protocol) = (0x0800, ip.protocol.into());
        (self.tos, self.ttl) = (ip.tos.into(), ip.ttl.into());
        self.ip_flags = u32::from(ip.dont_fragment) << 1 | u32::from(ip.more_fragments);
        self.fragment_id = ip.id.into();
        self.fragment_offset = u32::from(ip.fragment_offset) / 8;
    }

    fn ipv6(&mut self, ip: &Ipv6) {
        (self.src, self.dst) = (Address::V6(ip.src), Address::V6(ip.dst));
        (self.ether_type, self.protocol) = (0x86dd, ip.next_header.into());
        (self.tos, self.ttl) = (ip.traffic_class.into(), ip.hop_limit.into());
        self.flow_label = ip.flow_label;
    }

    fn fragment(&mut self, extension: &Ipv6Extension, bytes: &[u8]) {
        self.ip_flags = u32::from(extension.more_fragments.unwrap_or_default());
        self.fragment_offset = u32::from(extension.fragment_offset.unwrap_or_default()) / 8;
        let id = bytes.get(4..).and_then(|rest| rest.first_chunk());
        self.fragment_id = id.map_or(0, |id| u32::from_be_bytes(*id));
    }

    /// Reads the segments of a routing header of type 4, as far as they were captured.
    fn routing(&mut self, extension: &Ipv6Extension, bytes: &[u8]) {
        let bytes = bytes.get(..extension.length.into()).unwrap_or(bytes);
        let Some(([_, _, kind, left, last, ..], addresses)) = bytes.split_first_chunk::<8>() else {
            return;
        };
        self.segments_left = u32::from(*left);
        if *kind == SEGMENT_ROUTING {
            let segments = addresses.as_chunks().0.iter().take(usize::from(*last) + 1);
            self.segments = segments.map(|segment| Ipv6Addr::from_octets(*segment)).collect();
        }
    }

    fn transport(&mut self, layer: &Layer<'_>) {
        match layer {
            Layer::Tcp(tcp) => {
                self.tcp_flags = tcp.flags.unwrap_or_default().into();
                (self.src_port, self.dst_port) = (tcp.src_port.into(), tcp.dst_port.into());
            }
            Layer::Udp(udp) => {
                (self.src_port, self.dst_port) = (udp.src_port.into(), udp.dst_port.into());
            }
            Layer::Sctp(sctp) => {
                (self.src_port, self.dst_port) = (sctp.src_port.into(), sctp.dst_port.into());
            }
            Layer::Icmp(icmp) | Layer::Icmpv6(icmp) => {
                (self.icmp_type, self.icmp_code) = (icmp.icmp_type.into(), icmp.code.into());
            }
            _ => {}
        }
    }
}

/// The part of a packet that a header belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Link,
    /// The first IP header and its extensions.
    Network,
    /// The header after them.
    Transport,
    /// Everything after that: what a tunnel carries.
    Inner,
}

impl Part {
    /// The part of `layer`, which follows one of part `self`.
    fn after(self, layer: &Layer<'_>) -> Self {
        match (self, layer) {
            (Self::Link, Layer::Ipv4(_) | Layer::Ipv6(_)) => Self::Network,
            (Self::Link, _) => Self::Link,
            (Self::Network, Layer::Ipv6Extension(_)) => Self::Network,
            (Self::Network, Layer::Ipv4(_) | Layer::Ipv6(_)) => Self::Inner,
            (Self::Network, _) => Self::Transport,
            (Self::Transport | Self::Inner, _) => Self::Inner,
        }
    }
}

impl Default for Message<'_> {
    fn default() -> Self {
        Self {
            bytes: 0,
            src_mac: MacAddress::default(),
            dst_mac: MacAddress::default(),
            ether_type: 0,
            vlan: 0,
            src: Address::Unknown,
            dst: Address::Unknown,
            protocol: 0,
            tos: 0,
            ttl: 0,
            ip_flags: 0,
            fragment_id: 0,
            fragment_offset: 0,
            flow_label: 0,
            src_port: 0,
            dst_port: 0,
            tcp_flags: 0,
            icmp_type: 0,
            icmp_code: 0,
            labels: Vec::new(),
            segments: Vec::new(),
            segments_left: 0,
            layers: Vec::new(),
            switch: None,
            router: None,
            gateway: None,
        }
    }
}

/// Numbers of extension headers.
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
/// Routing type of segment routing (RFC 8754).
const SEGMENT_ROUTING: u8 = 4;
