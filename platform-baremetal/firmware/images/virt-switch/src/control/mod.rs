//! The control plane: the library's node on top of the bridge, and the console commands.

mod report;

use core::cell::RefCell;
use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};

use flowmote_baremetal::{
    CollectorError, Node, NodeParts, Port as SampledPort, PortSampler, RawUplink, SampleQueue,
    UdpSender, UdpSenderConfig,
};
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    AddError, Agent, AgentConfig, DataSource, DatagramHead, DiscardedPacket, Duration, Encoding,
    Instant, SourceSlot,
};

use crate::bridge::{BURST, Bridge, Discards, Wire};
use crate::config::{ADDRESS, NO_COLLECTOR, PREFIX, SFLOW_PORT};
use crate::console::{BadCommand, Command, Console};
use crate::counters::FCS;
use crate::cpu_port::{CpuPort, PortRegisters};
use crate::port::{PORTS, Port};

/// The agent of a switch. Its data sources are the ports.
pub struct Control<'a, W> {
    bridge: &'a RefCell<Bridge<'a, W>>,
    node: AgentNode<'a, W>,
    /// The time by which to poll the node; `None`: only after something is punted.
    due: Option<Instant>,
    polling: Duration,
    /// Load of the processor, printed by `show`.
    pub load: Load,
}

/// Memory of the agent, provided by the caller.
#[derive(Debug)]
pub struct Memory<'a> {
    /// The ports, shared with the bridge.
    pub ports: &'a [SampledPort<'a>; PORTS],
    /// The queue that the bridge fills.
    pub samples: &'a SampleQueue<BURST>,
    /// Slots for the data sources.
    pub sources: &'a mut [SourceSlot; PORTS],
    /// Buffer for the datagram being filled.
    pub datagram: &'a mut [u8; DATAGRAM_BYTES],
}

/// Load figures that only the image can measure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Frames received.
    pub frames: u64,
    /// Rounds of the main loop that had a frame.
    pub rounds: u64,
    /// Ticks of the clock spent in those.
    pub ticks: u64,
    /// Maximum stack use in bytes.
    pub stack: usize,
}

type AgentNode<'a, W> = Node<'a, PortRegisters<'a, W>, RawUplink<CpuPort<'a, W>>, BURST>;

