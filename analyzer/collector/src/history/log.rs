//! The log: rows of the last minutes, as they came.
//!
//! Each part of the log is one value of the database and has the rows of a shard of groups, so that few
//! of them are read to put the rows of a shard into chunks. A row begins with its length, so that the rows
//! of one group are found without decoding those of others.

use core::ops::Range;
use std::collections::BTreeMap;

use super::bytes::{Reader, signed, unsigned};
use super::sample::Sample;
use super::{Column, Group};

/// The numbers of a group at a time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Milliseconds since 1970.
    pub(crate) end: i64,
    /// Milliseconds that differences are over.
    pub(crate) over: i64,
    pub(crate) columns: Vec<(Column, Sample)>,
}

/// Rows that are not written yet, by shards.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(super) shards: BTreeMap<u32, Vec<u8>>,
    /// Samples in it.
    pub(crate) points: u64,
    /// Room for a row.
    row: Vec<u8>,
}

impl Batch {
    /// Adds a row.
    pub(crate) fn add(&mut self, group: Group, row: &Row) {
        let mut bytes = core::mem::take(&mut self.row);
        bytes.clear();
        let out = &mut bytes;
        signed(out, row.end);
        signed(out, row.over);
        unsigned(out, row.columns.len() as u64);
        for (column, sample) in &row.columns {
            unsigned(out, column.0.into());
            if sample.is_one() {
                number(out, sample.sum);
            } else {
                out.push(SEVERAL);
                for part in [sample.sum, sample.min, sample.max, sample.count] {
                    number(out, part);
                }
            }
        }
        let shard = self.shards.entry(group.shard()).or_default();
        unsigned(shard, group.0.into());
        unsigned(shard, bytes.len() as u64);
        shard.extend(&bytes);
        self.row = bytes;
        self.points += row.columns.len() as u64;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shards.values().map(Vec::len).sum()
    }
}

/// The rows of a part of the log: their groups, and where their bytes are. The rest of a damaged one is
/// missing.
pub(super) fn places(part: &[u8]) -> impl Iterator<Item = (Group, Range<usize>)> {
    let mut input = Reader(part);
    core::iter::from_fn(move || {
        let group = Group(u32::try_from(input.unsigned()?).ok()?);
        let length = input.count(input.0.len())?;
        let begin = part.len() - input.0.len();
        input.bytes(length)?;
        Some((group, begin..begin + length))
    })
}

/// The row that bytes are.
pub(super) fn row(bytes: &[u8]) -> Option<Row> {
    let input = &mut Reader(bytes);
    let (end, over) = (input.signed()?, input.signed()?);
    let count = input.count(input.0.len())?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let column = Column(u32::try_from(input.unsigned()?).ok()?);
        columns.push((column, sample(input)?));
    }
    Some(Row { end, over, columns })
}

fn sample(input: &mut Reader<'_>) -> Option<Sample> {
    if input.0.first() != Some(&SEVERAL) {
        return read_number(input).map(Sample::one);
    }
    input.byte()?;
    let mut part = || read_number(input);
    Some(Sample { sum: part()?, min: part()?, max: part()?, count: part()? })
}

/// Whole numbers in few bytes, others in nine.
fn number(out: &mut Vec<u8>, number: f64) {
    let whole = number as i64;
    if whole.unsigned_abs() < 1 << 53 && (whole as f64).to_bits() == number.to_bits() {
        unsigned(out, super::bytes::folded(whole) << 2);
    } else {
        out.push(BITS);
        out.extend(number.to_bits().to_le_bytes());
    }
}

fn read_number(input: &mut Reader<'_>) -> Option<f64> {
    if input.0.first() == Some(&BITS) {
        input.byte()?;
        return input.word().map(f64::from_bits);
    }
    let folded = input.unsigned()? >> 2;
    Some(super::bytes::unfolded(folded) as f64)
}

/// First bytes that no whole number has.
const BITS: u8 = 1;
const SEVERAL: u8 = 2;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rows_are_read_back(numbers: Vec<(u32, f64, i32, bool)>, end: i64, over: i64) {
            let sample = |(_, number, whole, one): &(u32, f64, i32, bool)| match one {
                true => Sample::one(f64::from(*whole)),
                false => Sample { sum: *number, min: -0.0, max: 1.0, count: 2.5 },
            };
            let columns = numbers.iter().map(|it| (Column(it.0), sample(it))).collect();
            let row = Row { end, over, columns };
            let mut batch = Batch::default();
            batch.add(Group(7), &row);
            batch.add(Group(8), &row);
            let bytes = batch.shards.values().next().unwrap();
            let found: Vec<_> =
                places(bytes).map(|(group, at)| (group, super::row(&bytes[at]).unwrap())).collect();
            let expected = [(Group(7), row.clone()), (Group(8), row)];
            prop_assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        }

        #[test]
        fn damaged_row_hides_no_other(at in 0..9_usize, damage in 0x80..0xff_u8) {
            let columns = vec![(Column(1), Sample::one(1e15))];
            let row = Row { end: 5, over: 5, columns };
            let mut batch = Batch::default();
            batch.add(Group(7), &row);
            batch.add(Group(8), &row);
            let mut bytes = batch.shards.values().next().unwrap().clone();
            bytes[2 + at] = damage;
            let found = places(&bytes).map(|(group, at)| (group, super::row(&bytes[at])));
            prop_assert_eq!(found.last(), Some((Group(8), Some(row))));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            places(&bytes).for_each(|(_, at)| drop(row(&bytes[at])));
            row(&bytes);
        }
    }
}
