//! Counters of one interface: 0:1 and 1005 always, 0:2 where the driver tells it, 0:7 for a member
//! of a bond or team.

use std::io;

use flowmote_core::CounterRecord;
use flowmote_core::record::counter::{
    EthernetCounters, IfCounters, IfDirection, IfType, LagPortStats, PortName,
};

use crate::links::{EthernetReader, Link, LinkReader, LinkStats};

/// Reads the counters of interfaces, one by one, at a cost that does not grow with their number.
#[derive(Debug)]
pub struct InterfaceCounters {
    links: LinkReader,
    /// `None` where the kernel has no ethtool netlink or no statistics in it.
    ethernet: Option<EthernetReader>,
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
        Ok(Self { links: LinkReader::open()?, ethernet: EthernetReader::open().ok() })
    }

    /// The interface with this ifIndex, now.
    ///
    /// # Errors
    /// `ENODEV` if it has gone.
    pub fn read(&mut self, if_index: u32) -> io::Result<InterfaceReading> {
        let reading = self.links.read(if_index)?;
        Ok(InterfaceReading {
            if_counters: if_counters(&reading.link, reading.stats),
            ethernet: self.ethernet(&reading.link)?,
            lag_port: self.links.lag_port(&reading.link)?,
            name: reading.link.name,
        })
    }

    fn ethernet(&mut self, link: &Link) -> io::Result<Option<EthernetCounters>> {
        let Some(reader) = self.ethernet.as_mut().filter(|_| link.is_physical()) else {
            return Ok(None);
        };
        match reader.read(link.index) {
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => Ok(None),
            answer => answer,
        }
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
