//! Files written for hsflowd, and the shipped file.

use core::net::IpAddr;

use super::{inside, problems};
use crate::config::{Config, JsonInput, LinkKind, LinkTraits, NflogRule};

const DEBIAN: &str = include_str!("../testdata/hsflowd-debian.conf");
const CUMULUS: &str = include_str!("../testdata/hsflowd-cumulus.conf");
const VYOS: &str = include_str!("../testdata/hsflowd-vyos.conf");
const SHIPPED: &str = include_str!("../../../flowmote.conf");

#[test]
fn shipped_file_has_no_problem() {
    let parsed = Config::parse(SHIPPED);
    assert_eq!(parsed.diagnostics, []);
    let config = parsed.config.unwrap();
    let collector = "127.0.0.1".parse().unwrap();
    assert_eq!(config.collectors, [collector]);
    let sampled = |name, kind| {
        config.tap_for(&LinkTraits { name, other_names: &[], kind, speed: None }).is_some()
    };
    for name in ["eth0", "ens5", "enp3s0f1np1", "eno1", "enx00e04c680001", "ib0", "wlan0"] {
        assert!(sampled(name, LinkKind::Other), "{name}");
    }
    for name in ["docker0", "br-1f2e", "virbr0", "tun0", "wg0", "cni0"] {
        assert!(!sampled(name, LinkKind::Other), "{name}");
    }
    assert!(!sampled("eni1a2b3c", LinkKind::Veth), "veth of a pod on EKS");
    let defaults = Config { collectors: vec![], taps: vec![], ..config.clone() };
    assert_eq!(defaults, Config::default());
}

#[test]
fn examples_in_the_shipped_file_have_no_problem() {
    let example = |line: &&str| line.contains('=') && !line.contains("=====");
    let lines = SHIPPED.lines().map(str::trim);
    let examples: Vec<_> =
        lines.filter_map(|line| line.strip_prefix("# ")).filter(example).collect();
    assert!(examples.len() >= 17, "{examples:#?}");
    for line in examples {
        assert_eq!(inside(line), "", "{line}");
    }
}

#[test]
fn debian_file() {
    let expected = "\
f:9:3: warning: \"sampling.http\" is not supported by Flowmote yet; ignored
f:20:13: warning: \"dropPriv\" is ignored: Flowmote never keeps root";
    assert_eq!(problems(DEBIAN), expected);
    let config = Config::parse(DEBIAN).config.unwrap();
    assert_eq!(config.collectors.len(), 2);
    assert_eq!(config.polling_secs, 20);
    assert_eq!(config.agent.cidrs.len(), 1);
    assert_eq!(config.taps.len(), 2);
    assert_eq!(config.nflog, Some(NflogRule { group: 5, sampling_rate: 400 }));
    let fifo = Some("/run/hsflowd.fifo".into());
    assert_eq!(config.json, Some(JsonInput { port: 36_343, fifo }));
    let ten = LinkTraits {
        name: "enp1s0",
        other_names: &[],
        kind: LinkKind::Other,
        speed: Some(10_000_000_000),
    };
    let tap = config.tap_for(&ten).unwrap();
    let (rate, reason) = config.sampling_rate(tap, ten.speed);
    assert_eq!((rate, reason.to_string().as_str()), (4000, "sampling.10G = 4000 on line 8"));
}

#[test]
fn cumulus_file() {
    let expected = "\
f:4:3: warning: \"modules\" is ignored: Flowmote loads no modules
f:5:3: warning: \"cumulus\" is not supported by Flowmote yet; ignored
f:17:18: warning: the file ends inside sflow of line 3; } is missing";
    assert_eq!(problems(CUMULUS), expected);
    let config = Config::parse(CUMULUS).config.unwrap();
    assert_eq!(config.collectors[0].to_string(), "10.1.2.3:6343 by eth0");
    assert_eq!(config.sub_agent_id, 7);
    assert_eq!(config.agent.device.as_deref(), Some("lo"));
    assert_eq!(config.sampling.by_speed.len(), 4);
    assert_eq!(config.psample.unwrap().ingress, Some(1));
    assert!(config.dropmon.is_some());
}

#[test]
fn vyos_file() {
    let expected = "\
f:15:1: warning: \"dbus\" is not supported by Flowmote yet; ignored";
    assert_eq!(problems(VYOS), expected);
    let config = Config::parse(VYOS).config.unwrap();
    assert_eq!(config.agent.ip, Some(IpAddr::from([192, 0, 2, 14])));
    assert_eq!(config.dropmon.as_ref().unwrap().limit, 50);
    assert_eq!(config.collectors[1].to_string(), "[2001:db8::1]:9995");
    let eth1 = LinkTraits {
        name: "eth1",
        other_names: &[],
        kind: LinkKind::Other,
        speed: Some(1_000_000_000),
    };
    let (rate, reason) = config.sampling_rate(config.tap_for(&eth1).unwrap(), eth1.speed);
    assert_eq!((rate, reason.to_string().as_str()), (1000, "sampling = 1000 on line 3"));
}

/// In the style of files and templates that people publish.
#[test]
fn files_of_the_field() {
    for (text, expected) in [
        // The brace of the collector is commented out with its text.
        (
            "sflow {\n DNSSD = off\n collector {\n ip = 192.0.2.1\n #}\n # more here\n}\n",
            "f:7:2: warning: the file ends inside sflow of line 1; } is missing",
        ),
        // Discovery by DNS, in its old and its new spelling.
        ("sflow {\n DNSSD = on\n DNSSD_domain = .example.net\n}\n", ""),
        // Link-local collectors with a zone, as the documentation for Windows has them.
        (
            "sflow {\n collector { ip = fe80::1%12 }\n collector { ip = fe80::1%eth0 }\n}\n",
            "f:2:19: error: \"fe80::1%12\": the zone must be a name of an interface, \
             as in fe80::1%eth0",
        ),
        // The tokens of other agents.
        (
            "sflow {\n collector {\n ip = 192.0.2.1\n port = 6343\n timeout = 60\n }\n}\n",
            "f:4:2: error: unknown token \"port\"; did you mean \"udpport\"?\n\
             f:5:2: error: unknown token \"timeout\"",
        ),
        // Switches that are off are what Flowmote does anyway.
        (
            "sflow {\n DNSSD = off\n collector { ip = 192.0.2.1 }\n pcap { speed = 1- vport = off }\n}\n",
            "",
        ),
    ] {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn latin_1_in_a_comment_is_accepted() {
    let path = std::env::temp_dir().join(format!("flowmote-latin1-{}", std::process::id()));
    std::fs::write(&path, b"# caf\xe9\nsflow { collector { ip = 192.0.2.1 } }\n").unwrap();
    let text = Config::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(problems(&text), "");
}
