//! The records of a file, by its columns.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use flowmote_engine::samples::Logged;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

use super::columns::{Column, Row, Setter, address, data_source, direction, mac};
use super::{Ended, Reading};
use crate::flow_logs::{RUN, sum_in};

/// Why a file was not read to the end.
#[derive(Debug)]
pub(super) enum Error {
    Ended(Ended),
    /// It is incomplete, damaged, or another kind of file.
    Damaged(String),
}

/// Passes on the records of a file in portions.
pub(super) fn read(
    path: &Path,
    reading: &Reading<'_>,
    add: &mut dyn FnMut(&[Logged]),
) -> Result<(), Error> {
    let Some(file) = open(path)? else { return Ok(()) };
    let file = SerializedFileReader::new(file)?;
    let run = run_of(file.metadata()).ok_or_else(|| Error::Damaged("no file of it".to_owned()))?;
    if reading.without_run == Some(run) {
        return Ok(());
    }
    for number in 0..file.num_row_groups() {
        let group = file.get_row_group(number)?;
        let rows = u64::try_from(group.metadata().num_rows()).unwrap_or_default();
        reading.count(rows).map_err(Error::Ended)?;
        let mut portion = Portion::new(group.as_ref(), reading)?;
        while portion.next()? {
            add(&portion.flows);
        }
    }
    Ok(())
}

/// Compares the checksum of a file with that in its name.
pub(super) fn verify(path: &Path) -> Result<(), Error> {
    let Some(mut file) = open(path)? else { return Ok(()) };
    let (mut sum, mut bytes) = (crc32fast::Hasher::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut bytes) {
            Ok(0) => break,
            Ok(read) => sum.update(bytes.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::Damaged(error.to_string())),
        }
    }
    let name = path.file_name().and_then(|name| name.to_str());
    match name.and_then(sum_in) == Some(sum.finalize()) {
        true => Ok(()),
        false => Err(Error::Damaged("its checksum is not that in its name".to_owned())),
    }
}

/// Opens a file; `None` if it was the oldest, and is removed meanwhile.
fn open(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::Damaged(error.to_string())),
    }
}

/// The start of the program that wrote the file.
fn run_of(metadata: &ParquetMetaData) -> Option<u64> {
    let pairs = metadata.file_metadata().key_value_metadata()?;
    let own = pairs.iter().find(|pair| pair.key == RUN)?;
    own.value.as_ref()?.parse().ok()
}

/// Some rows of a group.
struct Portion {
    columns: Vec<Source>,
    rows: Vec<Row>,
    flows: Vec<Logged>,
}

/// A column that is being read.
struct Source {
    set: Setter,
    reader: Values,
    /// For each row 1 if it has a value.
    known: Vec<i16>,
    /// True if rows may have no value.
    optional: bool,
}

/// The values of a column.
enum Values {
    Text(ColumnReaderImpl<ByteArrayType>, Vec<ByteArray>),
    Int32(ColumnReaderImpl<Int32Type>, Vec<i32>),
    Int64(ColumnReaderImpl<Int64Type>, Vec<i64>),
    Double(ColumnReaderImpl<DoubleType>, Vec<f64>),
}

impl Portion {
    fn new(group: &dyn RowGroupReader, reading: &Reading<'_>) -> Result<Self, Error> {
        let columns = reading.columns.iter().map(|column| Source::new(group, column));
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Self { columns, rows: Vec::new(), flows: Vec::new() })
    }

    /// Reads the next rows. False at the end.
    fn next(&mut self) -> Result<bool, Error> {
        self.rows.clear();
        self.rows.resize(ROWS, Row::default());
        let mut read = None;
        for column in &mut self.columns {
            let rows = column.read(&mut self.rows)?;
            if read.is_some_and(|read| read != rows) {
                return Err(Error::Damaged("columns of different lengths".to_owned()));
            }
            read = Some(rows);
        }
        let rows = self.rows.get(..read.unwrap_or_default()).unwrap_or_default();
        self.flows.clear();
        self.flows.extend(rows.iter().map(Row::logged));
        Ok(!self.flows.is_empty())
    }
}

