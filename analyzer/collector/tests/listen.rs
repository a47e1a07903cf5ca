//! Tests of `listen` and `top` as processes: signals, senders, addresses.

mod process;

use core::time::Duration;
use std::fs;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use flowmote_vectors::named as vector;
use nix::sys::signal::Signal;
use process::{Listening, run};

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("flowmote-analyzer-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Waits until `path` has `length` bytes.
fn wait_for_length(path: &str, length: u64) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::metadata(path).map_or(0, |file| file.len()) != length {
        assert!(Instant::now() < deadline, "{path} has not {length} bytes");
        thread::yield_now();
    }
}

/// The length of the CSV line of `goflow2-decode`.
fn line() -> u64 {
    let listening = Listening::start(&["listen", "127.0.0.1:0", "--format", "csv", "--count", "1"]);
    listening.send(&vector("goflow2-decode"));
    listening.end().stdout.len() as u64
}

#[test]
fn hangup_opens_the_output_again() {
    let (folder, line) = (Folder::new("rotate"), line());
    let (file, rotated) = (folder.file("out"), folder.file("out.1"));
    fs::write(&file, "overwritten at the start").unwrap();
    let listening =
        Listening::start(&["listen", "127.0.0.1:0", "--format", "csv", "--output", &file]);
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&file, line);
    fs::rename(&file, &rotated).unwrap();
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&rotated, 2 * line);
    listening.signal(Signal::SIGHUP);
    wait_for_length(&file, 0);
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&file, line);
    // Without a new file, the output is appended.
    listening.signal(Signal::SIGHUP);
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&file, 2 * line);
    // Truncated in place, as `copytruncate` of logrotate does.
    fs::write(&file, "").unwrap();
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&file, line);
    assert!(fs::read(&file).unwrap().starts_with(b"FLOW,"));
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn each_pcap_file_has_a_header() {
    let folder = Folder::new("pcap");
    let (file, rotated) = (folder.file("out"), folder.file("out.1"));
    let listening =
        Listening::start(&["listen", "127.0.0.1:0", "--format", "pcap", "--output", &file]);
    wait_for_length(&file, 24);
    listening.signal(Signal::SIGHUP);
    listening.send(&vector("goflow2-decode"));
    let length = 24 + 16 + 78;
    wait_for_length(&file, length);
    fs::rename(&file, &rotated).unwrap();
    listening.signal(Signal::SIGHUP);
    wait_for_length(&file, 24);
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&file, length);
    assert_eq!(fs::read(&file).unwrap()[..24], fs::read(&rotated).unwrap()[..24]);
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn output_that_cannot_be_opened_again_is_kept() {
    let folder = Folder::new("kept");
    let inner = folder.file("inner");
    fs::create_dir(&inner).unwrap();
    let file = format!("{inner}/out");
    let mut listening =
        Listening::start(&["listen", "127.0.0.1:0", "--format", "csv", "--output", &file]);
    let moved = folder.file("moved");
    fs::rename(&inner, &moved).unwrap();
    listening.signal(Signal::SIGHUP);
    let error = listening.stderr_line();
    assert!(error.contains(&format!("cannot write {file}: No such file")), "{error}");
    listening.send(&vector("goflow2-decode"));
    wait_for_length(&format!("{moved}/out"), line());
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn hangup_does_not_end_a_pipe() {
    let mut listening = Listening::start(&["listen", "127.0.0.1:0", "--format", "csv"]);
    listening.signal(Signal::SIGHUP);
    listening.send(&vector("goflow2-decode"));
    assert_eq!(listening.read(5), b"FLOW,");
    listening.signal(Signal::SIGINT);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn second_signal_loses_nothing_that_can_be_written() {
    let folder = Folder::new("signals");
    for round in 0..10 {
        let file = folder.file(&format!("out{round}"));
        let listening =
            Listening::start(&["listen", "127.0.0.1:0", "--format", "csv", "--output", &file]);
        let sent = 200;
        for _ in 0..sent {
            listening.send(&vector("goflow2-decode"));
        }
        listening.signal(Signal::SIGTERM);
        listening.signal(Signal::SIGINT);
        // The process may have ended.
        let _ = nix::sys::signal::kill(listening.pid(), Signal::SIGTERM);
        let ended = listening.end();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("{sent} datagrams (")), "{}", ended.stderr);
        assert_eq!(fs::read(&file).unwrap().iter().filter(|byte| **byte == b'\n').count(), sent);
    }
}

