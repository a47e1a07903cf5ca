//! Hosts that have one agent address by mistake, such as 127.0.0.1: neither their counters nor the pools of
//! their samples are compared with each other.

mod datagram;

use core::net::IpAddr;
use core::time::Duration;

use datagram::{counter_sample, datagram, if_counters, ipv4, structure};
use flowmote_decoder::{Address, DataSource};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::source::Source;
use flowmote_engine::{Arrival, Instant};

/// A host: its address, the number of its first counter sample, the seconds since its start then, and
/// what its counters have more than those of others.
#[derive(Clone, Copy)]
struct Host {
    sender: [u8; 4],
    number: u32,
    uptime: u32,
    more: u32,
}

/// Octets per second received on interface 3 of agent 10.0.0.1.
fn rate(analyzer: &Analyzer) -> Option<f64> {
    let agent = Address::V4([10, 0, 0, 1].into());
    let port = Source { agent, data_source: DataSource { class: 0, index: 3 } };
    analyzer.metrics().get(&port, "ifinoctets").and_then(|value| value.number())
}

/// The rates after each sample of hosts that send every 20 s, shortly after one another. Each receives
/// 100 octets per second.
fn rates(hosts: &[Host]) -> Vec<Option<f64>> {
    let mut analyzer = Analyzer::new(8 << 20);
    let mut rates = Vec::new();
    for round in 0..10 {
        for (place, host) in (0..).zip(hosts) {
            let octets = 1000 + host.more + 2000 * round;
            let counters = counter_sample(host.number + round, &[if_counters(octets, octets)]);
            let mut payload = datagram(0, host.number + round, &[counters]);
            let uptime = 1000 * (host.uptime + 20 * round + place);
            payload[20..24].copy_from_slice(&uptime.to_be_bytes());
            let time = Instant::after_start(Duration::from_secs((20 * round + place).into()));
            analyzer.ingest(&Arrival { time, sender: Some(IpAddr::from(host.sender)) }, &payload);
            rates.push(rate(&analyzer));
        }
    }
    rates
}

const FIRST: Host = Host { sender: [192, 0, 2, 1], number: 100, uptime: 500, more: 0 };

#[test]
fn single_host_has_its_rate() {
    assert_eq!(rates(&[FIRST])[..3], [None, Some(100.0), Some(100.0)]);
}

#[test]
fn hosts_with_one_agent_address_have_no_rate_between_them() {
    let second = Host { sender: [192, 0, 2, 2], more: 200_000_000, ..FIRST };
    for host in [
        // Started together, or one before the other, and so with similar or with other numbers.
        Host { number: 101, ..second },
        Host { number: 101, uptime: 90_000, ..second },
        Host { number: 99, uptime: 499, ..second },
        Host { number: 5000, uptime: 100_000, ..second },
        Host { number: 101, more: 10, ..second },
    ] {
        let found = rates(&[FIRST, host]);
        assert!(found.iter().flatten().all(|rate| *rate == 100.0), "{found:?}");
    }
}

/// Two hosts whose numbers stay near each other: the pool of one grows by half as much as the samples of both
/// stand for.
#[test]
fn samples_of_hosts_with_one_agent_address_have_the_stated_rate() {
    let mut analyzer = Analyzer::new(8 << 20);
    for number in 1..3000 {
        for (host, pool) in [(1, 100 * number), (2, 2000 + 100 * number)] {
            let words = [20 * u32::from(host) + number, 3, 100, pool, 0, 3, 0, 1];
            let sample = structure(1, &[&words[..], &ipv4(7)].concat());
            let time = Instant::after_start(Duration::from_millis(number.into()));
            let arrival = Arrival { time, sender: Some(IpAddr::from([192, 0, 2, host])) };
            analyzer.ingest(&arrival, &datagram(0, number, &[sample]));
        }
    }
    let rates: Vec<f64> = analyzer.flows().rates().map(|(_, rate)| rate.used).collect();
    assert_eq!(rates, [100.0]);
}
