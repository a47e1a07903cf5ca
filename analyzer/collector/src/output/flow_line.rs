//! The columns of a FLOW line of `sflowtool -l`.

use flowmote_decoder::flow::{
    ExtendedIpv4TunnelEgress, ExtendedIpv4TunnelIngress, ExtendedIpv6TunnelEgress,
    ExtendedIpv6TunnelIngress, ExtendedL2TunnelEgress, ExtendedL2TunnelIngress, ExtendedSwitch,
    SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6,
};
use flowmote_decoder::packet::{Layer, Layers};
use flowmote_decoder::{Address, FlowData, FlowRecord, FlowSample, MacAddress};

/// The columns between `output` and `sampling_rate`. Unknown values are 0.
///
/// Records are read in their order. As in `sflowtool`, a later record overwrites the columns of an
/// earlier one, even if it describes a tunnel header. Only the two lengths stay apart: that of the
/// frame is never overwritten by that of the IP packet in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FlowLine {
    pub(super) src_mac: MacAddress,
    pub(super) dst_mac: MacAddress,
    pub(super) ether_type: u32,
    /// From `extended_switch` (1001) or the innermost VLAN tag, whichever comes last.
    pub(super) in_vlan: u32,
    pub(super) out_vlan: u32,
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) protocol: u32,
    pub(super) tos: u32,
    pub(super) ttl: u32,
    /// The port of TCP and UDP, the type of ICMP.
    pub(super) src_port: u32,
    /// The port of TCP and UDP, the code of ICMP.
    pub(super) dst_port: u32,
    pub(super) tcp_flags: u32,
    /// Bytes of the frame, from `sampled_header` (1) or `sampled_ethernet` (2).
    frame_length: Option<u32>,
    /// Bytes of the IP packet, from a record that has its length.
    ip_length: Option<u32>,
    /// Bytes removed from the packet, such as the FCS.
    stripped: u32,
    /// Offset of the IPv4 header in the sampled header; 0 for other packets.
    ipv4_offset: u32,
}

impl FlowLine {
    /// The columns of `sample`.
    pub(super) fn of(sample: &FlowSample<'_>) -> Self {
        let mut line = Self::default();
        sample.records().flatten().for_each(|record| line.record(&record));
        line
    }

    /// Bytes of the frame, else of the IP packet.
    pub(super) fn packet_size(&self) -> u32 {
        self.frame_length.or(self.ip_length).unwrap_or_default()
    }

    /// Bytes of the IP packet. Without a record that has them, computed for IPv4; for other packets the
    /// result includes the link layer, as in `sflowtool`.
    pub(super) fn ip_size(&self) -> u32 {
        let below = self.stripped.wrapping_add(self.ipv4_offset);
        self.ip_length.unwrap_or_else(|| self.packet_size().wrapping_sub(below))
    }

    fn record(&mut self, record: &FlowRecord<'_>) {
        match record.decode() {
            FlowData::SampledHeader(header) => self.header(&header),
            FlowData::SampledEthernet(header) => {
                self.frame_length.get_or_insert(header.length);
                self.ethernet(&header);
            }
            FlowData::ExtendedL2TunnelEgress(ExtendedL2TunnelEgress { header, .. })
            | FlowData::ExtendedL2TunnelIngress(ExtendedL2TunnelIngress { header, .. }) => {
                self.ethernet(&header);
            }
            FlowData::SampledIpv4(header)
            | FlowData::ExtendedIpv4TunnelEgress(ExtendedIpv4TunnelEgress { header, .. })
            | FlowData::ExtendedIpv4TunnelIngress(ExtendedIpv4TunnelIngress { header, .. }) => {
                self.ipv4(&header);
            }
            FlowData::SampledIpv6(header)
            | FlowData::ExtendedIpv6TunnelEgress(ExtendedIpv6TunnelEgress { header, .. })
            | FlowData::ExtendedIpv6TunnelIngress(ExtendedIpv6TunnelIngress { header, .. }) => {
                self.ipv6(&header);
            }
            FlowData::ExtendedSocketIpv4(socket) => {
                (self.src, self.dst) =
                    (Address::V4(socket.local_ip), Address::V4(socket.remote_ip));
            }
            FlowData::ExtendedSocketIpv6(socket) => {
                (self.src, self.dst) =
                    (Address::V6(socket.local_ip), Address::V6(socket.remote_ip));
            }
            FlowData::ExtendedSwitch(ExtendedSwitch { src_vlan, dst_vlan, .. }) => {
                (self.in_vlan, self.out_vlan) = (src_vlan, dst_vlan);
            }
            _ => {}
        }
    }

    /// Reads the outermost headers up to the transport layer. Like `sflowtool`, stops at MPLS and
    /// PPPoE.
    fn header(&mut self, header: &SampledHeader<'_>) {
        (self.frame_length, self.stripped) = (Some(header.frame_length), header.stripped);
        let (mut layers, mut offset) = (header.layers(), 0);
        while let Some(layer) = layers.next() {
            match self.link(&layer) {
                Some(length) => offset += length,
                None => return self.network(&layer, offset, layers),
            }
        }
    }

