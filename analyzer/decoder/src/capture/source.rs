//! Buffered bytes of a file, with their offset for errors.

use core::ops::ControlFlow;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::vec::Vec;

use super::CaptureError;

/// A buffered source that counts its bytes.
#[derive(Debug)]
pub(super) struct Source<R> {
    inner: BufReader<R>,
    offset: u64,
    /// Offset of the packet or block being read.
    start: u64,
    content: Vec<u8>,
}

impl<R: Read> Source<R> {
    pub(super) fn new(inner: R) -> Self {
        let inner = BufReader::with_capacity(BUFFER, inner);
        Self { inner, offset: 0, start: 0, content: Vec::new() }
    }

    /// Returns true if any byte of the file was read.
    pub(super) fn has_read(&self) -> bool {
        self.offset != 0
    }

    /// Returns true if nothing is buffered.
    pub(super) fn is_empty(&self) -> bool {
        self.inner.buffer().is_empty()
    }

    /// Reads the fixed part of the next packet or block; `Break` at the end of the file.
    pub(super) fn begin<const N: usize>(
        &mut self,
    ) -> Result<ControlFlow<(), [u8; N]>, CaptureError> {
        self.start = self.offset;
        match self.array() {
            Ok(bytes) => Ok(ControlFlow::Continue(bytes)),
            Err(CaptureError::Truncated { .. }) if self.offset == self.start => {
                Ok(ControlFlow::Break(()))
            }
            Err(error) => Err(error),
        }
    }

    /// The next `N` bytes.
    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], CaptureError> {
        self.take(N as u32)?;
        self.content().try_into().map_err(|_| self.truncated())
    }

    pub(super) fn skip<const N: usize>(&mut self) -> Result<(), CaptureError> {
        let mut skipped = [0; N];
        let mut filled = 0;
        while let Some(space) = skipped.get_mut(filled..).filter(|space| !space.is_empty()) {
            match self.inner.read(space) {
                Ok(0) => return Err(self.truncated()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureError::Io(error)),
            }
        }
        self.offset += N as u64;
        Ok(())
    }

    /// Reads the next `len` bytes, which [`content`](Source::content) then returns.
    pub(super) fn read(&mut self, len: u32) -> Result<(), CaptureError> {
        self.take(len)?;
        if self.content.len() as u64 == u64::from(len) { Ok(()) } else { Err(self.truncated()) }
    }

    /// The bytes read last.
    pub(super) fn content(&self) -> &[u8] {
        &self.content
    }

    fn truncated(&self) -> CaptureError {
        CaptureError::Truncated { offset: self.start }
    }

    /// The error for an inconsistency in the packet or block being read.
    pub(super) fn corrupt(&self, what: &'static str) -> CaptureError {
        CaptureError::Corrupt { offset: self.start, what }
    }

    /// Reads up to `len` bytes, fewer at the end of the file.
    fn take(&mut self, len: u32) -> Result<(), CaptureError> {
        self.content.clear();
        // The buffer holds nearly all packets and blocks as a whole.
        let taken = match self.inner.buffer().get(..len as usize) {
            Some(bytes) => {
                self.content.extend_from_slice(bytes);
                self.inner.consume(bytes.len());
                Ok(())
            }
            None => self.take_beyond_buffer(len),
        };
        self.offset += self.content.len() as u64;
        taken
    }

    /// `read_to_end` allocates only for bytes that exist, so a wrong length does not cost memory.
    #[cold]
    fn take_beyond_buffer(&mut self, len: u32) -> Result<(), CaptureError> {
        let taken = self.inner.by_ref().take(len.into()).read_to_end(&mut self.content);
        taken.map(|_| ()).map_err(CaptureError::Io)
    }
}

const BUFFER: usize = 128 << 10;
