//! Queries for single links, made at each poll of their counters.

use std::io;

use flowmote_core::record::counter::LagPortStats;
use nix::sys::socket::SockProtocol;

use super::bond::{self, AGGREGATE_STATS_FILTER};
use super::link::Link;
use super::message::{LinkMessage, LinkStats, RouteMessage};
use crate::kernel::netlink::{Message, NetlinkSocket, Request};
use crate::kernel::sys::ethtool;

/// Queries single links, at a cost that does not grow with the number of links.
#[derive(Debug)]
pub struct LinkReader {
    socket: NetlinkSocket,
}

/// State and counters of a link, both from one message and so of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkReading {
    /// State, without addresses.
    pub link: Link,
    /// Totals since the link was created; `None` if the message has none.
    pub stats: Option<LinkStats>,
}

impl LinkReader {
    /// Opens a socket in the network namespace of the caller.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` if too many files are open.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: NetlinkSocket::open(SockProtocol::NetlinkRoute, 0)? })
    }

    /// Reads the link with this ifIndex.
    ///
    /// # Errors
    /// `ENODEV` if it was deleted; `InvalidData` if the reply does not describe it.
    pub fn read(&mut self, index: u32) -> io::Result<LinkReading> {
        let mut reading = self.read_state(index)?;
        (reading.link.speed_bps, reading.link.full_duplex) = self.speed(&reading.link.name);
        Ok(reading)
    }

    /// Reads the link without speed and duplex, which take two more system calls.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    pub fn read_state(&mut self, index: u32) -> io::Result<LinkReading> {
        self.query(index, |link| LinkReading { link: Link::new(link), stats: link.stats })
    }

    /// Reads `lag_port_stats` (0:7) of a member of a bond or team; `None` for any other link.
    ///
    /// Fields that the kernel does not report are unknown: the administrative states, and for teams
    /// and bonds without LACP everything except the id of the aggregate.
    ///
    /// # Errors
    /// The errors of [`read`](Self::read).
    pub fn lag_port(&mut self, link: &Link) -> io::Result<Option<LagPortStats>> {
        let Some(master) = link.master.filter(|_| link.is_aggregate_member()) else {
            return Ok(None);
        };
        let mut record =
            LagPortStats { dot3ad_agg_port_attached_agg_id: master, ..LagPortStats::UNKNOWN };
        let aggregator =
            self.query(link.index, |port| bond::read_port(port.slave_data, &mut record))?;
        if let Some(aggregator) = aggregator {
            self.query(master, |bond| bond::read_systems(bond, aggregator, &mut record))?;
            self.lacp_counters(link.index, &mut record);
        }
        Ok(Some(record))
    }

    /// Reads speed in bits per second and full duplex, as far as the driver reports them.
    pub(crate) fn speed(&self, name: &str) -> (Option<u64>, Option<bool>) {
        // Errors are normal: most virtual links have no link settings (EOPNOTSUPP), and the link may
        // have been deleted since its name was read (ENODEV).
        let settings = ethtool::link_settings(self.socket.as_fd(), name).unwrap_or_default();
        (settings.speed_bps, settings.full_duplex)
    }

    /// Dumps all links, then all addresses.
    pub(crate) fn dump(&mut self, visit: &mut dyn FnMut(Message<'_>)) -> io::Result<()> {
        let dump = netlink_packet_core::NLM_F_DUMP;
        let links = Request::new(libc::RTM_GETLINK, dump, &[0; 16])
            .attribute(libc::IFLA_EXT_MASK, &SKIP_STATS);
        self.socket.request(&links, visit)?;
        self.socket.request(&Request::new(libc::RTM_GETADDR, dump, &[0; 8]), visit)
    }

    /// Number of datagrams skipped because of their length.
    pub(super) fn skipped(&self) -> u64 {
        self.socket.too_long()
    }

    fn query<T>(
        &mut self,
        index: u32,
        mut read: impl FnMut(&LinkMessage<'_>) -> T,
    ) -> io::Result<T> {
        // struct ifinfomsg: family, padding, type, index, flags, change mask.
        let mut header = [0; 16];
        if let Some(field) = header.get_mut(4..8) {
            field.copy_from_slice(&index.to_ne_bytes());
        }
        // Without IFLA_EXT_MASK: the counters are needed, see `SKIP_STATS`.
        let request = Request::new(libc::RTM_GETLINK, 0, &header);
        let mut found = None;
        self.socket.request(&request, &mut |message| {
            if let Ok(RouteMessage::Link(link)) = RouteMessage::parse(message)
                && link.index == index
            {
                found = Some(read(&link));
            }
        })?;
        found.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads the LACP counters of a bond port by `RTM_GETSTATS`. Before Linux 5.1 the kernel has
    /// none (drivers/net/bonding/bond_netlink.c, `bond_fill_linkxstats`) and they stay unknown.
    fn lacp_counters(&mut self, index: u32, record: &mut LagPortStats) {
        // struct if_stats_msg: family and padding, index, filter mask.
        let mut header = [0; 12];
        for (field, value) in
            header.as_chunks_mut::<4>().0.iter_mut().skip(1).zip([index, AGGREGATE_STATS_FILTER])
        {
            *field = value.to_ne_bytes();
        }
        let request = Request::new(RTM_GETSTATS, 0, &header);
        let _ = self.socket.request(&request, &mut |message| {
            bond::read_lacp_counters(message.body, record);
        });
    }
}

/// `RTEXT_FILTER_SKIP_STATS`: leaves out statistics, which are most of a message and of no use to a
/// dump of the table. Up to Linux 6.12 those are the IPv6 statistics (`IFLA_AF_SPEC`) only, in 7.3
/// `IFLA_STATS64` too. A request whose counters are read must not have it.
const SKIP_STATS: [u8; 4] = (1_u32 << 3).to_ne_bytes();
/// linux/rtnetlink.h; libc defines it for some C libraries only.
const RTM_GETSTATS: u16 = 94;
