//! Files of the field with their comments.

use super::*;

fn notes(text: &str) -> Vec<String> {
    let migrated = migrate(text).unwrap();
    let lines = migrated.lines().filter_map(|line| line.trim().strip_prefix(MARK));
    lines.map(str::to_owned).collect()
}

/// The notes of settings in a file that causes none by itself.
fn inside(settings: &str) -> Vec<String> {
    notes(&format!(
        "sflow {{ agentIP = 192.0.2.1 collector {{ ip = 192.0.2.9 }} pcap {{ }}\n{settings}\n}}"
    ))
}

const FILE: &str = "\
# the core
sflow {
\tsampling = 400    # everywhere
\tagent.cidr = 192.0.2.0/24
\tpolling=010
\tcollector { ip = 192.0.2.7 }
\tkvm { }
\tpcap { speed = 1G- }
}
";

const MIGRATED: &str = "\
# the core
# flowmote: to collectors another agent address is another agent; \"flowmote check\" prints that of \
this file, agentIP keeps the one of hsflowd
sflow {
\t# flowmote: 1 in 400 on every interface; in hsflowd only where the link speed is unknown, else \
1 in (speed / 1000000). Remove this line to keep rates by speed
\tsampling = 400    # everywhere
\tagent.cidr = 192.0.2.0/24
\t# flowmote: 010 is octal and means 8; write 8 or 10
\tpolling=010
\tcollector { ip = 192.0.2.7 }
\t# flowmote: \"kvm\" is not supported by Flowmote yet; ignored
\tkvm { }
\tpcap { speed = 1G- }
}
";

#[test]
fn comments_stand_above_the_lines_that_differ() {
    assert_eq!(migrate(FILE).unwrap(), MIGRATED);
}

#[test]
fn second_run_changes_nothing() {
    assert_eq!(migrate(MIGRATED).unwrap(), MIGRATED);
}

#[test]
fn numbers_of_lines_are_those_of_the_new_file() {
    let text = "sflow {\nagentIP = 192.0.2.1\ncollector { ip = 192.0.2.9 }\npcap { }\nkvm { }\n\
                polling = 1\npolling = 2\n}\n";
    let migrated = migrate(text).unwrap();
    let line = migrated.lines().position(|line| line == "polling = 1").unwrap() + 1;
    let note = format!("# flowmote: \"polling\" overrides the value on line {line}\npolling = 2");
    assert!(line == 7 && migrated.contains(&note), "{migrated}");
    assert_eq!(migrate(&migrated).unwrap(), migrated);
}

#[test]
fn migrated_file_means_the_same() {
    for text in [
        FILE,
        include_str!("../testdata/hsflowd-debian.conf"),
        include_str!("../testdata/hsflowd-cumulus.conf"),
        include_str!("../testdata/hsflowd-vyos.conf"),
        include_str!("../../../flowmote.conf"),
        "sflow{collector{ip=192.0.2.1}}",
        "\u{feff}sflow {\r\n sampling = 0\r\n collector { ip = 192.0.2.1\r\n}",
    ] {
        let migrated = migrate(text).unwrap();
        let (before, after) = (Config::parse(text).config.unwrap(), Config::parse(&migrated));
        let mut after = after.config.unwrap();
        assert_eq!(after.taps.len(), before.taps.len());
        // Positions are those of the longer file.
        after.taps.clone_from(&before.taps);
        after.sampling.clone_from(&before.sampling);
        assert_eq!(after, before, "{migrated}");
        let is_kept = |line: &&str| !is_comment(line.trim_start_matches(BOM));
        let kept: String = migrated.split_inclusive('\n').filter(is_kept).collect();
        let text = text.trim_start_matches(BOM);
        assert_eq!(kept, text, "every line of the user stays");
    }
}

#[test]
fn sampling_means_every_link_speed() {
    let rate = |settings: &str| inside(settings).remove(0);
    assert!(rate("sampling = 50").starts_with("1 in 50 on every interface; "));
    assert!(rate("packetSamplingRate = 50").starts_with("1 in 50 on every interface; "));
    assert!(rate("sampling = 0").starts_with("no interface is sampled unless "));
    let both = inside("sampling = 50 sampling.bps_ratio = 2000");
    assert!(both[0].contains("\"sampling.bps_ratio\" has no effect"), "{both:?}");
    assert!(both[1].contains("1 in (speed / 2000)"), "{both:?}");
    assert_eq!(inside("sampling = 50 sampling.bps_ratio = 0"), [""; 0], "the same in hsflowd");
    assert_eq!(inside("sampling.10G = 5000 pcap { dev = a sampling = 7 }"), [""; 0]);
    assert_eq!(inside("sampling.2.5G = 5").len(), 1);
}

#[test]
fn settings_that_hsflowd_ignores_have_an_effect() {
    assert!(inside("datagramBytes = 1200")[0].starts_with("the largest datagram; "));
    assert_eq!(
        inside("epcap { dev = a\nsampling = 5 promisc = on\n}"),
        ["sampling", "promisc"]
            .map(|name| format!("{name} has an effect; hsflowd ignores it in epcap {{ }}"))
    );
    assert_eq!(inside("nflog { group = 5 }").len(), 1);
    assert_eq!(inside("dropmon { start = on }").len(), 1);
}

#[test]
fn collectors_of_the_file_stay_beside_those_of_dns() {
    for settings in ["dns-sd { }", "dns-sd { domain = a.example }", "DNSSD = on"] {
        assert!(inside(settings)[0].starts_with("collectors from DNS are added"), "{settings}");
    }
    assert_eq!(inside("DNSSD = off"), [""; 0]);
    let none = "sflow { agentIP = 192.0.2.1 pcap { } dns-sd { } }";
    assert_eq!(notes(none), [""; 0], "only DNS has collectors");
}

#[test]
fn identity_differs_without_packet_samples_or_agent_ip() {
    let file =
        |settings: &str| notes(&format!("sflow {{ collector {{ ip = 192.0.2.9 }}\n{settings}\n}}"));
    let counters = file("agentIP = 192.0.2.1");
    assert_eq!(
        counters,
        ["the sub-agent id is 100000; without packet samples hsflowd sends 100001, which \
          subAgentId = 100001 keeps"]
    );
    assert!(file("agentIP = 192.0.2.1 subAgentId = 7")[0].contains(" sends 8, "));
    assert_eq!(file("agentIP = 192.0.2.1 json { }"), [""; 0]);
    assert_eq!(file("agentIP = 192.0.2.1 pcap { }"), [""; 0]);
    assert!(file("pcap { }")[0].starts_with("to collectors another agent address"));
}

#[test]
fn file_with_an_error_has_no_migration() {
    let errors = migrate("sflow { collector { ip = 192.0.2.10 port = 6343 } }").unwrap_err();
    assert!(errors[0].message.contains("did you mean \"udpport\""), "{errors:?}");
}

#[test]
fn statements_have_the_block_around_them() {
    let list = statements("SFLOW { a = 1 Pcap { dev = X } b 2 } ");
    let of = |statement: &Statement| {
        let Statement { block, name, value, .. } = statement;
        format!("{block}/{name}/{}", value.as_deref().unwrap_or("-"))
    };
    let list: Vec<_> = list.iter().map(of).collect();
    assert_eq!(list, ["/sflow/-", "sflow/a/1", "sflow/pcap/-", "pcap/dev/X", "sflow/b/2"]);
}
