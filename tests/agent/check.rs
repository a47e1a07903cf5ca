//! `flowmote check` describes the effect of a configuration and reports its mistakes;
//! `flowmote run` exits with status 2 for the same mistakes.

use std::path::Path;

use flowmote_lab::net::{Lab, Namespace, flowmote};

/// Result of a run of `flowmote`.
struct Outcome {
    status: i32,
    output: String,
    errors: String,
}

fn run_flowmote(namespace: &Namespace, arguments: &str) -> Outcome {
    let mut command = namespace.command(flowmote());
    let output = command.args(arguments.split_whitespace()).output().expect("flowmote");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Outcome {
        status: output.status.code().expect("an exit status"),
        output: text(output.stdout),
        errors: text(output.stderr),
    }
}

fn check(namespace: &Namespace, file: &Path) -> Outcome {
    run_flowmote(namespace, &format!("check --config {}", file.display()))
}

fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    Some((lab, host, peer))
}

#[test]
fn check_describes_a_valid_configuration() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file = lab.file(
        "flowmote.conf",
        "sflow {
           polling = 20
           sampling.10G = 4000
           collector { ip = 127.0.0.1 }
           collector { ip = localhost udpport = 7000 }
           pcap { dev = lan0 sampling = 50 }
           pcap { dev = lan1 }
         }",
    );
    let outcome = check(&host, &file);
    assert_eq!(outcome.status, 0, "{}{}", outcome.output, outcome.errors);
    let has = |words: &[&str]| {
        let found = outcome.output.lines().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "no line with {words:?} in\n{}", outcome.output);
    };
    has(&["agent address", "198.18.1.1", "lan0"]);
    has(&["lan0", "1 in 50", "sampling = 50 in the block on line 6"]);
    has(&["lan1", "1 in 4000", "sampling.10G"]);
    has(&["filter"]);
    has(&["counters", "every 20 s", "lan0", "lan1"]);
    has(&["collector", "127.0.0.1"]);
    has(&["collector", "localhost", "7000", ": "]);
}

#[test]
fn missing_device_is_an_error_that_lists_existing_ones() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file = lab.file(
        "flowmote.conf",
        "sflow { collector { ip = 127.0.0.1 } pcap { dev = lan0 } pcap { dev = wan9 } }",
    );
    let outcome = check(&host, &file);
    assert_eq!(outcome.status, 2);
    let line =
        outcome.errors.lines().find(|line| line.contains("wan9")).expect("an error about wan9");
    assert!(line.starts_with("error: "), "{line}");
    assert!(["lo", "lan0", "lan1"].iter().all(|name| line.contains(name)), "{line}");
    assert!(outcome.output.contains("lan0: 1 in"), "the rest is described too: {}", outcome.output);
}

#[test]
fn unresolvable_collector_is_an_error() {
    let Some((_lab, host, _peer)) = lab() else { return };
    let outcome = run_flowmote(&host, "check -i lan0 -o collector.invalid");
    assert_eq!(outcome.status, 2);
    assert!(outcome.errors.contains("collector.invalid"), "{}", outcome.errors);
}

#[test]
fn check_and_run_report_mistakes_with_line_and_column() {
    let Some((lab, host, _peer)) = lab() else { return };
    let good = "collector { ip = 127.0.0.1 }";
    for (text, place, words) in [
        (format!("sflow {{\n  smapling = 10\n{good} }}"), ":2:3: error: ", "\"sampling\""),
        (format!("sflow {{\n  polling = 999\n{good} }}"), ":2:13: error: ", "0..=300"),
        (format!("sflow {{\n  headerBytes = 13\n{good} }}"), ":2:17: error: ", "14..=256"),
        (format!("sflow {{\n  polling = 25abc\n{good} }}"), ":2:13: error: ", "25abc"),
        (format!("sflow {{\n  agent.cidr = ::1/100000\n{good} }}"), ":2:16: error: ", "100000"),
        ("sflow {\n  collector { ip = 300.1.2.3 } }".into(), ":2:20: error: ", "300.1.2.3"),
        ("sflow {\n  polling = 20 }".into(), ":1:1: error: ", "collector"),
    ] {
        let file = lab.file("flowmote.conf", &text);
        for command in ["check", "run"] {
            let outcome = run_flowmote(&host, &format!("{command} --config {}", file.display()));
            assert_eq!(outcome.status, 2, "{command}: {text}\n{}", outcome.errors);
            let reported =
                outcome.errors.lines().any(|line| line.contains(place) && line.contains(words));
            assert!(reported, "{command}: no {place}…{words} for\n{text}\n{}", outcome.errors);
        }
    }
}

#[test]
fn unsupported_block_is_a_warning() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file = lab.file(
        "flowmote.conf",
        "sflow {\n  collector { ip = 127.0.0.1 }\n  pcap { dev = lan0 }\n  docker { }\n}",
    );
    let outcome = check(&host, &file);
    assert_eq!(outcome.status, 0, "{}", outcome.errors);
    let line = outcome.errors.lines().find(|line| line.contains("docker")).expect("a warning");
    assert!(line.contains(":4:3: warning: "), "{line}");
}

#[test]
fn invalid_command_line_exits_with_2() {
    let Some((_lab, host, _peer)) = lab() else { return };
    for (arguments, words) in [
        ("run --samplin 3", "--sampling"),
        ("check -i lan0 -n 10000001 -o 127.0.0.1", "10000000"),
        ("check -i lan0 -p 301 -o 127.0.0.1", "300"),
        ("check -i lan0 -o 127.0.0.1:port", "port"),
        ("check -i lan0", "collector"),
        ("run --config /nonexistent/flowmote.conf", "/nonexistent/flowmote.conf"),
        ("", "run"),
    ] {
        let outcome = run_flowmote(&host, arguments);
        assert_eq!(outcome.status, 2, "{arguments}: {}", outcome.errors);
        assert!(outcome.errors.contains(words), "{arguments}: no {words} in\n{}", outcome.errors);
    }
}

#[test]
fn version_and_help_go_to_standard_output() {
    let Some((_lab, host, _peer)) = lab() else { return };
    let version = run_flowmote(&host, "--version");
    let expected = format!("flowmote {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!((version.status, version.output), (0, expected));
    let help = run_flowmote(&host, "run --help");
    assert_eq!(help.status, 0);
    for option in ["--config", "--interface", "--sampling", "--polling", "--collector"] {
        assert!(help.output.contains(option), "{}", help.output);
    }
}
