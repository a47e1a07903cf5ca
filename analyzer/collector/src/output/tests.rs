//! All formats and the analyzer count the same samples, records and faults.

use std::time::SystemTime;

use clap::ValueEnum;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::{Arrival, Tally};

use super::{FormatKind, Received};

/// The summary of each sink after these payloads, which contains all counts.
fn summaries(payloads: &[Vec<u8>]) -> Vec<String> {
    let mut summaries: Vec<String> = FormatKind::value_variants()
        .iter()
        .map(|kind| {
            let (mut format, mut tally) = (kind.format(), Tally::default());
            for payload in payloads {
                let time = SystemTime::UNIX_EPOCH;
                format.datagram(&Received { time, from: None, payload }, &mut tally);
                format.buffer().clear();
            }
            tally.to_string()
        })
        .collect();
    let mut analyzer = Analyzer::new(8 << 20);
    payloads.iter().for_each(|payload| analyzer.ingest(&Arrival::default(), payload));
    summaries.push(analyzer.tally().to_string());
    summaries
}

fn assert_equal(payloads: &[Vec<u8>], what: &str) {
    let summaries = summaries(payloads);
    let (first, others) = summaries.split_first().unwrap();
    others.iter().for_each(|other| assert_eq!(other, first, "{what}"));
}

#[test]
fn all_sinks_count_the_same() {
    let payloads: Vec<Vec<u8>> =
        flowmote_vectors::all().into_iter().map(|(_, payload)| payload).collect();
    assert_equal(&payloads, "all vectors");
    let summary = summaries(&payloads).remove(0);
    assert!(summary.contains("malformed") && summary.contains("unknown kind"), "{summary}");
}

#[test]
fn all_sinks_count_the_same_faults_in_damaged_datagrams() {
    for (name, payload) in flowmote_vectors::all() {
        let cuts = (0..payload.len()).step_by(11).map(|length| payload[..length].to_vec());
        assert_equal(&cuts.collect::<Vec<_>>(), &format!("{name} cut short"));
        let flips = (0..payload.len()).step_by(5).map(|at| {
            let mut damaged = payload.clone();
            damaged[at] ^= 0xff;
            damaged
        });
        assert_equal(&flips.collect::<Vec<_>>(), &format!("{name} with damaged bytes"));
    }
}
