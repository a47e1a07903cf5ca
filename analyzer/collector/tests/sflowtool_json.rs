//! Tests of `--format sflowtool-json` as a process: the names, structure and values of `sflowtool -j`.

mod capture;
mod process;

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

use capture::{Temporary, capture};
use flowmote_vectors::{all as vectors, named as vector};
use process::run;
use serde_json::{Map, Value, json};

/// The output of `sflowtool -k -j -r` (sflow/sflowtool at f5e9229) for a capture of each vector,
/// preceded by the name of the vector, without the fields of arrival. Vectors that it refuses, or for
/// which it writes invalid JSON, are left out.
const SFLOWTOOL: &str = include_str!("data/sflowtool-j.txt");

/// The fields of arrival, which depend on the way of the datagram.
const ARRIVAL: [&str; 6] = [
    "datagramSourceIP",
    "unixSecondsUTC",
    "unixSecondsUTC_uS",
    "localtime",
    "pcapTimestamp",
    "pcapTimestamp_uS",
];

/// The object of a datagram.
fn object(payload: &[u8]) -> Value {
    let file = capture(&[payload.to_vec()]);
    let read = run(&["read", "-", "--format", "sflowtool-json"], &file);
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    assert_eq!(read.text().lines().count(), 1);
    serde_json::from_str(read.text()).unwrap()
}

fn without_arrival(mut object: Value) -> Value {
    ARRIVAL.iter().for_each(|name| _ = object.as_object_mut().unwrap().remove(*name));
    object
}

/// Changes in `theirs` what we write otherwise on purpose: the identification of IPv4, which
/// `sflowtool` prints in the byte order of the machine, and a text that it cuts off.
fn corrected(theirs: &mut Value) {
    match theirs {
        Value::Array(items) => items.iter_mut().for_each(corrected),
        Value::Object(fields) => fields.iter_mut().for_each(|(name, value)| {
            if name.ends_with("IPID") {
                let id: u16 = value.as_str().unwrap().parse().unwrap();
                // Of a machine with the lower byte first, on which the lines were taken.
                *value = json!(id.swap_bytes().to_string());
            } else if *value == "2.6.32.43-0.4.1.xs1.6.10.734.17" {
                *value = json!("2.6.32.43-0.4.1.xs1.6.10.734.170");
            } else {
                corrected(value);
            }
        }),
        _ => {}
    }
}

#[test]
fn objects_are_those_of_sflowtool() {
    let theirs: Map<String, Value> = SFLOWTOOL
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, line)| (name.to_owned(), serde_json::from_str(line).unwrap()))
        .collect();
    let mut compared = 0;
    for (name, payload) in vectors() {
        let ours = object(&payload);
        let Some(theirs) = theirs.get(&name) else { continue };
        let mut theirs = theirs.clone();
        corrected(&mut theirs);
        assert_eq!(without_arrival(ours), theirs, "{name}");
        compared += 1;
    }
    assert_eq!(compared, theirs.len());
    assert_eq!(compared, 197);
}

#[test]
fn sflowtool_of_this_machine_agrees() {
    let found = Command::new("sflowtool").arg("-h").stderr(Stdio::null()).output();
    if found.is_err() {
        skip("sflowtool is not installed; only its checked-in output is compared");
        return;
    }
    for (name, payload) in vectors() {
        let file = Temporary::new(&format!("{name}.pcap"));
        std::fs::write(&file.0, capture(core::slice::from_ref(&payload))).unwrap();
        let output =
            Command::new("sflowtool").args(["-k", "-j", "-r", file.path()]).output().unwrap();
        let Ok(mut theirs) = serde_json::from_slice::<Value>(&output.stdout) else { continue };
        if theirs.get("samples").is_none() {
            continue;
        }
        corrected(&mut theirs);
        assert_eq!(without_arrival(object(&payload)), without_arrival(theirs), "{name}");
    }
}

/// Writes a line that the test harness does not capture, and adds it to the list of what was skipped.
fn skip(reason: &str) {
    let line = format!("SKIPPED IN PART sflowtool_json: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("FLOWMOTE_SKIPPED") {
        let mut list = OpenOptions::new().create(true).append(true).open(path).unwrap();
        list.write_all(line.as_bytes()).unwrap();
    }
}

#[test]
fn arrival_is_that_of_the_capture() {
    let shown = object(&vector("goflow2-decode"));
    assert_eq!(shown["datagramSourceIP"], "192.0.2.7");
    assert_eq!(shown["datagramSize"], "172");
    assert_eq!(shown["unixSecondsUTC"], "1700000000");
    assert_eq!(shown["unixSecondsUTC_uS"], "0");
    assert_eq!(shown["localtime"], "2023-11-14T22:13:20+0000");
}

#[test]
fn malformed_datagrams_are_valid_json_up_to_the_fault() {
    // sflowtool ends these objects without closing their lists.
    let segv = object(&vector("tcpdump-print-segv"));
    assert_eq!(segv["samplesInPacket"], "5");
    assert!(!segv["samples"].as_array().unwrap().is_empty());
    let version = object(&vector("flowparser-unit-parse-datagram-bad-version"));
    assert_eq!(version["datagramVersion"], "4");
    assert_eq!(version.get("agentSubId"), None);
    let short = object(&vector("flowparser-unit-parse-truncated-input"));
    assert_eq!((&short["datagramSize"], short.get("datagramVersion")), (&json!("3"), None));
    let tail = object(&vector("extended-record-tail"));
    assert_eq!(tail["samples"][0]["elements"][0]["ifPromiscuousMode"], "16782099");
    let payload = object(&vector("flow-0-1013"));
    let expected = json!({"flowBlock_tag": "0:1013", "cipher_suite": "16777473"});
    assert_eq!(payload["samples"][0]["elements"][0], expected);
}

