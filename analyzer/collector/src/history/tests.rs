//! The history in virtual time: what is written is there in each tier, after restarts too.

use core::time::Duration;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use super::reading::suitable;
use super::tier::{DAY, HOUR};
use super::*;

const START: i64 = 1_800_000_000_000 - 1_800_000_000_000 % DAY;

/// A history in a directory, with times that the test gives.
struct Lab {
    history: History,
    now: i64,
}

impl Lab {
    fn open(directory: &Path, now: i64) -> Self {
        Self::with(directory, 1 << 30, now)
    }

    /// With so many bytes of file.
    fn with(directory: &Path, limit: u64, now: i64) -> Self {
        let history = History::new(directory, limit, 16 << 20);
        history.open(now);
        Self { history, now }
    }

    fn close(self) {
        self.history.close();
    }

    fn place(&self, group: &str, name: &str, is_difference: bool) -> (Group, Column) {
        let group = self.history.group(group).expect("room for a group");
        (group, self.history.column(name, is_difference).expect("room for a column"))
    }

    /// Writes a row of one number.
    fn write(&mut self, (group, column): (Group, Column), end: i64, over: i64, number: f64) {
        let mut batch = Batch::default();
        batch.add(group, &Row { end, over, columns: vec![(column, Sample::one(number))] });
        self.now = self.now.max(end);
        assert!(self.history.write(&batch, self.now));
    }

    fn merge(&self) {
        self.history.maintain(self.now, true);
    }

    /// Times, sums, minima, maxima and counts of periods of so many seconds.
    fn read(&self, of: (Group, Column), seconds: i64, from: i64, to: i64) -> Vec<(i64, [f64; 4])> {
        let found = self.history.read(of, (from, seconds * 1000), from..to, self.now).into_iter();
        let mut rows: Vec<_> = found
            .flat_map(|found| found.samples)
            .map(|(time, _, it)| (time, [it.sum, it.min, it.max, it.count]))
            .collect();
        rows.sort_by_key(|(time, _)| *time);
        rows
    }
}

#[test]
fn samples_are_the_same_in_the_log_in_chunks_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let value = lab.place("host", "value", false);
    let sum = lab.place("host", "sum", true);
    for at in 1..=90 {
        lab.write(value, START + at * 10_000, 10_000, at as f64);
        lab.write(sum, START + at * 10_000, 10_000, 60.0);
    }
    let end = START + HOUR;
    let check = |lab: &Lab| {
        let minutes = lab.read(value, 60, START, end);
        // At 60 s, 70 s, … 110 s.
        assert_eq!(minutes[1], (START + MINUTE, [51.0, 6.0, 11.0, 6.0]));
        assert_eq!(minutes.len(), 16);
        let sums = lab.read(sum, 60, START, end);
        assert_eq!(sums[0], (START, [360.0, 360.0, 360.0, 1.0]));
        assert_eq!(sums.len(), 15);
        let fives = lab.read(sum, 300, START, end);
        assert_eq!(fives[1], (START + 5 * MINUTE, [1800.0, 360.0, 360.0, 5.0]));
        let hours = lab.read(sum, 3600, START, end);
        assert_eq!(hours, [(START, [5400.0, 360.0, 360.0, 15.0])]);
        let rows = lab.history.rows(sum, START..end).samples;
        assert_eq!(rows.len(), 90);
        assert_eq!(rows[0], (START + 10_000, 10_000, Sample::one(60.0)));
    };
    check(&lab);
    lab.merge();
    check(&lab);
    let now = lab.now;
    drop(lab);
    let mut lab = Lab::open(directory.path(), now);
    assert_eq!(lab.place("host", "sum", true), sum);
    assert_ne!(lab.place("other", "sum", true), sum);
    check(&lab);
    // A part of a minute that has a sample is part of this sample.
    lab.write(sum, START + 905_000, 5_000, 40.0);
    lab.write(sum, START + 910_000, 5_000, 2.0);
    lab.merge();
    let sums = lab.read(sum, 60, START + 15 * MINUTE, end);
    assert_eq!(sums, [(START + 15 * MINUTE, [42.0, 42.0, 42.0, 1.0])]);
}

