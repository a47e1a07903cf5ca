//! Reading: the samples of metrics, of chunks and of the log, in one state of the file.

use core::ops::Range;
use std::collections::HashMap;

use redb::{ReadOnlyTable, ReadableDatabase};

use super::chunk::Chunk;
use super::log;
use super::periods::{add_to_minutes, as_chunk, join, longer};
use super::store::{CHUNKS, LAST, LOG, ROLLED, Result, SIZES, Store, decode, parts};
use super::tier::{MINUTE, Tier};
use super::{Column, Found, Group, History};

/// What a request reads of the history: all of it in one state of the file. The places of a shard should be
/// read one after the other, because the log is looked through once for each shard that follows another.
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
            for tier in suitable(start, length) {
                let from = file.begin(tier)?.max(now - tier.keep()).max(span.start);
                let from = (from - from.rem_euclid(tier.length())).max(span.start);
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
    rolled: ReadOnlyTable<u32, u32>,
    sizes: ReadOnlyTable<(u8, u32), u64>,
    last: ReadOnlyTable<u32, i64>,
    /// A shard, and where the rows of its groups are in the log.
    logged: Option<(u32, Logged)>,
}

/// The part of the log, and the bytes of it, of each row of groups.
type Logged = HashMap<Group, Vec<(u64, Range<usize>)>>;

impl File {
    fn open(store: &Store) -> Result<Self> {
        let transaction = store.database.begin_read()?;
        Ok(Self {
            chunks: transaction.open_table(CHUNKS)?,
            log: transaction.open_table(LOG)?,
            rolled: transaction.open_table(ROLLED)?,
            sizes: transaction.open_table(SIZES)?,
            last: transaction.open_table(LAST)?,
            logged: None,
        })
    }

    /// The time from which there are periods of a tier.
    fn begin(&self, tier: Tier) -> Result<i64> {
        let first = |tier: Tier| -> Result<Option<i64>> {
            let keys = (tier.number(), 0)..=(tier.number(), u32::MAX);
            let first = self.sizes.range(keys)?.next().transpose()?;
            Ok(first.map(|(key, _)| tier.begin(key.value().1)))
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
    fn read(&mut self, of: (Group, Column), tier: Tier, span: Range<i64>) -> Result<Chunk> {
        // What is in no period of this tier yet is made of minutes.
        let whole = if Tier::ROLLED.contains(&tier) {
            let rolled = self.rolled.get(of.0.shard())?;
            let rolled = rolled.map_or(i64::MIN, |slot| Tier::Minutes.begin(slot.value()));
            let last = span.end - span.end.rem_euclid(tier.length());
            rolled.min(last).max(span.start)
        } else {
            span.end
        };
        let mut found = self.load(of, tier, span.start..whole)?;
        let mut rest = self.load(of, Tier::Minutes, whole..span.end)?;
        for row in self.logged(of)? {
            match tier {
                Tier::Rows => join(&mut found, &as_chunk(&row)),
                Tier::Minutes => add_to_minutes(&mut found, &row),
                _ => add_to_minutes(&mut rest, &row),
            }
        }
        rest.retain(|time| (whole..span.end).contains(&time));
        join(&mut found, &longer(&rest, tier));
        found.retain(|time| span.contains(&time));
        Ok(found)
    }

    /// What chunks of a tier have of a span of time, and of the rest of their slots.
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
                join(&mut found, &chunk.unwrap_or_default());
            }
        }
        Ok(found)
    }

    /// The rows of a metric that are in the log.
    fn logged(&mut self, (group, column): (Group, Column)) -> Result<Vec<log::Row>> {
        let shard = group.shard();
        if self.logged.as_ref().is_none_or(|(own, _)| *own != shard) {
            self.logged = Some((shard, self.index(shard)?));
        }
        let places = self.logged.iter().filter_map(|(_, logged)| logged.get(&group)).flatten();
        let mut rows = Vec::new();
        for (part, at) in places {
            let Some(bytes) = self.log.get(part)? else { continue };
            let row = bytes.value().get(at.clone()).and_then(log::row);
            rows.extend(row.map(|mut row| {
                row.columns.retain(|(own, _)| *own == column);
                row
            }));
        }
        Ok(rows)
    }

    fn index(&self, shard: u32) -> Result<Logged> {
        let mut index = Logged::new();
        for part in self.log.range(parts(shard))? {
            let (number, bytes) = part?;
            for (group, at) in log::places(bytes.value()) {
                index.entry(group).or_default().push((number.value(), at));
            }
        }
        Ok(index)
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

fn samples(tier: Tier, chunk: Chunk) -> Found {
    let overs = chunk.overs.into_iter().chain(core::iter::repeat(0));
    let samples = chunk.columns.into_iter().flat_map(|(_, samples)| samples);
    let rows = chunk.times.into_iter().zip(overs).zip(samples);
    let known = rows.filter(|(_, sample)| sample.is_known());
    Found { tier, samples: known.map(|((time, over), sample)| (time, over, sample)).collect() }
}
