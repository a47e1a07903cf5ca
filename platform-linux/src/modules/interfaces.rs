//! Counters of one interface: 0:1 and 1005 always, 0:2 where the driver tells it, 0:7 for a member
//! of a bond or team.

use std::io;

use flowmote_core::CounterRecord;
use flowmote_core::record::counter::{
    EthernetCounters, IfCounters, IfDirection, IfType, LagPortStats, PortName,
};

use crate::links::{EthernetReader, Link, LinkReader, LinkStats, Reading};

/// Reads the counters of interfaces, one by one, at a cost that does not grow with their number.
#[derive(Debug)]
pub struct InterfaceCounters {
    links: LinkReader,
    /// `None` where the kernel has no ethtool netlink or no statistics in it.
    ethernet: Option<EthernetReader>,
    stats: InterfaceStats,
}

/// What could not be had so far. All are counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct InterfaceStats {
    /// Readings of physical interfaces without 0:2, as kernel or driver told nothing of it.
    pub without_ethernet: u64,
    /// Readings of members of a bond or team without 0:7, as the kernel refused it.
    pub without_lag_port: u64,
}

/// The counters of one interface at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct InterfaceReading {
    /// Its name.
    pub name: String,
    /// 0:1.
    pub if_counters: IfCounters,
    /// 0:2; `None` if the driver tells none of it.
    pub ethernet: Option<EthernetCounters>,
    /// 0:7; `None` if it is not a member of a bond or team.
    pub lag_port: Option<LagPortStats>,
}

impl InterfaceCounters {
    /// Opens the sockets in the network namespace of the caller.
    ///
    /// # Errors
    /// What the kernel says to rtnetlink sockets. A kernel without the ethtool family is no error:
    /// there is no 0:2 then.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            links: LinkReader::open()?,
            ethernet: EthernetReader::open().ok(),
            stats: InterfaceStats::default(),
        })
    }

    /// The interface with this ifIndex, now.
    ///
    /// # Errors
    /// `ENODEV` if it has gone.
    pub fn read(&mut self, if_index: u32) -> io::Result<InterfaceReading> {
        let Reading { link, stats } = self.links.read(if_index)?;
        Ok(InterfaceReading {
            if_counters: if_counters(&link, stats),
            ethernet: self.ethernet(&link),
            lag_port: self.lag_port(&link),
            name: link.name,
        })
    }

    /// What could not be had so far.
    #[must_use]
    pub fn stats(&self) -> InterfaceStats {
        self.stats
    }

    fn ethernet(&mut self, link: &Link) -> Option<EthernetCounters> {
        if !link.is_physical() {
            return None;
        }
        let reader = self.ethernet.as_mut();
        let counters = reader.and_then(|reader| reader.read(link.index).ok().flatten());
        self.stats.without_ethernet += u64::from(counters.is_none());
        counters
    }

    fn lag_port(&mut self, link: &Link) -> Option<LagPortStats> {
        let answer = self.links.lag_port(link);
        self.stats.without_lag_port += u64::from(answer.is_err());
        answer.ok().flatten()
    }
}

impl InterfaceReading {
    /// Lends the records in the order 0:1, 0:2, 0:7, 1005, those that there are.
    pub fn records(&self, take: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let name = PortName { name: &self.name };
        let mut records: [&dyn CounterRecord; 4] = [&self.if_counters; 4];
        let mut count = 1;
        let more = [
            self.ethernet.as_ref().map(|record| record as &dyn CounterRecord),
            self.lag_port.as_ref().map(|record| record as &dyn CounterRecord),
            Some(&name),
        ];
        for (slot, record) in records.iter_mut().skip(1).zip(more.into_iter().flatten()) {
            *slot = record;
            count += 1;
        }
        take(records.get(..count).unwrap_or_default());
    }
}

