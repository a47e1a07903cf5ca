//! A collector whose MAC address is not known.

use flowmote_analyzer::Datagram;

use super::samples::{check_sums, told};
use super::{BOARD, PEER, echo, plug_in, quiet, start};
use crate::lab::wait_until;
use crate::qemu::{Image, Machine, Station, packet};

/// Samples wait until the station's question is answered, and none is lost.
pub fn pending_arp_costs_no_sample(image: &Image) {
    // They wait for a second, which on a busy machine may be over before there is an answer.
    let in_time = (0..20).any(|_| answered_in_time(image));
    assert!(in_time, "no answer within a second, in many attempts");
}

/// A collector that never answers costs datagrams, which are counted, and nothing else.
pub fn a_silent_collector_stops_nothing(image: &Image) {
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
        peer.receive(core::time::Duration::from_millis(150));
        let last = Datagram::parse(&peer.exported.last()?.payload).expect("an sFlow datagram");
        let (sent, lost) = (machine.shown("datagrams", "sent"), machine.shown("datagrams", "lost"));
        (sent + lost == u64::from(last.sequence_number)).then_some(())
    });
    echo(&mut peer, 2, 100);
}

/// False: the station has given up before, and nothing is proved.
fn answered_in_time(image: &Image) -> bool {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 1").unwrap();
    echo(&mut peer, 1, 100);
    peer.until("a datagram", |peer| !peer.exported.is_empty());
    let asked = uptime(&machine);
    machine.command("collector 192.0.2.9").unwrap();
    let before = machine.shown("port 1", "pool");
    peer.send(&packet::ping(&PEER, &BOARD, 1, &[]));
    // The question, unless it was counted before, the ping and its answer; and then as long as a
    // sample would wait for others.
    wait_until("the answer", || {
        let answered = machine.shown("port 1", "pool") >= before + 2;
        (answered && uptime(&machine) >= asked + 300).then_some(())
    });
    let other = Station { mac: [2, 0, 0, 0, 0, 9], ip: [192, 0, 2, 9].into(), ..PEER };
    peer.add_host(other);
    peer.until("a datagram elsewhere", |peer| {
        peer.exported.last().is_some_and(|last| last.to == other.ip)
    });
    if uptime(&machine) >= asked + 1000 {
        return false;
    }
    quiet(&machine, &mut peer);
    check_sums(&told(&peer));
    assert_eq!(machine.shown("port 1", "drops"), 0);
    assert_eq!(machine.shown("datagrams", "lost"), 0);
    true
}

fn uptime(machine: &Machine) -> u64 {
    machine.shown("agent", "uptime")
}
