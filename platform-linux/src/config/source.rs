//! Reading the text of a configuration, from a file, a pipe or standard input.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{Config, MAX_BYTES};

impl Config {
    /// Reads the text of a configuration file, at most one byte more than can be parsed.
    ///
    /// Bytes that are not UTF-8, for example a comment in Latin-1, become U+FFFD. A pipe is read to
    /// its end, as for `-c <(command)`.
    ///
    /// # Errors
    /// Any error of opening or reading the file; `TimedOut` for a pipe that is not written to for
    /// 10 s.
    pub fn read(path: &Path) -> io::Result<String> {
        // Opening a pipe without a writer would block.
        let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
        let bytes = if file.metadata()?.is_file() { read_all(file)? } else { read_pipe(&file)? };
        Ok(lossy(&bytes))
    }

    /// Reads the text of a configuration from standard input, until its end.
    ///
    /// # Errors
    /// Any error of reading.
    pub fn read_standard_input() -> io::Result<String> {
        read_all(io::stdin()).map(|bytes| lossy(&bytes))
    }
}

fn read_all(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than the limit, so that `parse` reports a larger file.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_pipe(mut file: &File) -> io::Result<Vec<u8>> {
    let end = Instant::now() + PATIENCE;
    let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
    while bytes.len() <= MAX_BYTES {
        let left = end.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::ZERO);
        if poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], timeout)? == 0 {
            return Err(io::Error::new(ErrorKind::TimedOut, "a pipe that nothing is written to"));
        }
        match file.read(&mut part) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(part.get(..length).unwrap_or_default()),
            // A pipe whose first writer has not opened it yet: the loop waits for it.
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const PATIENCE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsRawFd;

    #[test]
    fn pipe_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"sflow { collector { ip = 192.0.2.1 } }").unwrap();
        drop(writer);
        let path = format!("/proc/self/fd/{}", reader.as_raw_fd());
        let text = Config::read(Path::new(&path)).unwrap();
        assert!(text.ends_with("192.0.2.1 } }"), "{text}");
    }

    #[test]
    fn device_without_an_end_is_read_up_to_the_limit() {
        assert!(Config::read(Path::new("/dev/zero")).unwrap().len() > MAX_BYTES);
        assert_eq!(Config::read(Path::new("/dev/null")).unwrap(), "");
    }
}