#[test]
fn tiers_are_kept_for_their_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let sum = lab.place("host", "sum", true);
    let days = 480;
    // A minute of each hour.
    for day in 0..days {
        let mut batch = Batch::default();
        for hour in day * 24..day * 24 + 24 {
            let columns = vec![(sum.1, Sample::one(hour as f64))];
            let end = START + hour * HOUR + 2 * MINUTE;
            batch.add(sum.0, &Row { end, over: MINUTE, columns });
        }
        lab.now = START + (day + 1) * DAY;
        lab.history.write(&batch, lab.now);
        lab.merge();
    }
    lab.now = START + days * DAY;
    lab.merge();
    let first = |seconds: i64| {
        let found = lab.read(sum, seconds, START, lab.now);
        assert!(found.windows(2).all(|pair| pair[1].0 > pair[0].0));
        found.first().map(|(time, _)| (lab.now - time) / DAY)
    };
    // Slots of chunks end later than the times that are in them.
    assert!(matches!(first(60), Some(14..=15)), "{:?}", first(60));
    assert!(matches!(first(300), Some(62..=64)), "{:?}", first(300));
    assert!(matches!(first(3600), Some(454..=465)), "{:?}", first(3600));
    let month = lab.read(sum, 3600, lab.now - 30 * DAY, lab.now);
    assert_eq!(month.len(), 30 * 24);
    let hour = (days - 30) as f64 * 24.0;
    assert_eq!(month[0].1, [hour, hour, hour, 1.0]);
    // From a time that is no whole hour: minutes, and before them the five minutes that begin after it.
    let from = lab.now - 30 * DAY + MINUTE;
    let uneven = lab.read(sum, 3600, from, lab.now);
    assert_eq!(
        uneven.iter().map(|(_, it)| it[0]).sum::<f64>(),
        (1..720).map(|it| hour + it as f64).sum::<f64>()
    );
    assert!(fs::metadata(directory.path().join(FILE)).unwrap().len() < 8 << 20);
}

#[test]
fn late_points_change_all_tiers() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let value = lab.place("program", "value", false);
    for hour in 0..24 {
        lab.write(value, START + hour * HOUR, 0, 1.0);
    }
    lab.merge();
    lab.write(value, START + HOUR + 30 * MINUTE, 0, 5.0);
    lab.merge();
    let expected = [6.0, 1.0, 5.0, 2.0];
    assert_eq!(lab.read(value, 3600, START, lab.now)[1], (START + HOUR, expected));
    assert_eq!(lab.read(value, 300, START, lab.now).len(), 24);
    // Neither older than minutes are kept, nor far ahead.
    for time in [lab.now - 16 * DAY, lab.now + 4 * HOUR] {
        let mut batch = Batch::default();
        let columns = vec![(value.1, Sample::one(1.0))];
        batch.add(value.0, &Row { end: time, over: 0, columns });
        lab.history.write(&batch, lab.now);
    }
    lab.merge();
    assert_eq!(lab.history.counters.dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn group_that_falls_silent_has_its_last_hour_in_all_tiers() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let value = lab.place("job", "value", false);
    for at in 1..=60 {
        lab.write(value, START + at * MINUTE, 0, at as f64);
    }
    lab.merge();
    for hour in 1..20 * 24 {
        lab.now = START + hour * HOUR;
        lab.merge();
    }
    assert_eq!(lab.read(value, 60, START, lab.now), []);
    let hours = lab.read(value, 3600, START, lab.now);
    assert_eq!(hours[0], (START, [1770.0, 1.0, 59.0, 59.0]));
    assert_eq!(hours[1], (START + HOUR, [60.0, 60.0, 60.0, 1.0]));
    // Its rows are gone too.
    let sizes = lab.history.store().unwrap().sizes().unwrap();
    assert!(sizes.iter().all(|(tier, _, bytes)| *tier != Tier::Rows || *bytes == 0), "{sizes:?}");
}

