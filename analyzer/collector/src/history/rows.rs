//! Chunks of rows: the time that they are about is before them, so that most are not decoded.

use core::ops::Range;

use super::Column;
use super::bytes::{Reader, signed, unsigned};
use super::chunk::Chunk;

/// Rows as bytes.
pub(super) fn encode(rows: &Chunk) -> Vec<u8> {
    let (begin, end) = (begin(rows), rows.times.last().copied().unwrap_or_default());
    let first = rows.times.first().copied().unwrap_or_default();
    let mut out = Vec::new();
    signed(&mut out, begin);
    unsigned(&mut out, (end - begin).unsigned_abs());
    signed(&mut out, first);
    out.extend(rows.encode(first, 1));
    out
}

/// The time at which the first difference of rows begins.
pub(super) fn begin(rows: &Chunk) -> i64 {
    let overs = rows.overs.iter().copied().chain(core::iter::repeat(0));
    let begins = rows.times.iter().zip(overs).map(|(end, over)| end.saturating_sub(over.max(0)));
    begins.min().unwrap_or_default()
}

/// The time that rows are about, and the last of them ends at the end of.
pub(super) fn times(bytes: &[u8]) -> Option<Range<i64>> {
    head(&mut Reader(bytes)).map(|(times, _)| times)
}

/// Rows, or one of their columns; `None` if they are damaged.
pub(super) fn decode(bytes: &[u8], only: Option<Column>) -> Option<Chunk> {
    let mut input = Reader(bytes);
    let (_, first) = head(&mut input)?;
    Chunk::decode(input.0, first, 1, only)
}

fn head(input: &mut Reader<'_>) -> Option<(Range<i64>, i64)> {
    let begin = input.signed()?;
    let end = begin.checked_add_unsigned(input.unsigned()?)?;
    Some((begin..end, input.signed()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::log::Row;
    use super::super::sample::Sample;
    use super::*;

    proptest! {
        #[test]
        fn rows_are_read_back_in_order_of_times(
            list in proptest::collection::vec((0..100_000_i64, 0..9000_i64, -9..9_i32, 1..5_u32), 1..60),
        ) {
            let mut rows = Chunk::default();
            let mut model = std::collections::BTreeMap::<i64, [Option<f64>; 5]>::new();
            for (end, over, number, column) in list {
                let columns = vec![(Column(column * 2 + 1), Sample::one(number.into()))];
                rows.push(&Row { end, over, columns });
                *model.entry(end).or_default()[column as usize].get_or_insert(0.0) += f64::from(number);
            }
            let bytes = encode(&rows);
            let times = times(&bytes).unwrap();
            prop_assert_eq!(Some(&times.end), model.keys().last());
            prop_assert_eq!(times.start, begin(&rows));
            let found = decode(&bytes, None).unwrap();
            prop_assert!(found.times.iter().eq(model.keys()));
            prop_assert_eq!(found.overs, rows.overs);
            for (column, samples) in found.columns {
                let sums = samples.iter().map(|it| it.map(|it| it.sum));
                let expected = model.values().map(|row| row[column.0 as usize / 2]);
                prop_assert!(sums.eq(expected));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            times(&bytes);
            decode(&bytes, None);
        }
    }
}
