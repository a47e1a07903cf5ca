//! Firmware for QEMU's aarch64 `virt` machine: the switch on four virtio-net ports.
//!
//! One loop: frames from each port in turn, at most [`BURST`] of them, bytes from the serial
//! console, then the agent. When nothing came the processor sleeps until a device or the timer
//! wakes it. `README.md` says how to run it.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]
// Unsafe code is allowed again in one place, `hardware`.
#![deny(unsafe_code)]

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod hardware;

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod image {
    use core::fmt::Write;

    use aarch64_rt::entry;
    use flowmote_core::Source;
    use virt_switch::{Console, DATAGRAM_BYTES, Node, PORTS, Port};

    use crate::hardware::{Clock, Nics, Serial, processor};

    entry!(main);

    /// Frames taken from a port before the next one has its turn: half a ring.
    const BURST: usize = 32;
    /// Console bytes taken before the ports have their turn again.
    const TYPED: usize = 64;

    fn main(_: u64, _: u64, _: u64, _: u64) -> ! {
        let (clock, mut serial) = (Clock::new(), Serial::open());
        let mut nics = match Nics::open() {
            Ok(nics) => nics,
            Err(error) => panic!("needs {PORTS} virtio-net devices: {error}"),
        };
        processor::enable_interrupts();
        let (mut sources, mut buffer) = ([Source::VACANT; PORTS], [0; DATAGRAM_BYTES]);
        let mac = nics.mac();
        let [a, b, c, d, e, f] = mac;
        let seed = u64::from_be_bytes([0, 0, a, b, c, d, e, f]) ^ clock.ticks().rotate_left(32);
        let mut node = Node::new(mac, seed, &mut sources, &mut buffer);
        let mut console = Console::new();
        let _ = writeln!(serial, "virt-switch: {PORTS} ports\nready");
        loop {
            let start = clock.ticks();
            let mut frames = 0;
            for port in Port::all() {
                frames += serve(&clock, &mut nics, &mut node, port);
            }
            let next = node.poll(clock.now(), &mut nics);
            if frames > 0 {
                node.load.frames = node.load.frames.wrapping_add(frames);
                let spent = clock.ticks().wrapping_sub(start);
                node.load.ticks = node.load.ticks.wrapping_add(spent);
            }
            let typed = listen(&clock, &mut serial, &mut console, &mut node);
            if frames == 0 && !typed {
                clock.wake_at(next);
                processor::wait_for_interrupt();
            }
        }
    }

    /// Takes a burst of frames from a port; returns how many.
    fn serve(clock: &Clock, nics: &mut Nics, node: &mut Node<'_>, port: Port) -> u64 {
        // Before the look at the ring: what comes after it asserts the interrupt again.
        nics.acknowledge(port);
        let now = clock.now();
        let mut frames = 0;
        while frames < BURST as u64
            && let Some(received) = nics.receive(port)
        {
            node.receive(now, port, received.frame(), nics);
            nics.recycle(port, received);
            frames += 1;
        }
        frames
    }

    /// Takes what was typed; returns whether there was anything.
    fn listen(
        clock: &Clock,
        serial: &mut Serial,
        console: &mut Console,
        node: &mut Node<'_>,
    ) -> bool {
        for typed in 0..TYPED {
            let Some(byte) = serial.read() else { return typed > 0 };
            serial.echo(byte);
            if console.push(byte) {
                // The console itself cannot fail.
                let _ = node.obey(clock.now(), console, serial);
            }
        }
        true
    }
}

/// Built for a host, where only the library and its tests are of use.
#[cfg(not(all(target_arch = "aarch64", target_os = "none")))]
fn main() {
    eprintln!("this is firmware; build it with --target aarch64-unknown-none");
}
