//! The check of each port by itself: what its samples estimate against what its own counters count.
//!
//! A counter sample ends an interval, in which the counters have moved by a known amount and a number of
//! samples have arrived. Intervals are added up to a period until its error is small; see
//! [`Period`]. Three periods in a row that deviate in the same way are a finding, whose cause the
//! [diagnosis](Diagnosis) names. One period that agrees takes it back.

mod diagnosis;
mod period;
mod port;
mod side;
#[cfg(test)]
mod tests;

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::{Address, FlowSample, Port as Place};
use foldhash::{HashMap, HashMapExt};

use crate::interfaces::{SampleTime, interface};
use crate::source::Source;
use crate::table::Table;
pub use diagnosis::{Diagnosis, Finding};
use port::Port;
pub use side::{Checked, Estimates};

/// Direction of packets at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received by the port.
    In,
    /// Sent by the port.
    Out,
}

/// The ports that sent interface counters.
///
/// A full table forgets the quarter of the ports that sent nothing for the longest time.
#[derive(Debug)]
pub struct SelfCheck {
    ports: Table<Source, Port>,
    /// The largest sampling rate that samples of an agent state. Taken for a port without samples.
    rates: HashMap<Address, u32>,
}

impl SelfCheck {
    /// A check of as many ports as fit `memory` bytes.
    pub(crate) fn new(memory: usize) -> Self {
        Self { ports: Table::within(memory), rates: HashMap::new() }
    }

    /// Notes a flow sample of a packet of `length` bytes on the wire, of which `stripped` are no part of
    /// the sampled header. Samples of ports without counters are ignored.
    #[inline]
    pub(crate) fn sample(
        &mut self,
        agent: Address,
        sample: &FlowSample<'_>,
        length: u64,
        stripped: u32,
    ) {
        let Some((port, direction)) = place(agent, sample) else { return };
        let Some(port) = self.ports.get_mut(&port) else { return };
        if port.sample(direction, sample, length, stripped) {
            let rate = self.rates.entry(agent).or_default();
            *rate = sample.sampling_rate.max(*rate);
        }
    }

    /// Notes the counters of an interface.
    pub(crate) fn counters(&mut self, agent: Address, time: SampleTime, counters: &IfCounters) {
        let source = Source { agent, data_source: interface(counters) };
        let rate = self.rates.get(&agent).copied();
        self.ports.touch(source).counters(time, counters, rate.unwrap_or(UNKNOWN_RATE));
        if self.rates.len() > self.ports.iter().len() {
            // Agents whose ports have been forgotten.
            self.rates.clear();
        }
    }

    /// The results for a port; `None` if it sent no counters.
    pub fn get(&self, port: &Source) -> Option<[Checked; 2]> {
        self.ports.get(port).map(Port::checked)
    }

    /// All ports, in arbitrary order, with the diagnoses for packets received and sent.
    pub fn ports(&self) -> impl Iterator<Item = (&Source, [Diagnosis; 2])> {
        self.ports.iter().map(|(source, port)| (source, port.diagnoses()))
    }

    /// Ports that were forgotten so far, to make room for others.
    pub fn forgotten(&self) -> u64 {
        self.ports.evicted
    }

    /// Memory in use, in bytes.
    pub fn bytes(&self) -> usize {
        self.ports.bytes() + self.rates.capacity() * (size_of::<(Address, u32)>() + 1)
    }
}

/// The port at which a packet was sampled, and its direction there.
///
/// The data source 0:0 stands for all ports: the packet was sampled when it entered.
fn place(agent: Address, sample: &FlowSample<'_>) -> Option<(Source, Direction)> {
    let mut data_source = sample.source_id;
    if data_source.class != 0 {
        return None;
    }
    let (input, output) = (sample.input.port(), sample.output.port());
    if data_source.index == 0 {
        let Place::Index(index) = input else { return None };
        data_source.index = index;
    }
    let this = Place::Index(data_source.index);
    let direction = match (input, output) {
        _ if input == this => Direction::In,
        _ if output == this => Direction::Out,
        // It came from elsewhere. An output that is unknown, or several ports, may contain this one.
        (Place::Index(_) | Place::Internal, _) => Direction::Out,
        _ => Direction::In,
    };
    Some((Source { agent, data_source }, direction))
}

/// Taken for the rate of agents without samples: 1 in as many as the slowest usual sampler.
const UNKNOWN_RATE: u32 = 65_536;
