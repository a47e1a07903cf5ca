//! Queries about records of flow logs and samples together have the results of samples alone.

use super::*;
use crate::records::{Closed, Frames, Key, Meter, Record, Windows};
use crate::samples::{Logged, Logs};

/// The start of the engine's time since 1970: a multiple of a minute, and half a second before one.
const START: Duration = Duration::from_millis(1_795_867_799_500);

fn unix(seconds: f64) -> Instant {
    at(seconds + START.as_secs_f64())
}

/// Records by the beginning of their window.
struct Recorded(Vec<(Instant, Vec<Logged>)>);

impl Logs for Recorded {
    fn read(&self, _: usize, add: &mut dyn FnMut(Instant, &[Logged])) -> Option<()> {
        self.0.iter().for_each(|(time, flows)| add(*time, flows));
        Some(())
    }
}

fn logged(key: &Key, record: &Record, frames: &Frames) -> Logged {
    let flow = Logged {
        source: key.interface,
        direction: key.direction,
        tuple: key.tuple,
        macs: key.link.map(|link| (link.src, link.dst)),
        vlan: key.link.and_then(|link| link.vlan),
        samples: record.samples.into(),
        rate_error: frames.rate_error(),
        ..Logged::new()
    };
    flow.with_sums(record.frames(), frames.bytes())
}

/// The records of the windows before a time since 1970.
fn records(world: &World, end: u64) -> Recorded {
    let mut meter = Meter::new(1 << 20, START);
    meter.set_windows(at(0.0), &[Windows { seconds: 60, link: true, early: true }]);
    let mut records: Vec<(Instant, Vec<Logged>)> = Vec::new();
    meter.add(&world.analyzer.history().after(0), |_, _| panic!("there is room"));
    meter.finish(at(1000.0), |window, closed| {
        let Closed::Record(key, record, Some(frames)) = closed else { return };
        let time = Instant::after_start(Duration::from_secs(window.start));
        if window.start < end {
            records.push((time, vec![logged(key, record, frames)]));
        }
    });
    Recorded(records)
}

/// Two agents that see three hosts, for 300 seconds, by several ports and in both directions.
fn world() -> World {
    let mut world = World::new(64 << 20);
    for tenth in 0..3000 {
        let time = f64::from(tenth) / 10.0;
        let host = 1 + (tenth % 3) as u8;
        let bytes = 100 + 300 * u32::from(host) + tenth % 7;
        world.send(time, Sampled { host, bytes, ..PACKET });
        world.send(time, Sampled { host, bytes, port: 6, rate: 50, ..PACKET });
        if tenth % 5 == 0 {
            world.send(time, Sampled { agent: 2, host: 9, bytes, ports: (1, 5), ..PACKET });
        }
    }
    world
}

fn both(world: &World, definition: &Definition, step: Option<u64>) -> [PastResult; 2] {
    let stop = AtomicBool::new(false);
    let whole = |from, to| {
        let query = PastQuery::new(definition.clone(), Lookup::default(), from, to).unwrap();
        let query = query.since(START);
        match step {
            Some(step) => query.in_steps(Duration::from_secs(step)).unwrap(),
            None => query,
        }
    };
    let history = world.analyzer.history();
    let held = history.held(at(0.0), at(300.0));
    let (from, to) = (unix(0.5), unix(299.5));
    let of_samples = whole(from, to).within(&held);
    let scan = of_samples.scan(&held, 1 << 20, &stop).unwrap();
    let of_samples = of_samples.result(&[scan], &stop).unwrap();
    // The first sample is before the first minute.
    let border = unix(120.5);
    let recorded = records(world, 1_795_867_800 + 120);
    let query = whole(from, to).with_records([from, border, to], from);
    assert!(query.logged().is_ok(), "{:?}", query.logged());
    let scan = query.scan(&held, 1 << 20, &stop).unwrap();
    let mut of_records = query.scan_of_records(0, 1 << 20);
    for (time, flows) in &recorded.0 {
        if *time >= from {
            of_records.add_logged(&query, flows);
        }
    }
    let scans = [scan, of_records];
    let inside = Recorded(recorded.0.into_iter().filter(|(time, _)| *time >= from).collect());
    [of_samples, query.result_with(&scans, &inside, &stop).unwrap()]
}

fn assert_close(one: f64, other: f64, what: &str) {
    assert!(one == other || (one - other).abs() <= 1e-6 * one.abs(), "{what}: {one} {other}");
}

fn assert_same(one: &Estimate, other: &Estimate, what: &str) {
    assert_close(one.value, other.value, what);
    assert_close(one.low, other.low, what);
    assert_close(one.high, other.high, what);
    assert_close(one.samples, other.samples, what);
}

