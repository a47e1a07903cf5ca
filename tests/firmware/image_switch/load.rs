//! Cost of forwarding and sampling, and size of the image, compared with the checked-in table.

use core::ops::AddAssign;
use std::sync::OnceLock;

use flowmote_lab::footprint::Budget;
use flowmote_lab::qemu::{Board, Image};
use flowmote_lab::wait_until;

use super::frames::{VLAN_20, frame, introduce, mac};
use super::switch::{BOARDS, Options, Switch};

/// Load of a run.
#[derive(Clone, Copy, Default)]
struct Cost {
    instructions: f64,
    /// Rounds of the main loop with frames.
    rounds: f64,
    frames: f64,
    samples: f64,
}

struct Load {
    /// Bursts of frames, with sampling off and at 1-in-64.
    off: Cost,
    one_in_64: Cost,
    /// Single frames, with sampling off and at 1-in-1.
    alone: Cost,
    alone_sampled: Cost,
    /// Maximum stack use in bytes, after exercising every function.
    stack: u64,
}

#[test]
fn sampling_costs_less_than_5_percent_of_the_rate() {
    for (board, load) in loads() {
        let name = board.target();
        let (off, on) = (load.off, load.one_in_64);
        let rate = off.instructions / on.instructions;
        println!(
            "{name}: {:.0} instructions a frame, {:.0} with sampling: {rate:.3} of the rate",
            off.instructions / off.frames,
            on.instructions / on.frames,
        );
        // About 16 samples are expected, with a deviation of about 2.3.
        assert!((700.0..900.0).contains(&on.samples), "{name}: {} samples", on.samples);
        assert!(rate >= 0.95, "{name}: {rate}");
    }
}

#[test]
fn the_budget_is_kept() {
    let (mut prefixes, mut figures) = (Vec::new(), Vec::new());
    for (board, load) in loads() {
        let (machine, _) = board.target().split_once('-').expect("a target has dashes");
        let prefix = format!("{machine}-");
        let image = Image::build(board, "virt-switch", "virt-switch").expect("it was built");
        let named = |(name, number)| (format!("{prefix}{name}"), Some(number));
        figures.extend(load.figures(&image).map(named));
        prefixes.push(prefix);
    }
    if !prefixes.is_empty() {
        Budget::new(BUDGET).of(&prefixes).check(&figures);
    }
}

impl Load {
    /// Returns the rows of the table.
    fn figures(&self, image: &Image) -> [(&'static str, u64); 7] {
        let size = image.footprint(0..u64::MAX);
        let (round, frame, sample) = self.shares();
        [
            ("flash", size.flash),
            ("ram-static", size.ram),
            ("stack-used", self.stack),
            ("instructions-round", round as u64),
            ("instructions-frame", frame as u64),
            ("instructions-frame-1-in-64", (frame + sample / 64.0) as u64),
            ("instructions-sample", sample as u64),
        ]
    }

    /// Returns the cost of a round, a frame and a sample. Round and frame can be separated because
    /// the two runs have different numbers of frames per round; those depend on the load of the
    /// host.
    fn shares(&self) -> (f64, f64, f64) {
        let (one, many, sampled) = (self.alone, self.off, self.alone_sampled);
        let determinant = one.rounds * many.frames - many.rounds * one.frames;
        let round = one.instructions * many.frames - many.instructions * one.frames;
        let round = round / determinant;
        let frame = (one.instructions - round * one.rounds) / one.frames;
        let forwarded = round * sampled.rounds + frame * sampled.frames;
        (round, frame, (sampled.instructions - forwarded) / sampled.samples)
    }
}

/// Returns the load of each available machine, measured once for both tests.
fn loads() -> impl Iterator<Item = (&'static Board, &'static Load)> {
    static LOADS: [OnceLock<Option<Load>>; BOARDS.len()] =
        [const { OnceLock::new() }; BOARDS.len()];
    Board::available(&BOARDS).into_iter().filter_map(|board| {
        let at = BOARDS.iter().position(|one| one.target() == board.target())?;
        Some((board, LOADS[at].get_or_init(|| measure(board)).as_ref()?))
    })
}

fn measure(board: &Board) -> Option<Load> {
    let options = Options { count_instructions: true, ..Options::default() };
    let switch = Switch::start(board, options)?;
    introduce(&switch);
    switch.connect_collector();
    let mut load = Load {
        off: Cost::default(),
        one_in_64: Cost::default(),
        alone: Cost::default(),
        alone_sampled: Cost::default(),
        stack: 0,
    };
    // Several times as well: one run of a thousand frames was off by 4 % beside two builds.
    for _ in 0..8 {
        load.alone += cost(&switch, 0, 1);
        load.alone_sampled += cost(&switch, 1, 1);
    }
    // Alternate the two rates: frames per round, and so the cost per frame, depend on the load of
    // the host, which then affects both equally.
    for _ in 0..50 {
        load.off += cost(&switch, 0, 32);
        load.one_in_64 += cost(&switch, 64, 32);
    }
    switch.send(1, &frame(mac(2), mac(1), &VLAN_20, 64));
    switch.commands(&["polling 1"]);
    wait_until("counters", || (switch.show().value("samples", "counter") >= 4).then_some(()));
    load.stack = switch.show().value("memory", "stack");
    Some(load)
}

/// Forwards a thousand frames of 64 bytes, at most `window` in flight.
fn cost(switch: &Switch, rate: u32, window: usize) -> Cost {
    switch.commands(&[&format!("sampling 1 {rate}")]);
    let before = switch.show();
    let one = frame(mac(2), mac(1), &[], 64);
    switch.send_in_window((1, 2), window, std::iter::repeat_n(one, FRAMES));
    assert_eq!(switch.receive(2, FRAMES).len(), FRAMES);
    let shown = switch.show();
    let more = |topic, word| (shown.value(topic, word) - before.value(topic, word)) as f64;
    let cost = Cost {
        instructions: more("load", "ticks"),
        rounds: more("load", "rounds"),
        frames: more("load", "frames"),
        samples: more("port 1", "sampled"),
    };
    assert!(cost.frames >= FRAMES as f64);
    cost
}

impl AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.instructions += more.instructions;
        self.rounds += more.rounds;
        self.frames += more.frames;
        self.samples += more.samples;
    }
}

const FRAMES: usize = 1000;
const BUDGET: &str =
    include_str!("../../../platform-baremetal/firmware/images/virt-switch/budget.txt");
