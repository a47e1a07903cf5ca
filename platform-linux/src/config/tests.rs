//! Whole files: what existing ones become, and every mistake in its exact words.

use core::net::{IpAddr, Ipv6Addr};

use proptest::prelude::*;

use super::grammar::SFLOW;
use super::tokens::{Block, Kind, Status, Token};
use super::*;

const DEBIAN: &str = include_str!("testdata/hsflowd-debian.conf");
const CUMULUS: &str = include_str!("testdata/hsflowd-cumulus.conf");
const VYOS: &str = include_str!("testdata/hsflowd-vyos.conf");
const SHIPPED: &str = include_str!("../../flowmote.conf");
const DOCS: &str = include_str!("../../../docs/configuration.md");

/// All problems, one a line, as a user sees them.
fn problems(text: &str) -> String {
    let lines = Config::parse(text).diagnostics;
    lines.iter().map(|line| line.in_file("f").to_string()).collect::<Vec<_>>().join("\n")
}

/// The problems of settings in the sflow block, on line 2, beside a good collector.
fn inside(settings: &str) -> String {
    problems(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"))
}

/// The configuration of settings that have no problem.
fn accepted(settings: &str) -> Config {
    let parsed =
        Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"));
    assert_eq!(parsed.diagnostics, [], "{settings}");
    parsed.config.unwrap()
}

/// Settings whose only problem is one warning.
fn warned(settings: &str) -> Config {
    let parsed =
        Config::parse(&format!("sflow {{ collector {{ ip = 192.0.2.1 }}\n{settings}\n}}\n"));
    assert_eq!(parsed.diagnostics.len(), 1, "{settings}");
    parsed.config.unwrap()
}

mod existing_files {
    use super::*;

    #[test]
    fn the_shipped_file_has_no_problem() {
        let parsed = Config::parse(SHIPPED);
        assert_eq!(parsed.diagnostics, []);
        let config = parsed.config.unwrap();
        let collector = "127.0.0.1".parse().unwrap();
        assert_eq!(config.collectors, [collector]);
        let sampled = |name, kind| {
            config.tap_for(&LinkTraits { name, alias: None, kind, speed: None }).is_some()
        };
        for name in ["eth0", "ens5", "enp3s0f1np1", "eno1", "enx00e04c680001", "ib0", "wlan0"] {
            assert!(sampled(name, LinkKind::Other), "{name}");
        }
        for name in ["docker0", "br-1f2e", "virbr0", "tun0", "wg0", "cni0"] {
            assert!(!sampled(name, LinkKind::Other), "{name}");
        }
        assert!(!sampled("eni1a2b3c", LinkKind::Veth), "a pod's end on EKS");
        let defaults = Config { collectors: vec![], taps: vec![], ..config.clone() };
        assert_eq!(defaults, Config::default());
    }

    /// The examples in the comments of the shipped file are valid too.
    #[test]
    fn the_examples_of_the_shipped_file_have_no_problem_alone() {
        let example = |line: &&str| line.contains('=') && !line.contains("=====");
        let lines = SHIPPED.lines().map(str::trim);
        let examples: Vec<_> =
            lines.filter_map(|line| line.strip_prefix("# ")).filter(example).collect();
        assert_eq!(examples.len(), 16, "{examples:#?}");
        for line in examples {
            assert_eq!(inside(line), "", "{line}");
        }
    }

    #[test]
    fn debian_style() {
        let expected = "\
f:9:3: warning: \"sampling.http\" is not supported by Flowmote yet; ignored
f:15:3: warning: \"json\" is not supported by Flowmote yet; ignored
f:19:3: warning: \"tcp\" is not supported by Flowmote yet; ignored
f:20:3: warning: \"systemd\" is not supported by Flowmote yet; ignored";
        assert_eq!(problems(DEBIAN), expected);
        let config = Config::parse(DEBIAN).config.unwrap();
        assert_eq!(config.collectors.len(), 2);
        assert_eq!(config.polling_secs, 20);
        assert_eq!(config.agent.cidrs.len(), 1);
        assert_eq!(config.taps.len(), 2);
        assert_eq!(config.nflog, Some(NflogRule { group: 5, sampling_rate: 400 }));
        let ten = LinkTraits {
            name: "enp1s0",
            alias: None,
            kind: LinkKind::Other,
            speed: Some(10_000_000_000),
        };
        let tap = config.tap_for(&ten).unwrap();
        let (rate, reason) = config.sampling_rate(tap, ten.speed);
        assert_eq!((rate, reason.to_string().as_str()), (4000, "sampling.10G = 4000 on line 8"));
    }

    #[test]
    fn cumulus_style() {
        let expected = "\
f:4:3: warning: \"modules\" is ignored: Flowmote has no modules to load
f:5:3: warning: \"cumulus\" is not supported by Flowmote yet; ignored
f:6:3: warning: \"psample\" is not supported by Flowmote yet; ignored
f:7:3: warning: \"dropmon\" is not supported by Flowmote yet; ignored
f:16:3: warning: \"loopback\" is deprecated and ignored: it has no effect in hsflowd either
f:17:18: warning: the file ends inside sflow of line 3; a } is missing";
        assert_eq!(problems(CUMULUS), expected);
        let config = Config::parse(CUMULUS).config.unwrap();
        assert_eq!(config.collectors[0].to_string(), "10.1.2.3:6343 by eth0");
        assert_eq!(config.sub_agent_id, 7);
        assert_eq!(config.agent.device.as_deref(), Some("lo"));
        assert_eq!(config.sampling.by_speed.len(), 4);
    }

    #[test]
    fn vyos_style() {
        let expected = "\
f:14:1: warning: \"dropmon\" is not supported by Flowmote yet; ignored
f:15:1: warning: \"dbus\" is not supported by Flowmote yet; ignored";
        assert_eq!(problems(VYOS), expected);
        let config = Config::parse(VYOS).config.unwrap();
        assert_eq!(config.agent.ip, Some(IpAddr::from([192, 0, 2, 14])));
        assert_eq!(config.collectors[1].to_string(), "[2001:db8::1]:9995");
        let eth1 = LinkTraits {
            name: "eth1",
            alias: None,
            kind: LinkKind::Other,
            speed: Some(1_000_000_000),
        };
        let (rate, reason) = config.sampling_rate(config.tap_for(&eth1).unwrap(), eth1.speed);
        assert_eq!((rate, reason.to_string().as_str()), (1000, "sampling = 1000 on line 3"));
    }

    #[test]
    fn latin_1_in_a_comment_is_read() {
        let path = std::env::temp_dir().join(format!("flowmote-latin1-{}", std::process::id()));
        std::fs::write(&path, b"# caf\xe9\nsflow { collector { ip = 192.0.2.1 } }\n").unwrap();
        let text = Config::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(problems(&text), "");
    }
}

