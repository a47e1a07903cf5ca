//! Text of keys: what is accepted, what is not, and where the error is.

use super::*;

#[test]
fn errors_name_position_and_remedy() {
    for (text, error) in [
        ("ipsorce", "at character 1: unknown key `ipsorce`; did you mean `ipsource`?"),
        ("ipsource, xyzzyxyzzy", "at character 11: unknown key `xyzzyxyzzy`"),
        ("ipsource,", "at character 10: expected a key"),
        ("agent.1", "at character 1: `agent` exists once for a packet, without a suffix"),
        ("contry:ipsource", "at character 1: unknown function `contry`; did you mean `country`?"),
        ("null:ipsource", "at character 1: expected `null:KEY:TEXT`"),
        ("null:[country:ipsource:unknown", "at character 6: `[` without its counterpart"),
        ("a]", "at character 2: `]` without its counterpart"),
        (
            "null:[country:ipsorce]:x",
            "at character 15: unknown key `ipsorce`; did you mean `ipsource`?",
        ),
    ] {
        assert_eq!(Keys::parse(text).unwrap_err().to_string(), error, "{text}");
    }
}
