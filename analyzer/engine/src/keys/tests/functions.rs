//! Each key function.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use flowmote_decoder::{Address, MacAddress};

use super::*;
use crate::instant::Instant;
use crate::lookup::{AsnPart, Databases, Geo, Group, Map, OuiPart};

#[test]
fn defaults_and_choices() {
    check(
        &tcp_packet(),
        &[
            ("null:vlan:undefined", "undefined"),
            ("null:ipsource:undefined", "10.0.0.1"),
            ("null:[country:ipsource]:unknown", "unknown"),
            ("or:udpsourceport:tcpsourceport:-1", "40001"),
            ("or:udpsourceport:icmptype:-1", "-1"),
            ("or:udpsourceport:[null:vlan:none]", "none"),
            ("or:udpsourceport:icmptype", "-"),
            ("if:[first:stack:.:ip:ip6]:ip:[ipsource]:[ip6source]", "10.0.0.1"),
            ("if:ipprotocol:17:udp:other", "other"),
            ("if:ipprotocol:6:tcpsourceport:other", "40001"),
            ("if:vlan:6:a:b", "b"),
            ("eq:ipsource:10.0.0.1", "true"),
            ("eq:ipsource:ipdestination", "false"),
            ("eq:ipsource:src", "true"),
            ("eq:macsource:0200000000AA", "true"),
            ("eq:ipsource:vlan", "-"),
        ],
    );
}

#[test]
fn numbers() {
    check(
        &tcp_packet(),
        &[
            ("range:bytes:62:63", "true"),
            ("range:bytes:61:62", "true"),
            ("range:bytes:63:70", "false"),
            ("range:bytes:10:61", "false"),
            ("range:bytes::61", "false"),
            ("range:bytes:62", "true"),
            ("range:bytes:63", "false"),
            ("range:vlan:1", "-"),
            ("bits:ipttl:96", "64"),
            ("bits:tcpflags:18", "18"),
            ("bits:tcpflags:1", "0"),
            ("bits:ipsource:1", "-"),
            ("len:ipsource", "8"),
            ("len:stack", "10"),
            ("hash:ipttl", "434694279"),
            ("hash:ipttl:100", "79"),
        ],
    );
}

#[test]
fn networks() {
    check(
        &tcp_packet(),
        &[
            ("mask:ipsource:24", "10.0.0.0"),
            ("mask:ipdestination:31", "10.0.0.2"),
            ("mask:ipdestination:32", "10.0.0.2"),
            ("mask:ipdestination:0", "0.0.0.0"),
            ("mask:src:24:64", "10.0.0.0"),
            ("mask:macsource:24", "-"),
        ],
    );
    let mut v6 = words(&[1400, 17, 0x2001_0db8, 0xffff_ffff, 0xffff_ffff, 1]);
    v6.extend(words(&[0, 0, 0, 0, 5000, 53, 0, 0]));
    check(
        &flow_sample(&[(4, v6)]),
        &[
            ("mask:ip6source:48", "2001:db8:ffff::"),
            ("mask:src:24:64", "2001:db8:ffff:ffff::"),
            ("mask:src:128", "2001:db8:ffff:ffff:ffff:ffff:0:1"),
            ("mask:src:0", "::"),
        ],
    );
}

#[test]
fn tokens_of_text() {
    check(
        &tcp_packet(),
        &[
            ("prefix:stack:.:1", "eth"),
            ("prefix:stack:.:2", "eth.ip"),
            ("prefix:stack:.:9", "eth.ip.tcp"),
            ("suffix:stack:.:1", "tcp"),
            ("suffix:stack:.:2", "ip.tcp"),
            ("suffix:stack:.:9", "eth.ip.tcp"),
            ("suffix:ipsource:.:2", "0.1"),
            ("first:stack:.:ip:ip6", "ip"),
            ("first:stack:.:tcp:ip", "ip"),
            ("first:stack:.:i", "-"),
            ("concat:\\::ipsource:tcpsourceport", "10.0.0.1:40001"),
            ("concat:-:a:ipttl:b", "a-64-b"),
            ("concat::ipttl:ipprotocol", "646"),
            ("concat:-:ipttl:vlan", "-"),
            ("concat:\\[:ipttl:x", "64[x"),
        ],
    );
}