/// 0:1 of a link.
///
/// What the fields are made of (linux/if_link.h, `struct rtnl_link_stats64`):
/// - `ifInUcastPkts` = `rx_packets` - `multicast`. The kernel does not tell broadcast packets apart,
///   so they are in here; their own counter is unknown.
/// - `ifOutUcastPkts` = `tx_packets`: of what is sent the kernel tells neither multicast nor
///   broadcast packets apart, whose counters are unknown.
/// - `ifInDiscards` = `rx_dropped` + `rx_missed_errors` + `rx_nohandler`: good packets that stack or
///   driver gave up, that found no buffer in the device, or that came to an idle bond member. The
///   kernel counts packets of unknown protocols in `rx_dropped`, not apart: `ifInUnknownProtos` is
///   unknown.
/// - `ifInErrors` = `rx_errors`, `ifOutErrors` = `tx_errors`, `ifOutDiscards` = `tx_dropped`.
fn if_counters(link: &Link, stats: Option<LinkStats>) -> IfCounters {
    let identity = IfCounters {
        if_index: link.index,
        if_type: if_type(link),
        if_speed: link.speed_bps.unwrap_or(0),
        if_direction: match link.full_duplex {
            Some(true) => IfDirection::FULL_DUPLEX,
            Some(false) => IfDirection::HALF_DUPLEX,
            None => IfDirection::UNKNOWN,
        },
        if_status: if_status(link),
        if_promiscuous_mode: u32::from(link.promiscuous),
        ..IfCounters::UNKNOWN
    };
    let Some(stats) = stats else { return identity };
    let discards = stats.rx_dropped.wrapping_add(stats.rx_missed_errors);
    IfCounters {
        if_in_octets: stats.rx_bytes,
        if_in_ucast_pkts: low(stats.rx_packets.saturating_sub(stats.multicast)),
        if_in_multicast_pkts: low(stats.multicast),
        if_in_discards: low(discards.wrapping_add(stats.rx_nohandler)),
        if_in_errors: low(stats.rx_errors),
        if_out_octets: stats.tx_bytes,
        if_out_ucast_pkts: low(stats.tx_packets),
        if_out_discards: low(stats.tx_dropped),
        if_out_errors: low(stats.tx_errors),
        ..identity
    }
}

fn if_status(link: &Link) -> u32 {
    let admin = if link.admin_up { IfCounters::ADMIN_UP } else { 0 };
    let oper = if link.admin_up && link.carrier { IfCounters::OPER_UP } else { 0 };
    admin | oper
}

/// IANAifType by the kind of the link, else by its medium.
fn if_type(link: &Link) -> IfType {
    match link.kind.as_deref() {
        Some("bond" | "team") => return IfType::IEEE8023AD_LAG,
        Some("bridge") => return IfType::BRIDGE,
        Some("vlan") => return IfType::L2VLAN,
        Some("ppp") => return IfType::PPP,
        Some(
            "gre" | "gretap" | "erspan" | "ip6gre" | "ip6gretap" | "ip6erspan" | "ipip" | "ip6tnl"
            | "sit" | "vti" | "vti6" | "xfrm" | "vxlan" | "geneve" | "gtp" | "wireguard",
        ) => return IfType::TUNNEL,
        _ => {}
    }
    match link.hardware {
        libc::ARPHRD_LOOPBACK => IfType::SOFTWARE_LOOPBACK,
        libc::ARPHRD_PPP => IfType::PPP,
        libc::ARPHRD_INFINIBAND => IfType::INFINIBAND,
        libc::ARPHRD_IEEE80211 | libc::ARPHRD_IEEE80211_RADIOTAP => IfType::IEEE80211,
        libc::ARPHRD_TUNNEL | libc::ARPHRD_TUNNEL6 | libc::ARPHRD_SIT | libc::ARPHRD_IPGRE => {
            IfType::TUNNEL
        }
        libc::ARPHRD_ETHER if link.is_physical() => IfType::ETHERNET_CSMACD,
        libc::ARPHRD_ETHER | libc::ARPHRD_NONE => IfType::PROP_VIRTUAL,
        _ => IfType::OTHER,
    }
}

