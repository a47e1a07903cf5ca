//! What sampling costs.

use flowmote_tests::qemu::Board;

use super::frames::{frame, introduce, mac};
use super::switch::{Options, Switch};

#[test]
fn sampling_costs_less_than_a_twentieth_of_the_rate() {
    let options = Options { count_instructions: true, ..Options::default() };
    let Some(switch) = Switch::start(&Board::VIRT_AARCH64, options) else { return };
    introduce(&switch);
    switch.connect_collector();
    let frames = 1000;
    let cost = |rate: u32| {
        switch.commands(&[&format!("sampling 1 {rate}")]);
        let before = switch.show();
        let one = frame(mac(2), mac(1), &[], 64);
        switch.send_paced((1, 2), std::iter::repeat_n(one, frames));
        assert_eq!(switch.receive(2, frames).len(), frames);
        let shown = switch.show();
        let more = |line: &str, name: &str| shown.value(line, name) - before.value(line, name);
        assert!(more("load", "frames") >= frames as u64);
        (more("load", "ticks"), more("port 1", "sampled"))
    };
    // Off and on by turns: how many frames come at once depends on what else the machine does,
    // and with it the cost of a round of the main loop for each of them.
    let (mut off, mut on, mut samples) = (0, 0, 0);
    for _ in 0..50 {
        off += cost(0).0;
        let (ticks, sampled) = cost(64);
        (on, samples) = (on + ticks, samples + sampled);
    }
    let rate = off as f64 / on as f64;
    println!(
        "{} instructions a frame, {} with sampling ({samples} samples): {:.1} % of the rate",
        off / 50_000,
        on / 50_000,
        rate * 100.0
    );
    // 50 turns of about 16, deviation about 16.
    assert!((700..900).contains(&samples), "{samples} samples");
    assert!(rate >= 0.95, "{off} and {on} instructions for 50000 frames");
}
