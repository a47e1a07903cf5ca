//! The newer format: sections of blocks, each with number and length (draft-ietf-opsawg-pcapng).

use core::ops::{ControlFlow, Range};
use core::time::Duration;
use std::io::Read;
use std::time::SystemTime;
use std::vec::Vec;

use super::source::Source;
use super::{ByteOrder, CaptureError, Packet};

/// First bytes of a file: the number of a section header block, equal in both byte orders.
pub(super) const MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// The section being read.
#[derive(Debug)]
pub(super) struct PcapNg {
    order: ByteOrder,
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link_type: u16,
    /// Bytes; 0 for no limit.
    snapshot_length: u32,
    resolution: Resolution,
    /// Seconds to add to time stamps.
    offset: i64,
}

/// The unit of time stamps.
#[derive(Clone, Copy, Debug)]
enum Resolution {
    /// 10^-n seconds.
    Decimal(u32),
    /// 2^-n seconds.
    Binary(u32),
}

/// A packet in a block.
struct Place {
    time: SystemTime,
    link_type: u16,
    /// Position in the content of the block.
    range: Range<usize>,
}

impl PcapNg {
    /// Reads the first section header, after its number.
    pub(super) fn open<R: Read>(source: &mut Source<R>) -> Result<Self, CaptureError> {
        let mut pcapng = Self { order: ByteOrder::Little, interfaces: Vec::new() };
        let length = source.array()?;
        pcapng.section(length, source)?;
        Ok(pcapng)
    }

    pub(super) fn next_packet<'a, R: Read>(
        &mut self,
        source: &'a mut Source<R>,
    ) -> Result<Option<Packet<'a>>, CaptureError> {
        loop {
            let ControlFlow::Continue(kind) = source.begin()? else { return Ok(None) };
            let length = source.array()?;
            if kind == MAGIC {
                self.section(length, source)?;
                continue;
            }
            self.read_content(length, 8, source)?;
            let Some(found) = self.block(self.order.u32(kind), source.content()) else {
                return Err(source.corrupt("a block that does not add up"));
            };
            let Some(Place { time, link_type, range }) = found else { continue };
            let bytes = source.content().get(range).unwrap_or_default();
            return Ok(Some(Packet { time, link_type, bytes }));
        }
    }

    /// Reads a section header. Its byte order follows its length, which is therefore still raw.
    fn section<R: Read>(
        &mut self,
        length: [u8; 4],
        source: &mut Source<R>,
    ) -> Result<(), CaptureError> {
        self.order = match source.array()? {
            [0x1a, 0x2b, 0x3c, 0x4d] => ByteOrder::Big,
            [0x4d, 0x3c, 0x2b, 0x1a] => ByteOrder::Little,
            _ => return Err(source.corrupt("a section of unknown byte order")),
        };
        // Interfaces are numbered from 0 in each section.
        self.interfaces.clear();
        // Version and options are not needed.
        self.read_content(length, 12, source)
    }

    /// Reads the content of a block after its first `read` bytes, and skips the length at its end.
    fn read_content<R: Read>(
        &self,
        length: [u8; 4],
        read: u32,
        source: &mut Source<R>,
    ) -> Result<(), CaptureError> {
        let length = self.order.u32(length);
        let content = length.checked_sub(read + 4).filter(|_| length.is_multiple_of(4));
        let Some(content) = content.filter(|content| *content <= MAX_CONTENT) else {
            return Err(source.corrupt("a block of impossible length"));
        };
        source.read(content)?;
        source.skip::<4>()
    }

    /// The packet in a block, if the block contains one; the outer `None` if it is inconsistent.
    fn block(&mut self, kind: u32, content: &[u8]) -> Option<Option<Place>> {
        let mut rest = content;
        let numbers = &mut rest;
        match kind {
            INTERFACE => self.interface(content).map(|()| None),
            ENHANCED => {
                let interface = self.take_u32(numbers)?;
                self.place(interface, numbers, content).map(Some)
            }
            PACKET => {
                let interface = self.order.take_u16(numbers)?;
                let _drops = self.order.take_u16(numbers)?;
                self.place(interface.into(), numbers, content).map(Some)
            }
            SIMPLE => {
                let length = self.take_u32(numbers)?;
                let Interface { link_type, snapshot_length, .. } = *self.interfaces.first()?;
                let bound = if snapshot_length == 0 { u32::MAX } else { snapshot_length };
                let captured = usize::try_from(length.min(bound)).ok()?.min(numbers.len());
                Some(Some(Place { time: UNKNOWN, link_type, range: 4..4 + captured }))
            }
            _ => Some(None),
        }
    }

    /// The packet whose time stamp and lengths are next in `numbers`, the tail of `content`.
    fn place(&self, interface: u32, numbers: &mut &[u8], content: &[u8]) -> Option<Place> {
        let interface = self.interfaces.get(usize::try_from(interface).ok()?)?;
        let (high, low) = (self.take_u32(numbers)?, self.take_u32(numbers)?);
        let captured = usize::try_from(self.take_u32(numbers)?).ok()?;
        let _length = self.take_u32(numbers)?;
        numbers.get(..captured)?;
        let start = content.len() - numbers.len();
        Some(Place {
            time: interface.time(u64::from(high) << 32 | u64::from(low)),
            link_type: interface.link_type,
            range: start..start + captured,
        })
    }

    fn interface(&mut self, mut content: &[u8]) -> Option<()> {
        let rest = &mut content;
        let link_type = self.order.take_u16(rest)?;
        let _reserved = self.order.take_u16(rest)?;
        let snapshot_length = self.take_u32(rest)?;
        let mut interface =
            Interface { link_type, snapshot_length, resolution: Resolution::Decimal(6), offset: 0 };
        // An inconsistent option ends the list, not the file: only the time stamps depend on it.
        while let Some((code, value)) = self.option(rest) {
            interface.set(self.order, code, value);
        }
        (self.interfaces.len() < MAX_INTERFACES).then(|| self.interfaces.push(interface))
    }

    /// The next option: number, length, value, pad.
    fn option<'a>(&self, rest: &mut &'a [u8]) -> Option<(u16, &'a [u8])> {
        let code = self.order.take_u16(rest)?;
        let length = usize::from(self.order.take_u16(rest)?);
        let value = rest.get(..length)?;
        *rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }

    fn take_u32(&self, bytes: &mut &[u8]) -> Option<u32> {
        self.order.take_u32(bytes)
    }
}

