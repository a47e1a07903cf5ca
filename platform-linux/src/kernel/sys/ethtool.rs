//! Speed and duplex of an interface: `ioctl(SIOCETHTOOL)` with `ETHTOOL_GLINKSETTINGS`.
//!
//! The ioctl reads from the network namespace of the socket, so it also works where `/sys` belongs to
//! another namespace. Kernels before 4.6 lack it; there, speed and duplex stay unknown.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The link settings in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct LinkSettings {
    /// Bits per second; `None` if the driver does not report it or the link is down.
    pub(crate) speed_bps: Option<u64>,
    /// False for half duplex; `None` if unknown.
    pub(crate) full_duplex: Option<bool>,
}

/// Reads the link settings of an interface from its driver. `fd` is any socket of its network
/// namespace.
///
/// # Errors
/// `InvalidInput` for a name that no interface can have, `EOPNOTSUPP` if the driver has no link
/// settings, `ENODEV` if there is no such interface.
pub(crate) fn link_settings(fd: BorrowedFd<'_>, name: &str) -> io::Result<LinkSettings> {
    let mut settings = Settings::new();
    // The first call, with nwords 0, only returns the number of words of a link mode mask, negated
    // (net/ethtool/ioctl.c, ethtool_get_link_ksettings).
    call(fd, name, &mut settings)?;
    settings.nwords =
        settings.nwords.checked_neg().filter(|&n| n > 0).ok_or(io::ErrorKind::InvalidData)?;
    settings.cmd = ETHTOOL_GLINKSETTINGS;
    call(fd, name, &mut settings)?;
    Ok(settings.link_settings())
}

/// `struct ethtool_link_settings` of linux/ethtool.h, followed by room for its masks.
#[repr(C)]
struct Settings {
    cmd: u32,
    speed: u32,
    duplex: u8,
    /// port, phy_address, autoneg, mdio_support, eth_tp_mdix, eth_tp_mdix_ctrl.
    unused: [u8; 6],
    /// link_mode_masks_nwords.
    nwords: i8,
    /// transceiver to reserved.
    reserved: [u32; 8],
    masks: [u32; MAX_MASK_WORDS],
}

impl Settings {
    const fn new() -> Self {
        Self {
            cmd: ETHTOOL_GLINKSETTINGS,
            speed: 0,
            duplex: DUPLEX_UNKNOWN,
            unused: [0; 6],
            nwords: 0,
            reserved: [0; 8],
            masks: [0; MAX_MASK_WORDS],
        }
    }

    fn link_settings(&self) -> LinkSettings {
        let known = self.speed != 0 && self.speed != SPEED_UNKNOWN;
        LinkSettings {
            speed_bps: known.then(|| u64::from(self.speed) * 1_000_000),
            full_duplex: match self.duplex {
                DUPLEX_HALF => Some(false),
                DUPLEX_FULL => Some(true),
                _ => None,
            },
        }
    }
}

fn call(fd: BorrowedFd<'_>, name: &str, settings: &mut Settings) -> io::Result<()> {
    // SAFETY: for ETHTOOL_GLINKSETTINGS the kernel writes the head and three masks of `nwords` words,
    // and only if `nwords` is exactly its own number, an i8; `masks` has room for three times the
    // greatest i8.
    unsafe { request(fd, name, (&raw mut *settings).cast()) }
}

/// `ioctl(SIOCETHTOOL)`.
///
/// # Safety
/// `data` points to exclusively borrowed memory that begins with the number of a command, with room
/// for all that the kernel writes for it.
pub(super) unsafe fn request(
    fd: BorrowedFd<'_>,
    name: &str,
    data: *mut libc::c_void,
) -> io::Result<()> {
    let ifr_ifru = libc::__c_anonymous_ifr_ifru { ifru_data: data.cast() };
    let mut request = libc::ifreq { ifr_name: interface_name(name)?, ifr_ifru };
    // SAFETY: `request` is a whole ifreq whose name ends in NUL, alive over the call; its data is what
    // the caller vouches for.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::SIOCETHTOOL as _, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn interface_name(name: &str) -> io::Result<[libc::c_char; libc::IFNAMSIZ]> {
    let mut field = [0; libc::IFNAMSIZ];
    if name.is_empty() || name.len() >= field.len() || name.contains('\0') {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    for (to, from) in field.iter_mut().zip(name.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Ok(field)
}

const ETHTOOL_GLINKSETTINGS: u32 = 0x4c;
const SPEED_UNKNOWN: u32 = u32::MAX;
const DUPLEX_HALF: u8 = 0;
const DUPLEX_FULL: u8 = 1;
const DUPLEX_UNKNOWN: u8 = 0xff;
/// Three masks (supported, advertising, partner) of at most `i8::MAX` words.
const MAX_MASK_WORDS: usize = 3 * 127;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;
    use std::os::fd::AsFd;

    #[test]
    fn layout_is_that_of_the_kernel_header() {
        assert_eq!(size_of::<Settings>(), 48 + 4 * MAX_MASK_WORDS);
        assert_eq!(core::mem::offset_of!(Settings, nwords), 15);
    }

    #[test]
    fn unknown_speed_and_duplex_are_none() {
        let mut settings = Settings::new();
        settings.speed = SPEED_UNKNOWN;
        assert_eq!(settings.link_settings(), LinkSettings::default());
        settings.speed = 400_000;
        settings.duplex = DUPLEX_FULL;
        let known = LinkSettings { speed_bps: Some(400_000_000_000), full_duplex: Some(true) };
        assert_eq!(settings.link_settings(), known);
    }

    #[test]
    fn invalid_names_and_missing_interfaces_are_errors() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for name in ["", "sixteen-letters-", "a\0b"] {
            let error = link_settings(socket.as_fd(), name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
        let error = link_settings(socket.as_fd(), "no-such-link").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENODEV));
    }
}
