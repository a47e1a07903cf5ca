//! Capture files, pcap and pcapng, read packet by packet, and the UDP datagrams in them.
//!
//! Needs the feature `capture`, which brings `std`. Both byte orders, microseconds and nanoseconds,
//! any resolution and any number of sections and interfaces of pcapng. Memory is bounded whatever
//! the file says, and nothing in it panics.

mod pcap;
mod pcapng;
mod source;
mod udp;

use core::fmt;
use std::io::{self, Read};
use std::time::SystemTime;

pub use udp::{Found, find_udp};

use pcap::Pcap;
use pcapng::PcapNg;
use source::Source;

/// Reads packets from a capture file.
#[derive(Debug)]
pub struct CaptureReader<R> {
    source: Source<R>,
    format: Format,
}

/// One packet of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When it was captured; 1970 if the file does not tell.
    pub time: SystemTime,
    /// What its first header is: a number of <https://www.tcpdump.org/linktypes.html>.
    pub link_type: u16,
    /// What was captured of it.
    pub bytes: &'a [u8],
}

/// Why reading a capture had to end.
#[derive(Debug)]
pub enum CaptureError {
    /// The source could not be read.
    Io(io::Error),
    /// It does not begin as a capture does.
    NotACapture,
    /// It ends in the middle of what begins at `offset`; everything before was whole.
    Truncated {
        /// Bytes from the start of the file.
        offset: u64,
    },
    /// What stands at `offset` makes no sense; everything before did.
    Corrupt {
        /// Bytes from the start of the file.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl<R: Read> CaptureReader<R> {
    /// Reads the head of the file.
    ///
    /// # Errors
    ///
    /// If it is none, or cannot be read.
    pub fn new(inner: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(inner);
        // one shorter than the number that tells is none
        let magic = source.array().map_err(|error| match error {
            CaptureError::Truncated { .. } => CaptureError::NotACapture,
            other => other,
        })?;
        let format = if magic == pcapng::MAGIC {
            Format::PcapNg(PcapNg::open(&mut source)?)
        } else {
            Format::Pcap(Pcap::open(magic, &mut source)?)
        };
        Ok(Self { source, format })
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    ///
    /// Where the file ends within a packet or makes no sense; nothing can be read from then on.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next_packet(&mut self.source),
            Format::PcapNg(pcapng) => pcapng.next_packet(&mut self.source),
        }
    }

    /// True if nothing of the next packet has been read yet, so that a pipe may let wait for it.
    pub fn may_block(&self) -> bool {
        self.source.is_empty()
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NotACapture => f.write_str("not a capture file: want pcap or pcapng"),
            Self::Truncated { offset } => write!(
                f,
                "the file ends within the packet or block that begins at byte {offset}: what came \
                 before is whole"
            ),
            Self::Corrupt { offset, what } => write!(f, "{what} at byte {offset}"),
        }
    }
}

impl core::error::Error for CaptureError {}

/// Numbers in the byte order of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(bytes),
            Self::Little => u16::from_le_bytes(bytes),
        }
    }

    fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(bytes),
            Self::Little => u32::from_le_bytes(bytes),
        }
    }

    /// The next number in `bytes`.
    fn take_u16(self, bytes: &mut &[u8]) -> Option<u16> {
        let (head, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(self.u16(*head))
    }

    fn take_u32(self, bytes: &mut &[u8]) -> Option<u32> {
        let (head, rest) = bytes.split_first_chunk()?;
        *bytes = rest;
        Some(self.u32(*head))
    }
}

#[cfg(test)]
mod tests;
