//! Tests of the tables of an analyzer, from datagrams to values, in virtual time.

mod datagram;
mod window;

use datagram::{counter_sample, datagram, flow_sample, if_counters, ipv4, port_name, structure};
use flowmote_decoder::{Address, DataSource};
use flowmote_engine::Arrival;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::FlowLog;
use flowmote_engine::source::Source;
use window::{at, flows, total};

/// An arrival after `seconds`.
fn from(seconds: u64) -> Arrival {
    Arrival { time: at(seconds), sender: None }
}

/// An analyzer that keeps samples for ten seconds.
fn analyzer() -> Analyzer {
    let mut analyzer = Analyzer::new(8 << 20);
    analyzer.keep_samples(at(10).since(at(0)));
    analyzer
}

fn tick(analyzer: &mut Analyzer, seconds: u64) {
    analyzer.tick(at(seconds), &mut FlowLog::new(1), &mut EventLog::default());
}

/// Interface 3 of agent 10.0.0.1.
fn port() -> Source {
    let agent = Address::V4([10, 0, 0, 1].into());
    Source { agent, data_source: DataSource { class: 0, index: 3 } }
}

fn name(analyzer: &Analyzer) -> Option<String> {
    analyzer.metrics().get(&port(), "ifname").map(|name| name.to_string())
}

#[test]
fn flow_rate_is_the_estimate_over_the_window() {
    let mut analyzer = analyzer();
    for sequence_number in 1..=10 {
        let sample = flow_sample(&ipv4(0x0a00_0001));
        analyzer.ingest(&from(5), &datagram(0, sequence_number, &[sample]));
    }
    let flow = flows(&analyzer, 10).remove(0);
    // 10 samples at 1 in 100 in 10 s, 1500 bytes each.
    assert_eq!((flow.estimate.samples.round(), flow.estimate.value), (10.0, 150_000.0));
    assert_eq!(flow.values[0].value, 100.0);
    assert_eq!(flow.source, port());
    assert_eq!(analyzer.tally().datagrams, 10);
}

#[test]
fn flows_leave_the_window() {
    let mut analyzer = analyzer();
    let found =
        |analyzer: &Analyzer, end| (flows(analyzer, end).len(), total(analyzer, end).matched);
    analyzer.ingest(&from(1), &datagram(0, 1, &[flow_sample(&ipv4(0x0a00_0001))]));
    analyzer.ingest(&from(8), &datagram(0, 2, &[flow_sample(&ipv4(0x0a00_0003))]));
    assert_eq!(found(&analyzer, 9), (2, 2));
    assert_eq!(found(&analyzer, 15), (1, 1));
    assert_eq!(found(&analyzer, 60), (0, 0));
    // Until the next `tick` the samples are kept, and visible again at an earlier time.
    assert_eq!(found(&analyzer, 9), (2, 2));
    let (held, begin) = (analyzer.history().samples(), analyzer.history().begin());
    assert_eq!((held, begin), (2, at(0)));
    tick(&mut analyzer, 15);
    tick(&mut analyzer, 60);
    assert_eq!(found(&analyzer, 9), (0, 0));
    assert_eq!(analyzer.history().samples(), 0);
    assert!(analyzer.history().begin() <= at(50), "nothing is missing of a window");
    assert_eq!(analyzer.tally().samples, 2);
}

#[test]
fn flow_that_returns_after_days_has_no_old_samples() {
    let mut analyzer = analyzer();
    for day in 0..30 {
        let (now, number) = (86_400 * day, day as u32 + 1);
        let payload = datagram(0, number, &[flow_sample(&ipv4(0x0a00_0001))]);
        analyzer.ingest(&from(now), &payload);
        assert_eq!(flows(&analyzer, now + 1)[0].estimate.samples.round(), 1.0);
        tick(&mut analyzer, now);
    }
}

