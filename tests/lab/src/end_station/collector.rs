//! A collector whose MAC address is unknown, and one with IPv6.

use core::net::Ipv6Addr;
use core::time::Duration;

use flowmote_decoder::Datagram;

use super::host::{be_found, echo, plug_in, quiet};
use super::received::{check_sums, datagrams, flow_samples};
use super::{BOARD, OTHER, PEER, start};
use crate::deadline::wait_until;
use crate::qemu::{Image, Machine, Refused, Station, packet};

/// Samples wait until the ARP request of the station is answered, and none is lost.
pub fn samples_wait_for_arp_without_loss(image: &Image) {
    // Samples wait for a second, which on a loaded host can pass before the reply arrives.
    let in_time = (1..=20).find(|_| answered_in_time(image));
    println!("answered within a second at attempt {}", in_time.expect("one of 20"));
}

/// A collector that never answers ARP: datagrams are lost and counted, and the services continue.
pub fn unresolved_collector_loses_only_datagrams(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("collector 192.0.2.77").unwrap();
    machine.command("sampling 1 1").unwrap();
    wait_until("a lost datagram", || {
        echo(&mut peer, 1, 100);
        (machine.shown("datagrams", "lost") > 0).then_some(())
    });
    machine.command("collector 192.0.2.1").unwrap();
    peer.until("a datagram", |peer| !peer.exported.is_empty());
    machine.command("sampling 1 0").unwrap();
    wait_until("the last datagram", || {
        peer.receive(Duration::from_millis(150));
        let last = Datagram::parse(&peer.exported.last()?.payload).expect("an sFlow datagram");
        let (sent, lost) = (machine.shown("datagrams", "sent"), machine.shown("datagrams", "lost"));
        (sent + lost == u64::from(last.sequence_number)).then_some(())
    });
    echo(&mut peer, 2, 100);
}

/// An IPv6 collector, for images that support it.
pub fn an_ipv6_collector_gets_datagrams(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    let link_local = Station { ip6: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9), ..PEER };
    peer.add_host(link_local);
    machine.command("polling 1").unwrap();
    for host in [PEER, link_local] {
        machine.command(&format!("collector {}", host.ip6)).unwrap();
        let shown = machine.command("show").unwrap();
        assert!(shown.contains(&format!("collector {}", host.ip6)), "{shown:#?}");
        peer.until("a datagram over IPv6", |peer| {
            peer.exported.last().is_some_and(|last| last.to == host.ip6)
        });
    }
    let counters = datagrams(&peer).flat_map(|one| one.samples()).map(|sample| sample.unwrap());
    assert!(counters.count() >= 2, "a sample in each datagram");
    machine.link(0).check_dissected(datagrams(&peer));
    for refused in ["2001:db8::85", "2001:db8:1::1", "2001:db8::", "ff02::1", "::1", "2001:db8"] {
        refuses(&machine, refused, "2001:db8::/64");
    }
}

/// An IPv6 collector is refused with `reason`, for images without IPv6.
pub fn an_ipv6_collector_is_refused(image: &Image, reason: &str) {
    let machine = start(image);
    refuses(&machine, "2001:db8::1", reason);
    let shown = machine.command("show").unwrap();
    assert!(shown.contains(&format!("collector {}", PEER.ip)), "{shown:#?}");
}

/// Returns false if the station gave up before the reply, so that nothing was tested.
fn answered_in_time(image: &Image) -> bool {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    be_found(&machine, &mut peer);
    machine.command("sampling 1 1").unwrap();
    echo(&mut peer, 1, 100);
    let asked = uptime(&machine);
    machine.command("collector 192.0.2.9").unwrap();
    let before = machine.shown("port 1", "pool");
    peer.send(&packet::ping(&PEER, &BOARD, 1, &[]));
    // The request (unless counted before), the ping and its reply, then the longest that a sample
    // waits for others.
    wait_until("the answer", || {
        let answered = machine.shown("port 1", "pool") >= before + 2;
        (answered && uptime(&machine) >= asked + 300).then_some(())
    });
    peer.add_host(OTHER);
    peer.until("a datagram elsewhere", |peer| {
        peer.exported.last().is_some_and(|last| last.to == OTHER.ip)
    });
    if uptime(&machine) >= asked + 1000 {
        return false;
    }
    quiet(&machine, &mut peer);
    check_sums(&flow_samples(&peer));
    assert_eq!(machine.shown("port 1", "drops"), 0);
    assert_eq!(machine.shown("datagrams", "lost"), 0);
    assert_eq!(machine.shown("datagrams", "sent"), datagrams(&peer).count() as u64);
    machine.link(0).check_dissected(datagrams(&peer));
    true
}

fn uptime(machine: &Machine) -> u64 {
    machine.shown("agent", "uptime")
}

fn refuses(machine: &Machine, collector: &str, reason: &str) {
    let answer = machine.command(&format!("collector {collector}"));
    let Err(Refused(text)) = answer else { panic!("{collector} was taken") };
    assert!(text.contains(reason), "{collector}: {text}");
}
