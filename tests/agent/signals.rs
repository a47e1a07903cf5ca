//! Signals: reload, statistics, and termination.

use std::os::unix::process::ExitStatusExt;

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of};
use flowmote_lab::{Program, wait_until, wait_until_equal};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

fn configuration(sampling: u32, polling: u32) -> String {
    format!(
        "sflow {{ sampling = {sampling} polling = {polling}
         collector {{ ip = 127.0.0.1 }}
         pcap {{ dev = lan0 }} }}"
    )
}

/// A host whose agent runs with a configuration file.
fn running(lab: &Lab, sampling: u32) -> (Namespace, Namespace, Collector, Agent) {
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_with(lab, &host, &configuration(sampling, 0));
    (host, peer, collector, agent)
}

/// Sends packets until the last flow sample has this rate.
fn sampled_at(host: &Namespace, collector: &Collector, rate: u32) {
    wait_until(&format!("a sample at 1 in {rate}"), || {
        flood(host, (peer_ip_of(1).0, 9).into(), 50, 10);
        let rate_of_last = collector.so_far().flow_samples().last()?.sampling_rate;
        (rate_of_last == rate).then_some(())
    });
}

#[test]
fn sighup_reloads_without_a_gap_in_sequence_numbers() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer, collector, mut agent) = running(&lab, 1);
    sampled_at(&host, &collector, 1);
    assert!(collector.so_far().counters_samples().is_empty(), "polling = 0 is off");
    lab.file("flowmote.conf", &configuration(7, 1));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("MONOTONIC_USEC=");
    agent.wait_notified("STATUS=configuration in force: 1 interfaces, 1 collectors");
    sampled_at(&host, &collector, 7);
    let index = host.if_index("lan0");
    collector.wait_for("counters", |capture| !capture.counters_of(0, index).is_empty());
    lab.file("flowmote.conf", &configuration(1, 0));
    agent.program().signal(Signal::SIGHUP);
    sampled_at(&host, &collector, 1);
    agent.stop();
    // The sequence numbers of datagrams and samples have no gap and do not restart.
    collector.finish().check();
}

#[test]
fn broken_file_keeps_the_old_configuration() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer, collector, mut agent) = running(&lab, 1);
    sampled_at(&host, &collector, 1);
    let mark = agent.program().mark();
    lab.file("flowmote.conf", "sflow {\n  smapling = 7\n}\n");
    agent.program().signal(Signal::SIGHUP);
    agent.program().wait_for_line(mark, "flowmote.conf:2:3: error: unknown token");
    agent.program().wait_for_line(mark, "the previous one stays in force");
    // In the same notification as READY=1.
    agent.wait_notified("STATUS=configuration not reloaded: ");
    let before = collector.so_far().flow_samples().len();
    flood(&host, (peer_ip_of(1).0, 9).into(), 50, 10);
    collector.wait_for("more samples", |capture| capture.flow_samples().len() >= before + 50);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    assert!(capture.flow_samples().iter().all(|sample| sample.sampling_rate == 1));
}

/// As the unit's ExecReload does before it sends SIGHUP.
#[test]
fn syntax_of_a_file_is_checked_without_privileges_or_interfaces() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let check = |configuration: &str| {
        let path = lab.file("flowmote.conf", configuration);
        let mut command = host.command(flowmote());
        command.args(["check", "--syntax", "--config"]).arg(path).output().unwrap()
    };
    let usable = check(&configuration(1, 0));
    assert!(usable.status.success() && usable.stdout.is_empty(), "lan0 is missing: {usable:?}");
    let unusable = check("sflow { smapling = 7 }");
    assert_eq!(unusable.status.code(), Some(2));
    let error = String::from_utf8_lossy(&unusable.stderr).into_owned();
    assert!(error.contains("flowmote.conf:1:9: error: unknown token"), "{error}");
}

#[test]
fn pipe_in_place_of_the_file_does_not_stop_a_running_agent() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer, collector, mut agent) = running(&lab, 1);
    sampled_at(&host, &collector, 1);
    let path = lab.path().join("flowmote.conf");
    std::fs::remove_file(&path).unwrap();
    mkfifo(&path, Mode::from_bits_truncate(0o644)).unwrap();
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("STATUS=configuration not reloaded: ");
    let before = collector.so_far().flow_samples().len();
    flood(&host, (peer_ip_of(1).0, 9).into(), 50, 10);
    collector.wait_for("more samples", |capture| capture.flow_samples().len() >= before + 50);
    agent.stop();
    collector.finish().check();
}

