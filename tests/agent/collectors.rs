//! Collectors: over IPv6, several at a time, and unreachable for some time.

use flowmote_lab::net::{Agent, Collector, Lab, flood, peer_ip_of, receives};
use flowmote_lab::wait_until;

#[test]
fn collector_is_reached_over_ipv6() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link6(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    let collector = Collector::start(&peer, "[fd00:2::2]:6399");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o [fd00:2::2]:6399");
    receives(&host, &collector, 3);
    agent.stop();
    collector.finish().check();
}

#[test]
fn host_without_ipv4_has_an_ipv6_agent_address() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link6(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link6(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    for (net, name) in [(1, "lan0"), (2, "mgmt0")] {
        host.ip(&format!("address delete 198.18.{net}.1/24 dev {name}\n"));
    }
    let collector = Collector::start(&peer, "[fd00:2::2]:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o fd00:2::2");
    wait_until("datagrams", || {
        flood(&host, (peer_ip_of(1).1, 9).into(), 10, 10);
        (collector.so_far().received().len() > 2).then_some(())
    });
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let address = capture.datagrams()[0].agent_address;
    assert_eq!(address.to_string(), "fd00:1::1");
}

#[test]
fn two_collectors_receive_the_same_datagrams() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link6(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    let one = Collector::start(&host, "127.0.0.1:6343");
    let two = Collector::start(&peer, "[fd00:2::2]:7000");
    let agent = Agent::start_with(
        &lab,
        &host,
        "sflow {
           sampling = 1
           collector { ip = 127.0.0.1 }
           collector { ip = fd00:2::2 udpport = 7000 }
           pcap { dev = lan0 }
         }",
    );
    receives(&host, &one, 3);
    agent.stop();
    let (one, two) = (one.finish(), two.finish());
    one.check();
    let payloads = |capture: &flowmote_lab::net::Capture| -> Vec<Vec<u8>> {
        capture.received().iter().map(|received| received.payload.clone()).collect()
    };
    assert_eq!(payloads(&one), payloads(&two));
}

#[test]
fn unreachable_collector_is_counted_and_resumes() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let mut collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    receives(&host, &collector, 2);
    collector.pause();
    let sequence = |collector: &Collector| {
        collector.so_far().datagrams().last().expect("datagrams").sequence_number
    };
    let before = sequence(&collector);
    wait_until("ICMP errors in the statistics", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        agent.statistics(1).contains("reported undeliverable by ICMP").then_some(())
    });
    collector.resume(&host, "127.0.0.1:6343");
    receives(&host, &collector, 2);
    assert!(sequence(&collector) > before, "the sequence continues");
    agent.stop();
    collector.finish().check_with_gaps();
}

#[test]
fn removed_source_address_is_counted_and_resumes() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    let collector = Collector::start(&peer, "198.18.2.2:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 198.18.2.2");
    receives(&host, &collector, 2);
    host.ip("address delete 198.18.2.1/24 dev mgmt0\n");
    wait_until("losses in the statistics", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
        agent.statistics(1).contains(" lost").then_some(())
    });
    host.ip("address add 198.18.2.1/24 dev mgmt0\n");
    receives(&host, &collector, 2);
    agent.stop();
    collector.finish().check_with_gaps();
}

#[test]
fn unreachable_collectors_do_not_stop_the_agent() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    // No route, no such name, port unreachable.
    let agent = Agent::start(
        &lab,
        &host,
        "-i lan0 -n 1 -p 0 -o 192.0.2.1 -o no-such-host.invalid -o 127.0.0.1:9 -o 127.0.0.1:6343",
    );
    receives(&host, &collector, 3);
    agent.stop();
    collector.finish().check();
}

/// The numbers of datagrams sent and of those reported undeliverable, in the statistics.
fn sent_and_undeliverable(agent: &Agent) -> (u64, u64) {
    let statistics = agent.statistics(1);
    let line = statistics.lines().find(|line| line.contains("  collector ")).unwrap();
    let (_, counters) = line.rsplit_once(": ").unwrap();
    let number = |what: &str| {
        let counter = counters.split(", ").find_map(|counter| counter.strip_suffix(what));
        counter.map_or(0, |number| number.trim().parse().unwrap())
    };
    (number("datagrams"), number("reported undeliverable by ICMP"))
}

/// Waits for the line about a collector that gets nothing and for `enough` lost datagrams.
///
/// With `-p 1 -n 1` the agent samples its own datagrams, 10 a second. No other packets are sent: an
/// ICMP error about one of them would count for the limit of one error a second.
fn reported_dead(agent: &Agent, reason: &str, enough: u64) {
    let line = agent.program().wait_for_line(0, "are not delivered");
    assert!(line.contains(reason), "{line}");
    wait_until("lost datagrams in the statistics", || {
        let (sent, lost) = sent_and_undeliverable(agent);
        assert!(lost <= sent, "{lost} of {sent}");
        (lost >= enough).then_some(())
    });
}

#[test]
fn collector_that_is_down_is_logged_when_it_goes_and_when_it_returns() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 1 -o 198.18.1.2:7777");
    let reason = "collector 198.18.1.2:7777: datagrams are not delivered: \
                  ICMP port unreachable from 198.18.1.2";
    // Far more than there are ICMP errors.
    reported_dead(&agent, reason, 50);
    let (sent, lost) = sent_and_undeliverable(&agent);
    assert!(sent - lost <= sent / 2, "{lost} of {sent}");
    let mark = agent.program().mark();
    let collector = Collector::start(&peer, "198.18.1.2:7777");
    // Only datagrams that are sent without an error show that it is back.
    let back = agent.program().wait_for_line(mark, "reachable again");
    let words: Vec<&str> = back.split_whitespace().collect();
    let before = |word: &str| {
        let at = words.iter().position(|found| found.trim_end_matches(',') == word).unwrap();
        words[at - 1].parse::<u64>().unwrap()
    };
    assert!(before("s") <= 60 && before("datagrams") >= 50, "{back}");
    let log = agent.stop();
    assert_eq!(log.matches("not delivered: ").count(), 1, "{log}");
    collector.finish().check_with_gaps();
}

#[test]
fn next_hop_that_does_not_respond_is_a_loss() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link6(2, (&host, "mgmt0"), (&peer, "mgmt0"));
    for (address, protocol) in
        [("198.18.1.99", "ARP"), ("[fd00:2::99]:6343", "neighbour discovery")]
    {
        let agent = Agent::start(&lab, &host, &format!("-i lan0 -n 1 -p 1 -o {address}"));
        reported_dead(&agent, &format!("the next hop does not respond to {protocol}"), 20);
        agent.stop();
    }
}

#[test]
fn every_kind_of_icmp_error_is_a_loss() {
    let Some(lab) = Lab::open() else { return };
    for (route, kind) in [
        ("route add unreachable 203.0.113.0/24", "host unreachable"),
        ("route add prohibit 203.0.113.0/24", "administratively prohibited"),
        ("route add throw 203.0.113.0/24", "network unreachable"),
    ] {
        // A new router for each: it limits the rate of errors for each host.
        let (host, router) = (lab.namespace(), lab.namespace());
        lab.link(1, (&host, "lan0"), (&router, "lan0"));
        host.ip("route add 203.0.113.0/24 via 198.18.1.2\n");
        router.set("net/ipv4/ip_forward", 1);
        router.ip(&format!("{route}\n"));
        let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 1 -o 203.0.113.9");
        reported_dead(&agent, &format!("ICMP {kind} from 198.18.1.2"), 1);
        agent.stop();
    }
}
