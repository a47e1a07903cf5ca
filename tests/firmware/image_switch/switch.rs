//! The image under QEMU, with a test at each of its four ports.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::time::Instant;

use flowmote_lab::qemu::{Board, Image, Link, Listener, Machine, Refused, Station, shown};
use flowmote_lab::{DEADLINE, wait_until};

/// A running switch.
pub(crate) struct Switch {
    pub(crate) machine: Machine,
    listeners: Vec<Option<Listener>>,
}

/// Options for starting a switch.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// The port whose output is not read; 0: none.
    pub unread: usize,
    /// Advance the clock by one tick per instruction, so that costs can be compared.
    pub count_instructions: bool,
}

/// The output of `show`.
#[derive(Debug)]
pub(crate) struct Shown(Vec<String>);

/// The machines that the image runs on.
pub(crate) static BOARDS: [Board; 2] = [Board::VIRT_AARCH64, Board::VIRT_RISCV64];
/// The port of the collector: the only one in the management VLAN.
pub(crate) const COLLECTOR_PORT: usize = 4;
/// The switch itself: the MAC address of its first port.
pub(crate) const SWITCH: Station = station([2, 0xf1, 0, 0, 0, 1], 1);
pub(crate) const COLLECTOR: Station = station([2, 0, 0, 0, 0, 99], 99);
pub(crate) const PORTS: [usize; 4] = [1, 2, 3, 4];

/// Runs a test with a switch on each available machine in turn.
pub(crate) fn switches() -> impl Iterator<Item = Switch> {
    switches_with(Options::default())
}

pub(crate) fn switches_with(options: Options) -> impl Iterator<Item = Switch> {
    Board::available(&BOARDS).into_iter().filter_map(move |board| Switch::start(board, options))
}

impl Switch {
    /// Starts a switch; `None`, reported as skipped, if it cannot be built or run here.
    pub(crate) fn start(board: &Board, options: Options) -> Option<Self> {
        let image = Image::build(board, "virt-switch", "virt-switch")?;
        let more = if options.count_instructions { board.counting } else { &[] };
        let machine = image.start_with(PORTS.len(), more);
        let listen = |port: usize| (options.unread != port).then(|| machine.listen(port - 1));
        let listeners = PORTS.map(listen).into();
        machine.ready();
        Some(Self { machine, listeners })
    }

    /// Types a command and returns the response.
    pub(crate) fn command(&self, command: &str) -> Result<Vec<String>, String> {
        self.machine.command(command).map_err(|Refused(reason)| reason)
    }

    /// Types commands that must succeed.
    pub(crate) fn commands(&self, commands: &[&str]) {
        for command in commands {
            self.command(command).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }

    pub(crate) fn show(&self) -> Shown {
        Shown(self.command("show").expect("statistics"))
    }

    /// Sets the collector at port 4 and waits until its MAC address is resolved.
    pub(crate) fn connect_collector(&self) {
        self.answer_arp(true);
        self.commands(&["collector 192.0.2.99"]);
        wait_until("the collector to be found", || {
            self.show().line("collector").contains("192.0.2.99 at").then_some(())
        });
    }

    /// Enables or disables ARP replies of the collector.
    pub(crate) fn answer_arp(&self, answer: bool) {
        self.listener(COLLECTOR_PORT).answer_as(answer.then_some(COLLECTOR));
    }

    /// Sends a frame into a port; waits while the switch is busy.
    pub(crate) fn send(&self, port: usize, frame: &[u8]) {
        self.link(port).send(frame);
    }

    /// Returns the frames sent by a port since the last call.
    pub(crate) fn received(&self, port: usize) -> Vec<Vec<u8>> {
        self.listener(port).take()
    }

    /// As above, after waiting for at least this many frames.
    pub(crate) fn receive(&self, port: usize, count: usize) -> Vec<Vec<u8>> {
        self.listener(port).wait_for(count)
    }

    /// Sends frames into port `from` that all leave by port `to`, among others. Fewer are in flight
    /// than a transmit ring holds, so that none is lost to a full ring.
    pub(crate) fn send_paced(&self, way: (usize, usize), frames: impl Iterator<Item = Vec<u8>>) {
        self.send_in_window(way, WINDOW, frames);
    }

    /// As above, with at most `window` frames in flight.
    pub(crate) fn send_in_window(
        &self,
        (from, to): (usize, usize),
        window: usize,
        frames: impl Iterator<Item = Vec<u8>>,
    ) {
        let arrived = || self.listener(to).count();
        let before = arrived();
        for (number, frame) in frames.enumerate() {
            let begin = Instant::now();
            while before + number >= arrived() + window {
                assert!(begin.elapsed() < DEADLINE, "frame {number} is missing at port {to}");
                std::thread::yield_now();
            }
            self.send(from, &frame);
        }
    }

    /// Reads this many frames at the port whose output is not read.
    pub(crate) fn read_unread(&self, port: usize, count: u64) -> Vec<Vec<u8>> {
        let next = |_| self.link(port).receive(DEADLINE).expect("one more frame");
        (0..count).map(next).collect()
    }

    /// Returns the number of frames received at all ports together.
    pub(crate) fn taken(&self) -> u64 {
        let shown = self.show();
        PORTS.iter().map(|port| shown.taken(*port)).sum()
    }

    /// Waits until the switch has received this many frames.
    pub(crate) fn settle(&self, frames: u64) -> Shown {
        wait_until(&format!("{frames} frames"), || {
            let shown = self.show();
            let taken: u64 = PORTS.iter().map(|port| shown.taken(*port)).sum();
            assert!(taken <= frames, "{taken} frames of {frames}");
            (taken == frames).then_some(shown)
        })
    }

    pub(crate) fn link(&self, port: usize) -> &Link {
        self.machine.link(port - 1)
    }

    fn listener(&self, port: usize) -> &Listener {
        self.listeners[port - 1].as_ref().expect("somebody reads this port")
    }
}

impl Shown {
    /// Returns a value, for instance `port 1` `sampled`.
    pub(crate) fn value(&self, topic: &str, word: &str) -> u64 {
        shown(&self.0, topic, word)
    }

    pub(crate) fn port(&self, port: usize, word: &str) -> u64 {
        self.value(&format!("port {port}"), word)
    }

    /// Returns all frames received at a port, forwarded or not.
    pub(crate) fn taken(&self, port: usize) -> u64 {
        ["received", "discarded", "errors"].iter().map(|word| self.port(port, word)).sum()
    }

    /// Returns the line of a topic.
    pub(crate) fn line(&self, topic: &str) -> &str {
        let find = |line: &&String| line.starts_with(&format!("{topic} "));
        self.0.iter().find(find).unwrap_or_else(|| panic!("no {topic} in {self:?}"))
    }
}

const fn station(mac: [u8; 6], host: u8) -> Station {
    Station { mac, ip: Ipv4Addr::new(192, 0, 2, host), ip6: Ipv6Addr::UNSPECIFIED }
}

/// Maximum frames in flight; a ring holds 64.
const WINDOW: usize = 32;
