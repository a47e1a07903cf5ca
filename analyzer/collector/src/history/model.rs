//! Any sequence of rows, late ones, moves and restarts has the same replies as a plain model.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tier::{DAY, HOUR};
use super::*;

const START: i64 = 1_800_000_000_000 - 1_800_000_000_000 % DAY;

#[derive(Clone, Debug)]
enum Step {
    /// A row so many milliseconds ago, with a whole number for each millisecond that it is over.
    Row {
        group: usize,
        ago: i64,
        over: i64,
        number: i64,
    },
    Pass(i64),
    Move,
    /// A move that makes minutes of all rows, as of too many.
    MoveEarly,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let ago = prop_oneof![4 => Just(0), 2 => 0..20 * MINUTE, 1 => 0..9 * HOUR];
    let over = prop_oneof![4 => Just(10_000), 1 => 1..400_000_i64];
    let row = (0..3_usize, ago, over, -9..1000_i64);
    prop_oneof![
        12 => row.prop_map(|(group, ago, over, number)| Step::Row { group, ago, over, number }),
        4 => (1..30_000_i64).prop_map(Step::Pass),
        2 => (1..4 * HOUR).prop_map(Step::Pass),
        2 => Just(Step::Move),
        1 => Just(Step::MoveEarly),
        1 => Just(Step::Restart),
    ]
}

/// The rows of a group: the time that each is over, and its number, by their ends.
type Rows = BTreeMap<i64, (i64, i64)>;

/// What minutes have of the difference, and of the value, of all rows.
fn minutes(rows: &Rows, is_difference: bool) -> BTreeMap<i64, Sample> {
    let mut found = BTreeMap::<i64, Sample>::new();
    for (end, (over, number)) in rows {
        if !is_difference {
            let minute = end.div_euclid(MINUTE) * MINUTE;
            found.entry(minute).or_default().add(&Sample::one(*number as f64));
            continue;
        }
        let begin = end - over;
        for minute in begin.div_euclid(MINUTE)..=(end - 1).div_euclid(MINUTE) {
            let minute = minute * MINUTE;
            let part = (*end).min(minute + MINUTE) - begin.max(minute);
            let sum = found.get(&minute).map_or(0.0, |it| it.sum) + (number * part) as f64;
            found.insert(minute, Sample::one(sum));
        }
    }
    found
}

fn periods(minutes: &BTreeMap<i64, Sample>, length: i64) -> Vec<(i64, Sample)> {
    let mut found = BTreeMap::<i64, Sample>::new();
    for (minute, sample) in minutes {
        found.entry(minute - minute.rem_euclid(length)).or_default().add(sample);
    }
    found.into_iter().collect()
}

struct World {
    directory: tempfile::TempDir,
    history: History,
    now: i64,
    groups: Vec<(Group, Column, Column)>,
    rows: [Rows; 3],
    /// True if rows may be gone before they are three hours old.
    early: bool,
}

impl World {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let history = History::new(directory.path(), 1 << 30, 16 << 20);
        history.open(START);
        let group = |at: usize| {
            let group = history.group(&at.to_string()).unwrap();
            let column = |is_difference| history.column("number", is_difference).unwrap();
            (group, column(false), column(true))
        };
        let groups = (0..3).map(group).collect();
        let now = START + 12 * HOUR;
        Self { directory, history, now, groups, rows: Default::default(), early: false }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Row { group, ago, over, number } => {
                let end = self.now - ago;
                if self.rows[group].contains_key(&end) {
                    return;
                }
                self.rows[group].insert(end, (over, number));
                let (of, value, difference) = self.groups[group];
                let one = |number: i64| Sample::one(number as f64);
                let columns = vec![(value, one(number)), (difference, one(number * over))];
                let mut batch = Batch::default();
                batch.add(of, &Row { end, over, columns });
                self.history.write(&batch, self.now);
            }
            Step::Pass(time) => self.now += time,
            Step::Move => self.history.maintain(self.now, true),
            Step::MoveEarly => {
                self.history.with(|store| store.merge(0, self.now, true)).unwrap();
                self.early = true;
            }
            Step::Restart => {
                self.history.close();
                self.history = History::new(self.directory.path(), 1 << 30, 16 << 20);
                self.history.open(self.now);
            }
        }
    }

    fn check(&self) {
        for (at, (group, value, difference)) in self.groups.iter().enumerate() {
            for column in [value, difference] {
                let minutes = minutes(&self.rows[at], column.is_difference());
                for length in [MINUTE, 5 * MINUTE, HOUR] {
                    let all = periods(&minutes, length);
                    let end = self.now - self.now % HOUR;
                    for span in [START..end + HOUR, end - 7 * HOUR..end - HOUR] {
                        let of = (*group, *column);
                        let found = self.history.read(of, (START, length), span.clone(), self.now);
                        let found = found.into_iter().flat_map(|it| it.samples);
                        let found: Vec<_> = found.map(|(time, _, it)| (time, it)).collect();
                        let mut expected = all.clone();
                        expected.retain(|(time, _)| span.contains(time));
                        assert_eq!(found, expected, "{column:?} {length}");
                    }
                }
                let span = self.now - 3 * HOUR..self.now + 1;
                let found = self.history.rows((*group, *column), span.clone()).samples;
                let expected = self.rows[at].range(span).map(|(end, (over, number))| {
                    let factor = if column.is_difference() { *over } else { 1 };
                    (*end, *over, Sample::one((number * factor) as f64))
                });
                assert!(self.early || found == expected.collect::<Vec<_>>());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn replies_are_those_of_a_model(steps in proptest::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.step(step));
        world.check();
        world.step(&Step::Move);
        world.check();
    }
}
