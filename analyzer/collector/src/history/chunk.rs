//! Chunks: the samples of a group of metrics in a slot of time, as a table with a column for each metric.
//!
//! Metrics of a record have the same times, which are written once. A column that equals one before it,
//! such as a metric under a second name, or one more that is zero, is written as a reference.

use foldhash::{HashMap, HashMapExt};

use super::bytes::{Reader, unsigned};
use super::log::Row;
use super::sample;
use super::samples::{Samples, only};
use super::{Column, integers};

/// The rows of a chunk in the order of their times.
#[derive(Clone, Debug, Default)]
pub(super) struct Chunk {
    /// Milliseconds since 1970.
    pub(super) times: Vec<i64>,
    /// The milliseconds that the differences of a row are over; empty in tables of periods.
    pub(super) overs: Vec<i64>,
    /// As many samples as there are times, by the numbers of the columns.
    pub(super) columns: Vec<(Column, Samples)>,
}

impl Chunk {
    /// Adds a row, or its samples to those of a row with the same time.
    pub(super) fn push(&mut self, row: &Row) {
        let is_next = self.times.last().is_none_or(|last| *last < row.end);
        let at = self.row(row.end, Some(row.over));
        for (near, (column, sample)) in row.columns.iter().enumerate() {
            let place = self.column(*column, near);
            let Some((_, samples)) = self.columns.get_mut(place) else { continue };
            // The samples of a new row are added at the end of their columns.
            match is_next && samples.len() == at {
                true => samples.push(sample),
                false => samples.add(at, sample, column.is_difference()),
            }
        }
        if is_next {
            self.fill();
        }
    }

    /// The row of a time, which is added if there is none. A new last one has no samples until
    /// [`Chunk::fill`] or until they are pushed.
    fn row(&mut self, time: i64, over: Option<i64>) -> usize {
        let at = match self.times.last() {
            Some(last) if *last == time => return self.times.len() - 1,
            Some(last) if *last > time => match self.times.binary_search(&time) {
                Ok(at) => return at,
                Err(at) => at,
            },
            _ => {
                self.times.push(time);
                self.overs.extend(over);
                return self.times.len() - 1;
            }
        };
        self.times.insert(at, time);
        self.overs.splice(at.min(self.overs.len())..at.min(self.overs.len()), over);
        self.columns.iter_mut().for_each(|(_, samples)| samples.insert(at));
        at
    }

    /// Ends a last row: columns without a sample of it have none.
    fn fill(&mut self) {
        let rows = self.times.len();
        for (_, samples) in self.columns.iter_mut().filter(|(_, it)| it.len() < rows) {
            samples.insert(samples.len());
        }
    }

    /// The row of a period, which is added if there is none.
    pub(super) fn period(&mut self, begin: i64) -> usize {
        let at = self.row(begin, None);
        self.fill();
        at
    }

    /// The place of a column, which is added if there is none. It is looked for at `near` first.
    pub(super) fn column(&mut self, column: Column, near: usize) -> usize {
        if self.columns.get(near).is_some_and(|(own, _)| *own == column) {
            return near;
        }
        match self.columns.binary_search_by_key(&column, |(own, _)| *own) {
            Ok(at) => at,
            Err(at) => {
                self.columns.insert(at, (column, Samples::missing(self.times.len())));
                at
            }
        }
    }

    /// Removes the rows whose times `keep` refuses.
    pub(super) fn retain(&mut self, keep: impl Fn(i64) -> bool) {
        if self.times.iter().all(|time| keep(*time)) {
            return;
        }
        let kept: Vec<bool> = self.times.iter().map(|time| keep(*time)).collect();
        only(&mut self.times, &kept);
        only(&mut self.overs, &kept);
        self.columns.iter_mut().for_each(|(_, samples)| samples.retain(&kept));
    }

    /// Adds the rows of another chunk.
    pub(super) fn join(&mut self, other: &Self) {
        if self.times.is_empty() {
            *self = other.clone();
            return;
        }
        for (row, time) in other.times.iter().enumerate() {
            let at = self.row(*time, other.overs.get(row).copied());
            self.fill();
            let mut near = 0;
            for (column, samples) in &other.columns {
                let Some(sample) = samples.get(row) else { continue };
                near = self.column(*column, near);
                if let Some((_, own)) = self.columns.get_mut(near) {
                    own.add(at, &sample, column.is_difference());
                }
                near += 1;
            }
        }
    }

