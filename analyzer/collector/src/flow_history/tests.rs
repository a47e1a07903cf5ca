//! Files of known records.

use core::time::Duration;
use std::fs;

use flowmote_engine::Instant;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::lookup::Lookup;
use flowmote_engine::samples::PastQuery;

use super::*;
use crate::flow_logs::write_history;

/// 2026-11-30T02:58:00Z.
const T: u64 = 1_795_921_080;
const RUN: u64 = T * 1000;

/// A record of a packet in 100, from a host by a port.
fn line(host: u32, port: &str, rest: &str) -> String {
    let link = "02:00:00:00:00:0a 02:00:00:00:00:0b";
    format!(
        "{T} {T} 192.0.2.1 {port} ingress 10.0.0.{host} {rest} 0 {link} 7 98200 1 100 9900 100000 \
         10000000000 9900000000 0.25\n"
    )
}

fn tcp(host: u32) -> String {
    line(host, "5", "10.0.0.99 6 40000 443")
}

/// The flows of a query over an hour: keys and their values in the span, in order.
fn ask(
    history: &FlowHistory,
    keys: &str,
    value: &str,
    without_run: Option<u64>,
) -> Result<Vec<(String, f64)>, Ended> {
    let definition =
        Definition { keys: keys.into(), value: value.into(), n: 1000, ..Definition::default() };
    let (from, to) = (T - 600, T + 3000);
    let times = [from, to, to].map(|time| Instant::after_start(Duration::from_secs(time)));
    let query = PastQuery::new(definition, Lookup::default(), times[0], times[1]).unwrap();
    let query = query.with_records(times, times[0]);
    let stop = AtomicBool::new(false);
    let reading =
        Reading { limit: 100, ..Reading::new(&query.logged().unwrap(), without_run, &stop) };
    let files = Files::new(history, reading, history.files(from, to));
    let scans = files.scan(&query, 1 << 20)?;
    let result = query.result_with(&scans, &files, &stop).unwrap();
    let flows = result.flows.into_iter();
    let mut flows: Vec<_> =
        flows.map(|(flow, _)| (flow.key, (flow.estimate.value * 3600.0).round())).collect();
    flows.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(flows)
}

fn flows(history: &FlowHistory, keys: &str, value: &str) -> Vec<(String, f64)> {
    ask(history, keys, value, None).unwrap()
}

fn expected(flows: &[(&str, f64)]) -> Vec<(String, f64)> {
    flows.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect()
}

#[test]
fn each_key_is_that_of_the_records() {
    let root = tempfile::tempdir().unwrap();
    let v6 = line(2, "2.7", "10.0.0.99 17 53 40001").replace("10.0.0.", "2001:db8::");
    let icmp = line(3, "5", "10.0.0.99 1 0 0").replace("ingress", "egress");
    let nameless = line(4, "5", "10.0.0.99 132 7 8").replace("02:00:00:00:00:0a", "-");
    write_history(root.path(), RUN, T, &format!("{}{v6}{icmp}{nameless}", tcp(1)));
    let history = FlowHistory::new(root.path().to_owned());
    for (keys, found) in [
        (
            "src,dst",
            vec![
                "10.0.0.1,10.0.0.99",
                "10.0.0.3,10.0.0.99",
                "10.0.0.4,10.0.0.99",
                "2001:db8::2,2001:db8::99",
            ],
        ),
        ("ipsource,ipprotocol", vec!["10.0.0.1,6", "10.0.0.3,1", "10.0.0.4,132"]),
        (
            "ipdestination,ipsource",
            vec!["10.0.0.99,10.0.0.1", "10.0.0.99,10.0.0.3", "10.0.0.99,10.0.0.4"],
        ),
        ("ip6source,ip6destination", vec!["2001:db8::2,2001:db8::99"]),
        ("ip6destination", vec!["2001:db8::99"]),
        ("ipdestination", vec!["10.0.0.99"]),
        ("ipproto,sport", vec!["132,7", "17,53", "6,40000"]),
        ("dport", vec!["40001", "443", "8"]),
        ("tcpsourceport,tcpdestinationport", vec!["40000,443"]),
        ("udpsourceport,udpdestinationport", vec!["53,40001"]),
        ("sctpsourceport,sctpdestinationport", vec!["7,8"]),
        ("agent,null:macsource:none", vec!["192.0.2.1,02000000000A", "192.0.2.1,none"]),
        ("vlan", vec!["7"]),
        ("if:[direction]:egress:[src]:[dst]", vec!["10.0.0.3", "10.0.0.99", "2001:db8::99"]),
    ] {
        let keys_found: Vec<_> =
            flows(&history, keys, "frames").into_iter().map(|it| it.0).collect();
        let found: Vec<_> = found.into_iter().map(str::to_owned).collect();
        assert_eq!(keys_found, found, "{keys}");
    }
    assert_eq!(flows(&history, "datasource", "bytes"), expected(&[("2.7", 1e5), ("5", 3e5)]));
    assert_eq!(flows(&history, "agent,direction", "frames").len(), 2);
}

