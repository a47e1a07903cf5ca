//! Floods of UDP datagrams: every packet is in the pool, every sample arrives or is in the drops,
//! and the estimates keep the error bound of packet sampling.

use flowmote_decoder::FlowSample;
use flowmote_lab::net::{
    Agent, Capture, Collector, Lab, LinkCounters, Totals, flood, ip_of, sampled_header,
};
use flowmote_lab::wait_until;

/// A flood that the host receives, as seen by the agent and by the kernel.
struct Outcome {
    capture: Capture,
    index: u32,
    /// Both directions: the flood, and a few ICMP messages in reply.
    kernel: LinkCounters,
    /// Statistics of the agent at its end.
    totals: Totals,
    /// True: eBPF counted the pool and skips are uniform. False: the pool is estimated, skips geometric.
    exact: bool,
}

/// Floods a host whose agent samples one in `rate` packets.
fn flooded(rate: u32, count: u32, size: u32) -> Option<Outcome> {
    let lab = Lab::open()?;
    let (host, peer) = (lab.namespace(), lab.namespace());
    lab.link(1, (&host, "lan0"), (&peer, "lan0"));
    let collector = Collector::start(&host, "127.0.0.1:6343");
    let agent = Agent::start(&lab, &host, &format!("-i lan0 -n {rate} -p 0 -o 127.0.0.1:6343"));
    let target = (ip_of(1).0, 9).into();
    flood(&peer, target, count, size);
    let index = host.if_index("lan0");
    let exact = lab.has_ebpf() || rate == 1;
    let caught_up = |kernel: LinkCounters| {
        let pool = u64::from(collector.so_far().pool_of(index));
        // No uniform skip is longer than 2N - 1.
        let rest = if exact { 2 * u64::from(rate) } else { kernel.packets() / 4 };
        pool + rest > kernel.packets()
    };
    wait_until("the samples", || {
        let kernel = LinkCounters::of(&host, "lan0");
        if caught_up(kernel) {
            return Some(());
        }
        // If the last samples were dropped, only the next one reports them.
        flood(&peer, target, 1, size);
        None
    });
    let totals = Totals::last_of(&agent.stop(), "lan0");
    let capture = collector.finish();
    capture.check();
    let kernel = LinkCounters::of(&host, "lan0");
    assert!(!exact || totals.seen == kernel.packets(), "{totals:?} of {kernel:?}");
    Some(Outcome { capture, index, kernel, totals, exact })
}

impl Outcome {
    fn samples(&self) -> Vec<FlowSample<'_>> {
        self.capture.flow_samples_of(self.index)
    }

    /// Bytes on the wire, with the FCS.
    fn bytes(&self) -> u64 {
        let kernel = &self.kernel;
        kernel.rx_bytes + kernel.tx_bytes + 4 * (kernel.rx_packets + kernel.tx_packets)
    }

    /// Checks estimates of packets and bytes against the 95 % bound for geometric skips. Uniform
    /// skips have a third of the variance, so that fewer than one run in a thousand misses it.
    fn check_estimates(&self, rate: u32) {
        let samples = self.samples();
        let packets = samples.len() as f64 * f64::from(rate);
        let lengths = samples.iter().map(|sample| u64::from(sampled_header(sample).frame_length));
        let bytes = lengths.sum::<u64>() as f64 * f64::from(rate);
        let bound = 196.0 * (1.0 / samples.len() as f64).sqrt();
        // With geometric skips one run in twenty misses the bound, one in ten thousand twice the bound.
        let bound = if self.exact { bound } else { 2.0 * bound };
        for (what, estimate, truth) in
            [("packets", packets, self.kernel.packets()), ("bytes", bytes, self.bytes())]
        {
            let error = 100.0 * (estimate / truth as f64 - 1.0).abs();
            assert!(error <= bound, "{estimate} {what} for {truth}: {error} % > {bound} %");
        }
    }
}

#[test]
fn samples_and_drops_account_for_every_packet_at_1_in_1() {
    let Some(outcome) = flooded(1, 30_000, 18) else { return };
    let samples = outcome.samples();
    let last = samples.last().expect("samples");
    assert!(outcome.kernel.rx_packets >= 30_000);
    assert_eq!(u64::from(last.sample_pool), outcome.kernel.packets());
    assert_eq!(samples.len() as u64 + u64::from(last.drops), outcome.kernel.packets());
    assert_eq!(
        (samples.len() as u64, u64::from(last.drops)),
        (outcome.totals.samples, outcome.totals.drops)
    );
    assert!(samples.iter().all(|sample| sample.sampling_rate == 1));
}

#[test]
fn estimates_at_1_in_10_keep_the_bound() {
    let Some(outcome) = flooded(10, 60_000, 400) else { return };
    outcome.check_estimates(10);
}

#[test]
fn estimates_at_1_in_100_keep_the_bound() {
    let Some(outcome) = flooded(100, 100_000, 1000) else { return };
    outcome.check_estimates(100);
}
