//! Firmware for QEMU's `virt` machines, aarch64 and riscv64: the switch on four virtio-net ports.
//!
//! One loop: at most [`BURST`] frames from each port in turn, bytes from the serial console, then
//! the agent. If there was nothing to do, the processor sleeps until a device or the timer wakes
//! it. `README.md` explains how to run it.
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(target_os = "none", no_main)]

#[cfg(target_os = "none")]
mod hardware;

#[cfg(target_os = "none")]
mod image {
    use core::cell::{RefCell, RefMut};
    use core::fmt::Write;

    use flowmote_baremetal::{Port as SampledPort, PortSampler, SampleQueue};
    use flowmote_core::SourceSlot;
    use static_cell::{ConstStaticCell, StaticCell};
    use virt_switch::{
        BURST, Bridge, Console, Control, DATAGRAM_BYTES, Memory, PORTS, Port, Stations,
        configured_switch, sampled_ports, samplers,
    };

    use crate::hardware::{Clock, Nics, Serial, paint_stack, processor, stack_used};

    // Static memory of the library, so that the stack stays small.
    static SAMPLERS: StaticCell<[PortSampler; PORTS]> = StaticCell::new();
    static SAMPLED_PORTS: StaticCell<[SampledPort<'static>; PORTS]> = StaticCell::new();
    static SAMPLES: SampleQueue<BURST> = SampleQueue::new();
    static STATIONS: ConstStaticCell<Stations> = ConstStaticCell::new(Stations::new());
    static BRIDGE: StaticCell<RefCell<Bridge<'static, Nics>>> = StaticCell::new();
    static SOURCES: ConstStaticCell<[SourceSlot; PORTS]> =
        ConstStaticCell::new([SourceSlot::VACANT; PORTS]);
    static DATAGRAM: ConstStaticCell<[u8; DATAGRAM_BYTES]> =
        ConstStaticCell::new([0; DATAGRAM_BYTES]);

    /// Console bytes processed before the ports are served again.
    const TYPED: usize = 64;

    /// Entry point, called by the start-up code of each machine.
    pub(crate) fn main() -> ! {
        paint_stack();
        let (clock, mut serial) = (Clock::new(), Serial::open());
        let nics = match Nics::open() {
            Ok(nics) => nics,
            Err(error) => panic!("needs {PORTS} virtio-net devices: {error}"),
        };
        processor::enable_interrupts();
        let mac = nics.mac();
        let [a, b, c, d, e, f] = mac;
        let seed = u64::from_be_bytes([0, 0, a, b, c, d, e, f]) ^ clock.ticks().rotate_left(32);
        let ports = &*SAMPLED_PORTS.init(sampled_ports(SAMPLERS.init(samplers(seed))));
        let switch = configured_switch(mac, STATIONS.take());
        let bridge = Bridge::new(switch, nics, ports, &SAMPLES);
        let bridge = &*BRIDGE.init(RefCell::new(bridge));
        let (sources, datagram) = (SOURCES.take(), DATAGRAM.take());
        let memory = Memory { ports, samples: &SAMPLES, sources, datagram };
        let mut control = match Control::new(seed, bridge, memory) {
            Ok(control) => control,
            Err(error) => panic!("the agent refuses its ports: {error:?}"),
        };
        let mut console = Console::new();
        let _ = writeln!(serial, "virt-switch: {PORTS} ports\nready");
        loop {
            let start = clock.ticks();
            let mut frames = 0;
            for port in Port::all() {
                let burst = serve(&clock, bridge, &mut control, port);
                if burst > 0 {
                    control.poll(clock.now());
                }
                frames += burst;
            }
            let next = control.poll(clock.now());
            if frames > 0 {
                control.load.frames = control.load.frames.wrapping_add(frames);
                control.load.rounds = control.load.rounds.wrapping_add(1);
                let spent = clock.ticks().wrapping_sub(start);
                control.load.ticks = control.load.ticks.wrapping_add(spent);
            }
            let typed = listen(&clock, &mut serial, &mut console, &mut control);
            if frames == 0 && !typed {
                clock.wake_at(next);
                processor::wait_for_interrupt();
            }
        }
    }

    /// Processes a burst of frames from a port; returns their number.
    fn serve(
        clock: &Clock,
        bridge: &RefCell<Bridge<'_, Nics>>,
        control: &mut Control<'_, Nics>,
        port: Port,
    ) -> u64 {
        // Acknowledge before reading the ring: a frame that arrives later asserts the interrupt
        // again.
        nics(bridge).acknowledge(port);
        let now = clock.now();
        let mut frames = 0;
        while frames < BURST as u64 {
            let Some(received) = nics(bridge).receive(port) else { break };
            control.receive(now, port, received.frame());
            nics(bridge).recycle(port, received);
            frames += 1;
        }
        frames
    }

    /// Borrows the ports. Never fails: the library holds no borrow of the bridge between its calls.
    fn nics<'b>(bridge: &'b RefCell<Bridge<'_, Nics>>) -> RefMut<'b, Nics> {
        RefMut::map(bridge.borrow_mut(), Bridge::wire_mut)
    }

    /// Processes typed bytes; returns false if there were none.
    fn listen(
        clock: &Clock,
        serial: &mut Serial,
        console: &mut Console,
        control: &mut Control<'_, Nics>,
    ) -> bool {
        for typed in 0..TYPED {
            let Some(byte) = serial.read() else { return typed > 0 };
            serial.echo(byte);
            if console.push(byte) {
                control.load.stack = stack_used();
                // Writing to the serial port cannot fail.
                let _ = control.execute(clock.now(), console, serial);
            }
        }
        true
    }
}

/// Entry point of a build for a host, where only the library and its tests are useful.
#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is firmware; build it with --target aarch64-unknown-none");
}
