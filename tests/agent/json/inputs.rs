//! The UDP port and the FIFO: opened, lost, replaced, full.

use std::fs::OpenOptions;
use std::io::Write;

use flowmote_lab::net::{Agent, Checked, Collector, Lab, send};
use flowmote_lab::wait_until;
use nix::sys::signal::Signal;

use crate::{config, make_fifo, operation, port, port6, start, wait_for_statistics};

/// A lone writer that closes costs hsflowd all of a CPU.
#[test]
fn fifo_may_be_closed_split_and_replaced() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let path = lab.path().join("fifo");
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let text = config(&format!("sampling = 1 json {{ fifo = {} }}", path.display()));
    let agent = Agent::start_with(&lab, &host, &text);
    let missing = format!("json: FIFO {}: No such file or directory", path.display());
    agent.program().wait_for_line(0, &missing);
    make_fifo(&lab);
    agent.program().wait_for_line(0, &format!("json: FIFO {}: open", path.display()));
    let write = |text: &str| {
        OpenOptions::new().write(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let count = |expected: usize| {
        let what = format!("{expected} samples");
        collector.wait_for(&what, |capture| capture.flow_samples().len() == expected);
    };
    let message = operation("a", "");
    let (head, tail) = message.split_at(40);
    write(head);
    write(&format!("{tail}{message}\n{message}"));
    count(3);
    // The rest of a broken line, and one that is too long, are lost; the next is not.
    write(&format!("{{\"flow_sample\":\"\n{message}\n"));
    count(4);
    write(&"x".repeat(30_000));
    write(&format!("\n{message}\n"));
    count(5);
    let statistics = agent.statistics(1);
    assert!(statistics.contains("1 JSON inputs of more than 10,000 bytes"), "{statistics}");
    assert!(statistics.contains("1 JSON objects with a syntax error"), "{statistics}");
    let mark = agent.program().mark();
    std::fs::remove_file(&path).unwrap();
    agent.program().wait_for_line(mark, ": closed");
    make_fifo(&lab);
    agent.program().wait_for_line(mark, ": open");
    write(&message);
    count(6);
    agent.stop();
    collector.finish().check();
}

/// hsflowd polls descriptor 0 then, with all of a CPU, or aborts.
#[test]
fn port_in_use_and_missing_ipv6_are_reported() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    host.set("net/ipv6/conf/lo/disable_ipv6", 1);
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let first = Agent::start_with(&lab, &host, &config("sampling = 1 json { }"));
    let log = first.program();
    log.wait_for_line(0, "json: [::1]:36343: this host does not have the address");
    let second = Agent::start_with(&lab, &host, &config("sampling = 1 json { }"));
    let waits = "json: 127.0.0.1:36343: another process receives there; retrying every 5 s";
    second.program().wait_for_line(0, waits);
    first.stop();
    second.program().wait_for_line(0, "json: receiving on 127.0.0.1:36343");
    send(&host, port(), &[operation("a", "")]);
    collector.wait_for("a sample", |capture| capture.flow_samples().len() == 1);
    host.set("net/ipv6/conf/lo/disable_ipv6", 0);
    host.ip("address replace ::1/128 dev lo");
    second.program().wait_for_line(0, "json: receiving on [::1]:36343");
    second.stop();
}

#[test]
fn reload_changes_port_and_rate() {
    let Some((lab, host, collector, mut agent)) = start("sampling = 1 json { }") else { return };
    send(&host, port(), &[operation("a", "")]);
    collector.wait_for("a sample", |capture| capture.flow_samples().len() == 1);
    lab.file("flowmote.conf", &config("sampling.app.a = 0 json { udpport = 5000 }"));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    send(&host, ([127, 0, 0, 1], 5000).into(), &[operation("a", "")]);
    wait_for_statistics(&agent, "2 JSON objects, 2 operations, 1 samples");
    lab.file("flowmote.conf", &config(""));
    agent.program().signal(Signal::SIGHUP);
    agent.wait_notified("READY=1");
    let log = agent.stop();
    assert!(log.contains("json: no longer receiving on port 36343"), "{log}");
    assert!(log.contains("json: no longer receiving on port 5000"), "{log}");
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().len(), 1);
}

