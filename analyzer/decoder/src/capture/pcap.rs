//! The classic format: a header of 24 bytes, then packets, each after a header of 16.

use core::ops::ControlFlow;
use core::time::Duration;
use std::io::Read;
use std::time::SystemTime;

use super::source::Source;
use super::{ByteOrder, CaptureError, Packet};

/// The header of the file.
#[derive(Debug)]
pub(super) struct Pcap {
    order: ByteOrder,
    /// Nanoseconds in the unit of the fraction of a second.
    unit: u32,
    link_type: u16,
}

impl Pcap {
    pub(super) fn open<R: Read>(
        magic: [u8; 4],
        source: &mut Source<R>,
    ) -> Result<Self, CaptureError> {
        let (order, unit) = match u32::from_be_bytes(magic) {
            0xa1b2_c3d4 => (ByteOrder::Big, 1000),
            0xa1b2_3c4d => (ByteOrder::Big, 1),
            0xd4c3_b2a1 => (ByteOrder::Little, 1000),
            0x4d3c_b2a1 => (ByteOrder::Little, 1),
            _ => return Err(CaptureError::NotACapture),
        };
        // Not needed: all versions have this layout, and zone and accuracy are 0 in practice.
        let [_version, _zone, _accuracy, _snapshot, link] =
            [source.array()?, source.array()?, source.array()?, source.array()?, source.array()?];
        // The upper half describes the FCS at the end of frames.
        let link_type = order.u32(link) as u16;
        Ok(Self { order, unit, link_type })
    }

    pub(super) fn next_packet<'a, R: Read>(
        &self,
        source: &'a mut Source<R>,
    ) -> Result<Option<Packet<'a>>, CaptureError> {
        let ControlFlow::Continue(header) = source.begin::<16>()? else { return Ok(None) };
        let mut header = header.as_slice();
        let mut number = || self.order.take_u32(&mut header).unwrap_or_default();
        let [seconds, fraction, captured, _length] = [number(), number(), number(), number()];
        if captured > MAX_CAPTURED {
            return Err(source.corrupt("a packet longer than any capture holds"));
        }
        let since = Duration::from_secs(seconds.into())
            + Duration::from_nanos(u64::from(fraction) * u64::from(self.unit));
        let time = SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH);
        source.read(captured)?;
        Ok(Some(Packet { time, link_type: self.link_type, bytes: source.content() }))
    }
}

/// Four times the limit of libpcap (`MAXIMUM_SNAPLEN`); a bound on memory.
const MAX_CAPTURED: u32 = 1 << 20;