/// The name server receives the request and does not respond.
#[test]
fn name_server_that_does_not_respond_delays_nothing() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let _name_server = Collector::start(&peer, "198.18.1.2:53");
    // Longer than the deadline of a test.
    let file = lab.file("resolv.conf", "nameserver 198.18.1.2\noptions timeout:30 attempts:5\n");
    let script = format!("mount --bind {} /etc/resolv.conf && exec \"$0\" \"$@\"", file.display());
    let mut command = host.command("unshare");
    command.args(["-m", "sh", "-c", &script]).arg(flowmote()).arg("run");
    command.args("-i lan0 -n 1 -p 0 -o collector.example -o 127.0.0.1:6343".split(' '));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_command(&lab, command);
    let tasks = format!("/proc/{}/task", agent.program().pid());
    wait_until("the lookup", || {
        let tasks = std::fs::read_dir(&tasks).unwrap();
        let mut names = tasks.map(|task| read(task.unwrap().path().join("comm")));
        names.any(|name| name == "resolver\n").then_some(())
    });
    // Only the main thread has capabilities. Others give them up first of all.
    for task in std::fs::read_dir(&tasks).unwrap() {
        let task = task.unwrap().path();
        let is_main = task.ends_with(agent.program().pid().to_string());
        wait_until_equal("capabilities of a thread, and those it may have", || {
            [capabilities(&read(task.join("status"))), [is_main; 2]]
        });
    }
    sampled_at(&host, &collector, 1);
    agent.stop();
    collector.finish().check();
}

/// Whether a thread with this status has permitted and effective capabilities. One that has ended has none.
fn capabilities(status: &str) -> [bool; 2] {
    ["CapPrm:\t", "CapEff:\t"].map(|set| {
        let value = status.split_once(set).map(|(_, value)| value);
        value.is_some_and(|value| !value.starts_with("0000000000000000\n"))
    })
}

fn read(path: impl AsRef<std::path::Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A pipe is read to its end, as for `-c <(command)`.
#[test]
fn sigterm_ends_an_agent_that_waits_for_its_configuration() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let fifo = lab.path().join("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o644)).unwrap();
    // Open for writing, so that it is neither at its end nor has anything to read.
    let script = format!("exec \"$0\" run --config {0} 3<>{0}", fifo.display());
    let mut command = host.command("sh");
    command.args(["-c", &script]).arg(flowmote());
    let mut program = Program::start(command);
    wait_until("the start", || {
        let name = read(format!("/proc/{}/comm", program.pid()));
        (name == "flowmote\n").then_some(())
    });
    program.signal(Signal::SIGTERM);
    assert_eq!(program.wait().signal(), Some(Signal::SIGTERM as i32));
}

#[test]
fn reload_changes_collectors_and_interfaces() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer, one, agent) = running(&lab, 1);
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    sampled_at(&host, &one, 1);
    let two = Collector::start(&host, "127.0.0.1:7000");
    lab.file(
        "flowmote.conf",
        "sflow { sampling = 3 polling = 0
         collector { ip = 127.0.0.1 udpport = 7000 }
         pcap { dev = lan1 } }",
    );
    agent.program().signal(Signal::SIGHUP);
    let lan1 = host.if_index("lan1");
    wait_until("samples of lan1", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 50, 10);
        flood(&host, (peer_ip_of(2).0, 9).into(), 50, 10);
        (two.so_far().flow_samples_of(lan1).len() > 3).then_some(())
    });
    let files = agent.open_files(&host);
    let mark = agent.program().mark();
    agent.program().signal(Signal::SIGHUP);
    agent.program().wait_for_line(mark, "configuration");
    // The statistics are printed after the reload.
    let _ = agent.statistics(1);
    assert_eq!(agent.open_files(&host), files, "a reload of the same configuration leaks nothing");
    agent.stop();
    one.finish().check();
    let capture = two.finish();
    let first = capture.datagrams()[0].sequence_number;
    assert!(first > 1, "the sequence continues for the new collector: {first}");
    capture.check();
}

#[test]
fn sigusr1_prints_the_statistics() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer, collector, agent) = running(&lab, 1);
    sampled_at(&host, &collector, 1);
    let statistics = agent.statistics(1);
    let index = host.if_index("lan0");
    assert!(statistics.contains(&format!("lan0 (ifIndex {index}, 1 in 1): ")), "{statistics}");
    assert!(statistics.contains("collector 127.0.0.1"), "{statistics}");
    agent.stop();
    collector.finish().check();
}

/// Checks that packets seen immediately before the end are in the last datagram.
fn check_end(signal: Signal) {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer, collector, agent) = running(&lab, 1);
    let index = host.if_index("lan0");
    flood(&host, (peer_ip_of(1).0, 9).into(), 20, 10);
    let log = agent.stop_with(signal);
    assert!(log.contains("statistics after"), "a summary at the end: {log}");
    let capture = collector.finish();
    capture.check();
    // The peer replies to some of them.
    assert!(capture.flow_samples_of(index).len() >= 20, "{}", capture.flow_samples().len());
}

#[test]
fn sigterm_sends_pending_samples_and_exits_with_0() {
    check_end(Signal::SIGTERM);
}

#[test]
fn sigint_sends_pending_samples_and_exits_with_0() {
    check_end(Signal::SIGINT);
}

#[test]
fn statistics_are_printed_at_an_interval() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let options = "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343 --stats-interval 1";
    let agent = Agent::start(&lab, &host, options);
    agent.program().wait_for_line(0, "statistics after 1 s");
    agent.program().wait_for_line(0, "statistics after 2 s");
    agent.stop();
}
