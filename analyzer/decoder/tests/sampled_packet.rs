//! The packet that the records of a flow sample describe together, and implausible values.

use flowmote_decoder::{
    Datagram, EthernetEnds, FlowSample, Implausible, MacAddress, Sample, SampledPacket,
};

const MACS: [u32; 6] = [200, 0x0200_0000, 0x0001_0000, 0x0200_0000, 0x0002_0000, 0x0800];
const IPV4: [u32; 8] = [182, 17, 0xc633_6401, 0xcb00_7102, 1000, 2000, 0, 0];
/// An Ethernet frame of ARP with another source, 64 bytes on the wire.
const ARP: [u32; 8] = [1, 64, 4, 14, 0x0200_0000, 0x0012_0200, 0x0000_0011, 0x0806_0000];
/// UDP from 198.51.100.9:7 to 203.0.113.9:9, 70 bytes on the wire.
const UDP: [u32; 15] = [
    1,
    70,
    4,
    42,
    0x0200_0000,
    0x0012_0200,
    0x0000_0011,
    0x0800_4500,
    0x001c_0000,
    0x0000_4011,
    0x0000_c633,
    0x6409_cb00,
    0x7109_0007,
    0x0009_0000,
    0x0000_0000,
];

/// A datagram with a flow sample of these records at 1 in `rate`.
fn datagram(rate: u32, records: &[(u32, &[u32])]) -> Vec<u8> {
    let mut sample = vec![1, 3, rate, 1000, 0, 1, 2, records.len() as u32];
    for (format, content) in records {
        sample.extend([*format, 4 * content.len() as u32]);
        sample.extend(*content);
    }
    let mut words = vec![5, 1, 0xc000_0201, 0, 1, 1000, 1, 1, 4 * sample.len() as u32];
    words.extend(sample);
    words.into_iter().flat_map(u32::to_be_bytes).collect()
}

fn with_sample<T>(payload: &[u8], read: impl FnOnce(&FlowSample<'_>) -> T) -> T {
    let sample = Datagram::parse(payload).unwrap().samples().next().unwrap().unwrap();
    let Sample::Flow(sample) = sample else { panic!("{sample:?}") };
    read(&sample)
}

fn packet(records: &[(u32, &[u32])]) -> SampledPacket {
    with_sample(&datagram(1000, records), |sample| sample.packet())
}

fn ends(packet: &SampledPacket) -> (String, u16, String, u16) {
    let flow = packet.flow.unwrap();
    (flow.src.to_string(), flow.src_port, flow.dst.to_string(), flow.dst_port)
}

#[test]
fn every_order_of_records_yields_the_same_packet() {
    let (macs, ip, udp) = ((2, &MACS[..]), (3, &IPV4[..]), (1, &UDP[..]));
    for records in [[macs, ip], [ip, macs]] {
        let packet = packet(&records);
        assert_eq!(
            (packet.frame_length, packet.ip_length, packet.length()),
            (Some(200), Some(182), Some(200))
        );
        assert_eq!(ends(&packet), ("198.51.100.1".into(), 1000, "203.0.113.2".into(), 2000));
        let (dst, src) = (MacAddress([2, 0, 0, 0, 0, 2]), MacAddress([2, 0, 0, 0, 0, 1]));
        assert_eq!(packet.ethernet, Some(EthernetEnds { src, dst, ether_type: 0x0800 }));
    }
    for records in [[udp, macs, ip], [ip, udp, macs], [macs, ip, udp]] {
        let packet = packet(&records);
        assert_eq!((packet.frame_length, packet.ip_length), (Some(70), Some(182)));
        assert_eq!(ends(&packet), ("198.51.100.9".into(), 7, "203.0.113.9".into(), 9));
        assert_eq!(packet.ethernet.unwrap().src, MacAddress([2, 0, 0, 0, 0, 0x11]));
    }
}

#[test]
fn ip_record_beside_a_header_without_ip_is_the_flow() {
    for records in [[(1, &ARP[..]), (3, &IPV4[..])], [(3, &IPV4[..]), (1, &ARP[..])]] {
        let packet = packet(&records);
        assert_eq!(packet.frame_length, Some(64));
        assert_eq!(ends(&packet).0, "198.51.100.1");
        assert_eq!(packet.ethernet.unwrap().ether_type, 0x0806);
    }
}

#[test]
fn first_of_several_equal_records_counts() {
    let second = [99, 6, 1, 2, 3, 4, 0, 0];
    let packet = packet(&[(3, &IPV4), (3, &second), (1, &UDP), (1, &ARP)]);
    assert_eq!((packet.frame_length, packet.ip_length), (Some(70), Some(182)));
    assert_eq!(ends(&packet).3, 9);
}

#[test]
fn sample_without_packet_has_no_length() {
    let packet = packet(&[(1001, &[1, 0, 2, 0])]);
    assert_eq!((packet, packet.length()), (SampledPacket::default(), None));
}

#[test]
fn rate_and_length_that_no_device_means_are_implausible() {
    let with = |rate, length| {
        let ip = [length, 17, 1, 2, 3, 4, 0, 0];
        let payload = datagram(rate, &[(3, &ip)]);
        with_sample(&payload, |sample| sample.implausible(sample.packet().length()))
    };
    assert_eq!(with(0, 100), Some(Implausible::RateZero));
    assert_eq!((with(1, 100), with(1 << 28, 100)), (None, None));
    assert_eq!(with((1 << 28) + 1, 100), Some(Implausible::RateHuge));
    assert_eq!(with(1000, 0), Some(Implausible::LengthZero));
    assert_eq!((with(1000, 1), with(1000, 1 << 20)), (None, None));
    assert_eq!(with(1000, (1 << 20) + 1), Some(Implausible::LengthHuge));
    let no_packet = datagram(1000, &[]);
    assert_eq!(
        with_sample(&no_packet, |sample| sample.implausible(sample.packet().length())),
        None
    );
}
