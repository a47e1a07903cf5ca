//! Tests of [`walk`]: the calls of a sink, and the counts.

mod datagram;

use datagram::{counter_sample, datagram, flow_sample, if_counters, ipv4, port_name, structure};
use flowmote_decoder::{CounterRecord, Datagram, Error, FlowRecord, Malformed, RtValue, Sample};
use flowmote_engine::{Arrival, Level, Sink, Tally, walk};

/// Records the calls as words.
#[derive(Default)]
struct Calls(Vec<String>);

impl Calls {
    fn of(payload: &[u8]) -> (String, Tally) {
        let (mut calls, mut tally) = (Self::default(), Tally::default());
        walk(&Arrival::default(), payload, &mut tally, &mut calls);
        (calls.0.join(" "), tally)
    }
}

impl Sink for Calls {
    fn refused(&mut self, error: Error, payload: &[u8]) {
        self.0.push(format!("refused:{}:{}", error.name(), payload.len()));
    }

    fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.0.push(format!("datagram:{}", datagram.num_samples));
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.0.push(sample.name().unwrap_or("unknown").to_owned());
    }

    fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        self.0.push(record.name().unwrap_or("unknown").to_owned());
        record.check()
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        self.0.push(record.name().unwrap_or("unknown").to_owned());
        record.check()
    }

    fn value(&mut self, _: &RtValue<'_>) {
        self.0.push("value".to_owned());
    }

    fn fault(&mut self, level: Level, fault: Malformed) {
        self.0.push(format!("{level:?}:{}", fault.kind.name()));
    }

    fn end_of_sample(&mut self, _: &Sample<'_>, surplus: &[u8]) {
        self.0.push(format!("end_of_sample:{}", surplus.len()));
    }

    fn end(&mut self, trailing: &[u8]) {
        self.0.push(format!("end:{}", trailing.len()));
    }
}

#[test]
fn sink_is_called_in_the_order_of_the_datagram() {
    let records = [if_counters(1, 1), port_name(*b"eth0")];
    let samples =
        [flow_sample(&ipv4(1)), counter_sample(1, &records), structure(0x0fff_f001, &[7])];
    let mut payload = datagram(0, 1, &samples);
    payload.extend([0; 3]);
    let (calls, tally) = Calls::of(&payload);
    assert_eq!(
        calls,
        "datagram:3 flow_sample sampled_ipv4 end_of_sample:0 \
         counters_sample if_counters port_name end_of_sample:0 \
         unknown end_of_sample:0 end:3"
    );
    assert_eq!((tally.datagrams, tally.samples, tally.records), (1, 3, 3));
    assert_eq!((tally.unknown, tally.faults()), (1, 0));
    assert_eq!(tally.bytes, payload.len() as u64);
}

#[test]
fn faults_are_passed_at_their_place_and_counted() {
    // The record of the flow sample is longer than the sample, and the second sample is missing.
    let mut flow = flow_sample(&ipv4(1));
    flow[11] += 4;
    let mut payload = datagram(0, 1, &[flow]);
    payload[27] = 2;
    let (calls, tally) = Calls::of(&payload);
    let expected = "datagram:2 flow_sample Sample:record_overrun end_of_sample:";
    assert!(calls.starts_with(expected), "{calls}");
    assert!(calls.contains("Datagram:samples_missing"), "{calls}");
    assert_eq!((tally.samples, tally.records, tally.faults()), (1, 0, 2));
}

#[test]
fn refused_datagram_is_passed_whole() {
    let mut version_3 = datagram(0, 1, &[]);
    version_3[3] = 3;
    assert_eq!(Calls::of(&version_3).0, "refused:version:28");
    let (calls, tally) = Calls::of(&[0; 3]);
    assert_eq!(calls, "refused:datagram_short:3");
    assert_eq!((tally.datagrams, tally.faults()), (1, 1));
}

#[test]
fn walk_counts_what_the_walk_of_the_decoder_tests_counts() {
    for (name, payload) in flowmote_vectors::all() {
        let (calls, tally) = Calls::of(&payload);
        let Ok(expected) = flowmote_vectors::walk(&payload) else {
            assert!(calls.starts_with("refused:"), "{name}: {calls}");
            continue;
        };
        assert_eq!(tally.samples, expected.samples as u64, "{name}");
        assert_eq!(tally.records, expected.records as u64, "{name}");
        assert_eq!(tally.faults(), expected.faults.len() as u64, "{name}");
        let ends = calls.split(' ').filter(|call| call.starts_with("end_of_sample:")).count();
        assert_eq!(ends, expected.samples, "{name}: each sample ends once");
    }
}
