//! Properties of the parser for arbitrary text: no panic, and accepted values are in range.

use core::net::IpAddr;

use proptest::prelude::*;

use crate::config::Collector;
use crate::config::grammar::SFLOW;
use crate::config::testing::assert_sound;
use crate::config::tokens::{Block, Kind, Token};

/// A token, a value, or arbitrary text.
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
        "0.0025",
        "1e-2",
        "0.0025",
        "1e-2",
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

/// A setting that is mostly valid, so that many files are accepted.
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
        (0_u32..70_000, 0.0..1.1).prop_map(|(group, probability)| {
            format!("nflog {{ group = {group} probability = {probability} }}")
        }),
        (0_u32..70_000, 0.0..1.1).prop_map(|(group, probability)| {
            format!("nflog {{ group = {group} probability = {probability} }}")
        }),
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
    fn arbitrary_sequence_of_tokens(words in proptest::collection::vec(word(), 0..60)) {
        assert_sound(&format!("sflow {{ collector {{ ip = 192.0.2.1 }} {}", words.join(" ")));
        assert_sound(&words.join(" "));
    }

    #[test]
    fn accepted_values_are_in_range(settings in proptest::collection::vec(setting(), 0..4)) {
        assert_sound(&format!("sflow {{ collector {{ ip = 192.0.2.1 }} {} }}", settings.join("\n")));
    }

    #[test]
    fn displayed_collector_parses_to_itself(text in "\\PC{0,40}|[0-9a-f.:\\[\\]]{0,40}") {
        if let Ok(collector) = text.parse::<Collector>() {
            assert_eq!(collector.to_string().parse::<Collector>(), Ok(collector));
        }
    }
}
