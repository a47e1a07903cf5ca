//! The work of a query of the past: samples that are held, and files of the history before them.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;

use flowmote_engine::Instant;
use flowmote_engine::samples::{Held, PastQuery, PastResult, Scan};
use serde::Serialize;
use utoipa::ToSchema;

use super::past::failed;
use super::span::{Named, Span, since_1970, unix_ms};
use crate::flow_history::{Ended, Files, FlowHistory, Reading};
use crate::flow_logs::HISTORY_WINDOW;
use crate::http::reply::Failure;
use crate::hub::Hub;

/// What a query has found.
#[derive(Debug)]
pub(super) struct FoundPast {
    pub(super) result: PastResult,
    pub(super) step: Option<Duration>,
    pub(super) history: Option<FromHistory>,
    /// What the query needs and the history does not have, if the span begins later for it.
    pub(super) not_in_history: Vec<String>,
}

/// The part of the span that is from files.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct FromHistory {
    /// Its end, in milliseconds since 1970.
    to: u64,
    /// Records in its files.
    records: u64,
    /// Minutes without a file: there was no traffic, the program did not run, or the file was removed.
    minutes_without_file: u64,
}

/// The part of a span that files have, by milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    from: u64,
    /// Where the samples begin that are held.
    border: u64,
    /// The end of the whole span.
    to: u64,
    /// The program whose files have the same as the samples, by its start.
    without_run: Option<u64>,
}

/// Finds the flows of a span. `make` makes the query of a span.
pub(super) fn find(
    hub: &Hub,
    named: &Named,
    make: impl Fn(&Span) -> Result<PastQuery, Failure>,
    stop: &AtomicBool,
) -> Result<FoundPast, Failure> {
    let start = hub.unix_ms(Instant::default());
    let history = hub.flow_history.as_ref();
    let oldest = match history {
        Some(history) if named.begin() < start => history.oldest().map(|seconds| seconds * 1000),
        _ => None,
    };
    let span = named.span(oldest.map_or(start, |oldest| oldest.min(start)));
    let query = make(&span)?;
    let times = [query.from(), query.to()].map(|time| query.sample_time(time));
    let held = hub.held(times[0], times[1]).ok_or_else(failed)?;
    let part = history.and_then(|history| Some((history, part(hub, &span, &held)?)));
    let Some((history, part)) = part else {
        return of_samples(hub, make(&named.span(start))?, &span, held, stop);
    };
    let lacking = lacking(&query, &span);
    if lacking.is_empty() {
        return of_both(hub, history, query, &span, part, held, stop);
    }
    let begin = hub.unix_ms(held.begin());
    if unix_ms(span.to) <= begin {
        return Err(Failure::bad(format!(
            "from: not in the history of flows, which has what is before {begin}: {}",
            lacking.join(", ")
        )));
    }
    let found = of_samples(hub, make(&named.span(start))?, &span, held, stop)?;
    Ok(FoundPast { not_in_history: lacking, ..found })
}

/// Finds the flows of a span in the samples that are held.
pub(super) fn find_held(
    hub: &Hub,
    named: &Named,
    make: impl Fn(&Span) -> Result<PastQuery, Failure>,
    stop: &AtomicBool,
) -> Result<FoundPast, Failure> {
    let span = named.span(hub.unix_ms(Instant::default()));
    let query = make(&span)?;
    let times = [query.from(), query.to()].map(|time| query.sample_time(time));
    let held = hub.held(times[0], times[1]).ok_or_else(failed)?;
    of_samples(hub, query, &span, held, stop)
}

/// What the query needs and records do not have.
fn lacking(query: &PastQuery, span: &Span) -> Vec<String> {
    let mut lacking = query.logged().err().map(Vec::from_iter).unwrap_or_default();
    if span.step.is_some_and(|step| step.as_millis() % u128::from(MINUTE) != 0) {
        lacking.push("steps other than whole minutes".to_owned());
    }
    lacking
}

/// The part of a span that is not held as samples; `None` if there is none.
fn part(hub: &Hub, span: &Span, held: &Held) -> Option<Part> {
    let begin = (hub.unix_ms(held.begin()), held.begin() == Instant::default());
    let complete = hub.flow_logs.history_counts.complete.load(Ordering::Relaxed) * 1000;
    Part::new([span.from, span.to].map(unix_ms), begin, complete)
}

impl Part {
    /// The part of a span, if samples are held from `begin` on, and `is_start` if that is the start of the
    /// program. Files have all that was before `complete`.
    fn new([from, to]: [u64; 2], (begin, is_start): (u64, bool), complete: u64) -> Option<Self> {
        if from >= begin {
            return None;
        }
        let (border, without_run) = match is_start {
            // All samples of this run are held. Its own files have the same.
            true => (begin, Some(begin)),
            // If they are held for little more than a minute, the last one is in no file yet.
            false => (minutes_up(begin).min(complete), None),
        };
        let held = is_start || minutes_up(begin) <= complete;
        let to = if held && to > border { to } else { minutes_up(to).min(border) };
        let (from, border) = (from / MINUTE * MINUTE, border.min(to));
        (from < border).then_some(Self { from, border, to, without_run })
    }
}

/// The next whole minute.
fn minutes_up(time: u64) -> u64 {
    time.div_ceil(MINUTE).saturating_mul(MINUTE)
}

