//! Ethernet MAC counters by their IEEE 802.3 names: `ETHTOOL_MSG_STATS_GET` of the generic netlink
//! family `ethtool` (Linux 5.13 and later).
//!
//! Drivers that implement it report standard names. The older `ETHTOOL_GSTATS` has names that each
//! driver chooses, so its counters cannot be mapped to `ethernet_counters` (0:2).

use std::io;

use flowmote_core::record::counter::EthernetCounters;

use super::message::as_counter32;
use crate::kernel::netlink::attributes::{as_u32, attributes, find};
use crate::kernel::netlink::{GENERIC_HEADER, GenericSocket, Message, Request, push_attribute};

/// Reads the IEEE 802.3 counters of interfaces whose driver has them.
#[derive(Debug)]
pub struct EthernetReader {
    socket: GenericSocket,
}

impl EthernetReader {
    /// Opens a socket of the family `ethtool` in the network namespace of the caller.
    ///
    /// # Errors
    /// `ENOENT` on a kernel without the family (before Linux 5.6), `EMFILE` or `ENFILE` if too many
    /// files are open.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: GenericSocket::open("ethtool")? })
    }

    /// Reads the dot3 counters of an interface; `None` if its driver reports none of them.
    ///
    /// # Errors
    /// `EOPNOTSUPP` on a kernel without these statistics, `ENODEV` if the interface was deleted.
    pub fn read(&mut self, index: u32) -> io::Result<Option<EthernetCounters>> {
        let mut counters = None;
        let request = stats_request(&self.socket, index);
        self.socket.request(&request, &mut |message| {
            counters = parse(message).or(counters);
        })?;
        Ok(counters)
    }
}

fn stats_request(socket: &GenericSocket, index: u32) -> Request {
    let mut header = Vec::new();
    push_attribute(&mut header, ETHTOOL_A_HEADER_DEV_INDEX, &index.to_ne_bytes());
    // A bit set without mask lists the groups that are requested; the names of the counters are not,
    // as their numbers are stable.
    let mut groups = Vec::new();
    push_attribute(&mut groups, ETHTOOL_A_BITSET_NOMASK, &[]);
    push_attribute(&mut groups, ETHTOOL_A_BITSET_SIZE, &2_u32.to_ne_bytes());
    push_attribute(&mut groups, ETHTOOL_A_BITSET_VALUE, &GROUPS.to_ne_bytes());
    socket
        .command(ETHTOOL_MSG_STATS_GET)
        .attribute(ETHTOOL_A_STATS_HEADER | NESTED, &header)
        .attribute(ETHTOOL_A_STATS_GROUPS | NESTED, &groups)
}

/// Parses the reply: one nested attribute per group, in it one per counter, in it one `u64` whose
/// type is the number of the counter.
fn parse(message: Message<'_>) -> Option<EthernetCounters> {
    let mut counters = EthernetCounters::UNKNOWN;
    let mut known = false;
    let body = message.body.get(GENERIC_HEADER..).unwrap_or_default();
    for (_, group) in attributes(body).filter(|&(kind, _)| kind == ETHTOOL_A_STATS_GRP) {
        let Some(id) = find(group, ETHTOOL_A_STATS_GRP_ID).and_then(as_u32) else { continue };
        for (_, stat) in attributes(group).filter(|&(kind, _)| kind == ETHTOOL_A_STATS_GRP_STAT) {
            for (number, value) in attributes(stat) {
                let count = as_counter32(value);
                if let (Some(field), Some(count)) = (field(&mut counters, id, number), count) {
                    *field = count;
                    known = true;
                }
            }
        }
    }
    // The reply of a driver without counters has the groups, but they are empty.
    known.then_some(counters)
}

/// The dot3 object for the IEEE attribute of this group and number (RFC 3635, section 3.2).
fn field(counters: &mut EthernetCounters, group: u32, number: u16) -> Option<&mut u32> {
    Some(match (group, number) {
        (ETH_PHY, 0) => &mut counters.dot3_stats_symbol_errors,
        (ETH_MAC, 1) => &mut counters.dot3_stats_single_collision_frames,
        (ETH_MAC, 2) => &mut counters.dot3_stats_multiple_collision_frames,
        (ETH_MAC, 4) => &mut counters.dot3_stats_fcs_errors,
        (ETH_MAC, 5) => &mut counters.dot3_stats_alignment_errors,
        (ETH_MAC, 7) => &mut counters.dot3_stats_deferred_transmissions,
        (ETH_MAC, 8) => &mut counters.dot3_stats_late_collisions,
        (ETH_MAC, 9) => &mut counters.dot3_stats_excessive_collisions,
        (ETH_MAC, 10) => &mut counters.dot3_stats_internal_mac_transmit_errors,
        (ETH_MAC, 11) => &mut counters.dot3_stats_carrier_sense_errors,
        (ETH_MAC, 13) => &mut counters.dot3_stats_internal_mac_receive_errors,
        (ETH_MAC, 21) => &mut counters.dot3_stats_frame_too_longs,
        _ => return None,
    })
}