/// The low 32 bits: an sFlow counter wraps where they do.
const fn low(count: u64) -> u32 {
    (count & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Links;

    fn link() -> Link {
        Link {
            index: 4,
            name: "eth0".to_owned(),
            alias: None,
            kind: None,
            hardware: libc::ARPHRD_ETHER,
            mac: Some([2; 6]),
            mtu: 1500,
            admin_up: true,
            carrier: true,
            master: None,
            master_kind: None,
            parent: None,
            promiscuous: false,
            device: true,
            speed_bps: Some(25_000_000_000),
            full_duplex: Some(true),
            addresses: Vec::new(),
        }
    }

    fn stats() -> LinkStats {
        LinkStats {
            rx_packets: (1 << 32) + 1_000,
            tx_packets: 2_000,
            rx_bytes: (1 << 32) + 3_000,
            tx_bytes: 4_000,
            rx_errors: 5,
            tx_errors: 6,
            rx_dropped: 70,
            tx_dropped: 8,
            multicast: 900,
            rx_missed_errors: 10,
            rx_nohandler: 11,
        }
    }

    #[test]
    fn each_counter_has_its_field() {
        let expected = IfCounters {
            if_index: 4,
            if_type: IfType::ETHERNET_CSMACD,
            if_speed: 25_000_000_000,
            if_direction: IfDirection::FULL_DUPLEX,
            if_status: 3,
            if_in_octets: (1 << 32) + 3_000,
            if_in_ucast_pkts: 100,
            if_in_multicast_pkts: 900,
            if_in_broadcast_pkts: u32::MAX,
            if_in_discards: 91,
            if_in_errors: 5,
            if_in_unknown_protos: u32::MAX,
            if_out_octets: 4_000,
            if_out_ucast_pkts: 2_000,
            if_out_multicast_pkts: u32::MAX,
            if_out_broadcast_pkts: u32::MAX,
            if_out_discards: 8,
            if_out_errors: 6,
            if_promiscuous_mode: 0,
        };
        assert_eq!(if_counters(&link(), Some(stats())), expected);
    }

    #[test]
    fn without_statistics_the_counters_are_unknown() {
        let link = Link { full_duplex: Some(false), promiscuous: true, ..link() };
        let record = if_counters(&link, None);
        assert_eq!((record.if_in_octets, record.if_in_ucast_pkts), (u64::MAX, u32::MAX));
        assert_eq!((record.if_index, record.if_promiscuous_mode), (4, 1));
        assert_eq!(record.if_direction, IfDirection::HALF_DUPLEX);
    }

    #[test]
    fn more_multicast_than_packets_is_no_unicast() {
        let stats = LinkStats { rx_packets: 1, multicast: 2, ..stats() };
        assert_eq!(if_counters(&link(), Some(stats)).if_in_ucast_pkts, 0);
    }

    #[test]
    fn status_is_administrative_and_operational() {
        let status = |admin_up, carrier| if_status(&Link { admin_up, carrier, ..link() });
        assert_eq!(status(true, true), 3);
        assert_eq!(status(true, false), 1);
        assert_eq!(status(false, true), 0);
    }

    #[test]
    fn types() {
        let kind =
            |kind: &str| if_type(&Link { kind: Some(kind.to_owned()), device: false, ..link() });
        assert_eq!(kind("bond"), IfType::IEEE8023AD_LAG);
        assert_eq!(kind("vlan"), IfType::L2VLAN);
        assert_eq!(kind("veth"), IfType::PROP_VIRTUAL);
        assert_eq!(kind("wireguard"), IfType::TUNNEL);
        let hardware = |hardware| if_type(&Link { hardware, ..link() });
        assert_eq!(hardware(libc::ARPHRD_LOOPBACK), IfType::SOFTWARE_LOOPBACK);
        assert_eq!(hardware(libc::ARPHRD_INFINIBAND), IfType::INFINIBAND);
        assert_eq!(hardware(libc::ARPHRD_CAN), IfType::OTHER);
    }

    #[test]
    fn records_are_those_that_there_are() {
        let reading = InterfaceReading {
            name: "eth0".to_owned(),
            if_counters: IfCounters::UNKNOWN,
            ethernet: None,
            lag_port: None,
        };
        let formats = |reading: &InterfaceReading| {
            let mut formats = Vec::new();
            reading.records(&mut |records| {
                formats.extend(records.iter().map(|record| record.format().word()));
            });
            formats
        };
        assert_eq!(formats(&reading), [1, 1005]);
        let all = InterfaceReading {
            ethernet: Some(EthernetCounters::UNKNOWN),
            lag_port: Some(LagPortStats::UNKNOWN),
            ..reading
        };
        assert_eq!(formats(&all), [1, 2, 7, 1005]);
    }

    /// Every interface of this machine can be read; only reads.
    #[test]
    fn this_machine() {
        let links = Links::open().unwrap();
        let mut counters = InterfaceCounters::open().unwrap();
        for link in links.iter() {
            let reading = counters.read(link.index).unwrap();
            assert_eq!(reading.if_counters.if_index, link.index);
            println!("real: {} {reading:?}", link.is_real());
        }
    }
}
