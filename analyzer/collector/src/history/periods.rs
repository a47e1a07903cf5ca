//! Rows as minutes, and minutes as longer periods.
//!
//! A value is a sample of the minute that it is in. A difference is divided among the minutes that it
//! overlaps, in proportion, and a minute has one sample: all that was counted in it. So a difference
//! between polls in different minutes, or in different parts of the log, adds to the sample that is there.

use super::chunk::Chunk;
use super::sample::Sample;
use super::samples::Samples;
use super::tier::{DAY, MINUTE, Tier};

/// Adds the samples of rows, by minutes.
pub(super) fn add_to_minutes(minutes: &mut Chunk, rows: &Chunk) {
    let has = |difference: bool| rows.columns.iter().any(|it| it.0.is_difference() == difference);
    let values: Vec<Share> = if has(false) { values(rows).collect() } else { Vec::new() };
    let shares: Vec<Share> = if has(true) { shares(rows).collect() } else { Vec::new() };
    for share in values.iter().chain(&shares) {
        minutes.period(share.minute);
    }
    let times = minutes.times.clone();
    let (values, shares) = (placed(&times, values), placed(&times, shares));
    for (near, (column, samples)) in rows.columns.iter().enumerate() {
        let at = minutes.column(*column, near);
        let Some((_, own)) = minutes.columns.get_mut(at) else { continue };
        match column.is_difference() {
            true => add_shares(own, samples, &shares),
            false => add_values(own, samples, &values),
        }
    }
}

/// What is of a row in a minute.
#[derive(Clone, Copy, Debug)]
struct Share {
    row: usize,
    minute: i64,
    /// From one time to another of the time that the row is over.
    from: i64,
    to: i64,
    over: i64,
}

/// Values are in the minute in which their row ends.
fn values(rows: &Chunk) -> impl Iterator<Item = Share> {
    rows.times.iter().enumerate().map(|(row, end)| Share {
        row,
        minute: end - end.rem_euclid(MINUTE),
        from: 0,
        to: 0,
        over: 0,
    })
}

/// Differences are in all minutes that they overlap.
fn shares(rows: &Chunk) -> impl Iterator<Item = Share> {
    let overs = rows.overs.iter().copied().chain(core::iter::repeat(0));
    values(rows).zip(overs).flat_map(|(value, over)| {
        // A difference over more than a day is none of a poller.
        let over = over.clamp(0, DAY);
        let end = rows.times.get(value.row).copied().unwrap_or_default();
        let begin = end - over;
        let first = if over == 0 { value.minute } else { begin - begin.rem_euclid(MINUTE) };
        let minutes = (first..end.max(first + 1)).step_by(MINUTE as usize);
        minutes.map(move |minute| {
            let (from, to) = (begin.max(minute) - begin, end.min(minute + MINUTE) - begin);
            Share { row: value.row, minute, from, to, over }
        })
    })
}

/// Shares with the places of their minutes.
fn placed(times: &[i64], shares: Vec<Share>) -> Vec<(usize, Share)> {
    let mut near = 0;
    let place = |share: Share| {
        if times.get(near) != Some(&share.minute) {
            near = times.binary_search(&share.minute).unwrap_or_else(|next| next);
        }
        (near, share)
    };
    shares.into_iter().map(place).collect()
}

fn add_values(minutes: &mut Samples, rows: &Samples, places: &[(usize, Share)]) {
    minutes.make_several();
    for (at, share) in places {
        if let Some(sample) = rows.get(share.row) {
            minutes.add(*at, &sample, false);
        }
    }
}

fn add_shares(minutes: &mut Samples, rows: &Samples, places: &[(usize, Share)]) {
    for (at, Share { row, from, to, over, .. }) in places {
        if let Some(sample) = rows.get(*row) {
            let share = share(sample.sum, *from, *to, *over);
            minutes.add(*at, &Sample::one(share), true);
        }
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

/// Minutes as periods of a tier.
pub(super) fn longer(minutes: &Chunk, tier: Tier) -> Chunk {
    let mut periods = Chunk::default();
    let begin = |time: i64| time - time.rem_euclid(tier.length());
    for time in &minutes.times {
        periods.period(begin(*time));
    }
    for (column, samples) in &minutes.columns {
        let at = periods.column(*column, periods.columns.len());
        let Some((_, own)) = periods.columns.get_mut(at) else { continue };
        own.make_several();
        let mut row = 0;
        for (time, sample) in minutes.times.iter().zip(samples.iter()) {
            while periods.times.get(row).is_some_and(|own| *own < begin(*time)) {
                row += 1;
            }
            if let Some(sample) = sample {
                own.add(row, &sample, false);
            }
        }
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Column;
    use crate::history::log::Row;

    const SUM: Column = Column(3);
    const VALUE: Column = Column(4);

    fn row(end: i64, over: i64, column: Column, number: f64) -> Row {
        Row { end: end * 1000, over: over * 1000, columns: vec![(column, Sample::one(number))] }
    }

    fn minutes(rows: &[Row]) -> Chunk {
        let mut chunk = Chunk::default();
        let mut list = Chunk::default();
        rows.iter().for_each(|row| list.push(row));
        add_to_minutes(&mut chunk, &list);
        chunk
    }

    fn samples(chunk: &Chunk) -> Vec<(i64, f64, f64, f64, f64)> {
        let list = chunk.columns[0].1.iter().map(Option::unwrap);
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
        joined.join(&minutes(&rows[1..]));
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