#[test]
fn records_and_samples_have_the_result_of_samples() {
    let world = world();
    let filtered = |keys, value, filter: &str| Definition {
        filter: Some(filter.to_owned()),
        ..definition(keys, value)
    };
    let further = Definition {
        values: ["bytes", "avg:sport", "max:dport", "count:ipdestination"].map(Into::into).into(),
        ..definition("ipsource", "frames")
    };
    let cases = [
        definition("", "bytes"),
        definition("src,dst,ipproto,sport,dport", "bytes"),
        definition("ipsource,ipdestination", "frames"),
        definition("agent,datasource,direction", "bytes"),
        definition("mask:ipsource:31,null:vlan:untagged,macsource", "frames"),
        definition("agent", "count:src"),
        definition("dst", "avg:tcpdestinationport"),
        filtered("src", "bytes", "agent=192.0.2.1&direction=ingress"),
        filtered("src", "bytes", "datasource=5&src!=10.0.0.2"),
        Definition { n: 1, ..definition("src", "bytes") },
        further,
    ];
    for definition in cases {
        for step in [None, Some(60)] {
            let what = format!("{definition:?}");
            let [samples, records] = both(&world, &definition, step);
            assert!(samples.found > 0 && samples.matched > 0, "{what}");
            assert_eq!(
                (samples.scanned, samples.matched, samples.found),
                (records.scanned, records.matched, records.found),
                "{what}"
            );
            assert_same(&samples.total.estimate, &records.total.estimate, &what);
            assert_same(&samples.other.estimate, &records.other.estimate, &what);
            let keys = |result: &PastResult| -> HashMap<String, usize> {
                let flows = result.flows.iter().enumerate();
                flows.map(|(at, (flow, _))| (flow.key.clone(), at)).collect()
            };
            let places = keys(&records);
            for (flow, series) in &samples.flows {
                let (other, course) = &records.flows[places[&flow.key]];
                assert_same(&flow.estimate, &other.estimate, &what);
                assert_eq!(flow.values.len(), other.values.len());
                let pairs = flow.values.iter().zip(&other.values);
                pairs.for_each(|(one, other)| assert_close(one.value, other.value, &what));
                assert_eq!((series.len(), course.len()), (series.len(), series.len()), "{what}");
                for (one, other) in series.iter().flatten().zip(course.iter().flatten()) {
                    assert_close(one.value, other.value, &what);
                    assert_close(one.high, other.high, &what);
                }
            }
            assert_eq!(samples.steps, records.steps);
            assert_eq!(samples.unseen.is_some(), records.unseen.is_some());
        }
    }
}

#[test]
fn keys_of_single_packets_are_named() {
    let lacking = |definition: &Definition| {
        let query = PastQuery::new(definition.clone(), Lookup::default(), at(0.0), at(1.0));
        query.unwrap().logged().err().map(Vec::from_iter)
    };
    let named = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    assert_eq!(lacking(&definition("src,dst", "bytes")), None);
    assert_eq!(lacking(&definition("stack,ipsource.1", "bytes")), named(&["ipsource.1", "stack"]));
    assert_eq!(lacking(&definition("rtflow:user", "frames")), named(&["rtflow:"]));
    assert_eq!(lacking(&definition("src", "avg:bytes")), named(&["bytes of single packets"]));
    assert_eq!(lacking(&definition("if:[ipttl]:64:[src]:[dst]", "bytes")), named(&["ipttl"]));
    assert_eq!(lacking(&definition("or:vlan:inputifindex", "bytes")), named(&["inputifindex"]));
    let further = Definition { values: vec!["max:tcprtt".into()], ..definition("src", "bytes") };
    assert_eq!(lacking(&further), named(&["tcprtt"]));
    let sum = Definition { agg_mode: AggMode::Sum, ..definition("ipdscp", "bytes") };
    assert_eq!(lacking(&sum), named(&["aggMode=sum", "ipdscp"]));
    let dropped = Definition { dropped: true, ..definition("src", "bytes") };
    assert_eq!(lacking(&dropped), named(&["dropped=true"]));
    let filter =
        Definition { filter: Some("dnsqr=true|dst=::1".into()), ..definition("", "bytes") };
    assert_eq!(lacking(&filter), named(&["dnsqr"]));
}

#[test]
fn what_is_read_of_records_is_what_the_query_has() {
    let query = |value| query(definition("mask:src:24,null:vlan:0", value), (0.0, 1.0));
    let read =
        |query: PastQuery| Vec::from_iter(query.logged().unwrap().into_iter().map(str::to_owned));
    assert_eq!(read(query("bytes")), ["bytes", "src", "vlan"]);
    assert_eq!(read(query("frames")), ["frames", "src", "vlan"]);
    assert_eq!(read(query("count:dport")), ["dport", "frames", "src", "vlan"]);
}
