//! Properties of the lab on which the other tests rely.

use flowmote_lab::net::{Lab, LinkCounters, flood, peer_ip_of, send_frame, transfer};
use flowmote_lab::wait_until;

#[test]
fn link_carries_only_packets_of_the_test() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    assert_eq!(LinkCounters::of(&host, "lan0"), LinkCounters::default());
    flood(&host, (peer_ip_of(1).0, 9).into(), 100, 10);
    let counters = LinkCounters::of(&host, "lan0");
    // On a busy machine the backlog of the other end can be full; such packets count as tx_dropped.
    assert_eq!(counters.tx_packets + counters.tx_dropped, 100);
    assert_eq!(counters.tx_bytes, counters.tx_packets * (14 + 20 + 8 + 10));
    assert_eq!(LinkCounters::of(&peer, "lan0").rx_packets, counters.tx_packets);
}

#[test]
fn frame_is_sent_unchanged() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    send_frame(&peer, "lan0", &[0xa5; 60]);
    let counters = LinkCounters::of(&host, "lan0");
    assert_eq!((counters.rx_packets, counters.rx_bytes), (1, 60));
}

#[test]
fn transfer_counts_its_segments() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    // Without segmentation offload each skb is one packet, so the kernel counts packets.
    for namespace in [&host, &peer] {
        namespace.run("ethtool -K lan0 tso off gso off gro off");
    }
    let transfer = transfer(&host, &peer, (peer_ip_of(1).0, 5001).into(), 3_000_000);
    for (namespace, segments) in
        [(&host, transfer.sender_segments), (&peer, transfer.receiver_segments)]
    {
        let counters = LinkCounters::of(namespace, "lan0");
        assert_eq!(counters.tx_packets + counters.tx_dropped, segments);
    }
    assert!(transfer.sender_segments > 3_000_000 / 1460);
}

#[test]
fn namespaces_end_with_the_lab() {
    let Some(lab) = Lab::unprivileged() else { return };
    let namespace = lab.namespace();
    let holder = format!("/proc/{}", namespace.pid());
    assert!(std::fs::exists(&holder).unwrap());
    drop((namespace, lab));
    wait_until("the end of the holder", || (!std::fs::exists(&holder).unwrap()).then_some(()));
}
