//! Reading: the samples of metrics, of chunks and of the log, in one state of the file.

use core::ops::Range;
use std::collections::BTreeSet;

use redb::{ReadOnlyTable, ReadableDatabase};

use super::chunk::Chunk;
use super::log::{self, Places};
use super::meta::META;
use super::periods::{add_to_minutes, longer};
use super::rows;
use super::store::{
    CHUNKS, LAST, LOG, ROLLED, ROWS, Result, SIZES, Store, begin_of, decode, parts,
};
use super::tier::{MINUTE, Tier};
use super::{Column, Found, Group, History};

/// What a request reads of the history: all of it in one state of the file.
#[derive(Debug)]
pub(crate) struct Reader<'h> {
    history: &'h History,
    /// `None` if the file cannot be used.
    file: Option<File>,
}

impl History {
    /// A reader of what is in the file now. What is written later is not in it.
    pub(crate) fn reader(&self) -> Reader<'_> {
        Reader { history: self, file: self.with(File::open) }
    }

    /// The samples of a metric; see [`Reader::read`].
    #[cfg(test)]
    pub(crate) fn read(
        &self,
        of: (Group, Column),
        periods: (i64, i64),
        span: Range<i64>,
        now: i64,
    ) -> Vec<Found> {
        self.reader().read(of, periods, span, now)
    }

    /// The rows of a metric in a span of time.
    #[cfg(test)]
    pub(crate) fn rows(&self, of: (Group, Column), span: Range<i64>) -> Found {
        self.reader().rows(of, span)
    }
}

impl Reader<'_> {
    /// The samples of a metric in a span of time, for periods of `length` milliseconds from `start` on: of
    /// the longest periods that divide them, and of others where these are not kept any more.
    pub(crate) fn read(
        &mut self,
        of: (Group, Column),
        (start, length): (i64, i64),
        span: Range<i64>,
        now: i64,
    ) -> Vec<Found> {
        self.with(|file| {
            let (mut found, mut end) = (Vec::new(), span.end);
            let longest = suitable(start, length).last().unwrap_or(Tier::Hours);
            for tier in suitable(start, length) {
                let kept = now - tier.keep();
                // Longer periods end where the ones before begin: at the end of the longest.
                let from = match tier == longest {
                    true => kept,
                    false => multiple_from(file.begin(tier)?.max(kept), longest.length()),
                };
                let from = from.max(span.start);
                if from < end {
                    found.push(samples(tier, file.read(of, tier, from..end)?));
                    end = from;
                }
            }
            Ok(found)
        })
        .unwrap_or_default()
    }

    /// The rows of a metric in a span of time.
    pub(crate) fn rows(&mut self, of: (Group, Column), span: Range<i64>) -> Found {
        let found = self.with(|file| file.read(of, Tier::Rows, span));
        samples(Tier::Rows, found.unwrap_or_default())
    }

    /// The time of the last row of a group; the last minutes may be missing.
    pub(crate) fn last(&mut self, group: Group) -> Option<i64> {
        self.with(|file| Ok(file.last.get(group.0)?.map(|last| last.value()))).flatten()
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut File) -> Result<T>) -> Option<T> {
        match act(self.file.as_mut()?) {
            Ok(found) => Some(found),
            Err(error) => {
                self.file = None;
                self.history.failed(&error);
                None
            }
        }
    }
}

/// The tables of a state of the file.
#[derive(Debug)]
struct File {
    chunks: ReadOnlyTable<(u8, u32, u32), &'static [u8]>,
    log: ReadOnlyTable<u64, &'static [u8]>,
    rows: ReadOnlyTable<(u32, u32), &'static [u8]>,
    rolled: ReadOnlyTable<u32, (u32, u32)>,
    sizes: ReadOnlyTable<(u8, u32), u64>,
    last: ReadOnlyTable<u32, i64>,
    meta: ReadOnlyTable<&'static str, u64>,
}

impl File {
    fn open(store: &Store) -> Result<Self> {
        let transaction = store.database.begin_read()?;
        Ok(Self {
            chunks: transaction.open_table(CHUNKS)?,
            log: transaction.open_table(LOG)?,
            rows: transaction.open_table(ROWS)?,
            rolled: transaction.open_table(ROLLED)?,
            sizes: transaction.open_table(SIZES)?,
            last: transaction.open_table(LAST)?,
            meta: transaction.open_table(META)?,
        })
    }

    /// The time from which there are periods of a tier.
    fn begin(&self, tier: Tier) -> Result<i64> {
        let first = |tier: Tier| -> Result<Option<i64>> {
            let keys = (tier.number(), 0)..=(tier.number(), u32::MAX);
            let first = self.sizes.range(keys)?.next().transpose()?;
            // Points that came late may be before it.
            let begin = self.meta.get(begin_of(tier).as_str())?.map_or(0, |slot| slot.value());
            Ok(first.map(|(key, _)| tier.begin(key.value().1.max(begin as u32))))
        };
        Ok(match first(tier)? {
            Some(own) if Tier::ROLLED.contains(&tier) => {
                own.min(first(Tier::Minutes)?.unwrap_or(own))
            }
            Some(own) => own,
            // All of it is in the log, or in minutes.
            None => i64::MIN,
        })
    }

