//! `read`: writes the datagrams of capture files in an output format.

mod compression;
mod counts;
mod identity;

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

use flowmote_decoder::capture::{
    CaptureError, CaptureReader, Found, Reassembled, Reassembly, find_udp,
};

use crate::args::ReadArguments;
use crate::output::{Received, Writer};
use crate::stderr::eprintln_lossy;
use compression::decompressed;
use counts::Counts;
use identity::Identity;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Writes the datagrams of the files in their order.
///
/// A file that cannot be read, or only to a certain point, is reported and makes the command fail,
/// after everything else is written.
pub(crate) fn run(arguments: &ReadArguments) -> Result<()> {
    refuse_input_as_output(arguments)?;
    let writer = Writer::new(arguments.output.format(), arguments.output.path())?;
    let mut reading = Reading {
        writer,
        port: arguments.port,
        reassembly: Reassembly::default(),
        counts: Counts::default(),
    };
    match reading.files(arguments) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(error.into()),
        Ok(failures) => {
            eprintln_lossy(reading.summary());
            failures.into_result()
        }
    }
}

/// Fails if an input is also the output: it would be overwritten, or grow while it is read.
fn refuse_input_as_output(arguments: &ReadArguments) -> Result<()> {
    let output = match arguments.output.path().filter(|path| *path != "-") {
        Some(path) => Identity::of_path(path),
        None => Identity::of(&io::stdout()),
    };
    for path in &arguments.files {
        let input = if path == "-" { Identity::of(&io::stdin()) } else { Identity::of_path(path) };
        if output.is_some() && input == output {
            return Err(format!("{} is the output, too", path.display()).into());
        }
    }
    Ok(())
}

/// Errors of files, printed when they occur except for the last one, with which the command ends.
#[derive(Default)]
struct Failures {
    last: Option<String>,
}

impl Failures {
    fn add(&mut self, error: String) {
        if let Some(before) = self.last.replace(error) {
            eprintln_lossy(format_args!("flowmote-analyzer: {before}"));
        }
    }

    fn into_result(self) -> Result<()> {
        self.last.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// The state that all files share.
struct Reading {
    writer: Writer,
    port: u16,
    /// Fragments of one packet may be in two files of a capture that tcpdump rotated.
    reassembly: Reassembly,
    counts: Counts,
}

impl Reading {
    /// Reads all files. An error is one of the output.
    fn files(&mut self, arguments: &ReadArguments) -> io::Result<Failures> {
        let mut failures = Failures::default();
        for path in &arguments.files {
            let name = path.display();
            match open(path) {
                Ok(source) => {
                    if let Err(error) = self.file(source)? {
                        failures.add(format!("{name}: {error}"));
                    }
                }
                Err(error) => failures.add(format!("cannot read {name}: {error}")),
            }
            for link_type in self.counts.take_unsupported() {
                failures.add(format!("{name}: link type {link_type} is not supported"));
            }
        }
        while let Some(packet) = self.reassembly.rest() {
            self.reassembled(&packet)?;
        }
        self.writer.flush()?;
        Ok(failures)
    }

    /// Reads one file. The inner error is one of the file.
    fn file(
        &mut self,
        source: Box<dyn Read>,
    ) -> io::Result<core::result::Result<(), CaptureError>> {
        let mut reader = match CaptureReader::new(source) {
            Ok(reader) => reader,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            if reader.may_block() {
                // A live capture is shown immediately, not when the output buffer is full.
                self.writer.flush()?;
            }
            let packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(Ok(())),
                Err(error) => return Ok(Err(error)),
            };
            self.counts.packets += 1;
            self.packet(packet.time, packet.link_type, packet.bytes)?;
        }
    }

    fn packet(&mut self, time: SystemTime, link_type: u16, bytes: &[u8]) -> io::Result<()> {
        match find_udp(link_type, bytes, self.port) {
            Found::Udp { from, payload, cut } => {
                self.counts.cut += u64::from(cut);
                self.writer.datagram(&Received { time, from: Some(from), payload })?;
            }
            Found::Fragment(fragment) => {
                while let Some(packet) = self.reassembly.overdue(time) {
                    self.reassembled(&packet)?;
                }
                if let Some(packet) = self.reassembly.add(time, &fragment) {
                    self.reassembled(&packet)?;
                }
            }
            Found::Other => self.counts.others += 1,
            Found::UnsupportedLink => self.counts.unsupported(link_type),
        }
        Ok(())
    }

    /// Writes the datagram in a packet put together from fragments. Each is smaller than the one that
    /// it was found in, so this ends.
    fn reassembled(&mut self, packet: &Reassembled) -> io::Result<()> {
        self.packet(packet.time, Reassembled::LINK_TYPE, &packet.bytes)
    }

    fn summary(&self) -> String {
        format!("{}\n{}", self.counts.line(&self.reassembly.counts), self.writer.summary())
    }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let source: Box<dyn Read> = if path == "-" {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        Box::new(file)
    };
    decompressed(source)
}
