//! Datagrams of versions 2 and 4, and of other protocols, by their vectors.

use flowmote_decoder::counter::{EthernetCounters, IfCounters, VlanCounters};
use flowmote_decoder::flow::{
    ExtendedGateway, ExtendedRouter, ExtendedSwitch, ExtendedUrl, ExtendedUser, SampledHeader,
};
use flowmote_decoder::{
    Address, CountersSample, Datagram, Error, FlowSample, Malformed, MalformedKind, Port, Sample,
};
use flowmote_vectors::{named, walk};

fn samples(payload: &[u8]) -> Vec<Result<Sample<'_>, Malformed>> {
    Datagram::parse(payload).unwrap().samples().collect()
}

fn flow<'a>(sample: &Result<Sample<'a>, Malformed>) -> FlowSample<'a> {
    let Ok(Sample::Flow(flow)) = sample else { panic!("{sample:?}") };
    *flow
}

fn counters<'a>(sample: &Result<Sample<'a>, Malformed>) -> CountersSample<'a> {
    let Ok(Sample::Counters(counters)) = sample else { panic!("{sample:?}") };
    *counters
}

#[test]
fn version_2_is_read_with_its_own_gateway() {
    let payload = named("version-2");
    let datagram = Datagram::parse(&payload).unwrap();
    assert_eq!((datagram.version, datagram.sub_agent_id, datagram.sequence_number), (2, 0, 99));
    assert_eq!(datagram.agent_address, Address::V4([192, 0, 2, 1].into()));
    let samples = samples(&payload);
    assert_eq!(samples.len(), 2);
    let sample = flow(&samples[0]);
    assert_eq!((sample.sequence_number, sample.sampling_rate, sample.sample_pool), (7, 512, 1000));
    assert_eq!((sample.input.port(), sample.output.port()), (Port::Index(1), Port::Multiple(7)));
    assert_eq!(sample.num_records, 6);
    let records: Vec<_> = sample.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), 6);
    let header: SampledHeader<'_> = records[0].read().unwrap();
    assert_eq!((header.frame_length, header.stripped, header.header.len()), (62, 0, 58));
    assert_eq!(header.five_tuple().unwrap().dst_port, 80);
    let gateway: ExtendedGateway<'_> = records[3].read().unwrap();
    assert_eq!(
        (gateway.nexthop, gateway.asn, gateway.src_peer_as),
        (Address::Unknown, 65000, 64501)
    );
    let path: Vec<_> = gateway.dst_as_sequence.iter().collect();
    assert_eq!((path, gateway.dst_as_path.len()), (vec![64502, 64503, 64504], 0));
    assert!(gateway.communities.is_empty());
    let interface: IfCounters =
        counters(&samples[1]).records().next().unwrap().unwrap().read().unwrap();
    assert_eq!((interface.if_index, interface.if_out_octets), (1, 2000));
}

#[test]
fn version_4_is_read_with_all_structures() {
    let payload = named("version-4");
    let datagram = Datagram::parse(&payload).unwrap();
    assert_eq!(datagram.version, 4);
    assert_eq!(datagram.agent_address.to_string(), "2001:db8::1");
    let samples = samples(&payload);
    assert_eq!(samples.len(), 4);
    let records: Vec<_> = flow(&samples[0]).records().map(Result::unwrap).collect();
    let numbers: Vec<_> = records.iter().map(|record| record.data_format().0).collect();
    assert_eq!(numbers, [3, 1001, 1002, 1003, 1004, 1005]);
    assert_eq!(flow(&samples[0]).packet().flow.unwrap().src_port, 1000);
    assert_eq!(records[1].read::<ExtendedSwitch>().unwrap().dst_vlan, 20);
    assert_eq!(records[2].read::<ExtendedRouter>().unwrap().dst_mask_len, 16);
    let gateway: ExtendedGateway<'_> = records[3].read().unwrap();
    let path: Vec<_> = gateway
        .dst_as_path
        .iter()
        .map(|segment| (segment.segment_type, segment.as_numbers.len()))
        .collect();
    assert_eq!(
        (path, gateway.communities.len(), gateway.localpref),
        (vec![(2, 2), (1, 1)], 2, 100)
    );
    let user: ExtendedUser<'_> = records[4].read().unwrap();
    assert_eq!((user.src.charset, user.src.name, user.dst.name), (0, &b"alice"[..], &b"bob"[..]));
    let url: ExtendedUrl<'_> = records[5].read().unwrap();
    assert_eq!(
        (url.direction, url.url.0, url.host.0),
        (1, &b"http://www.example.com/"[..], &b""[..])
    );
    let packet = flow(&samples[1]).packet();
    assert_eq!(
        (packet.length(), packet.flow.unwrap().dst.to_string()),
        (Some(1280), "2001:db8::2".into())
    );

    let ethernet = counters(&samples[2]);
    assert_eq!((ethernet.num_records, ethernet.sampling_interval()), (2, Some(20)));
    let records: Vec<_> = ethernet.records().map(Result::unwrap).collect();
    assert_eq!(records[0].read::<IfCounters>().unwrap().if_index, 2);
    assert_eq!(records[1].read::<EthernetCounters>().unwrap().dot3_stats_symbol_errors, 113);
    let vlan = counters(&samples[3]).records().next().unwrap().unwrap();
    assert_eq!(vlan.read::<VlanCounters>().unwrap().octets, 1000);
    assert_eq!(walk(&payload).unwrap().faults, []);
}

