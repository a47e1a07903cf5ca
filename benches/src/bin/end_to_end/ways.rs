//! The cost of a packet that is not sampled, at a packet socket and at a tc hook.

use anyhow::{Context, Result, ensure};

use crate::agent::Kind;
use crate::figures::{Column, Figure, quantile};
use crate::measure::Bench;
use crate::namespace::{PEER, SINK};
use crate::traffic::{Mark, Sender};

/// The interface of the sender, and a way of capture: of what the other end of its veth pair receives,
/// or of what it sends to nowhere.
const WAYS: [(&str, Figure, &str); 4] = [
    (PEER, Figure::PacketReceived, "pcap { dev = bench0 capture = packet sampling = 10000 }"),
    (PEER, Figure::HookReceived, "pcap { dev = bench0 capture = tc sampling = 10000 }"),
    (SINK, Figure::PacketSent, "pcap { dev = bench2 capture = packet sampling = 10000 }"),
    (SINK, Figure::HookSent, "pcap { dev = bench2 capture = tc sampling = 10000 }"),
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
    pub(crate) fn ways(&mut self) -> Result<()> {
        let agents = self.agents;
        for agent in agents.iter().filter(|agent| agent.kind() == Kind::Flowmote) {
            for _ in 0..self.effort.repetitions {
                for (interface, figure, block) in WAYS {
                    let sender = &mut Sender::on(interface)?;
                    let mut session = self.start_with(agent, "", None, block)?;
                    session.ready(|| sender.flood(Mark::Probe, PROBES))?;
                    session.begin()?;
                    let sampled = undisturbed(sender, self.effort.sparse)?;
                    // Of each 10,000 packets a sample shows how many the agent has counted.
                    let seen = session.finish(|_| false)?.tally.pool;
                    ensure!(
                        seen.abs_diff(self.effort.sparse) < 5 * PROBES,
                        "{block}: {seen} packets counted"
                    );
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
