//! What limits the samples of an interface: one direction of its packets, and a budget of the host.

use std::fs;

use flowmote_decoder::Port;
use flowmote_lab::net::{Agent, Collector, Lab, flood, ip_of, peer_ip_of};
use flowmote_lab::wait_until;
use nix::sys::signal::Signal;

/// Packets in each direction, which are far more than the neighbour discovery of a new link.
const PACKETS: u32 = 1000;
/// More interfaces than have a tap of their own.
const OTHERS: u32 = 17;

/// Sends [`PACKETS`] in each direction of an interface that is sampled in one, beside `others` more
/// such interfaces. Passes the two sides of all samples to `is_right`.
fn check_direction(direction: &str, others: u32, is_right: fn(u32, (Port, Port)) -> bool) {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let mut blocks = format!("pcap {{ dev = lan0 direction = {direction} }}\n");
    for number in 0..others {
        host.ip(&format!("link add x{number} type veth peer name y{number}\n"));
        blocks += &format!("pcap {{ dev = x{number} direction = {direction} }}\n");
    }
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let settings = format!("sampling = 1 polling = 0 collector {{ ip = 127.0.0.1 }} {blocks}");
    let agent = Agent::start_with(&lab, &host, &format!("sflow {{ {settings} }}"));
    flood(&host, (peer_ip_of(1).0, 9).into(), PACKETS, 10);
    flood(&peer, (ip_of(1).0, 9).into(), PACKETS, 10);
    let index = host.if_index("lan0");
    collector.wait_for("the flood", |capture| capture.pool_of(index) >= PACKETS);
    agent.stop();
    let capture = collector.finish();
    let pool = capture.pool_of(index);
    assert!((PACKETS..2 * PACKETS).contains(&pool), "one direction has {PACKETS}, not {pool}");
    for sample in capture.flow_samples_of(index) {
        let sides = (sample.input.port(), sample.output.port());
        assert!(is_right(index, sides), "{direction}: {sides:?}");
    }
    capture.check();
}

#[test]
fn only_received_packets_are_sampled_and_counted() {
    for others in [0, OTHERS] {
        check_direction("in", others, |index, (input, _)| input == Port::Index(index));
    }
}

#[test]
fn only_sent_packets_are_sampled_and_counted() {
    for others in [0, OTHERS] {
        check_direction("out", others, |index, (_, output)| output == Port::Index(index));
    }
}

#[test]
fn flood_raises_the_rates_by_powers_of_two() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let settings =
        "sampling = 3 polling = 0 collector { ip = 127.0.0.1 } pcap { dev = lan0 }".to_owned();
    let file = lab.file("flowmote.conf", &format!("sflow {{ budget = 100 {settings} }}"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, &format!("-c {}", file.display()));
    let index = host.if_index("lan0");
    let rates = || -> Vec<u32> {
        let capture = collector.so_far();
        capture.flow_samples_of(index).iter().map(|sample| sample.sampling_rate).collect()
    };
    wait_until("a higher rate", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 2000, 10);
        rates().iter().any(|rate| *rate >= 12).then_some(())
    });
    assert!(rates().iter().all(|rate| rate % 3 == 0 && (rate / 3).is_power_of_two()));
    assert_eq!(rates()[0], 3);
    agent.program().wait_for_line(0, "budget of 100 samples/s: sampling rates are multiplied by");
    // Without a budget the configured rate applies again.
    fs::write(&file, format!("sflow {{ {settings} }}")).expect("a file of the lab");
    let mark = agent.program().mark();
    agent.program().signal(Signal::SIGHUP);
    agent.program().wait_for_line(mark, "lan0: sampling 1 in 3");
    let before = rates().len();
    wait_until("samples at the configured rate", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 100, 10);
        rates()[before..].contains(&3).then_some(())
    });
    agent.stop();
    collector.finish().check();
}
