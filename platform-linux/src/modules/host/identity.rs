//! `host_descr` (2000): name, UUID and operating system of the host.

use std::io;

use flowmote_core::record::counter::{HostDescr, OsName};
use log::info;
use uuid::Uuid;

use super::text::Files;
use crate::uname::Uname;

/// The fields of `host_descr` (2000) at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostIdentity {
    uname: Uname,
    uuid: [u8; 16],
}

impl HostIdentity {
    pub(super) fn now(uuid: [u8; 16]) -> Self {
        Self { uname: Uname::now(), uuid }
    }

    pub(super) fn descr(&self) -> HostDescr<'_> {
        let Uname { hostname, release, machine } = &self.uname;
        HostDescr {
            hostname,
            uuid: self.uuid,
            machine_type: *machine,
            os_name: OsName::LINUX,
            os_release: release,
        }
    }
}

/// The UUID of the firmware (SMBIOS; readable by root only), else one derived from the machine id,
/// else zeros: unknown.
pub(super) fn machine_uuid(files: &mut Files) -> [u8; 16] {
    let firmware = match files.try_read(PRODUCT_UUID, 64) {
        Ok(text) => firmware_uuid(&text),
        Err(error) => {
            // Under the systemd unit the daemon is never root.
            if error.kind() == io::ErrorKind::PermissionDenied {
                info!(
                    "/{PRODUCT_UUID}: {error}; the UUID of the host is made from /etc/machine-id"
                );
            }
            None
        }
    };
    let uuid = firmware
        .or_else(|| files.read_optional("etc/machine-id", 64).and_then(|text| derived_uuid(&text)));
    uuid.unwrap_or_default()
}

/// Parses the UUID of the firmware; `None` if many machines share it.
fn firmware_uuid(text: &str) -> Option<[u8; 16]> {
    let uuid = Uuid::try_parse(text.trim()).ok()?;
    (!is_placeholder(&uuid)).then_some(uuid.into_bytes())
}

/// Returns true for what boards report whose vendor never set a UUID: one byte repeated, a count of
/// small numbers such as 03000200-0400-0500-0006-000700080009, or a value of [`PLACEHOLDERS`].
fn is_placeholder(uuid: &Uuid) -> bool {
    let bytes = uuid.as_bytes();
    let [first, ..] = *bytes;
    let repeats = bytes.iter().all(|byte| *byte == first);
    // A real UUID has 32 random digits or a MAC address, so that not every second digit is 0.
    let counts = bytes.iter().all(|byte| *byte < 0x11);
    // SMBIOS 2.6 swapped the bytes of the first three fields, and boards disagree on it.
    let swapped = Uuid::from_bytes_le(*bytes);
    repeats || counts || PLACEHOLDERS.iter().any(|shared| uuid == shared || swapped == *shared)
}

/// A UUID of version 5 (RFC 9562) in Flowmote's own name space. machine-id(5) requires that only a
/// hash of the id leaves the machine, never the id itself.
fn derived_uuid(text: &str) -> Option<[u8; 16]> {
    let id = text.trim();
    let real = id.len() == 32
        && id.bytes().all(|digit| digit.is_ascii_hexdigit())
        && id.bytes().any(|digit| digit != b'0');
    real.then(|| Uuid::new_v5(&MACHINE_ID_NAMESPACE, id.as_bytes()).into_bytes())
}

const PRODUCT_UUID: &str = "sys/class/dmi/id/product_uuid";
/// UUIDs that several machines were seen with.
const PLACEHOLDERS: [Uuid; 4] = [
    // Dell without a service tag: "DELL", and blanks where the tag belongs.
    Uuid::from_u128(0x4c4c_4544_0000_2010_8020_80c0_4f20_2020),
    // HPE ProLiant MicroServer Gen8: product and serial number of one of them.
    Uuid::from_u128(0x3139_3138_3538_5a43_3135_3531_3032_3750),
    Uuid::from_u128(0x1234_5678_1234_5678_90ab_cdde_efaa_bbcc),
    Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff),
];
/// Drawn once at random. Changing it would change the UUID of every host.
const MACHINE_ID_NAMESPACE: Uuid = Uuid::from_u128(0x9f3c_1e0a_7b52_4d68_a1c4_5e0d_2b86_f713);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn firmware_placeholders_are_not_uuids() {
        let uuid = firmware_uuid("ec2a1b3c-0001-0203-0405-060708090a0b\n").unwrap();
        assert_eq!(uuid, [0xec, 0x2a, 0x1b, 0x3c, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        // Supermicro: zeros and a MAC address. HP: product and serial number.
        for unique in
            ["00000000-0000-0000-0000-AC1F6B000001", "31393138-3538-5A43-3135-353130323751"]
        {
            assert!(firmware_uuid(unique).is_some(), "{unique}");
        }
        for nothing in [
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "FEFEFEFE-FEFE-FEFE-FEFE-FEFEFEFEFEFE",
            "03000200-0400-0500-0006-000700080009",
            "00020003-0004-0005-0006-000700080009",
            "00000000-0000-0000-0807-060504030201",
            "01020304-0506-0708-090A-0B0C0D0E0F10",
            "31393138-3538-5A43-3135-353130323750",
            "38313931-3835-435A-3135-353130323750",
            "4C4C4544-0000-2010-8020-80C04F202020",
            "44454C4C-0000-1020-8020-80C04F202020",
            "Not Settable",
            "",
        ] {
            assert_eq!(firmware_uuid(nothing), None, "{nothing}");
        }
    }

    /// Reference: Python's `uuid.uuid5`.
    #[test]
    fn uuid_is_derived_from_a_valid_machine_id() {
        let uuid = derived_uuid("0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(Uuid::from_bytes(uuid).to_string(), "e6de859d-41f0-5726-aacb-897c11fda8a4");
        assert_eq!(derived_uuid("00000000000000000000000000000000"), None);
        assert_eq!(derived_uuid("uninitialized"), None);
        assert_eq!(derived_uuid(""), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text: String) {
            firmware_uuid(&text);
            derived_uuid(&text);
        }
    }
}