#[test]
fn second_signal_waits_for_a_slow_reader() {
    let mut listening = Listening::start(&["listen", "127.0.0.1:0", "--json"]);
    for _ in 0..200 {
        listening.send(&vector("goflow2-expandeddecode"));
    }
    // More output than a pipe holds: the writer waits for the reader.
    let mut output = listening.read(1);
    listening.signal(Signal::SIGTERM);
    listening.signal(Signal::SIGINT);
    output.extend(listening.read(60_000));
    let ended = listening.end();
    output.extend(ended.stdout);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(output.iter().filter(|byte| **byte == b'\n').count(), 200);
}

#[test]
fn user_signal_prints_the_counts() {
    for command in ["listen", "top"] {
        let mut listening = Listening::start(&[command, "127.0.0.1:0"]);
        listening.send(&vector("goflow2-decode"));
        listening.signal(Signal::SIGUSR1);
        let mut line = listening.stderr_line();
        while !line.contains("1 datagrams (172 bytes)") {
            assert!(!line.is_empty(), "{command}");
            if line.contains(" 0 datagrams") {
                listening.signal(Signal::SIGUSR1);
            }
            line = listening.stderr_line();
        }
        listening.signal(Signal::SIGTERM);
        assert_eq!(listening.end().code, Some(0));
    }
}

#[test]
fn senders_outside_of_the_list_are_refused() {
    for command in ["listen", "top", "forward"] {
        let mut arguments = vec![command, "--allow", "192.0.2.0/24,127.0.0.2", "--allow", "::1"];
        match command {
            "forward" => arguments.extend(["--listen", "127.0.0.1:0", "127.0.0.1:9"]),
            _ => arguments.push("127.0.0.1:0"),
        }
        let listening = Listening::start(&arguments);
        listening.send(&vector("goflow2-decode"));
        let allowed = UdpSocket::bind("127.0.0.2:0").unwrap();
        allowed.send_to(&vector("goflow2-decode"), listening.address).unwrap();
        listening.send(b"x");
        listening.signal(Signal::SIGTERM);
        let ended = listening.end();
        assert!(ended.stderr.contains("1 datagrams (172 bytes)"), "{command}: {}", ended.stderr);
        assert!(ended.stderr.contains("kernel, 2 refused by --allow\n"), "{}", ended.stderr);
    }
    let wrong = run(&["listen", "--allow", "192.0.2.0/33"], b"");
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("expected 192.0.2.0/24"), "{}", wrong.stderr);
}

#[test]
fn sender_of_another_protocol_is_named_immediately_and_once() {
    for command in ["listen", "top"] {
        let mut listening = Listening::start(&[command, "127.0.0.1:0"]);
        let mut foreign = [0; 72];
        foreign[..4].copy_from_slice(&[0, 9, 0, 1]);
        listening.send(&foreign);
        let line = listening.stderr_line();
        assert!(line.contains("analyzer: 127.0.0.1 sends NetFlow v9, not sFlow"), "{line}");
        listening.send(&foreign);
        listening.signal(Signal::SIGTERM);
        let ended = listening.end();
        assert!(!ended.stderr.contains(" sends "), "{}", ended.stderr);
        assert!(ended.stderr.contains("2 datagrams (144 bytes)"), "{}", ended.stderr);
    }
}

#[test]
fn names_and_groups_that_do_not_exist_are_named() {
    for (address, expected) in [
        ("collector.invalid", "cannot resolve collector.invalid: "),
        ("239.1.2.3%nosuch0", "there is no interface nosuch0"),
        ("ff02::7%nosuch0", "there is no interface nosuch0"),
    ] {
        let failed = run(&["listen", address], b"");
        assert_eq!(failed.code, Some(1), "{address}");
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    }
    let listening = Listening::start(&["listen", "localhost:0", "--count", "1"]);
    assert!(listening.address.ip().is_loopback());
    listening.signal(Signal::SIGTERM);
    assert_eq!(listening.end().code, Some(0));
}

#[test]
fn senders_with_the_same_agent_are_named() {
    for command in ["listen", "top"] {
        let listening = Listening::start(&[command, "127.0.0.1:0"]);
        let senders = ["127.0.0.1:0", "127.0.0.2:0"].map(|from| UdpSocket::bind(from).unwrap());
        let mut payload = vector("goflow2-decode");
        for number in 0..5 {
            for (at, sender) in senders.iter().enumerate() {
                payload[18..20].copy_from_slice(&[100 * at as u8, number]);
                sender.send_to(&payload, listening.address).unwrap();
            }
        }
        listening.signal(Signal::SIGTERM);
        let ended = listening.end();
        let expected = ", 0 datagrams lost, 0 faults\n  2 senders use agent 172.16.0.17 sub-agent 1: \
            127.0.0.1, 127.0.0.2\n";
        assert!(ended.stderr.contains(expected), "{command}: {}", ended.stderr);
        let shown = ended.text().contains("2 senders use agent 172.16.0.17 sub-agent 1");
        assert_eq!(shown, command == "top");
    }
}
