//! The hooks against the real kernel: everything from the programs to the samples, on veth pairs in
//! network namespaces of the tests. Skipped on a kernel without tcx.

use std::io::{self, Write};
use std::num::NonZeroU32;
use std::process::Command;

use flowmote::config::Direction;
use flowmote::modules::taps::capture::{
    Attachment, Capture, Hooks, Origin, Packet, PacketKind, TableSize, TapOptions, TapStats,
    VlanTag, Way,
};
use namespace::sampling::{drain_all, drain_until, options};
use namespace::traffic::{self, BULK, bulk_tcp, send_datagrams, tcp_counter, tcp_segments};
use namespace::{As, if_index, inside, ip, veth};
use smoltcp::phy::{Device, Medium, RawSocket, TxToken};

mod namespace;

/// Runs `body` in a namespace with the hooks of these interfaces, if this kernel has tcx.
fn with_hooks(ring: u32, interfaces: &[(&str, u32)], body: impl FnOnce(&mut Hooks)) {
    let mut hooks = match Hooks::open(TableSize::roomy(&[1]), ring, Attachment::Tcx) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            let _ = writeln!(io::stderr(), "SKIPPED: tests of tc hooks: {error}");
            return;
        }
        hooks => hooks.unwrap(),
    };
    for (name, rate) in interfaces {
        let options = options(name, *rate, Way::Hooks);
        hooks.join(&options).unwrap();
        hooks.start_one(options.if_index);
    }
    body(&mut hooks);
}

const RING: u32 = 4 << 20;

#[test]
fn every_packet_passes_both_hooks_unchanged_at_n_1() {
    inside("every_packet_passes_both_hooks_unchanged_at_n_1", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        with_hooks(RING, &[("v0", 1), ("v1", 1)], |hooks| {
            send_datagrams(2000);
            let mut next = [0_u32; 2];
            let before = unix_time();
            let mut check = |packet: &Packet<'_>| {
                let (number, kind, origin) = match packet.if_index == v0 {
                    true => (&mut next[0], PacketKind::Outgoing, Origin::Host),
                    false => (&mut next[1], PacketKind::Host, Origin::Unknown),
                };
                assert_eq!((packet.kind, packet.origin, packet.vlan), (kind, origin, None));
                assert_eq!((packet.header.len(), packet.hardware_type), (60, libc::ARPHRD_ETHER));
                assert_eq!((packet.frame_length, packet.stripped), (64, 4));
                assert_eq!(packet.header[42..46], number.to_be_bytes());
                assert_eq!((packet.meta.sampling_rate, packet.meta.drops), (1, 0));
                assert!(packet.meta.sample_pool > *number && packet.meta.sample_pool <= 2000);
                assert!(before.abs_diff(packet.timestamp_ns) < 20_000_000_000);
                *number += 1;
            };
            let expected =
                TapStats { seen: 2000, chosen: 2000, delivered: 2000, lost: 0, malformed: 0 };
            for if_index in [v0, v1] {
                assert_eq!(drain_all(hooks, if_index, &mut check), expected);
            }
            assert_eq!(next, [2000; 2]);
        });
    });
}

fn unix_time() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64
}

#[test]
fn one_in_n_passes_the_hooks_and_each_sample_has_its_rate() {
    inside("one_in_n_passes_the_hooks_and_each_sample_has_its_rate", As::Root, || {
        veth();
        let v1 = if_index("v1");
        with_hooks(RING, &[("v1", 10)], |hooks| {
            send_datagrams(20_000);
            hooks.set_sampling_rate(v1, NonZeroU32::new(2).unwrap()).unwrap();
            send_datagrams(2000);
            let mut samples = [0; 2];
            let mut count = |packet: &Packet<'_>| match packet.meta.sampling_rate {
                10 => samples[0] += 1,
                2 => samples[1] += 1,
                other => panic!("1 in {other}"),
            };
            let totals = drain_all(hooks, v1, &mut count);
            assert_eq!((totals.seen, totals.lost), (22_000, 0));
            // Standard deviation of 2000 uniform skips: about 26 samples, of 1000: 13.
            assert!((1870..=2130).contains(&samples[0]), "{samples:?}");
            assert!((930..=1070).contains(&samples[1]), "{samples:?}");
            assert_eq!(totals.delivered, samples[0] + samples[1]);
        });
    });
}

#[test]
fn full_ring_of_hooks_counts_each_lost_sample() {
    inside("full_ring_of_hooks_counts_each_lost_sample", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        with_hooks(64 << 10, &[("v0", 1), ("v1", 2)], |hooks| {
            send_datagrams(3000);
            for (if_index, least) in [(v0, 2000), (v1, 1000)] {
                let totals = drain_all(hooks, if_index, &mut |_| {});
                assert!(totals.lost > least, "{totals:?}");
                assert_eq!((totals.seen, totals.delivered + totals.lost), (3000, totals.chosen));
                assert_eq!(u64::from(hooks.meta(if_index).drops), totals.lost);
            }
        });
    });
}

