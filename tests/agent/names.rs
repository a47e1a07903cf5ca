//! Alternative names and aliases of interfaces, with any character, wherever a device is named.

use flowmote_lab::net::{Agent, Collector, Lab, Namespace, flood, flowmote, peer_ip_of};
use flowmote_lab::wait_until;

/// Longer than IFNAMSIZ, which limits SO_BINDTODEVICE.
const ALTERNATIVE_NAME: &str = "to:the-core#router{of}rack=\"7\"";
const ALIAS: &str = "port #1, \"spine\" {A}=ü\t\u{1b}[31m";

/// A host with the interface lan0, its further names, and 127.0.0.1 for the collector.
fn lab() -> Option<(Lab, Namespace, Namespace)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(2, (&host, "lan1"), (&peer, "lan1"));
    let name = |words: &[&str]| {
        let output = host.command("ip").args(words).output().expect("ip");
        assert!(output.status.success(), "{output:?}");
    };
    name(&["link", "property", "add", "dev", "lan0", "altname", ALTERNATIVE_NAME]);
    name(&["link", "set", "lan0", "alias", ALIAS]);
    Some((lab, host, peer))
}

/// In the quotes of the configuration syntax.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn configuration(pcap: &str, agent: &str, collector: &str) -> String {
    let [pcap, agent, collector] = [pcap, agent, collector].map(quoted);
    format!(
        "sflow {{ polling = 1 agent = {agent} collector {{ ip = 127.0.0.1 }}\n\
         collector {{ ip = 198.18.1.2 dev = {collector} }}\n\
         pcap {{ dev = {pcap} sampling = 1 }} }}"
    )
}

#[test]
fn alternative_name_and_alias_name_an_interface_everywhere() {
    let Some((lab, host, peer)) = lab() else { return };
    for (pcap, agent, to) in
        [(ALTERNATIVE_NAME, ALIAS, ALTERNATIVE_NAME), (ALIAS, ALTERNATIVE_NAME, ALIAS)]
    {
        let text = configuration(pcap, agent, to);
        let file = lab.file("check.conf", &text);
        let check = host.command(flowmote()).arg("check").arg("-c").arg(&file).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
        assert!(!check.stdout.contains(&0x1b) && !check.stderr.contains(&0x1b), "{check:?}");

        let (here, there) =
            (Collector::start(&host, "127.0.0.1:6343"), Collector::start(&peer, "198.18.1.2:6343"));
        let running = Agent::start_with(&lab, &host, &text);
        let index = host.if_index("lan0");
        wait_until("samples at both collectors", || {
            flood(&host, (peer_ip_of(1).0, 9).into(), 10, 10);
            let got = |at: &Collector| !at.so_far().flow_samples_of(index).is_empty();
            (got(&here) && got(&there)).then_some(())
        });
        let log = running.stop();
        assert!(!log.contains('\u{1b}'), "{log}");
        let capture = here.finish();
        assert_eq!(capture.datagrams()[0].agent_address.to_string(), "198.18.1.1");
        drop(there.finish());
    }
}

#[test]
fn name_given_while_the_agent_runs_is_used() {
    let Some((lab, host, peer)) = lab() else { return };
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let mut command = host.command(flowmote());
    command.args(["run", "-n", "1", "-p", "0", "-o", "127.0.0.1", "-i", "to the spine"]);
    let agent = Agent::start_command(&lab, command);
    agent.program().wait_for_line(0, "there is no interface \"to the spine\"");
    let set = host.command("ip").args(["link", "set", "lan1", "alias", "to the spine"]).status();
    assert!(set.expect("ip").success());
    agent.program().wait_for_line(0, "lan1: sampling 1 in 1 ");
    let index = host.if_index("lan1");
    wait_until("samples", || {
        flood(&peer, (flowmote_lab::net::ip_of(2).0, 9).into(), 10, 10);
        (!collector.so_far().flow_samples_of(index).is_empty()).then_some(())
    });
    agent.stop();
    drop(collector.finish());
}
