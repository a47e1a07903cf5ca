//! Databases for the key functions `country`, `asn` and `oui`, from files that the user names.

mod vendors;

use core::fmt::Display;
use core::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowmote_decoder::MacAddress;
use flowmote_engine::lookup::{AsnPart, Databases, Geo, OuiPart};
use maxminddb::geoip2::Asn;
use maxminddb::{MaxMindDbError, PathElement, Reader};
use serde::de::IgnoredAny;

use crate::args::DatabaseArguments;
use vendors::Vendors;

/// The content of the files. The functions of a file that is not named have no value.
struct Facts {
    country: Option<Networks>,
    asn: Option<Networks>,
    vendors: Option<Vendors>,
}

/// A database of networks, in memory.
type Networks = Reader<Vec<u8>>;

/// Reads the files.
///
/// # Errors
/// The first file that cannot be used, and why.
pub(crate) fn open(files: &DatabaseArguments) -> Result<Databases, String> {
    let DatabaseArguments { country, asn, oui } = files;
    let facts = Facts {
        country: read(country, |file| networks(file, &COUNTRY))?,
        asn: read(asn, |file| networks(file, &ASN))?,
        vendors: read(oui, Vendors::read)?,
    };
    Ok(Databases::new(Arc::new(facts)))
}

fn read<T>(
    file: &Option<PathBuf>,
    read: impl Fn(&Path) -> Result<T, String>,
) -> Result<Option<T>, String> {
    file.as_deref().map(read).transpose()
}

/// Reads a MaxMind database, of which a record at least must have `field`: another kind of database
/// would leave all keys without a value.
fn networks(file: &Path, field: &[PathElement<'_>]) -> Result<Networks, String> {
    let failed = |error: &dyn Display| format!("cannot read {}: {error}", file.display());
    let reader = Reader::open_readfile(file).map_err(|error| failed(&error))?;
    match has(&reader, field) {
        Ok(true) => Ok(reader),
        Ok(false) => {
            let (kind, field) = (&reader.metadata().database_type, dotted(field));
            Err(failed(&format_args!("no record has `{field}`; it is a database of `{kind}`")))
        }
        Err(error) => Err(failed(&error)),
    }
}

fn has(reader: &Networks, field: &[PathElement<'_>]) -> Result<bool, MaxMindDbError> {
    for network in reader.networks(Default::default())? {
        if network?.decode_path::<IgnoredAny>(field)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn dotted(field: &[PathElement<'_>]) -> String {
    let names = field.iter().map(|element| match element {
        PathElement::Key(name) => *name,
        _ => "",
    });
    names.collect::<Vec<_>>().join(".")
}

impl Geo for Facts {
    fn country(&self, address: IpAddr) -> Option<String> {
        self.country.as_ref()?.lookup(address).ok()?.decode_path(&COUNTRY).ok()?
    }

    fn asn(&self, address: IpAddr, part: AsnPart) -> Option<String> {
        let record: Asn<'_> = self.asn.as_ref()?.lookup(address).ok()?.decode().ok()??;
        let number = record.autonomous_system_number.map(|number| number.to_string());
        let name = record.autonomous_system_organization.map(str::to_owned);
        match part {
            AsnPart::Number => number,
            AsnPart::Name => name,
            AsnPart::Both => Some(format!("{}-{}", number?, name?)),
        }
    }

    fn oui(&self, address: MacAddress, part: OuiPart) -> Option<String> {
        let name = self.vendors.as_ref()?.name(address)?;
        let [a, b, c, ..] = address.0;
        Some(match part {
            OuiPart::Prefix => format!("{a:02X}{b:02X}{c:02X}"),
            OuiPart::Name => name.to_owned(),
        })
    }
}

const COUNTRY: [PathElement<'static>; 2] =
    [PathElement::Key("country"), PathElement::Key("iso_code")];
const ASN: [PathElement<'static>; 1] = [PathElement::Key("autonomous_system_number")];
