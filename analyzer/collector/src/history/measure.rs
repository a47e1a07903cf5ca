//! Measurements of docs/history.md, in virtual time:
//!
//! ```text
//! HOSTS=1000 HOURS=24 cargo test --release -p flowmote-analyzer --lib history::measure -- --ignored --nocapture
//! ```

use std::fs;

use super::tier::HOUR;
use super::*;

/// How a metric changes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Like {
    Zero,
    Constant,
    /// A gauge of bytes that changes by pages: in half of the minutes, or each quarter of an hour.
    Often,
    Slow,
    /// A counter that counts seldom.
    Seldom,
    /// A counter of traffic.
    Traffic,
    /// A percentage of a busy processor.
    Busy,
    /// The same as the one before, under another name.
    Again,
}

/// Metrics of five records of a host: processor, memory, disk, network, TCP. 60 in all.
const RECORDS: [&[(Like, usize)]; 5] = [
    &[(Like::Busy, 4), (Like::Again, 2), (Like::Zero, 6), (Like::Slow, 1), (Like::Constant, 1)],
    &[(Like::Constant, 1), (Like::Often, 3), (Like::Slow, 2), (Like::Again, 2), (Like::Zero, 3)],
    &[
        (Like::Seldom, 3),
        (Like::Traffic, 2),
        (Like::Again, 4),
        (Like::Slow, 1),
        (Like::Constant, 1),
    ],
    &[(Like::Traffic, 4), (Like::Again, 4), (Like::Zero, 4)],
    &[(Like::Slow, 1), (Like::Seldom, 4), (Like::Traffic, 2), (Like::Zero, 5)],
];

struct Random(u64);

impl Random {
    /// From 0 to 1.
    fn part(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// With mean 0 and deviation 1, about.
    fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.part()).sum::<f64>() * 2_f64.sqrt() - 18_f64.sqrt()
    }
}

/// The next number of a metric.
fn next(like: Like, last: f64, random: &mut Random) -> f64 {
    match like {
        Like::Zero => 0.0,
        Like::Constant => 8_123_456_512.0,
        Like::Often | Like::Slow if random.part() < if like == Like::Slow { 0.01 } else { 0.1 } => {
            (last + (random.normal() * 100.0).round() * 4096.0).max(0.0)
        }
        Like::Often | Like::Slow | Like::Again => last,
        Like::Seldom if random.part() < 0.02 => (random.part() * 20.0).ceil(),
        Like::Seldom => 0.0,
        Like::Traffic => (100_000.0 + random.normal() * 20_000.0).max(0.0).round(),
        Like::Busy => {
            let number = 10.0 + random.normal() * 2.0;
            // As the recorder rounds it.
            (number.clamp(0.0, 100.0) * 128.0).round() / 128.0
        }
    }
}

/// Seconds that this thread was on a processor.
fn cpu() -> f64 {
    let text =
        fs::read_to_string("/proc/thread-self/schedstat").expect("statistics of the scheduler");
    text.split(' ').next().and_then(|text| text.parse::<f64>().ok()).expect("nanoseconds") / 1e9
}

fn number(name: &str, default: i64) -> i64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// The rows, or the periods of a tier, of a host that are in chunks.
fn rows(store: &store::Store, tier: Tier) -> usize {
    use redb::ReadableDatabase;
    let transaction = store.database.begin_read().unwrap();
    if tier == Tier::Rows {
        let rows = transaction.open_table(store::ROWS).unwrap();
        let parts = rows.range((0, 0)..=(0, u32::MAX)).unwrap();
        return parts
            .map(|it| rows::decode(it.unwrap().1.value(), None).unwrap().times.len())
            .sum();
    }
    let chunks = transaction.open_table(store::CHUNKS).unwrap();
    let keys = (tier.number(), 0, 0)..=(tier.number(), u32::MAX, u32::MAX);
    let own = chunks.range(keys).unwrap().map(Result::unwrap).filter(|it| it.0.value().2 == 0);
    own.map(|(key, bytes)| {
        store::decode(tier, key.value().1, bytes.value(), None).unwrap().times.len()
    })
    .sum()
}

