//! Counters of one interface: `if_counters` (0:1) and `port_name` (0:1005) always,
//! `ethernet_counters` (0:2) if the driver reports them, `lag_port_stats` (0:7) for a member of a bond
//! or team.

mod totals;

use std::collections::BTreeMap;
use std::io;

use flowmote_core::record::counter::{
    EthernetCounters, IfCounters, IfDirection, IfType, LagPortStats, PortName,
};
use flowmote_core::{CounterRecord, DataSource, Instant, SourceClass};

use crate::config::Config;
use crate::links::{EthernetReader, Link, LinkReader, LinkReading, LinkStats, Links};
use crate::modules::module::{Module, Statistics, Unscheduled, World};
use crate::output::Output;
use crate::throttle::Throttle;
use totals::Totals;

/// Reads the counters of single interfaces, at a cost that does not grow with their number.
#[derive(Debug)]
pub struct InterfaceCounters {
    links: LinkReader,
    /// `None` on a kernel without ethtool netlink (before Linux 5.6).
    ethernet: Option<EthernetReader>,
    /// The totals of each interface as last read.
    totals: BTreeMap<u32, Totals>,
    /// Interfaces whose totals fell at the last poll, and which were not reported therefore.
    restarted: Vec<u32>,
    stats: InterfaceStats,
    throttle: Throttle,
}

/// Counters of records that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct InterfaceStats {
    /// Reads that failed, other than because the interface was deleted.
    pub unreadable: u64,
    /// Reads of a physical interface for which the driver reported no `ethernet_counters` (0:2).
    pub without_ethernet: u64,
    /// Reads of a member of a bond or team for which `lag_port_stats` (0:7) failed.
    pub without_lag_port: u64,
}

/// The counters of one interface at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct InterfaceReading {
    /// Name, for `port_name` (0:1005).
    pub name: String,
    /// `if_counters` (0:1).
    pub if_counters: IfCounters,
    /// `ethernet_counters` (0:2); `None` if the driver reports none of them.
    pub ethernet: Option<EthernetCounters>,
    /// `lag_port_stats` (0:7); `None` if the interface is not a member of a bond or team.
    pub lag_port: Option<LagPortStats>,
}

impl InterfaceCounters {
    /// Opens the sockets in the network namespace of the caller.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` if too many files are open. A kernel without the ethtool family is not an
    /// error: `ethernet_counters` (0:2) are left out.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            links: LinkReader::open()?,
            ethernet: EthernetReader::open().ok(),
            totals: BTreeMap::new(),
            restarted: Vec::new(),
            stats: InterfaceStats::default(),
            throttle: Throttle::default(),
        })
    }

    /// Reads the interface with this ifIndex.
    ///
    /// # Errors
    /// `ENODEV` if it was deleted.
    pub fn read(&mut self, if_index: u32) -> io::Result<InterfaceReading> {
        let LinkReading { link, stats } = self.links.read(if_index)?;
        let totals = self.follow(if_index, stats);
        Ok(InterfaceReading {
            if_counters: if_counters(&link, totals),
            ethernet: self.ethernet(&link),
            lag_port: self.lag_port(&link),
            name: link.name,
        })
    }

    /// Counters of records that could not be read so far.
    #[must_use]
    pub fn stats(&self) -> InterfaceStats {
        self.stats
    }

    /// Returns the totals to report: those of the message, or those before if it has none.
    fn follow(&mut self, if_index: u32, stats: Option<LinkStats>) -> Option<Totals> {
        let Some(now) = stats.map(|stats| Totals::new(&stats)) else {
            return self.totals.get(&if_index).copied();
        };
        let totals = self.totals.entry(if_index).or_insert(now);
        if totals.advance(&now) {
            self.restarted.push(if_index);
        }
        Some(*totals)
    }

    fn ethernet(&mut self, link: &Link) -> Option<EthernetCounters> {
        // Virtual links have no MAC counters; the request would only cost time at each poll.
        if !link.is_physical() {
            return None;
        }
        let reader = self.ethernet.as_mut();
        let counters = reader.and_then(|reader| reader.read(link.index).ok().flatten());
        self.stats.without_ethernet += u64::from(counters.is_none());
        counters
    }

    fn lag_port(&mut self, link: &Link) -> Option<LagPortStats> {
        let record = self.links.lag_port(link);
        self.stats.without_lag_port += u64::from(record.is_err());
        record.ok().flatten()
    }
}

