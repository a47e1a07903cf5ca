//! `flowmote status` and `metrics { }`: their numbers are those of the kernel and of the statistics,
//! and no client can disturb the agent.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use flowmote_lab::Program;
use flowmote_lab::net::{
    Agent, Collector, Lab, LinkCounters, Namespace, flood, flowmote, ip_of, peer_ip_of,
};
use flowmote_lab::{skip, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

/// `flowmote status` with `arguments`, split at spaces.
fn status(host: &Namespace, socket: &Path, arguments: &str) -> Output {
    let mut command = host.command(flowmote());
    command.arg("status").arg("--status-socket").arg(socket);
    command.args(arguments.split_whitespace()).output().expect("flowmote status")
}

fn json(host: &Namespace, agent: &Agent) -> Value {
    let output = status(host, &agent.status_socket(), "--json");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("a JSON document")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A host and a peer, linked by `lan0`.
fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    Some((lab, host, peer))
}

/// Polls share it, and the datagram leaves in the same one.
#[test]
fn counters_of_a_second_take_one_wake_up() {
    let Some((lab, host, _peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 0 -p 1 -o 127.0.0.1:6343");
    let numbers = || {
        let state = json(&host, &agent);
        [&state["wake_ups"], &state["totals"]["counters"]["counter_samples"]]
            .map(|number| number.as_u64().expect("a number"))
    };
    // A busy machine may read counters of the host late.
    wait_until("seconds with one wake-up each", || {
        let before = numbers();
        std::thread::sleep(Duration::from_secs(6));
        let after = numbers();
        let [wake_ups, samples] = [0, 1].map(|number| after[number] - before[number]);
        let polls = samples / 2;
        // Those beyond are of the requests of this test.
        (polls >= 5 && wake_ups <= polls * 3 / 2 + 4).then_some(())
    });
    agent.stop();
    collector.finish().check();
}

#[test]
fn packets_seen_are_those_of_the_interface() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 10 -p 0 -o 127.0.0.1:6343");
    let before = LinkCounters::of(&host, "lan0").packets();
    peer.run("ping -f -c 500 -s 100 198.18.1.1");
    flood(&host, (peer_ip_of(1).0, 9).into(), 1000, 100);
    let packets = LinkCounters::of(&host, "lan0").packets() - before;
    assert!(packets >= 2000);
    let state = wait_until("the samples of all packets", || {
        let state = json(&host, &agent);
        (state["interfaces"][0]["counters"]["samples_in_the_ring"] == 0).then_some(state)
    });
    let interface = &state["interfaces"][0];
    assert_eq!(interface["name"], "lan0");
    assert_eq!(interface["if_index"], host.if_index("lan0"));
    assert_eq!(interface["sampling_rate"], 10);
    assert_eq!(interface["reason"], "sampling = 10 on the command line");
    assert_eq!(interface["filter"], "eBPF filter");
    assert_eq!(interface["counters"]["packets_seen"], packets);
    assert_eq!(interface["losses"]["drops"], 0);
    let samples = interface["counters"]["samples"].as_u64().unwrap();
    assert!(samples.abs_diff(packets / 10) < packets / 20, "{samples} of {packets}");
    assert_eq!(state["totals"]["counters"]["flow_samples"], samples);
    assert_eq!(state["data_sources"].as_array().unwrap().len(), 2);
    assert_eq!(state["collectors"][0]["state"], "sending");
    assert_eq!(state["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(state["pid"], agent.program().pid());
    assert!(state["resident_bytes"].as_u64().unwrap() > 1 << 20);
    agent.stop();
    collector.finish().check();
}

/// Every number of the statistics under its name, and no other.
#[test]
fn counters_equal_the_statistics_of_sigusr1() {
    let Some((lab, host, peer)) = lab() else { return };
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 1 -o 127.0.0.1:9 -o 198.18.1.2");
    flood(&peer, (ip_of(1).0, 9).into(), 200, 100);
    wait_until("datagrams", || {
        json(&host, &agent)["totals"]["counters"]["datagrams"].as_u64().filter(|count| *count > 3)
    });
    // Nothing is counted between the two if both are the same before and after.
    let (state, statistics) = wait_until("a quiet moment", || {
        let before = json(&host, &agent);
        let statistics = agent.statistics(2);
        let after = json(&host, &agent);
        let counters = |state: &Value| {
            let keys = ["interfaces", "modules", "collectors", "totals"];
            keys.map(|key| state[key].clone())
        };
        (counters(&before) == counters(&after)).then_some((after, statistics))
    });
    let mut compared = 0;
    for line in statistics.lines().skip(1) {
        let (subject, counters) = line.trim().split_once(": ").expect(line);
        let counted = match subject {
            "agent" | "also" => &state["totals"],
            _ if subject.starts_with("collector ") => find(&state["collectors"], &subject[10..]),
            _ => find(&state["interfaces"], subject.split(' ').next().unwrap()),
        };
        for counter in counters.split(", ") {
            let (count, description) = counter.split_once(' ').expect(counter);
            let name = description.to_ascii_lowercase().replace(' ', "_");
            let both = [&counted["counters"][&name], &counted["losses"][&name]];
            let value = both.into_iter().find_map(Value::as_u64);
            assert_eq!(value, count.parse().ok(), "{subject}: {counter}\n{state:#}");
            compared += 1;
        }
    }
    assert!(compared >= 9, "{statistics}");
    agent.stop();
}

fn find<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    let is_meant = |item: &&Value| item["name"] == name || item["collector"] == name;
    items.iter().find(is_meant).unwrap_or_else(|| panic!("{name} in {list:#}"))
}

#[test]
fn collector_that_is_down_is_marked() {
    let Some((lab, host, peer)) = lab() else { return };
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343 -o nobody.invalid");
    let output = wait_until("a loss", || {
        flood(&peer, (ip_of(1).0, 9).into(), 50, 100);
        let output = status(&host, &agent.status_socket(), "");
        text(&output).contains("reported undeliverable by icmp").then_some(output)
    });
    let text = text(&output);
    let row = |name: &str| {
        text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name}: {text}"))
    };
    assert!(row("! 127.0.0.1:6343").contains("  losing datagrams  "), "{text}");
    assert!(row("! nobody.invalid:6343").contains("  name not resolved  "), "{text}");
    assert!(row("lan0").contains("sampling = 1 on the command line; eBPF filter"), "{text}");
    let losses = text.split_once("\nlosses\n").expect("losses").1;
    assert!(losses.contains("! collector nobody.invalid:6343: "), "{text}");
    assert!(losses.contains(" lost without an address or a route ("), "{text}");
    agent.stop();
}

#[test]
fn no_agent_is_exit_status_3_and_one_line() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let missing = lab.path().join("missing.sock");
    let left_over = lab.path().join("left-over.sock");
    drop(std::os::unix::net::UnixListener::bind(&left_over).unwrap());
    for (socket, reason) in [(missing, "No such file"), (left_over, "Connection refused")] {
        for arguments in ["", "--json", "--watch"] {
            let output = status(&host, &socket, arguments);
            let expected =
                format!("flowmote status: no agent is running: {}: {reason}", socket.display());
            assert_eq!(output.status.code(), Some(3));
            assert!(errors(&output).starts_with(&expected), "{output:?}");
            assert_eq!((errors(&output).lines().count(), output.stdout.len()), (1, 0));
        }
    }
}

#[test]
fn other_users_are_refused_with_the_name_of_the_group() {
    let Some((lab, host, _peer)) = lab() else { return };
    let agent = Agent::start(&lab, &host, "-i lan0 -o 127.0.0.1:6343");
    let socket = agent.status_socket();
    let file = std::fs::metadata(&socket).unwrap();
    assert_eq!(file.permissions().mode() & 0o7777, 0o660);
    // The directory of the test is private; the socket alone is to refuse.
    let open = Lab::open().expect("a second directory");
    std::fs::set_permissions(open.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let moved = open.path().join("status.sock");
    std::fs::hard_link(&socket, &moved).unwrap();
    let copy = open.path().join("flowmote");
    std::fs::copy(flowmote(), &copy).unwrap();
    let mut command = host.command("setpriv");
    command.args(["--reuid", "12345", "--regid", "12345", "--clear-groups"]);
    command.arg(&copy).args(["status", "--json", "--status-socket"]).arg(&moved);
    let output = command.output().expect("setpriv");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let error = errors(&output);
    assert!(error.contains("Permission denied") && error.contains("the group flowmote"), "{error}");
    agent.stop();
}

#[test]
fn clients_that_never_read_do_not_stop_the_agent() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    let mut clients: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(agent.status_socket()).unwrap()).collect();
    for client in &mut clients {
        client.write_all(b"stat").unwrap();
    }
    flood(&peer, (ip_of(1).0, 9).into(), 500, 100);
    collector.wait_for("all samples", |capture| capture.flow_samples().len() >= 500);
    drop(clients);
    let state = json(&host, &agent);
    let name = "clients_of_the_status_socket_without_a_complete_reply";
    assert_eq!(state["totals"]["counters"][name], 100);
    assert_eq!(state["totals"]["losses"]["datagrams_not_delivered_to_any_collector"], 0);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().last().unwrap().drops, 0);
}

