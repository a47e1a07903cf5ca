//! Taps on real interfaces, in network namespaces.

use core::num::NonZeroU32;
use core::time::Duration;
use std::net::UdpSocket;
use std::time::Instant;

use flowmote::modules::taps::capture::{
    Capture, LinkFault, Method, Packet, PacketKind, RingShape, TableSize, Tap, TapOptions,
    TapStats, VlanTag, Way,
};
use flowmote_core::SampleMeta;
use smoltcp::phy::{Device, Medium, RawSocket, TxToken};

use namespace::sampling;
use namespace::traffic::{self, BULK, bulk_tcp, send_datagrams, tcp_counter, tcp_segments};
use namespace::{As, if_index, inside, ip, veth};

mod namespace;

fn options(name: &str, rate: u32) -> TapOptions {
    sampling::options(name, rate, Way::Socket)
}

fn ebpf_tap(name: &str, rate: u32) -> Tap {
    let tap = Tap::open(&options(name, rate)).unwrap();
    assert_eq!(tap.method(), Method::Ebpf, "{:?}", tap.shortfalls());
    assert!(tap.shortfalls().is_empty());
    tap
}

fn stats(tap: &mut Tap) -> TapStats {
    let if_index = tap.interfaces().next().unwrap();
    tap.stats(if_index).unwrap()
}

fn meta(tap: &mut Tap) -> SampleMeta {
    let if_index = tap.interfaces().next().unwrap();
    tap.meta(if_index)
}

fn set_rate(tap: &mut Tap, rate: NonZeroU32) {
    let if_index = tap.interfaces().next().unwrap();
    tap.set_sampling_rate(if_index, rate).unwrap();
}

