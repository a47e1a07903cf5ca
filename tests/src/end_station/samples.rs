//! What arrived at the collector.

use std::path::Path;
use std::process::Command;

use flowmote_analyzer::{Datagram, FlowSample, Sample};

use crate::lab::skip_part;
use crate::qemu::Peer;

/// The flow samples that arrived; the datagrams that carry them have no gap.
pub(super) fn told<'a>(peer: &'a Peer<'_>) -> Vec<FlowSample<'a>> {
    let mut samples = Vec::new();
    for (number, one) in (1..).zip(&peer.exported) {
        let datagram = Datagram::parse(&one.payload).expect("an sFlow datagram");
        assert_eq!(datagram.sequence_number, number);
        for sample in datagram.samples() {
            if let Sample::Flow(sample) = sample.expect("a whole sample") {
                samples.push(sample);
            }
        }
    }
    samples
}

/// With 1 in 1 from some moment on, each packet since is a sample or a drop.
pub(super) fn check_sums(samples: &[FlowSample<'_>]) {
    check_sums_of_some(samples);
    let apart =
        |sample: &FlowSample<'_>| sample.sample_pool - sample.sequence_number - sample.drops;
    let before = apart(&samples[0]);
    for sample in samples {
        assert_eq!(apart(sample), before, "{sample:?}");
        assert_eq!(sample.sampling_rate, 1);
    }
}

pub(super) fn check_sums_of_some(samples: &[FlowSample<'_>]) {
    for (number, sample) in (1..).zip(samples) {
        assert_eq!(sample.sequence_number, number);
        for record in sample.records() {
            assert_eq!(record.unwrap().check(), Ok(0));
        }
    }
    for pair in samples.windows(2) {
        assert!(pair[0].sample_pool < pair[1].sample_pool);
        assert!(pair[0].drops <= pair[1].drops);
    }
}

/// Has Wireshark read what the emulator wrote down.
pub(super) fn check_tshark(pcap: &Path, peer: &Peer<'_>) {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(pcap).args(["-n", "-d", "udp.port==6343,sflow", "-T", "fields"]);
    command.args(["-e", "sflow_245.sequence_number", "-e", "sflow_245.numsamples"]);
    // Some of the sampled packets are datagrams themselves.
    command.args(["-E", "occurrence=f"]);
    let Ok(output) = command.output() else {
        return skip_part("tshark is not installed");
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rows.lines().count(), peer.frames(), "frames of both directions");
    let seen: Vec<String> =
        rows.lines().map(str::trim).filter(|row| !row.is_empty()).map(str::to_owned).collect();
    let sent = peer.exported.iter().map(|one| {
        let datagram = Datagram::parse(&one.payload).unwrap();
        format!("{}\t{}", datagram.sequence_number, datagram.num_samples)
    });
    assert_eq!(seen, sent.collect::<Vec<_>>());
}
