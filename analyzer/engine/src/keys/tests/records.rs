//! Keys of flow records.

use super::*;

#[test]
fn router_and_gateway() {
    let router = [words(&[1]), vec![10, 0, 0, 254], words(&[24, 16])].concat();
    let gateway = [
        words(&[1]),
        vec![10, 0, 0, 253],
        words(&[65000, 65010, 65011, 2, 2, 2, 65020, 65021, 1, 1, 65022]),
        words(&[2, 65000 << 16 | 80, 65001 << 16 | 90, 200]),
    ]
    .concat();
    check(
        &flow_sample(&[(1002, router), (1003, gateway)]),
        &[
            ("ipnexthoprouter", "10.0.0.254"),
            ("ipsourcemaskbits", "24"),
            ("ipdestinationmaskbits", "16"),
            ("bgpnexthop", "10.0.0.253"),
            ("bgpas", "65000"),
            ("bgpsourceas", "65010"),
            ("bgpsourcepeeras", "65011"),
            ("bgpdestinationas", "65022"),
            ("bgpdestinationpeeras", "65020"),
            ("bgpdestinationaspath", "65020-65021-65022"),
            ("bgpcommunities", "65000:80-65001:90"),
            ("bgplocalpref", "200"),
            ("eq:bgpsourceas:bgpas", "false"),
        ],
    );
}

#[test]
fn gateway_without_path() {
    let gateway = words(&[0, 65000, 65010, 65011, 0, 0, 0]);
    check(
        &flow_sample(&[(1003, gateway)]),
        &[
            ("bgpnexthop", "-"),
            ("bgpdestinationas", "-"),
            ("bgpdestinationpeeras", "-"),
            ("bgpdestinationaspath", "-"),
            ("bgpcommunities", "-"),
        ],
    );
}

#[test]
fn translation_users_and_mpls_paths() {
    let nat = [words(&[1]), vec![192, 0, 2, 1], words(&[1]), vec![192, 0, 2, 2]].concat();
    let user = [words(&[106]), string("alice"), words(&[4, 4]), vec![b'b', 0xf6, b'b', 0]].concat();
    check(
        &flow_sample(&[
            (1004, user),
            (1005, [words(&[1]), string("GET /a"), string("example.org")].concat()),
            (1007, nat),
            (1008, [string("lsp-1"), words(&[1, 2])].concat()),
            (1009, [string("vc-1"), words(&[1, 2])].concat()),
            (1020, words(&[1024, 443])),
        ]),
        &[
            ("natsource", "192.0.2.1"),
            ("natdestination", "192.0.2.2"),
            ("natsourceport", "1024"),
            ("natdestinationport", "443"),
            ("usersource", "alice"),
            ("userdestination", "böb\0"),
            ("url", "GET /a"),
            ("urlhost", "example.org"),
            ("mplstunnel", "lsp-1"),
            ("mplsvc", "vc-1"),
        ],
    );
}

#[test]
fn tunnel_records() {
    let ipv4 = |last: u32| words(&[100, 47, 0x0a00_0001, 0x0a00_0000 | last, 0, 0, 0, 0]);
    let address = |last| [words(&[0x2001_0db8, 0, 0]), words(&[last])].concat();
    let ipv6 = |last| [words(&[100, 41]), address(1), address(last), words(&[0; 4])].concat();
    let ethernet = |last| {
        [&words(&[100])[..], &[2, 0, 0, 0, 0, 1, 0, 0, 2, 0, 0, 0, 0, last, 0, 0], &words(&[0x800])]
            .concat()
    };
    check(
        &flow_sample(&[
            (1021, ethernet(2)),
            (1022, ethernet(3)),
            (1023, ipv4(2)),
            (1024, ipv4(3)),
            (1025, ipv6(2)),
            (1026, ipv6(3)),
            (1029, words(&[42])),
            (1030, words(&[43])),
        ]),
        &[
            ("outputmacsource", "020000000001"),
            ("outputmacdestination", "020000000002"),
            ("inputmacsource", "020000000001"),
            ("inputmacdestination", "020000000003"),
            ("outputipsource", "10.0.0.1"),
            ("outputipdestination", "10.0.0.2"),
            ("outputipprotocol", "47"),
            ("inputipsource", "10.0.0.1"),
            ("inputipdestination", "10.0.0.3"),
            ("inputipprotocol", "47"),
            ("outputip6source", "2001:db8::1"),
            ("outputip6destination", "2001:db8::2"),
            ("outputip6nexthdr", "41"),
            ("inputip6source", "2001:db8::1"),
            ("inputip6destination", "2001:db8::3"),
            ("inputip6nexthdr", "41"),
            ("outputvni", "42"),
            ("inputvni", "43"),
            ("ipsource", "-"),
        ],
    );
}