#[test]
fn files_are_found_by_the_time_in_their_names() {
    let root = tempfile::tempdir().unwrap();
    let minutes = [T - 86_400 * 400, T - 3600, T, T + 60, T + 120, T + 7200];
    for minute in minutes {
        write_history(root.path(), RUN, minute, &tcp(1));
    }
    // Another part of the same minute, and files that are none of the history.
    let path = write_history(root.path(), RUN, T + 60, &tcp(1));
    fs::write(path.with_file_name("notes.parquet"), "").unwrap();
    fs::write(path.with_extension("gz"), "").unwrap();
    let history = FlowHistory::new(root.path().to_owned());
    let found =
        |from, to| -> Vec<u64> { history.files(from, to).iter().map(|file| file.minute).collect() };
    assert_eq!(found(T, T + 120), [T, T + 60, T + 60]);
    assert_eq!(found(T + 1, T + 121), [T + 60, T + 60, T + 120]);
    assert_eq!(found(T + 180, T + 7200), [0; 0]);
    assert_eq!(found(0, T - 3599).len(), 2);
    assert_eq!(history.oldest(), Some(minutes[0]));
    assert_eq!(FlowHistory::new(root.path().join("none")).oldest(), None);
}

#[test]
fn files_of_a_run_are_left_out() {
    let root = tempfile::tempdir().unwrap();
    write_history(root.path(), RUN, T, &tcp(1));
    write_history(root.path(), RUN + 1, T, &tcp(2));
    let history = FlowHistory::new(root.path().to_owned());
    let both = expected(&[("10.0.0.1", 1e5), ("10.0.0.2", 1e5)]);
    assert_eq!(flows(&history, "src", "bytes"), both);
    assert_eq!(ask(&history, "src", "bytes", Some(RUN + 1)).unwrap(), both[..1]);
}

#[test]
fn span_with_too_many_records_is_refused() {
    let root = tempfile::tempdir().unwrap();
    write_history(root.path(), RUN, T, &tcp(1).repeat(60));
    let history = FlowHistory::new(root.path().to_owned());
    assert_eq!(flows(&history, "src", "frames"), expected(&[("10.0.0.1", 6000.0)]));
    write_history(root.path(), RUN, T + 60, &tcp(1).repeat(60));
    assert_eq!(ask(&history, "src", "frames", None), Err(Ended::TooMany));
}

#[test]
fn damaged_files_are_left_out_and_counted() {
    let root = tempfile::tempdir().unwrap();
    write_history(root.path(), RUN, T, &tcp(1));
    let half = write_history(root.path(), RUN, T + 60, &tcp(2));
    let whole = fs::read(&half).unwrap();
    fs::write(&half, &whole[..whole.len() / 2]).unwrap();
    let empty = write_history(root.path(), RUN, T + 120, &tcp(3));
    fs::write(empty, "").unwrap();
    // A value that it does not have.
    write_history(root.path(), RUN, T + 180, &line(4, "5", "10.0.0.999 6 1 2"));
    let history = FlowHistory::new(root.path().to_owned());
    for _ in 0..2 {
        assert_eq!(flows(&history, "dst", "bytes"), expected(&[("10.0.0.99", 1e5)]));
        assert_eq!(history.damaged.load(Ordering::Relaxed), 3);
    }
}

/// The program must not end for a damaged file: a release build ends at a panic, and the library has some.
#[test]
fn each_damage_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let lines: String = (0..200).map(tcp).collect();
    let path = write_history(root.path(), RUN, T, &lines);
    let whole = fs::read(&path).unwrap();
    let history = FlowHistory::new(root.path().to_owned());
    let stop = AtomicBool::new(false);
    let keys = ["bytes", "frames", "src", "dst", "sport", "vlan", "macsource"];
    let sum = || {
        let (mut sum, mut rows) = (0.0, 0);
        let reading = Reading::new(&keys.into_iter().collect(), None, &stop);
        for file in history.files(T, T + 60) {
            let add = &mut |flows: &[Logged]| {
                rows += flows.len();
                sum += flows.iter().map(|flow| flow.rate_error).sum::<f64>();
            };
            history.read(&file, &reading, add).unwrap();
        }
        (sum, rows)
    };
    assert_eq!(sum(), (50.0, 200));
    let mut state = 1_u64;
    let mut random = |limit: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    for round in 0..500 {
        let mut bytes = whole.clone();
        if round % 4 == 0 {
            bytes.truncate(random(whole.len()));
        } else {
            for _ in 0..=random(3) {
                bytes[random(whole.len())] ^= 1 << random(8);
            }
        }
        if bytes == whole {
            continue;
        }
        fs::write(&path, bytes).unwrap();
        history.reported.lock().clear();
        history.verified.lock().clear();
        let before = history.damaged.load(Ordering::Relaxed);
        assert_eq!(sum(), (0.0, 0), "round {round}");
        assert_eq!(history.damaged.load(Ordering::Relaxed), before + 1, "round {round}");
    }
}
