//! Fragments of IP packets, put together again.

use core::net::IpAddr;
use core::ops::Range;
use core::time::Duration;
use std::collections::VecDeque;
use std::time::SystemTime;
use std::vec::Vec;

use crate::packet::{Ipv4, Ipv6Extension};

/// A fragment of an IP packet, found by [`find_udp`](super::find_udp).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment<'a> {
    src: IpAddr,
    dst: IpAddr,
    id: u32,
    /// Number of the protocol of the whole packet. All fragments have it in IPv4, in IPv6 only the
    /// first one is certain to.
    protocol: u8,
    /// Place in the packet, bytes.
    offset: usize,
    /// Bytes that the fragment had on the wire.
    length: usize,
    /// Further fragments follow.
    more: bool,
    /// The part that was captured.
    bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// A fragment with the header `ip`; `bytes` follow it.
    pub(super) fn v4(ip: &Ipv4, bytes: &'a [u8]) -> Self {
        let header = 20 + usize::from(ip.options_length);
        Self {
            src: ip.src.into(),
            dst: ip.dst.into(),
            id: ip.id.into(),
            protocol: ip.protocol,
            offset: ip.fragment_offset.into(),
            length: usize::from(ip.total_length).saturating_sub(header),
            more: ip.more_fragments,
            bytes,
        }
    }

    /// A fragment with this extension header; `bytes` follow it. `length` is their declared number.
    pub(super) fn v6(
        (src, dst): (IpAddr, IpAddr),
        extension: &Ipv6Extension,
        id: u32,
        length: usize,
        bytes: &'a [u8],
    ) -> Self {
        Self {
            src,
            dst,
            id,
            protocol: extension.next_header,
            offset: extension.fragment_offset.unwrap_or_default().into(),
            length,
            more: extension.more_fragments.unwrap_or_default(),
            bytes,
        }
    }

    /// True if both belong to the same packet (RFC 791, RFC 8200 section 4.5).
    fn same_packet(&self, other: &Fragment<'_>) -> bool {
        let protocol = self.src.is_ipv6() || self.protocol == other.protocol;
        protocol && (self.src, self.dst, self.id) == (other.src, other.dst, other.id)
    }
}

/// Puts the fragments of IP packets together.
///
/// Holds at most [`CAPACITY`](Self::CAPACITY) packets of 65,535 bytes, each for at most
/// [`LIMIT`](Self::LIMIT) after its first fragment. A packet whose fragments overlap or contradict one
/// another is discarded, because its content would depend on the order of arrival (RFC 5722). Exact
/// repetitions are ignored.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// In the order of their first fragments.
    packets: VecDeque<Partial>,
    /// What happened so far.
    pub counts: ReassemblyCounts,
}

/// Counts of a [`Reassembly`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReassemblyCounts {
    /// Fragments added.
    pub fragments: u64,
    /// Packets that became whole.
    pub whole: u64,
    /// Packets of which a part is missing.
    pub incomplete: u64,
    /// Packets discarded because their fragments overlap or contradict one another.
    pub discarded: u64,
}

/// An IP packet put together: [`link_type`](Self::LINK_TYPE) raw IP, without options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// Capture of the fragment that completed the packet; of the first one if some are missing.
    pub time: SystemTime,
    /// The packet, or of an incomplete one the part before the first gap.
    pub bytes: Vec<u8>,
}

impl Reassembled {
    /// The link type to pass to [`find_udp`](super::find_udp).
    pub const LINK_TYPE: u16 = super::link::RAW;
}

impl Reassembly {
    /// Packets held at a time, 4 MiB if all have the largest size.
    pub const CAPACITY: usize = 64;
    /// Time to wait for the other fragments; that of Linux.
    pub const LIMIT: Duration = Duration::from_secs(30);

    /// Adds a fragment captured at `time`, and returns the packet that it completes. Call
    /// [`overdue`](Self::overdue) before: a full table discards its oldest packet.
    pub fn add(&mut self, time: SystemTime, fragment: &Fragment<'_>) -> Option<Reassembled> {
        self.counts.fragments += 1;
        let index = self.packets.iter().position(|packet| packet.is_of(fragment));
        let index = index.unwrap_or_else(|| {
            if self.packets.len() >= Self::CAPACITY {
                self.oldest();
            }
            self.packets.push_back(Partial::new(time, fragment));
            self.packets.len() - 1
        });
        let packet = self.packets.get_mut(index)?;
        if packet.add(fragment).is_none() {
            self.counts.discarded += u64::from(!packet.discarded);
            packet.discard();
        }
        if !packet.is_whole() {
            return None;
        }
        self.counts.whole += 1;
        let packet = self.packets.remove(index)?;
        Some(Reassembled { time, bytes: packet.ip()? })
    }

    /// Removes the packet that has waited longest, if it has waited too long at `now` or its place is
    /// needed. Returns its part before the first gap.
    pub fn overdue(&mut self, now: SystemTime) -> Option<Reassembled> {
        loop {
            let first = self.packets.front()?;
            let waited = now.duration_since(first.since).unwrap_or_default();
            if waited <= Self::LIMIT && self.packets.len() < Self::CAPACITY {
                return None;
            }
            if let Some(packet) = self.oldest() {
                return Some(packet);
            }
        }
    }

