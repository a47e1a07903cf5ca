//! Capture files, pcap and pcapng, read packet by packet, and the UDP datagrams in them, those in IP
//! fragments included.
//!
//! Requires the feature `capture`, which uses `std`. Supports both byte orders, microseconds and
//! nanoseconds, any resolution, and any number of sections and interfaces of pcapng. Memory is
//! bounded for any content of the file, and no content causes a panic.

mod fragments;
mod link;
mod pcap;
mod pcapng;
mod source;
mod udp;

use core::fmt;
use std::io::{self, ErrorKind, Read};
use std::time::SystemTime;

pub use fragments::{Fragment, Reassembled, Reassembly, ReassemblyCounts};
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
    /// Time of capture; 1970-01-01 if the file has none.
    pub time: SystemTime,
    /// Type of the first header: a number of <https://www.tcpdump.org/linktypes.html>.
    pub link_type: u16,
    /// The captured bytes, which may be fewer than the packet had.
    pub bytes: &'a [u8],
}

/// A reason to stop reading a capture.
#[derive(Debug)]
pub enum CaptureError {
    /// The source could not be read.
    Io(io::Error),
    /// The file has no bytes.
    Empty,
    /// The file does not begin with a magic number of pcap or pcapng.
    NotACapture,
    /// The file ends within the packet or block at `offset`; all packets before it were whole.
    Truncated {
        /// Bytes from the start of the file.
        offset: u64,
    },
    /// The packet or block at `offset` is inconsistent; all packets before it were whole.
    Corrupt {
        /// Bytes from the start of the file.
        offset: u64,
        /// The inconsistency.
        what: &'static str,
    },
}

#[derive(Debug)]
enum Format {
    Pcap(Pcap),
    PcapNg(PcapNg),
}

impl<R: Read> CaptureReader<R> {
    /// Reads the header of the file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or is neither pcap nor pcapng.
    pub fn new(inner: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(inner);
        // A file shorter than the magic number is not a truncated capture, but none at all.
        let magic = source.array().map_err(|error| match error {
            CaptureError::Truncated { .. } if source.has_read() => CaptureError::NotACapture,
            CaptureError::Truncated { .. } => CaptureError::Empty,
            other => other,
        })?;
        let format = if magic == pcapng::MAGIC {
            Format::PcapNg(PcapNg::open(&mut source)?)
        } else {
            Format::Pcap(Pcap::open(magic, &mut source)?)
        };
        Ok(Self { source, format })
    }

    /// Reads the next packet; `None` at the end of the file.
    ///
    /// # Errors
    ///
    /// If the file ends within a packet or is inconsistent. No packet after that can be read.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        match &mut self.format {
            Format::Pcap(pcap) => pcap.next_packet(&mut self.source),
            Format::PcapNg(pcapng) => pcapng.next_packet(&mut self.source),
        }
    }

    /// Returns true if no byte of the next packet is buffered, so that a read from a pipe may
    /// block.
    pub fn may_block(&self) -> bool {
        self.source.is_empty()
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A decompressor that lacks the rest of its input.
            Self::Io(error) if error.kind() == ErrorKind::UnexpectedEof => f.write_str(
                "the compressed data ends too early; every packet before that is complete",
            ),
            Self::Io(error) => error.fmt(f),
            Self::Empty => f.write_str("the file is empty"),
            Self::NotACapture => f.write_str("not a capture file: expected pcap or pcapng"),
            Self::Truncated { offset } => write!(
                f,
                "the file ends within the packet or block that begins at byte {offset}; \
                 everything before it is complete"
            ),
            Self::Corrupt { offset, what } => write!(f, "{what} at byte {offset}"),
        }
    }
}

impl core::error::Error for CaptureError {}

/// The byte order of the numbers in a file.
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

    /// Takes the next number from `bytes`.
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
