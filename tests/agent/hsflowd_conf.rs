//! A configuration file of hsflowd works unchanged.

use flowmote_lab::net::{Agent, Collector, Lab, flood, peer_ip_of};
use flowmote_lab::wait_until;

/// In the style of the file of its Debian package: comments, deprecated and unsupported settings,
/// capital letters, separators of all kinds.
const HSFLOWD_CONF: &str = "# hsflowd configuration file
# http://sflow.net/host-sflow-linux-config.php

sflow {

  # ====== Agent IP selection ======
  agent.cidr = 198.18.7.0/24
  # agentIP=10.0.0.1

  # ====== Sampling/Polling/Collectors ======
  Polling = 1
  sampling = 400
  sampling.1G=1000
  sampling.10G = 5
  sampling.http = 50
  headerBytes = 64; datagramBytes = 1300
  subAgentId=77
  DNSSD = off
  samplingDirection = both
  refreshAdaptors = 180
  COLLECTOR{IP=127.0.0.1 UDPPORT=6344}

  # ====== Modules ======
  json { UDPport = 36343 }
  pcap { dev = lan0 }
  nflog { group = 5  probability = 0.0025 }
  tcp { tunnel=on }
  systemd { dropPriv=on markTraffic=on }
  docker {}
  dropmon { group=1 start=on sw=on hw=on }
}
";

#[test]
fn file_of_hsflowd_works_unchanged() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    lab.link(7, (&host, "lan7"), (&peer, "lan7"));
    let collector = Collector::start(&host, "127.0.0.1:6344");
    let agent = Agent::start_with(&lab, &host, HSFLOWD_CONF);
    // The last line of the start: lines are written by a thread.
    agent.program().wait_for_line(0, "running as");
    let log = agent.program().log();
    for unsupported in ["\"tcp\"", "\"systemd\"", "\"docker\"", "\"dropmon\""] {
        let warned = log.lines().any(|line| line.contains(unsupported) && line.contains("warn"));
        assert!(warned, "no warning about {unsupported}:\n{log}");
    }
    let index = host.if_index("lan0");
    wait_until("samples", || {
        flood(&host, (peer_ip_of(1).0, 9).into(), 100, 100);
        (collector.so_far().flow_samples_of(index).len() > 20).then_some(())
    });
    collector.wait_for("counters", |capture| !capture.counters_of(2, 1).is_empty());
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let datagrams = capture.datagrams();
    assert_eq!(datagrams[0].sub_agent_id, 77);
    assert_eq!(datagrams[0].agent_address.to_string(), "198.18.7.1");
    assert!(capture.received().iter().all(|received| received.payload.len() <= 1300));
    for sample in capture.flow_samples() {
        // A veth pair reports 10 Gbit/s; sampling.10G takes precedence over sampling.
        assert_eq!(sample.sampling_rate, 5);
        assert_eq!(flowmote_lab::net::sampled_header(&sample).header.len(), 64);
    }
}
