//! Mistakes and their messages, grouped by their effect in hsflowd.

use super::{accepted, assert_lines, inside, problems};
use crate::config::{Config, Host, MAX_BYTES, Position, Severity, TapRule};

#[test]
fn input_that_crashes_hsflowd() {
    assert_lines(&[
        ("headerBytes = 13", r#"f:2:15: error: "headerBytes" = 13 is out of range 14..=256"#),
        ("headerBytes = 0", r#"f:2:15: error: "headerBytes" = 0 is out of range 14..=256"#),
        (
            "agent.cidr = ::1/100000",
            r#"f:2:14: error: "::1/100000": the mask is out of range 0..=128"#,
        ),
        (
            "agent.cidr = !10.0.0.0/33",
            r#"f:2:14: error: "10.0.0.0/33": the mask is out of range 0..=32"#,
        ),
    ]);
    // Ends hsflowd by a division by zero at the first message of an application.
    assert_eq!(accepted("sampling = 0").sampling.rate.unwrap().value, 0);
    // Ends hsflowd without a reachable name server.
    let named = accepted("collector { ip = not-resolvable.invalid }");
    assert_eq!(named.collectors[1].host, Host::Name("not-resolvable.invalid".into()));
}

#[test]
fn input_that_hsflowd_misreads() {
    assert_lines(&[
        ("polling = 25abc", r#"f:2:11: error: "25abc" is not a whole number"#),
        ("polling = 010", "f:2:11: warning: 010 is octal and means 8; write 8 or 10"),
        (
            "polling = 08",
            r#"f:2:11: error: "08" is not a whole number (a leading 0 makes it octal)"#,
        ),
        // 5G becomes 705032704 in 32 bits, 4295M becomes 32704.
        ("sampling = 5G", r#"f:2:12: error: "sampling" = 5G is out of range 0..=10000000"#),
        ("sampling = 4295M", r#"f:2:12: error: "sampling" = 4295M is out of range 0..=10000000"#),
        ("sampling = -1", r#"f:2:12: error: "-1" is not a whole number"#),
        (
            "pcap { dev.pattern = eth[0-9]{1} }",
            "f:2:22: error: a brace ends this value; put the value in quotes",
        ),
        (
            "pcap { dev.pattern = {1} }",
            "f:2:8: error: \"dev.pattern\" needs a pattern, not a block; \
             put a value with braces in quotes",
        ),
        (
            "pcap { dev = \"eth0 }",
            "f:2:14: error: this quote is not closed on its line\n\
             f:3:2: warning: the file ends inside sflow of line 1; } is missing",
        ),
    ]);
    let long = format!("agent = {}", "x".repeat(300));
    assert_eq!(inside(&long), "f:2:9: error: this word is longer than 255 bytes");
    // hsflowd silently ignores the text after the 2047th character of a line.
    let far = accepted(&format!("{}polling = 7", " ".repeat(3000)));
    assert_eq!(far.polling_secs, 7);
}

#[test]
fn input_without_effect_in_hsflowd() {
    assert_lines(&[
        ("pcap { dev = eth0 dynamic = off vport = OFF }", ""),
        ("DNSSD = off\nloopback = off", ""),
        (
            "pcap { dev = eth0 dynamic = on }",
            "f:2:1: warning: this block is ignored, because nothing activates it\n\
             f:2:19: warning: \"dynamic\" is not supported by Flowmote yet; ignored",
        ),
        ("kvm { }", r#"f:2:1: warning: "kvm" is not supported by Flowmote yet; ignored"#),
        (
            "datagramBytes = 300",
            "f:2:17: warning: host counter samples may need more than 300 bytes and are lost then; \
             hsflowd ignores this setting",
        ),
        (
            "samplingDirection = both",
            "f:2:1: warning: \"samplingDirection\" is deprecated and ignored: \
             it has no effect in hsflowd either; use pcap { direction = ... }",
        ),
        (
            "pcap { dev = eth0 }\n pcap { dev = eth0 sampling = 7 }",
            "f:3:2: warning: the block on line 2 selects the same interfaces; \
             this one has no effect",
        ),
        (
            "sampling = 50\nsampling.bps_ratio = 1000",
            "f:3:1: warning: \"sampling.bps_ratio\" has no effect: \
             sampling = 50 on line 2 applies to every interface",
        ),
        ("polling = 10\npolling = 20", "f:3:1: warning: \"polling\" overrides the value on line 2"),
        (
            "sampling.1G = 10\nsampling.1000M = 20",
            "f:3:1: warning: \"sampling.1000M\" overrides the value on line 2",
        ),
    ]);
    let dynamic = Config::parse(
        "sflow { collector { ip = 192.0.2.1 } pcap { dev = eth0 dynamic = on }
         pcap { dev = eth1 dynamic = off } pcap { } }",
    );
    let taps = dynamic.config.unwrap().taps;
    let devices: Vec<_> = taps.iter().map(|tap| tap.selector.device.as_deref()).collect();
    assert_eq!(devices, [Some("eth1"), None]);
    let epcap = accepted("epcap { dev = eth0 sampling = 7 promisc = on }");
    let expected = TapRule {
        promiscuous: true,
        position: Some(Position { line: 2, column: 1 }),
        ..TapRule::device("eth0", Some(7))
    };
    assert_eq!(epcap.taps, [expected]);
}

#[test]
fn unknown_and_misplaced_tokens() {
    assert_lines(&[
        ("smapling = 400", r#"f:2:1: error: unknown token "smapling"; did you mean "sampling"?"#),
        (
            "coletcor { ip = 1.2.3.4 nonsense { } }",
            r#"f:2:1: error: unknown token "coletcor"; did you mean "collector"?"#,
        ),
        (
            "collector { ip = 192.0.2.2 udprt = 99 }",
            r#"f:2:28: error: unknown token "udprt"; did you mean "udpport"?"#,
        ),
        (
            "dev = eth0",
            "f:2:1: error: \"dev\" does not belong in sflow { }; \
             it belongs in collector, pcap, epcap { }",
        ),
        ("frobnicate = yes", r#"f:2:1: error: unknown token "frobnicate""#),
        (
            "sampling.bps_ration = 5",
            r#"f:2:1: error: unknown token "sampling.bps_ration"; did you mean "sampling.bps_ratio"?"#,
        ),
        ("sampling.10GB = 5", r#"f:2:1: error: "10GB" is not a speed such as 100M, 2.5G or 10G"#),
        (
            "ip = 192.0.2.1",
            r#"f:2:1: error: "ip" does not belong in sflow { }; it belongs in collector { }"#,
        ),
        (
            "collector { ip = 1.2.3.4 polling = 5 }",
            r#"f:2:26: error: "polling" does not belong in collector { }; it belongs in sflow { }"#,
        ),
        (
            "promisc = on",
            r#"f:2:1: error: "promisc" does not belong in sflow { }; it belongs in pcap, epcap { }"#,
        ),
        (
            "docker { hostnam = on }",
            r#"f:2:10: error: unknown token "hostnam"; did you mean "hostname"?"#,
        ),
        ("polling = 20 30", r#"f:2:14: error: unknown token "30""#),
        // The words of other agents and tools.
        (
            "collector { ip = 192.0.2.2 port = 6343 timeout = 60 }",
            "f:2:28: error: unknown token \"port\"; did you mean \"udpport\"?\n\
             f:2:40: error: unknown token \"timeout\"",
        ),
        (
            "port = 6343",
            r#"f:2:1: error: unknown token "port"; did you mean "udpport" in collector { }?"#,
        ),
        (
            "collector { host = 192.0.2.2 }",
            "f:2:1: error: this collector has no ip\n\
             f:2:13: error: unknown token \"host\"; did you mean \"ip\"?",
        ),
        (
            "pcap { interface = eth0 }",
            r#"f:2:8: error: unknown token "interface"; did you mean "dev"?"#,
        ),
        (
            "pcap { pattern = eth }",
            r#"f:2:8: error: unknown token "pattern"; did you mean "dev.pattern"?"#,
        ),
        (
            "samplingRate = 400",
            r#"f:2:1: error: unknown token "samplingRate"; did you mean "sampling"?"#,
        ),
        (
            "pcap { sampling.10G = 5 }",
            r#"f:2:8: error: "sampling.10G" does not belong in pcap { }; it belongs in sflow { }"#,
        ),
        (
            "agent = 192.0.2.1",
            "f:2:9: warning: 192.0.2.1 is an address, not a device; use agentIP = 192.0.2.1",
        ),
        ("interval = 20", r#"f:2:1: error: unknown token "interval"; did you mean "polling"?"#),
        (
            "udpport = 6343",
            r#"f:2:1: error: "udpport" does not belong in sflow { }; it belongs in collector, json { }"#,
        ),
        (
            "markTraffic = on",
            "f:2:1: error: \"markTraffic\" does not belong in sflow { }; \
             it belongs in systemd, docker, containerd, k8s { }",
        ),
        ("polling\nsampling = 5", r#"f:2:1: error: "polling" needs a whole number 0..=300"#),
        // The setting after an unknown word is read.
        (
            "verbose headerBytes = 5",
            "f:2:1: error: unknown token \"verbose\"\n\
             f:2:23: error: \"headerBytes\" = 5 is out of range 14..=256",
        ),
    ]);
    assert_eq!(
        problems("collector { ip = 1.2.3.4 }\nsflow { collector { ip = 1.2.3.4 } }"),
        r#"f:1:1: error: "collector" does not belong outside of sflow { }; it belongs in sflow { }"#
    );
    assert_eq!(
        problems("sflwo { collector { ip = 1.2.3.4 } }"),
        "f:1:1: error: unknown token \"sflwo\"; did you mean \"sflow\"?\n\
         f:1:36: error: there is no sflow { } block"
    );
}

#[test]
fn block_structure() {
    for (text, expected) in [
        ("", "f:1:1: error: there is no sflow { } block"),
        ("# nothing\n", "f:1:10: error: there is no sflow { } block"),
        ("sflow { }", "f:1:1: error: no collector; add collector { ip = ADDRESS }"),
        ("sflow { DNS-SD { domain = .example.com } }", ""),
        ("sflow { DNSSD = on }", ""),
        ("sflow\n  collector { ip = 1.2.3.4 }\n}", "f:1:1: error: expected { after \"sflow\""),
        (
            "sflow",
            "f:1:1: error: expected { after \"sflow\"\n\
             f:1:1: error: no collector; add collector { ip = ADDRESS }\n\
             f:1:5: warning: the file ends inside sflow of line 1; } is missing",
        ),
        ("sflow { DNSSD = off }", "f:1:1: error: no collector; add collector { ip = ADDRESS }"),
        ("sflow { collector { } }", "f:1:9: error: this collector has no ip"),
        (
            "sflow { collector { ip = 1.2.3.4 } }\nsflow { polling = 1 }",
            "f:2:1: error: a second sflow block; the first is on line 1",
        ),
        (
            "sflow { collector { ip = 1.2.3.4 }",
            "f:1:34: warning: the file ends inside sflow of line 1; } is missing",
        ),
        ("sflow { collector { ip = 1.2.3.4 } } }", "f:1:38: error: unmatched }"),
        ("sflow { { } collector { ip = 1.2.3.4 } }", "f:1:9: error: { without the name of a block"),
        (
            "sflow { collector ip = 1.2.3.4 }",
            "f:1:9: error: expected { after \"collector\"; write collector { ip = ... }",
        ),
        (
            "sflow { collector { ip = 1.2.3.4 } x { { { { { } } } } } }",
            "f:1:36: error: unknown token \"x\"\n\
             f:1:42: error: blocks are nested more than 3 deep",
        ),
        ("sflow { collector { ip } }", "f:1:21: error: \"ip\" needs an address or host name"),
        (
            "sflow { collector { ip = 1.2.3.4 } polling",
            "f:1:36: error: \"polling\" needs a whole number 0..=300\n\
             f:1:42: warning: the file ends inside sflow of line 1; } is missing",
        ),
    ] {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn malformed_values() {
    assert_lines(&[
        ("polling = 301", r#"f:2:11: error: "polling" = 301 is out of range 0..=300"#),
        (
            "subAgentId = 200000",
            r#"f:2:14: error: "subAgentId" = 200000 is out of range 0..=199999"#,
        ),
        (
            "datagramBytes = 199",
            r#"f:2:17: error: "datagramBytes" = 199 is out of range 200..=8192"#,
        ),
        (
            "collector { ip = 10.0.0.256 }",
            r#"f:2:18: error: "10.0.0.256" is neither an address nor a host name"#,
        ),
        (
            "collector { ip = 192.0.2.2 udpport = 65536 }",
            r#"f:2:38: error: "udpport" = 65536 is out of range 1..=65535"#,
        ),
        (
            "collector { ip = 192.0.2.2:6343 }",
            r#"f:2:18: error: "192.0.2.2:6343" contains a port; use udpport = ..."#,
        ),
        (
            "collector { ip = 192.0.2.1 }",
            "f:2:1: warning: 192.0.2.1:6343 is listed twice and receives each datagram twice",
        ),
        (
            "collector { ip = fe80::1 }",
            "f:2:1: warning: a link-local address needs a device; add dev = ...",
        ),
        (
            "collector { ip = ff02::2 }",
            "f:2:1: warning: a link-local address needs a device; add dev = ...",
        ),
        (
            "collector { ip = fe80::1%4 }",
            r#"f:2:18: error: "fe80::1%4": the zone must be a name of an interface, as in fe80::1%eth0"#,
        ),
        (
            "collector { ip = fe80::1%eth0 dev = eth1 }",
            "f:2:1: error: the zone of this address is \"eth0\", and dev is \"eth1\"; \
             remove one of them",
        ),
        (
            "collector { ip = 255.255.255.255 }",
            r#"f:2:18: error: "255.255.255.255" is the broadcast address, not a collector"#,
        ),
        ("agentIP = fe80::1%eth0", r#"f:2:11: error: "fe80::1%eth0" contains a zone; remove it"#),
        (
            "pcap { dev.pattern = “^eth” }",
            "f:2:22: warning: the quotes in \"“^eth”\" are part of the value; write \"^eth\"",
        ),
        (
            "pcap { dev = 'eth0' }",
            "f:2:14: warning: the quotes in \"'eth0'\" are part of the value; write \"eth0\"",
        ),
        ("agentIP = eth0", r#"f:2:11: error: "eth0" is not an IPv4 or IPv6 address"#),
        ("agentIP = ff02::1", "f:2:11: error: an agent address cannot be a multicast address"),
        (
            "agent.cidr = 10.0.0.0",
            r#"f:2:14: error: "10.0.0.0" is not an address block such as 10.0.0.0/8"#,
        ),
        ("uuid = abc", r#"f:2:8: error: "abc" is not a UUID of 32 hexadecimal digits"#),
        ("pcap { dev = eth0 promisc = yes }", r#"f:2:29: error: "yes" is neither on nor off"#),
        ("pcap { speed = 10G-1G }", r#"f:2:16: error: "10G-1G": the range ends below its start"#),
        ("pcap { dev.pattern = \"\" }", "f:2:22: error: the pattern is empty"),
        ("agent = \"\"", "f:2:9: error: the device name is empty"),
    ]);
}

#[test]
fn all_problems_of_a_file_are_reported() {
    let text = "sflow {\n  smapling = 400\n  polling = 999\n  kvm { }\n  collector { }\n}\n";
    let expected = "\
f:2:3: error: unknown token \"smapling\"; did you mean \"sampling\"?
f:3:13: error: \"polling\" = 999 is out of range 0..=300
f:4:3: warning: \"kvm\" is not supported by Flowmote yet; ignored
f:5:3: error: this collector has no ip";
    assert_eq!(problems(text), expected);
    assert_eq!(Config::parse(text).config, None);
}

#[test]
fn sizes_are_bounded() {
    let large = "#".repeat(MAX_BYTES + 1);
    assert_eq!(problems(&large), "f:1:1: error: the file is larger than 1048576 bytes");
    let soup = "x ".repeat(MAX_BYTES / 2);
    assert_eq!(Config::parse(&soup).diagnostics.len(), 101);
    let deep = format!("sflow {}", "{".repeat(MAX_BYTES - 100));
    assert!(Config::parse(&deep).config.is_none());
    let warnings = "kvm { } ".repeat(200);
    let late = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {warnings} nonsense }}");
    let parsed = Config::parse(&late);
    assert_eq!(parsed.config, None, "an error counts even when it is not shown");
    assert_eq!(parsed.diagnostics.last().unwrap().severity, Severity::Error);
    let many = "collector { ip = 192.0.2.2 } ".repeat(300);
    assert!(Config::parse(&format!("sflow {{ {many} }}")).config.is_none());
}

/// A block with an error has no further problem that would not exist without the error.
#[test]
fn broken_blocks_have_no_follow_ups() {
    assert_lines(&[
        (
            "pcap { speed = 10Gbps }\npcap { speed = 10G-1G }\npcap { dev.pattern = \"[\" }\n\
             pcap { dev }\npcap { }",
            "f:2:16: error: \"10Gbps\" is not a speed such as 1G, 1G-10G or 10G-\n\
             f:3:16: error: \"10G-1G\": the range ends below its start\n\
             f:4:22: error: \"[\" is not a pattern: found unclosed character class\n\
             f:5:8: error: \"dev\" needs a device",
        ),
        (
            "collector { ip = 192.0.2.1 udpport = 99999 }",
            r#"f:2:38: error: "udpport" = 99999 is out of range 1..=65535"#,
        ),
        ("collector { ip = 192.0.2.1 dev = \"\" }", "f:2:34: error: the device name is empty"),
    ]);
}

#[test]
fn zone_of_an_address_is_the_device() {
    let config = accepted("collector { ip = fe80::1%eth0 udpport = 6344 }");
    assert_eq!(config.collectors[1].to_string(), "[fe80::1]:6344 by eth0");
    assert_eq!(accepted("collector { ip = fe80::1%eth0 dev = eth0 }").collectors.len(), 2);
}
