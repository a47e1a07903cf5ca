//! The page in Debian's Chromium, driven by the scripts of `tests/analyzer/page`.

mod network;

use std::path::{Path, PathBuf};
use std::process::Command;

use flowmote_lab::toolchain::target_directory;
use flowmote_lab::{Program, skip};
use serde_json::json;

use crate::client::Server;
use crate::traffic::{AGENT, DST, FRAME_LENGTH, INTERVAL, PORT_NAME, RATE, SAMPLES, SRC, Traffic};
use network::{DISCARDING, DISCARDING_PORT, HOST, HOST_NAME};

/// A script of the page against a server; `None` where Chromium or Playwright is missing.
fn script(name: &str, server: &Server, options: &[&str]) -> Option<Command> {
    let python = python();
    let chromium = Path::new(CHROMIUM).exists();
    if !python.exists() || !chromium {
        skip("Chromium or Playwright is missing: tests/setup");
        return None;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("analyzer/page");
    let mut command = Command::new(python);
    command.arg("-B").arg(folder.join(name)).arg(format!("http://{}", server.http));
    command.args(["--chromium", CHROMIUM]).args(options);
    Some(command)
}

/// The Python of the virtual environment that tests/setup makes.
fn python() -> PathBuf {
    target_directory("").join("playwright/bin/python")
}

/// Runs a script to its end, which must be a success.
fn run(name: &str, server: &Server, options: &[&str]) {
    let Some(mut command) = script(name, server, options) else { return };
    let output = command.output().expect("Python starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn views_have_the_numbers_of_the_api() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, network::small);
    let packets = f64::from(SAMPLES * RATE) / INTERVAL.as_secs_f64();
    let known = json!({
        "bits": packets * f64::from(FRAME_LENGTH) * 8.0,
        "packets": packets,
        "discards": 3.0 / INTERVAL.as_secs_f64(),
        "src": SRC, "dst": DST, "agent": AGENT, "port": PORT_NAME,
        "discarding": DISCARDING, "discardingPort": DISCARDING_PORT.to_string(),
        "host": HOST, "hostName": HOST_NAME,
    });
    run("views.py", &server, &["--known", &known.to_string()]);
}

#[test]
fn history_has_the_values_of_get_metric_data() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, network::small);
    run("history.py", &server, &[]);
}

#[test]
fn form_makes_real_alarms() {
    let server = Server::start(&[]);
    run("alarms.py", &server, &[]);
}

#[test]
fn cost_follows_from_its_own_arithmetic() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, network::small);
    run("cost.py", &server, &[]);
}

#[test]
fn controls_are_reached_by_keys_and_colours_have_contrast() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, network::small);
    run("access.py", &server, &[]);
}

#[test]
fn token_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "correct-horse\n").unwrap();
    let server = Server::start(&["--token-file", file.to_str().unwrap()]);
    run("token_form.py", &server, &["--token", "correct-horse"]);
}

#[test]
fn page_defines_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::with_state(directory.path());
    server.put("/flow/kept/json", "{value:'frames'}");
    let settings = directory.path().join("settings.json");
    let before = std::fs::read_to_string(&settings).unwrap();
    let _traffic = Traffic::of(server.sflow, network::small);
    let Some(command) = script("stay.py", &server, &[]) else { return };
    let browser = Program::start(command);
    browser.wait_for_line(0, "shown");
    let definitions = || server.json("/flow/json").as_object().map_or(0, |flows| flows.len());
    assert_eq!(definitions(), 1);
    // With the script end the browser and its pages, without a word to the server.
    drop(browser);
    assert_eq!((definitions(), std::fs::read_to_string(&settings).unwrap()), (1, before));
}

#[test]
fn thousand_agents_stay_usable() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, |number| network::hosts(1000, number));
    run("many.py", &server, &["--agents", "1000"]);
}

/// Debian's name of the browser.
const CHROMIUM: &str = "/usr/bin/chromium";
