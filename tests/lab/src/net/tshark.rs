//! The second opinion: Wireshark's sFlow dissector, which shares no code with ours.

use std::io::Write;
use std::process::Command;

use flowmote_decoder::{Address, Datagram, Sample};

use super::Capture;
use crate::skipped::skip_part;

/// Checks that tshark finds the same samples in the datagrams, and nothing malformed.
///
/// # Panics
/// If tshark disagrees.
pub(super) fn check(capture: &Capture) {
    let mut file = tempfile::Builder::new().suffix(".pcap").tempfile().expect("a temporary file");
    file.write_all(&pcap(capture)).expect("writing a pcap file");
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file.path()).args(["-n", "-d", "udp.port==6343,sflow", "-T", "fields"]);
    command.args(["-E", "separator=|", "-E", "aggregator=,"]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return skip_part(&format!("tshark: {error}")),
    };
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tshark: {error}");
    let rows = String::from_utf8(output.stdout).expect("tshark writes ASCII here");
    let rows: Vec<Row<'_>> = rows.lines().map(Row::read).collect();
    assert_eq!(rows.len(), capture.received().len(), "datagrams of tshark; {error}");
    for (at, (row, datagram)) in rows.iter().zip(capture.datagrams()).enumerate() {
        assert!(!row.malformed, "tshark: datagram {at} is malformed: {row:?}");
        assert_eq!(row.sequence_number, datagram.sequence_number, "datagram {at}");
        let shown = datagram.samples().flatten().filter(|sample| !is_hidden(sample));
        let samples: Vec<u32> = shown.map(|sample| sample.data_format().format()).collect();
        assert_eq!(row.sample_types, samples, "datagram {at}");
        let shown = datagram.samples().flatten().filter(|sample| !is_hidden(sample));
        let lengths: Vec<u32> = shown.filter_map(frame_length).collect();
        assert_eq!(row.frame_lengths, lengths, "datagram {at}");
    }
}

/// A datagram as dissected by tshark, in the order of [`FIELDS`].
#[derive(Debug)]
struct Row<'a> {
    sequence_number: u32,
    sample_types: Vec<u32>,
    frame_lengths: Vec<u32>,
    malformed: bool,
    _text: &'a str,
}

impl<'a> Row<'a> {
    fn read(text: &'a str) -> Self {
        let mut fields = text.split('|');
        let mut numbers = || -> Vec<u32> {
            let field = fields.next().unwrap_or_default();
            let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("tshark: {text}"));
            field.split(',').filter(|word| !word.is_empty()).map(number).collect()
        };
        let (sequence_numbers, sample_types, frame_lengths) = (numbers(), numbers(), numbers());
        let [sequence_number] = sequence_numbers[..] else { panic!("tshark: {text}") };
        // Other expert groups concern the sampled packets, such as missing TCP segments between them.
        let malformed = numbers().contains(&PI_MALFORMED);
        Self { sequence_number, sample_types, frame_lengths, malformed, _text: text }
    }
}

fn frame_length(sample: Sample<'_>) -> Option<u32> {
    let Sample::Flow(flow) = sample else { return None };
    Some(super::sampled_header(&flow).frame_length)
}

/// Returns true for samples that are hidden from tshark: tshark 4.0 does not implement the records of
/// hosts, applications and metrics, and misreads the rest of a datagram after an unknown counter record.
fn is_hidden(sample: &Sample<'_>) -> bool {
    match sample {
        Sample::Flow(flow) => flow.source_id.class != 0,
        Sample::Counters(counters) => counters.source_id.class != 0,
        other => matches!(other, Sample::RtMetric(_) | Sample::RtFlow(_)),
    }
}

