//! The control plane: the library's node over the bridge, and the console that changes it.

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

/// The agent of a switch, whose data sources are its ports.
pub struct Control<'a, W> {
    bridge: &'a RefCell<Bridge<'a, W>>,
    node: AgentNode<'a, W>,
    /// When the node wants to be called; `None`: not before something is punted.
    due: Option<Instant>,
    polling: Duration,
    /// What the processor does for it, for [`Console`] to show.
    pub load: Load,
}

/// What the agent keeps, in memory of the caller.
#[derive(Debug)]
pub struct Memory<'a> {
    /// Those that the bridge has, too.
    pub ports: &'a [SampledPort<'a>; PORTS],
    /// Where the bridge puts samples in.
    pub samples: &'a SampleQueue<BURST>,
    /// Data sources.
    pub sources: &'a mut [SourceSlot; PORTS],
    /// The datagram that is being filled.
    pub datagram: &'a mut [u8; DATAGRAM_BYTES],
}

/// What only the image knows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    /// Frames received.
    pub frames: u64,
    /// Rounds of the main loop that had one.
    pub rounds: u64,
    /// Ticks of the clock spent in those.
    pub ticks: u64,
    /// The most that was ever on the stack, in bytes.
    pub stack: usize,
}

type AgentNode<'a, W> = Node<'a, PortRegisters<'a, W>, RawUplink<CpuPort<'a, W>>, BURST>;

/// Samplers for the ports, all off. `seed` should differ from one switch and one start to the next.
#[must_use]
pub fn samplers(seed: u64) -> [PortSampler; PORTS] {
    let mut seeds = (1..).map(|number: u64| seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    [(); PORTS].map(|()| PortSampler::new(0, seeds.next().unwrap_or(seed)))
}

/// The ports with their samplers.
#[must_use]
pub fn sampled_ports(samplers: &[PortSampler; PORTS]) -> [SampledPort<'_>; PORTS] {
    let mut if_index = 0;
    samplers.each_ref().map(|sampler| {
        if_index = u32::wrapping_add(if_index, 1);
        SampledPort { if_index, sampler }
    })
}

/// Header bytes in a sample, bytes in a datagram, and notices a second and port: the defaults of
/// the text (rules A13, A12, A25).
const HEADER_BYTES: usize = 128;
/// The largest payload of a datagram: fits the MTU of the management VLAN.
pub const DATAGRAM_BYTES: usize = 1400;
const DISCARD_LIMIT: u32 = 10;
/// A datagram waits this long for another sample.
const MAX_DELAY: Duration = Duration::from_millis(100);

impl<'a, W: Wire> Control<'a, W> {
    /// The agent of `bridge`. Sampling and polling are off and there is no collector.
    ///
    /// # Errors
    /// None: there is a place for each port, no index twice, all of them small.
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

    /// Has the bridge take a frame that came in by a front port, and tells what it discards.
    #[inline]
    pub fn receive(&mut self, now: Instant, input: Port, bytes: &[u8]) {
        // Nobody else has it, see `cpu_port`.
        let Ok(mut bridge) = self.bridge.try_borrow_mut() else { return };
        let discards = bridge.receive(now, input, bytes);
        drop(bridge);
        if let Some(discards) = discards {
            self.notify(now, input, (bytes, &discards));
        }
    }

    /// Does what is due: frames for the switch itself, samples, counters, datagrams. Says when to
    /// call again at the latest; call also after frames were received.
    pub fn poll(&mut self, now: Instant) -> Option<Instant> {
        let punted = self.bridge.try_borrow_mut().is_ok_and(|mut bridge| bridge.begin_turn(now));
        if punted || self.due.is_some_and(|due| due <= now) {
            self.due = self.node.poll(now);
        }
        self.due
    }

    /// Obeys the line that was typed, and answers: the last line of an answer is `ok` or begins
    /// with `error`.
    ///
    /// # Errors
    /// Those of `out`.
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

    /// Tells of what was discarded of a frame.
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

    /// The collector, unless none was named yet.
    fn collector(&mut self) -> Option<Ipv4Addr> {
        let address = *self.node.uplink_mut().sender().config().collector.ip();
        (address != *NO_COLLECTOR.ip()).then_some(address)
    }
}

/// Why a command was not obeyed.
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