#[test]
fn queues_and_delays() {
    check(
        &flow_sample(&[
            (1019, words(&[7, 12])),
            (1039, words(&[1500])),
            (1040, words(&[4096])),
            (1043, words(&[1, 2])),
        ]),
        &[
            ("queueindex", "7"),
            ("queuelength", "12"),
            ("queuedepth", "4096"),
            ("transitdelay", "1500"),
            ("timestamp", "4294967298"),
        ],
    );
    check(&flow_sample(&[(4413 << 12 | 1, words(&[9]))]), &[("queueindex", "9")]);
    check(
        &flow_sample(&[(1033, words(&[0xffff, 77, 4]))]),
        &[("ibbtdestqp", "77"), ("ibbtopname", "SEND_ONLY"), ("ibbtpkey", "65535")],
    );
}

#[test]
fn http_request() {
    let texts = ["/index.html", "example.org", "http://a/", "curl", "10.9.9.9", "bob", "text/html"];
    let mut record = words(&[2, 1001]);
    record.extend(texts.iter().flat_map(|text| string(text)));
    record.extend(words(&[0, 100, 0, 2000, 300, 404]));
    let [server, client] = [0x0a00_0001, 0x0a00_0002];
    let v6 = |last| words(&[0x2001_0db8, 0, 0, last]);
    let socket6 = [words(&[6]), v6(1), v6(2), words(&[80, 50000])].concat();
    check(
        &flow_sample(&[
            (2206, record),
            (2100, words(&[6, server, client, 8080, 40000])),
            (2102, words(&[6, 0x0a00_0003, 0x0a00_0004, 41000, 9090])),
            (2207, [string("/rewritten"), string("backend")].concat()),
        ]),
        &[
            ("httpmethod", "GET"),
            ("httpprotocol", "1001"),
            ("httpurl", "/index.html"),
            ("httphost", "example.org"),
            ("httpreferer", "http://a/"),
            ("httpuseragent", "curl"),
            ("httpxff", "10.9.9.9"),
            ("httpauthuser", "bob"),
            ("httpmimetype", "text/html"),
            ("httpstatus", "404"),
            ("req_bytes", "100"),
            ("resp_bytes", "2000"),
            ("bytes", "2100"),
            ("duration", "300"),
            ("requests", "1"),
            ("protocol", "6"),
            ("serveraddress", "10.0.0.1"),
            ("serverport", "8080"),
            ("clientaddress", "10.0.0.2"),
            ("clientport", "40000"),
            ("proxyclientaddress", "10.0.0.3"),
            ("proxyclientport", "41000"),
            ("proxyserveraddress", "10.0.0.4"),
            ("proxyserverport", "9090"),
            ("httpproxyurl", "/rewritten"),
            ("httpproxyhost", "backend"),
            ("serveraddress6", "-"),
            ("memcachekey", "-"),
        ],
    );
    check(
        &flow_sample(&[(2101, socket6.clone()), (2103, socket6)]),
        &[
            ("protocol", "6"),
            ("serveraddress6", "2001:db8::1"),
            ("clientaddress6", "2001:db8::2"),
            ("serverport", "80"),
            ("clientport", "50000"),
            ("proxyclientaddress6", "2001:db8::1"),
            ("proxyserveraddress6", "2001:db8::2"),
            ("proxyclientport", "80"),
            ("proxyserverport", "50000"),
        ],
    );
}