#[test]
fn parts_of_uris() {
    let http = |url: &str| {
        let mut record = words(&[2, 1001]);
        record.extend(string(url));
        record.extend(words(&[0; 12]));
        flow_sample(&[(2206, record)])
    };
    let full = http("HTTP://bob@Example.org:8080/a/b.html?x=1#top");
    check(
        &full,
        &[
            ("uri:httpurl:normalized", "http://bob@example.org:8080/a/b.html"),
            ("uri:httpurl:scheme", "http"),
            ("uri:httpurl:authority", "bob@Example.org:8080"),
            ("uri:httpurl:user", "bob"),
            ("uri:httpurl:host", "example.org"),
            ("uri:httpurl:port", "8080"),
            ("uri:httpurl:path", "/a/b.html"),
            ("uri:httpurl:file", "b.html"),
            ("uri:httpurl:extension", "html"),
            ("uri:httpurl:query", "x=1"),
            ("uri:httpurl:fragment", "top"),
        ],
    );
    check(
        &http("/a/"),
        &[
            ("uri:httpurl:normalized", "/a/"),
            ("uri:httpurl:scheme", "-"),
            ("uri:httpurl:host", "-"),
            ("uri:httpurl:path", "/a/"),
            ("uri:httpurl:file", "-"),
            ("uri:httpurl:extension", "-"),
            ("uri:httpurl:query", "-"),
        ],
    );
    check(
        &http("http://[2001:db8::1]:80"),
        &[
            ("uri:httpurl:host", "[2001:db8::1]"),
            ("uri:httpurl:port", "80"),
            ("uri:httpurl:path", "-"),
        ],
    );
}

struct Facts;

impl Geo for Facts {
    fn country(&self, address: IpAddr) -> Option<String> {
        (address == IpAddr::from([10, 0, 0, 1])).then(|| "DE".to_owned())
    }

    fn asn(&self, address: IpAddr, part: AsnPart) -> Option<String> {
        Some(format!("{address} {part:?}"))
    }

    fn oui(&self, address: MacAddress, part: OuiPart) -> Option<String> {
        Some(format!("{address} {part:?}"))
    }
}

impl crate::keys::Names for Facts {
    fn ifname(&self, agent: &Address, ifindex: u32) -> Option<String> {
        (agent.to_string() == "192.0.2.1" && ifindex == 5).then(|| "eth5".to_owned())
    }

    fn host(&self, address: MacAddress, metric: &str) -> Option<String> {
        (address == MacAddress([2, 0, 0, 0, 0, 0xaa])).then(|| format!("{metric} of aa"))
    }
}

fn entries(label: &str, values: &[&str]) -> BTreeMap<String, Vec<String>> {
    [(label.to_owned(), values.iter().map(|value| (*value).to_owned()).collect())].into()
}

#[test]
fn look_ups() {
    let mut lookup = Lookup { geo: Databases::new(Arc::new(Facts)), ..Lookup::default() };
    let group = |label, network: &str| Group::new(entries(label, &[network])).unwrap();
    lookup.groups.set("", group("internal", "10.0.0.0/31")).unwrap();
    lookup.groups.set("one", group("first", "10.0.0.1/32")).unwrap();
    lookup.groups.set("two", group("second", "10.0.0.0/8")).unwrap();
    let map = Map::new(entries("web", &["443", "0200000000AA"]));
    lookup.maps.set("services", map).unwrap();
    lookup.addresses.set(Instant::default(), [10, 0, 0, 1].into(), Some("a.example.org"));
    let context = Context { lookup: &lookup, names: &Facts };
    check_in(
        &tcp_packet(),
        &context,
        &[
            ("sourcegroup", "internal"),
            ("destinationgroup", "-"),
            ("group:ipsource:one:two", "first"),
            ("group:ipdestination:one:two", "second"),
            ("group:ipdestination:one", "-"),
            ("group:ipdestination:none", "-"),
            ("map:tcpdestinationport:services", "web"),
            ("map:macsource:none:services", "web"),
            ("map:tcpsourceport:services", "-"),
            ("country:ipsource", "DE"),
            ("country:ipsource:both", "DE"),
            ("country:dst", "-"),
            ("asn:ipsource", "10.0.0.1 Number"),
            ("asn:ipsource:name", "10.0.0.1 Name"),
            ("asn:ipsource:both", "10.0.0.1 Both"),
            ("oui:macsource", "02:00:00:00:00:aa Prefix"),
            ("oui:macsource:name", "02:00:00:00:00:aa Name"),
            ("dns:ipsource", "a.example.org"),
            ("dns:ipdestination", "-"),
            ("host:macsource:vir_host_name", "vir_host_name of aa"),
            ("host:macdestination:vir_host_name", "-"),
            ("ifname:inputifindex", "eth5"),
            ("ifname:outputifindex", "-"),
            ("link:inputifindex", "-"),
            ("node:inputifindex", "-"),
        ],
    );
    let nothing = Lookup::default();
    let expected = ["country", "asn", "dns"].map(|name| format!("{name}:ipsource"));
    for key in expected {
        check_in(&tcp_packet(), &Context::new(&nothing), &[(&key, "-")]);
    }
}

