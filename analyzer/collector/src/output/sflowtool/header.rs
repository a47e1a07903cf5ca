//! The sampled packet: `sampled_header` (1), and the records that hold fields of it.

use flowmote_decoder::flow::{SampledEthernet, SampledHeader, SampledIpv4, SampledIpv6};
use flowmote_decoder::packet::{Ipv4, Ipv6, Layer, Layers, Vlan};
use flowmote_decoder::{Address, MacAddress};

use super::element::Element;

impl Element<'_> {
    /// Writes a header and the fields of its outermost packet.
    pub(super) fn header(&mut self, header: &SampledHeader<'_>) {
        self.put("flowSampleType", "HEADER");
        self.number("headerProtocol", header.protocol);
        self.number("sampledPacketSize", header.frame_length);
        self.number("strippedBytes", header.stripped);
        self.number("headerLen", header.header.len() as u32);
        self.bytes("headerBytes", header.header);
        match header.protocol {
            IEEE80211 => self.ieee80211(header.header),
            ETHERNET | IPV4 | IPV6 => self.packet(header),
            _ => {}
        }
    }

    fn packet(&mut self, header: &SampledHeader<'_>) {
        let mut link = Link::default();
        let mut layers = header.layers();
        loop {
            let before = layers.rest().len();
            let layer = layers.next();
            if self.link(&mut link, layer.as_ref()) {
                continue;
            }
            if let Some(ether_type) = link.ether_type.filter(|_| header.header.len() >= MIN_PACKET)
            {
                self.number("ethernet_type", ether_type.into());
            }
            let offset = header.header.len().saturating_sub(before) as u32;
            let size = header.frame_length.wrapping_sub(header.stripped).wrapping_sub(offset);
            return match layer {
                Some(Layer::Ipv4(ip)) => self.ipv4(&ip, size, layers),
                Some(Layer::Ipv6(ip)) => self.ipv6(&ip, size, layers),
                _ => {}
            };
        }
    }

    /// Writes a header of the link layer. Returns false for other headers and at the end.
    fn link(&mut self, link: &mut Link, layer: Option<&Layer<'_>>) -> bool {
        match layer {
            Some(Layer::Ethernet(ethernet)) => {
                self.mac("dstMAC", ethernet.dst);
                self.mac("srcMAC", ethernet.src);
                link.ether_type = Some(ethernet.ether_type);
            }
            Some(Layer::Vlan(tag)) => self.vlan(link, tag),
            Some(Layer::Llc(llc)) => {
                link.ether_type = llc.ether_type.filter(|_| llc.oui == Some(0));
                if let Some(oui) = llc.oui.filter(|oui| *oui != 0) {
                    let [_, oui @ ..] = oui.to_be_bytes();
                    self.bytes("VSNAP_OUI", &oui);
                }
            }
            // Without LLC, there is no EtherType but a length.
            Some(Layer::Truncated("vlan" | "llc")) => {
                link.ether_type = None;
                return false;
            }
            _ => return false,
        }
        true
    }

    fn vlan(&mut self, link: &mut Link, tag: &Vlan) {
        let depth = link.tags;
        link.tags += 1;
        link.ether_type = Some(tag.ether_type);
        if depth == 0 {
            self.number("decodedVLAN", tag.id.into());
            self.number("decodedPriority", tag.priority.into());
        } else {
            self.number(&format!("decodedVLAN.{depth}"), tag.id.into());
            self.number(&format!("decodedPriority.{depth}"), tag.priority.into());
        }
    }

    fn ipv4(&mut self, ip: &Ipv4, size: u32, layers: Layers<'_>) {
        self.put("IPSize", size.cast_signed());
        self.number("ip.tot_len", ip.total_length.into());
        self.address("srcIP", Address::V4(ip.src));
        self.address("dstIP", Address::V4(ip.dst));
        self.number("IPProtocol", ip.protocol.into());
        self.number("IPTOS", ip.tos.into());
        self.number("IPTTL", ip.ttl.into());
        self.number("IPID", ip.id.into());
        match ip.fragment_offset {
            0 => self.transport(layers),
            offset => self.number("IPFragmentOffset", u32::from(offset) / 8),
        }
    }

    fn ipv6(&mut self, ip: &Ipv6, size: u32, mut layers: Layers<'_>) {
        self.put("IPSize", size.cast_signed());
        self.number("IPTOS", ip.traffic_class.into());
        self.put("IP6_label", format_args!("{:#x}", ip.flow_label));
        match ip.payload_length {
            0 => self.put("IPV6_payloadLen", "<jumbo>"),
            length => self.number("IPV6_payloadLen", length.into()),
        }
        self.number("IPTTL", ip.hop_limit.into());
        self.address("srcIP6", Address::V6(ip.src));
        self.address("dstIP6", Address::V6(ip.dst));
        let (mut protocol, mut depth) = (ip.next_header, 0);
        let mut ahead = layers.clone();
        while let Some(Layer::Ipv6Extension(extension)) = ahead.next() {
            match depth {
                0 => self.number("IP6HeaderExtension", extension.protocol.into()),
                _ => self.number(&format!("IP6HeaderExtension.{depth}"), extension.protocol.into()),
            }
            (protocol, depth, layers) = (extension.next_header, depth + 1, ahead.clone());
        }
        self.number("IPProtocol", protocol.into());
        self.transport(layers);
    }

    /// Writes the next header if eight bytes of it were captured.
    fn transport(&mut self, mut layers: Layers<'_>) {
        if layers.rest().len() < 8 {
            return;
        }
        match layers.next() {
            Some(Layer::Icmp(icmp)) => {
                self.number("ICMPType", icmp.icmp_type.into());
                self.number("ICMPCode", icmp.code.into());
            }
            Some(Layer::Tcp(tcp)) => {
                self.number("TCPSrcPort", tcp.src_port.into());
                self.number("TCPDstPort", tcp.dst_port.into());
                if let Some(flags) = tcp.flags {
                    self.number("TCPFlags", flags.into());
                }
            }
            Some(Layer::Udp(udp)) => {
                self.number("UDPSrcPort", udp.src_port.into());
                self.number("UDPDstPort", udp.dst_port.into());
                if let Some(length) = udp.length {
                    self.number("UDPBytes", length.into());
                }
            }
            _ => {}
        }
    }

    /// Writes the addresses of a data frame of IEEE 802.11.
    fn ieee80211(&mut self, frame: &[u8]) {
        let Some(([kind, flags, _, _], rest)) = frame.split_first_chunk::<4>() else { return };
        let Some((addresses, rest)) = rest.split_first_chunk::<18>() else { return };
        if frame.len() < MIN_IEEE80211 || kind & 0x0c != 0x08 {
            return;
        }
        let [first, second, third] = *addresses.as_chunks::<6>().0 else { return };
        // After the sequence control.
        let fourth = rest.get(2..).and_then(|rest| rest.first_chunk::<6>());
        let (src, dst) = match flags & 3 {
            0 => (Some(second), first),
            1 => (Some(second), third),
            2 => (Some(third), first),
            _ => (fourth.copied(), third),
        };
        if let Some(src) = src {
            self.mac("srcMAC", MacAddress(src));
        }
        self.mac("dstMAC", MacAddress(dst));
        self.mac("txMAC", MacAddress(second));
        self.mac("rxMAC", MacAddress(first));
    }

    /// Writes fields of an Ethernet header; `prefix` distinguishes those of tunnels.
    pub(super) fn ethernet(&mut self, prefix: &str, header: &SampledEthernet) {
        self.put("flowSampleType", format_args!("{prefix}ETHERNET"));
        self.number(&format!("{prefix}ethernet_type"), header.ether_type);
        self.number(&format!("{prefix}ethernet_len"), header.length);
        self.mac(&format!("{prefix}ethernet_src"), header.src_mac);
        self.mac(&format!("{prefix}ethernet_dst"), header.dst_mac);
    }

    pub(super) fn sampled_ipv4(&mut self, prefix: &str, header: &SampledIpv4) {
        self.put("flowSampleType", format_args!("{prefix}IPV4"));
        self.number(&format!("{prefix}sampledPacketSize"), header.length);
        self.number(&format!("{prefix}IPSize"), header.length);
        self.address(&format!("{prefix}srcIP"), Address::V4(header.src_ip));
        self.address(&format!("{prefix}dstIP"), Address::V4(header.dst_ip));
        self.number(&format!("{prefix}IPProtocol"), header.protocol);
        self.number(&format!("{prefix}IPTOS"), header.tos);
        let ports = [header.src_port, header.dst_port, header.tcp_flags];
        self.ports(prefix, header.protocol, ports);
    }

    pub(super) fn sampled_ipv6(&mut self, prefix: &str, header: &SampledIpv6) {
        self.put("flowSampleType", format_args!("{prefix}IPV6"));
        self.number(&format!("{prefix}sampledPacketSize"), header.length);
        self.number(&format!("{prefix}IPSize"), header.length);
        self.address(&format!("{prefix}srcIP6"), Address::V6(header.src_ip));
        self.address(&format!("{prefix}dstIP6"), Address::V6(header.dst_ip));
        self.number(&format!("{prefix}IPProtocol"), header.protocol);
        self.number(&format!("{prefix}priority"), header.priority);
        let ports = [header.src_port, header.dst_port, header.tcp_flags];
        self.ports(prefix, header.protocol, ports);
    }

    fn ports(&mut self, prefix: &str, protocol: u32, [src_port, dst_port, tcp_flags]: [u32; 3]) {
        match protocol {
            // Agents that have only one field for the type use the destination port.
            1 => self.number(&format!("{prefix}ICMPType"), dst_port),
            6 => {
                self.number(&format!("{prefix}TCPSrcPort"), src_port);
                self.number(&format!("{prefix}TCPDstPort"), dst_port);
                self.number(&format!("{prefix}TCPFlags"), tcp_flags);
            }
            17 => {
                self.number(&format!("{prefix}UDPSrcPort"), src_port);
                self.number(&format!("{prefix}UDPDstPort"), dst_port);
            }
            _ => {}
        }
    }
}

/// The next header, as the headers of the link layer name it.
#[derive(Default)]
struct Link {
    /// `None` if it is a length (IEEE 802.3), or for a packet without link layer.
    ether_type: Option<u16>,
    /// Number of VLAN tags.
    tags: u32,
}

/// Values of `header_protocol`.
const ETHERNET: u32 = 1;
const IPV4: u32 = 11;
const IPV6: u32 = 12;
const IEEE80211: u32 = 15;

/// Bytes of the shortest header of IPv4, below which `sflowtool` reads no EtherType.
const MIN_PACKET: usize = 20;
/// Bytes of a data frame of IEEE 802.11 with three addresses.
const MIN_IEEE80211: usize = 24;
