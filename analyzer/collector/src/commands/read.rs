//! `read`: datagrams from a capture file.

use core::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use flowmote_decoder::capture::{CaptureError, CaptureReader, Found, find_udp};

use crate::args::ReadArguments;
use crate::output::Received;
use crate::output::Writer;
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Writes the datagrams in the file, as far as it is whole.
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

/// Packets of the capture.
#[derive(Debug, Default)]
struct Counts {
    packets: u64,
    fragments: u64,
    /// Of our datagrams: not captured as a whole.
    cut: u64,
    others: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} packets, of them {} of something else", self.packets, self.others)?;
        if self.fragments != 0 {
            write!(f, ", {} skipped IP fragments", self.fragments)?;
        }
        if self.cut != 0 {
            write!(f, ", {} cut short by the capture (tcpdump -s0 keeps all)", self.cut)?;
        }
        Ok(())
    }
}

/// Which side failed.
enum Failure {
    Read(CaptureError),
    Write(io::Error),
}

/// False at the end.
fn read_packet(
    reader: &mut CaptureReader<Box<dyn Read>>,
    writer: &mut Writer,
    port: u16,
    counts: &mut Counts,
) -> core::result::Result<bool, Failure> {
    if reader.may_block() {
        // whoever captures at this moment wants to see it at this moment
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
