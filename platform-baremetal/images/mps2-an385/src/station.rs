//! The agent of an end station, and what its operator may change.

use core::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use flowmote_baremetal::{Node, Uplink};
use flowmote_core::{
    Agent, AgentConfig, CounterSource, DatagramHead, Duration, Encoding, Instant,
    MAX_SAMPLING_RATE, Source,
};

use crate::board::{self, ETHERNET};
use crate::console::{Command, Refused};
use crate::serial::Serial;

/// What the operator may change and the node does not tell.
#[derive(Clone, Copy, Debug)]
pub struct Operator {
    collector: Ipv4Addr,
    polling: u32,
}

/// The address of the station, in a network of [`PREFIX`] bits.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 85);

/// The length of its network prefix.
pub const PREFIX: u8 = 24;

/// Where datagrams go until the operator says otherwise.
pub const COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), SFLOW_PORT);

/// 1-in-N until the operator says otherwise.
pub const SAMPLING_RATE: u32 = 100;

/// How often counters are told until the operator says otherwise.
pub const POLLING: Duration = Duration::from_secs(POLLING_SECONDS);

/// The UDP port of collectors.
pub const SFLOW_PORT: u16 = 6343;

/// The UDP port that sends back what it gets (RFC 862).
pub const ECHO_PORT: u16 = 7;

/// A datagram: what fits one Ethernet frame.
pub const DATAGRAM: usize = 1400;

/// The agent of the station.
pub fn agent<'a>(seed: u64, sources: &'a mut [Source], datagram: &'a mut [u8]) -> Agent<'a> {
    let head = DatagramHead {
        address: IpAddr::V4(ADDRESS),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: DATAGRAM,
    };
    let max_delay = Duration::from_millis(100);
    let config = AgentConfig { head, header_bytes: 128, max_delay, discard_limit: 10, seed };
    Agent::new(config, sources, datagram)
}

impl Operator {
    /// An operator who has not said anything yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { collector: *COLLECTOR.ip(), polling: POLLING_SECONDS }
    }

    /// Does what the operator wants, and says on the console how it went.
    pub fn serve<C: CounterSource, U: Uplink, const SLOTS: usize>(
        &mut self,
        now: Instant,
        command: Result<Command, Refused>,
        node: &mut Node<'_, C, U, SLOTS>,
        serial: &mut Serial,
    ) {
        let done = match command {
            Ok(Command::Show) => {
                self.show(now, node, serial);
                Ok(())
            }
            Ok(command) => self.change(now, command, node),
            Err(refused) => Err(refused),
        };
        match done {
            Ok(()) => serial.text("ok\n"),
            Err(Refused(reason)) => serial.text("error: ").text(reason).text("\n"),
        };
    }

    fn change<C: CounterSource, U: Uplink, const SLOTS: usize>(
        &mut self,
        now: Instant,
        command: Command,
        node: &mut Node<'_, C, U, SLOTS>,
    ) -> Result<(), Refused> {
        match command {
            Command::Show => Ok(()),
            Command::Sampling { rate, .. } if rate > MAX_SAMPLING_RATE => {
                Err(Refused("N is at most 2147483648"))
            }
            Command::Sampling { port, rate } => match node.set_sampling_rate(port, rate) {
                true => Ok(()),
                false => Err(Refused("the only port is 1")),
            },
            Command::Polling { seconds } if seconds > MAX_POLLING => {
                Err(Refused("S is at most 4294967"))
            }
            Command::Polling { seconds } => {
                self.polling = seconds;
                node.set_polling(now, Duration::from_secs(seconds));
                Ok(())
            }
            Command::Collector(address) if !is_neighbour(address) => {
                Err(Refused("the collector must be in 192.0.2.0/24, there is no router"))
            }
            Command::Collector(address) => {
                let collector = SocketAddr::from((address, SFLOW_PORT));
                node.set_collector(collector).map_err(|_| Refused("no such collector"))?;
                self.collector = address;
                Ok(())
            }
        }
    }

    /// A topic a line, each with words and their numbers.
    fn show<C: CounterSource, U: Uplink, const SLOTS: usize>(
        &self,
        now: Instant,
        node: &Node<'_, C, U, SLOTS>,
        serial: &mut Serial,
    ) {
        let stats = node.stats();
        serial.text("agent ").address(ADDRESS.octets()).text(" uptime ").number(now.as_millis());
        serial.text("\ncollector ").address(self.collector.octets());
        serial.text("\npolling seconds ").number(self.polling);
        for port in node.ports() {
            let meta = port.sampler.meta();
            serial.text("\nport ").number(port.if_index);
            serial.text(" sampling ").number(meta.sampling_rate);
            serial.text(" pool ").number(meta.sample_pool).text(" drops ").number(meta.drops);
        }
        serial.text("\nsamples flow ").number(stats.flow_samples);
        serial.text(" counter ").number(stats.counter_samples);
        serial.text("\ndatagrams sent ").number(stats.datagrams.wrapping_sub(stats.send_errors));
        serial.text(" lost ").number(stats.send_errors);
        show_mac(serial);
    }
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

#[inline(never)]
fn show_mac(serial: &mut Serial) {
    let statistics = ETHERNET.with(|chip| chip.statistics());
    let directions = [
        ("\nreceived", statistics.rx, statistics.rx_errors, statistics.rx_dropped),
        ("\ntransmitted", statistics.tx, statistics.tx_errors, statistics.tx_dropped),
    ];
    for (name, traffic, errors, discards) in directions {
        serial.text(name).text(" frames ").number(traffic.frames());
        serial.text(" octets ").number(traffic.octets);
        serial.text(" errors ").number(errors).text(" discards ").number(discards);
    }
    serial.text("\nmemory stack ").number(board::stack_used() as u32).text("\n");
}

/// Whether the address is another host's in our network.
fn is_neighbour(address: Ipv4Addr) -> bool {
    let ([a, b, c, _], [x, y, z, host]) = (ADDRESS.octets(), address.octets());
    [a, b, c] == [x, y, z] && !matches!(host, 0 | 255) && address != ADDRESS
}

const POLLING_SECONDS: u32 = 20;
const MAX_POLLING: u32 = u32::MAX / 1000;
