//! Each operator, and absent keys.

use super::*;

#[test]
fn operators_compare_lists() {
    let packet = tcp_packet();
    for (filter, accepted) in [
        ("", true),
        ("ipsource=10.0.0.1", true),
        ("ipsource=10.0.0.2", false),
        ("ipsource=10.0.0.2,10.0.0.1", true),
        ("ipsource!=10.0.0.2,10.0.0.1", false),
        ("ipsource!=10.0.0.2", true),
        ("ipprotocol=6,17&direction=ingress", true),
        ("ipprotocol=6,17&direction=egress", false),
        ("ipprotocol=17|direction=ingress", true),
        ("ipprotocol=17|direction=egress|tcpflags=000010010", true),
        ("ipprotocol=17&direction=ingress|ipttl=64", true),
        ("ipprotocol=17&(direction=ingress|ipttl=64)", false),
        ("tcpflags~.......1.", true),
        ("tcpflags~.......0.,....1....", true),
        ("tcpflags~1", false),
        ("tcpflags!~.......1.", false),
        ("ipsource~10\\..*", true),
        ("ipsource~(10|11)\\.[0-9)|]+\\.0\\.1&ipttl=64", true),
        ("macsource=02:00:00:00:00:aa", true),
        ("outputifindex!=discard&direction=ingress", true),
        (" ipsource = 10.0.0.1 , 10.0.0.9 & ( ipttl != 1 ) ", true),
        ("ipfragoffset=0", true),
        ("ipttl=064", false),
    ] {
        assert_eq!(accepts(&packet, filter), accepted, "{filter}");
    }
}

#[test]
fn absent_keys_are_equal_to_null_only() {
    let packet = tcp_packet();
    for (filter, accepted) in [
        ("udpsourceport=53", false),
        ("udpsourceport!=53", true),
        ("udpsourceport~.*", false),
        ("udpsourceport!~.*", true),
        ("udpsourceport=null", true),
        ("udpsourceport!=null", false),
        ("udpsourceport=null,53", true),
        ("udpsourceport!=null,53", false),
        ("tcpsourceport=null", false),
        ("tcpsourceport!=null", true),
        ("tcpsourceport!=null,40001", false),
        ("tcpsourceport=null,40001", true),
    ] {
        assert_eq!(accepts(&packet, filter), accepted, "{filter}");
    }
}

#[test]
fn errors_name_position_and_remedy() {
    for (text, error) in [
        ("ipsource", "at character 9: expected `=`, `!=`, `~` or `!~`"),
        ("ipsource=", "at character 10: expected a value"),
        ("ipsource=1.2.3.4&", "at character 18: expected a key"),
        ("(ipttl=1", "at character 1: `(` without its counterpart"),
        ("ipttl=1)", "at character 8: `)` without its counterpart"),
        ("ipttl=1&iptl=1", "at character 9: unknown key `iptl`; did you mean `ipttl`?"),
        ("ipttl~(1", "at character 7: regular expression: unclosed group"),
        (
            "ipttl~a{1000}{1000}",
            "at character 7: regular expression: Compiled regex exceeds size limit of 65536 bytes.",
        ),
    ] {
        assert_eq!(Filter::parse(text).unwrap_err().to_string(), error, "{text}");
    }
    let deep = "(".repeat(33);
    assert_eq!(
        Filter::parse(&deep).unwrap_err().to_string(),
        "at character 34: nested more than 32 deep"
    );
    let long = "a".repeat(4097);
    assert_eq!(
        Filter::parse(&long).unwrap_err().to_string(),
        "at character 4097: longer than 4096 bytes"
    );
}

#[test]
fn filters_of_known_clients() {
    let mut lookup = Lookup::default();
    let groups = [("external", "0.0.0.0/0"), ("internal", "10.0.0.2/32")];
    let groups = groups.map(|(label, network)| (label.to_owned(), vec![network.to_owned()]));
    lookup.groups.set("", crate::lookup::Group::new(groups.into()).unwrap()).unwrap();
    let context = Context::new(&lookup);
    for (filter, accepted) in [
        ("sourcegroup=external&destinationgroup=internal", true),
        ("sourcegroup=internal&destinationgroup=internal", false),
        ("inputifindex=5", true),
        ("inputifindex=561", false),
        ("ipprotocol=1&icmptype=3", false),
        ("udpdestinationport=5060", false),
        ("ipdestination=10.0.0.2&tcpdestinationport=443&tcpflags=000010010", true),
        ("dnsqr=false&dnsqtype=255", false),
        ("macsource=0200000000AA|macdestination=0200000000AA", true),
        ("memcachestatus=NOT_FOUND", false),
        ("(ipflags=001|range:ipfragoffset:1=true)", false),
        ("ethernetprotocol=2048&isunicast=true", true),
        ("agent=192.0.2.1&datasource=5", true),
        ("or:tcpsourceport:udpsourceport:icmptype:-1=40001", true),
        ("or:udpsourceport:icmptype:-1=-1", true),
        ("null:vlan:undefined=undefined", true),
        ("null:[country:ipsource]:unknown=unknown", true),
    ] {
        let parsed = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
        with(&tcp_packet(), |packet| {
            assert_eq!(parsed.matches(packet, &context), accepted, "{filter}");
        });
    }
}
