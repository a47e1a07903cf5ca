//! Records of a discarded packet: queue, access list, kernel function, trap.

use crate::record::codes::codes;
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// `extended_egress_queue` (0:1036): the queue at the output port, which the sample must contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedEgressQueue {
    /// Number of the queue within the port.
    pub queue: u32,
}

impl FlowRecord for ExtendedEgressQueue {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1036)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.queue);
    }
}

/// `extended_acl` (0:1037): the access list that matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedAcl<'a> {
    /// Number of the access list; 0: unknown.
    pub number: u32,
    /// Name of the access list, cut to 255 bytes although the specification sets no maximum; empty:
    /// unknown.
    pub name: &'a str,
    /// Direction of the packet when it matched.
    pub direction: AclDirection,
}

impl FlowRecord for ExtendedAcl<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1037)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.number);
        xdr.string(self.name, 255);
        xdr.u32(self.direction.code());
    }
}

codes! {
    /// `direction` of [`ExtendedAcl`].
    AclDirection {
        UNKNOWN = 0 "unknown",
        /// Inbound.
        INGRESS = 1 "ingress",
        /// Outbound.
        EGRESS = 2 "egress",
    }
}

/// `extended_function` (0:1038): the software function that dropped the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedFunction<'a> {
    /// Symbol of the function, such as `tcp_v4_rcv`, at most 64 bytes.
    pub symbol: &'a str,
}

impl FlowRecord for ExtendedFunction<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1038)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.symbol, NAME_MAX);
    }
}

/// `extended_hw_trap` (0:1041): the devlink trap by which the hardware reported the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedHwTrap<'a> {
    /// Group of the trap, such as `l2_drops`, at most 64 bytes.
    pub group: &'a str,
    /// Name of the trap, such as `vlan_tag_mismatch`, at most 64 bytes.
    pub trap: &'a str,
}

impl FlowRecord for ExtendedHwTrap<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1041)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.group, NAME_MAX);
        xdr.string(self.trap, NAME_MAX);
    }
}

/// `extended_linux_drop_reason` (0:1042): the reason for which the kernel freed the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedLinuxDropReason<'a> {
    /// `skb_drop_reason` without its prefix, such as `TCP_CSUM`, at most 64 bytes.
    pub reason: &'a str,
}

impl FlowRecord for ExtendedLinuxDropReason<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(1042)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.reason, NAME_MAX);
    }
}

/// Bytes of a name from the kernel: the specification sets no maximum, sflowtool and Host sFlow
/// read at most 64.
const NAME_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, word};

    #[test]
    fn extended_egress_queue() {
        testing::flow_vector(
            &ExtendedEgressQueue { queue: word(1) },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1036.hex"),
        );
    }

    #[test]
    fn extended_acl() {
        let record =
            ExtendedAcl { number: word(1), name: "s2xy", direction: AclDirection::new(word(3)) };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-1037.hex"),
        );
    }

    #[test]
    fn extended_acl_without_a_name() {
        let record = ExtendedAcl { number: 7, name: "", direction: AclDirection::EGRESS };
        let bytes = [0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 2];
        testing::flow_bytes(&record, DataFormat::standard(1037), &bytes);
    }

    #[test]
    fn extended_acl_with_a_long_name() {
        let name = "a".repeat(256);
        let record = ExtendedAcl { number: 7, name: &name, direction: AclDirection::INGRESS };
        let mut bytes = std::vec::Vec::from([0, 0, 0, 7, 0, 0, 0, 255]);
        bytes.extend([b'a'; 255]);
        bytes.extend([0, 0, 0, 0, 1]);
        testing::flow_bytes(&record, DataFormat::standard(1037), &bytes);
    }

    #[test]
    fn extended_function() {
        testing::flow_vector(
            &ExtendedFunction { symbol: "s1x" },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1038.hex"),
        );
    }

    #[test]
    fn extended_hw_trap() {
        testing::flow_vector(
            &ExtendedHwTrap { group: "s1x", trap: "s2xy" },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1041.hex"),
        );
    }

    #[test]
    fn extended_linux_drop_reason() {
        testing::flow_vector(
            &ExtendedLinuxDropReason { reason: "s1x" },
            include_str!("../../../../tests/vectors/synthetic/flow-0-1042.hex"),
        );
    }

    #[test]
    fn names_are_cut_at_64_bytes_and_may_be_empty() {
        let long = "n".repeat(65);
        let mut bytes = [b'n'; 68];
        bytes[..4].copy_from_slice(&[0, 0, 0, 64]);
        let function = DataFormat::standard(1038);
        testing::flow_bytes(&ExtendedFunction { symbol: &long }, function, &bytes);
        testing::flow_bytes(&ExtendedFunction { symbol: "" }, function, &[0; 4]);
        let reason = DataFormat::standard(1042);
        testing::flow_bytes(&ExtendedLinuxDropReason { reason: &long }, reason, &bytes);
        testing::flow_bytes(&ExtendedLinuxDropReason { reason: "" }, reason, &[0; 4]);
        let trap = DataFormat::standard(1041);
        let record = ExtendedHwTrap { group: &long, trap: &long };
        testing::flow_bytes(&record, trap, &[bytes, bytes].concat());
        testing::flow_bytes(&ExtendedHwTrap { group: "", trap: "" }, trap, &[0; 8]);
    }
}
