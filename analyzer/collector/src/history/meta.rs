//! What the file has about itself.

use core::fmt;
use std::io;

use redb::{ReadTransaction, ReadableTable, TableDefinition, TableHandle, WriteTransaction};

use super::SHARD;
use super::store::Result;

/// The number of the format, and the groups of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    number: u64,
    shard: u64,
}

/// The format of this program. The number changes with tables, their keys, chunks and the log.
const FORMAT: Format = Format { number: 5, shard: SHARD as u64 };

/// The file has another format than this program.
#[derive(Debug)]
pub(super) struct OtherFormat(pub(super) Format);

impl Format {
    /// The end of the name of a file of this format.
    pub(super) fn short(self) -> String {
        format!("format-{}-{}", self.number, self.shard)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "format {} with shards of {} groups", self.number, self.shard)
    }
}

impl fmt::Display for OtherFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has {}, and this version needs {FORMAT}", self.0)
    }
}

impl core::error::Error for OtherFormat {}

impl OtherFormat {
    /// The format that an error is about.
    pub(super) fn of(error: &redb::Error) -> Option<Format> {
        let redb::Error::Io(error) = error else { return None };
        Some(error.get_ref()?.downcast_ref::<Self>()?.0)
    }
}

/// Writes the format into a new file.
///
/// # Errors
/// `OtherFormat` if the file has another one; a file that has tables and no format has format 0.
pub(super) fn check(transaction: &WriteTransaction) -> Result<()> {
    let names: Vec<String> = transaction.list_tables()?.map(|it| it.name().to_owned()).collect();
    let is_new = names.iter().all(|name| name == META.name());
    let mut meta = transaction.open_table(META)?;
    let mut get = |name: &str, new: u64| -> Result<u64> {
        if is_new {
            meta.insert(name, new)?;
        }
        Ok(meta.get(name)?.map_or(0, |it| it.value()))
    };
    let number = get("format", FORMAT.number)?;
    let found = Format { number, shard: get("shard", FORMAT.shard)? };
    if found != FORMAT {
        return Err(redb::Error::Io(io::Error::other(OtherFormat(found))));
    }
    Ok(())
}

/// A number; 0 if there is none.
pub(super) fn get(transaction: &ReadTransaction, name: &str) -> Result<u64> {
    Ok(transaction.open_table(META)?.get(name)?.map_or(0, |it| it.value()))
}

/// A number that may be changed; 0 if there is none.
pub(super) fn of(transaction: &WriteTransaction, name: &str) -> Result<u64> {
    Ok(transaction.open_table(META)?.get(name)?.map_or(0, |it| it.value()))
}

pub(super) fn set(transaction: &WriteTransaction, name: &str, number: u64) -> Result<()> {
    transaction.open_table(META)?.insert(name, number)?;
    Ok(())
}

pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
