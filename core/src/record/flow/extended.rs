//! Records of forwarding: switching, routing, queueing, timing.

use core::net::IpAddr;

use crate::record::{DataFormat, FlowRecord, count};
use crate::xdr::Encoder;

/// `extended_switch` (0:1001): VLAN and 802.1p priority on both sides. `None`: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedSwitch {
    /// VLAN at the input port, 1 to 4094; for an untagged packet, the one that the port assigns.
    pub src_vlan: Option<u32>,
    /// Priority at the input port, 0 to 7.
    pub src_priority: Option<u32>,
    /// VLAN at the output port, whether the port sends the tag or not.
    pub dst_vlan: Option<u32>,
    /// Priority at the output port, 0 to 7.
    pub dst_priority: Option<u32>,
}

impl ExtendedSwitch {
    /// All ones (errata), because 0 is a valid priority.
    const UNKNOWN: u32 = 0xFFFF_FFFF;
}

impl FlowRecord for ExtendedSwitch {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1001)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([
            self.src_vlan.unwrap_or(Self::UNKNOWN),
            self.src_priority.unwrap_or(Self::UNKNOWN),
            self.dst_vlan.unwrap_or(Self::UNKNOWN),
            self.dst_priority.unwrap_or(Self::UNKNOWN),
        ]);
    }
}

/// `extended_router` (0:1002): the route of the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedRouter {
    /// The next router; `None`: unknown.
    pub nexthop: Option<IpAddr>,
    /// Prefix length of the route to the source, bits.
    pub src_mask_len: u32,
    /// Prefix length of the route to the destination, bits.
    pub dst_mask_len: u32,
}

impl FlowRecord for ExtendedRouter {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1002)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        address(xdr, self.nexthop);
        xdr.words([self.src_mask_len, self.dst_mask_len]);
    }
}

/// `extended_gateway` (0:1003): the BGP attributes of source and destination. An AS number of 0:
/// unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedGateway<'a> {
    /// Border router for the destination; `None`: unknown.
    pub nexthop: Option<IpAddr>,
    /// AS of this router; `as` in the specification.
    pub as_number: u32,
    /// AS of the source.
    pub src_as: u32,
    /// Neighbour AS towards the source.
    pub src_peer_as: u32,
    /// AS path to the destination, neighbour first; empty: within this AS, or unknown.
    pub dst_as_path: &'a [AsPathSegment<'a>],
    /// Communities of the route.
    pub communities: &'a [u32],
    /// `LOCAL_PREF` of the route; 0: unknown.
    pub localpref: u32,
}

impl FlowRecord for ExtendedGateway<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1003)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        address(xdr, self.nexthop);
        xdr.words([self.as_number, self.src_as, self.src_peer_as, count(self.dst_as_path)]);
        for segment in self.dst_as_path {
            segment.encode(xdr);
        }
        list(xdr, self.communities);
        xdr.u32(self.localpref);
    }
}

/// A segment of an AS path (RFC 4271, section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum AsPathSegment<'a> {
    /// `AS_SET`: AS numbers without order.
    Set(&'a [u32]),
    /// `AS_SEQUENCE`: AS numbers in the order of the path.
    Sequence(&'a [u32]),
}

impl AsPathSegment<'_> {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        let (kind, as_numbers) = match self {
            Self::Set(as_numbers) => (1, as_numbers),
            Self::Sequence(as_numbers) => (2, as_numbers),
        };
        xdr.u32(kind);
        list(xdr, as_numbers);
    }
}

/// `extended_transit` (0:1039): the time that the packet spent in the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedTransit {
    /// Nanoseconds; 0xFFFFFFFF: that much or more.
    pub delay: u32,
}

impl FlowRecord for ExtendedTransit {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1039)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.delay);
    }
}

/// `extended_queue` (0:1040): the depth of the queue when the packet joined it. Sent with
/// [`ExtendedEgressQueue`](super::ExtendedEgressQueue) (rule A26).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedQueue {
    /// Bytes; with virtual output queues, the sum of all that feed the output queue.
    pub depth: u32,
}