/// Required on nested attributes: families newer than Linux 5.2 are validated strictly
/// (`NL_VALIDATE_NESTED`).
const NESTED: u16 = netlink_packet_core::NLA_F_NESTED;
// linux/ethtool_netlink.h
const ETHTOOL_MSG_STATS_GET: u8 = 32;
const ETHTOOL_A_HEADER_DEV_INDEX: u16 = 1;
const ETHTOOL_A_BITSET_NOMASK: u16 = 1;
const ETHTOOL_A_BITSET_SIZE: u16 = 2;
const ETHTOOL_A_BITSET_VALUE: u16 = 4;
const ETHTOOL_A_STATS_HEADER: u16 = 2;
const ETHTOOL_A_STATS_GROUPS: u16 = 3;
const ETHTOOL_A_STATS_GRP: u16 = 4;
const ETHTOOL_A_STATS_GRP_ID: u16 = 2;
const ETHTOOL_A_STATS_GRP_STAT: u16 = 4;
const ETH_PHY: u32 = 0;
const ETH_MAC: u32 = 1;
/// Bits of the groups that contain dot3 objects: `eth-phy` and `eth-mac`.
const GROUPS: u32 = (1 << ETH_PHY) | (1 << ETH_MAC);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(body: &[u8]) -> Message<'_> {
        Message { kind: 0x1a, flags: 0, sequence: 1, body }
    }

    fn reply(groups: &[(u32, &[(u16, u64)])]) -> Vec<u8> {
        let mut body = vec![32, 1, 0, 0];
        push_attribute(&mut body, ETHTOOL_A_STATS_HEADER | NESTED, &[8, 0, 1, 0, 4, 0, 0, 0]);
        for (id, stats) in groups {
            let mut group = Vec::new();
            push_attribute(&mut group, ETHTOOL_A_STATS_GRP_ID, &id.to_ne_bytes());
            push_attribute(&mut group, 3, &[21, 0, 0, 0]);
            for (number, value) in *stats {
                let mut stat = Vec::new();
                push_attribute(&mut stat, *number, &value.to_ne_bytes());
                push_attribute(&mut group, ETHTOOL_A_STATS_GRP_STAT | NESTED, &stat);
            }
            push_attribute(&mut body, ETHTOOL_A_STATS_GRP | NESTED, &group);
        }
        body
    }

    /// The reply of a driver that reports FCS errors.
    #[test]
    #[cfg(target_endian = "little")]
    fn reply_bytes() {
        let body = [
            32, 1, 0, 0, // ETHTOOL_MSG_STATS_GET_REPLY, version
            12, 0, 2, 0x80, 8, 0, 1, 0, 4, 0, 0, 0, // header: device 4
            36, 0, 4, 0x80, // group
            8, 0, 2, 0, 1, 0, 0, 0, // eth-mac
            8, 0, 3, 0, 17, 0, 0, 0, // string set
            16, 0, 4, 0x80, 12, 0, 4, 0, 7, 0, 0, 0, 1, 0, 0, 0, // FCS errors 2^32 + 7
        ];
        let counters = parse(message(&body)).unwrap();
        assert_eq!(
            counters,
            EthernetCounters { dot3_stats_fcs_errors: 7, ..EthernetCounters::UNKNOWN }
        );
    }

    #[test]
    fn each_counter_has_its_field() {
        let mac: Vec<_> = (0..22).map(|number| (number, 100 + u64::from(number))).collect();
        let counters = parse(message(&reply(&[(ETH_PHY, &[(0, 9)]), (ETH_MAC, &mac)]))).unwrap();
        let expected = EthernetCounters {
            dot3_stats_alignment_errors: 105,
            dot3_stats_fcs_errors: 104,
            dot3_stats_single_collision_frames: 101,
            dot3_stats_multiple_collision_frames: 102,
            dot3_stats_sqe_test_errors: u32::MAX,
            dot3_stats_deferred_transmissions: 107,
            dot3_stats_late_collisions: 108,
            dot3_stats_excessive_collisions: 109,
            dot3_stats_internal_mac_transmit_errors: 110,
            dot3_stats_carrier_sense_errors: 111,
            dot3_stats_frame_too_longs: 121,
            dot3_stats_internal_mac_receive_errors: 113,
            dot3_stats_symbol_errors: 9,
        };
        assert_eq!(counters, expected);
    }

    #[test]
    fn reply_without_dot3_counters_is_none() {
        assert_eq!(parse(message(&reply(&[(ETH_PHY, &[]), (ETH_MAC, &[])]))), None);
        assert_eq!(parse(message(&reply(&[(ETH_MAC, &[(0, 1), (3, 1)])]))), None);
        assert_eq!(parse(message(&[])), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(body: Vec<u8>) {
            parse(message(&body));
        }
    }
}
