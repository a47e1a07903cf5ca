//! `flowmote check` describes the effect of a configuration and reports its mistakes;
//! `flowmote run` exits with status 2 for the same mistakes.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use flowmote_lab::net::{Agent, Lab, Namespace, flowmote};

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
fn blocks_that_select_nothing_are_named_with_the_reasons() {
    let Some((lab, host, _peer)) = lab() else { return };
    // Unlike lan0 and lan1, which lead out of the namespace, these carry packets within it.
    host.ip("link add in0 type veth peer name in1\nlink set in0 up\nlink set in1 up\n");
    let text = "sflow {
        collector { ip = 127.0.0.1 }
        pcap { dev = lan0 }
        pcap { dev.pattern = ^in  sampling = 5 }
        pcap { speed = 40G- }
        pcap { dev = lan1  speed = 40G- }
        pcap { dev = lan0  speed = 10G }
        pcap { dev.pattern = ^ens }
    }";
    let outcome = check(&host, &lab.file("flowmote.conf", text));
    assert_eq!(outcome.status, 2, "{}", outcome.errors);
    let expected = [
        "line 4 selects no interface: in1, in0: veth, which dev alone selects; write dev = in1; \
         lo, lan0, lan1: the name does not match",
        "line 5 selects no interface: lan0, lan1: 10 Gbit/s, less than 40 Gbit/s; \
         in1, in0: veth, which dev alone selects; write dev = in1; \
         lo: loopback, which dev alone selects; write dev = lo",
        "line 6 selects no interface: lan1: 10 Gbit/s, less than 40 Gbit/s",
        "line 7 selects no interface: lan0: sampled by the block on line 3",
        "line 8 selects no interface: lo, lan0, lan1, in1, in0: the name does not match",
    ];
    let errors: Vec<&str> = outcome
        .errors
        .lines()
        .filter_map(|line| line.strip_prefix("error: the block on "))
        .collect();
    let sorted =
        |lines: &[&str]| lines.iter().map(|line| line.to_string()).collect::<BTreeSet<_>>();
    assert_eq!(sorted(&errors), sorted(&expected));

    let agent = Agent::start_with(&lab, &host, text);
    let log = agent.stop();
    for line in expected {
        assert!(log.contains(&format!("warn: the block on {line}\n")), "no {line} in\n{log}");
    }
}

#[test]
fn what_a_block_leaves_out_is_listed_in_bounded_lines() {
    let Some((lab, host, _peer)) = lab() else { return };
    let links = (0..40).map(|n| format!("link add p{n} type veth peer name q{n}\n"));
    host.ip(&links.collect::<String>());
    host.ip("link add br0 type bridge\nlink set br0 up\n");
    let text = "sflow { collector { ip = 127.0.0.1 } pcap { } pcap { dev.pattern = ^p } }";
    let outcome = check(&host, &lab.file("flowmote.conf", text));
    let left_out = outcome.output.lines().filter(|line| line.starts_with("left out"));
    let left_out: Vec<&str> = left_out.collect();
    assert!(left_out.iter().any(|line| line.contains("p0, ") && line.contains(" more: veth")));
    let lines = outcome.output.lines().chain(outcome.errors.lines());
    let longest = lines.map(str::len).max().unwrap_or_default();
    assert!(longest < 400, "{}{}", outcome.output, outcome.errors);
    assert!(outcome.errors.contains("more: veth, which dev alone selects; write dev = p"));
}

#[test]
fn agent_that_can_send_nothing_is_an_error() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file = lab.file("flowmote.conf", "sflow { polling = 0 collector { ip = 127.0.0.1 } }");
    let outcome = check(&host, &file);
    assert_eq!(outcome.status, 2);
    assert!(outcome.errors.contains("error: nothing is ever sent"), "{}", outcome.errors);
    let ignored = "sflow { collector { ip = 127.0.0.1 } pcap { dev = lan0 dynamic = on } }";
    let outcome = check(&host, &lab.file("flowmote.conf", ignored));
    assert_eq!(outcome.status, 0, "{}", outcome.errors);
    assert!(!outcome.output.contains("there is no pcap"), "{}", outcome.output);
}