impl FlowRecord for ExtendedQueue {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1040)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.depth);
    }
}

/// `extended_timestamp` (0:1043): the time at which the packet was seen, by the best clock of the
/// device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedTimestamp {
    /// Nanoseconds since 1970-01-01 UTC.
    pub nanoseconds: u64,
}

impl FlowRecord for ExtendedTimestamp {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1043)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u64(self.nanoseconds);
    }
}

/// Writes an `address`: a type word, then 0, 4 or 16 bytes.
fn address(xdr: &mut Encoder<'_>, address: Option<IpAddr>) {
    match address {
        None => xdr.u32(0),
        Some(IpAddr::V4(ip)) => xdr.words([1, ip.to_bits()]),
        Some(IpAddr::V6(ip)) => {
            xdr.u32(2);
            xdr.opaque_fixed(&ip.octets());
        }
    }
}

/// Writes an `unsigned int<>`: a count, then the words.
fn list(xdr: &mut Encoder<'_>, items: &[u32]) {
    xdr.u32(count(items));
    for &item in items {
        xdr.u32(item);
    }
}

#[cfg(test)]
mod tests {
    use core::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::record::testing::{self, word};

    const NEXTHOP: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn extended_switch() {
        let record = ExtendedSwitch {
            src_vlan: Some(word(1)),
            src_priority: Some(word(2)),
            dst_vlan: Some(word(3)),
            dst_priority: Some(word(4)),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-1001.hex"),
        );
    }

    #[test]
    fn unknown_priority_differs_from_priority_0() {
        let record = ExtendedSwitch { dst_priority: Some(0), ..ExtendedSwitch::default() };
        let mut bytes = [0xff; 16];
        bytes[12..].fill(0);
        testing::flow_bytes(&record, DataFormat::standard(1001), &bytes);
    }

    #[test]
    fn extended_router() {
        let record =
            ExtendedRouter { nexthop: Some(NEXTHOP), src_mask_len: word(2), dst_mask_len: word(3) };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-1002.hex"),
        );
    }

    #[test]
    fn extended_router_with_ipv6_and_unknown_nexthop() {
        let nexthop = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1).into();
        let record = ExtendedRouter { nexthop: Some(nexthop), src_mask_len: 64, dst_mask_len: 48 };
        let bytes = [
            0, 0, 0, 2, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 64, 0, 0, 0,
            48,
        ];
        testing::flow_bytes(&record, DataFormat::standard(1002), &bytes);
        testing::flow_bytes(&ExtendedRouter::default(), DataFormat::standard(1002), &[0; 12]);
    }

    #[test]
    fn extended_gateway() {
        let record = ExtendedGateway {
            nexthop: Some(NEXTHOP),
            as_number: word(2),
            src_as: word(3),
            src_peer_as: word(4),
            dst_as_path: &[
                AsPathSegment::Sequence(&[word(5), word(6)]),
                AsPathSegment::Set(&[word(7), word(8)]),
            ],
            communities: &[word(9), word(10)],
            localpref: word(11),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-1003.hex"),
        );
    }

    #[test]
    fn extended_gateway_within_one_as() {
        let record = ExtendedGateway { localpref: 100, ..ExtendedGateway::default() };
        let mut bytes = [0; 28];
        bytes[27] = 100;
        testing::flow_bytes(&record, DataFormat::standard(1003), &bytes);
    }

    #[test]
    fn extended_transit() {
        testing::flow_vector(
            &ExtendedTransit { delay: word(1) },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1039.hex"),
        );
    }

    #[test]
    fn extended_queue() {
        testing::flow_vector(
            &ExtendedQueue { depth: word(1) },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1040.hex"),
        );
    }

    #[test]
    fn extended_timestamp() {
        testing::flow_vector(
            &ExtendedTimestamp { nanoseconds: testing::hyper(1) },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1043.hex"),
        );
    }
}
