//! Text that gzip compressed.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A file of text. Its parts are compressed one by one to blocks of the same stream (RFC 1951, 2), so that
/// there is no compressor between them, which has 300 KB: hundreds of files can be open.
#[derive(Debug)]
pub(super) struct Text {
    file: Arc<File>,
    checksum: Crc,
}

impl Text {
    pub(super) fn new(file: Arc<File>) -> io::Result<Self> {
        (&*file).write_all(&HEAD)?;
        Ok(Self { file, checksum: Crc::new() })
    }

    pub(super) fn write(&mut self, text: &str) -> io::Result<()> {
        self.checksum.update(text.as_bytes());
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
        deflate.write_all(text.as_bytes())?;
        // To a whole byte, and not the last block.
        deflate.flush()?;
        (&*self.file).write_all(deflate.get_ref())
    }

    /// Writes the end: an empty last block, the checksum, and the length.
    pub(super) fn finish(self) -> io::Result<()> {
        let (sum, length) = (self.checksum.sum(), self.checksum.amount());
        let end = [&LAST_BLOCK[..], &sum.to_le_bytes(), &length.to_le_bytes()].concat();
        (&*self.file).write_all(&end)
    }
}

/// RFC 1952, 2.3: no name, no time, compressed fast on Unix.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 3];
/// A block of fixed codes with the code of its end only.
const LAST_BLOCK: [u8; 2] = [3, 0];