/// What hsflowd's own lexer does.
mod lexical_rules {
    use super::*;

    #[test]
    fn separators_and_case_do_not_matter() {
        let spaced = Config::parse("sflow { collector { ip = 1.2.3.4 } polling = 20 }");
        for text in [
            "SFLOW{COLLECTOR{IP=1.2.3.4}POLLING=20}",
            "sflow\n{\ncollector\n{\r\nip\t1.2.3.4;}\ncounterPollingInterval 20;\n}\n",
            "# a comment\nsflow{collector{ip 1.2.3.4}polling=20# another }\n}",
            "sflow { collector { ip = \"1.2.3.4\" } \"polling\" = \"20\" }",
        ] {
            assert_eq!(Config::parse(text), spaced, "{text}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(accepted("sampling = 1K").sampling.rate.unwrap().value, 1000);
        assert_eq!(accepted("sampling = 0x10").sampling.rate.unwrap().value, 16);
        assert_eq!(accepted("sampling = 10M").sampling.rate.unwrap().value, MAX_SAMPLING);
        assert_eq!(warned("polling = 010").polling_secs, 8);
    }

    #[test]
    fn braces_in_quotes() {
        let config = accepted(r#"pcap { dev.pattern = "^eth[0-9]{1,2}$" }"#);
        let pattern = config.taps[0].selector.pattern.as_ref().unwrap();
        assert_eq!(pattern.as_str(), "^eth[0-9]{1,2}$");
    }
}

/// What crashes hsflowd, what it misreads and what it takes without doing anything.
mod mistakes {
    use super::*;

    fn assert_lines(cases: &[(&str, &str)]) {
        for (settings, expected) in cases {
            assert_eq!(inside(settings), *expected, "{settings}");
        }
    }

    #[test]
    fn what_crashes_hsflowd() {
        assert_lines(&[
            ("headerBytes = 13", r#"f:2:15: error: "headerBytes" = 13 is out of range 14..=256"#),
            ("headerBytes = 0", r#"f:2:15: error: "headerBytes" = 0 is out of range 14..=256"#),
            (
                "agent.cidr = ::1/100000",
                r#"f:2:14: error: "::1/100000": the mask has 0..=128 bits"#,
            ),
            (
                "agent.cidr = !10.0.0.0/33",
                r#"f:2:14: error: "10.0.0.0/33": the mask has 0..=32 bits"#,
            ),
            // The missing namespace that ends hsflowd.
            (
                "collector { ip = 192.0.2.2 namespace = nosuch }",
                r#"f:2:28: warning: "namespace" is not supported by Flowmote yet; ignored"#,
            ),
        ]);
        // Ends hsflowd with the first message of an application; here it is off, and that is all.
        assert_eq!(accepted("sampling = 0").sampling.rate.unwrap().value, 0);
        // Ends hsflowd where no name server answers.
        let named = accepted("collector { ip = not-resolvable.invalid }");
        assert_eq!(named.collectors[1].host, Host::Name("not-resolvable.invalid".into()));
    }

    #[test]
    fn what_hsflowd_misreads() {
        assert_lines(&[
            ("polling = 25abc", r#"f:2:11: error: "25abc" is not a whole number"#),
            ("polling = 010", "f:2:11: warning: 010 is octal and means 8; write 8 or 10"),
            (
                "polling = 08",
                r#"f:2:11: error: "08" is not a whole number (a leading 0 makes it octal)"#,
            ),
            // 5G becomes 705032704 in 32 bits, 4295M becomes 32704.
            ("sampling = 5G", r#"f:2:12: error: "sampling" = 5G is out of range 0..=10000000"#),
            (
                "sampling = 4295M",
                r#"f:2:12: error: "sampling" = 4295M is out of range 0..=10000000"#,
            ),
            ("sampling = -1", r#"f:2:12: error: "-1" is not a whole number"#),
            (
                "pcap { dev.pattern = eth[0-9]{1} }",
                "f:2:22: error: a brace cuts this value short; put it in quotes",
            ),
            (
                "pcap { dev.pattern = {1} }",
                "f:2:8: error: \"dev.pattern\" needs a pattern and no block; \
                 a value with braces must be in quotes",
            ),
            (
                "pcap { dev = \"eth0 }",
                "f:2:14: error: this quote is not closed on its line \
                 (# starts a comment even inside quotes)\n\
                 f:3:2: warning: the file ends inside sflow of line 1; a } is missing",
            ),
        ]);
        let long = format!("agent = {}", "x".repeat(300));
        assert_eq!(inside(&long), "f:2:9: error: this word is longer than 255 bytes");
        // Beyond the 2047th character of a line hsflowd reads nothing, and says nothing.
        let far = accepted(&format!("{}polling = 7", " ".repeat(3000)));
        assert_eq!(far.polling_secs, 7);
    }

    #[test]
    fn what_does_nothing_in_hsflowd() {
        assert_lines(&[
            (
                "pcap { dev = eth0 dynamic = on }",
                "f:2:1: warning: this block is left out, because nothing asks for it\n\
                 f:2:19: warning: \"dynamic\" is not supported by Flowmote yet; ignored",
            ),
            ("docker { }", r#"f:2:1: warning: "docker" is not supported by Flowmote yet; ignored"#),
            (
                "datagramBytes = 300",
                "f:2:17: warning: datagramBytes below 1024 may be too few for the counters of the \
                 host, which are lost then; hsflowd ignores this setting",
            ),
            (
                "samplingDirection = both",
                "f:2:1: warning: \"samplingDirection\" is deprecated and ignored: \
                 it has no effect in hsflowd either",
            ),
            (
                "pcap { dev = eth0 }\n pcap { dev = eth0 sampling = 7 }",
                "f:3:2: warning: the block on line 2 selects the same already; \
                 this one has no effect",
            ),
            (
                "sampling = 50\nsampling.bps_ratio = 1000",
                "f:3:1: warning: \"sampling.bps_ratio\" has no effect: \
                 sampling = 50 on line 2 is for every interface",
            ),
            (
                "polling = 10\npolling = 20",
                "f:3:1: warning: \"polling\" is set again and replaces the one on line 2",
            ),
            (
                "sampling.1G = 10\nsampling.1000M = 20",
                "f:3:1: warning: \"sampling.1000M\" is set again and replaces the one on line 2",
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
            (
                "smapling = 400",
                r#"f:2:1: error: unknown token "smapling"; did you mean "sampling"?"#,
            ),
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
                 it belongs in collector, pcap, epcap, port { }",
            ),
            ("frobnicate = yes", r#"f:2:1: error: unknown token "frobnicate""#),
            (
                "sampling.bps_ration = 5",
                r#"f:2:1: error: unknown token "sampling.bps_ration"; did you mean "sampling.bps_ratio"?"#,
            ),
            (
                "sampling.10GB = 5",
                r#"f:2:1: error: "10GB" is not a speed such as 100M, 2.5G or 10G"#,
            ),
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
                "f:2:1: warning: \"docker\" is not supported by Flowmote yet; ignored\n\
                 f:2:10: error: unknown token \"hostnam\"; did you mean \"hostname\"?",
            ),
            ("polling = 20 30", r#"f:2:14: error: unknown token "30""#),
            ("polling\nsampling = 5", r#"f:2:1: error: "polling" needs a whole number 0..=300"#),
            // The setting after a word that nobody knows is not lost.
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
    fn blocks() {
        for (text, expected) in [
            ("", "f:1:1: error: there is no sflow { } block"),
            ("# nothing\n", "f:1:10: error: there is no sflow { } block"),
            ("sflow { }", "f:1:1: error: no collector; add collector { ip = ADDRESS }"),
            (
                "sflow { DNS-SD { domain = .example.com } }",
                "f:1:1: error: no collector remains without dns-sd; \
                 add collector { ip = ADDRESS }\n\
                 f:1:9: warning: \"dns-sd\" is not supported by Flowmote yet; ignored",
            ),
            ("sflow { collector { } }", "f:1:9: error: this collector has no ip"),
            (
                "sflow { collector { ip = 1.2.3.4 } }\nsflow { polling = 1 }",
                "f:2:1: error: a second sflow block; the first is on line 1",
            ),
            (
                "sflow { collector { ip = 1.2.3.4 }",
                "f:1:34: warning: the file ends inside sflow of line 1; a } is missing",
            ),
            ("sflow { collector { ip = 1.2.3.4 } } }", "f:1:38: error: this } closes nothing"),
            ("sflow { { } collector { ip = 1.2.3.4 } }", "f:1:9: error: this { belongs to nothing"),
            ("sflow { collector ip = 1.2.3.4 }", "f:1:9: error: a { must follow \"collector\""),
            (
                "sflow { collector { ip = 1.2.3.4 } x { { { { { } } } } } }",
                "f:1:36: error: unknown token \"x\"\n\
                 f:1:42: error: more than 3 blocks in each other",
            ),
            ("sflow { collector { ip } }", "f:1:21: error: \"ip\" needs an address or host name"),
            (
                "sflow { collector { ip = 1.2.3.4 } polling",
                "f:1:36: error: \"polling\" needs a whole number 0..=300\n\
                 f:1:42: warning: the file ends inside sflow of line 1; a } is missing",
            ),
        ] {
            assert_eq!(problems(text), expected, "{text}");
        }
    }

    #[test]
    fn values() {
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
                r#"f:2:18: error: "192.0.2.2:6343" holds a port; write it as udpport = ..."#,
            ),
            (
                "collector { ip = 192.0.2.1 }",
                "f:2:1: warning: 192.0.2.1:6343 is given twice and gets everything twice",
            ),
            (
                "collector { ip = fe80::1 }",
                "f:2:1: warning: a link-local address is reached only by a device; add dev = ...",
            ),
            ("agentIP = eth0", r#"f:2:11: error: "eth0" is not an IPv4 or IPv6 address"#),
            ("agentIP = ff02::1", "f:2:11: error: an agent address cannot be a multicast address"),
            (
                "agent.cidr = 10.0.0.0",
                r#"f:2:14: error: "10.0.0.0" is not an address block such as 10.0.0.0/8"#,
            ),
            ("uuid = abc", r#"f:2:8: error: "abc" is not a UUID of 32 hexadecimal digits"#),
            ("pcap { dev = eth0 promisc = yes }", r#"f:2:29: error: "yes" is neither on nor off"#),
            (
                "pcap { speed = 10G-1G }",
                r#"f:2:16: error: "10G-1G": the range of speeds is upside down"#,
            ),
            ("pcap { dev.pattern = \"\" }", "f:2:22: error: the pattern is empty"),
            ("agent = \"\"", "f:2:9: error: the name of a device is empty"),
        ]);
    }

    #[test]
    fn nflog() {
        let rule = |group, sampling_rate| Some(NflogRule { group, sampling_rate });
        assert_eq!(accepted("nflog { group = 5 probability = 0.0025 }").nflog, rule(5, 400));
        assert_eq!(accepted("NFLOG{GROUP=65535}").nflog, rule(65_535, 1), "every packet");
        assert_eq!(accepted("nflog { group 1 probability 1e-2 }").nflog, rule(1, 100));
        assert_eq!(accepted("nflog { group = 1 probability = 0.0033 }").nflog, rule(1, 303));
        assert_eq!(accepted("polling = 1").nflog, None);
        assert_eq!(warned("nflog { group = 1 probability = 0.3 }").nflog, rule(1, 3));
        assert_eq!(warned("nflog { group = 1 probability = 0.7 }").nflog, rule(1, 1));
        assert_lines(&[
            (
                "nflog { group = 1 probability = 0.3 }",
                "f:2:33: warning: 1 in 3.33 packets is reported as 1 in 3; 0.3 is not 1 / N",
            ),
            ("nflog { }", "f:2:1: error: this nflog block has no group"),
            ("nflog { group = 0 }", r#"f:2:17: error: "group" = 0 is out of range 1..=65535"#),
            (
                "nflog { group = 65536 }",
                r#"f:2:17: error: "group" = 65536 is out of range 1..=65535"#,
            ),
            (
                "nflog { group = 1 probability = 0 }",
                r#"f:2:33: error: "0" is out of range 0.0000001..=1"#,
            ),
            (
                "nflog { group = 1 probability = 1.5 }",
                r#"f:2:33: error: "1.5" is out of range 0.0000001..=1"#,
            ),
            (
                "nflog { group = 1 probability = often }",
                r#"f:2:33: error: "often" is not a decimal fraction"#,
            ),
            (
                "nflogGroup = 5",
                "f:2:1: warning: \"nflogGroup\" is deprecated and ignored: \
                 use nflog { group = ... }",
            ),
            (
                "nflogProbability = 0.5",
                "f:2:1: warning: \"nflogProbability\" is deprecated and ignored: \
                 use nflog { probability = ... }",
            ),
        ]);
        let twice = "nflog { group = 1 probability = 0.1 } nflog { group = 2 }";
        assert_eq!(warned(twice).nflog, rule(2, 1));
        assert_lines(&[(twice, "f:2:39: warning: this nflog block replaces the one before it")]);
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let text = "sflow {\n  smapling = 400\n  polling = 999\n  docker { }\n  collector { }\n}\n";
        let expected = "\
f:2:3: error: unknown token \"smapling\"; did you mean \"sampling\"?
f:3:13: error: \"polling\" = 999 is out of range 0..=300
f:4:3: warning: \"docker\" is not supported by Flowmote yet; ignored
f:5:3: error: this collector has no ip";
        assert_eq!(problems(text), expected);
        assert_eq!(Config::parse(text).config, None);
    }

    #[test]
    fn bounds() {
        let large = "#".repeat(MAX_BYTES + 1);
        assert_eq!(problems(&large), "f:1:1: error: the file is larger than 1048576 bytes");
        let soup = "x ".repeat(MAX_BYTES / 2);
        assert_eq!(Config::parse(&soup).diagnostics.len(), 101);
        let deep = format!("sflow {}", "{".repeat(MAX_BYTES - 100));
        assert!(Config::parse(&deep).config.is_none());
        let warnings = "docker { } ".repeat(200);
        let late = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {warnings} nonsense }}");
        let parsed = Config::parse(&late);
        assert_eq!(parsed.config, None, "an error counts even when it is not shown");
        assert_eq!(parsed.diagnostics.last().unwrap().severity, Severity::Error);
        let many = "collector { ip = 192.0.2.2 } ".repeat(300);
        assert!(Config::parse(&format!("sflow {{ {many} }}")).config.is_none());
    }
}

mod values_and_defaults {
    use super::*;

    #[test]
    fn every_supported_setting_arrives() {
        let config = accepted(
            "polling = 0 headerBytes = 256 datagramBytes = 8192 subAgentId = 0 agent = ens5
             agentIP = 2001:db8::5 agent.cidr = 10.0.0.0/8 agent.cidr = !10.9.0.0/16
             uuid = 00112233-4455-6677-8899-aabbccddeeff
             sampling.100M = 5 sampling.2.5G = 6 sampling.bps_ratio = 2M
             collector { ip = 2001:db8::1 udpport = 99 dev = eth1 }
             pcap { dev = eth0 sampling = 9 promisc = on }
             epcap { dev.pattern = ^en speed = 1G-10G }",
        );
        assert_eq!((config.polling_secs, config.header_bytes), (0, 256));
        assert_eq!((config.datagram_bytes, config.sub_agent_id), (8192, 0));
        let agent = &config.agent;
        assert_eq!(agent.device.as_deref(), Some("ens5"));
        let address: Ipv6Addr = "2001:db8::5".parse().unwrap();
        assert_eq!(agent.ip, Some(address.into()));
        let rules: Vec<_> =
            agent.cidrs.iter().map(|rule| (rule.cidr.to_string(), rule.veto)).collect();
        assert_eq!(rules, [("10.0.0.0/8".into(), false), ("10.9.0.0/16".into(), true)]);
        assert_eq!(config.uuid.unwrap()[..3], [0x00, 0x11, 0x22]);
        let speeds: Vec<_> =
            config.sampling.by_speed.iter().map(|entry| (entry.speed, entry.rate.value)).collect();
        assert_eq!(speeds, [(100_000_000, 5), (2_500_000_000, 6)]);
        assert_eq!(config.sampling.bps_ratio.unwrap().value, 2_000_000);
        assert_eq!(config.collectors[1].to_string(), "[2001:db8::1]:99 by eth1");
        assert_eq!(config.taps.len(), 2);
        let selector = &config.taps[1].selector;
        assert_eq!(selector.speed, Some(SpeedRange { min: 10_u64.pow(9), max: 10_u64.pow(10) }));
        assert!(selector.pattern.is_some() && selector.device.is_none());
    }

    #[test]
    fn a_command_line_can_bring_the_collectors() {
        let parsed = Config::parse_without_collectors("sflow { polling = 5 }");
        assert_eq!(parsed.diagnostics, []);
        assert_eq!(parsed.config.unwrap().polling_secs, 5);
    }
}

mod reference {
    use super::*;

    /// When this fails, put the expected text between the two comments of the docs.
    #[test]
    fn the_docs_list_every_token_with_its_status() {
        let (_, rest) = DOCS.split_once("<!-- tokens -->\n").unwrap();
        let (tables, _) = rest.split_once("\n<!-- /tokens -->").unwrap();
        assert_eq!(tables, super::super::reference().to_string());
    }

    /// The empty value is wrong for all of them, so an error there proves that a block reads it.
    #[test]
    fn every_supported_setting_is_read_by_its_block() {
        fn check(block: &'static Block, open: &str) -> usize {
            let supported = |token: &&Token| matches!(token.status, Status::Supported);
            let check_token = |token: &Token| {
                if let Kind::Block(inner) = token.kind {
                    return check(inner, &format!("{open} {} {{", inner.name));
                }
                let name = token.name.replace("<speed>", "10G");
                let parsed = Config::parse(&format!("{open}\n{name} \"\""));
                let is_at_value = |problem: &&Diagnostic| {
                    (problem.severity, problem.line) == (Severity::Error, 2)
                        && problem.column as usize == name.len() + 2
                };
                assert_eq!(parsed.diagnostics.iter().filter(is_at_value).count(), 1, "{name}");
                1
            };
            block.tokens().filter(supported).map(check_token).sum()
        }
        assert!(check(&SFLOW, "sflow {") >= 24);
    }

    #[test]
    fn every_token_can_be_found_by_its_names() {
        fn check(block: &'static Block) {
            for token in block.tokens() {
                for name in token.names() {
                    let name = name.replace("<speed>", "10G").replace("<application>", "a");
                    let found = block.find(&name.to_uppercase()).unwrap();
                    assert!(core::ptr::eq(found, token), "{name} in {}", block.name);
                }
                if let Kind::Block(inner) = token.kind {
                    check(inner);
                }
            }
        }
        check(&SFLOW);
    }
}

mod properties {
    use super::*;

    fn assert_sound(text: &str) {
        let parsed = Config::parse(text);
        let lines: Vec<_> = text.strip_prefix('\u{feff}').unwrap_or(text).split('\n').collect();
        for problem in &parsed.diagnostics {
            let line = lines[problem.line as usize - 1];
            // The line feed is the last character of its line.
            assert!(
                (1..=line.chars().count() + 1).contains(&(problem.column as usize)),
                "{problem}"
            );
            assert!(!problem.message.contains(char::is_control), "{problem}");
        }
        let errors = parsed.diagnostics.iter().any(|problem| problem.severity == Severity::Error);
        assert_eq!(errors, parsed.config.is_none());
        let Some(config) = parsed.config else { return };
        assert!(!config.collectors.is_empty());
        assert!(config.collectors.iter().all(|collector| collector.port != 0));
        assert!(config.polling_secs <= 300);
        assert!((14..=256).contains(&config.header_bytes));
        assert!((200..=8192).contains(&config.datagram_bytes));
        assert!(config.sub_agent_id <= 199_999);
        for tap in &config.taps {
            for speed in [None, Some(0), Some(1), Some(10_000_000_000), Some(u64::MAX)] {
                let (rate, reason) = config.sampling_rate(tap, speed);
                assert!(rate <= MAX_SAMPLING);
                assert!(!reason.to_string().is_empty());
            }
        }
    }

    /// A word of the grammar, a value, or neither.
    fn word() -> impl Strategy<Value = String> {
        let names: Vec<_> = SFLOW.tokens().chain(inner_tokens()).flat_map(Token::names).collect();
        let values = [
            "{",
            "}",
            "{",
            "}",
            "=",
            ";",
            "\n",
            "#",
            "\"",
            "on",
            "off",
            "0",
            "1",
            "010",
            "13",
            "400",
            "1K",
            "5G",
            "0x10",
            "99999999999999999999",
            "-1",
            "25abc",
            "10.0.0.1",
            "::1",
            "fe80::1",
            "10.0.0.0/8",
            "!::/0",
            "::1/100000",
            "eth0",
            "^en",
            "(",
            "[",
            "1G-",
            "1G-10G",
            "sflow",
            "host.example",
            "sampling.10G",
            "sampling.é",
            "00112233445566778899aabbccddeeff",
        ];
        prop_oneof![
            3 => proptest::sample::select(names).prop_map(String::from),
            4 => proptest::sample::select(values.to_vec()).prop_map(String::from),
            1 => "\\PC{0,12}",
        ]
    }

    fn inner_tokens() -> impl Iterator<Item = &'static Token> {
        let blocks = SFLOW.tokens().filter_map(|token| match token.kind {
            Kind::Block(block) => Some(block),
            _ => None,
        });
        blocks.flat_map(Block::tokens)
    }

    /// Settings that are right more often than not, so that many files are accepted.
    fn setting() -> impl Strategy<Value = String> {
        let number = prop_oneof![0_u32..400, 0_u32..20_000_000];
        prop_oneof![
            (
                proptest::sample::select(
                    &[
                        "sampling",
                        "sampling.10G",
                        "sampling.bps_ratio",
                        "polling",
                        "headerBytes",
                        "datagramBytes",
                        "subAgentId"
                    ][..]
                ),
                number.clone()
            )
                .prop_map(|(name, n)| format!("{name} = {n}")),
            number.prop_map(|n| format!("pcap {{ speed = {n}- sampling = {n} }}")),
            any::<IpAddr>().prop_map(|ip| format!("collector {{ ip = {ip} }}")),
            (any::<IpAddr>(), 0_u8..140).prop_map(|(ip, bits)| format!("agent.cidr = {ip}/{bits}")),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn arbitrary_text(text in any::<String>()) {
            assert_sound(&text);
        }

        #[test]
        fn arbitrary_text_in_a_block(text in "(\\PC|[\\n\\t{}#\"=]){0,200}") {
            assert_sound(&format!("sflow {{ {text} }}"));
        }

        #[test]
        fn arbitrary_soup_of_tokens(words in proptest::collection::vec(word(), 0..60)) {
            assert_sound(&format!("sflow {{ collector {{ ip = 192.0.2.1 }} {}", words.join(" ")));
            assert_sound(&words.join(" "));
        }

        #[test]
        fn accepted_files_are_in_their_ranges(settings in proptest::collection::vec(setting(), 0..4)) {
            assert_sound(&format!("sflow {{ collector {{ ip = 192.0.2.1 }} {} }}", settings.join("\n")));
        }

        #[test]
        fn arbitrary_collectors(text in "\\PC{0,40}|[0-9a-f.:\\[\\]]{0,40}") {
            if let Ok(collector) = text.parse::<Collector>() {
                assert_eq!(collector.to_string().parse::<Collector>(), Ok(collector));
            }
        }
    }
}
