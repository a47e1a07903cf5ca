//! What the view knows: everything received, put into tables of bounded size.

use core::time::Duration;
use std::time::Instant;

use flowmote_decoder::counter::{HostCpu, HostDescr, HostMemory, IfCounters, PortName};
use flowmote_decoder::{CountersSample, DataSource, Datagram, FlowSample, Sample, Text};

use super::clock::{Clock, Moment, Sum, Window};
use super::flows::{Conversation, Origin, Pair, packet};
use super::hosts::Host;
use super::interfaces::{Interface, Taken};
use super::table::Table;
use crate::tally::Tally;

/// The tables and totals.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: Clock,
    pub(super) tally: Tally,
    pub(super) datagrams: Window,
    /// All flow samples; as packets and bytes what they stand for.
    pub(super) samples: Window,
    pub(super) flows: Table<(Origin, Conversation), Window>,
    pub(super) pairs: Table<(Origin, Pair), Window>,
    pub(super) interfaces: Table<Origin, Interface>,
    pub(super) hosts: Table<Origin, Host>,
}

impl State {
    pub(super) fn new(start: Instant, window: Duration) -> Self {
        Self {
            clock: Clock::new(start, window),
            tally: Tally::default(),
            datagrams: Window::default(),
            samples: Window::default(),
            flows: Table::new(8192),
            pairs: Table::new(4096),
            interfaces: Table::new(4096),
            hosts: Table::new(1024),
        }
    }

    /// Takes in one UDP payload.
    pub(super) fn receive(&mut self, payload: &[u8], now: Instant) {
        self.tally.datagrams += 1;
        self.tally.bytes += payload.len() as u64;
        let moment = self.clock.moment(now);
        self.datagrams.add(moment, Sum { samples: 1, ..Sum::default() });
        let datagram = match Datagram::parse(payload) {
            Ok(datagram) => datagram,
            Err(error) => return self.tally.refuse(error),
        };
        self.tally.sequences.note(&datagram);
        for sample in datagram.samples() {
            match sample {
                Ok(sample) => self.sample(&datagram, &sample, now, moment),
                Err(fault) => self.tally.malformed(fault),
            }
        }
    }

    /// Flows that have left the window are forgotten; what is left is what the view shows.
    pub(super) fn expire(&mut self, now: Moment) {
        self.flows.retain(|window| window.rate(now).samples != 0);
        self.pairs.retain(|window| window.rate(now).samples != 0);
    }

    /// The name of the interface that is `origin`'s data source, whichever sub-agent told it: some
    /// agents send samples and counters of one source under different ones.
    pub(super) fn interface_name(&self, origin: &Origin) -> Option<&str> {
        let same = |at: &Origin| at.agent == origin.agent && at.source == origin.source;
        let mut names = self.interfaces.iter().filter(|(at, _)| same(at));
        names.find_map(|(_, port)| port.name.as_deref())
    }

    /// Entries of all tables that had to make room.
    pub(super) fn evicted(&self) -> u64 {
        let flows = self.flows.evicted + self.pairs.evicted;
        flows + self.interfaces.evicted + self.hosts.evicted
    }

    fn sample(
        &mut self,
        datagram: &Datagram<'_>,
        sample: &Sample<'_>,
        now: Instant,
        moment: Moment,
    ) {
        self.tally.samples += 1;
        let origin = |source| Origin {
            agent: datagram.agent_address,
            sub_agent_id: datagram.sub_agent_id,
            source,
        };
        match sample {
            Sample::Flow(flow) => self.flow(origin(flow.source_id), flow, moment),
            Sample::Counters(counters) => {
                let taken = Taken {
                    arrival: now,
                    uptime: datagram.uptime,
                    sequence_number: counters.sequence_number,
                };
                self.counters(origin(counters.source_id), counters, taken);
            }
            _ => {}
        }
    }

    fn flow(&mut self, origin: Origin, sample: &FlowSample<'_>, moment: Moment) {
        for record in sample.records() {
            match record {
                Ok(_) => self.tally.records += 1,
                Err(fault) => self.tally.malformed(fault),
            }
        }
        let found = packet(sample);
        let length = found.map_or(0, |(_, length)| length);
        let packets = u64::from(sample.sampling_rate);
        let sum = Sum { samples: 1, packets, bytes: packets * u64::from(length) };
        self.samples.add(moment, sum);
        if let Some((conversation, _)) = found {
            self.flows.touch((origin, conversation)).add(moment, sum);
            self.pairs.touch((origin, conversation.pair())).add(moment, sum);
        }
    }

    fn counters(&mut self, origin: Origin, sample: &CountersSample<'_>, taken: Taken) {
        for record in sample.records() {
            let record = match record {
                Ok(record) => record,
                Err(fault) => return self.tally.malformed(fault),
            };
            self.tally.records += 1;
            if let Err(fault) = record.check() {
                self.tally.malformed(fault);
            }
            if let Some(counters) = record.read::<IfCounters>() {
                // the record's own index, where one source stands for all ports
                let index = counters.if_index;
                let port = Origin { source: DataSource { class: 0, index }, ..origin };
                self.interfaces.touch(port).update(taken, counters);
            } else if let Some(port) = record.read::<PortName<'_>>() {
                self.interfaces.touch(origin).name = printable(port.name);
            } else if let Some(descr) = record.read::<HostDescr<'_>>() {
                self.hosts.touch(origin).name = printable(descr.hostname);
            } else if let Some(cpu) = record.read::<HostCpu>() {
                self.hosts.touch(origin).update_cpu(taken, cpu);
            } else if let Some(memory) = record.read::<HostMemory>() {
                self.hosts.touch(origin).memory = Some(memory);
            }
        }
    }
}

/// Text from the network, without what could steer a terminal; `None` if it is empty.
fn printable(text: Text<'_>) -> Option<String> {
    let shown: String = text.to_string().chars().filter(|c| !c.is_control()).take(64).collect();
    (!shown.is_empty()).then_some(shown)
}
