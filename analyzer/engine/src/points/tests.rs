use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::{Address, DataSource};

use super::{FlowTotal, Kind, Points};
use crate::instant::Instant;
use crate::source::Source;

fn at(seconds: u64) -> Instant {
    Instant::after_start(Duration::from_secs(seconds))
}

fn source(agent: u8, index: u32) -> Source {
    let agent = Address::V4(Ipv4Addr::new(192, 0, 2, agent));
    Source { agent, data_source: DataSource { class: 0, index } }
}

fn gauge() -> Kind {
    Kind::Custom("load".into(), false)
}

fn add(points: &mut Points, source: Source, seconds: u64, numbers: &[f64]) {
    let over = Duration::from_secs(10);
    points.add(source, &gauge(), at(seconds), over, numbers.iter().copied());
}

fn times(points: &Points, source: Source) -> Vec<u64> {
    let rows = points.of_source(&source).flat_map(|(_, rows)| rows.between(at(0), at(u64::MAX)));
    rows.map(|(time, ..)| time.since(at(0)).as_secs()).collect::<Vec<_>>()
}

#[test]
fn rows_that_overlap_a_span_are_found() {
    let mut points = Points::new(1 << 20);
    for seconds in [10, 20, 30, 40] {
        add(&mut points, source(1, 1), seconds, &[1.0]);
    }
    let found = |from, to| {
        let (_, rows) = points.of_source(&source(1, 1)).next().unwrap();
        rows.between(at(from), at(to))
            .map(|(time, ..)| time.since(at(0)).as_secs())
            .collect::<Vec<_>>()
    };
    let none: Vec<u64> = Vec::new();
    assert_eq!(found(20, 30), [20, 30]);
    assert_eq!(found(11, 15), [20]);
    assert_eq!(found(40, 50), [40]);
    assert_eq!(found(41, 50), none);
    assert_eq!(found(0, 1), [10]);
}

#[test]
fn longer_record_adds_columns_and_a_shorter_one_has_unknown_numbers() {
    let mut points = Points::new(1 << 20);
    add(&mut points, source(1, 1), 10, &[1.0]);
    add(&mut points, source(1, 1), 20, &[2.0, 3.0]);
    add(&mut points, source(1, 1), 30, &[4.0]);
    let (_, rows) = points.of_source(&source(1, 1)).next().unwrap();
    let numbers: Vec<_> = rows.newest().map(|(.., numbers)| format!("{numbers:?}")).collect();
    assert_eq!(numbers, ["[4.0, NaN]", "[2.0, 3.0]", "[1.0, NaN]"]);
}

#[test]
fn full_memory_drops_the_oldest_rows_of_all_sources() {
    let mut points = Points::new(64 << 10);
    for seconds in 0..2000 {
        add(&mut points, source(1, 1), seconds, &[1.0; 4]);
        add(&mut points, source(2, 1), seconds, &[1.0; 4]);
        assert!(points.bytes() <= 64 << 10, "{} bytes", points.bytes());
    }
    let [one, two] = [1, 2].map(|agent| times(&points, source(agent, 1)));
    let begins = [one[0], two[0]];
    assert!(begins[0].abs_diff(begins[1]) <= (2000 - begins[0]) / 14, "{begins:?}");
    assert_eq!(one.last(), Some(&1999));
    assert_eq!(two.last(), Some(&1999));
    assert!(one.len() > 300, "{}", one.len());
    assert_eq!(points.dropped as usize, 4000 - one.len() - two.len());
}

#[test]
fn full_memory_is_made_room_in_by_few_sources_at_a_time() {
    let mut points = Points::new(1 << 20);
    let (mut most, mut dropped) = (0, 0);
    for seconds in 0..200 {
        for index in 0..100 {
            add(&mut points, source(1, index), seconds, &[1.0; 4]);
            // The first time, the oldest row has to be found.
            most = if dropped == 0 { 0 } else { (points.dropped - dropped).max(most) };
            dropped = points.dropped;
        }
    }
    // All sources together have about 17,000 rows: a sixteenth are more than a thousand.
    assert!(dropped > 2000 && most < 200, "{dropped} dropped, {most} at a time");
}