#[test]
fn links_and_nodes_of_the_topology() {
    use crate::lookup::{Link, Node, Topology};
    let agent = Address::V4([192, 0, 2, 1].into());
    let node = |ifindex| Node {
        agent: Some(agent),
        ports: [("p".to_owned(), ifindex)].into(),
        ..Node::default()
    };
    let nodes = [("a".to_owned(), node(5)), ("b".to_owned(), node(9))].into();
    let link = Link {
        node1: "a".to_owned(),
        port1: "p".to_owned(),
        node2: "b".to_owned(),
        port2: "p".to_owned(),
    };
    let mut topology = Topology::new(nodes, [("a-b".to_owned(), link)].into()).unwrap();
    struct Unnamed;
    impl crate::lookup::Names for Unnamed {
        fn hosts(&self) -> crate::lookup::Hosts {
            Default::default()
        }
        fn ifindex(&self, _: &Address, _: &str) -> Option<u32> {
            None
        }
    }
    topology.resolve(&Unnamed);
    let lookup = Lookup { topology, ..Lookup::default() };
    check_in(
        &tcp_packet(),
        &Context::new(&lookup),
        &[
            ("link:inputifindex", "a-b"),
            ("node:inputifindex", "a"),
            ("node:outputifindex", "b"),
            ("link:ipttl", "-"),
        ],
    );
}

#[test]
fn arguments_are_checked() {
    for (key, form) in [
        ("group:ipsource", "group:KEY:MAP<:MAP…>"),
        ("asn:ipsource:size", "asn:KEY<:number|name|both>"),
        ("uri:httpurl:tail", "uri:KEY:PART"),
        ("prefix:stack:.:0", "prefix:KEY:SEPARATOR:COUNT"),
        ("prefix:stack::1", "prefix:KEY:SEPARATOR:COUNT"),
        ("mask:ipsource:33", "mask:KEY:BITS<:BITS6>"),
        ("mask:src:24:129", "mask:KEY:BITS<:BITS6>"),
        ("range:bytes:low", "range:KEY:<LOW>:<HIGH>"),
        ("range:bytes:NaN", "range:KEY:<LOW>:<HIGH>"),
        ("bits:ipttl:-1", "bits:KEY:MASK"),
        ("hash:ipttl:0", "hash:KEY<:BUCKETS>"),
        ("or:ipttl", "or:KEY:KEY<:KEY…>"),
        ("if:ipttl:1:2", "if:KEY:TEXT:THEN:ELSE"),
        ("eq:ipttl", "eq:KEY:KEY"),
        ("dns:ipsource:x", "dns:KEY"),
    ] {
        let error = Keys::parse(key).unwrap_err().to_string();
        assert_eq!(error, format!("at character 1: expected `{form}`"), "{key}");
    }
}

#[test]
fn each_function_is_tested() {
    let tests = include_str!("functions.rs");
    let packets = include_str!("packets.rs");
    for function in functions() {
        let call = format!("(\"{}:", function.name);
        assert!(tests.contains(&call) || packets.contains(&call), "{}", function.name);
    }
}
