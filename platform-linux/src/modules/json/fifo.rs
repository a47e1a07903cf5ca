//! The FIFO, from which objects are read as they come, split over reads or not.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

use super::inbox::MAX_MESSAGE;
use super::objects::Scanner;

/// An open FIFO.
#[derive(Debug)]
pub(super) struct Fifo {
    path: String,
    file: File,
    identity: (u64, u64),
    stream: Stream,
}

/// What was read and is not yet an object.
#[derive(Debug, Default)]
pub(super) struct Stream {
    bytes: Vec<u8>,
    /// Bytes that `scanner` has seen.
    scanned: usize,
    scanner: Scanner,
    /// The object is too long, and its beginning was refused.
    skips: bool,
}

impl Fifo {
    /// Opens a FIFO that another program has made.
    ///
    /// It is opened for writing, too: so there is always a writer, and the end of another one is no
    /// event.
    pub(super) fn open(path: &str) -> io::Result<Self> {
        let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        let found = file.metadata()?;
        if !found.file_type().is_fifo() {
            return Err(io::Error::other("not a FIFO"));
        }
        let identity = identity(&found);
        Ok(Self { path: path.into(), file, identity, stream: Stream::default() })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Returns true if the path names another file now.
    pub(super) fn is_replaced(&self) -> bool {
        fs::metadata(&self.path).map_or(true, |found| identity(&found) != self.identity)
    }

    /// Reads once and passes the objects that are complete to `handle`, `None` for one that is too
    /// long. Returns false if there is nothing to read.
    pub(super) fn read(&mut self, handle: impl FnMut(Option<&[u8]>)) -> io::Result<bool> {
        let mut room = [0; READ];
        match self.file.read(&mut room) {
            Ok(length) => {
                self.stream.push(room.get(..length).unwrap_or_default(), handle);
                Ok(true)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl AsFd for Fifo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Stream {
    /// Adds what was read.
    pub(super) fn push(&mut self, bytes: &[u8], mut handle: impl FnMut(Option<&[u8]>)) {
        self.bytes.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(length) =
            self.scanner.end(self.bytes.get(self.scanned..).unwrap_or_default())
        {
            let end = self.scanned + length;
            let object = self.bytes.get(start..end).unwrap_or_default();
            if !core::mem::take(&mut self.skips) {
                handle((object.len() <= MAX_MESSAGE).then_some(object));
            }
            (start, self.scanned) = (end, end);
        }
        self.bytes.drain(..start);
        if self.bytes.len() > MAX_MESSAGE && !core::mem::replace(&mut self.skips, true) {
            handle(None);
        }
        if self.skips {
            self.bytes.clear();
        }
        self.scanned = self.bytes.len();
    }
}

fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

/// Bytes of one read.
const READ: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    /// The objects of a text that is read in pieces of `size` bytes; `None` for one that is too long.
    fn read(text: &[u8], size: usize) -> Vec<Option<String>> {
        let (mut stream, mut objects) = (Stream::default(), Vec::new());
        for piece in text.chunks(size) {
            stream.push(piece, |object| {
                objects.push(object.map(|object| String::from_utf8_lossy(object).into_owned()));
            });
            assert!(stream.bytes.len() <= MAX_MESSAGE, "unbounded");
        }
        objects
    }

    #[test]
    fn objects_are_whole_however_they_are_split() {
        let text = br#"{"a":1}{"b":2} {"c":"}"}"#;
        let expected = [r#"{"a":1}"#, r#"{"b":2}"#, r#" {"c":"}"}"#].map(|it| Some(it.to_owned()));
        for size in 1..=text.len() {
            assert_eq!(read(text, size), expected, "pieces of {size} bytes");
        }
    }

    #[test]
    fn object_that_is_too_long_is_refused_once_and_up_to_its_end() {
        let longest = format!("{{{}}}", " ".repeat(MAX_MESSAGE - 2));
        let too_long = format!("{{{}}}", " ".repeat(MAX_MESSAGE - 1));
        let text = format!("{longest}{too_long}\n{{}}{}\n{{}}", "[".repeat(3 * MAX_MESSAGE));
        for size in [1, 4096, READ] {
            let objects = read(text.as_bytes(), size);
            let next = |text: &str| Some(text.to_owned());
            assert_eq!(objects[0].as_deref(), Some(&*longest));
            assert_eq!(objects[1..], [None, next("\n{}"), None, next("{}")], "{size}");
        }
    }

    #[test]
    fn writer_that_dies_or_sends_too_much_does_not_close_the_way_of_others() {
        let too_long = format!("{{\"a\":\"{}\"}}", "b".repeat(3 * MAX_MESSAGE));
        for first in [r#"{"flow_sample":{"app_name":"a"#, r#"{"flow_sample":{"#, &too_long] {
            let text = format!("{first}{}", r#"{"flow_sample":{"app_name":"b"}}"#.repeat(9));
            for size in [1, 4096, READ] {
                let whole = read(text.as_bytes(), size);
                let whole = whole.iter().flatten().filter(|it| it.ends_with("\"b\"}}"));
                assert!(whole.count() >= 8, "{:.40}, {size}", first);
            }
        }
    }
}
