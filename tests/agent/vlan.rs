//! The kernel removes VLAN tags from frames; the agent restores and reports them.

use flowmote_decoder::FlowSample;
use flowmote_decoder::flow::ExtendedSwitch;
use flowmote_lab::net::{Agent, Collector, Lab, sampled_header, send_frame};

/// Priority 5, VLAN 100.
const TAG: [u8; 4] = [0x81, 0x00, 0xa0, 0x64];
/// Priority 5, VLAN 100, as a service tag (802.1ad).
const SERVICE_TAG: [u8; 4] = [0x88, 0xa8, 0xa0, 0x64];
const UNKNOWN: u32 = u32::MAX;

fn frame(to_host: bool, tag: [u8; 4], length: usize) -> Vec<u8> {
    let (host, peer) = ([2, 0, 0, 0, 1, 1], [2, 0, 0, 0, 1, 2]);
    let (to, from) = if to_host { (host, peer) } else { (peer, host) };
    let mut frame = [&to[..], &from, &tag, &[0x88, 0xb5]].concat();
    frame.resize(length, 0xa5);
    frame
}

fn switch(sample: &FlowSample<'_>) -> ExtendedSwitch {
    sample.records().flatten().find_map(|record| record.read()).expect("extended_switch")
}

#[test]
fn tag_is_in_the_header_and_in_extended_switch() {
    let Some(lab) = Lab::open() else { return };
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, "-i lan0 -n 1 -p 0 -o 127.0.0.1:6343");
    let frames = [
        frame(true, TAG, 64),
        frame(true, SERVICE_TAG, 64),
        frame(true, TAG, 1518),
        frame(false, TAG, 64),
        frame(false, TAG, 1518),
    ];
    for (at, frame) in frames.iter().enumerate() {
        send_frame(if at < 3 { &peer } else { &host }, "lan0", frame);
    }
    collector.wait_for("the samples", |capture| capture.flow_samples().len() >= frames.len());
    agent.stop();
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples();
    assert_eq!(samples.len(), frames.len());
    for (at, (sample, frame)) in samples.iter().zip(&frames).enumerate() {
        let header = sampled_header(sample);
        assert_eq!(header.header, &frame[..frame.len().min(128)], "frame {at}");
        assert_eq!(header.frame_length as usize, frame.len() + 4, "frame {at}");
        let switch = switch(sample);
        let src = (switch.src_vlan, switch.src_priority);
        let dst = (switch.dst_vlan, switch.dst_priority);
        let (tagged, other) = if at < 3 { (src, dst) } else { (dst, src) };
        assert_eq!((tagged, other), ((100, 5), (UNKNOWN, UNKNOWN)), "frame {at}");
    }
}