#[test]
fn text_is_escaped() {
    let mut datagram = vector("ctr-0-1005");
    let at = datagram.windows(3).position(|bytes| bytes == b"s1x").unwrap();
    datagram[at..at + 3].copy_from_slice(b"\"\\\x1b");
    let shown = object(&datagram);
    assert_eq!(shown["samples"][0]["elements"][0]["ifName"], "\"\\\u{1b}");
    // Names of values come from the network, too; here one that ends in a quote.
    let mut names = vector("rtmetric");
    let before = object(&names);
    let keys = before["samples"][0].as_object().unwrap().keys();
    let name = keys.filter_map(|key| key.strip_prefix("rtmetric_counter64_")).next().unwrap();
    let at = names.windows(name.len()).position(|bytes| bytes == name.as_bytes()).unwrap();
    names[at + name.len() - 1] = b'"';
    let shown = object(&names);
    let expected = format!("{}\"", &name[..name.len() - 1]);
    let fields = shown["samples"][0].as_object().unwrap();
    assert!(fields.keys().any(|key| key.ends_with(&expected)), "{fields:?}");
}

/// A datagram with a flow sample of this header.
fn header(protocol: u32, header: &[u8]) -> Vec<u8> {
    let padded = header.len().next_multiple_of(4) as u32;
    let words = [
        [5, 1, 0xc000_0201, 0, 7, 1000, 1].as_slice(),
        &[1, 32 + 8 + 16 + padded, 1, 9, 1000, 5000, 0, 1, 0x4000_0102, 1],
        &[1, 16 + padded, protocol, header.len() as u32 + 4, 4, header.len() as u32],
    ];
    let mut payload: Vec<u8> = words.concat().iter().flat_map(|word| word.to_be_bytes()).collect();
    payload.extend(header);
    payload.resize(payload.len().next_multiple_of(4), 0);
    payload
}

/// Asserts that the element of a header has these fields after its bytes, and no others.
fn assert_header(protocol: u32, bytes: &[u8], expected: &Value) {
    let shown = object(&header(protocol, bytes));
    assert_eq!(shown["samples"][0]["outputPort"], "dropCode 258");
    let mut element = shown["samples"][0]["elements"][0].as_object().unwrap().clone();
    for name in ["flowBlock_tag", "flowSampleType", "headerProtocol", "sampledPacketSize"] {
        assert!(element.remove(name).is_some(), "{name}");
    }
    for name in ["strippedBytes", "headerLen", "headerBytes"] {
        assert!(element.remove(name).is_some(), "{name}");
    }
    assert_eq!(Value::Object(element), *expected);
}

/// Expected fields were compared with the output of `sflowtool`.
#[test]
fn headers_are_read_as_by_sflowtool() {
    let mac = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let udp = [0x03, 0xe8, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4];
    let options = [60, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4, 0, 0, 0, 0];
    let mut ipv6 = vec![0x6a, 0xb1, 0x23, 0x45, 0, 28, 0, 64];
    for last in [1, 2] {
        ipv6.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    ipv6.extend([&options[..], &udp].concat());
    let tags = [0x88, 0xa8, 0x60, 10, 0x81, 0, 0, 20, 0x86, 0xdd];
    assert_header(
        1,
        &[&mac[..], &tags, &ipv6].concat(),
        &json!({
            "dstMAC": "020000000002", "srcMAC": "020000000001",
            "decodedVLAN": "10", "decodedPriority": "3",
            "decodedVLAN.1": "20", "decodedPriority.1": "0", "ethernet_type": "34525",
            "IPSize": "68", "IPTOS": "171", "IP6_label": "0x12345", "IPV6_payloadLen": "28",
            "IPTTL": "64", "srcIP6": "2001:0db8:0000:0000:0000:0000:0000:0001",
            "dstIP6": "2001:0db8:0000:0000:0000:0000:0000:0002",
            "IP6HeaderExtension": "0", "IP6HeaderExtension.1": "60", "IPProtocol": "17",
            "UDPSrcPort": "1000", "UDPDstPort": "53", "UDPBytes": "12",
        }),
    );
    let ipv4 = [
        0x45, 0, 0, 32, 0x12, 0x34, 0x00, 0xb9, 63, 17, 0, 0, 192, 0, 2, 1, 198, 51, 100, 2, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_header(
        11,
        &ipv4,
        &json!({
            "IPSize": "32", "ip.tot_len": "32", "srcIP": "192.0.2.1", "dstIP": "198.51.100.2",
            "IPProtocol": "17", "IPTOS": "0", "IPTTL": "63", "IPID": "4660",
            "IPFragmentOffset": "185",
        }),
    );
    let vendor = [0, 8, 0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 0, 0];
    assert_header(
        1,
        &[&mac[..], &vendor].concat(),
        &json!({"dstMAC": "020000000002", "srcMAC": "020000000001", "VSNAP_OUI": "00-00-0C"}),
    );
    let mut wireless = vec![0x88, 2, 0, 0];
    wireless.extend(1..=18);
    wireless.extend([0; 20]);
    assert_header(
        15,
        &wireless,
        &json!({
            "srcMAC": "0d0e0f101112", "dstMAC": "010203040506",
            "txMAC": "0708090a0b0c", "rxMAC": "010203040506",
        }),
    );
}