#[test]
fn rows_are_a_small_part_of_a_small_file() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    lab.history.limit = 64 << 10;
    let value = lab.place("host", "noise", false);
    for part in 0..40 {
        let mut batch = Batch::default();
        for second in 0..600 {
            let columns = vec![(value.1, Sample::one((second * second * 7919 % 10_007) as f64))];
            let end = START + (part * 600 + second) * 1000;
            batch.add(value.0, &Row { end, over: 0, columns });
        }
        lab.now = START + (part + 1) * 600_000;
        lab.history.write(&batch, lab.now);
        lab.merge();
        let sizes = lab.history.store().unwrap().sizes().unwrap();
        let rows = sizes.iter().find(|it| it.0 == Tier::Rows).map_or(0, |it| it.2);
        assert!(rows < 20 << 10, "{rows}");
    }
}

/// Values that take room, of 100 groups in so many hours.
fn fill(lab: &mut Lab, hours: i64) -> Vec<(Group, Column)> {
    let places: Vec<_> =
        (0..100).map(|at| lab.place(&format!("host{at}"), "noise", false)).collect();
    let mut random = 1_u64;
    let mut batch = Batch::default();
    for minute in 0..hours * 60 {
        for (group, column) in &places {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let sample = Sample::one((random >> 20) as f64);
            let end = START + minute * MINUTE;
            batch.add(*group, &Row { end, over: 0, columns: vec![(*column, sample)] });
        }
        if minute % 60 == 59 {
            lab.now = START + minute * MINUTE;
            lab.history.write(&core::mem::take(&mut batch), lab.now);
            lab.merge();
        }
    }
    places
}

/// Bytes of the pages that are in use.
fn in_use(lab: &Lab) -> u64 {
    let stats = lab.history.store().unwrap().database.begin_write().unwrap().stats().unwrap();
    stats.allocated_pages() * stats.page_size() as u64
}

#[test]
fn restarts_of_a_full_file_remove_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let limit = 4 << 20;
    let mut lab = Lab::with(directory.path(), limit, START);
    let places = fill(&mut lab, 48);
    let now = lab.now;
    let before = lab.read(places[0], 60, START, now);
    assert!(in_use(&lab) < limit, "{}", in_use(&lab));
    assert!((10 * 60..48 * 60).contains(&before.len()), "it is full: {}", before.len());
    lab.close();
    for round in 0..10 {
        let lab = Lab::with(directory.path(), limit, now);
        lab.merge();
        assert_eq!(lab.read(places[0], 60, START, now), before, "{round}");
        // Whether it ends well or not.
        if round % 2 == 0 {
            lab.close();
        }
    }
}

#[test]
fn lower_limit_is_reached_at_the_next_start() {
    let directory = tempfile::tempdir().unwrap();
    let length = || fs::metadata(directory.path().join(FILE)).unwrap().len();
    let mut lab = Lab::open(directory.path(), START);
    let places = fill(&mut lab, 48);
    let now = lab.now;
    lab.close();
    let before = length();
    let lab = Lab::with(directory.path(), 1 << 20, now);
    assert!(before > 3 << 20 && length() < 5 << 18, "{before} {}", length());
    let minutes = lab.read(places[0], 60, START, now).len();
    assert!((60..48 * 60).contains(&minutes), "{minutes}");
    assert_eq!(lab.read(places[0], 3600, START, now)[0].0, START);
}