    /// Reads a header of the link layer and returns its length; `None` for other headers.
    fn link(&mut self, layer: &Layer<'_>) -> Option<u32> {
        match layer {
            Layer::Ethernet(ethernet) => {
                (self.src_mac, self.dst_mac) = (ethernet.src, ethernet.dst);
                self.set_ether_type(ethernet.ether_type);
                Some(14)
            }
            Layer::Vlan(tag) => {
                self.in_vlan = tag.id.into();
                self.set_ether_type(tag.ether_type);
                Some(4)
            }
            Layer::VnTag(tag) => {
                self.set_ether_type(tag.ether_type);
                Some(6)
            }
            Layer::ETag(tag) => {
                self.set_ether_type(tag.ether_type);
                Some(8)
            }
            Layer::Ieee80211(frame) => {
                self.src_mac = frame.src.unwrap_or_default();
                self.dst_mac = frame.dst.unwrap_or_default();
                Some(frame.length.into())
            }
            Layer::Llc(llc) if llc.oui == Some(0) => {
                self.ether_type = llc.ether_type.unwrap_or_default().into();
                Some(8)
            }
            _ => None,
        }
    }

    /// Reads the IP header and the transport header after it.
    fn network(&mut self, layer: &Layer<'_>, offset: u32, following: Layers<'_>) {
        match layer {
            Layer::Ipv4(ip) => {
                (self.src, self.dst) = (Address::V4(ip.src), Address::V4(ip.dst));
                (self.protocol, self.tos) = (ip.protocol.into(), ip.tos.into());
                (self.ttl, self.ipv4_offset) = (ip.ttl.into(), offset);
            }
            Layer::Ipv6(ip) => {
                (self.src, self.dst) = (Address::V6(ip.src), Address::V6(ip.dst));
                (self.protocol, self.tos) = (ip.next_header.into(), ip.traffic_class.into());
                self.ttl = ip.hop_limit.into();
            }
            _ => return,
        }
        for layer in following {
            match layer {
                Layer::Ipv6Extension(extension) => self.protocol = extension.next_header.into(),
                other => return self.transport(&other),
            }
        }
    }

    /// Sets the EtherType. Values up to 1500 are the length field of IEEE 802.3 and are not shown. Tag
    /// types are not shown either: the type after the tag follows.
    fn set_ether_type(&mut self, ether_type: u16) {
        let is_tag =
            matches!(ether_type, 0x8100 | 0x88a8 | 0x8926 | 0x893f | 0x9100 | 0x9200 | 0x9300);
        self.ether_type = if ether_type > 1500 && !is_tag { ether_type.into() } else { 0 };
    }

    fn transport(&mut self, layer: &Layer<'_>) {
        (self.src_port, self.dst_port) = match layer {
            Layer::Tcp(tcp) => {
                self.tcp_flags = tcp.flags.unwrap_or_default().into();
                (tcp.src_port.into(), tcp.dst_port.into())
            }
            Layer::Udp(udp) => (udp.src_port.into(), udp.dst_port.into()),
            // `sflowtool` does not read type and code of ICMPv6.
            Layer::Icmp(icmp) => (icmp.icmp_type.into(), icmp.code.into()),
            _ => return,
        };
    }

    fn ethernet(&mut self, header: &SampledEthernet) {
        (self.src_mac, self.dst_mac) = (header.src_mac, header.dst_mac);
        self.ether_type = header.ether_type;
    }

    fn ipv4(&mut self, header: &SampledIpv4) {
        (self.src, self.dst) = (Address::V4(header.src_ip), Address::V4(header.dst_ip));
        (self.ip_length, self.tos) = (Some(header.length), header.tos);
        self.ports(header.protocol, [header.src_port, header.dst_port, header.tcp_flags]);
    }

    fn ipv6(&mut self, header: &SampledIpv6) {
        (self.src, self.dst) = (Address::V6(header.src_ip), Address::V6(header.dst_ip));
        self.ip_length = Some(header.length);
        self.ports(header.protocol, [header.src_port, header.dst_port, header.tcp_flags]);
    }

    fn ports(&mut self, protocol: u32, [src_port, dst_port, tcp_flags]: [u32; 3]) {
        (self.protocol, self.src_port, self.dst_port) = (protocol, src_port, dst_port);
        if protocol == 6 {
            self.tcp_flags = tcp_flags;
        }
    }
}

impl Default for FlowLine {
    fn default() -> Self {
        Self {
            src_mac: MacAddress::default(),
            dst_mac: MacAddress::default(),
            ether_type: 0,
            in_vlan: 0,
            out_vlan: 0,
            src: Address::Unknown,
            dst: Address::Unknown,
            protocol: 0,
            tos: 0,
            ttl: 0,
            src_port: 0,
            dst_port: 0,
            tcp_flags: 0,
            frame_length: None,
            ip_length: None,
            stripped: 0,
            ipv4_offset: 0,
        }
    }
}
