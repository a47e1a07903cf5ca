//! The view for people.

use super::*;

fn counters(list: &[(&str, u64)]) -> Counters {
    Counters(list.iter().map(|&(name, count)| (name.to_owned(), count)).collect())
}

fn counted(list: &[(&str, u64)], losses: &[(&str, u64)]) -> Counted {
    Counted { counters: counters(list), losses: counters(losses) }
}

/// An agent after `uptime_ms` whose counters are multiples of `n`.
fn snapshot(uptime_ms: u64, n: u64) -> Snapshot {
    let interface = |name: &str, sampling_rate, drops| Interface {
        name: name.to_owned(),
        if_index: 2,
        sampling_rate,
        reason: "sampling = 400 on line 3".to_owned(),
        filter: "eBPF filter".to_owned(),
        counted: counted(&[("packets_seen", 4000 * n), ("samples", 10 * n)], &[("drops", drops)]),
    };
    Snapshot {
        version: "0.1.0".to_owned(),
        pid: 7,
        uptime_ms,
        runs_as: "user flowmote".to_owned(),
        capabilities: vec!["CAP_BPF".to_owned(), "CAP_NET_RAW".to_owned()],
        configuration: Some("/etc/flowmote.conf".to_owned()),
        agent_address: "192.0.2.10".to_owned(),
        agent_address_reason: "eth0".to_owned(),
        sub_agent_id: 100_000,
        polling_seconds: 30,
        data_sources: vec!["2:1".to_owned(), "0:2".to_owned()],
        wake_ups: 3 * n,
        resident_bytes: 4_100_000,
        interfaces: vec![interface("eth0", 400, 0), interface("enp3s0f1", 10_000, 3 * n)],
        modules: vec![Module {
            subject: format!("nflog group 5 (1 in {n})"),
            counted: counted(&[("samples", n), ("services", 3)], &[("drops", 0)]),
        }],
        collectors: vec![Collector {
            collector: "sflow.example:6343".to_owned(),
            address: Some("192.0.2.1:6343".to_owned()),
            state: "losing datagrams".to_owned(),
            counted: counted(&[("datagrams", 5 * n)], &[("lost_to_send_errors", n)]),
        }],
        totals: counted(&[("flow_samples", 20 * n)], &[("log_lines_lost", 0)]),
    }
}

const TEXT: &str = "\
flowmote      0.1.0, up 1 h 2 min, pid 7
agent         192.0.2.10, sub-agent 100000; eth0
runs as       user flowmote with CAP_BPF and CAP_NET_RAW
configuration /etc/flowmote.conf
process       4.1 MB resident, 1.5 wake-ups/s
data sources  2, polled every 30 s

interface   rate        packets seen    /s  samples   /s
eth0        1 in 400            8000  2000       20  5.0  sampling = 400 on line 3; eBPF filter
! enp3s0f1  1 in 10000          8000  2000       20  5.0  sampling = 400 on line 3; eBPF filter

collector             state             datagrams   /s
! sflow.example:6343  losing datagrams         10  2.5  192.0.2.1:6343

counters
  agent: 40 flow samples (10.0/s)
  nflog group 5 (1 in 2): 2 samples (0.5/s), 3 services

losses
! enp3s0f1: 6 drops (1.5/s)
! collector sflow.example:6343: 2 lost to send errors (0.5/s)
";

#[test]
fn text_shows_rates_and_marks_losses() {
    let (before, now) = (snapshot(3_720_000, 1), snapshot(3_722_000, 2));
    assert_eq!(render(&now, Some(&before)), TEXT);
}

#[test]
fn rates_of_another_run_are_unknown() {
    let now = snapshot(2000, 2);
    for before in [snapshot(2000, 1), Snapshot { pid: 8, ..snapshot(1000, 1) }] {
        let text = render(&now, Some(&before));
        assert!(text.contains("4.1 MB resident, - wake-ups/s"), "{text}");
        assert_eq!(text, render(&now, None));
    }
    let mut fresh = snapshot(1000, 1);
    fresh.interfaces.remove(0);
    let text = render(&now, Some(&fresh));
    assert!(text.contains("\neth0        1 in 400            8000     -       20     -"), "{text}");
}

#[test]
fn agent_without_losses_says_so() {
    let mut now = snapshot(2000, 1);
    now.interfaces.clear();
    now.collectors.clear();
    assert!(render(&now, None).ends_with("\n\nno losses\n"));
}

#[test]
fn names_cannot_act_on_the_terminal() {
    let mut now = snapshot(2000, 1);
    now.interfaces[0].name = "e\u{1b}[31m".to_owned();
    now.interfaces[0].counted.losses = counters(&[("drops", 1)]);
    now.modules[0].subject = "a\u{7}".to_owned();
    now.runs_as = "\u{9b}".to_owned();
    let text = render(&now, None);
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert!(text.contains("! e\\u{1b}[31m: 1 drops"), "{text}");
}

#[test]
fn uptime_has_two_units() {
    for (seconds, text) in
        [(9, "9 s"), (61, "1 min 1 s"), (7_320, "2 h 2 min"), (180_000, "2 d 2 h")]
    {
        assert_eq!(Uptime(seconds * 1000).to_string(), text);
    }
}
