//! Dropped packets (`dropmon { }`) in network namespaces, where the kernel has no drop monitor: an
//! eBPF program at the tracepoint `skb:kfree_skb` reports them. The drop monitor itself is tried in
//! virtual machines (tests/kernels/guest/drops.sh).

use flowmote_decoder::flow::{ExtendedFunction, ExtendedLinuxDropReason, SampledHeader};
use flowmote_decoder::{DiscardedPacket, Sample, Text};
use flowmote_lab::net::{
    Agent, Capture, Checked, Collector, Lab, Namespace, flood, ip_of, peer_ip_of,
    with_local_collector,
};
use flowmote_lab::skip;
use nix::sys::signal::Signal;

const SIZE: u32 = 400;
/// Ethernet, IPv4, UDP, FCS.
const HEADERS: u32 = 14 + 20 + 8 + 4;
const PORT_UNREACHABLE: u32 = 3;

fn config(tokens: &str) -> String {
    with_local_collector(&format!("polling = 0 dropmon {{ start = on {tokens} }}"))
}

/// Two namespaces, linked by `lan0`; `None`, and a line among the skipped, where the kernel or the
/// machine lacks something.
fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::of_root()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let checked = Checked::of(&lab, &host, &config(""));
    if !checked.lines.contains("by an eBPF program, in this network namespace") {
        skip(&format!("no drops by eBPF: {}", checked.problems));
        return None;
    }
    Some((lab, host, peer))
}

/// A port of the host without a socket.
fn unwanted(from: &Namespace, count: u32) {
    flood(from, (ip_of(1).0, 9).into(), count, SIZE);
}

/// The discards of datagrams to that port.
fn discards(capture: &Capture) -> Vec<DiscardedPacket<'_>> {
    let discards = capture.samples().into_iter().filter_map(|sample| match sample {
        Sample::Discarded(discard) => Some(discard),
        _ => None,
    });
    discards.filter(|discard| discard.reason == PORT_UNREACHABLE).collect()
}

fn header<'a>(discard: &DiscardedPacket<'a>) -> SampledHeader<'a> {
    discard.records().flatten().find_map(|record| record.read()).expect("a header")
}

#[test]
fn datagram_without_a_socket_is_reported_with_its_header() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(""));
    unwanted(&peer, 20);
    collector.wait_for("20 discards", |capture| discards(capture).len() >= 20);
    // The first ones come before the name of their function.
    let has_function = |discard: &DiscardedPacket<'_>| {
        let mut functions =
            discard.records().flatten().filter_map(|record| record.read::<ExtendedFunction<'_>>());
        functions.any(|function| function.symbol == Text(b"__udp4_lib_rcv"))
    };
    let mut sent = 20;
    while !discards(&collector.so_far()).iter().any(has_function) {
        unwanted(&peer, 1);
        sent += 1;
        assert!(sent < 1000, "no discard with its function");
        std::thread::sleep(core::time::Duration::from_millis(50));
    }
    let statistics = agent.statistics(1);
    assert!(statistics.contains("dropped packets, 0 lost"), "{statistics}");
    agent.stop();
    let capture = collector.finish();
    capture.check();
    for discard in discards(&capture) {
        let source = (discard.source_id.class, discard.source_id.index);
        assert_eq!(source, (0, 0), "one source for all interfaces");
        assert_eq!(discard.drops, 0);
        let sides = (discard.input_if_index, discard.output_if_index);
        assert_eq!(sides, (host.if_index("lan0"), 0));
        let header = header(&discard);
        let lengths = (header.protocol, header.frame_length, header.stripped);
        assert_eq!(lengths, (1, HEADERS + SIZE, 4));
        assert_eq!(header.header.len(), 128);
        // UDP to port 9, from its Ethernet header on.
        assert_eq!((&header.header[12..14], header.header[23]), (&[8, 0][..], 17));
        assert_eq!(header.header[36..38], [0, 9]);
        let mut records = discard.records().flatten();
        let name = records.find_map(|record| record.read::<ExtendedLinuxDropReason<'_>>());
        assert_eq!(name.expect("the name of the reason").reason, Text(b"NO_SOCKET"));
    }
}

/// The data source of the discards stands for all interfaces: it is polled, and has no counters.
#[test]
fn source_of_all_interfaces_has_no_counters() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let polled = config("").replace("polling = 0", "polling = 1");
    let agent = Agent::start_with(&lab, &host, &polled);
    unwanted(&peer, 1);
    collector.wait_for("a discard and polls", |capture| {
        !discards(capture).is_empty() && capture.counters_of(2, 1).len() >= 3
    });
    let log = agent.stop();
    assert!(!log.contains("counters of ifIndex"), "{log}");
    let capture = collector.finish();
    capture.check();
    assert!(capture.counters_of(0, 0).is_empty());
}

