//! The agent of an end station, and its console commands.

use core::net::{IpAddr, SocketAddr};

use flowmote_baremetal::{Node, Uplink};
use flowmote_core::{
    Agent, AgentConfig, CounterSource, DatagramHead, Duration, Encoding, Instant,
    MAX_SAMPLING_RATE, SourceSlot,
};

use crate::board::{self, Uart0};
use crate::chip::lan9118::Statistics;
use crate::collector::Collector;
use crate::console::{self, Refused};
use crate::ethernet::ETHERNET;
use crate::settings::{ADDRESS, COLLECTOR, DATAGRAM, POLLING_SECONDS, SFLOW_PORT};

/// Settings of the operator that the node cannot return.
#[derive(Clone, Copy, Debug)]
pub struct Operator<A> {
    collector: A,
    polling: u32,
}

/// Creates the agent of the station.
pub fn agent<'a>(seed: u64, sources: &'a mut [SourceSlot], datagram: &'a mut [u8]) -> Agent<'a> {
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

impl<A: Collector> Operator<A> {
    /// Returns the initial settings.
    #[must_use]
    pub fn new() -> Self {
        Self { collector: A::from(*COLLECTOR.ip()), polling: POLLING_SECONDS }
    }

    /// Executes a line and prints the result on the console.
    #[inline(never)]
    pub fn serve<C: CounterSource, U: Uplink, const SLOTS: usize>(
        &mut self,
        now: Instant,
        line: &[u8],
        node: &mut Node<'_, C, U, SLOTS>,
        serial: &mut Uart0,
    ) {
        match self.execute(now, line, node, serial) {
            Ok(()) => serial.text("ok\n"),
            Err(Refused(reason)) => serial.text("error: ").text(reason).text("\n"),
        };
    }

    fn execute<C: CounterSource, U: Uplink, const SLOTS: usize>(
        &mut self,
        now: Instant,
        line: &[u8],
        node: &mut Node<'_, C, U, SLOTS>,
        serial: &mut Uart0,
    ) -> Result<(), Refused> {
        match console::words(line)? {
            [b"show", [], ..] => self.show(now, node, serial),
            [b"sampling", port, rate, []] => {
                let (Some(port), Some(rate @ ..=MAX_SAMPLING_RATE)) =
                    (console::number(port), console::number(rate))
                else {
                    return Err(Refused("sampling PORT N: N is 0 to 2147483648"));
                };
                if !node.set_sampling_rate(port, rate) {
                    return Err(Refused("the only port is 1"));
                }
            }
            [b"polling", seconds, [], _] => {
                let Some(seconds @ ..=MAX_POLLING) = console::number(seconds) else {
                    return Err(Refused("polling S: S is 0 to 4294967"));
                };
                self.polling = seconds;
                node.set_polling(now, Duration::from_secs(seconds));
            }
            [b"collector", address, [], _] => {
                let address = A::parse(address).ok_or(Refused(A::USAGE))?;
                let collector = SocketAddr::new(address.into(), SFLOW_PORT);
                node.set_collector(collector).map_err(|_| Refused(A::USAGE))?;
                self.collector = address;
            }
            _ => return Err(Refused("show, sampling PORT N, polling S or collector ADDRESS")),
        }
        Ok(())
    }

    /// Prints one topic per line, as words followed by numbers.
    fn show<C: CounterSource, U: Uplink, const SLOTS: usize>(
        &self,
        now: Instant,
        node: &Node<'_, C, U, SLOTS>,
        serial: &mut Uart0,
    ) {
        serial.text("agent ").address(ADDRESS).report(" uptime %\ncollector ", &[now.as_millis()]);
        self.collector.show(serial);
        serial.report("\npolling seconds %\n", &[self.polling.into()]);
        for port in node.ports() {
            let meta = port.sampler.meta();
            let [rate, pool, drops] = [meta.sampling_rate, meta.sample_pool, meta.drops];
            let values = [port.if_index.into(), rate.into(), pool.into(), drops.into()];
            serial.report(PORT, &values);
        }
        let Statistics { generic: mac, .. } = ETHERNET.statistics();
        let stack = board::stack_used() as u64;
        let received =
            sum(mac.if_in_ucast_pkts, mac.if_in_multicast_pkts, mac.if_in_broadcast_pkts);
        let sent = sum(mac.if_out_ucast_pkts, mac.if_out_multicast_pkts, mac.if_out_broadcast_pkts);
        let stats = node.stats();
        let totals = [
            stats.flow_samples,
            stats.counter_samples,
            stats.datagrams.wrapping_sub(stats.send_errors),
            stats.send_errors,
            received,
            mac.if_in_octets,
            mac.if_in_errors.into(),
            mac.if_in_discards.into(),
            sent,
            mac.if_out_octets,
            mac.if_out_errors.into(),
            mac.if_out_discards.into(),
            stack,
        ];
        serial.report(TOTALS, &totals);
    }
}

impl<A: Collector> Default for Operator<A> {
    fn default() -> Self {
        Self::new()
    }
}

/// Frames to destinations of all kinds.
fn sum(unicast: u32, multicast: u32, broadcast: u32) -> u64 {
    unicast.wrapping_add(multicast).wrapping_add(broadcast).into()
}

const PORT: &str = "port % sampling % pool % drops %\n";
const TOTALS: &str = "samples flow % counter %
datagrams sent % lost %
received frames % octets % errors % discards %
transmitted frames % octets % errors % discards %
memory stack %
";
const MAX_POLLING: u32 = u32::MAX / 1000;
