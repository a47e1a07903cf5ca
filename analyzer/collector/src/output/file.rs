//! The output file.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file or standard output.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// `None` for standard output.
    path: Option<PathBuf>,
    progress: Progress,
}

/// A count of the bytes written so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<AtomicU64>);

impl Output {
    /// Opens the file `path` and empties it; standard output if `path` is `None` or `-`.
    pub(super) fn create(path: Option<&Path>) -> io::Result<Self> {
        let path = path.filter(|path| *path != "-");
        let file = match path {
            Some(path) => emptied(path).map_err(|error| cannot_write(path, &error))?,
            // Not `Stdout`: its line buffer would search every block for line feeds.
            None => File::from(io::stdout().as_fd().try_clone_to_owned()?),
        };
        let path = path.map(Path::to_owned);
        Ok(Self { file, path, progress: Progress::default() })
    }

    /// Opens the file again; standard output stays as it is. Returns true if the file is empty.
    pub(super) fn reopen(&mut self) -> io::Result<bool> {
        let Some(path) = &self.path else { return Ok(false) };
        self.file = append(path).map_err(|error| cannot_write(path, &error))?;
        let metadata = self.file.metadata()?;
        Ok(metadata.is_file() && metadata.len() == 0)
    }

    /// Writes all of `bytes`, in blocks that a slow reader of a pipe shows progress with.
    pub(super) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut rest = bytes;
        while let Some((block, _)) = rest.split_at_checked(rest.len().min(BLOCK))
            && !block.is_empty()
        {
            match self.file.write(block) {
                Ok(0) => return Err(self.failed(&ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.progress.0.fetch_add(written as u64, Ordering::Relaxed);
                    rest = rest.get(written..).unwrap_or_default();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Err(error),
                Err(error) => return Err(self.failed(&error)),
            }
        }
        Ok(())
    }

    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    fn failed(&self, error: &io::Error) -> io::Error {
        match &self.path {
            Some(path) => cannot_write(path, error),
            None => io::Error::new(error.kind(), error.to_string()),
        }
    }
}

impl Progress {
    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Opens a file to append, so that a program that truncates it in place (`copytruncate` of logrotate)
/// leaves no hole.
fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn emptied(path: &Path) -> io::Result<File> {
    let file = append(path)?;
    // Devices and pipes have no length.
    if file.metadata()?.is_file() {
        file.set_len(0)?;
    }
    Ok(file)
}

/// The error with the name of the file, which the system error lacks.
fn cannot_write(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}

/// Bytes per system call.
const BLOCK: usize = 64 << 10;
