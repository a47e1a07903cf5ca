//! The log: rows of the last minutes, as they came.
//!
//! Each part of the log is one value of the database and has the rows of a shard of groups, so that few
//! of them are read to put the rows of a shard into chunks. At its end are the groups and places of its rows,
//! in the order of groups, so that the rows of one group are found without a look at others.

use std::collections::BTreeMap;

use super::bytes::{Reader, signed, unsigned};
use super::sample::Sample;
use super::{Column, Group};

/// The numbers of a group at a time.
#[derive(Clone, Debug, Default, PartialEq)]
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
    pub(super) shards: BTreeMap<u32, Part>,
    /// Samples in it.
    pub(crate) points: u64,
}

impl Batch {
    /// Adds a row.
    pub(crate) fn add(&mut self, group: Group, row: &Row) {
        self.shards.entry(group.shard()).or_default().add(group, row);
        self.points += row.columns.len() as u64;
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shards.values().map(Part::len).sum()
    }
}

/// The rows of a shard.
#[derive(Debug, Default)]
pub(super) struct Part {
    rows: Vec<u8>,
    /// The groups of rows, and their places.
    places: Vec<(u32, u32)>,
}

impl Part {
    fn add(&mut self, group: Group, row: &Row) {
        let out = &mut self.rows;
        // Rows beyond are as if the part was damaged; a batch is never so large.
        self.places.push((group.0, u32::try_from(out.len()).unwrap_or(u32::MAX)));
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
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.places.len() * PLACE
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut places = self.places.clone();
        // Rows of a group stay in their order.
        places.sort_by_key(|(group, _)| *group);
        let mut out = Vec::with_capacity(self.len() + 4);
        out.extend(&self.rows);
        for (group, place) in &places {
            out.extend(group.to_le_bytes());
            out.extend(place.to_le_bytes());
        }
        out.extend((places.len() as u32).to_le_bytes());
        out
    }
}

/// The places of the rows of a part, by groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a>(&'a [[u8; PLACE]]);

impl<'a> Places<'a> {
    /// Those of a part; there are none in a damaged one.
    pub(super) fn of(part: &'a [u8]) -> Self {
        let places = part.split_last_chunk().and_then(|(rest, count)| {
            let length = (u32::from_le_bytes(*count) as usize).checked_mul(PLACE)?;
            rest.get(rest.len().checked_sub(length)?..)
        });
        Self(places.unwrap_or_default().as_chunks().0)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = (Group, usize)> {
        self.0.iter().map(|place| (Self::group(place), Self::place(place)))
    }

    /// Those of a group.
    pub(super) fn of_group(self, group: Group) -> impl Iterator<Item = usize> {
        let first = self.0.partition_point(|place| Self::group(place) < group);
        let rest = self.0.get(first..).unwrap_or_default().iter();
        rest.take_while(move |place| Self::group(place) == group).map(Self::place)
    }

    fn group([a, b, c, d, ..]: &[u8; PLACE]) -> Group {
        Group(u32::from_le_bytes([*a, *b, *c, *d]))
    }

    fn place([.., a, b, c, d]: &[u8; PLACE]) -> usize {
        u32::from_le_bytes([*a, *b, *c, *d]) as usize
    }
}

/// Reads the row at a place of a part into one that there is. `None` if it is damaged.
pub(super) fn read(part: &[u8], place: usize, row: &mut Row) -> Option<()> {
    let input = &mut Reader(part.get(place..)?);
    (row.end, row.over) = (input.signed()?, input.signed()?);
    let count = input.count(input.0.len())?;
    row.columns.clear();
    for _ in 0..count {
        let column = Column(u32::try_from(input.unsigned()?).ok()?);
        row.columns.push((column, sample(input)?));
    }
    Some(())
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

/// Bytes of the place of a row.
const PLACE: usize = 8;
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
            batch.add(Group(7), &row);
            let bytes = batch.shards.values().next().unwrap().encode();
            prop_assert_eq!(batch.bytes() + 4, bytes.len());
            let expected = format!("{row:?}");
            let mut found = Row::default();
            for (group, rows) in [(6, 0), (7, 2), (8, 1), (9, 0)] {
                let places: Vec<_> = Places::of(&bytes).of_group(Group(group)).collect();
                prop_assert_eq!(places.len(), rows);
                for place in places {
                    read(&bytes, place, &mut found).unwrap();
                    prop_assert_eq!(&format!("{found:?}"), &expected);
                }
            }
            let groups: Vec<_> = Places::of(&bytes).iter().map(|(group, _)| group.0).collect();
            prop_assert_eq!(groups, [7, 7, 8]);
        }

        #[test]
        fn damaged_row_hides_no_other(at in 0..9_usize, damage in 0x80..0xff_u8) {
            let columns = vec![(Column(1), Sample::one(1e15))];
            let row = Row { end: 5, over: 5, columns };
            let mut batch = Batch::default();
            batch.add(Group(7), &row);
            batch.add(Group(8), &row);
            let mut bytes = batch.shards.values().next().unwrap().encode();
            bytes[at] = damage;
            let place = Places::of(&bytes).of_group(Group(8)).next().unwrap();
            let mut found = Row::default();
            prop_assert_eq!(read(&bytes, place, &mut found), Some(()));
            prop_assert_eq!(found, row);
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut row = Row::default();
            for (_, place) in Places::of(&bytes).iter() {
                let _ = read(&bytes, place, &mut row);
            }
            let _ = read(&bytes, 0, &mut row);
        }
    }
}