fn drain_all(tap: &mut Tap, mut visit: impl FnMut(&Packet<'_>)) -> TapStats {
    let if_index = tap.interfaces().next().unwrap();
    sampling::drain_all(tap, if_index, &mut visit)
}

fn drain_until(
    tap: &mut Tap,
    visit: &mut dyn FnMut(&Packet<'_>),
    done: impl Fn(&TapStats) -> bool,
) -> TapStats {
    let if_index = tap.interfaces().next().unwrap();
    sampling::drain_until(tap, if_index, visit, done)
}

#[test]
fn every_packet_is_delivered_unchanged_at_n_1() {
    inside("every_packet_is_delivered_unchanged_at_n_1", As::Root, || {
        veth();
        let (mut sent, mut received) = (ebpf_tap("v0", 1), ebpf_tap("v1", 1));
        send_datagrams(5000);
        for (tap, kind) in [(&mut sent, PacketKind::Outgoing), (&mut received, PacketKind::Host)] {
            let mut next = 0_u32;
            let stats = drain_all(tap, |packet| {
                assert_eq!(packet.header.len(), 60);
                assert_eq!((packet.frame_length, packet.stripped), (64, 4));
                assert_eq!((packet.kind, packet.vlan), (kind, None));
                assert_eq!(packet.header[42..46], next.to_be_bytes());
                assert_eq!(packet.meta.sampling_rate, 1);
                assert!(packet.meta.sample_pool > next && packet.meta.sample_pool <= 5000);
                next += 1;
            });
            let expected =
                TapStats { seen: 5000, chosen: 5000, delivered: 5000, lost: 0, malformed: 0 };
            assert_eq!((next, stats), (5000, expected));
            assert_eq!((meta(tap).sample_pool, meta(tap).drops), (5000, 0));
        }
    });
}

#[test]
fn pool_is_exact_and_one_in_n_is_sampled() {
    inside("pool_is_exact_and_one_in_n_is_sampled", As::Root, || {
        veth();
        let mut tap = ebpf_tap("v1", 10);
        send_datagrams(20_000);
        let stats = drain_all(&mut tap, |_| {});
        assert_eq!(stats.seen, 20_000);
        // Standard deviation of 2000 uniform skips: about 26 samples.
        assert!((1870..=2130).contains(&stats.delivered), "{stats:?}");
        // The rate changes on the open tap, up and down.
        set_rate(&mut tap, NonZeroU32::new(1_000_000).unwrap());
        send_datagrams(10_000);
        let before = drain_all(&mut tap, |_| {});
        assert!(before.delivered - stats.delivered <= 2, "the old skips do not continue");
        set_rate(&mut tap, NonZeroU32::MIN);
        send_datagrams(1000);
        let after = drain_all(&mut tap, |packet| assert_eq!(packet.meta.sampling_rate, 1));
        assert_eq!(after.delivered - before.delivered, 1000, "{after:?}");
        assert_eq!(after.seen, 31_000);
    });
}

#[test]
fn full_ring_counts_each_lost_sample() {
    inside("full_ring_counts_each_lost_sample", As::Root, || {
        veth();
        let small = RingShape { block_size: 16 << 10, blocks: 2 };
        let mut tap = Tap::open(&TapOptions { ring: Some(small), ..options("v1", 1) }).unwrap();
        send_datagrams(3000);
        let mut highest = 0;
        let stats = drain_all(&mut tap, |packet| {
            assert!(packet.meta.drops >= highest, "drops never decrease");
            highest = packet.meta.drops;
        });
        assert!(stats.lost > 2000, "{stats:?}");
        assert_eq!((stats.seen, stats.delivered + stats.lost), (3000, 3000));
        assert_eq!(u64::from(meta(&mut tap).drops), stats.lost);
    });
}

#[test]
fn sample_has_the_rate_at_which_its_packet_was_chosen() {
    inside("sample_has_the_rate_at_which_its_packet_was_chosen", As::Root, || {
        veth();
        let mut tap = ebpf_tap("v1", 1);
        send_datagrams(200);
        set_rate(&mut tap, NonZeroU32::new(2).unwrap());
        send_datagrams(2000);
        // Nothing was read in between, so that both rates are in the same blocks.
        let mut samples = [0; 2];
        drain_all(&mut tap, |packet| {
            let number = u32::from_be_bytes(*packet.header[42..].first_chunk().unwrap());
            let first = samples[0] < 200;
            assert_eq!(packet.meta.sampling_rate, if first { 1 } else { 2 }, "{number}");
            samples[usize::from(!first)] += 1;
        });
        assert_eq!(samples[0], 200);
        // Standard deviation of 1000 uniform skips on 1 to 3: about 13 samples.
        assert!((930..=1070).contains(&samples[1]), "{samples:?}");
    });
}

/// A shared tap of both ends.
fn shared_tap(ring: RingShape) -> Tap {
    let ends = [options("v0", 1), options("v1", 1)];
    let size = TableSize::of(&ends.each_ref().map(|options| options.if_index));
    let mut tap = Tap::open_shared(size, options("v1", 1).keep(), ring).unwrap();
    for options in ends {
        assert!(tap.has_room_for(options.if_index));
        tap.join(&options).unwrap();
        tap.start_one(options.if_index);
    }
    tap
}

#[test]
fn shared_tap_samples_each_interface_by_itself() {
    inside("shared_tap_samples_each_interface_by_itself", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        let mut tap = shared_tap(RingShape { block_size: 128 << 10, blocks: 16 });
        send_datagrams(2000);
        tap.set_sampling_rate(v1, NonZeroU32::new(10).unwrap()).unwrap();
        send_datagrams(2000);
        tap.leave(v1);
        assert!(tap.has_room_for(v1) && !tap.has(v1));
        send_datagrams(1000);
        let mut samples = [0; 3];
        let deadline = Instant::now() + Duration::from_secs(20);
        while samples[0] < 5000 {
            assert!(Instant::now() < deadline, "{samples:?}");
            let count = &mut |packet: &Packet<'_>| {
                samples[usize::from(packet.if_index != v0)] += 1;
                assert!(packet.if_index != v0 || packet.kind == PacketKind::Outgoing);
            };
            tap.drain(1000, count).unwrap();
        }
        let expected =
            TapStats { seen: 5000, chosen: 5000, delivered: 5000, lost: 0, malformed: 0 };
        assert_eq!(tap.stats(v0).unwrap(), expected);
        assert_eq!(tap.stats(v1).unwrap(), TapStats::default());
    });
}

#[test]
fn losses_of_a_shared_ring_are_those_of_the_interface() {
    inside("losses_of_a_shared_ring_are_those_of_the_interface", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        let mut tap = shared_tap(RingShape { block_size: 16 << 10, blocks: 2 });
        tap.set_sampling_rate(v1, NonZeroU32::new(10).unwrap()).unwrap();
        send_datagrams(3000);
        let deadline = Instant::now() + Duration::from_secs(20);
        let is_complete = |stats: TapStats| stats.chosen == stats.delivered + stats.lost;
        loop {
            tap.drain(1000, &mut |_| {}).unwrap();
            let stats = [v0, v1].map(|index| tap.stats(index).unwrap());
            if stats.into_iter().all(is_complete) {
                assert!(stats[0].lost > 2000 && stats[1].lost > 150, "{stats:?}");
                assert_eq!((stats[0].seen, stats[1].seen), (3000, 3000));
                break;
            }
            assert!(Instant::now() < deadline, "{stats:?}");
        }
    });
}

