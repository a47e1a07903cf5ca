//! The memory of the module of an interface: `ETHTOOL_MSG_MODULE_EEPROM_GET` of the generic netlink
//! family `ethtool` (Linux 5.13), which also serves drivers that have the older ioctl only.

use std::io;

use super::module::{Memory, Place};
use crate::kernel::netlink::attributes::find;
use crate::kernel::netlink::{GENERIC_HEADER, GenericSocket, push_attribute};

/// The module of one interface.
#[derive(Debug)]
pub(super) struct Eeprom<'a> {
    pub(super) socket: &'a mut GenericSocket,
    pub(super) if_index: u32,
}

impl Memory for Eeprom<'_> {
    fn read(&mut self, place: Place) -> io::Result<Vec<u8>> {
        let mut header = Vec::new();
        push_attribute(&mut header, HEADER_DEV_INDEX, &self.if_index.to_ne_bytes());
        let request = self
            .socket
            .command(MODULE_EEPROM_GET)
            .attribute(HEADER | NESTED, &header)
            .attribute(OFFSET, &u32::from(place.offset).to_ne_bytes())
            .attribute(LENGTH, &LENGTH_BYTES.to_ne_bytes())
            .attribute(PAGE, &[place.page])
            .attribute(BANK, &[0])
            .attribute(I2C_ADDRESS, &[place.device]);
        let mut data = None;
        self.socket.request(&request, &mut |message| {
            let body = message.body.get(GENERIC_HEADER..).unwrap_or_default();
            data = find(body, DATA).map(<[u8]>::to_vec).or(data.take());
        })?;
        data.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

/// The kernel reads at most half a page with one request.
const LENGTH_BYTES: u32 = 128;
/// Required on nested attributes (`NL_VALIDATE_NESTED`).
const NESTED: u16 = netlink_packet_core::NLA_F_NESTED;
// linux/ethtool_netlink.h
const MODULE_EEPROM_GET: u8 = 31;
const HEADER: u16 = 1;
const HEADER_DEV_INDEX: u16 = 1;
const OFFSET: u16 = 2;
const LENGTH: u16 = 3;
const PAGE: u16 = 4;
const BANK: u16 = 5;
const I2C_ADDRESS: u16 = 6;
const DATA: u16 = 7;

#[cfg(test)]
mod tests {
    use super::super::module::LOWER;
    use super::*;

    /// A request with a missing or wrong attribute would be EINVAL or ERANGE.
    #[test]
    fn kernel_accepts_the_request() {
        let Ok(mut socket) = GenericSocket::open("ethtool") else { return };
        let mut loopback = Eeprom { socket: &mut socket, if_index: 1 };
        for place in [LOWER, super::super::module::upper(3)] {
            let error = loopback.read(place).unwrap_err();
            // Without CAP_NET_ADMIN the kernel does not look at the attributes.
            let expected = [Some(libc::EOPNOTSUPP), Some(libc::EPERM)];
            assert!(expected.contains(&error.raw_os_error()), "{error}");
        }
    }
}