#[test]
fn size_is_bounded_and_the_oldest_go_first() {
    let directory = tempfile::tempdir().unwrap();
    let limit = 4 << 20;
    let mut lab = Lab::with(directory.path(), limit, START);
    let places = fill(&mut lab, 3 * 24);
    assert!((limit / 2..limit).contains(&in_use(&lab)), "{}", in_use(&lab));
    // One transaction of this shard is a large part of so small a file.
    assert!(lab.history.length() < 3 * limit, "{}", lab.history.length());
    let minutes = lab.read(places[0], 60, START, lab.now);
    let first = minutes.first().map(|(time, _)| (time - START) / HOUR);
    assert!(matches!(first, Some(24..70)), "{first:?}");
    // Longer periods are kept longer.
    assert_eq!(lab.read(places[0], 3600, START, lab.now)[0].0, START);
}

#[test]
fn damaged_file_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let good = {
        let mut lab = Lab::open(directory.path(), START);
        let value = lab.place("host", "value", false);
        for at in 0..200 {
            lab.write(value, START + at * 10_000, 0, (at * at) as f64);
        }
        lab.merge();
        drop(lab);
        fs::read(&path).unwrap()
    };
    let mut random = 7_u64;
    let mut aside = 0;
    for round in 0..30 {
        let mut bytes = good.clone();
        let mut at = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) as usize % good.len()
        };
        match round % 3 {
            0 => bytes.truncate(at()),
            1 => bytes[at()] ^= 1,
            _ => (0..200).for_each(|_| bytes[at()] ^= 0xff),
        }
        fs::write(&path, &bytes).unwrap();
        let damaged = path.with_extension("redb.damaged");
        let _ = fs::remove_file(&damaged);
        let mut lab = Lab::open(directory.path(), START + HOUR);
        aside += u32::from(damaged.exists());
        let value = lab.place("host", "value", false);
        let now = lab.now;
        lab.write(value, now, 0, 1.0);
        lab.merge();
        assert_eq!(lab.read(value, 60, now, now + HOUR), [(now, [1.0, 1.0, 1.0, 1.0])], "{round}");
    }
    // A flipped bit may be in a free page.
    assert!(aside >= 15, "{aside}");
}

#[test]
fn late_point_does_not_move_the_beginning_of_a_tier() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::with(directory.path(), 4 << 20, START);
    let places = fill(&mut lab, 3 * 24);
    let of = |lab: &Lab| lab.read(places[0], 300, START + MINUTE, lab.now).len();
    let before = of(&lab);
    assert!(before > 70 * 12, "{before}");
    lab.write(places[1], START + 2 * HOUR, 0, 1.0);
    lab.merge();
    assert_eq!(of(&lab), before);
}

#[test]
fn silent_groups_have_longer_periods_too() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let job = lab.place("job", "sum", true);
    for at in 1..=60 {
        lab.write(job, START + at * MINUTE, MINUTE, 1.0);
    }
    for day in 0..20 {
        lab.now = START + day * DAY;
        lab.merge();
    }
    assert_eq!(lab.read(job, 60, START, START + DAY), []);
    for seconds in [300, 3600] {
        let periods = lab.read(job, seconds, START, START + DAY);
        assert_eq!(periods.iter().map(|(_, it)| it[0]).sum::<f64>(), 60.0, "{seconds}");
    }
}

#[test]
fn clock_of_later_years_at_the_start_removes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let value = lab.place("host", "value", false);
    (0..120).for_each(|at| lab.write(value, START + at * MINUTE, 0, 1.0));
    lab.merge();
    lab.close();
    let wrong = START + 9 * 365 * DAY;
    let lab = Lab::open(directory.path(), wrong);
    lab.merge();
    assert_eq!(lab.history.ready(wrong), None);
    // The clock was set back meanwhile, or it is too early to be certain.
    for (seconds, system) in [(3600, START), (599, wrong)] {
        assert!(!lab.history.resolve(wrong, Duration::from_secs(seconds), system));
    }
    lab.merge();
    lab.close();
    let lab = Lab::open(directory.path(), START + 3 * HOUR);
    assert_eq!(lab.read(value, 60, START, lab.now).len(), 120);
    assert!(lab.history.ready(lab.now).is_some());
    lab.close();
    // It was right: the machine was off for years.
    let mut lab = Lab::open(directory.path(), wrong);
    assert!(lab.history.resolve(wrong, Duration::from_secs(600), wrong + 1000));
    assert!(lab.history.ready(wrong).is_some());
    lab.now = wrong;
    lab.write(value, wrong, 0, 1.0);
    lab.merge();
    assert_eq!(lab.read(value, 60, wrong, wrong + HOUR).len(), 1);
    assert_eq!(lab.read(value, 60, START, START + DAY), []);
}