#[test]
fn interface_rates_are_those_between_two_counter_samples() {
    let mut analyzer = analyzer();
    let mut receive = |seconds: u64, sequence_number: u32, octets: u32, packets: u32| {
        let sample = counter_sample(sequence_number, &[if_counters(octets, packets)]);
        analyzer.ingest(&from(seconds), &datagram(0, seconds as u32, &[sample]));
        let rate = |name| analyzer.metrics().get(&port(), name).and_then(|value| value.number());
        [
            "ifinoctets",
            "ifoutoctets",
            "ifinpkts",
            "ifoutpkts",
            "ifinerrors",
            "ifouterrors",
            "ifindiscards",
            "ifoutdiscards",
        ]
        .map(rate)
    };
    assert_eq!(receive(1, 1, 1000, 10), [None; 8]);
    let zero = Some(0.0);
    let expected = [Some(1250.0), None, Some(3.0), None, zero, None, zero, None];
    assert_eq!(receive(21, 2, 26_000, 70), expected);
    assert_eq!(receive(21, 2, 26_000, 70), expected, "a duplicate changes nothing");
    assert_eq!(receive(41, 1, 500, 5), [None; 8], "a new sequence has no difference yet");
    assert_eq!(receive(61, 2, 500, 5)[0], zero);
}

#[test]
fn interface_name_is_found_under_another_sub_agent() {
    let mut analyzer = analyzer();
    analyzer.ingest(&from(1), &datagram(0, 1, &[flow_sample(&ipv4(0x0a00_0001))]));
    assert_eq!(flows(&analyzer, 2)[0].source, port());
    assert_eq!(name(&analyzer), None);
    // Sub-agent 7 sends the counters of the data source that sub-agent 0 samples.
    analyzer.ingest(&from(1), &datagram(7, 1, &[counter_sample(1, &[port_name(*b"eth0")])]));
    assert_eq!(name(&analyzer).as_deref(), Some("eth0"));
}

#[test]
fn control_characters_are_removed_from_names() {
    let mut analyzer = analyzer();
    analyzer.ingest(&from(1), &datagram(0, 1, &[counter_sample(1, &[port_name(*b"\x1b[2J")])]));
    assert_eq!(name(&analyzer).as_deref(), Some("[2J"));
}

#[test]
fn fault_in_a_field_of_a_record_is_counted() {
    let mut analyzer = analyzer();
    // `sampled_header` (1) that declares 1000 bytes of header and has four.
    let header = structure(1, &[1, 1518, 4, 1000, 0]);
    analyzer.ingest(&from(1), &datagram(0, 1, &[flow_sample(&header)]));
    let tally = analyzer.tally();
    assert_eq!((tally.samples, tally.records, tally.faults()), (1, 1, 1));
    assert!(tally.to_string().contains("malformed field_overrun: 1"), "{tally}");
    assert_eq!(analyzer.history().samples(), 1, "the sample counts");
    assert_eq!(flows(&analyzer, 2).len(), 0, "its packet is unknown");
}

#[test]
fn refused_datagram_changes_no_table() {
    let mut analyzer = analyzer();
    analyzer.ingest(&from(1), &[0, 0, 0, 4]);
    analyzer.ingest(&from(1), &[]);
    assert_eq!((analyzer.tally().datagrams, analyzer.tally().faults()), (2, 2));
    assert_eq!((analyzer.history().samples(), analyzer.metrics().sources()), (0, 0));
    assert_eq!(analyzer.agents().iter().len(), 0);
}

#[test]
fn every_vector_passes_through_the_tables() {
    let mut analyzer = analyzer();
    let vectors = flowmote_vectors::all();
    for (seconds, (_, payload)) in vectors.iter().enumerate() {
        analyzer.ingest(&from(seconds as u64), payload);
        tick(&mut analyzer, seconds as u64);
    }
    assert_eq!(analyzer.tally().datagrams, vectors.len() as u64);
    let metrics = analyzer.metrics();
    for name in ["ifspeed", "cpu_num"] {
        assert!(metrics.names().any(|(known, _)| *known == *name), "{name}");
    }
    assert!(metrics.sources() > 12, "{}", metrics.sources());
}