#[test]
fn hundred_clients_get_a_whole_document_each() {
    let Some((lab, host, _peer)) = lab() else { return };
    let agent = Agent::start(&lab, &host, "-i lan0 -o 127.0.0.1:6343");
    let mut clients: Vec<UnixStream> =
        (0..100).map(|_| UnixStream::connect(agent.status_socket()).unwrap()).collect();
    for client in &mut clients {
        client.write_all(b"status\n").unwrap();
    }
    for client in &mut clients {
        let mut reply = String::new();
        client.read_to_string(&mut reply).unwrap();
        let state: Value = serde_json::from_str(&reply).expect(&reply);
        assert_eq!(state["interfaces"][0]["name"], "lan0");
    }
    let socket = agent.status_socket();
    agent.stop();
    assert!(!socket.exists(), "the agent has the right to remove it from its directory");
}

#[test]
fn socket_of_a_killed_agent_is_replaced_and_that_of_a_running_one_is_not() {
    let Some((lab, host, _peer)) = lab() else { return };
    let socket = lab.path().join("named.sock");
    let arguments = format!("-i lan0 -o 127.0.0.1:6343 --status-socket {}", socket.display());
    let pid = || {
        let output = status(&host, &socket, "--json");
        serde_json::from_slice::<Value>(&output.stdout).expect("a document")["pid"].clone()
    };
    let mut killed = Agent::start(&lab, &host, &arguments);
    killed.program().signal(Signal::SIGKILL);
    killed.wait();
    assert!(socket.exists());
    assert_eq!(status(&host, &socket, "").status.code(), Some(3));
    let first = Agent::start(&lab, &host, &arguments);
    assert_eq!(pid(), first.program().pid());
    let second = Agent::start(&lab, &host, &arguments);
    let expected = "another agent has this socket; flowmote status does not work";
    second.program().wait_for_line(0, expected);
    let log = second.program().log();
    assert_eq!(log.matches(expected).count(), 1, "{log}");
    second.stop();
    assert_eq!(pid(), first.program().pid(), "the second agent left it alone");
    first.stop();
    assert_eq!(status(&host, &socket, "").status.code(), Some(3));
}

