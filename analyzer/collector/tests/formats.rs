//! Tests of `listen` and `read` as processes: every format, every summary and every error.

mod capture;
mod process;

use core::time::Duration;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use capture::{Temporary, capture, frame, words};
use flowmote_decoder::capture::CaptureReader;
use flowmote_vectors::{all as vectors, named as vector};
use nix::sys::signal::Signal;
use process::{Listening, command, run};

/// The output of `sflowtool -l -r` (sflow/sflowtool at f5e9229) for a capture of each vector. Each
/// line is preceded by the name of its vector. Vectors that sflowtool rejects are left out.
const SFLOWTOOL: &str = include_str!("data/sflowtool-l.txt");

/// Lines that differ on purpose: sflowtool leaves the length of a `sampled_ethernet` (2) out.
const OURS: [(&str, &str); 2] = [
    (
        "flow-0-2",
        "FLOW,192.0.2.1,5,6,020000000002,020000000003,0x1000404,0,0,-,-,0,0x00,0,0,0,0x00,\
         16777473,16777473,100",
    ),
    (
        "flowparser-unit-parse-sampled-ethernet",
        "FLOW,10.0.0.1,1,2,aabbccddeeff,112233445566,0x0800,0,0,-,-,0,0x00,0,0,0,0x00,64,64,256",
    ),
];

#[test]
fn csv_has_the_lines_of_sflowtool() {
    let mut compared = 0;
    for (name, payload) in vectors() {
        let theirs = SFLOWTOOL.lines().filter_map(|line| line.split_once(' '));
        let theirs = theirs.filter(|(vector, _)| *vector == name);
        let ours = OURS.iter().copied().filter(|(vector, _)| *vector == name);
        let count = ours.clone().count();
        let expected: Vec<&str> = ours.chain(theirs.skip(count)).map(|(_, line)| line).collect();
        if expected.is_empty() {
            continue;
        }
        let read = run(&["read", "-", "--format", "csv"], &capture(&[payload]));
        let lines = String::from_utf8(read.stdout).unwrap();
        assert_eq!(lines.lines().collect::<Vec<_>>(), expected, "{name}");
        compared += expected.len();
    }
    assert_eq!(compared, 308);
}

/// The frame has 200 bytes, the IP packet in it 182.
#[test]
fn csv_has_the_lengths_of_frame_and_packet_in_every_order_of_records() {
    let macs = [2, 24, 200, 0x0200_0000, 0x0001_0000, 0x0200_0000, 0x0002_0000, 0x0800];
    let ip = [3, 32, 182, 17, 0xc633_6401, 0xcb00_7102, 1000, 2000, 0, 0];
    for records in [[&macs[..], &ip], [&ip, &macs]] {
        let sample = [&[1, 3, 1000, 1000, 0, 1, 2, 2], &records.concat()[..]].concat();
        let head = [5, 1, 0xc000_0201, 0, 1, 1000, 1, 1, 4 * sample.len() as u32];
        let payload = [&head[..], &sample].concat().into_iter().flat_map(u32::to_be_bytes);
        let read = run(&["read", "-", "--format", "csv"], &capture(&[payload.collect()]));
        let line = String::from_utf8(read.stdout).unwrap();
        let expected = "FLOW,192.0.2.1,1,2,020000000001,020000000002,0x0800,0,0,198.51.100.1,\
            203.0.113.2,17,0x00,0,1000,2000,0x00,200,182,1000\n";
        assert_eq!(line, expected);
    }
}