#[test]
fn times_ahead_stop_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = START + 9 * 365 * DAY;
    let mut lab = Lab::open(directory.path(), wrong);
    let value = lab.place("host", "value", false);
    (0..120).for_each(|at| lab.write(value, wrong + at * MINUTE, 0, 1.0));
    lab.merge();
    lab.close();
    // The clock is right now.
    let mut lab = Lab::open(directory.path(), START);
    assert_eq!(lab.history.ready(START), None);
    assert!(lab.history.resolve(START, Duration::from_secs(600), START));
    assert_eq!(lab.history.reader().last(value.0), Some(START));
    for at in 0..24 * 60 {
        lab.write(value, START + at * MINUTE, 0, 1.0);
    }
    lab.merge();
    for (seconds, count) in [(60, 24 * 60), (300, 24 * 12), (3600, 24)] {
        assert_eq!(lab.read(value, seconds, START, lab.now + MINUTE).len(), count, "{seconds}");
    }
    // It is not in doubt again.
    let now = lab.now;
    lab.close();
    assert!(Lab::open(directory.path(), now).history.ready(now).is_some());
}

#[test]
fn silent_groups_leave_the_catalogue_and_their_numbers_are_not_used_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let put = |lab: &mut Lab, host: &str, time: i64| {
        let (group, column) = lab.place(host, "value", false);
        let stored = Stored { group, column, unit: "Bytes".into() };
        assert!(lab.history.add_metric("N\0all", host, &stored));
        assert!(lab.history.add_metric(&format!("N\0{host}"), host, &stored));
        lab.write((group, column), time, 0, 1.0);
        group
    };
    let numbers = |lab: &Lab| lab.history.store().unwrap().catalogue().unwrap();
    let old = put(&mut lab, "old", START);
    let one = numbers(&lab);
    let new = put(&mut lab, "new", START + 400 * DAY);
    let both = numbers(&lab).bytes;
    lab.merge();
    assert_eq!(lab.history.find("N\0old", "old").len(), 1);
    lab.now = START + 457 * DAY;
    lab.merge();
    assert_eq!(lab.history.find("N\0old", "old"), []);
    assert_eq!(lab.history.find("N\0all", "new")[0].group, new);
    assert_eq!(lab.history.find("N\0new", "new")[0].group, new);
    let all = lab.history.silent(0, i64::MIN, |_| true, |_| true, HashSet::new).unwrap().metrics;
    let listed: Vec<_> = all.iter().map(|it| &*it.name).collect();
    assert_eq!(listed, ["N\0all", "N\0new"]);
    assert_eq!((numbers(&lab).bytes, numbers(&lab).counts), (one.bytes, one.counts));
    let now = lab.now;
    lab.history.write(&Batch::default(), now);
    put(&mut lab, "new", now);
    lab.close();
    let mut lab = Lab::with(directory.path(), 4 * both, now);
    let again = put(&mut lab, "old", now);
    assert!(again > new && new > old, "{again:?} {new:?} {old:?}");
    // A large catalogue has those of the last days only.
    lab.now = now + 17 * DAY;
    put(&mut lab, "new", now + 17 * DAY);
    lab.merge();
    assert_eq!(lab.history.find("N\0all", "old"), []);
    assert_eq!(lab.history.find("N\0all", "new").len(), 1);
}