#[test]
#[ignore = "the receiving end of the TCP tests, which start it"]
fn peer() {
    traffic::peer();
}

/// Checks the sums over all packets of a bulk transfer at N = 1.
fn check_bulk_at_n_1(mut tap: Tap) {
    let _peer = bulk_tcp(BULK);
    let (mut payload, mut skbs, mut last) = (0, 0_u64, 0);
    // The last acknowledgements may still be in flight after the stream has ended.
    let done = |stats: &TapStats| tcp_segments().contains(&(stats.delivered + stats.lost));
    let stats = drain_until(
        &mut tap,
        &mut |packet| {
            assert!(packet.frame_length <= 1518, "{packet:?}");
            assert!(packet.header.len() <= 128);
            skbs += u64::from(packet.timestamp_ns != last);
            last = packet.timestamp_ns;
            if packet.kind == PacketKind::Outgoing {
                // Ethernet, IPv4 and TCP with timestamps, FCS.
                payload += packet.frame_length as usize - (66 + 4);
            }
        },
        done,
    );
    assert_eq!((stats.delivered, stats.lost), (stats.seen, 0));
    // The SYN has 8 more bytes of options.
    match tcp_counter("RetransSegs") {
        0 => assert_eq!(payload, BULK + 8),
        again => assert!(payload >= BULK + 8, "{payload} bytes, {again} segments sent again"),
    }
    assert!(skbs < stats.seen / 2, "no super-packets seen: {skbs} skbs, {stats:?}");
}

#[test]
fn super_packets_count_as_wire_packets() {
    inside("super_packets_count_as_wire_packets", As::Root, || {
        veth();
        check_bulk_at_n_1(ebpf_tap("v0", 1));
    });
}

#[test]
fn super_packets_are_sampled_per_wire_packet() {
    inside("super_packets_are_sampled_per_wire_packet", As::Root, || {
        veth();
        let mut tap = ebpf_tap("v0", 10);
        let _peer = bulk_tcp(10 * BULK);
        let mut bytes = 0_u64;
        let mut add = |packet: &Packet<'_>| bytes += u64::from(packet.frame_length);
        drain_until(&mut tap, &mut add, |stats| tcp_segments().contains(&stats.seen));
        let stats = drain_all(&mut tap, add);
        let expected = stats.seen as f64 / 10.0;
        let deviation = (expected / 3.0).sqrt();
        assert!((stats.delivered as f64 - expected).abs() < 4.0 * deviation, "{stats:?}");
        let estimate = bytes as f64 * 10.0;
        let least = 10.0 * BULK as f64;
        assert!(estimate > 0.97 * least && estimate < 1.12 * least, "{estimate} of {least}");
    });
}

#[test]
fn stripped_vlan_tag_is_put_back() {
    inside("stripped_vlan_tag_is_put_back", As::Root, || {
        veth();
        let (mut sent, mut received) = (ebpf_tap("v0", 1), ebpf_tap("v1", 1));
        let mut frame = [0xa5; 100];
        frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
        frame[12..20].copy_from_slice(&[0x81, 0x00, 0x60, 0x64, 0x08, 0x00, 0x45, 0]);
        let mut raw = RawSocket::new("v0", Medium::Ethernet).unwrap();
        let token = raw.transmit(smoltcp::time::Instant::ZERO).unwrap();
        token.consume(frame.len(), |buffer| buffer.copy_from_slice(&frame));
        for tap in [&mut sent, &mut received] {
            let stats = drain_until(
                tap,
                &mut |packet| {
                    assert_eq!(packet.header, frame);
                    assert_eq!((packet.frame_length, packet.stripped), (104, 4));
                    assert_eq!(packet.vlan, Some(VlanTag { tpid: 0x8100, tci: 0x6064 }));
                },
                |stats| stats.delivered == 1,
            );
            assert_eq!(stats.seen, 1);
        }
    });
}