/// Without lengths, what follows an unknown structure is lost; what was before is kept.
#[test]
fn unknown_structure_ends_a_datagram_without_lengths() {
    let payload = named("version-4-unknown-extended");
    let samples = samples(&payload);
    let records: Vec<_> = flow(&samples[0]).records().collect();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1].unwrap().read::<ExtendedSwitch>().unwrap().src_vlan, 10);
    assert_eq!(
        records[2].unwrap_err(),
        Malformed { kind: MalformedKind::UnknownUnion, offset: 156 }
    );
    assert_eq!(samples[1].unwrap_err().kind, MalformedKind::SamplesMissing);

    // Kinds of samples and of counters.
    for (at, kind) in [(24, 3), (264 - 104 + 4, 8)] {
        let mut payload = named("version-2");
        let at = if kind == 8 { payload.len() - 92 } else { at };
        payload[at..at + 4].copy_from_slice(&[0, 0, 0, kind]);
        let faults = walk(&payload).unwrap().faults;
        assert_eq!(
            faults[0],
            Malformed {
                kind: MalformedKind::UnknownUnion,
                offset: if kind == 8 { at + 4 } else { at }
            }
        );
    }
}

/// Each word in turn as a count or a length of four billion.
#[test]
fn work_without_lengths_is_bounded() {
    for name in ["version-2", "version-4"] {
        let whole = named(name);
        for at in (4..whole.len()).step_by(4) {
            let mut payload = whole.clone();
            payload[at..at + 4].fill(0xff);
            let _ = walk(&payload);
        }
        for len in 0..whole.len() {
            if let Ok(cut) = walk(&whole[..len]) {
                assert!(!cut.faults.is_empty(), "{name} cut at {len}");
            }
        }
    }
}

#[test]
fn netflow_and_ipfix_are_named() {
    for (name, error, shown) in [
        ("netflow-5", Error::NetFlow(5), "NetFlow v5, not sFlow"),
        ("netflow-9", Error::NetFlow(9), "NetFlow v9, not sFlow"),
        ("ipfix", Error::Ipfix, "IPFIX, not sFlow"),
    ] {
        let refused = Datagram::parse(&named(name)).unwrap_err();
        assert_eq!((refused, refused.to_string().as_str()), (error, shown));
    }
    for (version, count, len) in [(1, 2, 16 + 2 * 52), (7, 1, 24 + 52), (8, 1, 28)] {
        let mut payload = vec![0; len];
        payload[..4].copy_from_slice(&[0, version, 0, count]);
        assert_eq!(Datagram::parse(&payload).unwrap_err(), Error::NetFlow(version));
    }
    // The count and the length do not agree.
    for head in [[0, 5, 0, 0], [0, 5, 0, 1], [0, 10, 0, 99], [0, 6, 0, 1], [1, 5, 0, 1]] {
        let mut payload = vec![0; 100];
        payload[..4].copy_from_slice(&head);
        let version = Error::Version(u32::from_be_bytes(head));
        assert_eq!(Datagram::parse(&payload).unwrap_err(), version, "{head:?}");
    }
    assert_eq!(Error::Version(3).to_string(), "sFlow version 3, only 2, 4 and 5 are known");
}