#[test]
fn full_catalogue_is_reported_once_and_what_waits_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::with(directory.path(), 1 << 20, START);
    let (group, column) = lab.place("host", "value", false);
    let stored = Stored { group, column, unit: "Bytes".into() };
    let bytes = || lab.history.catalogue.lock().bytes();
    assert!(lab.history.add_metric("name", "dimensions", &stored));
    let once = bytes();
    assert!(once > 0);
    // The disk is full: nothing is written.
    let entries = lab.history.catalogue.lock().take();
    lab.history.catalogue.lock().put_back(entries);
    assert!(lab.history.add_metric("name", "dimensions", &stored));
    assert_eq!(bytes(), once);
    let names = (0..1 << 16).map(|at| format!("host{at}"));
    let kept = names.clone().take_while(|name| lab.history.group(name).is_some()).count();
    assert!((1000..1 << 13).contains(&kept), "{kept}");
    assert!(bytes() < 1 << 19, "{}", bytes());
    assert_eq!(lab.history.group("one more"), None);
    assert_eq!(lab.history.counters.errors.load(Ordering::Relaxed), 1);
    // Those that are there go on.
    assert_eq!(lab.history.group("host"), Some(group));
    assert!(lab.history.write(&Batch::default(), START));
    assert_eq!(bytes(), 0);
}

#[test]
fn upkeep_of_each_second_ends_and_moves_rows_in_turn() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let value = lab.place("host", "value", false);
    for at in 0..3 {
        lab.write(value, START + at * MINUTE, 0, 1.0);
        lab.history.maintain(lab.now, false);
    }
    // It is not its turn yet.
    assert!(!lab.history.upkeep.lock().logged.is_empty());
    assert_eq!(lab.read(value, 60, START, START + HOUR).len(), 3);
}

#[test]
fn file_that_ended_well_is_not_checked_for_a_week() {
    let directory = tempfile::tempdir().unwrap();
    let checked = |lab: &Lab| lab.history.checked();
    let lab = Lab::open(directory.path(), START);
    lab.close();
    let lab = Lab::open(directory.path(), START + HOUR);
    assert_eq!(checked(&lab), START);
    // Not ended.
    drop(lab);
    let lab = Lab::open(directory.path(), START + 2 * HOUR);
    assert_eq!(checked(&lab), START + 2 * HOUR);
    lab.close();
    let lab = Lab::open(directory.path(), START + 8 * DAY);
    assert_eq!(checked(&lab), START + 8 * DAY);
    lab.close();
    // Changed by others.
    let path = directory.path().join(FILE);
    fs::write(&path, fs::read(&path).unwrap()).unwrap();
    assert_eq!(checked(&Lab::open(directory.path(), START + 9 * DAY)), START + 9 * DAY);
}

#[test]
fn opening_that_fails_is_tried_again_and_rows_wait() {
    let directory = tempfile::tempdir().unwrap();
    let other = redb::Database::create(directory.path().join(FILE)).unwrap();
    let mut lab = Lab::open(directory.path(), START);
    assert!(!lab.history.is_opening());
    assert_eq!((lab.history.ready(START), lab.history.group("host")), (None, None));
    let mut batch = Batch::default();
    let columns = vec![(Column(0), Sample::one(1.0))];
    batch.add(Group(0), &Row { end: START, over: 0, columns });
    assert!(!lab.history.write(&batch, START));
    assert_eq!(lab.history.counters.dropped.load(Ordering::Relaxed), 0);
    drop(other);
    fs::remove_file(directory.path().join(FILE)).unwrap();
    lab.history.open(START);
    assert_eq!(lab.history.ready(START), Some(1));
    let value = lab.place("host", "value", false);
    lab.write(value, START, 0, 1.0);
    assert_eq!(lab.read(value, 60, START, START + HOUR).len(), 1);
}