#[test]
fn watch_prints_again_with_rates_and_ends_with_ctrl_c() {
    let Some((lab, host, peer)) = lab() else { return };
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:9");
    let mut command = host.command(flowmote());
    command.args(["status", "--watch", "--status-socket"]).arg(agent.status_socket());
    let mut watch = Program::start(command);
    wait_until("a rate", || {
        flood(&peer, (ip_of(1).0, 9).into(), 100, 100);
        let log = watch.log();
        let frames = log.matches("packets seen").count();
        (frames >= 2 && !log.lines().rev().find(|line| line.contains("lan0  "))?.contains(" - "))
            .then_some(())
    });
    watch.signal(Signal::SIGINT);
    assert!(watch.wait().success());
    assert!(!watch.log().contains('\u{1b}'), "a pipe gets no control sequences");
    agent.stop();
}

#[test]
fn agent_without_a_directory_for_its_socket_runs() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let socket = lab.path().join("missing/status.sock");
    let arguments =
        format!("-i lan0 -n 1 -p 0 -o 127.0.0.1:6343 --status-socket {}", socket.display());
    let agent = Agent::start(&lab, &host, &arguments);
    flood(&peer, (ip_of(1).0, 9).into(), 50, 100);
    collector.wait_for("samples", |capture| capture.flow_samples().len() >= 50);
    let log = agent.stop();
    let expected = format!("{}: No such file or directory", socket.display());
    assert_eq!(log.matches(&expected).count(), 1, "{log}");
}