impl Interface {
    fn set(&mut self, order: ByteOrder, code: u16, value: &[u8]) {
        match (code, value) {
            (TIME_RESOLUTION, [power]) => {
                let exponent = u32::from(power & 0x7f);
                let binary = power & 0x80 != 0;
                self.resolution = if binary {
                    Resolution::Binary(exponent)
                } else {
                    Resolution::Decimal(exponent)
                };
            }
            (TIME_OFFSET, value) => {
                self.offset = match (value.try_into(), order) {
                    (Ok(bytes), ByteOrder::Big) => i64::from_be_bytes(bytes),
                    (Ok(bytes), ByteOrder::Little) => i64::from_le_bytes(bytes),
                    (Err(_), _) => 0,
                };
            }
            _ => {}
        }
    }

    fn time(&self, ticks: u64) -> SystemTime {
        let ticks = u128::from(ticks) * 1_000_000_000;
        let nanoseconds = match self.resolution {
            Resolution::Decimal(exponent) => {
                10_u128.checked_pow(exponent).map_or(0, |unit| ticks / unit)
            }
            Resolution::Binary(exponent) => ticks.checked_shr(exponent).unwrap_or(0),
        };
        let seconds = u64::try_from(nanoseconds / 1_000_000_000).unwrap_or(0);
        let fraction = Duration::from_nanos((nanoseconds % 1_000_000_000) as u64);
        let seconds = seconds.saturating_add_signed(self.offset);
        UNKNOWN
            .checked_add(Duration::from_secs(seconds))
            .and_then(|time| time.checked_add(fraction))
            .unwrap_or(UNKNOWN)
    }
}

/// The time of a packet without a time stamp.
const UNKNOWN: SystemTime = SystemTime::UNIX_EPOCH;

/// Numbers of blocks.
const INTERFACE: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE: u32 = 3;
const ENHANCED: u32 = 6;

/// Numbers of options of an interface.
const TIME_RESOLUTION: u16 = 9;
const TIME_OFFSET: u16 = 14;

/// Bytes of one block; a bound on memory.
const MAX_CONTENT: u32 = 16 << 20;
/// Interfaces of one section; a bound on memory.
const MAX_INTERFACES: usize = 65_536;