#[test]
fn listen_writes_each_csv_line_immediately() {
    let mut listening = Listening::start(&["listen", "127.0.0.1:0", "--format", "csv"]);
    let expected = "FLOW,172.16.0.17,1194,1043,ffabcdefab64,00ff1234351b,0x0800,32,0,172.16.32.254,\
        172.16.32.241,1,0x00,124,8,0,0x00,82,60,2048\n";
    for _ in 0..3 {
        // No later datagram is needed to flush the line.
        listening.send(&vector("goflow2-decode"));
        assert_eq!(listening.read(expected.len()), expected.as_bytes());
    }
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn pcap_has_headers_and_original_lengths() {
    let mut listening = Listening::start(&["listen", "127.0.0.1:0", "--format", "pcap"]);
    let head = listening.read(24);
    assert_eq!(head[..4], 0xa1b2_c3d4_u32.to_ne_bytes());
    assert_eq!(head[20..], 1_u32.to_ne_bytes());
    listening.send(&vector("goflow2-decode"));
    let packet = listening.read(16 + 78);
    // 82 bytes on the wire, 4 of them stripped: the FCS.
    assert_eq!(packet[8..16], [78_u32.to_ne_bytes(), 78_u32.to_ne_bytes()].concat());
    assert_eq!(packet[16..24], [0x00, 0xff, 0x12, 0x34, 0x35, 0x1b, 0xff, 0xab]);
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.end().code, Some(0));

    let eight = vector("flowparser-real-large-datagram-eight-samples");
    let read = run(&["read", "-", "--format", "pcap"], &capture(&[eight, vector("flow-0-3")]));
    assert!(read.stderr.contains("1 flow samples without a packet that fits"), "{}", read.stderr);
    let mut reader = CaptureReader::new(read.stdout.as_slice()).unwrap();
    let mut packets = 0;
    while let Some(packet) = reader.next_packet().unwrap() {
        packets += 1;
        assert_eq!(packet.link_type, 1);
        assert!(packet.bytes.len() >= 60);
        let since = packet.time.duration_since(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(since, Duration::from_secs(1_700_000_000));
    }
    assert_eq!(packets, 7);
}

#[test]
fn read_returns_the_datagrams_of_a_capture() {
    let payloads: Vec<_> = vectors().into_iter().map(|(_, payload)| payload).collect();
    let read = run(&["read", "-", "--json"], &capture(&payloads));
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    assert!(read.stderr.contains("236 packets, of which 0 are not sFlow"), "{}", read.stderr);
    let lines: Vec<serde_json::Value> = read
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), payloads.len());
    for (at, (line, payload)) in lines.iter().zip(&payloads).enumerate() {
        assert_eq!(line["from"], "192.0.2.7:12345");
        let received = line["received"].as_f64().unwrap();
        assert_eq!(format!("{received:.6}"), format!("1700000000.{at:06}"));
        assert_eq!(line["length"], payload.len());
    }
}

#[test]
fn text_has_date_and_zone() {
    let mut file = capture(&[vector("discarded"), vector("discarded")]);
    // The same time of day, one day later.
    let second = file.len() - 16 - frame(&vector("discarded")).len();
    file[second..second + 4].copy_from_slice(&(1_700_000_000 + 86_400_u32).to_le_bytes());
    let read = run(&["read", "-"], &file);
    for time in ["2023-11-14T22:13:20.000Z from 192.0.2.7:12345", "2023-11-15T22:13:20.000Z from "]
    {
        assert!(read.text().contains(time), "{time}: {}", read.text());
    }
}

#[test]
fn truncated_capture_is_written_up_to_the_cut() {
    let mut file = capture(&[vector("goflow2-decode"), vector("discarded")]);
    file.truncate(file.len() - 1);
    let output = Temporary::new("whole.json");
    let source = Temporary::new("cut.pcap");
    std::fs::write(&source.0, &file).unwrap();
    let read = run(&["read", source.path(), "--json", "--output", output.path()], b"");
    assert_eq!(read.code, Some(1));
    let offset = 24 + 16 + frame(&vector("goflow2-decode")).len();
    let expected = format!(
        "{}: the file ends within the packet or block that begins at byte {offset}",
        source.path()
    );
    assert!(read.stderr.contains(&expected), "{}", read.stderr);
    assert_eq!(std::fs::read_to_string(&output.0).unwrap().lines().count(), 1);
}

#[test]
fn other_packets_and_fragments_are_counted() {
    let sflow = vector("goflow2-decode");
    let mut file = capture(core::slice::from_ref(&sflow));
    for (at, byte) in [(14 + 6, 0x20), (14 + 20 + 3, 0xd0)] {
        let mut frame = frame(&sflow);
        frame[at] = byte;
        file.extend(words(&[0, 0, frame.len() as u32, frame.len() as u32]));
        file.extend(frame);
    }
    // The capture of the last one ends within the first sample.
    let frame = frame(&sflow);
    file.extend(words(&[0, 0, 96, frame.len() as u32]));
    file.extend(&frame[..96]);
    let read = run(&["read", "-", "--format", "csv"], &file);
    // A fragment with others after it has a multiple of 8 bytes; this one has 180.
    let expected = "4 packets, of which 1 are not sFlow, 1 IP fragments, 1 packets discarded because \
        their fragments contradict one another, 1 datagrams truncated by the capture \
        (see tcpdump -s0)\n2 datagrams";
    assert!(read.stderr.contains(expected), "{}", read.stderr);
    assert!(read.stderr.contains("malformed sample_overrun: 1"), "{}", read.stderr);
    assert_eq!(read.code, Some(0));
    let elsewhere = run(&["read", "-", "--port", "6344", "--format", "csv"], &file);
    assert_eq!(elsewhere.stdout, b"");
}