#[test]
#[ignore = "takes minutes; run by hand for docs/history.md"]
fn cost_of_hosts() {
    let (hosts, hours) = (number("HOSTS", 200), number("HOURS", 24));
    let directory = tempfile::tempdir().unwrap();
    let history = History::new(directory.path(), 1 << 40, 16 << 20);
    let start = 1_800_000_000_000 - 1_800_000_000_000 % (24 * HOUR);
    history.open(start);
    let mut random = Random(1);
    let mut groups = Vec::new();
    for host in 0..hosts {
        for (record, kinds) in RECORDS.iter().enumerate() {
            let group = history.group(&format!("host{host}/{record}")).unwrap();
            let kinds = kinds.iter().flat_map(|(like, count)| vec![*like; *count]);
            let columns = kinds.enumerate().map(|(at, like)| {
                let is_difference = matches!(like, Like::Seldom | Like::Traffic | Like::Again);
                let name = format!("{record}/{at}");
                let column = match like {
                    Like::Often | Like::Slow => history.column_of_bytes(&name),
                    _ => history.column(&name, is_difference),
                };
                let column = column.unwrap();
                (column, like, (random.part() * 1e6).round() * 4096.0)
            });
            let mut columns: Vec<_> = columns.collect();
            columns.sort_by_key(|it| it.0);
            groups.push((group, columns));
        }
    }
    let (mut write, mut upkeep) = (0.0, 0.0);
    for round in 1..=hours * 360 {
        let now = start + round * 10_000;
        let (mut batch, mut rows) = (Batch::default(), Vec::new());
        for (group, columns) in &mut groups {
            let mut last = 0.0;
            for (_, like, number) in columns.iter_mut() {
                *number =
                    if *like == Like::Again { last } else { next(*like, *number, &mut random) };
                last = *number;
            }
            let columns =
                columns.iter().map(|(it, _, number)| (*it, Sample::one(*number))).collect();
            let row = Row { end: now, over: 10_000, columns };
            rows.push((*group, row));
        }
        let begin = cpu();
        rows.iter().for_each(|(group, row)| batch.add(*group, row));
        history.write(&batch, now);
        write += cpu() - begin;
        let begin = cpu();
        // Each ten minutes, as a real round does.
        history.maintain(now, round % 60 == 0);
        upkeep += cpu() - begin;
    }
    let points = history.counters.points.load(Ordering::Relaxed) as f64;
    println!("{hosts} hosts, {hours} h, {points} points at 10 s");
    println!(
        "CPU per point: writing {:.0} ns, upkeep {:.0} ns",
        write * 1e9 / points,
        upkeep * 1e9 / points
    );
    let rate = 60_000.0 * (write + upkeep) / points;
    println!("10,000 hosts with 60 metrics at 10 s: {:.1} % of a core", rate * 100.0);
    let store = history.store().unwrap();
    for tier in Tier::ALL {
        let sizes = store.sizes().unwrap();
        let bytes: u64 = sizes.iter().filter(|(of, ..)| *of == tier).map(|(.., bytes)| bytes).sum();
        let all = (rows(&store, tier) as i64 * hosts * 60) as f64;
        println!("{tier:?}: {bytes} bytes, {:.3} a point", bytes as f64 / all);
        if tier == Tier::Minutes {
            let days = bytes as f64 / all * 60.0 * 10_000.0 * 15.0 * 1440.0;
            println!("  15 days of minutes of 10,000 hosts: {:.2} GB", days / 1e9);
        }
    }
    let length = fs::metadata(directory.path().join(FILE)).unwrap().len();
    println!("file: {length} bytes");
}

#[test]
#[ignore = "prints figures for docs/history.md"]
fn bytes_of_series() {
    for like in [
        Like::Zero,
        Like::Constant,
        Like::Slow,
        Like::Often,
        Like::Seldom,
        Like::Traffic,
        Like::Busy,
    ] {
        let (mut minutes, mut rows) = (chunk::Chunk::default(), chunk::Chunk::default());
        let mut random = Random(1);
        let is_difference = matches!(like, Like::Seldom | Like::Traffic);
        let is_bytes = matches!(like, Like::Often | Like::Slow);
        let column = Column(4 | u32::from(is_bytes) << 1 | u32::from(is_difference));
        let mut last = 1e9;
        for round in 1..=2160 {
            last = next(like, last, &mut random);
            let columns = vec![(column, Sample::one(last))];
            rows.push(&Row { end: round * 10_000, over: 10_000, columns });
        }
        periods::add_to_minutes(&mut minutes, &rows);
        minutes.round();
        let bytes = minutes.encode(0, MINUTE).len();
        let points = minutes.times.len();
        println!(
            "{like:?}: {bytes} bytes of {points} minutes, {:.2} a point",
            bytes as f64 / points as f64
        );
    }
}