#[test]
fn super_packets_at_hooks_count_as_wire_packets() {
    inside("super_packets_at_hooks_count_as_wire_packets", As::Root, || {
        veth();
        let v0 = if_index("v0");
        with_hooks(16 << 20, &[("v0", 1)], |hooks| {
            let _peer = bulk_tcp(BULK);
            let (mut payload, mut skbs, mut last) = (0, 0_u64, 0);
            let mut add = |packet: &Packet<'_>| {
                assert!(packet.frame_length <= 1518, "{packet:?}");
                skbs += u64::from(packet.timestamp_ns != last);
                last = packet.timestamp_ns;
                if packet.kind == PacketKind::Outgoing {
                    payload += packet.frame_length as usize - (66 + 4);
                }
            };
            let done =
                |totals: &TapStats| tcp_segments().contains(&(totals.delivered + totals.lost));
            let totals = drain_until(hooks, v0, &mut add, done);
            assert_eq!((totals.delivered, totals.lost), (totals.seen, 0));
            // The SYN has 8 more bytes of options.
            match tcp_counter("RetransSegs") {
                0 => assert_eq!(payload, BULK + 8),
                again => assert!(payload >= BULK + 8, "{payload} bytes, {again} sent again"),
            }
            assert!(skbs < totals.seen / 2, "no super-packets seen: {skbs} skbs, {totals:?}");
        });
    });
}

#[test]
#[ignore = "the receiving end of the TCP tests, which start it"]
fn peer() {
    traffic::peer();
}

#[test]
fn forwarded_packet_has_the_interface_it_came_from() {
    inside("forwarded_packet_has_the_interface_it_came_from", As::Root, || {
        // What arrives on v1 is routed to w0.
        veth();
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        ip("addr add 10.0.0.2/24 dev v1");
        ip("link add w0 type veth peer name w1");
        for name in ["w0", "w1"] {
            ip(&format!("link set {name} addrgenmode none"));
            ip(&format!("link set {name} up"));
        }
        ip("addr add 10.9.0.1/24 dev w0");
        ip("neigh add 10.9.0.2 lladdr 02:00:00:00:00:09 dev w0");
        let [v1, w0] = ["v1", "w0"].map(if_index);
        with_hooks(RING, &[("v1", 1), ("w0", 1)], |hooks| {
            let mut raw = RawSocket::new("v0", Medium::Ethernet).unwrap();
            let frame = udp_frame([10, 0, 0, 7], [10, 9, 0, 2]);
            let token = raw.transmit(smoltcp::time::Instant::ZERO).unwrap();
            token.consume(frame.len(), |buffer| buffer.copy_from_slice(&frame));
            let mut seen = Vec::new();
            let mut note = |packet: &Packet<'_>| {
                seen.push((packet.if_index, packet.kind, packet.origin));
            };
            drain_until(hooks, w0, &mut note, |totals| totals.delivered == 1);
            let expected = [
                (v1, PacketKind::Host, Origin::Unknown),
                (w0, PacketKind::Outgoing, Origin::Interface(v1)),
            ];
            assert_eq!(seen, expected);
        });
    });
}

/// A UDP datagram in Ethernet from v0 to v1's address.
fn udp_frame(source: [u8; 4], destination: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00];
    let mut header = vec![0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0];
    header.extend(source);
    header.extend(destination);
    let sum =
        header.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum::<u32>();
    let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    frame.extend(header);
    frame.extend([0x0f, 0xa0, 0x0f, 0xa1, 0, 26, 0, 0]);
    frame.extend([0xa5; 18]);
    frame
}

#[test]
fn vlan_tag_at_a_hook_is_put_back() {
    inside("vlan_tag_at_a_hook_is_put_back", As::Root, || {
        veth();
        let v1 = if_index("v1");
        with_hooks(RING, &[("v1", 1)], |hooks| {
            let mut frame = [0xa5; 100];
            frame[..12].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]);
            frame[12..20].copy_from_slice(&[0x88, 0xa8, 0x60, 0x64, 0x08, 0x00, 0x45, 0]);
            let mut raw = RawSocket::new("v0", Medium::Ethernet).unwrap();
            let token = raw.transmit(smoltcp::time::Instant::ZERO).unwrap();
            token.consume(frame.len(), |buffer| buffer.copy_from_slice(&frame));
            let mut check = |packet: &Packet<'_>| {
                assert_eq!(packet.header, frame);
                assert_eq!((packet.frame_length, packet.stripped), (104, 4));
                assert_eq!(packet.vlan, Some(VlanTag { tpid: 0x88a8, tci: 0x6064 }));
            };
            drain_until(hooks, v1, &mut check, |totals| totals.delivered == 1);
        });
    });
}