/// Changes the file of a directory.
fn change(directory: &Path, change: impl FnOnce(&redb::WriteTransaction)) {
    let database = redb::Database::open(directory.join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    change(&transaction);
    transaction.commit().unwrap();
}

#[test]
fn file_of_another_format_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let value = {
        let mut lab = Lab::open(directory.path(), START);
        let value = lab.place("host", "value", false);
        lab.write(value, START, 0, 1.0);
        value
    };
    let reopened = |name: &str| {
        let lab = Lab::open(directory.path(), START);
        let found = lab.read(value, 60, START, START + MINUTE).len();
        (found, directory.path().join(format!("history.redb.{name}")).exists())
    };
    assert_eq!(reopened("damaged"), (1, false));
    let set = |name: &str, number: u64| {
        change(directory.path(), |it| {
            it.open_table(meta::META).unwrap().insert(name, number).unwrap();
        });
    };
    for (name, number, aside) in [("format", 99, "format-99-256"), ("shard", 7, "format-5-7")] {
        set(name, number);
        assert_eq!(reopened(aside), (0, true));
        // The new one stays.
        Lab::open(directory.path(), START).write(value, START, 0, 1.0);
        assert_eq!(reopened("damaged"), (1, false));
    }
    // A file from before there were numbers.
    change(directory.path(), |it| assert!(it.delete_table(meta::META).unwrap()));
    assert_eq!(reopened("format-0-0"), (0, true));
}

#[test]
fn chunk_of_another_version_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let value = lab.place("host", "value", false);
    lab.write(value, START, 0, 1.0);
    lab.now = START + 7 * HOUR;
    lab.merge();
    drop(lab);
    let of_next_version = |bytes: &[u8]| {
        let mut bytes = bytes[..bytes.len() - 4].to_vec();
        bytes[0] += 1;
        let check = crc32fast::hash(&bytes);
        bytes.extend(check.to_le_bytes());
        bytes
    };
    let chunks = || {
        let mut found = Vec::new();
        change(directory.path(), |it| {
            let table = it.open_table(store::CHUNKS).unwrap();
            let all = redb::ReadableTable::iter(&table).unwrap().map(Result::unwrap);
            found.extend(all.map(|(key, bytes)| (key.value(), bytes.value().to_vec())));
        });
        found
    };
    let before: Vec<_> =
        chunks().into_iter().map(|(key, it)| (key, of_next_version(&it))).collect();
    assert!(before.len() == 3);
    change(directory.path(), |it| {
        let mut table = it.open_table(store::CHUNKS).unwrap();
        for (key, bytes) in &before {
            table.insert(key, bytes.as_slice()).unwrap();
        }
    });
    // Minutes are the only ones that late rows need.
    let mut lab = Lab::open(directory.path(), START + 7 * HOUR);
    lab.write(value, START + MINUTE, 0, 1.0);
    lab.merge();
    assert_eq!(lab.history.counters.errors.load(Ordering::Relaxed), 1);
    assert_eq!(lab.history.counters.dropped.load(Ordering::Relaxed), 1);
    drop(lab);
    assert_eq!(chunks(), before);
}

#[test]
fn metrics_are_found_by_name_and_listed_in_pages() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = Lab::open(directory.path(), START);
    let mut expected = Vec::new();
    for at in 0..30 {
        let (group, column) = lab.place(&format!("host{}", at / 3), &format!("m{}", at % 3), false);
        let stored = Stored { group, column, unit: "Bytes".into() };
        let (name, dimensions) = (format!("N\0m{}", at % 3), format!("host\0{}", at / 3));
        assert!(lab.history.add_metric(&name, &dimensions, &stored));
        assert!(lab.history.add_metric(&name, &dimensions, &stored));
        lab.write((group, column), START, 0, 1.0);
        assert_eq!(lab.history.find(&name, &dimensions), [stored]);
        expected.push((name, dimensions));
    }
    let listed = |since: i64, name: Option<&str>, live: &[Group]| {
        let (mut found, mut next) = (Vec::new(), Some(0));
        while let Some(from) = next {
            let wanted = |own: &str| name.is_none_or(|name| name == own);
            let live = || live.iter().copied().collect();
            let part = lab.history.silent(from, since, wanted, |_| true, live).unwrap();
            next = part.next;
            found.extend(
                part.metrics.into_iter().map(|it| (it.name.to_string(), it.dimensions.to_string())),
            );
        }
        found
    };
    let mut found = listed(START - 1, None, &[]);
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(lab.history.find("N\0m9", "host\x001"), []);
    assert_eq!(listed(START - 1, Some("N\0m1"), &[]).len(), 10);
    // All had their last rows then.
    assert_eq!(listed(START, None, &[]).len(), 0);
}