/// Returns samplers for the ports, all off. `seed` should differ between switches and between
/// starts.
#[must_use]
pub fn samplers(seed: u64) -> [PortSampler; PORTS] {
    let mut seeds = (1..).map(|number: u64| seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    [(); PORTS].map(|()| PortSampler::new(0, seeds.next().unwrap_or(seed)))
}

/// Returns the ports with their samplers.
#[must_use]
pub fn sampled_ports(samplers: &[PortSampler; PORTS]) -> [SampledPort<'_>; PORTS] {
    let mut if_index = 0;
    samplers.each_ref().map(|sampler| {
        if_index = u32::wrapping_add(if_index, 1);
        SampledPort { if_index, sampler }
    })
}

/// Header bytes of a sample, and discard notifications per second and port: the defaults of the
/// standard (docs/sflow-wire.md, rules A13 and A25).
const HEADER_BYTES: usize = 128;
/// Maximum bytes of a datagram, which fit the MTU of the management VLAN.
pub const DATAGRAM_BYTES: usize = 1400;
const DISCARD_LIMIT: u32 = 10;
/// The longest that a sample waits for its datagram to fill.
const MAX_DELAY: Duration = Duration::from_millis(100);

impl<'a, W: Wire> Control<'a, W> {
    /// Creates the agent of `bridge`, with sampling and polling off and no collector.
    ///
    /// # Errors
    /// None: there is a slot for each port, and every index is small and unique.
    pub fn new(
        seed: u64,
        bridge: &'a RefCell<Bridge<'a, W>>,
        memory: Memory<'a>,
    ) -> Result<Self, AddError> {
        let mac = bridge.try_borrow().map_or([0; 6], |bridge| bridge.switch().own_address());
        let Memory { ports, samples, sources, datagram } = memory;
        let parts = NodeParts {
            agent: Agent::new(agent(seed), sources, datagram),
            ports,
            samples,
            counters: PortRegisters(bridge),
            uplink: RawUplink::new(CpuPort(bridge), UdpSender::new(sender(mac))),
        };
        let polling = Duration::ZERO;
        let node = Node::new(Instant::ZERO, parts, polling)?;
        let load = Load::default();
        Ok(Self { bridge, node, due: Some(Instant::ZERO), polling, load })
    }

    /// Passes a frame received at a front port to the bridge, and reports its discards.
    #[inline]
    pub fn receive(&mut self, now: Instant, input: Port, bytes: &[u8]) {
        // Never borrowed here, see `cpu_port`.
        let Ok(mut bridge) = self.bridge.try_borrow_mut() else { return };
        let discards = bridge.receive(now, input, bytes);
        drop(bridge);
        if let Some(discards) = discards {
            self.notify(now, input, (bytes, &discards));
        }
    }

    /// Does everything that is due: frames for the switch itself, samples, counters, datagrams.
    /// Returns the time by which to call again; call also after frames were received.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        let punted = self.bridge.try_borrow_mut().is_ok_and(|mut bridge| bridge.begin_turn(now));
        if punted || self.due.is_some_and(|due| due <= now) {
            self.due = self.node.poll(now);
        }
        self.due
    }

    /// Executes the typed line and prints the response, whose last line is `ok` or starts with
    /// `error`.
    ///
    /// # Errors
    /// Errors of `out`.
    pub fn execute(
        &mut self,
        now: Instant,
        console: &Console,
        out: &mut impl fmt::Write,
    ) -> fmt::Result {
        let done = match console.command() {
            Ok(Command::Show) => {
                self.show(now, out)?;
                Ok(())
            }
            Ok(command) => self.change(now, command).map_err(Refusal::Collector),
            Err(bad) => Err(Refusal::Line(bad)),
        };
        match done {
            Ok(()) => out.write_str("ok\n"),
            Err(Refusal::Line(bad)) => writeln!(out, "error: {bad}"),
            Err(Refusal::Collector(error)) => writeln!(out, "error: {}", reason(error)),
        }
    }

    fn change(&mut self, now: Instant, command: Command) -> Result<(), CollectorError> {
        match command {
            Command::Show => {}
            Command::Sampling(port, rate) => {
                self.node.set_sampling_rate(port.if_index(), rate);
            }
            Command::Polling(seconds) => {
                self.polling = Duration::from_secs(seconds);
                self.node.set_polling(now, self.polling);
            }
            Command::Collector(address) => {
                self.node.set_collector(SocketAddr::from((address, SFLOW_PORT)))?;
            }
        }
        self.due = Some(now);
        Ok(())
    }

    /// Submits notifications of the discards of a frame.
    #[cold]
    fn notify(&mut self, now: Instant, input: Port, (bytes, discards): (&[u8], &Discards)) {
        for (output, reason) in discards.iter() {
            let source = DataSource::interface(input.if_index());
            let packet = DiscardedPacket {
                source,
                input: input.if_index(),
                output: output.map_or(0, Port::if_index),
                reason,
                header: SampledHeader {
                    protocol: HeaderProtocol::ETHERNET,
                    frame_length: (bytes.len() as u32).wrapping_add(FCS),
                    stripped: FCS,
                    header: bytes,
                },
                records: &[],
            };
            if self.node.handle_discard(now, &packet).is_err() {
                self.node.agent_mut().discards_lost(source, 1);
            }
        }
        self.due = Some(now);
    }

    /// Returns the collector, if one is set.
    fn collector(&mut self) -> Option<Ipv4Addr> {
        let address = *self.node.uplink_mut().sender().config().collector.ip();
        (address != *NO_COLLECTOR.ip()).then_some(address)
    }
}

/// Error of a command.
enum Refusal {
    Line(BadCommand),
    Collector(CollectorError),
}

fn reason(error: CollectorError) -> &'static str {
    match error {
        CollectorError::Unreachable => {
            "the collector must be another host in 192.0.2.0/24, there is no router"
        }
        CollectorError::Unsupported | CollectorError::NotUnicast => "not the address of one host",
    }
}

fn agent(seed: u64) -> AgentConfig {
    let head = DatagramHead {
        address: ADDRESS.into(),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: DATAGRAM_BYTES,
    };
    AgentConfig {
        head,
        header_bytes: HEADER_BYTES,
        max_delay: MAX_DELAY,
        discard_limit: DISCARD_LIMIT,
        seed,
    }
}

fn sender(mac: [u8; 6]) -> UdpSenderConfig {
    UdpSenderConfig {
        mac,
        address: ADDRESS,
        prefix: PREFIX,
        gateway: None,
        port: SFLOW_PORT,
        collector: NO_COLLECTOR,
    }
}

#[cfg(test)]
mod tests;