#[test]
fn totals_of_flows_belong_to_no_agent() {
    let mut points = Points::new(1 << 20);
    let total = |total| FlowTotal { total, ..FlowTotal::default() };
    let (name, second) = ("web".into(), Duration::from_secs(1));
    points.add_flow((&name, "bytes"), at(1), second, &total(7.0));
    points.add_flow((&name, "frames"), at(1), second, &total(1.0));
    points.add_flow((&name, "bytes"), at(2), second, &total(8.0));
    let read = |value| -> Vec<f64> {
        points.flow_totals(("web", value), at(0), at(9)).map(|(.., it)| it.total).collect()
    };
    assert_eq!((read("bytes"), read("frames")), (vec![7.0, 8.0], vec![1.0]));
    assert_eq!((points.flows().count(), points.agents().count()), (2, 0));
    assert_eq!(points.changes(), 1);
}

#[test]
fn more_sources_than_have_room_at_one_time_stay_within_the_memory() {
    let mut points = Points::new(64 << 10);
    for index in 0..2000 {
        add(&mut points, source(1, index), 1, &[1.0; 4]);
        assert!(points.bytes() <= 64 << 10, "{} bytes", points.bytes());
    }
    assert!(points.dropped > 0);
}

#[test]
fn rows_and_texts_end_after_three_hours() {
    let mut points = Points::new(1 << 20);
    add(&mut points, source(1, 1), 10, &[1.0]);
    add(&mut points, source(1, 1), 20, &[1.0]);
    points.set_text(source(1, 7), "host_name", "web1");
    points.expire(at(3 * 3600 + 15));
    assert_eq!(times(&points, source(1, 1)), [20]);
    let host = |points: &Points| {
        points.text_of_agent(source(1, 1).agent, "host_name").map(|name| name.to_string())
    };
    assert_eq!(host(&points).as_deref(), Some("web1"));
    points.expire(at(3 * 3600 + 20));
    assert_eq!((times(&points, source(1, 1)), host(&points)), (Vec::new(), None));
    assert_eq!((points.agents().count(), points.bytes()), (0, 0));
}

#[test]
fn rows_of_many_sources_end_in_parts() {
    let mut points = Points::new(1 << 20);
    for index in 0..100 {
        add(&mut points, source(1, index), 10, &[1.0]);
    }
    points.set_text(source(1, 0), "host_name", "web1");
    let mut left = Vec::new();
    while points.bytes() > 0 {
        left.push(points.sources(source(1, 0).agent).count());
        points.expire(at(4 * 3600));
    }
    assert!(left.windows(2).all(|pair| (1..=7).contains(&(pair[0] - pair[1]))), "{left:?}");
    assert!((10..60).contains(&left.len()), "{left:?}");
}

#[test]
fn texts_stay_within_their_memory() {
    let mut points = Points::new(8 << 10);
    for index in 0..1000 {
        points.set_text(source(1, index), "ifname", "eth0");
    }
    assert!(points.bytes() <= 1 << 10);
    assert_eq!(points.text(&source(1, 0), "ifname").map(|text| &**text), Some("eth0"));
    points.set_text(source(1, 0), "ifname", "eth1");
    assert_eq!(points.text(&source(1, 0), "ifname").map(|text| &**text), Some("eth1"));
}

#[test]
fn agents_are_in_order_each_once() {
    let mut points = Points::new(1 << 20);
    for (agent, index) in [(2, 1), (1, 2), (1, 1)] {
        add(&mut points, source(agent, index), 10, &[1.0]);
    }
    let agents: Vec<_> = points.agents().map(|agent| agent.to_string()).collect();
    assert_eq!(agents, ["192.0.2.1", "192.0.2.2"]);
    let sources: Vec<_> = points.sources(source(1, 0).agent).collect();
    assert_eq!(sources, [source(1, 1), source(1, 2)]);
}
