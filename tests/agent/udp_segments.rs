//! UDP with segmentation offload (UDP_SEGMENT, as used by QUIC servers): each datagram counts.

use flowmote_decoder::FlowSample;
use flowmote_lab::net::{
    Agent, Capture, Collector, Lab, LinkCounters, flood_segmented, ip_of, peer_ip_of,
    sampled_header,
};
use flowmote_lab::skip_part;

/// Ethernet, IP, UDP, FCS.
const HEADERS_4: u32 = 14 + 20 + 8 + 4;
const HEADERS_6: u32 = 14 + 40 + 8 + 4;

/// Samples without those of the multicast listener reports that IPv6 sends.
fn ours(capture: &Capture, index: u32) -> Vec<FlowSample<'_>> {
    let is_ours = |sample: &FlowSample<'_>| {
        sampled_header(sample).five_tuple().is_some_and(|flow| flow.dst_port == 9)
    };
    capture.flow_samples_of(index).into_iter().filter(is_ours).collect()
}

#[test]
fn each_datagram_of_a_super_packet_counts() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link6(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    let index = host.if_index("lan0");
    // 10 segments of 1000 bytes and one of 500, sent and received, over IPv4 and IPv6. The ports are
    // open, so that no ICMP message comes back.
    let _one = Collector::start(&peer, "198.18.1.2:9");
    let _two = Collector::start(&peer, "[fd00:1::2]:9");
    let _three = Collector::start(&host, "198.18.1.1:9");
    let _four = Collector::start(&host, "[fd00:1::1]:9");
    let (sizes, mut seen) = ((10_500, 1000), 0);
    let floods = [
        (&host, peer_ip_of(1).0.into(), HEADERS_4),
        (&host, peer_ip_of(1).1.into(), HEADERS_6),
        (&peer, ip_of(1).0.into(), HEADERS_4),
        (&peer, ip_of(1).1.into(), HEADERS_6),
    ];
    for (from, to, _) in floods {
        let to: core::net::IpAddr = to;
        flood_segmented(from, (to, 9).into(), 3, sizes);
        seen += 33;
        collector.wait_for("the samples", |capture| ours(capture, index).len() >= seen);
    }
    if host.run("ethtool -k lan0").contains("tx-udp-segmentation: on") {
        assert!(LinkCounters::of(&host, "lan0").packets() < 132, "no super-packets on this link");
    } else {
        skip_part("the kernel segments before the link: no super-packets");
    }
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = ours(&capture, index);
    assert_eq!(samples.len(), 132);
    for (samples, (_, _, headers)) in samples.chunks(33).zip(floods) {
        let mut lengths: Vec<u32> =
            samples.iter().map(|sample| sampled_header(sample).frame_length).collect();
        lengths.sort_unstable();
        let expected = [vec![500 + headers; 3], vec![1000 + headers; 30]].concat();
        assert_eq!(lengths, expected);
    }
}
