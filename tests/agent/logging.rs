//! The log: it never stops the agent, and its lines are safe and complete.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::process::Command;

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of};
use flowmote_lab::wait_until;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

const OPTIONS: &str = "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343";

fn host_with_link(lab: &Lab) -> (Namespace, Namespace) {
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    (host, peer)
}

/// `flowmote run` with standard error redirected by `redirection` of the shell.
fn redirected(host: &Namespace, redirection: &str, options: &str) -> Command {
    let mut command = host.command("sh");
    command.args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")]).arg(flowmote());
    command.arg("run").args(options.split_whitespace());
    command
}

/// Sends packets until the collector has more datagrams.
fn still_samples(host: &Namespace, collector: &Collector) {
    let before = collector.so_far().received().len();
    wait_until("datagrams", || {
        flood(host, (peer_ip_of(1).0, 9).into(), 10, 10);
        (collector.so_far().received().len() > before).then_some(())
    });
}

#[test]
fn pipe_that_is_not_read_stops_neither_packets_nor_signals() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_with_link(&lab);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let fifo = lab.path().join("log");
    mkfifo(&fifo, Mode::from_bits_truncate(0o644)).unwrap();
    // Each time the file is read it causes about 10 KiB of warnings.
    let unknown = "kvm { }\n".repeat(200);
    let configuration = format!(
        "sflow {{ sampling = 1 polling = 0 collector {{ ip = 127.0.0.1 }} pcap {{ dev = lan0 }}
         {unknown} }}"
    );
    let path = lab.file("flowmote.conf", &configuration);
    let redirection = format!("2<>{}", fifo.display());
    let options = format!("--config {}", path.display());
    let mut agent = Agent::start_command(&lab, redirected(&host, &redirection, &options));
    still_samples(&host, &collector);
    // The pipe holds 64 KiB, the queue 256 KiB.
    for _ in 0..60 {
        agent.program().signal(Signal::SIGHUP);
        agent.wait_notified("READY=1");
    }
    agent.program().signal(Signal::SIGUSR1);
    still_samples(&host, &collector);
    // Read for a while: the lines that were lost are reported.
    let mut log =
        OpenOptions::new().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(&fifo).unwrap();
    let mut text = Vec::new();
    let mut buffer = [0; 65_536];
    wait_until("the report of lost lines", || {
        if let Ok(count) = log.read(&mut buffer) {
            text.extend_from_slice(&buffer[..count]);
        }
        let text = String::from_utf8_lossy(&text);
        text.contains("log lines lost: standard error").then_some(())
    });
    // Full again at the end.
    for _ in 0..60 {
        agent.program().signal(Signal::SIGHUP);
        agent.wait_notified("READY=1");
    }
    agent.stop();
    collector.finish().check();
}

#[test]
fn full_disk_does_not_stop_the_agent() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_with_link(&lab);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start_command(&lab, redirected(&host, "2>/dev/full", OPTIONS));
    agent.program().signal(Signal::SIGUSR1);
    still_samples(&host, &collector);
    agent.stop();
    collector.finish().check();
}

#[test]
fn requested_statistics_are_logged_at_every_level() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_with_link(&lab);
    for (number, level) in ["off", "error", "warn"].into_iter().enumerate() {
        let mut command = host.command(flowmote());
        command.env("FLOWMOTE_LOG", level).arg("run").args(OPTIONS.split_whitespace());
        if number == 0 {
            command.args(["--stats-interval", "1"]);
        }
        let agent = Agent::start_command(&lab, command);
        if number == 0 {
            agent.program().wait_for_line(0, "statistics after 1 s");
        }
        let _ = agent.statistics(1);
        let log = agent.stop();
        assert!(log.matches("statistics after").count() >= 2, "{level}: the final ones: {log}");
        assert!(!log.contains("agent address"), "a line of level info at {level}: {log}");
    }
}

#[test]
fn unknown_level_is_named() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_with_link(&lab);
    let mut command = host.command(flowmote());
    command.env("FLOWMOTE_LOG", "bogus").arg("run").args(OPTIONS.split_whitespace());
    let log = Agent::start_command(&lab, command).stop();
    assert!(log.contains("warn: FLOWMOTE_LOG: there is no level \"bogus\""), "{log}");
    assert!(log.contains("running as"), "info is used: {log}");
}

