//! Questions about one link that are asked anew at every poll of its counters.

use std::io;

use flowmote_core::record::counter::LagPortStats;
use nix::sys::socket::SockProtocol;

use super::Link;
use super::bond::{self, AGGREGATE_STATS_FILTER};
use super::message::{LinkMessage, LinkStats, RouteMessage};
use crate::kernel::netlink::{Message, NetlinkSocket, Request};
use crate::kernel::sys::ethtool;

/// Asks the kernel about single links: the cost of an answer does not grow with their number.
#[derive(Debug)]
pub struct LinkReader {
    socket: NetlinkSocket,
}

/// A link at one moment: its state and its counters, from one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// State, with speed and duplex but without addresses.
    pub link: Link,
    /// The kernel's totals; `None` if the message had none.
    pub stats: Option<LinkStats>,
}

impl LinkReader {
    /// Opens a socket in the network namespace of the caller.
    ///
    /// # Errors
    /// What the kernel says to `socket` and `bind`.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: NetlinkSocket::open(SockProtocol::NetlinkRoute, 0)? })
    }

    /// The link with this ifIndex, now.
    ///
    /// # Errors
    /// `ENODEV` if it has gone; `InvalidData` if the kernel's answer makes no sense.
    pub fn read(&mut self, index: u32) -> io::Result<Reading> {
        let mut reading = self.read_state(index)?;
        (reading.link.speed_bps, reading.link.full_duplex) = self.speed(&reading.link.name);
        Ok(reading)
    }

    /// As [`read`](Self::read), but without the question for speed and duplex.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn read_state(&mut self, index: u32) -> io::Result<Reading> {
        self.ask(index, |link| Reading { link: Link::new(link), stats: link.stats })
    }

    /// LACP of a member of a bond or team; `None` for any other link.
    ///
    /// What the kernel does not tell is unknown in the record: the administrative states, and
    /// everything but the aggregate for a team or for a bond that does not speak LACP.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn lag_port(&mut self, link: &Link) -> io::Result<Option<LagPortStats>> {
        let Some(master) = link.master.filter(|_| link.is_aggregate_member()) else {
            return Ok(None);
        };
        let mut record =
            LagPortStats { dot3ad_agg_port_attached_agg_id: master, ..LagPortStats::UNKNOWN };
        let aggregator = self.ask(link.index, |port| bond::port(port.slave_data, &mut record))?;
        if let Some(aggregator) = aggregator {
            self.ask(master, |bond| bond::systems(bond, aggregator, &mut record))?;
            self.lacp_counters(link.index, &mut record);
        }
        Ok(Some(record))
    }

    /// Speed in bits per second and full duplex, as far as the driver tells.
    pub(crate) fn speed(&self, name: &str) -> (Option<u64>, Option<bool>) {
        // Most virtual links have no such thing, and a link may go between two calls.
        let settings = ethtool::link_settings(self.socket.as_fd(), name).unwrap_or_default();
        (settings.speed_bps, settings.full_duplex)
    }

    /// Dumps all links, then all addresses.
    pub(crate) fn dump(&mut self, visit: &mut dyn FnMut(Message<'_>)) -> io::Result<()> {
        let dump = netlink_packet_core::NLM_F_DUMP;
        let links = Request::new(libc::RTM_GETLINK, dump, &[0; 16])
            .attribute(libc::IFLA_EXT_MASK, &SKIP_ADDRESS_FAMILY_STATS);
        self.socket.request(&links, visit)?;
        self.socket.request(&Request::new(libc::RTM_GETADDR, dump, &[0; 8]), visit)
    }

    fn ask<T>(&mut self, index: u32, mut take: impl FnMut(&LinkMessage<'_>) -> T) -> io::Result<T> {
        let mut header = [0; 16];
        if let Some(field) = header.get_mut(4..8) {
            field.copy_from_slice(&index.to_ne_bytes());
        }
        let request = Request::new(libc::RTM_GETLINK, 0, &header)
            .attribute(libc::IFLA_EXT_MASK, &SKIP_ADDRESS_FAMILY_STATS);
        let mut answer = None;
        self.socket.request(&request, &mut |message| {
            if let Ok(RouteMessage::Link(link)) = RouteMessage::parse(message)
                && link.index == index
            {
                answer = Some(take(&link));
            }
        })?;
        answer.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// LACP counters of a bond port: `RTM_GETSTATS`, Linux 5.1 and later. Without them they stay
    /// unknown.
    fn lacp_counters(&mut self, index: u32, record: &mut LagPortStats) {
        let mut header = [0; 12];
        for (field, value) in
            header.as_chunks_mut::<4>().0.iter_mut().skip(1).zip([index, AGGREGATE_STATS_FILTER])
        {
            *field = value.to_ne_bytes();
        }
        let request = Request::new(RTM_GETSTATS, 0, &header);
        let _ = self.socket.request(&request, &mut |message| {
            bond::lacp_counters(message.body, record);
        });
    }
}

/// `RTEXT_FILTER_SKIP_STATS`: leaves out the IPv6 statistics of the link, not its own.
const SKIP_ADDRESS_FAMILY_STATS: [u8; 4] = (1_u32 << 3).to_ne_bytes();
/// libc has it for some C libraries only.
const RTM_GETSTATS: u16 = 94;