#[test]
fn errors_name_file_and_cause() {
    let no_capture = run(&["read", file!().rsplit('/').next().unwrap()], b"");
    assert_eq!(no_capture.code, Some(1));
    assert!(no_capture.stderr.contains("cannot read formats.rs: No such file"), "{no_capture:?}");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let read = run(&["read", text.to_str().unwrap()], b"");
    assert!(
        read.stderr.contains("Cargo.toml: not a capture file: expected pcap or pcapng"),
        "{read:?}"
    );
    assert_eq!(read.code, Some(1));
    assert!(run(&["read", "/"], b"").stderr.contains("cannot read /: is a directory"));
    for arguments in [
        ["read", "-", "--output", "/nonexistent/out"],
        ["listen", "127.0.0.1:0", "--output", "/nonexistent/out"],
    ] {
        let failed = run(&arguments, &capture(&[]));
        let expected = "flowmote-analyzer: cannot write /nonexistent/out: No such file";
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
        assert_eq!(failed.code, Some(1));
    }
    for bad in [["--json", "--format", "csv"], ["--format", "xml", "--json"]] {
        assert_eq!(run(&[&["read", "-"][..], &bad].concat(), b"").code, Some(2));
    }
}

#[test]
fn full_disk_is_an_error() {
    let device = Path::new("/dev/full");
    if device.metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return;
    }
    let file = capture(&[vector("goflow2-decode")]);
    let failed = run(&["read", "-", "--json", "--output", "/dev/full"], &file);
    assert_eq!(failed.code, Some(1));
    assert!(failed.stderr.contains("cannot write /dev/full: No space left"), "{}", failed.stderr);
    for argument in ["--help", "--version"] {
        let full = File::options().write(true).open(device).unwrap();
        let failed = command(&[argument]).stdout(full).output().unwrap();
        assert_eq!(failed.status.code(), Some(1), "{argument}");
        let error = String::from_utf8_lossy(&failed.stderr).into_owned();
        assert!(error.contains("standard output: No space left"), "{error}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = command(&[argument]).stdout(writer).output().unwrap();
        assert_eq!(closed.status.code(), Some(0), "{argument}");
    }
}

#[test]
fn kernel_drops_are_counted() {
    let listening =
        Listening::start(&["listen", "127.0.0.1:0", "--format", "csv", "--output", "/dev/null"]);
    listening.signal(Signal::SIGSTOP);
    while !stopped(listening.pid().as_raw()) {
        std::thread::yield_now();
    }
    let mut datagram = [0xa5; 1400];
    datagram[..28].copy_from_slice(&[0; 28]);
    (datagram[3], datagram[7]) = (5, 1);
    // More than the largest receive buffer holds.
    let sent: u32 = 40_000;
    for number in 0..sent {
        datagram[16..20].copy_from_slice(&number.to_be_bytes());
        listening.send(&datagram);
    }
    listening.signal(Signal::SIGCONT);
    listening.signal(Signal::SIGTERM);
    let ended = listening.end();
    let number = |what: &str| -> u32 {
        let line = ended.stderr.lines().find(|line| line.contains(what)).expect(&ended.stderr);
        line.split_once(what).unwrap().0.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let dropped = number(" dropped by the kernel");
    assert!(dropped > 0);
    assert_eq!(number(" datagrams (") + dropped, sent, "{}", ended.stderr);
}

/// True if SIGSTOP has taken effect.
fn stopped(pid: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    status.rsplit_once(") ").unwrap().1.starts_with('T')
}

#[test]
fn interval_prints_totals_and_new_gaps() {
    let mut listening = Listening::start(&["listen", "127.0.0.1:0", "--json", "--interval", "0.1"]);
    listening.send(&vector("goflow2-decode"));
    let mut line = listening.stderr_line();
    while !line.contains(": 1 datagrams") {
        assert!(line.starts_with("flowmote-analyzer: "), "{line}");
        line = listening.stderr_line();
    }
    let expected = "1 datagrams, 1 samples, 0 datagrams lost, 0 faults, 0 dropped by the kernel\n";
    assert!(line.ends_with(expected), "{line}");
    let mut later = vector("goflow2-decode");
    later[19] += 3;
    listening.send(&later);
    while !line.contains(", 2 datagrams lost") {
        line = listening.stderr_line();
    }
    let expected =
        "  agent 172.16.0.17 sub-agent 1: lost 2, reordered 0, duplicates 0, restarts 0\n";
    assert_eq!(listening.stderr_line(), expected);
    listening.signal(Signal::SIGINT);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn second_signal_ends_a_blocked_listen() {
    let listening = Listening::start(&["listen", "127.0.0.1:0", "--json"]);
    // More output than a pipe holds.
    for _ in 0..200 {
        listening.send(&vector("goflow2-expandeddecode"));
    }
    // Two different signals: the kernel merges equal pending ones.
    listening.signal(Signal::SIGTERM);
    listening.signal(Signal::SIGINT);
    let ended = listening.end_unread();
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("ended before all output was written"), "{}", ended.stderr);
}

#[test]
fn closed_stderr_is_ignored() {
    let mut listening = Listening::start(&["listen", "127.0.0.1:0", "--format", "csv"]);
    listening.close_stderr();
    listening.send(&vector("goflow2-decode"));
    listening.signal(Signal::SIGTERM);
    let ended = listening.end();
    assert!(ended.stdout.starts_with(b"FLOW,172.16.0.17,"));
    assert_eq!(ended.code, Some(0));
}
