//! The sender: frames of 64 bytes, each with a mark and its time of sending.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use flowmote_core::Random;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket,
};

use crate::accounts::thread_cpu;
use crate::namespace::{PEER, SAMPLED};

/// Purpose of a frame; it returns in the header of the sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Detects when the agent starts to sample.
    Probe,
    /// Counted.
    Measure,
}

/// Costs of a flood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flooded {
    /// Packets.
    pub(crate) count: u64,
    /// Wall-clock time.
    pub(crate) time: Duration,
    /// CPU time of the sender. On a veth pair the kernel also runs the receiving side, with taps and
    /// their filters, in the context of the sender.
    pub(crate) cpu: Duration,
}

/// A raw socket on the far end of the sampled interface.
#[derive(Debug)]
pub(crate) struct Sender {
    socket: OwnedFd,
    frames: Vec<[u8; FRAME]>,
    headers: MultiHeaders<()>,
}

impl Sender {
    /// Opens a socket that sends to the sampled interface.
    ///
    /// # Errors
    ///
    /// No CAP_NET_RAW, or no such interfaces.
    pub(crate) fn new() -> Result<Self> {
        Self::on(PEER)
    }

    /// Opens a socket that sends on this interface.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn on(interface: &str) -> Result<Self> {
        let (from, to) = (link(interface)?, link(SAMPLED)?);
        let socket =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None::<_>)
                .context("AF_PACKET socket")?;
        bind(socket.as_raw_fd(), &from).context("bind to the sender's interface")?;
        let frame = frame(to.addr().context(SAMPLED)?, from.addr().context("no address")?);
        Ok(Self {
            socket,
            frames: vec![frame; BATCH],
            headers: MultiHeaders::preallocate(BATCH, None),
        })
    }

    /// Sends `count` frames without pauses.
    ///
    /// # Errors
    ///
    /// As `sendmmsg(2)`.
    pub(crate) fn flood(&mut self, mark: Mark, count: u64) -> Result<Flooded> {
        let (start, cpu) = (Instant::now(), thread_cpu()?);
        let mut left = count;
        while left > 0 {
            let batch = left.min(BATCH as u64);
            left -= self.send(mark, batch as usize)?;
        }
        Ok(Flooded { count, time: start.elapsed(), cpu: thread_cpu()? - cpu })
    }

    /// Sends single frames at random times, `per_second` on average; returns their number.
    ///
    /// # Errors
    ///
    /// As `sendmmsg(2)`.
    pub(crate) fn trickle(
        &mut self,
        mark: Mark,
        per_second: f64,
        duration: Duration,
    ) -> Result<u64> {
        let mut random = Random::new(unix_nanoseconds());
        let end = Instant::now() + duration;
        let mut sent = 0;
        while Instant::now() < end {
            // Exponential gaps never fall into step with a timer of an agent.
            let uniform = f64::from(random.next_u32()) / (f64::from(u32::MAX) + 1.0);
            let gap = -(1.0 - uniform).ln() / per_second;
            thread::sleep(Duration::from_secs_f64(gap));
            sent += self.send(mark, 1)?;
        }
        Ok(sent)
    }

    fn send(&mut self, mark: Mark, count: usize) -> Result<u64> {
        let now = unix_nanoseconds().to_be_bytes();
        for frame in self.frames.iter_mut().take(count) {
            frame[MARK] = mark.byte();
            frame[STAMP..STAMP + 8].copy_from_slice(&now);
        }
        let slices: Vec<_> =
            self.frames.iter().take(count).map(|frame| [IoSlice::new(frame)]).collect();
        let descriptor = self.socket.as_raw_fd();
        let sent =
            sendmmsg(descriptor, &mut self.headers, &slices, [None; BATCH], [], MsgFlags::empty())?;
        Ok(sent.count() as u64)
    }
}

impl Mark {
    fn byte(self) -> u8 {
        match self {
            Self::Probe => b'p',
            Self::Measure => b'm',
        }
    }
}

/// Mark and time of sending (nanoseconds since 1970), if `header` belongs to a frame of the sender.
pub(crate) fn recognise(header: &[u8]) -> Option<(Mark, u64)> {
    let mark =
        [Mark::Probe, Mark::Measure].into_iter().find(|m| header.get(MARK) == Some(&m.byte()))?;
    if header.get(SIGNATURE..MARK)? != SIGN {
        return None;
    }
    let stamp = header.get(STAMP..)?.first_chunk()?;
    Some((mark, u64::from_be_bytes(*stamp)))
}

/// Wall clock, nanoseconds since 1970.
pub(crate) fn unix_nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// A UDP packet to another host on the link, which the kernel drops without a reply.
fn frame(to: [u8; 6], from: [u8; 6]) -> [u8; FRAME] {
    let mut frame = [0; FRAME];
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&from);
    frame[12..14].copy_from_slice(&[0x08, 0x00]);
    let length = (FRAME - 14) as u8;
    frame[14..34].copy_from_slice(&[
        0x45, 0, 0, length, 0, 0, 0x40, 0, 64, 17, 0, 0, 192, 0, 2, 2, 192, 0, 2, 3,
    ]);
    let sum = frame[14..34]
        .chunks(2)
        .fold(0u32, |sum, pair| sum + u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    frame[24..26].copy_from_slice(&checksum.to_be_bytes());
    // Source port, discard port, length, no checksum.
    frame[34..42].copy_from_slice(&[0xc0, 0, 0, 9, 0, length - 20, 0, 0]);
    frame[SIGNATURE..MARK].copy_from_slice(SIGN);
    frame
}

fn link(name: &str) -> Result<LinkAddr> {
    let mut all = getifaddrs()?.filter(|interface| interface.interface_name == name);
    all.find_map(|interface| interface.address?.as_link_addr().copied())
        .with_context(|| format!("no interface {name}"))
}

/// Frame length without the 4 bytes of the frame check sequence: 64 bytes on the wire.
const FRAME: usize = 60;
const BATCH: usize = 64;
const SIGN: &[u8] = b"bench";
const SIGNATURE: usize = 42;
const MARK: usize = 47;
const STAMP: usize = 48;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_is_valid_ipv4_and_is_recognised() {
        let mut frame = frame([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
        // The header checksum of RFC 791, computed by hand.
        assert_eq!(frame[24..26], [0xb6, 0xb9]);
        assert_eq!(recognise(&frame), None);
        frame[MARK] = b'm';
        frame[STAMP + 7] = 9;
        assert_eq!(recognise(&frame), Some((Mark::Measure, 9)));
        frame[SIGNATURE] = 0;
        assert_eq!(recognise(&frame), None);
        assert_eq!(recognise(&frame[..50]), None);
    }
}