#[test]
fn check_describes_the_inputs_and_their_problems() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let fifo = lab.path().join("fifo");
    let text = config(&format!("json {{ udpport = 36343 fifo = {} }}", fifo.display()));
    let check = || Checked::of(&lab, &host, &text);
    let missing = check();
    let line = "json            UDP port 36343 of 127.0.0.1 and ::1";
    assert!(!missing.passes && missing.lines.contains(line), "{missing:?}");
    let problem = format!("json: FIFO {}: No such file or directory", fifo.display());
    assert!(missing.problems.contains(&problem), "{missing:?}");
    std::fs::write(&fifo, "").unwrap();
    assert!(check().problems.contains("not a FIFO"));
    std::fs::remove_file(&fifo).unwrap();
    make_fifo(&lab);
    let found = check();
    let line = format!("json            FIFO {}", fifo.display());
    assert!(found.passes && found.lines.contains(&line), "{found:?}");
    let agent = Agent::start_with(&lab, &host, &text);
    let used = check();
    let warning = "warning: json: 127.0.0.1:36343: another process";
    assert!(used.passes && used.problems.contains(warning), "{used:?}");
    agent.stop();
}

/// Number before a text in the statistics; 0 if it is not there.
fn number(statistics: &str, what: &str) -> u64 {
    let before = statistics.split_once(what).map(|(before, _)| before.trim_end());
    let digits = before.and_then(|before| before.rsplit(' ').next());
    digits.map_or(0, |digits| digits.parse().expect("a number"))
}

#[test]
fn datagrams_that_do_not_fit_the_queue_are_counted() {
    let Some((_lab, host, collector, agent)) = start("sampling = 400 json { }") else { return };
    let messages = vec![operation("a", ""); 5000];
    // While the agent stands still, its receive queue overflows.
    agent.program().signal(Signal::SIGSTOP);
    send(&host, port(), &messages);
    agent.program().signal(Signal::SIGCONT);
    let lost = wait_until("all messages", || {
        let statistics = agent.statistics(1);
        let lost = number(&statistics, "JSON datagrams lost on the receive queue");
        (number(&statistics, "JSON objects,") + lost == 5000).then_some(lost)
    });
    assert!(lost > 0);
    // The sockets are watched again after a pause without a datagram.
    for _ in 0..3 {
        send(&host, port(), &messages[..50]);
        send(&host, port6(), &messages[..50]);
    }
    let total = format!("{} JSON objects", 5300 - lost);
    wait_for_statistics(&agent, &total);
    send(&host, port(), &messages[..1]);
    wait_for_statistics(&agent, &format!("{} JSON objects", 5301 - lost));
    let log = agent.stop();
    let line = format!("json: UDP port 36343: {lost} datagrams lost, the receive queue was full");
    assert!(log.contains(&line), "{line}: {log}");
    collector.finish().check();
}

/// Of the socket it is more than is read at a time.
#[test]
fn what_waits_at_the_end_is_read() {
    let Some(lab) = Lab::open() else { return };
    let fifo = make_fifo(&lab);
    let host = lab.namespace();
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let text = format!("sampling = 1 json {{ udpport = 36343 fifo = {} }}", fifo.display());
    let agent = Agent::start_with(&lab, &host, &config(&text));
    let messages = vec![operation("a", ""); 500];
    agent.program().signal(Signal::SIGSTOP);
    // Before the messages, so that it is the first that the agent reads.
    agent.program().signal(Signal::SIGTERM);
    send(&host, port(), &messages);
    let mut writer = OpenOptions::new().write(true).open(&fifo).unwrap();
    writer.write_all(messages.concat().as_bytes()).unwrap();
    agent.stop_with(Signal::SIGCONT);
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().len(), 2 * messages.len());
}
