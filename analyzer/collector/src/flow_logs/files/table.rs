//! Lines as columns of Apache Parquet.

use core::hash::BuildHasher;
use std::fs::File;
use std::hash::RandomState;
use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use crate::flow_logs::field::{Field, Kind};

/// A file, and the CRC-32 of what was written to it.
struct Summed {
    file: Arc<File>,
    sum: crc32fast::Hasher,
}

impl Write for Summed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = (&*self.file).write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.file).flush()
    }
}

/// A file of columns.
pub(super) struct Table {
    writer: SerializedFileWriter<Summed>,
    fields: Vec<&'static Field>,
}

impl Table {
    /// A table of these fields, and of the history of flows if it has the start of the program.
    pub(super) fn new(
        file: Arc<File>,
        fields: &[&'static Field],
        run: Option<u64>,
    ) -> io::Result<Self> {
        let columns: String = fields.iter().map(|field| column(field)).collect();
        let schema = parse_message_type(&format!("message flow_log {{ {columns} }}"))?;
        let compression = Compression::GZIP(parquet::basic::GzipLevel::try_new(1)?);
        // Without dictionaries, which the reader in flowlogs-reader does not know in today's encoding.
        let properties = WriterProperties::builder().set_compression(compression);
        // No two files are equal, and have the same checksum in their names.
        let number = RandomState::new().hash_one(0).to_string();
        let pairs = |run: u64| [(RUN, run.to_string()), (NUMBER, number)];
        let run =
            run.map(|run| pairs(run).map(|(key, value)| KeyValue::new(key.to_owned(), value)));
        let properties = properties.set_dictionary_enabled(run.is_some());
        let properties = properties.set_key_value_metadata(run.map(Vec::from)).build();
        let file = Summed { file, sum: crc32fast::Hasher::new() };
        let writer = SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { writer, fields: fields.to_vec() })
    }

    /// Writes the end of the file. Returns its CRC-32.
    pub(super) fn finish(self) -> io::Result<u32> {
        Ok(self.writer.into_inner()?.sum.finalize())
    }

    /// Adds lines as a row group.
    pub(super) fn write(&mut self, lines: &str) -> Result<()> {
        // Where the next field begins in each line: a column at a time takes little memory.
        let mut rests: Vec<&str> = lines.lines().collect();
        let mut group = self.writer.next_row_group()?;
        while let Some(mut column) = group.next_column()? {
            write_column(column.untyped(), rests.iter().map(|rest| first(rest).0))?;
            column.close()?;
            rests.iter_mut().for_each(|rest| *rest = first(rest).1);
        }
        group.close()?;
        Ok(())
    }
}

/// The first field, and the others.
fn first(fields: &str) -> (&str, &str) {
    fields.split_once(' ').unwrap_or((fields, "-"))
}

/// A column of the schema. Numbers may be unknown, which is `-` in texts, as on AWS.
fn column(field: &Field) -> String {
    let name = field.name.replace('-', "_");
    match field.kind {
        Kind::Text => format!("REQUIRED BYTE_ARRAY {name} (STRING); "),
        Kind::Int32 => format!("OPTIONAL INT32 {name}; "),
        Kind::Int64 => format!("OPTIONAL INT64 {name}; "),
        Kind::Double => format!("OPTIONAL DOUBLE {name}; "),
    }
}

fn write_column<'a>(
    column: &mut ColumnWriter<'_>,
    values: impl Iterator<Item = &'a str> + Clone,
) -> Result<()> {
    match column {
        ColumnWriter::ByteArrayColumnWriter(column) => {
            let values: Vec<ByteArray> = values.map(ByteArray::from).collect();
            column.write_batch(&values, None, None)?;
        }
        ColumnWriter::Int32ColumnWriter(column) => {
            let (values, known) = numbers(values);
            column.write_batch(&values, Some(&known), None)?;
        }
        ColumnWriter::Int64ColumnWriter(column) => {
            let (values, known) = numbers(values);
            column.write_batch(&values, Some(&known), None)?;
        }
        ColumnWriter::DoubleColumnWriter(column) => {
            let (values, known) = numbers(values);
            column.write_batch(&values, Some(&known), None)?;
        }
        // There are no columns of other types.
        _ => {}
    }
    Ok(())
}

/// The numbers, and for each row 1 if it has one.
fn numbers<'a, T: core::str::FromStr>(values: impl Iterator<Item = &'a str>) -> (Vec<T>, Vec<i16>) {
    let (mut numbers, mut known) = (Vec::new(), Vec::new());
    for value in values {
        let number = value.parse().ok();
        known.push(i16::from(number.is_some()));
        numbers.extend(number);
    }
    (numbers, known)
}

impl core::fmt::Debug for Table {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Table").field("fields", &self.fields).finish_non_exhaustive()
    }
}

/// The metadata of a file of the history: the start of the program that wrote it.
pub(crate) const RUN: &str = "flowmote.run";
const NUMBER: &str = "flowmote.file";
