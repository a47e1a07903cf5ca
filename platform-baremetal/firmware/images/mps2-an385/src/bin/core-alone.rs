//! The size of `flowmote-core` alone: flow samples of four ports, with their generic and Ethernet
//! counters. Built to be measured, not run: packets, counters, time and transport are opaque to the
//! compiler and have no hardware.
//!
//! Its flash is that of `core` with the vector table, the start-up code and these lines; its RAM is
//! the state of the agent, four data sources, four samplers and one datagram.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m_rt::entry;
use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    Agent, CounterRecord, CounterSource, DataSource, Duration, FlowSample, Instant, Interface,
    Sampler, SendError, SourceSlot, Transport,
};
use mps2_an385::settings::DATAGRAM;
use mps2_an385::station;

#[entry]
fn main() -> ! {
    static mut SOURCES: [SourceSlot; 4] = [SourceSlot::VACANT; 4];
    static mut SAMPLERS: [Sampler; 4] = [const { Sampler::new(0, 0) }; 4];
    static mut BUFFER: [u8; DATAGRAM] = [0; DATAGRAM];
    static mut AGENT: Option<Agent<'static>> = None;

    let agent = AGENT.insert(station::agent(black_box(1), SOURCES, BUFFER));
    for (port, sampler) in (1..).zip(SAMPLERS.iter_mut()) {
        *sampler = Sampler::new(black_box(100), port.into());
        let added = agent.add_source(now(), DataSource::interface(port), Duration::from_secs(20));
        black_box(added.is_ok());
    }
    loop {
        for (port, sampler) in (1..).zip(SAMPLERS.iter_mut()) {
            sampler.set_sampling_rate(black_box(100));
            if sampler.advance(1).is_some() {
                let taken = agent.handle_flow_sample(now(), &flow_sample(port, sampler));
                if taken.is_err() {
                    sampler.dropped();
                }
            }
        }
        black_box(agent.poll(now(), &mut Nowhere, &mut Nowhere));
        black_box(agent.stats());
    }
}

fn flow_sample(port: u32, sampler: &Sampler) -> FlowSample<'static> {
    FlowSample {
        source: DataSource::interface(port),
        meta: sampler.meta(),
        input: Interface::Index(port),
        output: black_box(Interface::Internal),
        header: Some(SampledHeader {
            protocol: HeaderProtocol::ETHERNET,
            frame_length: black_box(1518),
            stripped: 4,
            header: black_box(&[]),
        }),
        records: &[],
    }
}

fn now() -> Instant {
    Instant::from_millis(black_box(0))
}

struct Nowhere;

impl CounterSource for Nowhere {
    fn counters(&mut self, _: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let records = black_box((IfCounters::UNKNOWN, EthernetCounters::UNKNOWN));
        emit(&[&records.0, &records.1]);
    }
}

impl Transport for Nowhere {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        black_box(datagram);
        Ok(())
    }
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    loop {}
}
