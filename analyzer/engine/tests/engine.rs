//! Tests of the tables of [`Engine`], in virtual time.

mod datagram;

use core::time::Duration;

use datagram::{counter_sample, datagram, flow_sample, if_counters, ipv4, port_name, structure};
use flowmote_engine::{Arrival, Engine, Instant, InterfaceRates};

/// An arrival after `seconds`.
fn from(seconds: u64) -> Arrival {
    Arrival { time: at(seconds), sender: None }
}

fn at(seconds: u64) -> Instant {
    Instant::after_start(Duration::from_secs(seconds))
}

/// An engine with a window of 10 s.
fn engine() -> Engine {
    Engine::new(at(0), Duration::from_secs(10))
}

/// Number of flows, of pairs, and of samples in the totals.
fn flows(engine: &Engine, now: Instant) -> (usize, usize, u64) {
    let samples = engine.totals(now).flow_samples.samples;
    (engine.flows(now).count(), engine.pairs(now).count(), samples)
}

#[test]
fn flow_rate_is_the_estimate_over_the_window() {
    let mut engine = engine();
    for sequence_number in 1..=10 {
        let sample = flow_sample(&ipv4(0x0a00_0001));
        engine.ingest(&from(5), &datagram(0, sequence_number, &[sample]));
    }
    let flow = engine.flows(at(10)).next().unwrap();
    // 10 samples at 1 in 100 in 10 s, 1500 bytes each.
    assert_eq!((flow.rate.samples, flow.rate.packets, flow.rate.bits), (10, 100.0, 1_200_000.0));
    assert_eq!((flow.origin.source.class, flow.origin.source.index), (0, 3));
    assert_eq!(engine.totals(at(10)).datagrams.samples, 10);
}

#[test]
fn flows_leave_the_window() {
    let mut engine = engine();
    engine.ingest(&from(1), &datagram(0, 1, &[flow_sample(&ipv4(0x0a00_0001))]));
    engine.ingest(&from(8), &datagram(0, 2, &[flow_sample(&ipv4(0x0a00_0003))]));
    assert_eq!(flows(&engine, at(8)), (2, 2, 2));
    assert_eq!(flows(&engine, at(15)), (1, 1, 1));
    assert_eq!(flows(&engine, at(60)), (0, 0, 0));
    // Until the next `tick` the flows are kept, and visible again at an earlier time.
    assert_eq!(flows(&engine, at(8)), (2, 2, 2));
    engine.tick(at(15));
    assert_eq!(flows(&engine, at(8)), (1, 1, 2));
    engine.tick(at(60));
    assert_eq!(flows(&engine, at(8)), (0, 0, 2));
    assert_eq!(engine.evicted(), 0, "flows that left the window are not evictions");
    assert_eq!(engine.tally().samples, 2);
}

#[test]
fn flow_that_returns_after_days_has_no_old_samples() {
    let mut engine = engine();
    let payload = datagram(0, 1, &[flow_sample(&ipv4(0x0a00_0001))]);
    for day in 0..30 {
        let now = at(86_400 * day);
        engine.ingest(&from(86_400 * day), &payload);
        assert_eq!(engine.flows(now).next().unwrap().rate.samples, 1);
        engine.tick(now);
    }
}

#[test]
fn full_table_evicts_and_counts() {
    let mut engine = engine();
    for host in 0..10_000 {
        engine.ingest(&from(1), &datagram(0, host, &[flow_sample(&ipv4(host))]));
    }
    let (flows, pairs, samples) = flows(&engine, at(1));
    assert!(flows <= 8192 && pairs <= 4096, "{flows} flows, {pairs} pairs");
    assert_eq!(engine.evicted(), (10_000 - flows + 10_000 - pairs) as u64);
    assert_eq!(samples, 10_000, "totals include samples of evicted flows");
}

#[test]
fn interface_rates_are_those_between_two_counter_samples() {
    let mut engine = engine();
    let mut receive = |seconds: u64, sequence_number: u32, octets: u32, packets: u32| {
        let sample = counter_sample(sequence_number, &[if_counters(octets, packets)]);
        engine.ingest(&from(seconds), &datagram(0, seconds as u32, &[sample]));
        let (_, interface) = engine.interfaces().next().unwrap();
        interface.rates
    };
    assert_eq!(receive(1, 1, 1000, 10), None);
    let rates = receive(21, 2, 26_000, 70);
    let expected = InterfaceRates {
        in_bits: Some(10_000.0),
        out_bits: None,
        in_packets: Some(3.0),
        out_packets: None,
        errors: Some(0.0),
        discards: Some(0.0),
    };
    assert_eq!(rates, Some(expected));
    assert_eq!(receive(22, 2, 26_000, 70), Some(expected), "a duplicate changes nothing");
    assert_eq!(receive(41, 1, 500, 5), None, "a new sequence has no difference yet");
    assert!(receive(61, 2, 500, 5).is_some_and(|rates| rates.in_bits == Some(0.0)));
}

#[test]
fn interface_name_is_found_under_another_sub_agent() {
    let mut engine = engine();
    engine.ingest(&from(1), &datagram(0, 1, &[flow_sample(&ipv4(0x0a00_0001))]));
    let origin = engine.flows(at(1)).next().unwrap().origin;
    assert_eq!(engine.interface_name(&origin), None);
    // Sub-agent 7 sends the counters of the data source that sub-agent 0 samples.
    engine.ingest(&from(1), &datagram(7, 1, &[counter_sample(1, &[port_name(*b"eth0")])]));
    assert_eq!(origin.sub_agent_id, 0);
    assert_eq!(engine.interface_name(&origin), Some("eth0"));
}

#[test]
fn control_characters_are_removed_from_names() {
    let mut engine = engine();
    engine.ingest(&from(1), &datagram(0, 1, &[counter_sample(1, &[port_name(*b"\x1b[2J")])]));
    let (_, interface) = engine.interfaces().next().unwrap();
    assert_eq!(interface.name.as_deref(), Some("[2J"));
}

#[test]
fn fault_in_a_field_of_a_record_is_counted() {
    let mut engine = engine();
    // `sampled_header` (1) that declares 1000 bytes of header and has four.
    let header = structure(1, &[1, 1518, 4, 1000, 0]);
    engine.ingest(&from(1), &datagram(0, 1, &[flow_sample(&header)]));
    let tally = engine.tally();
    assert_eq!((tally.samples, tally.records, tally.faults()), (1, 1, 1));
    assert!(tally.to_string().contains("malformed field_overrun: 1"), "{tally}");
    assert_eq!(flows(&engine, at(1)), (0, 0, 1), "the sample counts, its packet is unknown");
}

#[test]
fn refused_datagram_changes_no_table() {
    let mut engine = engine();
    engine.ingest(&from(1), &[0, 0, 0, 4]);
    engine.ingest(&from(1), &[]);
    assert_eq!((engine.tally().datagrams, engine.tally().faults()), (2, 2));
    assert_eq!(flows(&engine, at(1)), (0, 0, 0));
    assert_eq!(engine.interfaces().len() + engine.hosts().len(), 0);
}

#[test]
fn every_vector_passes_through_the_tables() {
    let mut engine = engine();
    let vectors = flowmote_vectors::all();
    for (seconds, (_, payload)) in vectors.iter().enumerate() {
        engine.ingest(&from(seconds as u64), payload);
        engine.tick(at(seconds as u64));
    }
    assert_eq!(engine.tally().datagrams, vectors.len() as u64);
    assert!(engine.interfaces().len() > 10 && engine.hosts().len() > 1);
}
