//! Wireshark's dissector and the decoder agree on every vector, field by field.
//!
//! Every field of tshark's sFlow dissector is either compared ([`names::FIELDS`]) or listed with
//! the reason why not ([`faults::NOT_COMPARED`]). Known faults of tshark are listed with their
//! vectors, fields and reason. Any other difference fails.

mod decoder;
mod faults;
mod names;
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use flowmote_lab::skip;
use serde_json::Value;

/// The fields of one datagram: the values of each in the order of the datagram.
type Fields = BTreeMap<String, Vec<String>>;

#[test]
fn tshark_and_the_decoder_agree_field_by_field() {
    let Some(known) = fields_of_tshark() else { return };
    let vectors = flowmote_vectors::all();
    let theirs = dissect(&vectors, &known);
    assert_eq!(theirs.len(), vectors.len(), "datagrams dissected by tshark");
    let (mut differences, mut compared, mut faulty) = (Vec::new(), 0, 0);
    for ((name, payload), theirs) in vectors.iter().zip(&theirs) {
        // The decoder rejects some datagrams as a whole.
        let Some(ours) = decoder::fields(payload) else { continue };
        for field in known.iter().filter(|field| names::is_compared(field)) {
            let values = |fields: &Fields| fields.get(field).cloned().unwrap_or_default();
            let (ours, theirs) = (values(&ours), values(theirs));
            if agree(field, &ours, &theirs) {
                compared += ours.len();
            } else if faults::is_known(name, field) {
                faulty += 1;
            } else {
                differences.push(format!("{name}: {field}: ours {ours:?}, tshark's {theirs:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(compared > MIN_VALUES, "only {compared} values were compared");
    println!(
        "{} datagrams, {compared} values, {faulty} fields affected by faults of tshark",
        vectors.len()
    );
}

/// Compares values. tshark shows the padding of a sampled header as part of it.
fn agree(field: &str, ours: &[String], theirs: &[String]) -> bool {
    if field != "sflow_245.header" {
        return ours == theirs;
    }
    let padded = |ours: &str| ours.len().next_multiple_of(8);
    let same = |(ours, theirs): (&String, &String)| {
        theirs.starts_with(ours.as_str()) && theirs.len() == padded(ours)
    };
    ours.len() == theirs.len() && ours.iter().zip(theirs).all(same)
}

#[test]
fn every_field_of_tshark_is_compared_or_listed() {
    let Some(known) = fields_of_tshark() else { return };
    let listed = |field: &&String| {
        names::is_compared(field) || faults::NOT_COMPARED.iter().any(|(name, _)| name == field)
    };
    let unlisted: Vec<_> = known.iter().filter(|field| !listed(field)).collect();
    assert!(unlisted.is_empty(), "fields of tshark neither compared nor listed: {unlisted:?}");
}

#[test]
fn every_field_compared_is_in_a_vector() {
    let mut seen = BTreeSet::new();
    for (_, payload) in flowmote_vectors::all() {
        seen.extend(decoder::fields(&payload).into_iter().flatten().map(|(field, _)| field));
    }
    let unseen: Vec<_> = names::all().filter(|field| !seen.contains(*field)).collect();
    assert!(unseen.is_empty(), "fields in no vector: {unseen:?}");
}

/// Names of the fields of tshark's sFlow dissector; without tshark the test is skipped.
fn fields_of_tshark() -> Option<Vec<String>> {
    let output = match Command::new("tshark").args(["-G", "fields"]).output() {
        Ok(output) => output,
        Err(error) => {
            skip(&format!("tshark: {error}"));
            return None;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split('\t').nth(2));
    Some(names.filter(|name| name.starts_with("sflow_")).map(String::from).collect())
}

/// The datagrams as dissected by tshark.
fn dissect(vectors: &[(String, Vec<u8>)], fields: &[String]) -> Vec<Fields> {
    let file = tempfile::Builder::new().suffix(".pcap").tempfile().expect("a temporary file");
    std::fs::write(file.path(), vectors::pcap(vectors)).expect("writing a pcap file");
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file.path());
    command.args(["-n", "-d", "udp.port==6343,sflow", "-T", "json"]);
    for field in fields {
        command.args(["-e", field]);
    }
    let output = command.output().expect("running tshark");
    assert!(output.status.success(), "tshark: {}", String::from_utf8_lossy(&output.stderr));
    let packets: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON of tshark");
    packets.iter().map(|packet| layers(&packet["_source"]["layers"])).collect()
}

fn layers(packet: &Value) -> Fields {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let values = |value: &Value| value.as_array().into_iter().flatten().map(text).collect();
    let Some(layers) = packet.as_object() else { return Fields::new() };
    layers.iter().map(|(name, value)| (name.clone(), values(value))).collect()
}

/// Fewer compared values indicate that the test or the parsing of tshark's output is broken.
const MIN_VALUES: usize = 6_500;
