//! As many packets as the image takes.

use crate::{burst, check_sums, check_tshark, echo, images, plug_in, quiet, start, told};

/// The controller has room for 10,540 bytes: so many frames at once are what it takes.
#[test]
fn under_load_samples_and_drops_add_up() {
    for image in images() {
        let machine = start(&image);
        let mut peer = plug_in(&machine);
        // The collector's address is learnt before the load.
        machine.command("polling 1").unwrap();
        peer.until("the first datagram", |peer| !peer.exported.is_empty());
        machine.command("polling 0").unwrap();
        machine.command("sampling 1 1").unwrap();
        for round in 0..40 {
            burst(&mut peer, round, (90, 0));
            burst(&mut peer, round, (100, 22));
            burst(&mut peer, round, (6, 1472));
        }
        let passed = quiet(&machine, &mut peer);
        assert!(passed > 15_000, "{passed} frames");
        check_sums(&told(&peer));
        let drops = machine.shown("port 1", "drops");
        assert!(drops > 0, "more packets than samples that can be sent");
        assert_eq!(machine.shown("port 1", "pool"), passed);
        assert_eq!(machine.shown("received", "frames"), peer.sent.len() as u64);
        assert_eq!(machine.shown("transmitted", "frames"), peer.received.len() as u64);
        assert_eq!(machine.shown("samples", "flow"), told(&peer).len() as u64);
        assert_eq!(machine.shown("datagrams", "lost"), 0);
        check_tshark(machine.link(0).pcap(), &peer);
        // As quick as ever.
        machine.command("sampling 1 1").unwrap();
        let before = told(&peer).len();
        echo(&mut peer, 1, 100);
        peer.until("the samples of one echo", |peer| told(peer).len() >= before + 2);
    }
}
