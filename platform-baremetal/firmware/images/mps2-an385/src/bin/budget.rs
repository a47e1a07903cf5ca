//! Measures the instructions of a packet and of a counter sample, and prints them on the console.
//!
//! For QEMU with `-icount shift=10,sleep=off`: there an instruction takes 1024 ns, or 25.6
//! ticks of SysTick, so the count is exact. Instructions, not cycles.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m::peripheral::SYST;
use cortex_m_rt::entry;
use flowmote_baremetal::{PacketSample, PortSampler, SampleQueue};
use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::{
    CounterSample, DataSource, Duration, Instant, MAX_SAMPLING_RATE, SendError, SourceSlot,
    Transport,
};
use mps2_an385::board::{self, Board};
use mps2_an385::settings::DATAGRAM;
use mps2_an385::station;

/// Samples no packet during the measurement.
static RARELY: PortSampler = PortSampler::new(MAX_SAMPLING_RATE, 3);
/// Samples every packet.
static ALWAYS: PortSampler = PortSampler::new(1, 3);
static QUEUE: SampleQueue<8> = SampleQueue::new();

#[entry]
fn main() -> ! {
    cortex_m::interrupt::disable();
    let Some(board) = Board::take() else { board::panicked() };
    let (mut serial, mut systick) = (board.serial, board.sleeper.into_systick());
    systick.set_reload(TOP);
    systick.clear_current();
    systick.enable_counter();

    let (mut sources, mut datagram) = ([SourceSlot::VACANT; 4], [0; DATAGRAM]);
    let mut agent = station::agent(3, &mut sources, &mut datagram);
    let added = (1..=4).map(DataSource::interface);
    let full =
        added.map(|port| agent.add_source(NOW, port, Duration::ZERO)).any(|one| one.is_err());
    if full {
        board::fail(&mut serial, "no slots for four ports");
    }
    let (frame, mut header) = (Frame([0x5a; 256]), [0; 128]);
    let records = (IfCounters::default(), EthernetCounters::default());

    // The cost of the loop itself, subtracted from the others.
    let nothing = ticks(|| black_box(()));
    let unsampled = ticks(|| {
        if let Some(chosen) = black_box(&RARELY).advance(1) {
            black_box(chosen);
        }
    });
    let queued = ticks(|| {
        ALWAYS.offer(&QUEUE, |meta| PacketSample::received(4, meta, black_box(&frame.0[..])));
        black_box(QUEUE.pop(&mut header));
    });
    let encoded = ticks(|| {
        ALWAYS.offer(&QUEUE, |meta| PacketSample::received(4, meta, black_box(&frame.0[..])));
        if let Some(sample) = QUEUE.pop(&mut header) {
            let _ = sample.with_flow_sample(|flow| agent.handle_flow_sample(NOW, flow));
            agent.transmit(NOW, &mut Nowhere);
        }
    });
    let counters = ticks(|| {
        let sample = CounterSample { records: &[&records.0, &records.1] };
        let _ = agent.handle_counters(NOW, DataSource::interface(4), black_box(&sample));
        agent.transmit(NOW, &mut Nowhere);
    });
    let each = |ticks: u32| instructions(ticks.wrapping_sub(nothing));
    serial.text("unsampled ").number(each(unsampled));
    serial.text("\nchosen-and-queued ").number(each(queued));
    serial.text("\nchosen-queued-and-encoded ").number(each(encoded));
    serial.text("\ncounter-sample ").number(each(counters));
    serial.text("\nready\n");
    loop {
        cortex_m::asm::wfi();
    }
}

/// Returns the ticks of all repetitions, including the loop around them.
fn ticks(mut run: impl FnMut()) -> u32 {
    // Run once before measuring, so that one-time work is excluded.
    run();
    let start = SYST::get_current();
    for _ in 0..black_box(REPETITIONS) {
        run();
    }
    start.wrapping_sub(SYST::get_current()) & TOP
}

/// Returns the instructions of one repetition, rounded.
fn instructions(ticks: u32) -> u32 {
    (ticks * 10 + 128 * REPETITIONS) / (256 * REPETITIONS)
}

/// A frame aligned to 4 bytes, as DMA delivers it.
#[repr(align(4))]
struct Frame([u8; 256]);

struct Nowhere;

impl Transport for Nowhere {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        black_box(datagram);
        Ok(())
    }
}

const NOW: Instant = Instant::from_millis(1000);
const REPETITIONS: u32 = 200;
/// SysTick counts 24 bits down: 655,000 instructions.
const TOP: u32 = 0x00ff_ffff;

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    board::panicked()
}
