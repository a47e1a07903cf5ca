//! At 1 in 1 each packet of either direction becomes a sample with its exact bytes.

use flowmote_decoder::{FlowSample, Port};
use flowmote_lab::net::{
    Agent, Capture, Collector, Lab, Namespace, sampled_header, send_frame, timestamp_ns,
    wall_clock_ns,
};

/// The ifIndex and the samples of `act`, which puts `packets` packets on interface `lan0` of a host.
fn sampled(packets: usize, act: impl Fn(&Namespace, &Namespace)) -> Option<(u32, Capture)> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    act(&host, &peer);
    collector.wait_for("the samples", |capture| capture.flow_samples().len() >= packets);
    agent.stop();
    let capture = collector.finish();
    capture.check();
    assert_eq!(capture.flow_samples().len(), packets);
    Some((host.if_index("lan0"), capture))
}

fn ports(sample: &FlowSample<'_>) -> (Port, Port) {
    (sample.input.port(), sample.output.port())
}

#[test]
fn ping_is_sampled_in_both_directions() {
    let before = wall_clock_ns();
    let ping = |host: &Namespace, _: &Namespace| {
        host.run("ping -c 5 -i 0.01 -s 200 -p a5 198.18.1.2");
    };
    let Some((index, capture)) = sampled(10, ping) else { return };
    let mut last = before;
    for (at, sample) in capture.flow_samples().iter().enumerate() {
        let request = at % 2 == 0;
        let (here, internal) = (Port::Index(index), Port::Internal);
        assert_eq!(ports(sample), if request { (internal, here) } else { (here, internal) });
        assert_eq!((sample.sampling_rate, sample.drops), (1, 0));
        assert_eq!(sample.sequence_number, at as u32 + 1);
        // The pool is that at the time when the agent read the sample from the ring.
        assert!((at as u32 + 1..=10).contains(&sample.sample_pool), "{}", sample.sample_pool);
        let header = sampled_header(sample);
        assert_eq!((header.protocol, header.stripped), (1, 4));
        assert_eq!(header.frame_length, 14 + 20 + 8 + 200 + 4);
        assert_eq!(header.header.len(), 128);
        assert_eq!(header.header[34], if request { 8 } else { 0 }, "ICMP type");
        // ping stores its time stamp in the first 16 bytes.
        assert!(header.header[58..].iter().all(|&byte| byte == 0xa5));
        assert!(timestamp_ns(sample) >= last, "packets in order of capture time");
        last = timestamp_ns(sample);
    }
    assert!(last <= wall_clock_ns());
    assert_eq!(capture.pool_of(index), 10);
}

const MAC_HOST: [u8; 6] = [2, 0, 0, 0, 1, 1];
const MAC_PEER: [u8; 6] = [2, 0, 0, 0, 1, 2];
const MAC_OTHER: [u8; 6] = [2, 0, 0, 0, 9, 9];
const MULTICAST: [u8; 6] = [1, 0, 0x5e, 0, 0, 1];
const BROADCAST: [u8; 6] = [0xff; 6];

/// An Ethernet frame of the experimental type 0x88b5 with bytes that count up.
fn frame(to: [u8; 6], from: [u8; 6], length: usize) -> Vec<u8> {
    let mut frame = [&to[..], &from, &[0x88, 0xb5]].concat();
    frame.extend((0..).take(length - frame.len()).map(|at: usize| at as u8));
    frame
}

#[test]
fn frames_are_sampled_unchanged() {
    let sent = [
        frame(MAC_PEER, MAC_HOST, 60),
        frame(BROADCAST, MAC_HOST, 127),
        frame(MULTICAST, MAC_HOST, 128),
        frame(MAC_PEER, MAC_HOST, 129),
        frame(MAC_PEER, MAC_HOST, 1514),
    ];
    let received = [
        frame(MAC_HOST, MAC_PEER, 60),
        frame(BROADCAST, MAC_PEER, 61),
        frame(MULTICAST, MAC_PEER, 1514),
        frame(MAC_OTHER, MAC_PEER, 200),
    ];
    let act = |host: &Namespace, peer: &Namespace| {
        sent.iter().for_each(|frame| send_frame(host, "lan0", frame));
        received.iter().for_each(|frame| send_frame(peer, "lan0", frame));
    };
    let Some((index, capture)) = sampled(9, act) else { return };
    let samples = capture.flow_samples();
    for (sample, frame) in samples.iter().zip(sent.iter().chain(&received)) {
        let header = sampled_header(sample);
        assert_eq!(header.frame_length as usize, frame.len() + 4);
        assert_eq!(header.stripped, 4);
        assert_eq!(header.header, &frame[..frame.len().min(128)]);
    }
    let here = Port::Index(index);
    // The kernel's tables do not cover this type, so that the other side is unknown.
    assert_eq!(samples.len(), 9);
    assert!(samples[..5].iter().all(|sample| ports(sample) == (Port::Unknown, here)));
    assert!(samples[5..].iter().all(|sample| ports(sample) == (here, Port::Unknown)));
}
