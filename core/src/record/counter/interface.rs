//! Counter records of a port or VLAN of any medium.

use super::table::{Counter32, Counter64, Gauge32, Gauge64, counter_record};
use crate::record::codes::codes;
use crate::record::{CounterRecord, DataFormat};
use crate::xdr::Encoder;

counter_record! {
    /// `if_counters` (0:1): the counters of the IF-MIB (RFC 2863). Sent for every interface if
    /// possible (rule A17).
    IfCounters = 0:1 {
        /// ifIndex of the interface.
        if_index: Gauge32,
        /// ifType.
        if_type: IfType,
        /// ifSpeed, bits per second.
        if_speed: Gauge64,
        /// Duplex, or the direction of a one-way interface.
        if_direction: IfDirection,
        /// Bits [`ADMIN_UP`](Self::ADMIN_UP) and [`OPER_UP`](Self::OPER_UP); 0: down, or unknown.
        if_status: Gauge32,
        /// Bytes received, including framing.
        if_in_octets: Counter64,
        /// Unicast packets received: neither multicast nor broadcast.
        if_in_ucast_pkts: Counter32,
        /// Multicast packets received.
        if_in_multicast_pkts: Counter32,
        /// Broadcast packets received.
        if_in_broadcast_pkts: Counter32,
        /// Packets received without error and discarded, such as for lack of buffers.
        if_in_discards: Counter32,
        /// Packets received with errors.
        if_in_errors: Counter32,
        /// Packets received and discarded because of an unknown protocol.
        if_in_unknown_protos: Counter32,
        /// Bytes sent, including framing.
        if_out_octets: Counter64,
        /// Unicast packets sent: neither multicast nor broadcast.
        if_out_ucast_pkts: Counter32,
        /// Multicast packets sent.
        if_out_multicast_pkts: Counter32,
        /// Broadcast packets sent.
        if_out_broadcast_pkts: Counter32,
        /// Outbound packets without error that were discarded, such as for lack of buffers.
        if_out_discards: Counter32,
        /// Packets not sent because of errors.
        if_out_errors: Counter32,
        /// 1: promiscuous, 0: not. The specification defines no coding; agents send these values.
        if_promiscuous_mode: Gauge32,
    }
}

impl IfCounters {
    /// Bit of `if_status`: ifAdminStatus is up.
    pub const ADMIN_UP: u32 = 1;

    /// Bit of `if_status`: ifOperStatus is up.
    pub const OPER_UP: u32 = 2;
}

codes! {
    /// `if_type` of [`IfCounters`]: those numbers of the IANAifType-MIB that a Linux host or a
    /// switch needs.
    IfType {
        UNKNOWN = 0 "unknown",
        /// Not listed.
        OTHER = 1 "other",
        /// Ethernet of any speed.
        ETHERNET_CSMACD = 6 "ethernetCsmacd",
        PPP = 23 "ppp",
        /// Loopback.
        SOFTWARE_LOOPBACK = 24 "softwareLoopback",
        /// A proprietary virtual interface: dummy, veth, tap.
        PROP_VIRTUAL = 53 "propVirtual",
        /// Wi-Fi.
        IEEE80211 = 71 "ieee80211",
        /// A tunnel: GRE, IP in IP, SIT, VXLAN, WireGuard.
        TUNNEL = 131 "tunnel",
        /// An 802.1Q VLAN on top of another interface.
        L2VLAN = 135 "l2vlan",
        /// A link aggregate: bond, team.
        IEEE8023AD_LAG = 161 "ieee8023adLag",
        INFINIBAND = 199 "infiniband",
        /// A bridge.
        BRIDGE = 209 "bridge",
    }
}

codes! {
    /// `if_direction` of [`IfCounters`].
    IfDirection {
        UNKNOWN = 0 "unknown",
        FULL_DUPLEX = 1 "full-duplex",
        HALF_DUPLEX = 2 "half-duplex",
        /// Receives only.
        IN = 3 "in",
        /// Sends only.
        OUT = 4 "out",
    }
}

counter_record! {
    /// `vlan_counters` (0:5): the traffic of a VLAN.
    VlanCounters = 0:5 {
        /// VLAN id, 1 to 4094.
        vlan_id: Gauge32,
        /// Bytes carried.
        octets: Counter64,
        /// Unicast packets.
        ucast_pkts: Counter32,
        /// Multicast packets.
        multicast_pkts: Counter32,
        /// Broadcast packets.
        broadcast_pkts: Counter32,
        /// Packets discarded.
        discards: Counter32,
    }
}

