//! A configuration file of hsflowd works unchanged.

use std::path::Path;
use std::process::{Command, Output};

use flowmote_lab::net::{Agent, Collector, Lab, flood, flowmote, peer_ip_of};
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
    for unsupported in ["\"sampling.http\"", "\"samplingDirection\"", "\"refreshAdaptors\""] {
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

/// In the style of files that people publish, which hsflowd accepts.
const FIELD: [&str; 8] = [
    HSFLOWD_CONF,
    // The brace of a collector is lost in a comment.
    "sflow {\n  agent = eth0\n  sampling.1G = 1000\n  collector {\n    ip = 127.0.0.1\n  #}\n  # more\n}\n",
    "sflow {\n  sampling = 1000\n  collector { ip = 192.0.2.100 }\n  pcap {\n    dev = eth0\n    speed = 100000\n  }\n}\n",
    // Generated: a setting a line, no spaces.
    "sflow {\npolling=30\nsampling=1000\nsampling.bps_ratio=0\nagentIP=192.0.2.14\nagent=eth0\n\
     collector { ip = 192.0.2.254 udpport = 6343 }\npcap { dev=eth0 }\npsample { group=1 egress=on }\n\
     dropmon { limit=50 start=on sw=on hw=off }\ndbus { }\nvpp { }\n}\n",
    "sflow {\n sampling=1000\n collector { ip=127.0.0.1 }\n k8s { markTraffic=on eof=on }\n tcp { }\n pcap { speed=1G- }\n}\n",
    "sflow {\n  DNSSD = off\n  sampling = 0\n  collector { ip=127.0.0.1 }\n  pcap { speed=1- }\n}\n",
    // Everything on.
    "sflow {\n  polling = 010\n  sampling.100M = 100\n  sampling = 400\n  collector { ip = 192.0.2.8  }\n\
     kvm { }\n  ovs { }\n  json { udpport = 36343 }\n  pcap { dev = eth0 promisc = on }\n\
     nflog { group = 5 probability = 0.0025 }\n  ulog { group = 1 }\n  xen { }\n  nvml { }\n}\n",
    "sflow{collector{ip=192.0.2.1}}",
];

fn run(arguments: &[&str], file: &Path) -> Output {
    Command::new(flowmote()).args(arguments).arg(file).output().expect("flowmote")
}

#[test]
fn migrated_file_keeps_every_line_and_is_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new) = (directory.path().join("hsflowd.conf"), directory.path().join("new.conf"));
    for text in FIELD {
        std::fs::write(&old, text).unwrap();
        let migrated = run(&["migrate"], &old);
        assert!(migrated.status.success() && migrated.stderr.is_empty(), "{migrated:?}");
        std::fs::write(&new, &migrated.stdout).unwrap();
        let check = run(&["check", "--syntax", "--config"], &new);
        assert!(check.status.success(), "{check:?}");
        let migrated = String::from_utf8(migrated.stdout).unwrap();
        let is_comment = |line: &&str| line.trim_start().starts_with("# flowmote: ");
        assert!(migrated.lines().any(|line| is_comment(&line)), "{text}");
        let kept = migrated.split_inclusive('\n').filter(|line| !is_comment(line));
        assert_eq!(kept.collect::<String>(), text);
        // What check warns of has its comment, in the same words.
        for warning in String::from_utf8(check.stderr).unwrap().lines() {
            let (_, message) = warning.split_once(" warning: ").expect(warning);
            assert!(migrated.contains(&format!("# flowmote: {message}\n")), "{warning}");
        }
    }
}

#[test]
fn file_that_cannot_be_used_is_not_migrated() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hsflowd.conf");
    let missing = run(&["migrate"], &file);
    assert_eq!((missing.status.code(), missing.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot be read: "), "{missing:?}");
    std::fs::write(&file, "sflow {\n collector {\n ip = 192.0.2.10\n port = 6343\n }\n}\n")
        .unwrap();
    let wrong = run(&["migrate"], &file);
    assert_eq!((wrong.status.code(), wrong.stdout.len()), (Some(2), 0));
    let expected = format!(
        "{}:4:2: error: unknown token \"port\"; did you mean \"udpport\"?\n",
        file.display()
    );
    assert_eq!(String::from_utf8_lossy(&wrong.stderr), expected);
}