/// A datagram without the samples that tshark cannot read.
fn readable(payload: &[u8]) -> Vec<u8> {
    let datagram = Datagram::parse(payload).expect("an sFlow datagram");
    let (mut kept, mut count) = (Vec::<u8>::new(), 0);
    let head = if matches!(datagram.agent_address, Address::V6(_)) { 40 } else { 28 };
    let mut rest = &payload[head..];
    for sample in datagram.samples().flatten() {
        let length = u32::from_be_bytes(rest[4..8].try_into().expect("4 bytes")) as usize;
        let (this, others) = rest.split_at((8 + length).min(rest.len()));
        rest = others;
        if !is_hidden(&sample) {
            kept.extend(this);
            count += 1;
        }
    }
    let unread = datagram.num_samples - datagram.samples().flatten().count() as u32;
    let mut datagram = payload[..head - 4].to_vec();
    datagram.extend(u32::to_be_bytes(count + unread));
    datagram.extend(kept);
    datagram.extend(rest);
    datagram
}

/// A pcap file (draft-ietf-opsawg-pcap) of IPv4 packets without link layer.
fn pcap(capture: &Capture) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic with nanoseconds, version 2.4, zone, accuracy, snapshot length, link type.
    for word in [0xa1b2_3c4d, 0x0002_0004, 0, 0, 0x0004_0000, LINKTYPE_IPV4] {
        file.extend(u32::to_be_bytes(word));
    }
    for received in capture.received() {
        let payload = readable(&received.payload);
        let length = (IPV4_UDP + payload.len()) as u32;
        let (seconds, nanos) = (received.at_ns / 1_000_000_000, received.at_ns % 1_000_000_000);
        for word in [seconds as u32, nanos as u32, length, length] {
            file.extend(word.to_be_bytes());
        }
        file.extend(ipv4_udp(payload.len() as u16));
        file.extend(&payload);
    }
    file
}

/// Headers from 192.0.2.1 to 192.0.2.2, port 6343, without checksums.
fn ipv4_udp(payload: u16) -> Vec<u8> {
    let ([udp_0, udp_1], [ip_0, ip_1]) =
        ((payload + 8).to_be_bytes(), (payload + 28).to_be_bytes());
    let ip = [0x45, 0, ip_0, ip_1, 0, 0, 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
    let udp = [0x18, 0xc7, 0x18, 0xc7, udp_0, udp_1, 0, 0];
    [&ip[..], &udp].concat()
}

const FIELDS: [&str; 4] = [
    "sflow_245.sequence_number",
    "sflow_245.sampletype",
    "sflow_245.header.frame_length",
    "_ws.expert.group",
];
/// The expert group of malformed packets (epan/proto.h).
const PI_MALFORMED: u32 = 7 << 24;
const LINKTYPE_IPV4: u32 = 228;
const IPV4_UDP: usize = 28;

#[cfg(test)]
mod tests {
    use super::super::Received;
    use super::*;

    /// A compact flow sample with a UDP packet of 46 bytes, and the counters of an interface.
    fn capture(frame_length: u32, header: &[u8]) -> Capture {
        let mut words = vec![5, 1, 0xc612_0101, 0, 9, 1000, 1];
        let padded = header.len().next_multiple_of(4) as u32;
        words.extend([1, 32 + 8 + 16 + padded, 7, 3, 1, 7, 0, 3, 0x3fff_ffff, 1]);
        words.extend([1, 16 + padded, 1, frame_length, 4, header.len() as u32]);
        let mut payload: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        payload.extend(header);
        payload.resize(payload.len().next_multiple_of(4), 0);
        let mut capture = Capture::default();
        capture.push(Received { at_ns: 1_700_000_000_123_456_789, payload });
        capture
    }

    const FRAME: [u8; 46] = [
        2, 0, 0, 0, 1, 2, 2, 0, 0, 0, 1, 1, 8, 0, // Ethernet
        0x45, 0, 0, 32, 0, 0, 0x40, 0, 64, 17, 0xae, 0xa5, 198, 18, 1, 1, 198, 18, 1,
        2, // IPv4
        0x80, 0, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4, // UDP
    ];

    #[test]
    fn sound_sample_passes() {
        check(&capture(50, &FRAME));
        check(&capture(1518, &FRAME));
    }

    #[test]
    #[should_panic(expected = "malformed")]
    fn truncated_datagram_is_malformed() {
        let mut capture = capture(50, &FRAME);
        let mut received = capture.received()[0].clone();
        received.payload.truncate(80);
        capture = Capture::default();
        capture.push(received);
        check(&capture);
    }
}
