//! A device with ports: the real samplers, agent and encoder.

use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSample, DataSource, DatagramHead, Duration, Encoding,
    FlowSample, HandleError, Instant, Interface, Sampler, SourceSlot,
};

/// A device, from its start to its restart.
pub(crate) struct Device {
    agent: Agent<'static>,
    samplers: Vec<Sampler>,
    /// The time of its start, in ms.
    boot: u64,
    /// Added to all numbers and to `drops`, so that they wrap.
    offset: u32,
}

/// A packet from a host to 10.0.0.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The last 24 bits of its address.
    pub(crate) host: u32,
    /// Bytes on the wire.
    pub(crate) bytes: u32,
}

impl Device {
    /// A device whose port i samples 1 in `rates[i]`.
    pub(crate) fn new(number: u32, rates: &[u32], seed: u64) -> Self {
        let address = Self::address(number);
        let config = AgentConfig {
            head: DatagramHead {
                address: IpAddr::V4(address),
                sub_agent_id: 0,
                encoding: Encoding::Compact,
                max_bytes: 1400,
            },
            header_bytes: 128,
            max_delay: Duration::ZERO,
            discard_limit: 10,
            seed,
        };
        // The agent borrows its memory. Leaking it is harmless in a test.
        let slots = vec![SourceSlot::VACANT; rates.len()].leak();
        let mut agent = Agent::new(config, slots, vec![0xa5; 1400].leak());
        for port in 1..=rates.len() as u32 {
            let source = DataSource::interface(port);
            agent.add_source(Instant::ZERO, source, Duration::ZERO).expect("a free slot");
        }
        let seeds = seed..;
        let samplers = rates.iter().zip(seeds).map(|(rate, seed)| Sampler::new(*rate, seed));
        Self { agent, samplers: samplers.collect(), boot: 0, offset: 0 }
    }

    /// The same, started at a time in ms.
    pub(crate) fn started(self, boot: u64) -> Self {
        Self { boot, ..self }
    }

    /// The same with numbers that are near their end.
    pub(crate) fn near_wrap(self) -> Self {
        Self { offset: u32::MAX - 20, ..self }
    }

    /// The address of the device of this number.
    pub(crate) fn address(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0xac10_0000 + number)
    }

    /// The sampler of a port.
    pub(crate) fn sampler(&mut self, port: u32) -> &mut Sampler {
        &mut self.samplers[port as usize - 1]
    }

    /// Hands in a packet that the sampler has just chosen, which entered by the port.
    pub(crate) fn sampled(&mut self, now: u64, port: u32, frame: Frame, wire: &mut Vec<Vec<u8>>) {
        let bytes = frame.header();
        let sample = FlowSample {
            source: DataSource::interface(port),
            meta: self.sampler(port).meta(),
            input: Interface::Index(port),
            output: Interface::Index(1000),
            header: Some(SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: frame.bytes,
                stripped: 4,
                header: &bytes,
            }),
            records: &[],
        };
        while let Err(refused) = self.agent.handle_flow_sample(self.uptime(now), &sample) {
            assert_eq!(refused, HandleError::Full);
            self.transmit(now, wire);
        }
    }

    /// Hands in counters.
    pub(crate) fn counters(
        &mut self,
        now: u64,
        source: DataSource,
        records: &[&dyn CounterRecord],
        wire: &mut Vec<Vec<u8>>,
    ) {
        let sample = CounterSample { records };
        while let Err(refused) = self.agent.handle_counters(self.uptime(now), source, &sample) {
            assert_eq!(refused, HandleError::Full);
            self.transmit(now, wire);
        }
    }

    /// Sends all samples that wait.
    pub(crate) fn flush(&mut self, now: u64, wire: &mut Vec<Vec<u8>>) {
        self.agent.flush();
        self.transmit(now, wire);
    }

    fn transmit(&mut self, now: u64, wire: &mut Vec<Vec<u8>>) {
        let uptime = self.uptime(now);
        while let Some(datagram) = self.agent.poll_transmit(uptime) {
            wire.push(shifted(datagram, self.offset));
        }
    }

    fn uptime(&self, now: u64) -> Instant {
        Instant::from_millis(now - self.boot)
    }
}

/// The datagram with `offset` added to the numbers and `drops` in it.
fn shifted(datagram: &[u8], offset: u32) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| {
        u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
    };
    let mut bytes = datagram.to_vec();
    let mut add = |at: usize| {
        let sum = word(datagram, at).wrapping_add(offset);
        bytes[at..at + 4].copy_from_slice(&sum.to_be_bytes());
    };
    add(16);
    let mut at = 28;
    while at < datagram.len() {
        add(at + 8);
        if word(datagram, at) == FLOW_SAMPLE {
            add(at + 24);
        }
        at += 8 + word(datagram, at + 4) as usize;
    }
    bytes
}

impl Frame {
    /// Ethernet, IPv4 and UDP.
    fn header(self) -> [u8; 60] {
        let mut header = [0; 60];
        header[..14].copy_from_slice(&[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]);
        let [.., high, low] = (self.bytes - 18).to_be_bytes();
        header[14..26].copy_from_slice(&[0x45, 0, high, low, 0, 1, 0x40, 0, 64, 17, 0, 0]);
        header[26..30].copy_from_slice(&(0x0b00_0000 + self.host).to_be_bytes());
        header[30..34].copy_from_slice(&[10, 0, 0, 0]);
        header
    }

    /// The address of the host.
    pub(crate) fn address(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0b00_0000 + self.host)
    }
}

/// `data_format` of a flow sample.
const FLOW_SAMPLE: u32 = 1;