#[test]
fn collectors_that_nothing_can_be_sent_to_are_errors() {
    let Some((lab, host, _peer)) = lab() else { return };
    for (address, cause) in [
        ("203.0.113.1", "no route to this address"),
        ("198.18.1.255", "a broadcast address"),
        ("224.0.0.7", "no route to this multicast group"),
        ("fe80::1", "a link-local address needs a device"),
        ("ff02::1", "a link-local address needs a device"),
    ] {
        let text = format!("sflow {{ collector {{ ip = {address} }} pcap {{ dev = lan0 }} }}");
        let outcome = check(&host, &lab.file("flowmote.conf", &text));
        assert_eq!(outcome.status, 2, "{address}: {}", outcome.errors);
        let line = outcome.errors.lines().find(|line| line.starts_with("error: collector "));
        assert!(line.is_some_and(|line| line.contains(cause)), "{address}: {}", outcome.errors);
        let agent = Agent::start_with(&lab, &host, &text);
        agent.program().wait_for_line(0, cause);
        agent.stop();
    }
    let multicast = run_flowmote(&host, "check -i lan0 -o 224.0.0.7%lan0");
    assert_eq!(multicast.status, 0, "{}", multicast.errors);
    let broadcast = run_flowmote(&host, "check -i lan0 -o 255.255.255.255");
    assert_eq!(broadcast.status, 2);
}

#[test]
fn datagrams_larger_than_the_path_are_a_warning() {
    let Some((lab, host, peer)) = lab() else { return };
    host.ip("route add 203.0.113.0/24 via 198.18.1.2 mtu 1280\n");
    let narrow = run_flowmote(&host, "check -i lan0 -o 203.0.113.1");
    assert_eq!(narrow.status, 0, "{}", narrow.errors);
    assert!(narrow.errors.contains("set datagramBytes = 1252"), "{}", narrow.errors);
    lab.link6(3, (&host, "lan3"), (&peer, "lan3"));
    host.ip("link set lan3 mtu 1300\n");
    let narrow = run_flowmote(&host, "check -i lan0 -o fd00:3::2");
    assert!(narrow.errors.contains("set datagramBytes = 1252"), "{}", narrow.errors);
    host.ip("route add fd00:9::/64 via fd00:3::2 mtu 1280\n");
    let narrow = run_flowmote(&host, "check -i lan0 -o fd00:9::1");
    assert!(narrow.errors.contains("set datagramBytes = 1232"), "{}", narrow.errors);
    let file = lab.file(
        "flowmote.conf",
        "sflow { datagramBytes = 1252 collector { ip = fd00:3::2 } pcap { dev = lan0 } }",
    );
    let fits = check(&host, &file);
    assert_eq!((fits.status, without_filter(&fits.errors).as_str()), (0, ""));
}

/// The lines but that of a kernel which refuses the eBPF filter in a user namespace.
fn without_filter(errors: &str) -> String {
    errors.lines().filter(|line| !line.contains("refuses the eBPF filter")).collect()
}

#[test]
fn standard_input_is_a_configuration() {
    let Some((_lab, host, _peer)) = lab() else { return };
    for (text, status) in [
        ("sflow { collector { ip = 127.0.0.1 } pcap { dev = lan0 } }", 0),
        ("sflow { smapling = 1 collector { ip = 127.0.0.1 } }", 2),
    ] {
        let mut child = host
            .command(flowmote())
            .args(["check", "-c", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("flowmote");
        child.stdin.take().expect("stdio is piped").write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().expect("flowmote");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{errors}");
        assert!(status == 0 || errors.starts_with("-:1:9: error: "), "{errors}");
    }
}

#[test]
fn pipe_is_a_configuration() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file =
        lab.file("flowmote.conf", "sflow { collector { ip = 127.0.0.1 } pcap { dev = lan0 } }");
    let mut command = host.command("sh");
    let script = "cat \"$2\" | \"$1\" check -c /dev/fd/0";
    command.args(["-c", script, "-"]).arg(flowmote()).arg(file);
    let output = command.output().expect("sh");
    assert_eq!(without_filter(&String::from_utf8_lossy(&output.stderr)), "");
    assert!(output.status.success());
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
        "sflow {\n  collector { ip = 127.0.0.1 }\n  pcap { dev = lan0 }\n  kvm { }\n}",
    );
    let outcome = check(&host, &file);
    assert_eq!(outcome.status, 0, "{}", outcome.errors);
    let line = outcome.errors.lines().find(|line| line.contains("kvm")).expect("a warning");
    assert!(line.contains(":4:3: warning: "), "{line}");
}

#[test]
fn invalid_command_line_exits_with_2() {
    let Some((_lab, host, _peer)) = lab() else { return };
    for (arguments, words) in [
        ("run --samplin 3", "--sampling"),
        ("check -i lan0 -n 10000001 -o 127.0.0.1", "10000000"),
        ("check -i lan0 -p 301 -o 127.0.0.1", "300"),
        ("check -i lan0 -n 4G -o 127.0.0.1", "10000000"),
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
    let suffixed = run_flowmote(&host, "check -i lan0 -n 1k -o 127.0.0.1");
    assert!(suffixed.output.contains("1 in 1000"), "{}", suffixed.output);
    let help = run_flowmote(&host, "run --help");
    assert_eq!(help.status, 0);
    for option in ["--config", "--interface", "--sampling", "--polling", "--collector"] {
        assert!(help.output.contains(option), "{}", help.output);
    }
}
