//! The commands of the operator.

use core::net::{Ipv4Addr, Ipv6Addr};

use flowmote_analyzer::Datagram;
use flowmote_tests::qemu::{Refused, Station, packet};

use crate::{PEER, echo, image, images, plug_in, quiet, start, told};

#[test]
fn commands_take_effect() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        let other = Station { mac: [2, 0, 0, 0, 0, 9], ip: Ipv4Addr::new(192, 0, 2, 9), ..PEER };
        peer.add_host(other);
        machine.command("polling 1").unwrap();
        peer.until("counters", |peer| !peer.exported.is_empty());
        assert_eq!(peer.exported.last().unwrap().to, PEER.ip);
        machine.command("collector 192.0.2.9").unwrap();
        peer.until("a datagram elsewhere", |peer| {
            peer.exported.last().is_some_and(|last| last.to == other.ip)
        });
        assert_eq!(peer.received.last().unwrap()[..6], other.mac);
        machine.command("sampling 1 1").unwrap();
        assert_eq!(machine.shown("polling", "seconds"), 1);
        assert_eq!(machine.shown("port 1", "sampling"), 1);
        echo(&mut peer, 1, 10);
        peer.until("a flow sample", |peer| !told(peer).is_empty());
        machine.command("sampling 1 0").unwrap();
        machine.command("polling 0").unwrap();
        quiet(&machine, &mut peer);
        let before = peer.exported.len();
        for number in 0..50 {
            echo(&mut peer, number, 10);
        }
        quiet(&machine, &mut peer);
        assert_eq!(peer.exported.len(), before, "all is off");
        for (line, reason) in [
            ("sho", "show, sampling"),
            ("sampling 2 7", "the only port is 1"),
            ("sampling 1", "sampling PORT N"),
            ("sampling 1 -1", "sampling PORT N"),
            ("sampling 1 4294967296", "sampling PORT N"),
            ("sampling 1 2147483649", "0 to 2147483648"),
            ("polling 4294968", "polling S"),
            ("polling 1 2", "show, sampling"),
            ("collector 192.0.2", "collector A.B.C.D"),
            ("collector 192.0.2.256", "collector A.B.C.D"),
            ("collector 192.0.2.9.", "collector A.B.C.D"),
            ("collector 224.0.0.1", "192.0.2.0/24"),
            (&"x".repeat(300), "at most 63"),
        ] {
            let Err(Refused(text)) = machine.command(line) else { panic!("{line:?} was taken") };
            assert!(text.contains(reason), "{line:?}: {text}");
        }
    }
}

#[test]
fn an_ipv6_collector_where_there_is_ipv6() {
    let Some(image) = image("smoltcp") else { return };
    let machine = start(&image);
    let mut peer = plug_in(&machine);
    let link_local = Station { ip6: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9), ..PEER };
    peer.add_host(link_local);
    machine.command("polling 1").unwrap();
    for host in [PEER, link_local] {
        machine.command(&format!("collector {}", host.ip6)).unwrap();
        let shown = machine.command("show").unwrap();
        assert!(shown.contains(&format!("collector {}", host.ip6)), "{shown:#?}");
        let to = [&[0x86, 0xdd][..], &host.ip6.octets()].concat();
        let mut found = None;
        peer.until("a datagram over IPv6", |peer| {
            let here = |frame: &&Vec<u8>| [&frame[12..14], &frame[38..54]].concat() == to;
            let long = |frame: &&Vec<u8>| frame.len() >= 54;
            let payload = |frame: &Vec<u8>| packet::udp_payload(frame, 6343).map(<[u8]>::to_vec);
            let frames = peer.received.iter().filter(long).filter(here);
            found = frames.filter_map(payload).next_back();
            found.is_some()
        });
        let payload = found.unwrap();
        let datagram = Datagram::parse(&payload).unwrap();
        assert!(datagram.samples().all(|sample| sample.is_ok()) && datagram.num_samples > 0);
    }
    for refused in ["2001:db8::85", "2001:db8:1::1", "2001:db8::", "ff02::1", "::1", "2001:db8"] {
        let Err(Refused(text)) = machine.command(&format!("collector {refused}")) else {
            panic!("{refused} was taken")
        };
        assert!(text.contains("2001:db8::/64"), "{refused}: {text}");
    }
}

#[test]
fn no_ipv6_collector_where_there_is_none() {
    let Some(image) = image("small") else { return };
    let refused = start(&image).command("collector 2001:db8::1");
    assert!(matches!(&refused, Err(Refused(text)) if text.contains("no IPv6")), "{refused:?}");
}