    /// The samples of a metric from one time to another, without it, by periods of a tier.
    fn read(&self, of: (Group, Column), tier: Tier, span: Range<i64>) -> Result<Chunk> {
        let (mut found, logged) = (self.kept(of, &span)?, self.logged(of)?);
        if tier == Tier::Rows {
            found.join(&logged);
            found.retain(|time| span.contains(&time));
            return Ok(found);
        }
        // Before this time there are chunks of minutes and of longer periods, of all rows but those in the log.
        let rolled = self.rolled.get(of.0.shard())?.map_or(0, |state| state.value().0);
        let rolled = Tier::Minutes.begin(rolled);
        let mut minutes = Chunk::default();
        add_to_minutes(&mut minutes, &found);
        minutes.retain(|time| time >= rolled);
        add_to_minutes(&mut minutes, &logged);
        minutes.retain(|time| span.contains(&time));
        if tier == Tier::Minutes {
            let mut found = self.load(of, Tier::Minutes, span.start..span.end.min(rolled))?;
            found.join(&minutes);
            found.retain(|time| span.contains(&time));
            return Ok(found);
        }
        let last = span.end - span.end.rem_euclid(tier.length());
        let whole = rolled.min(last).max(span.start);
        let mut found = self.load(of, tier, span.start..whole)?;
        let mut rest = self.load(of, Tier::Minutes, whole..span.end.min(rolled))?;
        // Periods with late rows are made again.
        let period = |time: &i64| time - time.rem_euclid(tier.length());
        let late = minutes.times.iter().filter(|time| **time < whole).map(period);
        for begin in late.collect::<BTreeSet<_>>() {
            rest.join(&self.load(of, Tier::Minutes, begin..begin + tier.length())?);
            found.retain(|time| time != begin);
        }
        rest.join(&minutes);
        found.join(&longer(&rest, tier));
        found.retain(|time| span.contains(&time));
        Ok(found)
    }

    /// What chunks of a tier have of a span of time.
    fn load(
        &self,
        (group, column): (Group, Column),
        tier: Tier,
        span: Range<i64>,
    ) -> Result<Chunk> {
        let mut found = Chunk::default();
        if span.is_empty() {
            return Ok(found);
        }
        for slot in tier.slots(span.start, span.end) {
            if let Some(bytes) = self.chunks.get((tier.number(), slot, group.0))? {
                let chunk = decode(tier, slot, bytes.value(), Some(column));
                found.join(&chunk.unwrap_or_default());
            }
        }
        found.retain(|time| span.contains(&time));
        Ok(found)
    }

    /// The rows of a metric with a part in a span of time that are in chunks.
    fn kept(&self, (group, column): (Group, Column), span: &Range<i64>) -> Result<Chunk> {
        let mut found = Chunk::default();
        for part in self.rows.range((group.0, 0)..=(group.0, u32::MAX))? {
            let (_, bytes) = part?;
            let overlap = |times: &Range<i64>| times.start < span.end && times.end >= span.start;
            if rows::times(bytes.value()).filter(overlap).is_some() {
                let rows = rows::decode(bytes.value(), Some(column));
                found.join(&rows.unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// The rows of a metric that are in the log.
    fn logged(&self, (group, column): (Group, Column)) -> Result<Chunk> {
        let (mut rows, mut row) = (Chunk::default(), log::Row::default());
        for part in self.log.range(parts(group.shard()))? {
            let (_, bytes) = part?;
            for place in Places::of(bytes.value()).of_group(group) {
                if log::read(bytes.value(), place, &mut row).is_some() {
                    row.columns.retain(|(own, _)| *own == column);
                    rows.push(&row);
                }
            }
        }
        Ok(rows)
    }
}

/// The tiers for periods of a length, the best one first: the longest that divides them, then longer ones,
/// which are kept for a longer time.
pub(super) fn suitable(start: i64, length: i64) -> impl Iterator<Item = Tier> {
    let possible = move |tier: &Tier| match length {
        ..MINUTE => *tier == Tier::Rows,
        _ => *tier != Tier::Rows && length % tier.length() == 0,
    };
    let aligned = move |tier: &Tier| possible(tier) && start % tier.length() == 0;
    let best = Tier::ALL.into_iter().rev().find(aligned).unwrap_or(Tier::Minutes);
    Tier::ALL.into_iter().filter(move |tier| *tier >= best && possible(tier))
}

/// The first multiple of a length from a time on.
fn multiple_from(time: i64, length: i64) -> i64 {
    time + (-time).rem_euclid(length)
}

fn samples(tier: Tier, chunk: Chunk) -> Found {
    let overs = chunk.overs.into_iter().chain(core::iter::repeat(0));
    let column = chunk.columns.first().map(|(_, samples)| samples.iter());
    let rows = chunk.times.into_iter().zip(overs).zip(column.into_iter().flatten());
    let known = rows.filter_map(|((time, over), sample)| Some((time, over, sample?)));
    Found { tier, samples: known.collect() }
}
