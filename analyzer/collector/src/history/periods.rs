//! Rows as minutes, and minutes as longer periods.
//!
//! A value is a sample of the minute that it is in. A difference is divided among the minutes that it
//! overlaps, in proportion, and a minute has one sample: all that was counted in it. So a difference
//! between polls in different minutes, or in different parts of the log, adds to the sample that is there.

use super::chunk::Chunk;
use super::log::Row;
use super::sample::Sample;
use super::tier::{DAY, MINUTE, Tier};

/// Adds the samples of rows, by minutes.
pub(super) fn add_to_minutes(minutes: &mut Chunk, row: &Row) {
    let value_at = row.end - row.end.rem_euclid(MINUTE);
    let columns = row.columns.iter();
    let (differences, values): (Vec<_>, Vec<_>) =
        columns.copied().partition(|(column, _)| column.is_difference() && row.over > 0);
    if !values.is_empty() {
        let (at, mut near) = (minutes.row(value_at, None), 0);
        for (column, sample) in values {
            near = minutes.column(column, near);
            add(minutes, near, at, &sample);
            near += 1;
        }
    }
    if differences.is_empty() {
        return;
    }
    // A difference over more than a day is none of a poller.
    let over = row.over.min(DAY);
    let begin = row.end - over;
    let mut minute = begin - begin.rem_euclid(MINUTE);
    while minute < row.end {
        let (from, to) = (begin.max(minute) - begin, row.end.min(minute + MINUTE) - begin);
        let (at, mut near) = (minutes.row(minute, None), 0);
        for (column, sample) in &differences {
            let share = share(sample.sum, from, to, over);
            near = minutes.column(*column, near);
            add(minutes, near, at, &Sample::one(share));
            near += 1;
        }
        minute += MINUTE;
    }
}

/// What a difference counted from one time to another of those that it is over. Whole numbers are divided
/// into whole ones; the sum of all parts is exact.
fn share(sum: f64, from: i64, to: i64, over: i64) -> f64 {
    if (from, to) == (0, over) {
        return sum;
    }
    let until = |time: i64| {
        let part = sum * (time as f64 / over as f64);
        if sum.fract() == 0.0 { part.round() } else { part }
    };
    until(to) - until(from)
}

/// A row as a chunk.
pub(super) fn as_chunk(row: &Row) -> Chunk {
    let mut columns: Vec<_> = row.columns.iter().map(|(it, sample)| (*it, vec![*sample])).collect();
    columns.sort_by_key(|(column, _)| *column);
    Chunk { times: vec![row.end], overs: vec![row.over], columns }
}

/// Adds the rows of another chunk.
pub(super) fn join(chunk: &mut Chunk, other: &Chunk) {
    for (row, time) in other.times.iter().enumerate() {
        let at = chunk.row(*time, other.overs.get(row).copied());
        let mut near = 0;
        for (column, samples) in &other.columns {
            let Some(sample) = samples.get(row).filter(|it| it.is_known()) else { continue };
            near = chunk.column(*column, near);
            add(chunk, near, at, sample);
            near += 1;
        }
    }
}

fn add(chunk: &mut Chunk, column: usize, row: usize, sample: &Sample) {
    let Some((column, samples)) = chunk.columns.get_mut(column) else { return };
    let Some(own) = samples.get_mut(row) else { return };
    if column.is_difference() && own.is_known() {
        *own = Sample::one(own.sum + sample.sum);
    } else {
        own.add(sample);
    }
}

/// Minutes as periods of a tier.
pub(super) fn longer(minutes: &Chunk, tier: Tier) -> Chunk {
    let mut periods = Chunk::default();
    let begin = |time: i64| time - time.rem_euclid(tier.length());
    for time in &minutes.times {
        periods.row(begin(*time), None);
    }
    for (column, samples) in &minutes.columns {
        let at = periods.column(*column, periods.columns.len());
        let Some((_, own)) = periods.columns.get_mut(at) else { continue };
        let mut row = 0;
        for (time, sample) in minutes.times.iter().zip(samples) {
            while periods.times.get(row).is_some_and(|own| *own < begin(*time)) {
                row += 1;
            }
            if let Some(own) = own.get_mut(row) {
                own.add(sample);
            }
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Column;

    const SUM: Column = Column(3);
    const VALUE: Column = Column(4);

    fn row(end: i64, over: i64, column: Column, number: f64) -> Row {
        Row { end: end * 1000, over: over * 1000, columns: vec![(column, Sample::one(number))] }
    }

    fn minutes(rows: &[Row]) -> Chunk {
        let mut chunk = Chunk::default();
        rows.iter().for_each(|row| add_to_minutes(&mut chunk, row));
        chunk
    }

    fn samples(chunk: &Chunk) -> Vec<(i64, f64, f64, f64, f64)> {
        let list = chunk.columns[0].1.iter();
        let rows = chunk.times.iter().zip(list);
        rows.map(|(time, it)| (time / 1000, it.sum, it.min, it.max, it.count)).collect()
    }

    #[test]
    fn values_are_samples_of_their_minute() {
        let rows = [row(60, 10, VALUE, 1.0), row(119, 10, VALUE, 5.0), row(120, 10, VALUE, 2.0)];
        let expected = [(60, 6.0, 1.0, 5.0, 2.0), (120, 2.0, 2.0, 2.0, 1.0)];
        assert_eq!(samples(&minutes(&rows)), expected);
        assert_eq!(samples(&longer(&minutes(&rows), Tier::FiveMinutes)), [(0, 8.0, 1.0, 5.0, 3.0)]);
    }

    #[test]
    fn differences_are_divided_and_a_minute_has_one_sample() {
        let rows = [row(110, 20, SUM, 60.0), row(130, 20, SUM, 600.0), row(180, 50, SUM, 7.0)];
        let expected = [(60, 360.0, 360.0, 360.0, 1.0), (120, 307.0, 307.0, 307.0, 1.0)];
        assert_eq!(samples(&minutes(&rows)), expected);
        let longer = samples(&longer(&minutes(&rows), Tier::Hours));
        assert_eq!(longer, [(0, 667.0, 307.0, 360.0, 2.0)]);
        // In parts, as from two parts of the log.
        let mut joined = minutes(&rows[..1]);
        join(&mut joined, &minutes(&rows[1..]));
        assert_eq!(samples(&joined), expected);
    }

    #[test]
    fn whole_differences_have_whole_parts_and_an_exact_sum() {
        let parts = samples(&minutes(&[row(333, 300, SUM, 1001.0)]));
        assert_eq!(parts.len(), 6);
        assert!(parts.iter().all(|part| part.1.fract() == 0.0), "{parts:?}");
        assert_eq!(parts.iter().map(|part| part.1).sum::<f64>(), 1001.0);
        let long = samples(&minutes(&[row(400_000, 200_000, SUM, 1e6)]));
        assert_eq!(long.len(), 1441);
    }

    #[test]
    fn late_rows_are_put_between_others() {
        let rows = [row(200, 0, VALUE, 1.0), row(10, 0, VALUE, 2.0), row(100, 0, VALUE, 4.0)];
        let times: Vec<_> = samples(&minutes(&rows)).iter().map(|it| (it.0, it.1)).collect();
        assert_eq!(times, [(0, 2.0), (60, 4.0), (180, 1.0)]);
    }
}
