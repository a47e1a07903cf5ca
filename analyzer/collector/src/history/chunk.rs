//! Chunks: the samples of a group of metrics in a slot of time, as a table with a column for each metric.
//!
//! Metrics of a record have the same times, which are written once. A column that equals one before it,
//! such as a metric under a second name, or one more that is zero, is written as a reference.

use std::collections::HashMap;

use super::bytes::{Reader, unsigned};
use super::sample::{self, Sample};
use super::{Column, integers};

/// The rows of a chunk in the order of their times.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Chunk {
    /// Milliseconds since 1970.
    pub(super) times: Vec<i64>,
    /// The milliseconds that the differences of a row are over; empty in tables of periods.
    pub(super) overs: Vec<i64>,
    /// As many samples as there are times, by the numbers of the columns.
    pub(super) columns: Vec<(Column, Vec<Sample>)>,
}

impl Chunk {
    /// The row of a time, which is added if there is none.
    pub(super) fn row(&mut self, time: i64, over: Option<i64>) -> usize {
        let at = match self.times.last() {
            Some(last) if *last == time => return self.times.len() - 1,
            Some(last) if *last > time => match self.times.binary_search(&time) {
                Ok(at) => return at,
                Err(at) => at,
            },
            _ => self.times.len(),
        };
        self.times.insert(at, time);
        self.overs.splice(at.min(self.overs.len())..at.min(self.overs.len()), over);
        for (_, samples) in &mut self.columns {
            samples.insert(at, Sample::default());
        }
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
                self.columns.insert(at, (column, vec![Sample::default(); self.times.len()]));
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
        fn only<T>(list: &mut Vec<T>, kept: &[bool]) {
            let mut kept = kept.iter();
            list.retain(|_| kept.next() == Some(&true));
        }
        only(&mut self.times, &kept);
        only(&mut self.overs, &kept);
        self.columns.iter_mut().for_each(|(_, samples)| only(samples, &kept));
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
        let is_shared = |(_, samples): &&(Column, Vec<Sample>)| {
            samples.iter().all(Sample::is_known) && !samples.iter().all(Sample::is_one)
        };
        let counts = self.columns.iter().find(is_shared).map(|(_, it)| sample::counts(it));
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
        let (mut last, mut known) = (0, HashMap::new());
        for (at, (column, samples)) in (0_u64..).zip(&self.columns) {
            unsigned(out, (column.0 - core::mem::replace(&mut last, column.0)).into());
            let mut bytes = Vec::new();
            sample::write(&mut bytes, samples, counts);
            match known.get(&bytes) {
                Some(same) => {
                    out.push(0);
                    unsigned(out, *same);
                }
                None => {
                    unsigned(out, bytes.len() as u64);
                    out.extend(&bytes);
                    known.insert(bytes, at);
                }
            }
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
