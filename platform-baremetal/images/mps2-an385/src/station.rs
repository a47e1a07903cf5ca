//! The agent of an end station, and what its operator may change.

use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::{
    Agent, AgentConfig, CounterSample, DatagramHead, Duration, Encoding, HandleError, Instant,
    MAX_SAMPLING_RATE, Source, Transport,
};

use crate::console::{Command, Refused};
use crate::port::{Chosen, HEADER_BYTES, IF_INDEX, Port, SOURCE};
use crate::serial::Serial;

/// One agent with one port.
#[derive(Debug)]
pub struct Station<'a> {
    agent: Agent<'a>,
    collector: Ipv4Addr,
    polling: u32,
}

/// The way out: the port, and what sends datagrams through it.
pub trait Uplink: Transport {
    /// The port that samples wait in and that has the counters.
    fn port(&mut self) -> &mut Port;

    /// Whether a datagram could go out now. As long as it could not, samples wait.
    fn is_ready(&mut self) -> bool;
}

/// The address of the station, in a network of 24 bits.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 85);

/// Where datagrams go until the operator says otherwise.
pub const COLLECTOR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// 1-in-N until the operator says otherwise.
pub const SAMPLING_RATE: u32 = 100;

/// The UDP port of collectors.
pub const SFLOW_PORT: u16 = 6343;

/// The UDP port that sends back what it gets (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// A datagram, and the memory for it: what fits one Ethernet frame.
pub const DATAGRAM: usize = 1400;

impl<'a> Station<'a> {
    /// The agent of a station that polls every 20 seconds.
    pub fn new(now: Instant, seed: u64, sources: &'a mut [Source], datagram: &'a mut [u8]) -> Self {
        let head = DatagramHead {
            address: IpAddr::V4(ADDRESS),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: DATAGRAM,
        };
        let config = AgentConfig {
            head,
            header_bytes: HEADER_BYTES,
            max_delay: Duration::from_millis(100),
            discard_limit: 10,
            seed,
        };
        let mut agent = Agent::new(config, sources, datagram);
        // There is one place, and it is vacant.
        let _ = agent.add_source(now, SOURCE, Duration::from_secs(POLLING));
        Self { agent, collector: COLLECTOR, polling: POLLING }
    }

    /// Who gets the datagrams.
    #[must_use]
    pub fn collector(&self) -> Ipv4Addr {
        self.collector
    }

    /// Sends what is due, and says how many milliseconds there are until something will be.
    pub fn poll(&mut self, now: Instant, uplink: &mut impl Uplink) -> u32 {
        // Datagrams are packets too: those that they add here wait for the next round.
        for _ in 0..uplink.port().waiting() {
            if !uplink.is_ready() {
                return PATIENCE;
            }
            let Some(chosen) = uplink.port().next_sample() else { break };
            self.hand_in(now, &chosen, uplink);
        }
        if !uplink.is_ready() {
            return PATIENCE;
        }
        if self.agent.poll_counters(now).is_some() {
            self.hand_in_counters(now, uplink);
        }
        self.agent.transmit(now, uplink);
        let due = self.agent.poll_timeout().map_or(PATIENCE, |due| due.since(now).as_millis());
        if uplink.port().waiting() > 0 { 0 } else { due }
    }

    /// Does what the operator wants.
    ///
    /// # Errors
    /// With what is wrong about it; nothing has changed.
    pub fn obey(
        &mut self,
        now: Instant,
        command: Command,
        port: &mut Port,
        serial: &mut Serial,
    ) -> Result<(), Refused> {
        match command {
            Command::Show => self.show(now, port, serial),
            Command::Sampling { port: IF_INDEX, rate: rate @ 0..=MAX_SAMPLING_RATE } => {
                port.sampler.set_sampling_rate(rate);
            }
            Command::Sampling { port: IF_INDEX, .. } => return Err(Refused("N is at most 2147483648")),
            Command::Sampling { .. } => return Err(Refused("the only port is 1")),
            Command::Polling { seconds } => {
                if seconds > MAX_POLLING {
                    return Err(Refused("S is at most 4294967"));
                }
                self.polling = seconds;
                self.agent.set_polling(now, SOURCE, Duration::from_secs(seconds));
            }
            Command::Collector(address) => {
                if !is_neighbour(address) {
                    return Err(Refused("the collector must be in 192.0.2.0/24, there is no router"));
                }
                self.collector = address;
            }
        }
        Ok(())
    }

    fn hand_in(&mut self, now: Instant, chosen: &Chosen, uplink: &mut impl Uplink) {
        let sample = chosen.flow_sample();
        while self.agent.handle_flow_sample(now, &sample) == Err(HandleError::Full) {
            self.agent.transmit(now, uplink);
        }
        self.agent.transmit(now, uplink);
    }

    fn hand_in_counters(&mut self, now: Instant, uplink: &mut impl Uplink) {
        let (generic, ethernet) = uplink.port().counters();
        let sample = CounterSample { records: &[&generic, &ethernet] };
        while self.agent.handle_counters(now, SOURCE, &sample) == Err(HandleError::Full) {
            self.agent.transmit(now, uplink);
        }
    }

    /// A topic a line, each with words and their numbers.
    fn show(&self, now: Instant, port: &mut Port, serial: &mut Serial) {
        let (stats, meta) = (self.agent.stats(), port.sampler.meta());
        let statistics = port.ethernet.statistics();
        serial.text("agent ").address(ADDRESS.octets()).text(" uptime ").number(now.as_millis());
        serial.text("\ncollector ").address(self.collector.octets());
        serial.text("\npolling ").number(self.polling);
        serial.text("\nsampling ").number(meta.sampling_rate);
        serial.text("\nsampler pool ").number(meta.sample_pool).text(" drops ").number(meta.drops);
        serial.text("\nsamples flow ").number(stats.flow_samples);
        serial.text(" counter ").number(stats.counter_samples);
        serial.text(" waiting ").number(port.waiting() as u32);
        serial.text("\ndatagrams sent ").number(stats.datagrams - stats.send_errors);
        serial.text(" lost ").number(stats.send_errors);
        serial.text("\nreceived frames ").number(statistics.rx.frames());
        serial.text(" octets ").number(statistics.rx.octets);
        serial.text(" errors ").number(statistics.rx_errors);
        serial.text(" discards ").number(statistics.rx_dropped);
        serial.text("\ntransmitted frames ").number(statistics.tx.frames());
        serial.text(" octets ").number(statistics.tx.octets);
        serial.text(" errors ").number(statistics.tx_errors);
        serial.text(" discards ").number(statistics.tx_dropped).text("\n");
    }
}

/// Says on the console how a command went.
pub fn answer(result: Result<(), Refused>, serial: &mut Serial) {
    match result {
        Ok(()) => serial.text("ok\n"),
        Err(Refused(reason)) => serial.text("error: ").text(reason).text("\n"),
    };
}

/// Whether the address is a host's in our network.
fn is_neighbour(address: Ipv4Addr) -> bool {
    let ([a, b, c, _], [x, y, z, host]) = (ADDRESS.octets(), address.octets());
    [a, b, c] == [x, y, z] && !matches!(host, 0 | 255) && address != ADDRESS
}

const POLLING: u32 = 20;
const MAX_POLLING: u32 = u32::MAX / 1000;
/// When nothing is known to be due, or the collector's MAC address is not known yet.
const PATIENCE: u32 = 100;