impl Module for InterfaceCounters {
    fn reconcile(&mut self, _now: Instant, _world: &World<'_>, _output: &mut Output<'_>) {}

    /// Physical interfaces, bonds and teams. A module that samples another one names that itself.
    fn data_sources(&self, _config: &Config, links: &Links, add: &mut dyn FnMut(DataSource)) {
        let real = links.iter().filter(|link| link.is_real());
        real.for_each(|link| add(DataSource::interface(link.index)));
    }

    fn counters(
        &mut self,
        now: Instant,
        _links: &Links,
        source: DataSource,
        emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) -> bool {
        // Index 0 stands for all interfaces, and has no counters of its own.
        if source.class() != SourceClass::Interface || source.index() == 0 {
            return false;
        }
        match self.read(source.index()) {
            // Left out until the collector cannot interpret the fall as a wrap: see `unscheduled`.
            Ok(_) if self.restarted.contains(&source.index()) => {}
            Ok(reading) => reading.records(emit),
            // Deleted a moment ago; RTM_DELLINK is pending and removes the data source.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {}
            Err(error) => {
                self.stats.unreadable = self.stats.unreadable.saturating_add(1);
                let index = source.index();
                self.throttle.warn(now, format_args!("counters of ifIndex {index}: {error}"));
            }
        }
        true
    }

    fn unscheduled(&mut self, _now: Instant) -> Option<Unscheduled> {
        let if_index = self.restarted.pop()?;
        Some(Unscheduled::Restarted(DataSource::interface(if_index)))
    }

    fn interface_removed(&mut self, if_index: u32) {
        self.totals.remove(&if_index);
    }

    fn report(&mut self, statistics: &mut Statistics) {
        // Named one by one, so that a new counter cannot be forgotten here.
        let InterfaceStats { unreadable, without_ethernet, without_lag_port } = self.stats;
        statistics.exceptions.extend([
            (unreadable, "failed reads of interface counters"),
            (without_ethernet, "reads of physical interfaces without ethernet_counters"),
            (without_lag_port, "reads of bond members without lag_port_stats"),
        ]);
    }
}

impl InterfaceReading {
    /// Passes the records to `emit`, in the order 0:1, 0:2, 0:7, 0:1005, absent ones left out.
    pub fn records(&self, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
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
        emit(records.get(..count).unwrap_or_default());
    }
}

/// `if_counters` (0:1) of a link.
///
/// Sources of the fields (linux/if_link.h, `struct rtnl_link_stats64`):
/// - `ifInUcastPkts` = `rx_packets` - `multicast`. The kernel has no counter of broadcast packets, so
///   they are included; `ifInBroadcastPkts` is unknown.
/// - `ifOutUcastPkts` = `tx_packets`. The kernel counts sent multicast and broadcast packets with all
///   others, so their own counters are unknown.
/// - `ifInDiscards` = `rx_dropped` + `rx_missed_errors` + `rx_nohandler`: good packets dropped by the
///   stack or driver, by a device without buffers, or on an inactive bond member. `rx_dropped`
///   includes packets of unknown protocols, so `ifInUnknownProtos` is unknown.
/// - `ifInErrors` = `rx_errors`, `ifOutErrors` = `tx_errors`, `ifOutDiscards` = `tx_dropped`.
fn if_counters(link: &Link, totals: Option<Totals>) -> IfCounters {
    let identity = IfCounters {
        if_index: link.index,
        if_type: if_type(link),
        // 0 means unknown.
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
    let Some(totals) = totals else { return identity };
    IfCounters {
        if_in_octets: totals.in_octets,
        if_in_ucast_pkts: low(totals.in_ucast),
        if_in_multicast_pkts: low(totals.in_multicast),
        if_in_discards: low(totals.in_discards),
        if_in_errors: low(totals.in_errors),
        if_out_octets: totals.out_octets,
        if_out_ucast_pkts: low(totals.out_packets),
        if_out_discards: low(totals.out_discards),
        if_out_errors: low(totals.out_errors),
        ..identity
    }
}

fn if_status(link: &Link) -> u32 {
    let admin = if link.admin_up { IfCounters::ADMIN_UP } else { 0 };
    let oper = if link.admin_up && link.carrier { IfCounters::OPER_UP } else { 0 };
    admin | oper
}

/// IANAifType of a link: by its kind, else by its medium.
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

/// The low 32 bits: an sFlow counter of 32 bits wraps at the same points.
const fn low(count: u64) -> u32 {
    (count & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests;