/// The result of the samples that are held.
fn of_samples(
    hub: &Hub,
    query: PastQuery,
    span: &Span,
    held: Held,
    stop: &AtomicBool,
) -> Result<FoundPast, Failure> {
    let query = query.within(&held);
    let scans = scan(&query, held, hub.query_memory, stop).ok_or_else(failed)?;
    let result = query.result(&scans, stop).ok_or_else(failed)?;
    Ok(FoundPast { result, step: span.step, history: None, not_in_history: Vec::new() })
}

/// The result of files and, after them, samples.
fn of_both(
    hub: &Hub,
    history: &FlowHistory,
    query: PastQuery,
    span: &Span,
    part: Part,
    held: Held,
    stop: &AtomicBool,
) -> Result<FoundPast, Failure> {
    let first = since_1970(unix_ms(span.first) / MINUTE * MINUTE);
    let query = query.with_records([part.from, part.border, part.to].map(since_1970), first);
    let keys = query.logged().unwrap_or_default();
    let reading = Reading::new(&keys, part.without_run, stop);
    let files = history.files(part.from / 1000, part.border.div_ceil(1000));
    let minutes = (part.border - part.from).div_ceil(MINUTE);
    let with_file = files.chunk_by(|a, b| a.minute == b.minute).count() as u64;
    let files = Files::new(history, reading, files);
    let mut scans = files.scan(&query, hub.query_memory / 4).map_err(failure)?;
    scans.extend(scan(&query, held, hub.query_memory / 2, stop).ok_or_else(failed)?);
    let found = FromHistory {
        to: part.border,
        records: files.records(),
        minutes_without_file: minutes.saturating_sub(with_file),
    };
    let result = query.result_with(&scans, &files, stop).ok_or_else(failed)?;
    let (step, not_in_history) = (span.step, Vec::new());
    Ok(FoundPast { result, step, history: Some(found), not_in_history })
}

fn failure(ended: Ended) -> Failure {
    match ended {
        Ended::Stopped => failed(),
        Ended::TooMany => Failure::bad(
            "from: the files of the span have more than 100 million records; choose a shorter one",
        ),
    }
}

/// Reads the samples, in two threads if they are many.
fn scan(query: &PastQuery, held: Held, memory: usize, stop: &AtomicBool) -> Option<Vec<Scan>> {
    if held.samples() < MANY {
        return Some(vec![query.scan(&held, memory, stop)?]);
    }
    let [first, second] = held.split();
    thread::scope(|scope| {
        let other = scope.spawn(|| query.scan(&first, memory / 2, stop));
        let scan = query.scan(&second, memory / 2, stop);
        Some(vec![other.join().ok().flatten()?, scan?])
    })
}

/// Samples that are worth a second thread.
const MANY: usize = 100_000;
/// Milliseconds of a record.
const MINUTE: u64 = HISTORY_WINDOW as u64 * 1000;

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-30T03:00:00Z.
    const T: u64 = 1_795_921_200_000;

    fn part(span: [u64; 2], begin: (u64, bool), complete: u64) -> Option<[u64; 4]> {
        let span = span.map(|time| T + time);
        let part = Part::new(span, (T + begin.0, begin.1), T + complete)?;
        let run = part.without_run.map_or(0, |run| run - T);
        Some([part.from - T, part.border - T, part.to - T, run])
    }

    #[test]
    fn samples_that_are_held_need_no_files() {
        assert_eq!(part([300_000, 900_000], (300_000, false), 840_000), None);
        assert_eq!(part([300_001, 900_000], (300_000, true), 840_000), None);
    }

    #[test]
    fn border_of_a_run_that_holds_all_is_its_start() {
        let start = (90_500, true);
        // Files of this run are left out, also of the minute in which it began.
        assert_eq!(part([10, 900_010], start, 840_000), Some([0, 90_500, 900_010, 90_500]));
        assert_eq!(part([10, 60_001], start, 840_000), Some([0, 90_500, 90_500, 90_500]));
        assert_eq!(part([10, 60_000], start, 0), Some([0, 60_000, 60_000, 90_500]));
    }

    #[test]
    fn border_is_a_whole_minute_after_samples_were_dropped() {
        let begin = (300_200, false);
        assert_eq!(part([61_000, 900_010], begin, 840_000), Some([60_000, 360_000, 900_010, 0]));
        // From here on all samples are held, but the minute has samples that are not.
        assert_eq!(part([300_100, 900_010], begin, 840_000), Some([300_000, 360_000, 900_010, 0]));
        assert_eq!(part([61_000, 100_000], begin, 840_000), Some([60_000, 120_000, 120_000, 0]));
    }

    #[test]
    fn span_ends_where_files_do_if_samples_begin_later() {
        let begin = (850_000, false);
        assert_eq!(part([0, 899_000], begin, 840_000), Some([0, 840_000, 840_000, 0]));
        assert_eq!(part([0, 240_000], begin, 840_000), Some([0, 240_000, 240_000, 0]));
        // As soon as the minute is in a file, samples follow.
        assert_eq!(part([0, 905_000], begin, 900_000), Some([0, 900_000, 905_000, 0]));
        assert_eq!(part([845_000, 849_000], begin, 840_000), None);
    }
}
