//! A file that is being written. It has no name until it is complete.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::{AT_FDCWD, AtFlags, OFlag};
use nix::unistd::linkat;

use super::FileLog;
use super::layout::{place, with_sum};
use super::table::Table;
use super::text::Text;

/// A file that is being written.
#[derive(Debug)]
pub(super) struct OpenFile {
    content: Content,
    unnamed: Unnamed,
    directory: PathBuf,
    name: String,
    /// True if its name is to have its checksum.
    has_sum: bool,
    pub(super) lines: u64,
    /// Lines that wait for the next write.
    waiting: String,
}

#[derive(Debug)]
enum Content {
    Text(Text),
    Table(Box<Table>),
}

/// A file without a name, or with one that no reader looks for.
#[derive(Debug)]
struct Unnamed {
    file: Arc<File>,
    /// Where the file system has no files without a name.
    path: Option<PathBuf>,
}

impl OpenFile {
    /// Begins a file of a slot below `root`.
    pub(super) fn create(root: &Path, log: &FileLog, slot: u64) -> io::Result<Self> {
        let (directory, name) = place(root, log, slot);
        fs::create_dir_all(&directory)?;
        let unnamed = Unnamed::create(root, &directory, &name)?;
        let (file, mut waiting) = (unnamed.file.clone(), String::new());
        let content = if log.setting.parquet {
            Content::Table(Box::new(Table::new(file, log.format.fields(), log.run)?))
        } else {
            let names: Vec<_> = log.format.fields().iter().map(|field| field.name).collect();
            waiting = names.join(" ") + "\n";
            Content::Text(Text::new(file)?)
        };
        let has_sum = log.run.is_some();
        Ok(Self { content, unnamed, directory, name, has_sum, lines: 0, waiting })
    }

    /// Adds lines, each with its end, to those that wait.
    pub(super) fn add(&mut self, lines: &str) {
        self.lines += lines.bytes().filter(|byte| *byte == b'\n').count() as u64;
        self.waiting.push_str(lines);
    }

    /// Bytes of memory that the lines take which wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.capacity()
    }

    /// Writes the lines that wait.
    pub(super) fn write(&mut self) -> io::Result<()> {
        let lines = core::mem::take(&mut self.waiting);
        match &mut self.content {
            _ if lines.is_empty() => Ok(()),
            Content::Text(text) => text.write(&lines),
            Content::Table(table) => Ok(table.write(&lines)?),
        }
    }

    /// True if it has its largest size.
    pub(super) fn is_full(&self) -> bool {
        self.unnamed.file.metadata().is_ok_and(|file| file.len() >= MAX_BYTES)
    }

    /// Completes the file and gives it its name. Returns its path and size.
    pub(super) fn finish(mut self) -> io::Result<(PathBuf, u64)> {
        self.write()?;
        match self.content {
            Content::Text(text) => text.finish()?,
            Content::Table(table) => {
                let sum = table.finish()?;
                if self.has_sum {
                    self.name = with_sum(&self.name, sum);
                }
            }
        }
        self.unnamed.file.sync_data()?;
        let path = self.directory.join(&self.name);
        let size = self.unnamed.file.metadata()?.len();
        // Somebody may have removed it while it was empty.
        fs::create_dir_all(&self.directory)?;
        self.unnamed.name(&path)?;
        // The name, too, survives a power failure; some network file systems cannot do that.
        let _ = File::open(&self.directory).and_then(|directory| directory.sync_all());
        Ok((path, size))
    }
}

impl Unnamed {
    fn create(root: &Path, directory: &Path, name: &str) -> io::Result<Self> {
        let flags = OFlag::O_TMPFILE.bits();
        let unnamed = OpenOptions::new().write(true).custom_flags(flags).mode(MODE).open(directory);
        match unnamed {
            Ok(file) => Ok(Self { file: Arc::new(file), path: None }),
            // Network file systems have none.
            Err(_) => {
                let directory = root.join(INCOMPLETE);
                fs::create_dir_all(&directory)?;
                let path = directory.join(name);
                let file =
                    OpenOptions::new().write(true).create_new(true).mode(MODE).open(&path)?;
                Ok(Self { file: Arc::new(file), path: Some(path) })
            }
        }
    }

    fn name(mut self, path: &Path) -> io::Result<()> {
        match self.path.take() {
            Some(own) => fs::rename(&own, path).inspect_err(|_| self.path = Some(own)),
            None => {
                // open(2), O_TMPFILE: without CAP_DAC_READ_SEARCH only by this path.
                let own = format!("/proc/self/fd/{}", self.file.as_raw_fd());
                linkat(AT_FDCWD, own.as_str(), AT_FDCWD, path, AtFlags::AT_SYMLINK_FOLLOW)?;
                Ok(())
            }
        }
    }
}

/// A file that is not completed leaves nothing.
impl Drop for Unnamed {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// The directory of incomplete files where they need a name.
pub(super) const INCOMPLETE: &str = ".incomplete";
const MODE: u32 = 0o644;
/// Of AWS.
const MAX_BYTES: u64 = 75_000_000;
