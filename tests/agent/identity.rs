//! The agent address while addresses of the host come and go.

use core::net::IpAddr;

use flowmote_decoder::Address;
use flowmote_lab::net::{Agent, Capture, Collector, Lab, Namespace};
use flowmote_lab::wait_until;

const DOCKER: &str = "172.17.0.1";
const LEASE: &str = "10.200.0.5";

/// A host with docker0 and an uplink `eth0` without an address, as after boot.
fn host_after_boot(lab: &Lab) -> (Namespace, Namespace) {
    let (host, peer) = (lab.namespace(), lab.namespace());
    host.ip(&format!(
        "link add docker0 type bridge\nlink set docker0 addrgenmode none\nlink set docker0 up\n\
         address add {DOCKER}/16 dev docker0\n\
         link add eth0 type veth peer name eth0 netns {}\n\
         link set eth0 addrgenmode none\nlink set eth0 up\n",
        peer.pid()
    ));
    peer.ip("link set eth0 up\n");
    (host, peer)
}

fn agents(capture: &Capture) -> Vec<(String, u32)> {
    capture
        .datagrams()
        .iter()
        .map(|datagram| {
            let agent = match datagram.agent_address {
                Address::V4(address) => IpAddr::from(address).to_string(),
                other => format!("{other:?}"),
            };
            (agent, datagram.sequence_number)
        })
        .collect()
}

fn wait_for_agent(collector: &Collector, address: &str) {
    collector.wait_for(&format!("datagrams of agent {address}"), |capture| {
        agents(capture).last().is_some_and(|(agent, _)| agent == address)
    });
}

/// Waits for another datagram and returns its agent.
fn next_agent(collector: &Collector) -> String {
    let count = collector.so_far().received().len();
    wait_until("another datagram", || {
        let agents = agents(&collector.so_far());
        agents.get(count).map(|(agent, _)| agent.clone())
    })
}

fn start(lab: &Lab, host: &Namespace, setting: &str) -> Agent {
    let text = format!("sflow {{ polling = 1 {setting} collector {{ ip = 127.0.0.1 }} }}");
    Agent::start_with(lab, host, &text)
}

#[test]
fn address_of_the_uplink_replaces_that_of_a_bridge() {
    for setting in ["", "agent = eth0", "agent.cidr = 10.200.0.0/16"] {
        let Some(lab) = Lab::open() else { return };
        let (host, _peer) = host_after_boot(&lab);
        let collector = Collector::start(&host, "127.0.0.1:6343");
        let agent = start(&lab, &host, setting);
        wait_for_agent(&collector, DOCKER);
        host.ip(&format!("address add {LEASE}/20 dev eth0\n"));
        wait_for_agent(&collector, LEASE);
        agent.stop();
        // Another agent to the collector, whose datagrams are numbered from 1.
        let agents = agents(&collector.finish());
        let first = agents.iter().find(|(agent, _)| agent == LEASE);
        assert_eq!(first, Some(&(LEASE.to_owned(), 1)), "{setting}: {agents:?}");
    }
}

#[test]
fn address_stays_while_its_interface_is_down_or_its_lease_flaps() {
    let Some(lab) = Lab::open() else { return };
    let (host, _peer) = host_after_boot(&lab);
    host.ip(&format!("address add {LEASE}/20 dev eth0\n"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = start(&lab, &host, "");
    wait_for_agent(&collector, LEASE);
    host.ip("link set eth0 down\n");
    assert_eq!(next_agent(&collector), LEASE);
    host.ip(&format!("link set eth0 up\naddress delete {LEASE}/20 dev eth0\n"));
    assert_eq!(next_agent(&collector), LEASE);
    host.ip(&format!("address add {LEASE}/20 dev eth0\n"));
    assert_eq!(next_agent(&collector), LEASE);
    // Lost for good, then back.
    host.ip(&format!("address delete {LEASE}/20 dev eth0\n"));
    wait_for_agent(&collector, DOCKER);
    host.ip(&format!("address add {LEASE}/20 dev eth0\n"));
    wait_for_agent(&collector, LEASE);
    let log = agent.stop();
    assert_eq!(log.matches("agent address").count(), 3, "{log}");
    let mut agents: Vec<_> =
        agents(&collector.finish()).into_iter().map(|(agent, _)| agent).collect();
    agents.dedup();
    assert_eq!(agents, [LEASE, DOCKER, LEASE]);
}

#[test]
fn host_without_an_address_warns() {
    let Some(lab) = Lab::open() else { return };
    let host = lab.namespace();
    let text = "sflow { polling = 1 collector { ip = 192.0.2.9 } }";
    let agent = Agent::start_with(&lab, &host, text);
    let line = agent.program().wait_for_line(0, "agent address 127.0.0.1");
    assert!(line.contains("warn") && line.contains("set agentIP"), "{line}");
    agent.stop();
}