#[test]
fn interface_joins_and_leaves_without_privileges() {
    inside("interface_joins_and_leaves_without_privileges", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        with_hooks(RING, &[("v0", 1)], |hooks| {
            caps::clear(None, caps::CapSet::Effective).unwrap();
            caps::clear(None, caps::CapSet::Permitted).unwrap();
            let refused = Hooks::open(TableSize::roomy(&[1]), RING, Attachment::Tcx).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
            assert!(refused.to_string().contains("CAP_"), "{refused}");
            hooks.join(&options("v1", 1, Way::Hooks)).unwrap();
            hooks.start_one(v1);
            hooks.leave(v0);
            send_datagrams(10);
            let totals = drain_until(hooks, v1, &mut |_| {}, |totals| totals.delivered == 10);
            assert_eq!((totals.seen, hooks.totals(v0)), (10, TapStats::default()));
            assert_eq!(hooks.take_left().len(), 2);
        });
    });
}

#[test]
fn direction_selects_the_hook() {
    inside("direction_selects_the_hook", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        with_hooks(RING, &[], |hooks| {
            for (name, direction) in [("v0", Direction::Out), ("v1", Direction::Out)] {
                let options = TapOptions { direction, ..options(name, 1, Way::Hooks) };
                hooks.join(&options).unwrap();
                hooks.start_one(options.if_index);
            }
            send_datagrams(10);
            drain_until(hooks, v0, &mut |_| {}, |totals| totals.delivered == 10);
            assert_eq!(hooks.totals(v1).seen, 0);
        });
    });
}

/// Hooks of these interfaces by filters of clsact.
fn filters(interfaces: &[&str]) -> Hooks {
    let mut hooks = Hooks::open(TableSize::roomy(&[1]), RING, Attachment::Clsact).unwrap();
    for name in interfaces {
        hooks.join(&options(name, 1, Way::Hooks)).unwrap();
        hooks.start_one(if_index(name));
    }
    hooks
}

/// The filters of a hook, as tc(8) shows them.
fn shown(interface: &str, hook: &str) -> String {
    let output = Command::new("tc").args(["filter", "show", "dev", interface, hook]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

#[test]
fn filters_of_clsact_sample_as_hooks_of_tcx_do() {
    inside("filters_of_clsact_sample_as_hooks_of_tcx_do", As::Root, || {
        veth();
        let [v0, v1] = ["v0", "v1"].map(if_index);
        let mut hooks = filters(&["v0", "v1"]);
        assert_eq!(hooks.attachment(), Attachment::Clsact);
        send_datagrams(2000);
        let expected =
            TapStats { seen: 2000, chosen: 2000, delivered: 2000, lost: 0, malformed: 0 };
        let mut kinds = Vec::new();
        for if_index in [v0, v1] {
            let mut note = |packet: &Packet<'_>| kinds.push((packet.kind, packet.origin));
            assert_eq!(drain_all(&mut hooks, if_index, &mut note), expected);
        }
        let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
        assert_eq!(count((PacketKind::Outgoing, Origin::Host)), 2000);
        assert_eq!(count((PacketKind::Host, Origin::Unknown)), 2000);
    });
}

#[test]
fn filters_of_clsact_end_with_the_hooks_and_leave_those_of_others() {
    inside("filters_of_clsact_end_with_the_hooks_and_leave_those_of_others", As::Root, || {
        veth();
        let tc = |words: &str, last: &[&str]| {
            let mut tc = Command::new("tc");
            assert!(tc.args(words.split(' ')).args(last).status().unwrap().success(), "tc {words}");
        };
        tc("qdisc add dev v1 clsact", &[]);
        // A classic program of one instruction, which matches every packet.
        tc("filter add dev v1 egress pref 7 bpf bytecode", &["1,6 0 0 4294967295"]);
        // Killed: its filters stay.
        std::mem::forget(filters(&["v0", "v1"]));
        let mut hooks = filters(&["v0", "v1"]);
        for hook in ["ingress", "egress"] {
            let text = shown("v0", hook);
            assert_eq!(text.matches("flowmote").count(), 1, "replaced: {text}");
        }
        assert!(hooks.take_all().is_empty());
        for (interface, hook) in [("v0", "ingress"), ("v0", "egress"), ("v1", "ingress")] {
            assert_eq!(shown(interface, hook), "", "{interface} {hook}");
        }
        let others = shown("v1", "egress");
        assert!(others.contains("bytecode") && !others.contains("flowmote"), "{others}");
    });
}

#[test]
fn qdisc_that_was_added_is_removed() {
    inside("qdisc_that_was_added_is_removed", As::Root, || {
        veth();
        let qdiscs = || {
            let output = Command::new("tc").args(["qdisc", "show", "dev", "v0"]).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let mut hooks = filters(&["v0"]);
        assert!(qdiscs().contains("clsact"));
        hooks.leave(if_index("v0"));
        assert!(!qdiscs().contains("clsact"), "{}", qdiscs());
    });
}

#[test]
fn hooks_are_refused_in_a_user_namespace() {
    inside("hooks_are_refused_in_a_user_namespace", As::UserNamespace, || {
        let refused = Hooks::open(TableSize::roomy(&[1]), RING, Attachment::Tcx).unwrap_err();
        assert!(refused.to_string().contains("user namespace"), "{refused}");
    });
}
