//! The log: rows of the last minutes, as they came.
//!
//! Each part of the log is one value of the database and has the rows of a shard of groups, so that few
//! of them are read to put the rows of a shard into chunks.

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
}

impl Batch {
    /// Adds a row.
    pub(crate) fn add(&mut self, group: Group, row: &Row) {
        let out = self.shards.entry(group.shard()).or_default();
        unsigned(out, group.0.into());
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
        self.points += row.columns.len() as u64;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shards.values().map(Vec::len).sum()
    }
}

/// The rows of a part of the log, those of one group if it is named. The rest of a damaged one is missing.
pub(super) fn rows(bytes: &[u8], only: Option<Group>) -> Vec<(Group, Row)> {
    let (mut input, mut found) = (Reader(bytes), Vec::new());
    while let Some((group, row)) = row(&mut input) {
        if only.is_none_or(|only| only == group) {
            found.push((group, row));
        }
    }
    found
}

fn row(input: &mut Reader<'_>) -> Option<(Group, Row)> {
    let group = Group(u32::try_from(input.unsigned()?).ok()?);
    let (end, over) = (input.signed()?, input.signed()?);
    let count = input.count(input.0.len())?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let column = Column(u32::try_from(input.unsigned()?).ok()?);
        let sample = match input.0.first()? {
            &SEVERAL => {
                input.byte()?;
                let mut part = || read_number(input);
                Sample { sum: part()?, min: part()?, max: part()?, count: part()? }
            }
            _ => Sample::one(read_number(input)?),
        };
        columns.push((column, sample));
    }
    Some((group, Row { end, over, columns }))
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
            let found = rows(bytes, Some(Group(8)));
            prop_assert_eq!(format!("{found:?}"), format!("{:?}", [(Group(8), row)]));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            rows(&bytes, None);
        }
    }
}
