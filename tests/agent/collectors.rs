//! Collectors: over IPv6, several at a time, and unreachable for some time.

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, peer_ip_of};
use flowmote_lab::wait_until;

/// Sends packets over link 1 until the collector has `more` datagrams more than now.
fn receives(host: &Namespace, collector: &Collector, more: usize) {
    let count = || collector.so_far().received().len();
    let before = count();
    wait_until("datagrams", || {
        flood(host, (peer_ip_of(1).0, 9).into(), 10, 10);
        (count() >= before + more).then_some(())
    });
}

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
