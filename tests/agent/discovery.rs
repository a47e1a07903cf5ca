//! `dns-sd { }`: collectors and settings from a real name server.

use std::process::Command;

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of};
use flowmote_lab::{Program, skip, wait_until};

const SERVICE: &str = "_sflow._udp.example.com";

/// A name server on the loopback of `host`, with the service and these strings in its TXT record.
fn name_server(host: &Namespace, strings: &str) -> Program {
    let mut command = host.command("dnsmasq");
    command.args([
        "--no-daemon",
        "--no-resolv",
        "--no-hosts",
        "--conf-file=/dev/null",
        "--user=root",
    ]);
    command.args(["--listen-address=127.0.0.1", "--bind-interfaces", "--local=/example.com/"]);
    command.args(["--host-record=collector.example.com,127.0.0.1", "--local-ttl=1"]);
    command.arg(format!("--srv-host={SERVICE},collector.example.com,6399,0,1"));
    command.arg(format!("--txt-record={SERVICE},txtvers=1,{strings}"));
    Program::start(command)
}

/// `flowmote` with `arguments` in `host`, whose `/etc/resolv.conf` names the server there.
fn with_resolver(lab: &Lab, host: &Namespace, arguments: &str) -> Command {
    let resolver = lab.file("resolv.conf", "search example.com\nnameserver 127.0.0.1\n");
    let script = format!(
        "mount --bind {} /etc/resolv.conf && exec {} {arguments}",
        resolver.display(),
        flowmote().display()
    );
    let mut command = host.command("unshare");
    command.args(["--mount", "--", "sh", "-c", &script]);
    command
}

fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::of_root()?;
    if Command::new("dnsmasq").arg("--version").output().is_err() {
        skip("dnsmasq is not there (Debian package dnsmasq-base)");
        return None;
    }
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    Some((lab, host, peer))
}

#[test]
fn collectors_and_settings_follow_the_name_server() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file = lab.file("sd.conf", "sflow { dns-sd { } polling = 0 pcap { dev = lan0 } }");
    let collector = Collector::start(&host, "127.0.0.1:6399");
    // The agent starts before its name server.
    let command = with_resolver(&lab, &host, &format!("run -c {}", file.display()));
    let agent = Agent::start_command(&lab, command);
    agent.program().wait_for_line(0, "dns-sd: _sflow._udp.example.com: ");
    let server = name_server(&host, "sampling=2,uuid=x");
    agent.program().wait_for_line(0, "dns-sd: found collector collector.example.com:6399");
    agent.program().wait_for_line(0, "dns-sd: not used: TXT \"uuid=x\": ");
    let index = host.if_index("lan0");
    let rate = |wanted: u32| {
        wait_until("samples at the published rate", || {
            flood(&host, (peer_ip_of(1).0, 9).into(), 100, 10);
            let capture = collector.so_far();
            let samples = capture.flow_samples_of(index);
            samples.last().is_some_and(|sample| sample.sampling_rate == wanted).then_some(())
        });
    };
    rate(2);
    drop(server);
    let server = name_server(&host, "sampling=3");
    rate(3);
    drop(server);
    // What was found stays in force without a server.
    rate(3);
    agent.stop();
    collector.finish().check();
}

#[test]
fn check_shows_what_dns_publishes() {
    let Some((lab, host, _peer)) = lab() else { return };
    let file = lab.file("sd.conf", "sflow { dns-sd { domain = example.com } pcap { dev = lan0 } }");
    let check = || {
        let arguments = format!("check -c {}", file.display());
        let output = with_resolver(&lab, &host, &arguments).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (status, _, errors) = check();
    assert_eq!(status, Some(2));
    assert!(
        errors.contains("error: dns-sd: _sflow._udp.example.com: 127.0.0.1: Connection refused"),
        "{errors}"
    );
    let server = name_server(&host, "sampling=5");
    wait_until("the name server", || server.log().contains("started").then_some(()));
    let (status, lines, errors) = check();
    assert_eq!(status, Some(0), "{errors}");
    let found = "collector collector.example.com:6399, txtvers = 1, sampling = 5; valid for 10 s";
    assert!(lines.contains(found), "{lines}");
    assert!(lines.contains("lan0: 1 in 5, sampling = 5 from DNS"), "{lines}");
    assert!(lines.contains("collector.example.com:6399: 127.0.0.1"), "{lines}");
}