counter_record! {
    /// `queue_length` (0:1003): a histogram of the length of a queue when packets joined it. One
    /// record per queue, sent with [`IfCounters`].
    QueueLength = 0:1003 {
        /// Persistent index of the queue within the port.
        queue_index: Gauge32,
        /// Bytes in a segment.
        segment_size: Gauge32,
        /// Capacity of the queue, segments.
        queue_segments: Gauge32,
        /// Packets that found the queue empty.
        queue_length0: Counter32,
        /// Packets that found 1 segment.
        queue_length1: Counter32,
        /// Packets that found 2 segments.
        queue_length2: Counter32,
        /// Packets that found 3 or 4 segments.
        queue_length4: Counter32,
        /// Packets that found 5 to 8 segments.
        queue_length8: Counter32,
        /// Packets that found 9 to 32 segments.
        queue_length32: Counter32,
        /// Packets that found 33 to 128 segments.
        queue_length128: Counter32,
        /// Packets that found 129 to 1024 segments.
        queue_length1024: Counter32,
        /// Packets that found more than 1024 segments.
        queue_length_more: Counter32,
        /// Packets dropped because the queue was full.
        dropped: Counter32,
    }
}

counter_record! {
    /// `of_port` (0:1004): the OpenFlow identity of the port. Mandatory for ports under OpenFlow
    /// control (rule A17).
    OfPort = 0:1004 {
        /// OpenFlow datapath id.
        datapath_id: Gauge64,
        /// Port number of OpenFlow 1.1 (`OFPP_LOCAL` is 0xFFFFFFFE).
        port_no: Gauge32,
    }
}

/// `port_name` (0:1005): the name of an interface.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PortName<'a> {
    /// ifName or the OpenFlow name, at most 255 bytes; empty: unknown.
    pub name: &'a str,
}

impl PortName<'_> {
    /// An unknown name.
    pub const UNKNOWN: Self = Self { name: "" };
}

impl Default for PortName<'_> {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl CounterRecord for PortName<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1005)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.name, 255);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper, word};

    #[test]
    fn if_counters() {
        testing::counter_vector(
            &testing::IF_COUNTERS,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-1.hex"),
        );
    }

    #[test]
    fn vlan_counters() {
        let record = VlanCounters {
            vlan_id: word(1),
            octets: hyper(2),
            ucast_pkts: word(3),
            multicast_pkts: word(4),
            broadcast_pkts: word(5),
            discards: word(6),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-5.hex"),
        );
    }

    #[test]
    fn queue_length() {
        let record = QueueLength {
            queue_index: word(1),
            segment_size: word(2),
            queue_segments: word(3),
            queue_length0: word(4),
            queue_length1: word(5),
            queue_length2: word(6),
            queue_length4: word(7),
            queue_length8: word(8),
            queue_length32: word(9),
            queue_length128: word(10),
            queue_length1024: word(11),
            queue_length_more: word(12),
            dropped: word(13),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-1003.hex"),
        );
    }

    #[test]
    fn of_port() {
        let record = OfPort { datapath_id: hyper(1), port_no: word(2) };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-1004.hex"),
        );
    }

    #[test]
    fn port_name() {
        testing::counter_vector(
            &PortName { name: "s1x" },
            include_str!("../../../../tests/vectors/synthetic/ctr-0-1005.hex"),
        );
    }

    #[test]
    fn port_name_empty() {
        testing::counter_bytes(&PortName::default(), DataFormat::standard(1005), &[0; 4]);
    }

    #[test]
    fn port_name_is_cut_at_255_bytes() {
        let name = "n".repeat(256);
        let mut bytes = [b'n'; 260];
        bytes[..4].copy_from_slice(&[0, 0, 0, 255]);
        bytes[259] = 0;
        testing::counter_bytes(&PortName { name: &name }, DataFormat::standard(1005), &bytes);
    }

    #[test]
    fn if_counters_unknown() {
        let mut bytes = [0xff; 88];
        bytes[..24].fill(0);
        bytes[84..].fill(0);
        testing::counter_bytes(&IfCounters::default(), DataFormat::standard(1), &bytes);
    }
}