impl Source {
    fn new(group: &dyn RowGroupReader, column: &Column) -> Result<Self, Error> {
        let schema = group.metadata().schema_descr_ptr();
        let number = schema.columns().iter().position(|own| own.name() == column.name);
        let missing = || Error::Damaged(format!("no column {}", column.name));
        let number = number.ok_or_else(missing)?;
        let optional = schema.column(number).max_def_level() > 0;
        let reader = match (group.get_column_reader(number)?, column.set) {
            (ColumnReader::ByteArrayColumnReader(reader), _) => Values::Text(reader, Vec::new()),
            (ColumnReader::Int32ColumnReader(reader), _) => Values::Int32(reader, Vec::new()),
            (ColumnReader::Int64ColumnReader(reader), _) => Values::Int64(reader, Vec::new()),
            (ColumnReader::DoubleColumnReader(reader), _) => Values::Double(reader, Vec::new()),
            _ => return Err(missing()),
        };
        Ok(Self { set: column.set, reader, known: Vec::new(), optional })
    }

    /// Reads the next values into rows. Returns the number of rows.
    fn read(&mut self, rows: &mut [Row]) -> Result<usize, Error> {
        self.known.clear();
        let Self { set, reader, known, optional } = self;
        let levels = optional.then_some(&mut *known);
        let (read, ..) = match reader {
            Values::Text(reader, values) => {
                values.clear();
                reader.read_records(rows.len(), levels, None, values)?
            }
            Values::Int32(reader, values) => {
                values.clear();
                reader.read_records(rows.len(), levels, None, values)?
            }
            Values::Int64(reader, values) => {
                values.clear();
                reader.read_records(rows.len(), levels, None, values)?
            }
            Values::Double(reader, values) => {
                values.clear();
                reader.read_records(rows.len(), levels, None, values)?
            }
        };
        let rows = rows.get_mut(..read).unwrap_or_default();
        let known = known.as_slice();
        let rows = rows.iter_mut().enumerate();
        let rows = rows.filter(|(at, _)| known.get(*at).is_none_or(|level| *level > 0));
        let rows = rows.map(|(_, row)| row);
        match (&self.reader, *set) {
            (Values::Text(_, values), set) => set_texts(set, rows.zip(values))?,
            (Values::Int32(_, values), Setter::Whole(set)) => {
                rows.zip(values).for_each(|(row, value)| set(row, i64::from(*value)));
            }
            (Values::Int64(_, values), Setter::Whole(set)) => {
                rows.zip(values).for_each(|(row, value)| set(row, *value));
            }
            (Values::Double(_, values), Setter::Number(set)) => {
                rows.zip(values).for_each(|(row, value)| set(row, finite(*value)));
            }
            _ => return Err(Error::Damaged("a column of another type".to_owned())),
        }
        Ok(read)
    }
}

/// Sets what is read from texts. Equal texts of a page with a dictionary are in one place.
fn set_texts<'v>(
    set: Setter,
    rows: impl Iterator<Item = (&'v mut Row, &'v ByteArray)>,
) -> Result<(), Error> {
    match set {
        Setter::Address(set) => each(rows, address, set),
        Setter::Mac(set) => each(rows, mac, set),
        Setter::DataSource(set) => each(rows, data_source, set),
        Setter::Direction(set) => each(rows, |text| Some(direction(text)), set),
        Setter::Whole(_) | Setter::Number(_) => {
            Err(Error::Damaged("a column of another type".to_owned()))
        }
    }
}

fn each<'v, T: Copy>(
    rows: impl Iterator<Item = (&'v mut Row, &'v ByteArray)>,
    parse: impl Fn(&[u8]) -> Option<T>,
    set: fn(&mut Row, T),
) -> Result<(), Error> {
    let mut last: Option<(&[u8], Option<T>)> = None;
    for (row, text) in rows {
        let text = text.data();
        let value = match last {
            Some((known, value)) if core::ptr::eq(known, text) => value,
            _ => parse(text),
        };
        last = Some((text, value));
        match value {
            Some(value) => set(row, value),
            None if text == UNKNOWN || text == NO_ADDRESS => {}
            None => {
                let text = String::from_utf8_lossy(text);
                return Err(Error::Damaged(format!("a value that it does not have: {text:.100}")));
            }
        }
    }
    Ok(())
}

fn finite(number: f64) -> f64 {
    if number.is_finite() { number.max(0.0) } else { 0.0 }
}

impl From<ParquetError> for Error {
    fn from(error: ParquetError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Rows that are read together.
const ROWS: usize = 4096;
/// A text that is unknown.
const UNKNOWN: &[u8] = b"-";
/// The address of an agent that has none.
const NO_ADDRESS: &[u8] = b"unknown";
