//! Reading of small files, up to a limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A buffer that many reads share.
#[derive(Debug, Default)]
pub(crate) struct Buffer(Vec<u8>);

/// Reads at most the first `limit` bytes of a file. A text that is not UTF-8 is an error: the
/// kernel writes none.
///
/// # Errors
/// Those of open(2) and read(2). ENODEV: the cgroup of the file was removed. ESRCH: the process.
pub(crate) fn read_some<'a>(
    path: &Path,
    limit: u64,
    Buffer(buffer): &'a mut Buffer,
) -> io::Result<&'a str> {
    buffer.clear();
    File::open(path)?.take(limit).read_to_end(buffer)?;
    core::str::from_utf8(buffer).map_err(|_| io::ErrorKind::InvalidData.into())
}
