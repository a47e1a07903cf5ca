//! The cost of a packet that is not sampled, at a packet socket and at a tc hook.

use anyhow::{Context, Result};

use crate::agent::Kind;
use crate::figures::{Column, Figure, quantile};
use crate::measure::Bench;
use crate::traffic::{Mark, Sender};

/// A way of capture on one end of the veth pair.
const WAYS: [(Figure, &str); 4] = [
    (Figure::PacketReceived, "pcap { dev = bench0 capture = packet sampling = 10000 }"),
    (Figure::HookReceived, "pcap { dev = bench0 capture = tc sampling = 10000 }"),
    (Figure::PacketSent, "pcap { dev = bench1 capture = packet sampling = 10000 }"),
    (Figure::HookSent, "pcap { dev = bench1 capture = tc sampling = 10000 }"),
];
/// Packets until the first sample.
const PROBES: u64 = 20_000;

impl Bench<'_> {
    /// CPU of the sender per packet beyond that without an agent: the sender also runs the receiving
    /// side.
    ///
    /// # Errors
    ///
    /// As [`flood`](Self::flood).
    pub(crate) fn ways(&mut self, sender: &mut Sender) -> Result<()> {
        let agents = self.agents;
        for agent in agents.iter().filter(|agent| agent.kind() == Kind::Flowmote) {
            for _ in 0..self.effort.repetitions {
                for (figure, block) in WAYS {
                    let mut session = self.start_with(agent, "", None, block)?;
                    session.ready(|| sender.flood(Mark::Probe, PROBES))?;
                    let sampled = undisturbed(sender, self.effort.sparse)?;
                    session.running.end()?;
                    let alone = undisturbed(sender, self.effort.sparse)?;
                    self.add(figure, Column::Agent(agent.kind()), sampled - alone);
                }
            }
        }
        Ok(())
    }
}

/// CPU per packet in nanoseconds, of the fastest tenth of many short floods: what else runs on the
/// machine makes others slower by more than a filter costs.
fn undisturbed(sender: &mut Sender, packets: u64) -> Result<f64> {
    let flood = |_| -> Result<f64> {
        let flooded = sender.flood(Mark::Measure, packets / FLOODS)?;
        Ok(flooded.cpu.as_secs_f64() * 1e9 / flooded.count as f64)
    };
    let floods: Vec<f64> = (0..FLOODS).map(flood).collect::<Result<_>>()?;
    quantile(&floods, 0.1).context("no flood")
}

const FLOODS: u64 = 200;
