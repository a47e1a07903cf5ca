//! The log of a real run against docs/operations.md: every line is one that the page describes.
//! That the page has every line of the source, and no other, is a unit test of the agent.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use flowmote_lab::net::{Agent, Collector, Lab, flood, peer_ip_of};
use flowmote_lab::toolchain::folder;
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;

const CONFIGURATION: &str = "sflow {
  polling = 1
  sampling = 2
  collector { ip = 127.0.0.1 }
  collector { ip = no-such-host.invalid }
  collector { ip = 192.0.2.1 }
  pcap { dev = lan0 }
  pcap { dev = lan1 }
  pcap { dev = lan9 }
  docker { }
}";

#[test]
fn every_line_of_a_run_is_documented() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut agent = Agent::start_with(&lab, &host, CONFIGURATION);
    let index = host.if_index("lan0");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 50, 50);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    host.ip("link set lan1 down\nlink set lan1 name lan7\nlink delete lan0\n");
    agent.program().wait_for_line(0, "no longer sampled");
    let _ = agent.statistics(3);
    lab.file("flowmote.conf", "sflow { smapling = 7 }");
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    let log = agent.stop();
    drop(collector.finish());

    let page = Page::read();
    let mut used = BTreeSet::new();
    let mut unknown = Vec::new();
    for line in log.lines() {
        match page.description_of(line) {
            Some(row) => _ = used.insert(row),
            None => unknown.push(line),
        }
    }
    assert!(unknown.is_empty(), "not in docs/operations.md: {unknown:#?}");
    assert!(used.len() >= 12, "the run logs too little: {used:#?}\n{log}");
}

#[test]
fn unit_has_the_exposure_level_of_the_page() {
    let page = fs::read_to_string(folder("docs/operations.md")).expect("the page");
    assert!(page.contains("an exposure level of 1.8"));
    let unit = folder("platform-linux/dist/flowmote.service");
    let mut analyze = Command::new("systemd-analyze");
    // In tenths. Since systemd 250.
    let analyze = analyze.args(["security", "--offline=true", "--threshold=18", "--no-pager"]);
    match analyze.arg(&unit).output() {
        Ok(output) => {
            let table = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{table}{output:?}");
        }
        Err(error) => skip(&format!("systemd-analyze: {error}")),
    }
}

/// Only the systemd of this machine: it accepts both, and each line changes one of the unit.
#[test]
fn drop_in_for_old_systemd_fits_the_unit() {
    let page = fs::read_to_string(folder("docs/install.md")).expect("the page");
    let (_, rest) = page.split_once("flowmote.service.d/systemd-219.conf").expect("its name");
    let drop_in = rest.split("```").nth(1).expect("a block").trim_start();
    let unit =
        fs::read_to_string(folder("platform-linux/dist/flowmote.service")).expect("the unit");
    for line in drop_in.lines().skip(1) {
        let name = line.split_once('=').expect("a setting").0;
        assert!(unit.contains(&format!("\n{name}=")), "{name}= is not in the unit");
    }
    let place = tempfile::tempdir().expect("a directory");
    let program = flowmote_lab::net::flowmote();
    let unit = unit.replace("/usr/local/sbin/flowmote", program.to_str().expect("a path"));
    fs::write(place.path().join("flowmote.service"), unit).unwrap();
    fs::create_dir(place.path().join("flowmote.service.d")).unwrap();
    fs::write(place.path().join("flowmote.service.d/systemd-219.conf"), drop_in).unwrap();
    let mut analyze = Command::new("systemd-analyze");
    // The colon: and the directories that there are anyway.
    analyze.env("SYSTEMD_UNIT_PATH", format!("{}:", place.path().display()));
    match analyze.args(["verify", "--man=no", "flowmote.service"]).output() {
        Ok(output) => {
            let complaints = String::from_utf8_lossy(&output.stderr);
            let of_unit = complaints.lines().filter(|line| line.contains("flowmote"));
            assert_eq!(of_unit.collect::<Vec<_>>(), [""; 0]);
        }
        Err(error) => skip(&format!("systemd-analyze: {error}")),
    }
}

/// The lines that the page describes.
struct Page {
    /// Code spans in the first column of the tables.
    rows: Vec<String>,
}

impl Page {
    fn read() -> Self {
        let page = fs::read_to_string(folder("docs/operations.md")).expect("the page");
        let (_, page) = page.split_once("## Log lines\n").expect("a section");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
        Self { rows: rows.map(|(row, _)| row.to_owned()).collect() }
    }

    fn description_of(&self, line: &str) -> Option<String> {
        // The first line of a record begins with the time, such as 2026-07-01T08:30:00.125Z.
        let line = match line.split_once("Z ") {
            Some((time, rest)) if time.len() == 23 && time.contains('T') => rest,
            _ => line,
        };
        let line = line.trim_start_matches("warn: ").trim_start_matches("error: ");
        if let Some(counters) = line.strip_prefix("  ").filter(|text| !text.starts_with("also: ")) {
            return self.counters(counters);
        }
        if line.starts_with("statistics after ") || is_diagnostic(line) {
            return Some("prose".to_owned());
        }
        let matches = |row: &&String| fits(row, line.trim_start());
        // What the kernel refused follows the name of the interface.
        let after_name = line.split_once(": ").map_or("", |(_, rest)| rest);
        let found = self.rows.iter().find(matches);
        found.or_else(|| self.rows.iter().find(|row| fits(row, after_name))).cloned()
    }

    /// All counters of a line `SUBJECT: 1 this, 2 that` without their values, if each is in the
    /// table. Values differ from run to run.
    fn counters(&self, line: &str) -> Option<String> {
        let (_, counters) = line.rsplit_once(": ")?;
        let known = |counter| self.rows.iter().any(|row| fits(row, counter));
        let without_values = counters.replace(|c: char| c.is_ascii_digit(), "");
        counters.split(", ").all(known).then_some(without_values)
    }
}

/// Returns true if `line` is `row` with its placeholders, such as `<name>`, filled in.
fn fits(row: &str, line: &str) -> bool {
    let mut fixed = row.split('<').map(|part| part.split_once('>').map_or(part, |(_, end)| end));
    let Some(mut rest) = fixed.next().and_then(|start| line.strip_prefix(start)) else {
        return false;
    };
    for text in fixed {
        if text.is_empty() {
            // A placeholder at the end takes everything.
            return !rest.is_empty();
        }
        let Some(at) = rest.find(text).filter(|at| *at > 0) else { return false };
        rest = &rest[at + text.len()..];
    }
    rest.is_empty()
}

/// Returns true for `FILE:LINE:COLUMN: TEXT`.
fn is_diagnostic(line: &str) -> bool {
    let Some((_, position)) = line.split_once(".conf:") else { return false };
    let mut parts = position.splitn(3, ':');
    let numbers = [parts.next(), parts.next()].into_iter().flatten();
    numbers.filter(|number| number.parse::<u32>().is_ok()).count() == 2
}