/// Under systemd the variable is inherited by programs whose standard error is something else.
#[test]
fn lines_have_a_time_unless_standard_error_is_the_journal() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_with_link(&lab);
    let mut command = host.command(flowmote());
    command.env("JOURNAL_STREAM", "1:1").arg("run").args(OPTIONS.split_whitespace());
    let log = Agent::start_command(&lab, command).stop();
    let first = log.lines().find(|line| line.contains("agent address")).unwrap();
    let (time, _) = first.split_once(' ').unwrap();
    let digits: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(digits, "0000-00-00T00:00:00.000Z", "{first}");

    let file = lab.file("journal", "");
    // The shell has the file open as the agent will, so that device and inode are those.
    let script = format!(
        "export JOURNAL_STREAM=$(stat -Lc %d:%i {0}); exec \"$0\" \"$@\" 2>>{0}",
        file.display()
    );
    let mut command = host.command("sh");
    command.args(["-c", &script]).arg(flowmote()).arg("run").args(OPTIONS.split_whitespace());
    Agent::start_command(&lab, command).stop();
    let log = std::fs::read_to_string(&file).unwrap();
    assert!(log.lines().all(|line| line.starts_with('<')), "{log}");
    assert!(log.contains("<6>agent address"), "{log}");
}

#[test]
fn control_characters_of_names_are_escaped() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    for name in ["n\u{1b}[31mX", "m\u{202e}\u{1}"] {
        let created = host.command("ip").args(["link", "add", name, "type", "bridge"]).status();
        assert!(created.unwrap().success());
    }
    let configuration = "sflow { sampling = 1 collector { ip = 127.0.0.1 } \
                         pcap { dev.pattern = . } }";
    let agent = Agent::start_with(&lab, &host, configuration);
    let _ = agent.statistics(1);
    let log = agent.stop();
    let path = lab.path().join("flowmote.conf");
    let check = host.command(flowmote()).arg("check").arg("-c").arg(path).output().unwrap();
    let check = [check.stdout, check.stderr].concat();
    for text in [log, String::from_utf8(check).unwrap()] {
        assert!(text.contains("n\\u{1b}[31mX"), "{text}");
        assert!(text.contains("m\\u{202e}\\u{1}"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{1}']), "{text:?}");
    }
}

/// Containers come and go by the hundred: one warning a minute for all of them.
#[test]
fn many_interfaces_that_cannot_be_opened_are_one_line() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_with_link(&lab);
    let pattern = "sflow { sampling = 1 polling = 0 collector { ip = 127.0.0.1 } pcap { dev = lan0 } pcap { dev.pattern = ^c } }";
    let agent = Agent::start_with(&lab, &host, pattern);
    for _ in 0..3 {
        let create: String = (0..40).map(|n| format!("link add c{n} type bridge\n")).collect();
        let delete: String = (0..40).map(|n| format!("link delete c{n}\n")).collect();
        host.ip(&create);
        host.ip(&delete);
    }
    // Before Linux 6.2 only an interface that is down can be renamed.
    host.ip("link set lan0 down\nlink set lan0 name last0\n");
    agent.program().wait_for_line(0, "lan0: no longer sampled");
    let log = agent.stop();
    assert!(log.matches("retrying every 5 s").count() <= 1, "{log}");
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    for arguments in [["check", "-o127.0.0.1"].as_slice(), &["--help"], &["--version"]] {
        let run = |output: File| {
            let mut command = Command::new(flowmote());
            command.args(arguments).stdout(output).output().unwrap()
        };
        let full = run(File::options().write(true).open("/dev/full").unwrap());
        assert_eq!(full.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8_lossy(&full.stderr).into_owned();
        assert!(error.contains("standard output: No space left on device"), "{error}");
        // A reader that has seen enough, such as `head -1`.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = run(File::from(std::os::fd::OwnedFd::from(writer)));
        assert_eq!(closed.status.code(), Some(0), "{arguments:?}");
        let error = String::from_utf8_lossy(&closed.stderr).into_owned();
        assert!(!error.contains("standard output"), "{error}");
    }
}
