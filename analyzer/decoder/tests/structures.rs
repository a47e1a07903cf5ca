//! Structures with strings, lists, unions or several lengths, on literal bytes.

use flowmote_decoder::counter::{
    HostAdapters, HostCpu, HostDescr, IfCounters, PortName, Sfp, VlanCounters,
};
use flowmote_decoder::flow::{
    Extended80211Aggregation, ExtendedGateway, ExtendedMpls, ExtendedSwitch, ExtendedUser,
    SampledEthernet, SampledHeader,
};
use flowmote_decoder::visit::Value;
use flowmote_decoder::{
    Address, CounterData, CounterRecord, Datagram, FlowRecord, Latin1, MacAddress, Malformed,
    MalformedKind, Sample, Text,
};
use flowmote_vectors::{named, walk};

/// A datagram of one sample of one record.
fn datagram(sample: u32, record: u32, body: &[u8]) -> Vec<u8> {
    let mut fixed = vec![0, 0, 0, 9, 0, 0, 0, 3];
    if sample == 1 {
        fixed.extend([0; 20]);
    }
    fixed.extend([0, 0, 0, 1]);
    let padded = body.len().next_multiple_of(4);
    let mut payload = vec![0, 0, 0, 5, 0, 0, 0, 1, 10, 0, 0, 1];
    payload.extend([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
    payload.extend(sample.to_be_bytes());
    payload.extend(((fixed.len() + 8 + padded) as u32).to_be_bytes());
    payload.extend(fixed);
    payload.extend(record.to_be_bytes());
    payload.extend((body.len() as u32).to_be_bytes());
    payload.extend(body);
    payload.resize(payload.len() + padded - body.len(), 0xa5);
    payload
}

fn counter(payload: &[u8]) -> CounterRecord<'_> {
    let Sample::Counters(sample) =
        Datagram::parse(payload).unwrap().samples().next().unwrap().unwrap()
    else {
        panic!("not counters")
    };
    sample.records().next().unwrap().unwrap()
}

fn flow(payload: &[u8]) -> FlowRecord<'_> {
    let Sample::Flow(sample) = Datagram::parse(payload).unwrap().samples().next().unwrap().unwrap()
    else {
        panic!("not a flow sample")
    };
    sample.records().next().unwrap().unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[test]
fn u64_fields_need_only_four_byte_alignment() {
    let mut body: Vec<u32> = vec![3, 6, 0, 1_000_000_000, 1, 3, 1, 2];
    body.extend([10, 11, 12, 13, 14, 15]);
    body.extend([3, 4, 20, 21, 22, 23, 24, 1]);
    let payload = datagram(2, 1, &words(&body));
    let record = counter(&payload);
    let counters: IfCounters = record.read().unwrap();
    assert_eq!((counters.if_index, counters.if_speed), (3, 1_000_000_000));
    assert_eq!((counters.if_in_octets, counters.if_out_octets), (0x1_0000_0002, 0x3_0000_0004));
    assert_eq!((counters.if_in_ucast_pkts, counters.if_in_unknown_protos), (10, 15));
    assert_eq!((counters.if_out_ucast_pkts, counters.if_promiscuous_mode), (20, 1));
    assert_eq!(record.decode(), CounterData::IfCounters(counters));
    assert_eq!(record.check(), Ok(0));
    assert!(record.read::<HostCpu>().is_none());
}

#[test]
fn absent_fields_are_unknown() {
    let payload = datagram(2, 1, &words(&[3, 6, 0, 1000]));
    let record = counter(&payload);
    let counters: IfCounters = record.read().unwrap();
    assert_eq!((counters.if_index, counters.if_speed), (3, 1000));
    assert_eq!((counters.if_status, counters.if_in_octets), (0, u64::MAX));
    assert_eq!(counters.if_out_errors, u32::MAX);
    let end = payload.len();
    assert_eq!(record.check(), Err(Malformed { kind: MalformedKind::RecordShort, offset: end }));
}

#[test]
fn host_cpu_is_read_in_both_lengths() {
    let mut body = words(&(0..17).collect::<Vec<_>>());
    body[..4].copy_from_slice(&0.5f32.to_be_bytes());
    let old = datagram(2, 2003, &body);
    let cpu: HostCpu = counter(&old).read().unwrap();
    assert_eq!((cpu.load_one, cpu.contexts, cpu.cpu_steal), (0.5, 16, None));
    assert_eq!(counter(&old).check(), Ok(0));
    body.extend(words(&[17, 18, 19, 20]));
    let new = datagram(2, 2003, &body);
    let cpu: HostCpu = counter(&new).read().unwrap();
    assert_eq!((cpu.cpu_steal, cpu.cpu_guest_nice), (Some(17), Some(19)));
    assert_eq!(counter(&new).check(), Ok(4), "an extension");
}

#[test]
fn pads_of_strings_are_skipped_with_any_content() {
    let mut body = words(&[5]);
    body.extend(b"web-1\xff\xff\xff");
    body.extend([7; 16]);
    body.extend(words(&[3, 2, 0]));
    let payload = datagram(2, 2000, &body);
    let descr: HostDescr<'_> = counter(&payload).read().unwrap();
    assert_eq!((descr.hostname.to_str(), descr.machine_type), (Ok("web-1"), 3));
    assert_eq!(descr.uuid.to_string(), "07070707-0707-0707-0707-070707070707");
    assert_eq!(descr.os_release.0, b"");
    // The last pad is missing: some agents omit it.
    let payload = datagram(2, 1005, b"\0\0\0\x04eth0");
    let name: PortName<'_> = counter(&payload).read().unwrap();
    assert_eq!(name.name.to_string(), "eth0");
    let payload = datagram(2, 1005, b"\0\0\0\x03\xffth");
    assert_eq!(counter(&payload).check(), Ok(0));
    let name: PortName<'_> = counter(&payload).read().unwrap();
    assert_eq!(name.name.to_string(), "\u{fffd}th");
}

#[test]
fn lists_inside_lists_are_read() {
    let mut body = words(&[2, 7, 2]);
    body.extend([2, 0, 0, 0, 0, 1, 9, 9, 2, 0, 0, 0, 0, 2, 9, 9]);
    body.extend(words(&[8, 0]));
    let payload = datagram(2, 2001, &body);
    let adapters: HostAdapters<'_> = counter(&payload).read().unwrap();
    let all: Vec<_> = adapters
        .adapters
        .iter()
        .map(|adapter| (adapter.if_index, adapter.mac_address.iter().collect::<Vec<_>>()))
        .collect();
    let macs = vec![MacAddress([2, 0, 0, 0, 0, 1]), MacAddress([2, 0, 0, 0, 0, 2])];
    assert_eq!(all, [(7, macs), (8, vec![])]);
    assert_eq!(counter(&payload).check(), Ok(0));
}

#[test]
fn sfp_temperature_is_signed() {
    let mut body = vec![1, 1, 3300, (-5000i32).cast_unsigned(), 1];
    body.extend(1..=10);
    let payload = datagram(2, 10, &words(&body));
    let sfp: Sfp<'_> = counter(&payload).read().unwrap();
    assert_eq!(sfp.module_temperature, -5000);
    let lane = sfp.lanes.iter().next().unwrap();
    assert_eq!((lane.index, lane.rx_wavelength), (1, 10));
}

#[test]
fn gateway_with_several_segments_is_read() {
    let body = [1, 0x0a00_0001, 65000, 1, 2, 2, 2, 2, 100, 200, 1, 1, 300, 1, 0xfde8_0001, 50];
    let payload = datagram(1, 1003, &words(&body));
    let gateway: ExtendedGateway<'_> = flow(&payload).read().unwrap();
    assert_eq!(gateway.nexthop, Address::V4([10, 0, 0, 1].into()));
    let path: Vec<_> = gateway
        .dst_as_path
        .iter()
        .map(|segment| (segment.segment_type, segment.as_numbers.iter().collect::<Vec<_>>()))
        .collect();
    assert_eq!(path, [(2, vec![100, 200]), (1, vec![300])]);
    assert_eq!(gateway.communities.iter().collect::<Vec<_>>(), [0xfde8_0001]);
    assert_eq!((gateway.asn, gateway.localpref), (65000, 50));
}

#[test]
fn count_beyond_the_record_keeps_the_whole_items() {
    let payload = datagram(1, 1003, &words(&[0, 1, 2, 3, u32::MAX, 2, 1, 100, 2, 5, 7]));
    let record = flow(&payload);
    let gateway: ExtendedGateway<'_> = record.read().unwrap();
    assert_eq!((gateway.nexthop, gateway.src_peer_as), (Address::Unknown, 3));
    assert_eq!(gateway.dst_as_path.len(), 1);
    assert!(gateway.communities.is_empty());
    let fault = record.check().unwrap_err();
    assert_eq!(fault.kind, MalformedKind::FieldOverrun);
}

#[test]
fn address_of_unknown_type_ends_the_record() {
    let payload = datagram(1, 1002, &words(&[9, 1, 2]));
    let fault = flow(&payload).check().unwrap_err();
    assert_eq!((fault.kind, fault.offset), (MalformedKind::UnknownUnion, 76));
}

#[test]
fn nesting_is_bounded() {
    // Each aggregation contains one PDU with one record: the next aggregation.
    let mut body = words(&[0]);
    for _ in 0..8 {
        let head = [1, 1, 1016, body.len() as u32];
        body = [words(&head), body].concat();
    }
    let payload = datagram(1, 1016, &body);
    assert_eq!(flow(&payload).check().unwrap_err().kind, MalformedKind::TooDeep);
    let switch = words(&[1, 1, 1001, 16, 5, 0, 6, 0]);
    let payload = datagram(1, 1016, &switch);
    let record = flow(&payload);
    assert_eq!(record.check(), Ok(0));
    let aggregation: Extended80211Aggregation<'_> = record.read().unwrap();
    let pdu = aggregation.pdus.iter().next().unwrap();
    let inner = pdu.flow_records.iter().next().unwrap().unwrap();
    assert_eq!(inner.read::<ExtendedSwitch>().unwrap().dst_vlan, 6);
}

/// Lengths that are no multiple of four, with pads of any value, and bytes after the last record.
#[test]
fn pads_and_surplus_bytes_are_skipped() {
    let mut sample = words(&[9, 3, 2, 1005, 10, 6]);
    sample.extend(b"eth0.1\xa5\xa5");
    sample.extend(words(&[5, 28, 7, 0, 1000, 1, 2, 3, 4]));
    sample.extend([0xa5; 7]);
    let mut payload = words(&[5, 1, 0x0a00_0001, 0, 1, 0, 2]);
    for _ in 0..2 {
        payload.extend(words(&[2, sample.len() as u32]));
        payload.extend(&sample);
        // The pad of the sample.
        payload.push(0xa5);
    }
    payload.extend([0xa5; 3]);
    let mut samples = Datagram::parse(&payload).unwrap().samples();
    for sample in samples.by_ref() {
        let Ok(Sample::Counters(sample)) = sample else { panic!("{sample:?}") };
        let mut records = sample.records();
        let name: PortName<'_> = records.next().unwrap().unwrap().read().unwrap();
        let vlan: VlanCounters = records.next().unwrap().unwrap().read().unwrap();
        assert_eq!((name.name.0, vlan.vlan_id, vlan.octets), (&b"eth0.1"[..], 7, 1000));
        assert!(records.next().is_none());
        assert_eq!(records.remaining(), [0xa5; 7], "surplus of the sample");
    }
    assert_eq!(samples.remaining(), [0xa5; 3], "surplus of the datagram");
}

#[test]
fn unknown_samples_records_and_values_are_skipped() {
    let mut sample = words(&[9, 0xff00_0003, 2, 0xffff_f123, 4, 7]);
    sample.extend(words(&[1, 12, 3, 0xffff_fffe, 0]));
    let mut payload = words(&[5, 1, 0x0a00_0001, 0, 1, 0, 2, 0x0abc_d001, 8, 1, 2]);
    payload.extend(words(&[2, sample.len() as u32]));
    payload.extend(&sample);
    let samples: Vec<_> = Datagram::parse(&payload).unwrap().samples().flatten().collect();
    let [Sample::Unknown(unknown), Sample::Counters(counters)] = &samples[..] else {
        panic!("{samples:?}")
    };
    assert_eq!(unknown.data_format().to_string(), "43981:1");
    assert_eq!(unknown.bytes(), words(&[1, 2]));
    assert_eq!(counters.source_id.to_string(), "255:3", "an unknown class");
    let records: Vec<_> = counters.records().flatten().collect();
    assert_eq!((records[0].name(), records[0].decode()), (None, CounterData::Unknown));
    let interface: IfCounters = records[1].read().unwrap();
    assert_eq!(interface.if_type, u32::MAX - 1, "an unknown value of an enumeration");
}

/// Each MAC address has 6 bytes instead of 8.
#[test]
fn unpadded_mac_addresses_are_recognised_by_the_length() {
    let ethernet = |body: &[u8]| flow(&datagram(1, 2, body)).read::<SampledEthernet>().unwrap();
    let macs = |ethernet: &SampledEthernet| (ethernet.src_mac.0, ethernet.dst_mac.0);
    let (src, dst) = ([2, 3, 4, 5, 6, 7], [10, 11, 12, 13, 14, 15]);
    let unpadded = [&[0, 0, 0, 200], &src[..], &dst, &[0, 0, 8, 0]].concat();
    let read = ethernet(&unpadded);
    assert_eq!((macs(&read), read.length, read.ether_type), ((src, dst), 200, 0x0800));
    assert_eq!(flow(&datagram(1, 2, &unpadded)).check(), Ok(0));
    let padded = [&[0, 0, 0, 200], &src[..], &[9, 9], &dst, &[9, 9], &[0, 0, 8, 0]].concat();
    assert_eq!(macs(&ethernet(&padded)), (src, dst));
    // A padded record without its type.
    let cut = ethernet(&padded[..20]);
    assert_eq!((macs(&cut), cut.ether_type), ((src, dst), 0));
    let record = named("ethernet-unpadded");
    assert_eq!(flow(&record).read::<SampledEthernet>().unwrap(), read);
}

#[test]
fn user_names_are_text_if_their_character_set_allows() {
    let user = |charset: u32, name: &[u8]| {
        let mut body = words(&[charset, name.len() as u32]);
        body.extend(name);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(words(&[3, 0]));
        let payload = datagram(1, 1004, &body).leak();
        let user: ExtendedUser<'_> = flow(payload).read().unwrap();
        assert_eq!(flow(payload).check(), Ok(0));
        user.src.value()
    };
    let utf8 = "zoë".as_bytes();
    for (charset, name) in [(106, utf8), (0, utf8), (3, b"alice"), (1015, b"alice"), (106, b"a\tb")]
    {
        assert_eq!(user(charset, name), Value::Text(Text(name)), "{charset}");
    }
    assert_eq!(user(4, b"zo\xeb"), Value::Latin1(Latin1(b"zo\xeb")));
    assert_eq!(Latin1(b"zo\xeb").to_string(), "zoë");
    for (charset, name) in
        [(106, &b"\xff"[..]), (3, utf8), (0, b"\xff"), (1013, b"\0a"), (2025, utf8)]
    {
        assert_eq!(user(charset, name), Value::Bytes(name), "{charset}");
    }
}

#[test]
fn label_stacks_are_split() {
    let payload = named("label-stacks");
    let mpls: ExtendedMpls<'_> = flow(&payload).read().unwrap();
    let shown: Vec<_> = mpls.in_stack.iter().map(|label| label.to_string()).collect();
    assert_eq!(shown, ["300.0.0.61", "17.6.1.64"]);
    let out = mpls.out_stack.iter().next().unwrap();
    assert_eq!((out.label(), out.exp(), out.s(), out.ttl()), (100, 0, 1, 63));
}

/// What is present of a string or of a header is kept, and the fault is reported.
#[test]
fn bytes_before_the_end_of_the_record_are_kept() {
    let payload = named("header-size-beyond");
    let record = flow(&payload);
    let header: SampledHeader<'_> = record.read().unwrap();
    assert_eq!((header.frame_length, header.header.len()), (1500, 48));
    assert_eq!(header.five_tuple().unwrap().dst_port, 2000);
    assert_eq!(record.check().unwrap_err().kind, MalformedKind::FieldOverrun);
    let payload = datagram(2, 1005, b"\0\0\0\x09eth0");
    let name: PortName<'_> = counter(&payload).read().unwrap();
    assert_eq!((name.name.0, counter(&payload).check().is_err()), (&b"eth0"[..], true));
}

#[test]
fn words_between_samples_are_skipped_only_if_all_samples_follow() {
    let payload = named("stray-word");
    let found = |payload: &[u8]| {
        let walk = walk(payload).unwrap();
        (walk.samples, walk.faults)
    };
    let stray = Malformed { kind: MalformedKind::StrayBytes, offset: 152 };
    assert_eq!(found(&payload), (2, vec![stray]));
    for words in [&[0][..], &[0xa5a5_a5a5, 7], &[0, 0, 0, 0], &[9, 9, 9]] {
        let stray_words: Vec<u8> = words.iter().flat_map(|word: &u32| word.to_be_bytes()).collect();
        let gap = [&payload[..152], &stray_words, &payload[156..]].concat();
        assert_eq!(found(&gap), (2, vec![stray]), "{words:x?}");
    }
    // Not safe: the samples do not end with the datagram, or the gap is too long.
    let surplus = [&payload[..], &[0; 4]].concat();
    assert_eq!(found(&surplus), (1, vec![stray]));
    let long = [&payload[..152], &[0; 20], &payload[156..]].concat();
    assert_eq!(found(&long).1, [stray]);
    // An unknown sample is none of them.
    let mut unknown = payload[..152].to_vec();
    unknown.extend(words(&[0x0abc_d001, 4, 1]));
    assert_eq!(found(&unknown), (2, vec![]));
}