#[test]
fn application_operation() {
    let context = |name, operation, attributes| {
        [string(name), string(operation), string(attributes)].concat()
    };
    let operation = [
        context("pay", "card.visa", "amount=5"),
        string("declined"),
        words(&[0, 10, 0, 20, 30, 4]),
    ]
    .concat();
    check(
        &flow_sample(&[
            (2202, operation),
            (2203, context("shop", "checkout", "")),
            (2204, string("alice")),
            (2205, string("bank")),
            (2210, words(&[3, 5, 2, 1])),
        ]),
        &[
            ("appname", "pay"),
            ("appoperation", "card.visa"),
            ("appattributes", "amount=5"),
            ("appstatus", "BAD_REQUEST"),
            ("appstatusdescr", "declined"),
            ("appinitiator", "alice"),
            ("apptarget", "bank"),
            ("appparent", "shop"),
            ("appparentoperation", "checkout"),
            ("req_bytes", "10"),
            ("resp_bytes", "20"),
            ("bytes", "30"),
            ("duration", "30"),
            ("requests", "1"),
            ("entitysource", "3.5"),
            ("entitydestination", "2.1"),
        ],
    );
}

#[test]
fn tcp_state() {
    let tcp = words(&[2, 1460, 1400, 10, 1, 2, 1500, 250, 40, 100, 3, 200]);
    check(
        &flow_sample(&[(2209, tcp)]),
        &[
            ("tcpdirection", "sent"),
            ("tcpmss", "1460"),
            ("tcpmssrcv", "1400"),
            ("tcpunacked", "10"),
            ("tcplost", "1"),
            ("tcpretrans", "2"),
            ("tcppmtu", "1500"),
            ("tcprtt", "250"),
            ("tcprttsdev", "40"),
            ("tcpcwndsnd", "100"),
            ("tcpreordering", "3"),
            ("tcprttmin", "200"),
            ("tcprttwait", "50"),
        ],
    );
}

#[test]
fn wireless_networks() {
    let radio = [string("lab"), vec![2, 0, 0, 0, 0, 9, 0, 0]].concat();
    let expected = [("ssid", "lab"), ("bssid", "020000000009")];
    check(
        &flow_sample(&[(1014, [radio.clone(), words(&[3, 6, 0, 0, 0, 0, 0])].concat())]),
        &expected,
    );
    check(&flow_sample(&[(1015, [radio, words(&[3, 1, 0, 0, 6, 0, 0, 0])].concat())]), &expected);
}

#[test]
fn every_key_is_tested_by_name() {
    let tests =
        [include_str!("packets.rs"), include_str!("records.rs"), include_str!("functions.rs")];
    for key in catalogue() {
        let mention = format!("(\"{}\", \"", key.name);
        let tested = tests.iter().any(|test| test.contains(&mention));
        // These names are made in a loop.
        assert!(tested || key.name.starts_with("icmpunreachable"), "no test of {}", key.name);
    }
}

#[test]
fn vectors_are_read_whole_and_cut() {
    let read = |packet: &Packet<'_>| {
        let has_value = |key: &&KeyInfo| {
            [1, 0].map(|instance| key.value(packet, instance).is_some()).contains(&true)
        };
        catalogue().filter(has_value).count() > 0
    };
    for (name, datagram) in flowmote_vectors::all() {
        let any_packet = packets(&datagram, read);
        for length in (0..datagram.len()).step_by(11) {
            assert!(!packets(&datagram[..length], read) || any_packet, "{name}");
        }
    }
}

/// True if `check` holds for one of the packets of a datagram.
fn packets(datagram: &[u8], check: impl Fn(&Packet<'_>) -> bool) -> bool {
    let Ok(datagram) = Datagram::parse(datagram) else { return false };
    let agent = datagram.agent_address;
    datagram.samples().flatten().any(|sample| match sample {
        Sample::Flow(sample) => check(&Packet::flow(agent, &sample)),
        Sample::Discarded(sample) => check(&Packet::discarded(agent, &sample)),
        Sample::RtFlow(sample) => check(&Packet::rtflow(agent, &sample)),
        _ => false,
    })
}
