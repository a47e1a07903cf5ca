//! Counters of a driver under names that it chooses, `ethtool -S`: `ioctl(SIOCETHTOOL)` with
//! `ETHTOOL_GSTRINGS` and `ETHTOOL_GSTATS`. Netlink has no such request.
//!
//! Each call may wait for the device: ENA sends it a command.

use std::io;
use std::os::fd::BorrowedFd;

use super::ethtool::request;

/// The driver of an interface, such as `ena`.
///
/// # Errors
/// `EOPNOTSUPP` if it has no name, `ENODEV` if there is no such interface.
pub(crate) fn driver(fd: BorrowedFd<'_>, interface: &str) -> io::Result<String> {
    let mut info = DriverInfo { cmd: ETHTOOL_GDRVINFO, driver: [0; 32], rest: [0; 160] };
    // SAFETY: the kernel writes one `struct ethtool_drvinfo`, of the size of `info`.
    unsafe { request(fd, interface, (&raw mut info).cast()) }?;
    Ok(text(&info.driver).into_owned())
}

/// Passes name and value of each counter to `visit`.
///
/// # Errors
/// `EOPNOTSUPP` if the driver has none, `ENODEV` if there is no such interface, `InvalidData` if there
/// are more than [`MAX_COUNT`].
pub(crate) fn statistics(
    fd: BorrowedFd<'_>,
    interface: &str,
    visit: &mut dyn FnMut(&str, u64),
) -> io::Result<()> {
    let count = count(fd, interface)?;
    // The kernel writes as many as the driver has at that moment, whatever the caller has room for
    // (net/ethtool/ioctl.c, ethtool_get_strings and ethtool_get_stats). The number follows that of the
    // queues, which a user can change between two calls.
    let room = count.saturating_mul(4).saturating_add(SLACK);
    let mut names = vec![0_u8; STRINGS_HEAD + room * STRING];
    names.get_mut(..4).unwrap_or_default().copy_from_slice(&ETHTOOL_GSTRINGS.to_ne_bytes());
    names.get_mut(4..8).unwrap_or_default().copy_from_slice(&ETH_SS_STATS.to_ne_bytes());
    // SAFETY: the kernel writes a head of twelve bytes and 32 for each name; see `room`.
    unsafe { request(fd, interface, names.as_mut_ptr().cast()) }?;
    let mut values = vec![0_u64; 1 + room];
    let head = values.first_mut().into_iter();
    head.for_each(|head| *head = two_words(ETHTOOL_GSTATS, 0));
    // SAFETY: the kernel writes a head of eight bytes and eight for each value; see `room`.
    unsafe { request(fd, interface, values.as_mut_ptr().cast()) }?;
    pairs(&names, &values, visit);
    Ok(())
}

fn count(fd: BorrowedFd<'_>, interface: &str) -> io::Result<usize> {
    let mut info =
        SetInfo { cmd: ETHTOOL_GSSET_INFO, reserved: 0, sets: 1 << ETH_SS_STATS, counts: [0; 2] };
    // SAFETY: the kernel writes a head of sixteen bytes and one count for the one set requested.
    unsafe { request(fd, interface, (&raw mut info).cast()) }?;
    match info.counts[0] as usize {
        // The bit of a set that the driver does not have is cleared.
        0 => Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP)),
        count if count > MAX_COUNT => Err(io::ErrorKind::InvalidData.into()),
        count => Ok(count),
    }
}

/// Pairs what the two calls returned. If the number changed in between, the names may belong to other
/// values: then there are none.
fn pairs(names: &[u8], values: &[u64], visit: &mut dyn FnMut(&str, u64)) {
    let second_word = |bytes: &[u8]| bytes.first_chunk().map(|word| u32::from_ne_bytes(*word));
    let named = names.get(8..).and_then(second_word);
    let head = values.first().map(|head| head.to_ne_bytes());
    let valued = head.as_ref().and_then(|head| second_word(&head[4..]));
    let (Some(count), true) = (named, named == valued) else { return };
    let names = names.get(STRINGS_HEAD..).unwrap_or_default().chunks_exact(STRING);
    for (name, value) in names.zip(values.iter().skip(1)).take(count as usize) {
        visit(&text(name), *value);
    }
}

/// The text before the first NUL.
fn text(field: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(field.split(|byte| *byte == 0).next().unwrap_or_default())
}

fn two_words(first: u32, second: u32) -> u64 {
    let [a, b, c, d] = first.to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// `struct ethtool_drvinfo` of linux/ethtool.h.
#[repr(C)]
struct DriverInfo {
    cmd: u32,
    driver: [u8; 32],
    /// version to regdump_len.
    rest: [u8; 160],
}

/// `struct ethtool_sset_info`, with room for two counts, of which one is requested.
#[repr(C)]
struct SetInfo {
    cmd: u32,
    reserved: u32,
    sets: u64,
    counts: [u32; 2],
}

/// Ten times what a NIC with 128 queues has. Indexes are never narrower than this.
const MAX_COUNT: usize = 65_536;
/// Counters that a driver may gain between two calls, besides a fourfold number.
const SLACK: usize = 1024;
/// `struct ethtool_gstrings`: cmd, string_set, len.
const STRINGS_HEAD: usize = 12;
/// `ETH_GSTRING_LEN`.
const STRING: usize = 32;
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETH_SS_STATS: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    fn replies(named: u32, valued: u32, names: &[&str]) -> (Vec<u8>, Vec<u64>) {
        let mut strings = [27_u32, 1, named].map(u32::to_ne_bytes).concat();
        for name in names {
            let mut field = [0_u8; STRING];
            field[..name.len()].copy_from_slice(name.as_bytes());
            strings.extend(field);
        }
        let values = (0..names.len() as u64).map(|number| number * 10);
        (strings, std::iter::once(two_words(29, valued)).chain(values).collect())
    }

    fn visited(named: u32, valued: u32, names: &[&str]) -> Vec<(String, u64)> {
        let (names, values) = replies(named, valued, names);
        let mut visited = Vec::new();
        pairs(&names, &values, &mut |name, value| visited.push((name.to_owned(), value)));
        visited
    }

    #[test]
    fn layouts_are_those_of_the_kernel_header() {
        assert_eq!((size_of::<DriverInfo>(), size_of::<SetInfo>()), (196, 24));
    }

    #[test]
    fn names_and_values_are_paired_beyond_255() {
        let names: Vec<String> = (0..300).map(|number| format!("counter_{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let visited = visited(300, 300, &names);
        assert_eq!(visited.len(), 300);
        assert_eq!(visited[299], ("counter_299".to_owned(), 2990));
        let longest = "a".repeat(STRING);
        assert_eq!(self::visited(1, 1, &[&longest]), [(longest, 0)], "without NUL");
    }

    #[test]
    fn values_of_another_number_are_not_paired() {
        assert_eq!(visited(2, 1, &["a", "b"]), []);
        assert_eq!(visited(1000, 1000, &["a"]), [("a".to_owned(), 0)], "a count that is wrong");
        let mut none = 0;
        pairs(&[], &[], &mut |_, _| none += 1);
        assert_eq!(none, 0);
    }

    #[test]
    fn loopback_has_no_counters() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let error = statistics(socket.as_fd(), "lo", &mut |_, _| {}).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
        let error = driver(socket.as_fd(), "no-such-link").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
