//! What forwarding and sampling cost, and what the image takes, against the table that is checked
//! in.

use std::sync::OnceLock;

use flowmote_tests::lab::wait_until;
use flowmote_tests::qemu::{Board, Budget, Image};

use super::frames::{VLAN_20, frame, introduce, mac};
use super::switch::{BOARDS, Options, Switch};

/// Instructions for forwarded frames of 64 bytes.
struct Load {
    /// Of all that came as fast as they left.
    off: u64,
    one_in_64: u64,
    /// Chosen among them.
    samples: u64,
    /// Of one that comes alone, so that a round of the main loop is for it.
    alone: u64,
    alone_one_in_64: u64,
    /// The most bytes that were on the stack, after everything that the image can do.
    stack: u64,
}

#[test]
fn sampling_costs_less_than_a_twentieth_of_the_rate() {
    for (board, load) in BOARDS.iter().zip(loads()) {
        let (Some(load), name) = (load, board.target()) else { continue };
        let busy = load.off as f64 / load.one_in_64 as f64;
        let alone = load.alone as f64 / load.alone_one_in_64 as f64;
        println!("{name}: {busy:.3} of the rate, {alone:.3} of that of frames that come alone");
        // A turn has about 16, deviation about 2.3.
        assert!((700..900).contains(&load.samples), "{name}: {} samples", load.samples);
        assert!(busy >= 0.95, "{name}: {} and {} instructions", load.off, load.one_in_64);
        assert!(alone >= 0.95, "{name}: {} and {} instructions", load.alone, load.alone_one_in_64);
    }
}

#[test]
fn the_budget_is_kept() {
    let budget = Budget::read(BUDGET);
    for (board, load) in BOARDS.iter().zip(loads()) {
        let Some(load) = load else { continue };
        let image = Image::build(board, "virt-switch", "virt-switch").expect("it was built");
        let size = image.footprint(0..u64::MAX);
        let (machine, _) = board.target().split_once('-').expect("a target has dashes");
        let figures = [
            ("flash", size.flash),
            ("ram-static", size.ram),
            ("ram-stack", load.stack),
            ("instructions-alone", load.alone),
            ("instructions-alone-1-in-64", load.alone_one_in_64),
        ];
        let figures = figures.map(|(name, number)| (format!("{machine}-{name}"), number));
        budget.of(&format!("{machine}-")).check(&figures, |_| 3);
    }
}

/// Measured once, for both tests.
fn loads() -> &'static [Option<Load>; BOARDS.len()] {
    static LOADS: OnceLock<[Option<Load>; BOARDS.len()]> = OnceLock::new();
    LOADS.get_or_init(|| BOARDS.map(|board| measure(&board)))
}

fn measure(board: &Board) -> Option<Load> {
    let options = Options { count_instructions: true, ..Options::default() };
    let switch = Switch::start(board, options)?;
    introduce(&switch);
    switch.connect_collector();
    let mut load = Load {
        off: 0,
        one_in_64: 0,
        samples: 0,
        alone: cost(&switch, 0, (1, 4 * FRAMES)).0 / (4 * FRAMES as u64),
        alone_one_in_64: cost(&switch, 64, (1, 4 * FRAMES)).0 / (4 * FRAMES as u64),
        stack: 0,
    };
    // By turns: how many frames come at once depends on what else this machine does, and with it
    // the cost of a round of the main loop for each of them.
    for _ in 0..50 {
        load.off += cost(&switch, 0, (32, FRAMES)).0;
        let (ticks, samples) = cost(&switch, 64, (32, FRAMES));
        load.one_in_64 += ticks;
        load.samples += samples;
    }
    switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
    switch.commands(&["polling 1"]);
    wait_until("counters", || (switch.show().value("samples", "counter") >= 4).then_some(()));
    load.stack = switch.show().value("memory", "stack");
    Some(load)
}

/// Instructions for so many frames with so many on their way at once, and how many were sampled.
fn cost(switch: &Switch, rate: u32, (window, frames): (usize, usize)) -> (u64, u64) {
    switch.commands(&[&format!("sampling 1 {rate}")]);
    let before = switch.show();
    let one = frame(mac(2), mac(1), &[], 64);
    switch.send_in_window((1, 2), window, std::iter::repeat_n(one, frames));
    assert_eq!(switch.receive(2, frames).len(), frames);
    let shown = switch.show();
    let more = |topic: &str, word: &str| shown.value(topic, word) - before.value(topic, word);
    assert!(more("load", "frames") >= frames as u64);
    (more("load", "ticks"), more("port 1", "sampled"))
}

const FRAMES: usize = 1000;
const BUDGET: &str = include_str!("../../../platform-baremetal/images/virt-switch/budget.txt");