    /// Removes all packets one by one, at the end of the captures.
    pub fn rest(&mut self) -> Option<Reassembled> {
        while !self.packets.is_empty() {
            if let Some(packet) = self.oldest() {
                return Some(packet);
            }
        }
        None
    }

    /// Removes the oldest packet. Returns its part before the first gap, if it has one.
    fn oldest(&mut self) -> Option<Reassembled> {
        let packet = self.packets.pop_front()?;
        self.counts.incomplete += u64::from(!packet.discarded);
        Some(Reassembled { time: packet.since, bytes: packet.ip()? })
    }
}

/// A packet of which some fragments are missing.
#[derive(Debug)]
struct Partial {
    /// The first fragment that arrived, without its bytes: the addresses and the identification.
    key: Fragment<'static>,
    since: SystemTime,
    /// The content after the IP header, with zeros in the gaps.
    content: Vec<u8>,
    /// The parts of `content` that are there: sorted, with gaps between them.
    pieces: Vec<Range<usize>>,
    /// Length of the content; known from the last fragment.
    end: Option<usize>,
    discarded: bool,
}

impl Partial {
    fn new(since: SystemTime, fragment: &Fragment<'_>) -> Self {
        let key = Fragment { bytes: &[], ..*fragment };
        Self { key, since, content: Vec::new(), pieces: Vec::new(), end: None, discarded: false }
    }

    fn is_of(&self, fragment: &Fragment<'_>) -> bool {
        self.key.same_packet(fragment)
    }

    /// Adds a fragment; `None` if it contradicts the others.
    fn add(&mut self, fragment: &Fragment<'_>) -> Option<()> {
        let end = fragment.offset + fragment.length;
        if self.discarded || fragment.length == 0 || end > MAX_CONTENT {
            return None;
        }
        // All fragments except the last are multiples of 8 bytes.
        match fragment.more {
            true if !fragment.length.is_multiple_of(8) => return None,
            false if self.end.is_some_and(|known| known != end) => return None,
            false => self.end = Some(end),
            true => {}
        }
        if fragment.offset == 0 {
            self.key.protocol = fragment.protocol;
        }
        self.place(fragment)?;
        let last = self.pieces.last().map_or(0, |piece| piece.end);
        (last <= self.end.unwrap_or(MAX_CONTENT)).then_some(())
    }

    /// Copies the bytes of a fragment to their place; `None` if others are there already.
    fn place(&mut self, fragment: &Fragment<'_>) -> Option<()> {
        let bytes = fragment.bytes.get(..fragment.length).unwrap_or(fragment.bytes);
        let range = fragment.offset..fragment.offset + bytes.len();
        let at = self.pieces.partition_point(|piece| piece.end <= range.start);
        if let Some(piece) = self.pieces.get(at).filter(|piece| piece.start < range.end) {
            let inside = piece.start <= range.start && range.end <= piece.end;
            return (inside && self.content.get(range) == Some(bytes)).then_some(());
        }
        if bytes.is_empty() || self.pieces.len() >= MAX_PIECES {
            return bytes.is_empty().then_some(());
        }
        self.content.resize(self.content.len().max(range.end), 0);
        self.content.get_mut(range.clone())?.copy_from_slice(bytes);
        self.pieces.insert(at, range);
        self.pieces.dedup_by(|next, piece| {
            let adjacent = piece.end == next.start;
            if adjacent {
                piece.end = next.end;
            }
            adjacent
        });
        Some(())
    }

    /// Forgets the content. The entry stays, so that later fragments do not begin the packet anew.
    fn discard(&mut self) {
        self.discarded = true;
        (self.content, self.pieces) = (Vec::new(), Vec::new());
    }

    fn is_whole(&self) -> bool {
        self.end.is_some_and(|end| matches!(self.pieces.as_slice(), [piece] if *piece == (0..end)))
    }

    /// An IP packet of the content before the first gap; `None` if it begins with a gap.
    fn ip(&self) -> Option<Vec<u8>> {
        let first = self.pieces.first().filter(|piece| piece.start == 0)?;
        let content = self.content.get(..first.end)?;
        let mut packet = Vec::with_capacity(IPV6_HEADER + content.len());
        match (self.key.src, self.key.dst) {
            (IpAddr::V4(src), IpAddr::V4(dst)) => {
                let length = u16::try_from(20 + content.len()).ok()?.to_be_bytes();
                packet.extend([0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, self.key.protocol]);
                packet.extend([0, 0]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
            }
            (IpAddr::V6(src), IpAddr::V6(dst)) => {
                let length = u16::try_from(content.len()).ok()?.to_be_bytes();
                packet.extend([0x60, 0, 0, 0, length[0], length[1], self.key.protocol, 64]);
                packet.extend(src.octets());
                packet.extend(dst.octets());
            }
            _ => return None,
        }
        packet.extend(content);
        Some(packet)
    }
}

const IPV6_HEADER: usize = 40;
/// Bytes after an IPv4 header, the lower of the limits of both versions.
const MAX_CONTENT: usize = 65_535 - 20;
/// Separate parts of a packet; the fragments of a packet of 65,535 bytes at an MTU of 576 are 119.
const MAX_PIECES: usize = 128;

#[cfg(test)]
mod tests;
