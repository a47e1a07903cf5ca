//! Captures compressed by gzip or zstd, recognised by their first bytes.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The content of `source`, decompressed if it is compressed. Memory is bounded by the window of the
/// format: 32 KiB for gzip, at most 128 MiB for zstd.
///
/// # Errors
///
/// If `source` cannot be read, or has the magic number of a compression that is not supported.
pub(super) fn decompressed(mut source: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let mut magic = Vec::new();
    source.by_ref().take(4).read_to_end(&mut magic)?;
    let (gzip, zstd) = (magic.starts_with(&[0x1f, 0x8b]), is_zstd(&magic));
    let unpack = unsupported(&magic);
    let whole = Cursor::new(magic).chain(source);
    if gzip {
        return Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER, whole))));
    }
    if zstd {
        return Ok(Box::new(Zstd::new(BufReader::with_capacity(BUFFER, whole))));
    }
    match unpack {
        Some(tool) => Err(io::Error::other(format!("compressed, try {tool} -dc FILE | … read -"))),
        None => Ok(Box::new(whole)),
    }
}

/// A frame of zstd, or one to be skipped (RFC 8878, sections 3.1.1 and 3.1.2).
fn is_zstd(magic: &[u8]) -> bool {
    matches!(magic, [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18])
}

/// The tool that reads a compression which this program does not.
fn unsupported(magic: &[u8]) -> Option<&'static str> {
    match magic {
        [0xfd, b'7', b'z', b'X'] => Some("xz"),
        [b'B', b'Z', b'h', b'1'..=b'9'] => Some("bzip2"),
        [0x04, 0x22, 0x4d, 0x18] => Some("lz4"),
        _ => None,
    }
}

/// Reads the frames of zstd one after the other.
struct Zstd<R> {
    source: R,
    decoder: FrameDecoder,
    state: State,
}

enum State {
    /// Before the header of a frame, or at the end of the file.
    Between,
    /// Within a frame.
    Frame,
    /// The content before the fault is being returned; then the error.
    Failed(Option<io::Error>),
}

impl<R: BufRead> Zstd<R> {
    fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), state: State::Between }
    }

    /// Reads the header of the next frame. Returns false at the end of the file.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => {
                    self.state = State::Frame;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    io::copy(&mut self.source.by_ref().take(length.into()), &mut io::sink())?;
                }
                Err(error) => return Err(zstd_error(&error)),
            }
        }
        Ok(false)
    }

    /// Decodes until there is content to return, or the frame ends.
    fn decode(&mut self) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            let blocks = BlockDecodingStrategy::UptoBlocks(1);
            if let Err(error) = self.decoder.decode_blocks(&mut self.source, blocks) {
                let error = zstd_error(&error);
                let at_end = self.source.fill_buf().is_ok_and(<[u8]>::is_empty);
                self.fail(if at_end { io::ErrorKind::UnexpectedEof.into() } else { error });
            }
        }
    }

    /// Ends the frame after a fault. The decoder keeps the last window of its content until the frame
    /// ends, so an empty last block, and any checksum, take the place of what is missing.
    fn fail(&mut self, error: io::Error) {
        self.state = State::Failed(Some(error));
        let end = [1, 0, 0, 0, 0, 0, 0];
        let blocks = BlockDecodingStrategy::All;
        if self.decoder.decode_blocks(end.as_slice(), blocks).is_err() {
            self.decoder = FrameDecoder::new();
        }
    }

    /// Ends a frame whose content was returned.
    fn end(&mut self) -> io::Result<()> {
        match core::mem::replace(&mut self.state, State::Between) {
            State::Failed(error) => {
                self.state = State::Failed(None);
                error.map_or(Ok(()), Err)
            }
            _ => match self.decoder.get_checksum_from_data() {
                Some(sum) if Some(sum) != self.decoder.get_calculated_checksum() => {
                    self.state = State::Failed(None);
                    Err(io::Error::other("zstd: wrong checksum"))
                }
                _ => Ok(()),
            },
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let more = match self.state {
                State::Between => self.begin()?,
                State::Frame | State::Failed(Some(_)) => true,
                State::Failed(None) => false,
            };
            if !more {
                return Ok(0);
            }
            self.decode();
            let read = self.decoder.read(buffer)?;
            if read != 0 || buffer.is_empty() {
                return Ok(read);
            }
            self.end()?;
        }
    }
}

fn zstd_error(error: &FrameDecoderError) -> io::Error {
    io::Error::other(format!("zstd: {error}"))
}

const BUFFER: usize = 128 << 10;