    /// Rounds the gauges that are kept so.
    pub(super) fn round(&mut self) {
        let rounded = self.columns.iter_mut().filter(|(column, _)| column.is_rounded());
        rounded.for_each(|(_, samples)| sample::round(samples));
    }

    /// The chunk as bytes, with times since `begin` in units of so many milliseconds.
    pub(super) fn encode(&self, begin: i64, unit: i64) -> Vec<u8> {
        let mut out = vec![VERSION];
        unsigned(&mut out, self.times.len() as u64);
        let mut last = begin;
        let steps =
            self.times.iter().map(|time| (time - core::mem::replace(&mut last, *time)) / unit);
        integers::write(&mut out, &steps.collect::<Vec<_>>());
        out.push(u8::from(!self.overs.is_empty()));
        integers::write(&mut out, &self.overs);
        let counts = self.columns.iter().find_map(|(_, samples)| sample::counts(samples));
        out.push(u8::from(counts.is_some()));
        let counts = counts.unwrap_or_default();
        integers::write(&mut out, &counts);
        self.encode_columns(&mut out, &counts);
        let check = crc32fast::hash(&out);
        out.extend(check.to_le_bytes());
        out
    }

    fn encode_columns(&self, out: &mut Vec<u8>, counts: &[i64]) {
        unsigned(out, self.columns.len() as u64);
        let (mut last, mut bytes) = (0, Vec::new());
        let mut known: HashMap<u64, (u64, &Samples)> = HashMap::new();
        for (at, (column, samples)) in (0_u64..).zip(&self.columns) {
            unsigned(out, (column.0 - core::mem::replace(&mut last, column.0)).into());
            let digest = samples.digest();
            let same = known.get(&digest).filter(|(_, it)| it.is_same(samples));
            if let Some((same, _)) = same {
                out.push(0);
                unsigned(out, *same);
                continue;
            }
            known.insert(digest, (at, samples));
            bytes.clear();
            sample::write(&mut bytes, samples, counts);
            unsigned(out, bytes.len() as u64);
            out.extend(&bytes);
        }
    }

    /// Reads a chunk, or one of its columns; `None` if it is damaged.
    pub(super) fn decode(
        bytes: &[u8],
        begin: i64,
        unit: i64,
        only: Option<Column>,
    ) -> Option<Self> {
        let mut input = Reader(checked(bytes)?);
        if input.byte()? != VERSION {
            return None;
        }
        let rows = input.count(MAX_ROWS)?;
        let mut chunk = Self::default();
        let mut last = begin;
        for step in integers::read(&mut input, rows)? {
            last = last.wrapping_add(step.wrapping_mul(unit));
            chunk.times.push(last);
        }
        let overs = if input.byte()? == 0 { 0 } else { rows };
        chunk.overs = integers::read(&mut input, overs)?;
        let counts = if input.byte()? == 0 { 0 } else { rows };
        let counts = integers::read(&mut input, counts)?;
        let encoded = columns(&mut input)?;
        for (column, bytes) in encoded {
            if only.is_none_or(|only| only == column) {
                let samples = sample::read(&mut Reader(bytes), rows, &counts)?;
                chunk.columns.push((column, samples));
            }
        }
        Some(chunk)
    }

    /// True for a chunk that is not damaged, and that another version of the program wrote.
    pub(super) fn is_of_other_version(bytes: &[u8]) -> bool {
        checked(bytes).and_then(<[u8]>::first).is_some_and(|version| *version != VERSION)
    }
}

/// The content of a chunk, if its check agrees with it.
fn checked(bytes: &[u8]) -> Option<&[u8]> {
    let (bytes, check) = bytes.split_last_chunk()?;
    (crc32fast::hash(bytes) == u32::from_le_bytes(*check)).then_some(bytes)
}

/// The columns as bytes.
fn columns<'a>(input: &mut Reader<'a>) -> Option<Vec<(Column, &'a [u8])>> {
    let count = input.count(MAX_ROWS)?;
    let (mut found, mut last) = (Vec::<(Column, &[u8])>::new(), 0_u32);
    for _ in 0..count {
        last = last.checked_add(u32::try_from(input.unsigned()?).ok()?)?;
        let bytes = match input.count(usize::MAX)? {
            0 => found.get(input.count(usize::MAX)?)?.1,
            length => input.bytes(length)?,
        };
        found.push((Column(last), bytes));
    }
    Some(found)
}

const VERSION: u8 = 1;
/// Rows and columns that a chunk may have: those of the longest slot by seconds, and more.
const MAX_ROWS: usize = 1 << 20;