#[test]
fn drops_of_other_network_namespaces_are_not_reported() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config(""));
    flood(&host, (peer_ip_of(1).0, 9).into(), 50, SIZE);
    unwanted(&peer, 1);
    collector.wait_for("the own discard", |capture| !discards(capture).is_empty());
    agent.stop();
    let capture = collector.finish();
    assert_eq!(discards(&capture).len(), 1);
}

#[test]
fn drops_beyond_the_limit_are_counted() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, &config("limit = 5"));
    unwanted(&peer, 2000);
    // The next one after a second has the number of all before it that were not sent.
    let all = || {
        unwanted(&peer, 1);
        discards(&collector.so_far()).last().map_or(0, |last| last.drops + last.sequence_number)
    };
    let mut sent = 2000;
    flowmote_lab::wait_until("all drops", || {
        sent += 1;
        std::thread::sleep(core::time::Duration::from_millis(100));
        (all() >= sent - 20).then_some(())
    });
    let statistics = agent.statistics(1);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let discards = discards(&capture);
    let last = discards.last().unwrap();
    assert!(last.drops > 1900, "{} of {sent}: {statistics}", last.drops);
    assert!(last.drops + last.sequence_number <= sent + 50, "each once: {statistics}");
}

#[test]
fn breaker_ends_the_reports() {
    let Some((lab, host, peer)) = lab() else { return };
    let agent = Agent::start_with(&lab, &host, &config("max = 50 max_trip = 1"));
    let mut rounds = 0;
    let line = "dropmon: more than 50 drops per second for 1 s: the monitoring is stopped for 60 s";
    while !agent.program().log().contains(line) {
        unwanted(&peer, 500);
        rounds += 1;
        assert!(rounds < 200, "the breaker does not trip");
        std::thread::sleep(core::time::Duration::from_millis(50));
    }
    let before = agent.statistics(1);
    unwanted(&peer, 500);
    let after = agent.statistics(1);
    let line_of = |text: &str| {
        let mut lines = text.lines().filter(|line| line.contains("dropmon, paused: "));
        lines.next_back().map(str::to_owned)
    };
    assert!(line_of(&before).is_some(), "{before}");
    assert_eq!(line_of(&before), line_of(&after));
    agent.stop();
}

#[test]
fn hidden_drops_and_those_of_a_reload() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut agent = Agent::start_with(&lab, &host, &config("hide = ^NO_SOCKET$"));
    unwanted(&peer, 10);
    flowmote_lab::wait_until("10 hidden", || {
        agent.statistics(1).contains(" 10 hidden").then_some(())
    });
    lab.file("flowmote.conf", &config("limit = 1000"));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    unwanted(&peer, 10);
    collector.wait_for("10 discards", |capture| discards(capture).len() >= 10);
    agent.stop();
    assert_eq!(discards(&collector.finish()).len(), 10);
}

/// Of two collectors one receives nothing: each datagram to it is a drop, whose report would be in the
/// next datagram.
#[test]
fn own_datagrams_are_counted_and_not_reported() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let both = config("")
        .replace("polling = 0", "polling = 1 collector { ip = 127.0.0.1 udpport = 6344 }");
    let agent = Agent::start_with(&lab, &host, &both);
    collector.wait_for("5 polls", |capture| capture.counters_of(2, 1).len() >= 5);
    // Of other programs, also to that port.
    flood(&host, ([127, 0, 0, 1], 6344).into(), 7, SIZE);
    unwanted(&peer, 10);
    collector.wait_for("17 discards", |capture| discards(capture).len() >= 17);
    let statistics = agent.statistics(2);
    let line = statistics.lines().rfind(|line| line.contains("  dropmon: ")).unwrap();
    let own = line.split(", ").find_map(|part| part.strip_suffix(" own datagrams to collectors"));
    let own: usize = own.expect(line).parse().unwrap();
    agent.stop();
    let capture = collector.finish();
    capture.check();
    assert_eq!(discards(&capture).len(), 17, "{line}");
    assert!(line.contains(" 17 dropped packets"), "{line}");
    let datagrams = capture.received().len();
    assert!((5..=datagrams).contains(&own), "{own} of {datagrams} datagrams: {line}");
}

#[test]
fn unit_needs_capabilities_for_the_start_only() {
    let Some((lab, host, peer)) = lab() else { return };
    let path = lab.file("flowmote.conf", &config(""));
    let start = |caps: &str| Agent::start_as_unit(&lab, &host, caps, &path);
    let without = start("+net_raw,+bpf");
    without.program().wait_for_line(0, "CAP_BPF and CAP_PERFMON are missing");
    without.stop();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let with = start("+net_raw,+bpf,+perfmon,+syslog");
    let status = format!("/proc/{}/status", with.program().pid());
    let status = std::fs::read_to_string(status).unwrap();
    assert!(status.contains("CapEff:\t0000008000002000"), "{status}");
    unwanted(&peer, 10);
    collector.wait_for("discards", |capture| discards(capture).len() >= 10);
    with.stop();
}
