//! Tests of the view, with known datagrams in virtual time.

use core::time::Duration;

use flowmote_engine::{Arrival, Instant};

use super::*;
use crate::commands::top::live::Live;

/// A datagram of one sample, given as words.
fn datagram(sequence: u32, uptime: u32, format: u32, sample: &[u32]) -> Vec<u8> {
    let mut words = vec![5, 1, 0x0a00_0001, 0, sequence, uptime, 1];
    words.extend([format, 4 * sample.len() as u32]);
    words.extend(sample);
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

/// Interface 3, named eth0, with `octets` received; output counters are unknown.
fn counters(sequence: u32, octets: u32) -> Vec<u32> {
    let mut sample = vec![sequence, 3, 2, 1, 88, 3, 6, 0, 1_000_000_000, 1, 3, 0, octets];
    sample.extend([octets / 100, 0, u32::MAX, sequence, 0, u32::MAX]);
    sample.extend([u32::MAX; 8]);
    sample.extend([1005, 8, 4, u32::from_be_bytes(*b"eth0")]);
    sample
}

/// A flow sample, 1 in 100: 10.0.0.1:40000 > 10.0.0.2:443, TCP, 1500 bytes.
fn flow(sequence: u32) -> Vec<u32> {
    let ip = [1500, 6, 0x0a00_0001, 0x0a00_0002, 40_000, 443, 0x10, 0];
    [&[sequence, 3, 100, 100 * sequence, 0, 3, 0, 1, 3, 32][..], &ip].concat()
}

fn host(sequence: u32, idle: u32, user: u32) -> Vec<u32> {
    let load = [0.5f32, 0.25, -1.0].map(f32::to_bits);
    let cpu = [1, 100, 4, 2400, 60, user, 0, 0, idle, 0, 0, 0, 0, 0];
    let memory = [1, 0, 0, 1 << 30, 0, 0, 0, 0, 0, 1 << 30, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut sample = vec![sequence, 2 << 24 | 1, 2, 2003, 68];
    sample.extend(load);
    sample.extend(cpu);
    sample.extend([2004, 72]);
    sample.extend(memory);
    sample
}

/// The lines of a view at `now`.
fn lines(live: &Live, view: View, now: Instant) -> Vec<Line> {
    let flows = live.recent(now).flows(&view.wanted());
    view.lines(&live.content(now, flows))
}

fn shown(live: &Live, page: Page, width: usize) -> Vec<String> {
    let now = at(10);
    let view = View { page, sort: Sort::Bits, width, height: 20 };
    lines(live, view, now).into_iter().map(|line| line.text.trim_end().to_owned()).collect()
}

fn at(seconds: u64) -> Instant {
    Instant::after_start(Duration::from_secs(seconds))
}

fn live() -> Live {
    let mut live = Live::new(Duration::from_secs(10));
    let mut sequence = 0;
    let mut receive = |seconds: u64, format: u32, sample: &[u32]| {
        sequence += 1;
        let payload = datagram(sequence, 1000 * seconds as u32, format, sample);
        live.ingest(&Arrival { time: at(seconds), sender: None }, &payload);
    };
    receive(0, 2, &counters(1, 1_000_000));
    receive(0, 2, &host(1, u32::MAX - 9_999, 500));
    (1..=100).for_each(|count| receive(5, 1, &flow(count)));
    receive(10, 2, &counters(2, 13_500_000));
    // Across the wrap: 30 s of idle time, 10 s of work
    receive(10, 2, &host(2, 20_000, 10_500));
    live
}

#[test]
fn estimates_are_shown_with_their_error() {
    let live = live();
    let lines = shown(&live, Page::Flows, 80);
    assert_eq!(lines[0], "agents 1  datagrams/s 10.4  flow samples/s 10  lost 0  malformed 0");
    // 100 samples at 1 in 100 in 10 s: 1000 packets/s of 1500 bytes. The upper end of the interval of 100
    // samples is 22 % above them, the lower one 18 % below.
    assert_eq!(lines[1], "estimated 1.00k packets/s, 12.0M bit/s ±22% from 100 samples");
    let flow = lines[3].split_whitespace().collect::<Vec<_>>();
    assert_eq!(flow, ["10.0.0.1:40000", "10.0.0.2:443", "tcp", "12.0M", "1.00k", "22%"]);
    assert!(shown(&live, Page::Flows, 120)[3].ends_with("22%  eth0"));
    let pair = &shown(&live, Page::Pairs, 80)[3];
    assert!(pair.starts_with("10.0.0.1 ") && pair.contains(" 12.0M "), "{pair}");
}

#[test]
fn counters_are_shown_as_rates() {
    let live = live();
    let lines = shown(&live, Page::Interfaces, 80);
    let port = lines[3].split_whitespace().collect::<Vec<_>>();
    // 12.5 MB in 10 s; 125,000 packets; one discard; output counters are unknown
    let expected = ["eth0", "up/up", "1.00G", "10.0M", "-", "12.5k", "-", "0", "0.10"];
    assert_eq!(port, expected);
    let lines = shown(&live, Page::Hosts, 80);
    let host = lines[3].split_whitespace().collect::<Vec<_>>();
    let load = ["0.50", "0.25", "-"];
    let memory = ["2.00Gi", "/", "4.00Gi", "50%"];
    assert_eq!(host, [&["10.0.0.1", "2:1", "25.0%", "4"][..], &load, &memory].concat());
}

#[test]
fn every_page_fits_its_size() {
    let live = live();
    for page in Page::ALL {
        for (width, height) in [(0, 0), (1, 1), (20, 3), (80, 24), (200, 50)] {
            let view = View { page, sort: Sort::Name, width, height };
            let now = at(10);
            let lines = lines(&live, view, now);
            assert!(lines.len() <= height, "{page:?}");
            assert!(lines.iter().all(|line| line.text.chars().count() <= width), "{page:?}");
        }
    }
}

#[test]
fn shared_agents_and_implausible_values_are_shown() {
    let mut live = live();
    for (count, sender) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        let time = at(9);
        let arrival = Arrival { time, sender: Some([192, 0, 2, sender].into()) };
        let mut payload = datagram(2 * count, 1000, 1, &flow(count));
        payload[11] = 9;
        live.ingest(&arrival, &payload);
        // The next datagram, with rate 0.
        payload[19] += 1;
        payload[47] = 0;
        live.ingest(&arrival, &payload);
    }
    let lines = shown(&live, Page::Flows, 120);
    assert!(lines[0].ends_with("malformed 0  implausible 4"), "{}", lines[0]);
    assert!(lines[1].ends_with("from 104 samples"), "{}", lines[1]);
    assert_eq!(lines[2], "2 senders use agent 10.0.0.9 sub-agent 0: 192.0.2.1, 192.0.2.2");
    let seen_by: Vec<_> = lines.iter().filter_map(|line| Some(line.split_once("%  ")?.1)).collect();
    assert!(seen_by.contains(&"10.0.0.9 ifIndex 3"), "{seen_by:?}");
    assert!(seen_by.contains(&"10.0.0.1 eth0"), "{seen_by:?}");
}

#[test]
fn sender_of_another_protocol_is_shown_for_a_minute() {
    let mut live = live();
    let sender = Some([192, 0, 2, 7].into());
    live.ingest(&Arrival { time: at(10), sender }, &[0, 9, 0, 1, 0, 0, 0, 0]);
    let line = &shown(&live, Page::Flows, 120)[2];
    assert!(line.starts_with("datagrams from 192.0.2.7 are refused: "), "{line}");
    let view = View { page: Page::Flows, sort: Sort::Bits, width: 80, height: 20 };
    assert!(!lines(&live, view, at(70)).iter().any(|line| line.text.contains("192.0.2.7")));
}

#[test]
fn rows_are_in_the_selected_order() {
    let mut live = Live::new(Duration::from_secs(10));
    // Agents 1 to 3 with ever fewer, ever longer packets; the counters of their interface 3 likewise.
    for (agent, samples, length, octets) in [(1, 4, 100, 4), (2, 2, 1000, 20), (3, 1, 1500, 15)] {
        let mut receive = |seconds: u64, number: u32, format: u32, sample: &[u32]| {
            let mut payload = datagram(number, 1000 * seconds as u32, format, sample);
            payload[11] = agent;
            live.ingest(&Arrival { time: at(seconds), sender: None }, &payload);
        };
        receive(0, 1, 2, &counters(1, 0));
        for number in 1..=samples {
            let mut sample = flow(number);
            (sample[10], sample[12]) = (length, agent.into());
            receive(5, 1 + number, 1, &sample);
        }
        let mut sample = counters(2, 1_000_000 * octets);
        sample[13] = 10_000 * samples;
        receive(10, 6, 2, &sample);
    }
    let order = |page, sort| {
        let view = View { page, sort, width: 120, height: 20 };
        let lines = lines(&live, view, at(10));
        let digit =
            |line: &Line| line.text.split_whitespace().next()?.split(':').next()?.chars().last();
        lines[3..].iter().filter_map(digit).collect::<String>()
    };
    assert_eq!(order(Page::Flows, Sort::Bits), "231");
    assert_eq!(order(Page::Flows, Sort::Packets), "123");
    assert_eq!(order(Page::Flows, Sort::Name), "123");
    assert_eq!(order(Page::Pairs, Sort::Bits), "231");
    assert_eq!(order(Page::Interfaces, Sort::Bits), "231");
    assert_eq!(order(Page::Interfaces, Sort::Packets), "123");
    assert_eq!(order(Page::Interfaces, Sort::Name), "123");
}

#[test]
fn packets_without_ip_are_flows_of_mac_addresses() {
    let mut live = live();
    // `sampled_ethernet` (2): 64 bytes of ARP to all stations.
    let record = [2, 24, 64, 0x0200_0000, 0x0001_0000, u32::MAX, 0xffff_0000, 0x0806];
    let sample = [&[101, 3, 100, 10_100, 0, 3, 0, 1][..], &record].concat();
    live.ingest(&Arrival { time: at(9), sender: None }, &datagram(105, 9000, 1, &sample));
    let rows = shown(&live, Page::Flows, 80);
    let arp: Vec<_> = rows[4].split_whitespace().take(3).collect();
    assert_eq!(arp, ["02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", "arp"]);
    let rows = shown(&live, Page::Pairs, 80);
    assert!(rows[4].starts_with("02:00:00:00:00:01 ") && !rows[4].contains("arp"), "{}", rows[4]);
}

#[test]
fn hosts_with_one_agent_address_show_no_rate_between_them() {
    let mut live = Live::new(Duration::from_secs(10));
    for (number, seconds, sender, octets) in
        [(1, 0, 1, 1_000_000), (2, 5, 2, 9_000_000), (2, 8, 1, 2_000_000), (3, 10, 2, 10_000_000)]
    {
        let sender = Some([192, 0, 2, sender].into());
        let payload = datagram(number, 1000 * seconds as u32, 2, &counters(number, octets));
        live.ingest(&Arrival { time: at(seconds), sender }, &payload);
    }
    let lines = shown(&live, Page::Interfaces, 80);
    assert_eq!(lines[2], "2 senders use agent 10.0.0.1 sub-agent 0: 192.0.2.1, 192.0.2.2");
    let port = lines[4].split_whitespace().collect::<Vec<_>>();
    assert_eq!(port, ["eth0", "up/up", "1.00G", "-", "-", "-", "-", "-", "-"]);
}

#[test]
fn interface_with_a_name_only_has_no_data() {
    let mut live = Live::new(Duration::from_secs(10));
    let name = [1, 3, 1, 1005, 8, 4, u32::from_be_bytes(*b"eth0")];
    live.ingest(&Arrival { time: at(0), sender: None }, &datagram(1, 0, 2, &name));
    let lines = shown(&live, Page::Interfaces, 80);
    let port = lines[3].split_whitespace().collect::<Vec<_>>();
    assert_eq!(port, [&["eth0", "no", "data"][..], &["-"; 7]].concat());
}

/// A fifth of 4 MiB holds some of 10,000 samples. They arrive evenly in 10 s.
#[test]
fn rates_are_those_of_the_time_whose_samples_fit_the_memory() {
    let mut live = Live::within(4 << 20, Duration::from_secs(10));
    for number in 1..=10_000 {
        let time = Instant::after_start(Duration::from_millis(number.into()));
        let payload = datagram(number, number, 1, &flow(number));
        live.ingest(&Arrival { time, sender: None }, &payload);
    }
    let lines = shown(&live, Page::Flows, 80);
    let (held, estimate) = (&lines[2], &lines[1]);
    let seconds = held.strip_prefix("samples of ").and_then(|rest| rest.split_once(" s fill"));
    let seconds: f64 = seconds.unwrap().0.parse().unwrap();
    assert!((1.0..5.0).contains(&seconds), "{held}");
    assert!(estimate.starts_with("estimated 100k packets/s, 1.20G bit/s"), "{estimate}");
    assert!(lines[0].contains("datagrams/s 1.00k  flow samples/s 1.00k"), "{}", lines[0]);
}

#[test]
fn packet_sampled_at_two_ports_counts_once_in_the_total() {
    let mut live = Live::new(Duration::from_secs(10));
    for number in 1..=100 {
        // It enters by port 3 and leaves by port 4, which is the data source of the second sample.
        let mut leaving = flow(number);
        (leaving[1], leaving[5], leaving[6]) = (4, 3, 4);
        for (half, sample) in [(0, flow(number)), (1, leaving)] {
            let payload = datagram(2 * number + half, 9000, 1, &sample);
            live.ingest(&Arrival { time: at(9), sender: None }, &payload);
        }
    }
    let lines = shown(&live, Page::Flows, 120);
    assert_eq!(lines[1], "estimated 1.00k packets/s, 12.0M bit/s ±22% from 100 samples");
    assert!(lines[3].ends_with("ifIndex 3") || lines[4].ends_with("ifIndex 3"), "{lines:?}");
    assert!(lines[3].ends_with("ifIndex 4") || lines[4].ends_with("ifIndex 4"), "{lines:?}");
}

#[test]
fn sample_that_arrives_now_is_shown() {
    let mut live = Live::new(Duration::from_secs(10));
    live.ingest(&Arrival { time: at(10), sender: None }, &datagram(1, 0, 1, &flow(1)));
    let lines = shown(&live, Page::Flows, 80);
    assert!(lines[1].ends_with("from 1 samples"), "{}", lines[1]);
}
