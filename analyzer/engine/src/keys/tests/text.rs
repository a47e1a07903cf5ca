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

#[test]
fn absent_keys_do_not_shift_fields() {
    let text = |list: &str| {
        let keys = Keys::parse(list).unwrap_or_else(|error| panic!("{list}: {error}"));
        let mut buffer = KeyBuffer::new();
        let lookup = Lookup::default();
        let written =
            with(&tcp_packet(), |packet| keys.write(packet, &Context::new(&lookup), &mut buffer));
        written.then(|| keys.text(buffer.bytes(), "_SEP_"))
    };
    assert_eq!(text("").as_deref(), Some(""));
    assert_eq!(text("ipsource,vlan,ipdestination"), None);
    let expected = "192.0.2.1_SEP_10.0.0.1_SEP_6_SEP_40001_SEP_none";
    let list = "agent,or:ipsource:ip6source,or:ipprotocol:ip6nexthdr,or:udpsourceport:tcpsourceport:icmptype:-1,null:vlan:none";
    assert_eq!(text(list).as_deref(), Some(expected));
}