/// The reply to an HTTP request of a client in the namespace.
fn http(host: &Namespace, request: &str) -> String {
    let script = "import socket, sys
s = socket.create_connection(('127.0.0.1', 9343)); s.sendall(sys.argv[1].encode())
sys.stdout.buffer.write(b''.join(iter(lambda: s.recv(65536), b'')))";
    let output = host.command("python3").args(["-c", script, request]).output().expect("python3");
    assert!(output.status.success(), "{}", errors(&output));
    text(&output)
}

const METRICS: &str = "sflow { polling = 0 sampling = 1 collector { ip = 127.0.0.1 }
    pcap { dev = lan0 } metrics { } }";

/// The value of the sample that begins with `name`.
fn value(reply: &str, name: &str) -> u64 {
    let value = reply.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} in {reply}"))
}

#[test]
fn metrics_are_accepted_by_promtool_and_equal_the_status() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(&lab, &host, METRICS);
    flood(&peer, (ip_of(1).0, 9).into(), 300, 100);
    collector.wait_for("all samples", |capture| capture.flow_samples().len() >= 300);
    let reply = http(&host, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let (head, metrics) = reply.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}\r\n", metrics.len())), "{head}");
    let state = json(&host, &agent);
    let counters = &state["interfaces"][0]["counters"];
    let lan0 = "{interface=\"lan0\"}";
    for (name, expected) in [
        (format!("flowmote_packets_seen_total{lan0}"), &counters["packets_seen"]),
        (format!("flowmote_samples_total{lan0}"), &counters["samples"]),
        (format!("flowmote_sampling_rate{lan0}"), &state["interfaces"][0]["sampling_rate"]),
        ("flowmote_flow_samples_total".into(), &state["totals"]["counters"]["flow_samples"]),
    ] {
        assert_eq!(*expected, value(metrics, &format!("{name} ")), "{name}");
    }
    assert_eq!(value(metrics, "flowmote_collector_sending{collector=\"127.0.0.1:6343\"} "), 1);
    agent.stop();
    let file = lab.file("metrics", metrics);
    let mut promtool = std::process::Command::new("promtool");
    promtool.args(["check", "metrics"]).stdin(std::fs::File::open(file).unwrap());
    match promtool.output() {
        Ok(output) => {
            let complaints = text(&output) + &errors(&output);
            assert!(output.status.success() && complaints.is_empty(), "{complaints}{metrics}");
        }
        Err(error) => skip(&format!("promtool: {error}")),
    }
}

#[test]
fn metrics_follow_a_reload_and_other_requests_are_refused() {
    let Some((lab, host, _peer)) = lab() else { return };
    let mut agent = Agent::start_with(&lab, &host, METRICS);
    for (request, status) in [
        ("HEAD /metrics HTTP/1.1\r\n\r\n", "200 OK"),
        ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
        ("POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\n", "405 Method Not Allowed"),
        ("nonsense\r\n\r\n", "400 Bad Request"),
    ] {
        let reply = http(&host, request);
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {reply}");
    }
    let listens = || host.proc_net("tcp").contains("0100007F:247F 00000000:0000 0A");
    assert!(listens());
    lab.file("flowmote.conf", &METRICS.replace("metrics { }", ""));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    assert!(!listens());
    let log = agent.stop();
    assert!(log.contains("http://127.0.0.1:9343/metrics: no longer served"), "{log}");
}