#[test]
fn loopback_packet_is_seen_once() {
    inside("loopback_packet_is_seen_once", As::Root, || {
        let mut tap = ebpf_tap("lo", 1);
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..10 {
            sender.send_to(b"once", receiver.local_addr().unwrap()).unwrap();
        }
        let stats = drain_all(&mut tap, |packet| assert_eq!(packet.kind, PacketKind::Host));
        assert_eq!((stats.seen, stats.delivered), (10, 10));
    });
}

#[test]
fn tap_survives_down_and_up_and_reports_deletion() {
    let name = "tap_survives_down_and_up_and_reports_deletion";
    inside(name, As::Root, || {
        veth();
        let mut tap = ebpf_tap("v1", 1);
        assert_eq!(tap.take_fault().unwrap(), None);
        ip("link set v1 down");
        assert_eq!(tap.take_fault().unwrap(), Some(LinkFault::Down));
        assert_eq!(tap.take_fault().unwrap(), None, "reported once");
        ip("link set v1 up");
        send_until_seen(&mut tap);
        ip("link del v0");
        assert_eq!(tap.take_fault().unwrap(), Some(LinkFault::Gone));
        assert_eq!(tap.drain(10, &mut |_| {}).unwrap().samples, 0);
    });
}

#[test]
fn interface_can_be_tapped_while_it_is_down() {
    inside("interface_can_be_tapped_while_it_is_down", As::Root, || {
        veth();
        ip("link set v1 down");
        let mut tap = ebpf_tap("v1", 1);
        assert_eq!(tap.take_fault().unwrap(), Some(LinkFault::Down));
        ip("link set v1 up");
        send_until_seen(&mut tap);
    });
}

/// Sends until a packet arrives: after `up` the carrier returns asynchronously
/// (net/core/link_watch.c).
fn send_until_seen(tap: &mut Tap) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while stats(tap).seen == 0 {
        assert!(Instant::now() < deadline);
        send_datagrams(1);
    }
    assert!(drain_all(tap, |_| {}).delivered > 0);
}

#[test]
fn missing_interface_is_an_error() {
    inside("missing_interface_is_an_error", As::Root, || {
        let error = Tap::open(&TapOptions { if_index: 999, ..options("lo", 1) }).unwrap_err();
        assert!(error.to_string().contains("no such interface"), "{error}");
    });
}

fn classic_tap(name: &str, rate: u32) -> Tap {
    let tap = Tap::open(&options(name, rate)).unwrap();
    assert_eq!(tap.method(), Method::Classic);
    assert!(tap.shortfalls()[0].contains("refuses the eBPF filter"), "{:?}", tap.shortfalls());
    tap
}

#[test]
fn every_packet_is_delivered_at_n_1_without_ebpf() {
    inside("every_packet_is_delivered_at_n_1_without_ebpf", As::UserNamespace, || {
        veth();
        let mut tap = classic_tap("v1", 1);
        send_datagrams(2000);
        let stats = drain_until(&mut tap, &mut |_| {}, |stats| stats.delivered == 2000);
        let expected =
            TapStats { seen: 2000, chosen: 2000, delivered: 2000, lost: 0, malformed: 0 };
        assert_eq!(stats, expected);
    });
}

#[test]
fn super_packets_count_as_wire_packets_without_ebpf() {
    let name = "super_packets_count_as_wire_packets_without_ebpf";
    inside(name, As::UserNamespace, || {
        veth();
        check_bulk_at_n_1(classic_tap("v0", 1));
    });
}

#[test]
fn estimated_pool_is_unbiased_without_ebpf() {
    inside("estimated_pool_is_unbiased_without_ebpf", As::UserNamespace, || {
        veth();
        let mut tap = classic_tap("v0", 10);
        let _peer = bulk_tcp(10 * BULK);
        // The number of packets in flight is unknown. A block is handed over after at most 100 ms.
        let end = Instant::now() + Duration::from_millis(500);
        let stats = drain_until(&mut tap, &mut |_| {}, |_| Instant::now() > end);
        assert_eq!(stats.seen, 10 * stats.delivered);
        let segments = *tcp_segments().start() as f64;
        // An skb of 45 packets gives four or five samples at once.
        let deviation = (5.0 * segments / 10.0).sqrt() * 10.0;
        assert!((stats.seen as f64 - segments).abs() < 4.0 * deviation, "{stats:?}, {segments}");
        set_rate(&mut tap, NonZeroU32::MIN);
        assert_eq!(meta(&mut tap).sampling_rate, 1);
    });
}
