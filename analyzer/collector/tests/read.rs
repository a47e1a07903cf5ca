//! Tests of `read` as a process: which files it takes, and what it refuses.

mod capture;
mod process;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::Command;

use capture::{Temporary, capture, frame, words};
use flate2::Compression;
use flate2::write::GzEncoder;
use flowmote_vectors::named as vector;
use process::{Ended, run};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// A capture of `count` datagrams with sequence numbers from 1.
fn numbered(count: u32) -> Vec<u8> {
    let datagram = |number: u32| {
        let mut payload = vector("goflow2-decode");
        payload[16..20].copy_from_slice(&number.to_be_bytes());
        payload
    };
    capture(&(1..=count).map(datagram).collect::<Vec<_>>())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

/// The sequence numbers that `read --json` found.
fn sequence_numbers(ended: &Ended) -> Vec<u64> {
    let lines = ended.text().lines().map(|line| serde_json::from_str(line).unwrap());
    lines.map(|line: serde_json::Value| line["sequence_number"].as_u64().unwrap()).collect()
}

fn temporary(name: &str, content: &[u8]) -> Temporary {
    let file = Temporary::new(name);
    fs::write(&file.0, content).unwrap();
    file
}

#[test]
fn several_files_are_read_in_the_order_given() {
    let (first, second) = (temporary("first", &numbered(2)), temporary("second", &numbered(3)));
    let read = run(&["read", second.path(), "-", first.path(), "--json"], &numbered(1));
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    assert_eq!(sequence_numbers(&read), [1, 2, 3, 1, 1, 2]);
    assert!(read.stderr.starts_with("6 packets, of which 0 are not sFlow\n"), "{}", read.stderr);
}

#[test]
fn files_that_fail_do_not_keep_the_others_from_being_read() {
    let mut cut = numbered(2);
    cut.pop();
    let (cut, text) = (temporary("cut-first", &cut), temporary("text", b"no capture here, ever"));
    let whole = temporary("whole", &numbered(3));
    let files = ["read", "/nonexistent", cut.path(), text.path(), whole.path(), "--json"];
    let read = run(&files, b"");
    assert_eq!(read.code, Some(1));
    assert_eq!(sequence_numbers(&read), [1, 1, 2, 3]);
    for expected in [
        "flowmote-analyzer: cannot read /nonexistent: No such file".to_owned(),
        format!("flowmote-analyzer: {}: the file ends within the packet", cut.path()),
        format!("flowmote-analyzer: {}: not a capture file", text.path()),
        "4 packets, of which 0 are not sFlow\n4 datagrams".to_owned(),
    ] {
        assert!(read.stderr.contains(&expected), "{expected}: {}", read.stderr);
    }
}

#[test]
fn compressed_captures_are_read() {
    // Larger than a block of zstd, and than any buffer.
    let file = numbered(2000);
    let (half, other) = file.split_at(file.len() / 2);
    // To be skipped, without and with content.
    let skipped = [0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
    let frames = [&skipped[..], &zstd(half), &skipped, &zstd(other), &skipped].concat();
    let members = [gzip(half), gzip(other)].concat();
    for (what, input) in [("gzip", gzip(&file)), ("members", members), ("frames", frames)] {
        let read = run(&["read", "-", "--json"], &input);
        assert_eq!(read.code, Some(0), "{what}: {}", read.stderr);
        assert_eq!(sequence_numbers(&read), (1..=2000).collect::<Vec<_>>(), "{what}");
    }
}

#[test]
fn compressed_capture_that_is_cut_keeps_what_it_had() {
    let file = numbered(2400);
    for (what, whole) in [("gzip", gzip(&file)), ("zstd", zstd(&file))] {
        let read = run(&["read", "-", "--json"], &whole[..whole.len() * 3 / 4]);
        assert_eq!(read.code, Some(1), "{what}");
        let expected = "flowmote-analyzer: -: the compressed data ends too early; every packet";
        assert!(read.stderr.contains(expected), "{what}: {}", read.stderr);
        let found = sequence_numbers(&read).len();
        assert!((1200..2400).contains(&found), "{what}: {found}");
        // Cut within the checksum: the capture alone looks complete.
        let read = run(&["read", "-", "--json"], &whole[..whole.len() - 2]);
        assert_eq!(read.code, Some(1), "{what}");
        assert_eq!(sequence_numbers(&read).len(), 2400, "{what}");
    }
    let mut spoilt = zstd(&file);
    let last = spoilt.len() - 1;
    spoilt[last] ^= 1;
    let read = run(&["read", "-", "--json"], &spoilt);
    assert!(read.stderr.contains("-: zstd: wrong checksum"), "{}", read.stderr);
    assert_eq!(read.code, Some(1));
}

#[test]
fn other_compression_and_empty_files_have_their_own_message() {
    let xz = run(&["read", "-"], b"\xfd7zXZ\0\0\x04");
    assert!(xz.stderr.contains("cannot read -: compressed, try xz -dc FILE"), "{}", xz.stderr);
    assert_eq!(xz.code, Some(1));
    for empty in [Vec::new(), gzip(b"")] {
        let read = run(&["read", "-"], &empty);
        assert!(read.stderr.contains("flowmote-analyzer: -: the file is empty"), "{}", read.stderr);
        assert_eq!(read.code, Some(1));
    }
}

#[test]
fn unsupported_link_type_is_named() {
    let mut bluetooth = numbered(2);
    bluetooth[20] = 201;
    let (file, whole) = (temporary("bluetooth", &bluetooth), temporary("ethernet", &numbered(1)));
    let read = run(&["read", file.path(), whole.path(), "--json"], b"");
    assert_eq!(read.code, Some(1));
    let expected = format!("flowmote-analyzer: {}: link type 201 is not supported", file.path());
    assert_eq!(read.stderr.matches(&expected).count(), 1, "{}", read.stderr);
    let expected = "3 packets, of which 0 are not sFlow, 2 packets of links that cannot be read\n";
    assert!(read.stderr.contains(expected), "{}", read.stderr);
    assert_eq!(sequence_numbers(&read), [1]);
}

/// Appends the fragments of a datagram to a capture.
fn add_fragments(file: &mut Vec<u8>, payload: &[u8], id: u8, seconds: u32, keep: &[usize]) {
    let whole = frame(payload);
    let (head, content) = whole.split_at(34);
    let pieces: Vec<&[u8]> = content.chunks(512).collect();
    for index in keep {
        let piece = pieces[*index];
        let more = if index + 1 < pieces.len() { 0x20 } else { 0 };
        let mut fragment = head.to_vec();
        fragment[16..18].copy_from_slice(&(20 + piece.len() as u16).to_be_bytes());
        fragment[19] = id;
        (fragment[20], fragment[21]) = (more, (index * 64) as u8);
        fragment.extend(piece);
        let length = fragment.len() as u32;
        file.extend(words(&[seconds, 0, length, length]));
        file.extend(fragment);
    }
}

#[test]
fn fragmented_datagrams_are_put_together() {
    let eight = vector("flowparser-real-large-datagram-eight-samples");
    let mut file = numbered(1);
    // In another order, in two files; the second of three fragments missing; overlapping.
    add_fragments(&mut file, &eight, 1, 1000, &[2, 0]);
    let mut second = capture(&[]);
    add_fragments(&mut second, &eight, 2, 1001, &[0, 2]);
    add_fragments(&mut second, &eight, 1, 1002, &[1]);
    add_fragments(&mut second, &eight, 3, 1003, &[0]);
    add_fragments(&mut second, &eight, 3, 1003, &[1, 2]);
    let last = second.len() - 1;
    second[last] ^= 0xff;
    add_fragments(&mut second, &eight, 3, 1003, &[2]);
    let file = temporary("fragments", &file);
    let read = run(&["read", file.path(), "-", "--json"], &second);
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    let lines: Vec<serde_json::Value> =
        read.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| {
            let samples = line["samples"].as_array().unwrap().len();
            (line["received"].as_f64().unwrap() as u64, line["length"].as_u64().unwrap(), samples)
        })
        .collect();
    // The incomplete one is written at the end, up to its gap, with the time of its first fragment.
    assert_eq!(shown[1..], [(1002, 1356, 8), (1003, 1356, 8), (1001, 504, 3)]);
    assert_eq!(lines[1]["from"], "192.0.2.7:12345");
    assert_eq!(lines[1]["malformed"], serde_json::json!([]));
    let expected = "10 packets, of which 0 are not sFlow, 9 IP fragments, 2 packets put together \
        from them, 2 packets of which fragments are missing, 1 datagrams truncated";
    assert!(read.stderr.starts_with(expected), "{}", read.stderr);
}

#[test]
fn input_is_never_the_output() {
    let file = numbered(3);
    let input = temporary("input", &file);
    let link = Temporary::new("hard-link");
    fs::hard_link(&input.0, &link.0).unwrap();
    let symbolic = Temporary::new("symbolic-link");
    std::os::unix::fs::symlink(&input.0, &symbolic.0).unwrap();
    for output in [&input, &link, &symbolic] {
        let command = ["read", input.path(), "--format", "pcap", "--output", output.path()];
        let read = run(&command, b"");
        assert_eq!(read.code, Some(1));
        let expected = format!("flowmote-analyzer: {} is the output, too\n", input.path());
        assert_eq!(read.stderr, expected);
        assert_eq!(fs::read(&input.0).unwrap(), file);
    }
    // Redirections of the shell: `read input >> input`, `read - < input >> input`.
    for argument in [input.path(), "-"] {
        let read = Command::new(env!("CARGO_BIN_EXE_flowmote-analyzer"))
            .args(["read", argument, "--format", "pcap"])
            .stdin(fs::File::open(&input.0).unwrap())
            .stdout(OpenOptions::new().append(true).open(&input.0).unwrap())
            .output()
            .unwrap();
        assert_eq!(read.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&read.stderr).contains("is the output, too"));
        assert_eq!(fs::read(&input.0).unwrap(), file);
    }
    // A device is not destroyed.
    let read = run(&["read", "/dev/null", "--output", "/dev/null"], b"");
    assert!(read.stderr.contains("/dev/null: the file is empty"), "{}", read.stderr);
}
