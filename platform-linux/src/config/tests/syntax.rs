//! Lexical rules, those of hsflowd.

use super::{accepted, warned};
use crate::config::{Config, MAX_SAMPLING};

#[test]
fn separators_and_case_are_equivalent() {
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
fn numbers_have_suffixes_and_bases() {
    assert_eq!(accepted("sampling = 1K").sampling.rate.unwrap().value, 1000);
    assert_eq!(accepted("sampling = 0x10").sampling.rate.unwrap().value, 16);
    assert_eq!(accepted("sampling = 10M").sampling.rate.unwrap().value, MAX_SAMPLING);
    assert_eq!(warned("polling = 010").polling_secs, 8);
}

#[test]
fn braces_in_quotes_are_text() {
    let config = accepted(r#"pcap { dev.pattern = "^eth[0-9]{1,2}$" }"#);
    let pattern = config.taps[0].selector.pattern.as_ref().unwrap();
    assert_eq!(pattern.as_str(), "^eth[0-9]{1,2}$");
}
