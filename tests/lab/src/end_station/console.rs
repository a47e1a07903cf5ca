//! The commands of the operator.

use super::host::{echo, plug_in, quiet};
use super::received::flow_samples;
use super::{OTHER, PEER, start};
use crate::qemu::{Image, Refused};

/// Valid commands take effect, and invalid ones return an error.
pub fn commands_take_effect(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    peer.add_host(OTHER);
    machine.command("polling 1").unwrap();
    peer.until("counters", |peer| !peer.exported.is_empty());
    assert_eq!(peer.exported.last().unwrap().to, PEER.ip);
    machine.command("collector 192.0.2.9").unwrap();
    peer.until("a datagram elsewhere", |peer| {
        peer.exported.last().is_some_and(|last| last.to == OTHER.ip)
    });
    assert_eq!(peer.received.last().unwrap()[..6], OTHER.mac);
    machine.command("sampling 1 1").unwrap();
    assert_eq!(machine.shown("polling", "seconds"), 1);
    assert_eq!(machine.shown("port 1", "sampling"), 1);
    echo(&mut peer, 1, 10);
    peer.until("a flow sample", |peer| !flow_samples(peer).is_empty());
    machine.command("sampling 1 0").unwrap();
    machine.command("polling 0").unwrap();
    quiet(&machine, &mut peer);
    let before = peer.exported.len();
    for number in 0..50 {
        echo(&mut peer, number, 10);
    }
    quiet(&machine, &mut peer);
    assert_eq!(peer.exported.len(), before, "all is off");
    for (line, reason) in REFUSED {
        let Err(Refused(text)) = machine.command(line) else { panic!("{line:?} was taken") };
        assert!(text.contains(reason), "{line:?}: {text}");
    }
    // The echo, with a wrong letter erased.
    let shown = machine.command("shoe\x08w").unwrap();
    assert_eq!(shown[0], "shoe\x08 \x08w");
    assert!(machine.command(&"x".repeat(300)).is_err_and(|Refused(text)| text.contains("most 63")));
}

/// Invalid lines and their errors.
const REFUSED: [(&str, &str); 12] = [
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
];
