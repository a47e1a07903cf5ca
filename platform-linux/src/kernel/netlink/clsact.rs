//! eBPF filters of the clsact qdisc, tc-bpf(8): the tc hooks of kernels before tcx.
//!
//! Unlike a tcx link, a filter stays when its process ends, so each has a handle by which it is found
//! and replaced. All of it takes CAP_NET_ADMIN.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL};
use nix::sys::socket::SockProtocol;

use super::attributes::push_attribute;
use super::{NetlinkSocket, Request};
use crate::kernel::sys::bpf::Hook;

/// Adds and removes the filters of this agent.
#[derive(Debug)]
pub(crate) struct Clsact {
    socket: NetlinkSocket,
    /// Interfaces whose qdisc was added here.
    added: BTreeSet<u32>,
}

impl Clsact {
    /// Opens a socket.
    ///
    /// # Errors
    /// EMFILE, ENFILE.
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NetlinkSocket::open(SockProtocol::NetlinkRoute, 0)?;
        Ok(Self { socket, added: BTreeSet::new() })
    }

    /// Has a hook of an interface call a program, before filters of a higher `pref`. Replaces one that
    /// an earlier agent has left.
    ///
    /// # Errors
    /// EPERM without CAP_NET_ADMIN; ENODEV; ENOENT without `sch_ingress` or `cls_bpf`.
    pub(crate) fn attach(
        &mut self,
        program: BorrowedFd<'_>,
        hook: Hook,
        if_index: u32,
    ) -> io::Result<()> {
        self.add_qdisc(if_index)?;
        self.send(&filter_with_program(program, hook, if_index))
    }

    /// Ends that. Removes the qdisc, too, if it was added here and no other program has a filter there.
    pub(crate) fn detach(&mut self, hook: Hook, if_index: u32) {
        // ENODEV, ENOENT: the interface, its qdisc or the filter is gone.
        let _ = self.send(&filter(RTM_DELTFILTER, 0, hook, if_index));
        if self.added.contains(&if_index) && !self.has_filters(if_index) {
            self.added.remove(&if_index);
            let _ = self.send(&qdisc(RTM_DELQDISC, 0, if_index));
        }
    }

    fn add_qdisc(&mut self, if_index: u32) -> io::Result<()> {
        let result = self.send(&qdisc(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, if_index));
        match result {
            Ok(()) => _ = self.added.insert(if_index),
            // clsact, or ingress, which has no egress hook: the filter shows which.
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Returns true if a hook of the interface has filters, or that is unknown.
    fn has_filters(&mut self, if_index: u32) -> bool {
        [Hook::Ingress, Hook::Egress].into_iter().any(|hook| {
            let header = Header { parent: parent(hook), ..Header::of(if_index) };
            let request = Request::new(RTM_GETTFILTER, NLM_F_DUMP, &header.bytes());
            let mut any = false;
            let dumped = self.socket.request(&request, &mut |_| any = true);
            any || dumped.is_err()
        })
    }

    fn send(&mut self, request: &Request) -> io::Result<()> {
        self.socket.request(request, &mut |_| {})
    }
}

/// `struct tcmsg` (include/uapi/linux/rtnetlink.h).
struct Header {
    if_index: u32,
    handle: u32,
    parent: u32,
    info: u32,
}

impl Header {
    fn of(if_index: u32) -> Self {
        Self { if_index, handle: 0, parent: 0, info: 0 }
    }

    fn bytes(&self) -> Vec<u8> {
        let words = [0, self.if_index, self.handle, self.parent, self.info];
        words.into_iter().flat_map(u32::to_ne_bytes).collect()
    }
}

fn qdisc(kind: u16, flags: u16, if_index: u32) -> Request {
    let header = Header { handle: CLSACT_HANDLE, parent: CLSACT, ..Header::of(if_index) };
    Request::new(kind, flags, &header.bytes()).attribute(TCA_KIND, b"clsact\0")
}

fn filter(kind: u16, flags: u16, hook: Hook, if_index: u32) -> Request {
    // Preference and protocol, all of them (ETH_P_ALL), which is big-endian.
    let info = PREFERENCE << 16 | u32::from(3_u16.to_be());
    let header = Header { handle: HANDLE, parent: parent(hook), info, ..Header::of(if_index) };
    Request::new(kind, flags, &header.bytes()).attribute(TCA_KIND, b"bpf\0")
}

fn filter_with_program(program: BorrowedFd<'_>, hook: Hook, if_index: u32) -> Request {
    let mut options = Vec::new();
    push_attribute(&mut options, TCA_BPF_FD, &program.as_raw_fd().to_ne_bytes());
    push_attribute(&mut options, TCA_BPF_NAME, b"flowmote\0");
    push_attribute(&mut options, TCA_BPF_FLAGS, &TCA_BPF_FLAG_ACT_DIRECT.to_ne_bytes());
    filter(RTM_NEWTFILTER, NLM_F_CREATE, hook, if_index).attribute(TCA_OPTIONS, &options)
}

fn parent(hook: Hook) -> u32 {
    match hook {
        Hook::Ingress => CLSACT_HANDLE | 0xfff2,
        Hook::Egress => CLSACT_HANDLE | 0xfff3,
    }
}

// include/uapi/linux/rtnetlink.h
const RTM_NEWQDISC: u16 = 36;
const RTM_DELQDISC: u16 = 37;
const RTM_NEWTFILTER: u16 = 44;
const RTM_DELTFILTER: u16 = 45;
const RTM_GETTFILTER: u16 = 46;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
// include/uapi/linux/pkt_cls.h
const TCA_BPF_FD: u16 = 6;
const TCA_BPF_NAME: u16 = 7;
const TCA_BPF_FLAGS: u16 = 8;
const TCA_BPF_FLAG_ACT_DIRECT: u32 = 1;
/// `TC_H_CLSACT` (include/uapi/linux/pkt_sched.h).
const CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// The first that can be chosen. A filter there with a verdict ends the list.
const PREFERENCE: u32 = 1;
/// Of the filters of this agent; documented in docs/configuration.md.
const HANDLE: u32 = 0x666d;
