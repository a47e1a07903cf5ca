//! Program text that only the start has needed.

use core::ops::Range;
use core::ptr;
use std::fs;
use std::io;

/// Takes the text of the program and its libraries out of this process's resident memory; answers
/// how many mappings there were. What is needed again comes back from the page cache, one minor
/// fault for up to 16 pages.
///
/// Start-up reads a command line, a configuration and addresses, and never again; that is a third
/// of the resident memory of an agent that idles.
///
/// # Errors
/// If `/proc/self/maps` cannot be read or the kernel refuses; then all stays as it was.
pub(crate) fn release() -> io::Result<usize> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let mut released = 0;
    for range in maps.lines().filter_map(text) {
        let start = ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: a private mapping of a file that is executable and not writable holds what is
        // in the file, and the next access reads it from there again.
        if unsafe { libc::madvise(start, range.len(), libc::MADV_DONTNEED) } != 0 {
            return Err(io::Error::last_os_error());
        }
        released += 1;
    }
    Ok(released)
}

/// Where the mapping of a line of `/proc/PID/maps` is, if it is program text of a file.
fn text(line: &str) -> Option<Range<usize>> {
    let mut fields = line.split_ascii_whitespace();
    let (range, permissions) = (fields.next()?, fields.next()?);
    let path = fields.nth(3)?;
    if permissions != "r-xp" || !path.starts_with('/') {
        return None;
    }
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_of_files_is_released() {
        let line = "55b6f1e3f000-55b6f1f14000 r-xp 00033000 fe:00 1234       /usr/sbin/flowmote";
        assert_eq!(text(line), Some(0x55b6_f1e3_f000..0x55b6_f1f1_4000));
        assert_eq!(text(&line.replace("r-xp", "rw-p")), None);
        assert_eq!(text(&line.replace("r-xp", "r--p")), None);
        assert_eq!(text("7ffc2b1f0000-7ffc2b1f2000 r-xp 00000000 00:00 0   [vdso]"), None);
        assert_eq!(text("7f2a1c000000-7f2a1c021000 r-xp 00000000 00:00 0"), None);
        assert_eq!(text(""), None);
    }

    #[test]
    fn the_program_goes_on_without_its_pages() {
        let released = release().unwrap();
        assert!(released >= 1);
        assert_eq!(release().unwrap(), released);
    }
}
