//! The smallest end station, without an IP stack: ARP and UDP over IPv4 only. Answers ping and UDP
//! echo, and samples in the interrupt that reads frames from the controller.
//!
//! ```text
//! interrupt                                       main loop
//!  controller ─▶ frames ──────────────────────────▶ RawUplink: ARP; Responder: ping, echo ─┐
//!       └─ PortSampler::offer ─▶ samples ─▶ Node ─▶ RawUplink: datagrams ──────────────────┴▶ wire
//! ```
#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "cortex-m-rt requires an `unsafe fn` as the default handler")]

mod respond;
mod wire;

use core::net::Ipv4Addr;
use core::panic::PanicInfo;

use cortex_m_rt::{entry, exception};
use flowmote_baremetal::{Node, NodeParts, Port, RawUplink, UdpSender, UdpSenderConfig, Uplink};
use flowmote_core::{CounterSource, Instant, SourceSlot};
use mps2_an385::board::{self, Board, Interrupt};
use mps2_an385::console::Console;
use mps2_an385::counters::MacCounters;
use mps2_an385::ethernet::{ETHERNET, IF_INDEX};
use mps2_an385::settings::{ADDRESS, COLLECTOR, DATAGRAM, POLLING, PREFIX, SFLOW_PORT};
use mps2_an385::station::{self, Operator};

use crate::wire::{FRAMES, SAMPLER, SAMPLES, Wire};

#[entry]
fn main() -> ! {
    let Some(mut board) = Board::take() else { board::panicked() };
    let Ok(mac) = ETHERNET.with(|chip| chip.start()) else {
        board::fail(&mut board.serial, "no LAN9118")
    };

    let config = UdpSenderConfig {
        mac,
        address: ADDRESS,
        prefix: PREFIX,
        gateway: None,
        port: SFLOW_PORT,
        collector: COLLECTOR,
    };
    let uplink = RawUplink::new(Wire, UdpSender::new(config));

    let (mut sources, mut datagram) = ([SourceSlot::VACANT; 1], [0; DATAGRAM]);
    let [a, b, c, d, e, f] = mac;
    let seed = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    let agent = station::agent(seed, &mut sources, &mut datagram);
    let ports = [Port { if_index: IF_INDEX, sampler: &SAMPLER }];
    let counters = MacCounters(&ETHERNET);
    let parts = NodeParts { agent, ports: &ports, samples: &SAMPLES, counters, uplink };
    let Ok(mut node) = Node::new(board.clock.now(), parts, POLLING) else {
        board::fail(&mut board.serial, "more ports than slots")
    };

    let (mut operator, mut console) = (Operator::<Ipv4Addr>::new(), Console::new());
    board.serial.text("ready\n");
    loop {
        let now = board.clock.now();
        let due = turn(&mut node, now);
        let line = console.poll(&mut board.serial);
        let commanded = line.is_some();
        if let Some(line) = line {
            operator.serve(now, line, &mut node, &mut board.serial);
        }
        board.sleeper.sleep(now, due, || {
            board::listen(Interrupt::SerialReceive);
            commanded || FRAMES.has_frame()
        });
    }
}

/// Out of line, so that the node is accessed through a pointer and not by offsets into the stack
/// frame of `main`; this saves 256 bytes of flash.
#[inline(never)]
fn turn<C: CounterSource, U: Uplink, const SLOTS: usize>(
    node: &mut Node<'_, C, U, SLOTS>,
    now: Instant,
) -> Option<Instant> {
    node.poll(now)
}

/// The handler of all interrupts of the board.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == Interrupt::Ethernet as i16 {
        FRAMES.interrupt();
    } else {
        // The interrupt only ends the sleep. The main loop reads the byte, and enables the
        // interrupt again before it sleeps.
        board::ignore(Interrupt::SerialReceive);
    }
}

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    board::panicked()
}
