//! `read`: writes the datagrams of a capture file in an output format.

use core::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use flowmote_decoder::capture::{CaptureError, CaptureReader, Found, find_udp};

use crate::args::ReadArguments;
use crate::output::{Received, Writer};
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Writes the datagrams of the file. A truncated file is an error, but its datagrams up to the cut
/// are written first.
pub(crate) fn run(arguments: &ReadArguments) -> Result<()> {
    let path = arguments.file.as_path();
    let name = path.display();
    let source = open(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let mut reader = CaptureReader::new(source).map_err(|error| format!("{name}: {error}"))?;
    let mut writer = Writer::new(arguments.output.format(), arguments.output.path())?;
    let mut counts = Counts::default();
    let read = loop {
        match read_packet(&mut reader, &mut writer, arguments.port, &mut counts) {
            Ok(true) => {}
            Ok(false) => break Ok(()),
            Err(Failure::Write(error)) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(Failure::Write(error)) => return Err(error.into()),
            Err(Failure::Read(error)) => break Err(error),
        }
    };
    match writer.flush() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
        flushed => flushed?,
    }
    eprintln_lossy(format_args!("{counts}\n{}", writer.summary()));
    Ok(read.map_err(|error| format!("{name}: {error}"))?)
}

/// Packets of the capture, by kind.
#[derive(Debug, Default)]
struct Counts {
    packets: u64,
    /// IP fragments of UDP datagrams, which are skipped.
    fragments: u64,
    /// sFlow datagrams that the capture truncated.
    cut: u64,
    /// All other packets.
    others: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets, of which {} are not sFlow", self.packets, self.others)?;
        if self.fragments != 0 {
            write!(f, ", {} IP fragments skipped", self.fragments)?;
        }
        if self.cut != 0 {
            write!(f, ", {} datagrams truncated by the capture (see tcpdump -s0)", self.cut)?;
        }
        Ok(())
    }
}

/// The side that failed.
enum Failure {
    Read(CaptureError),
    Write(io::Error),
}

/// Reads and writes one packet. Returns false at the end of the capture.
fn read_packet(
    reader: &mut CaptureReader<Box<dyn Read>>,
    writer: &mut Writer,
    port: u16,
    counts: &mut Counts,
) -> core::result::Result<bool, Failure> {
    if reader.may_block() {
        // A live capture is shown immediately, not when the output buffer is full.
        writer.flush().map_err(Failure::Write)?;
    }
    let Some(packet) = reader.next_packet().map_err(Failure::Read)? else { return Ok(false) };
    counts.packets += 1;
    match find_udp(packet.link_type, packet.bytes, port) {
        Found::Udp { from, payload, cut } => {
            counts.cut += u64::from(cut);
            let received = Received { time: packet.time, from: Some(from), payload };
            writer.datagram(&received).map_err(Failure::Write)?;
        }
        Found::Fragment => counts.fragments += 1,
        Found::Other => counts.others += 1,
    }
    Ok(true)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    Ok(Box::new(file))
}