#[test]
fn metrics_without_new_rows_are_listed_by_their_last_one() {
    let directory = tempfile::tempdir().unwrap();
    let lab = Lab::open(directory.path(), START);
    let places: Vec<_> = (0..3000).map(|at| lab.place(&format!("host{at}"), "m", false)).collect();
    for (at, (group, column)) in places.iter().enumerate() {
        let stored = Stored { group: *group, column: *column, unit: "Bytes".into() };
        assert!(lab.history.add_metric("N\0m", &format!("host\0{at}"), &stored));
        // One of all hosts.
        assert!(lab.history.add_metric("N\0m", "", &stored));
    }
    let mut batch = Batch::default();
    for (at, (group, column)) in places.iter().enumerate() {
        let (end, columns) = (START + at as i64, vec![(*column, Sample::one(1.0))]);
        batch.add(*group, &Row { end, over: 0, columns });
    }
    lab.history.write(&batch, START);
    lab.merge();
    let live = || places.iter().skip(2900).map(|(group, _)| *group).collect();
    let mut parts = Vec::new();
    let mut next = Some(0);
    while let Some(from) = next {
        let part = lab.history.silent(from, START + 999, |_| true, |_| true, live).unwrap();
        next = part.next;
        assert!(part.work <= 2001, "{}", part.work);
        parts.push(part.metrics.len());
    }
    // Those of the hosts 1000 to 2899, and not that of all.
    assert_eq!((parts.iter().sum::<usize>(), parts[0]), (1900, 500));
    // Nobody's name is wanted: no texts but the name are read.
    let none = lab.history.silent(0, START, |_| false, |_| true, live).unwrap();
    assert_eq!((none.metrics.len(), none.next, none.work), (0, None, 1));
    // Places are found once, so that one that is live by now is still there.
    let cached = || unreachable!("it is cached");
    let part = lab.history.silent(0, START + 999, |_| true, |_| true, cached);
    assert_eq!(part.unwrap().metrics.len(), 500);
    // Of one host.
    let of_one = |text: &str| text == "host\x001500";
    let part = lab.history.silent(0, START + 999, |_| true, of_one, cached).unwrap();
    assert_eq!(part.metrics.len(), 1);
}

#[test]
fn tier_follows_from_the_period() {
    let of = |start: i64, seconds: i64| suitable(start, seconds * 1000).collect::<Vec<_>>();
    use Tier::{FiveMinutes, Hours, Minutes, Rows};
    assert_eq!(of(0, 1), [Rows]);
    assert_eq!(of(0, 30), [Rows]);
    assert_eq!(of(0, 60), [Minutes]);
    assert_eq!(of(0, 180), [Minutes]);
    assert_eq!(of(0, 300), [FiveMinutes]);
    assert_eq!(of(MINUTE, 300), [Minutes, FiveMinutes]);
    assert_eq!(of(0, 3600), [Hours]);
    assert_eq!(of(5 * MINUTE, 3600), [FiveMinutes, Hours]);
    assert_eq!(of(MINUTE, 86_400), [Minutes, FiveMinutes, Hours]);
    assert_eq!(of(0, 900), [FiveMinutes]);
}
