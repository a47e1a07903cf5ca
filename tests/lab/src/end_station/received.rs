//! Datagrams received by the collector, and checks of them.

use flowmote_decoder::{Datagram, FlowSample, Sample};

use crate::qemu::Peer;

/// Returns the received datagrams, after checking that none is missing.
pub(super) fn datagrams<'a>(peer: &'a Peer<'_>) -> impl Iterator<Item = Datagram<'a>> {
    (1..).zip(&peer.exported).map(|(number, one)| {
        let datagram = Datagram::parse(&one.payload).expect("an sFlow datagram");
        assert_eq!(datagram.sequence_number, number);
        datagram
    })
}

/// Returns the flow samples of all received datagrams.
pub(super) fn flow_samples<'a>(peer: &'a Peer<'_>) -> Vec<FlowSample<'a>> {
    let samples = datagrams(peer).flat_map(|datagram| datagram.samples());
    let flow = |sample| if let Sample::Flow(sample) = sample { Some(sample) } else { None };
    samples.filter_map(|sample| flow(sample.expect("a whole sample"))).collect()
}

/// Checks that at 1-in-1 each packet since the first sample is a sample or a drop.
pub(super) fn check_sums(samples: &[FlowSample<'_>]) {
    check_order(samples);
    let apart =
        |sample: &FlowSample<'_>| sample.sample_pool - sample.sequence_number - sample.drops;
    let before = apart(&samples[0]);
    for sample in samples {
        assert_eq!(apart(sample), before, "{sample:?}");
        assert_eq!(sample.sampling_rate, 1);
    }
}

/// Checks that samples are complete and consecutive, and that pool and drops only grow.
pub(super) fn check_order(samples: &[FlowSample<'_>]) {
    for (number, sample) in (1..).zip(samples) {
        assert_eq!(sample.sequence_number, number);
        assert!(sample.records().all(|record| record.unwrap().check() == Ok(0)), "{sample:?}");
    }
    for pair in samples.windows(2) {
        assert!(pair[0].sample_pool < pair[1].sample_pool);
        assert!(pair[0].drops <= pair[1].drops);
    }
}
