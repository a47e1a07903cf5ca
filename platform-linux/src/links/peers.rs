//! The interfaces of this network namespace whose peers are in that of a container, and the stations
//! behind them. Nothing of it enters the other namespace or needs a privilege.

use std::io;

use nix::sys::socket::SockProtocol;

use super::link::Link;
use super::message::LinkStats;
use super::reader::LinkReader;
use crate::kernel::netlink::attributes::{as_mac, as_u8, as_u16, as_u32, find};
use crate::kernel::netlink::{Message, NetlinkSocket, Request};

/// Queries for the network of a container.
#[derive(Debug)]
pub(crate) struct Peers {
    socket: NetlinkSocket,
    reader: LinkReader,
}

impl Peers {
    /// Opens sockets in the network namespace of the caller.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` if too many files are open.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NetlinkSocket::open(SockProtocol::NetlinkRoute, 0)?;
        Ok(Self { socket, reader: LinkReader::open()? })
    }

    /// The queries that are kept in `place`. They are opened at the first use, or at a later one if
    /// there were too many files.
    pub(crate) fn kept_in(place: &mut Option<Self>) -> Option<&mut Self> {
        if place.is_none() {
            *place = Self::open().ok();
        }
        place.as_mut()
    }

    /// The id that the network namespace of a process has in that of the caller. `None`: no link of
    /// the caller's leads there, or the process has ended.
    ///
    /// The kernel looks the process up by itself and checks no privilege, also where `/proc` hides
    /// the process from the caller (net/core/net_namespace.c, `rtnl_net_getid`).
    pub(crate) fn namespace_of(&mut self, pid: u32) -> Option<i32> {
        // struct rtgenmsg: family, and padding.
        let request =
            Request::new(RTM_GETNSID, 0, &[0; 4]).attribute(NETNSA_PID, &pid.to_ne_bytes());
        let mut id = None;
        self.socket.request(&request, &mut |message| id = parse_id(message)).ok()?;
        id
    }

    /// The counters of a link.
    pub(crate) fn stats(&mut self, index: u32) -> Option<LinkStats> {
        self.reader.read_state(index).ok()?.stats
    }

    /// The MAC addresses that a bridge has learned at one of its ports, at most [`MAX_STATIONS`]; none
    /// for other links.
    pub(crate) fn stations(&mut self, port: &Link) -> Vec<[u8; 6]> {
        let mut stations = Vec::new();
        if port.master_kind.as_deref() != Some("bridge") {
            return stations;
        }
        // struct ifinfomsg and not ndmsg, because the kernel takes the index of the former only for
        // that of a port (net/core/rtnetlink.c, valid_fdb_dump_legacy).
        let mut header = [0; 16];
        header[0] = libc::AF_BRIDGE as u8;
        if let Some(field) = header.get_mut(4..8) {
            field.copy_from_slice(&port.index.to_ne_bytes());
        }
        let request = Request::new(libc::RTM_GETNEIGH, netlink_packet_core::NLM_F_DUMP, &header);
        let _ = self.socket.request(&request, &mut |message| {
            if let Some(station) = parse_station(message.body, port.index)
                && stations.len() < MAX_STATIONS
                && !stations.contains(&station)
            {
                stations.push(station);
            }
        });
        stations
    }
}

fn parse_id(message: Message<'_>) -> Option<i32> {
    let attributes = message.body.get(4..).filter(|_| message.kind == RTM_NEWNSID)?;
    let id = as_u32(find(attributes, NETNSA_NSID)?)?.cast_signed();
    (id >= 0).then_some(id)
}

/// The address of an entry of a bridge table (`struct ndmsg`), if it was learned at the port.
fn parse_station(body: &[u8], port: u32) -> Option<[u8; 6]> {
    let (header, rest) = body.split_first_chunk::<12>()?;
    let index = header.get(4..).and_then(as_u32)?;
    let state = header.get(8..).and_then(as_u16)?;
    let flags = header.get(10..).and_then(as_u8)?;
    // Addresses of the port itself are permanent, those of its device are marked as such.
    let is_learned = state & NUD_PERMANENT == 0 && flags & NTF_SELF == 0;
    find(rest, NDA_LLADDR).and_then(as_mac).filter(|_| index == port && is_learned)
}

/// Of one port: enough for a container, few enough for a record.
pub(crate) const MAX_STATIONS: usize = 8;
// linux/rtnetlink.h and linux/net_namespace.h.
const RTM_NEWNSID: u16 = 88;
const RTM_GETNSID: u16 = 90;
const NETNSA_NSID: u16 = 1;
const NETNSA_PID: u16 = 2;
// linux/neighbour.h
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;
const NTF_SELF: u8 = 0x02;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::netlink::attributes::push_attribute;
    use proptest::prelude::*;

    fn entry(port: u8, state: u8, flags: u8) -> Vec<u8> {
        let mut body = vec![7, 0, 0, 0];
        body.extend(u32::from(port).to_ne_bytes());
        body.extend(u16::from(state).to_ne_bytes());
        body.extend([flags, 0]);
        push_attribute(&mut body, NDA_LLADDR, &[2, 0, 0, 0, 0, 1]);
        body
    }

    #[test]
    fn stations_are_those_that_the_bridge_has_learned_at_the_port() {
        let station = Some([2, 0, 0, 0, 0, 1]);
        assert_eq!(parse_station(&entry(5, 0x02, 0), 5), station, "reachable");
        assert_eq!(parse_station(&entry(5, 0x04, 0x10), 5), station, "stale, by an agent");
        assert_eq!(parse_station(&entry(6, 0x02, 0), 5), None, "another port");
        assert_eq!(parse_station(&entry(5, 0x80, 0), 5), None, "the port itself");
        assert_eq!(parse_station(&entry(5, 0x02, 0x02), 5), None, "the device");
        assert_eq!(parse_station(&entry(5, 0x02, 0)[..12], 5), None);
    }

    #[test]
    fn unassigned_id_is_none() {
        let id = |kind, id: i32| {
            let mut body = vec![0; 4];
            push_attribute(&mut body, NETNSA_NSID, &id.to_ne_bytes());
            parse_id(Message { kind, flags: 0, sequence: 0, body: &body })
        };
        assert_eq!((id(RTM_NEWNSID, 3), id(RTM_NEWNSID, -1)), (Some(3), None));
        assert_eq!(id(RTM_GETNSID, 3), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(body: Vec<u8>) {
            parse_station(&body, 1);
            parse_id(Message { kind: RTM_NEWNSID, flags: 0, sequence: 0, body: &body });
        }
    }
}
