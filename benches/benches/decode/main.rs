//! `cargo bench --bench decode`: the decoder side by side with the other sFlow decoders in Rust,
//! and its decoder of packet headers with two crates for that.
//!
//! All take turns within one run, so that other load on the machine affects all alike. Times are CPU
//! times of this thread. All decoders have to compute the same digest of the values they read.

mod clock;
mod headers;
mod laziness;
mod traces;
mod walks;

use std::process::ExitCode;

use crate::traces::Trace;
use crate::walks::{WALKS, Walk};

fn main() -> ExitCode {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|word| word != "--bench").collect();
    match arguments.as_slice() {
        [] => {
            datagrams();
            headers::compare();
            laziness::count();
            ExitCode::SUCCESS
        }
        [case, times] if laziness::repeat(case, times) => ExitCode::SUCCESS,
        _ => {
            eprintln!("usage: decode, or decode CASE TIMES for a counter of instructions");
            ExitCode::from(2)
        }
    }
}

fn datagrams() {
    for trace in traces::all() {
        println!(
            "{}: {} datagrams, {} bytes",
            trace.name,
            trace.datagrams.len(),
            trace.datagrams.iter().map(Vec::len).sum::<usize>()
        );
        println!(
            "  {:<20}{:>14}{:>16}{:>18}{:>8}{:>9}",
            "", "M datagrams/s", "M flow smpl/s", "M counter smpl/s", "ratio", "refused"
        );
        compare(&trace);
        println!();
    }
}

fn compare(trace: &Trace) {
    let walks: Vec<_> = WALKS.iter().map(|walk| (walk, all_of(walk, trace))).collect();
    let seconds = clock::take_turns(walks.len(), |at| {
        std::hint::black_box(all_of(walks[at].0, trace));
    });
    let (_, ours) = &walks[0];
    for ((walk, seen), time) in walks.iter().zip(&seconds) {
        let millions = |count: u64| count as f64 / time / 1e6;
        println!(
            "  {:<20}{:>14.3}{:>16.3}{:>18.3}{:>8.2}{:>9}",
            walk.name,
            millions(trace.datagrams.len() as u64),
            millions(seen.flow_samples),
            millions(seen.counter_samples),
            time / seconds[0],
            seen.refused,
        );
        let agree = seen.refused > 0 || seen.digest == ours.digest;
        assert!(agree, "{} read different values in {}", walk.name, trace.name);
    }
}

fn all_of(walk: &Walk, trace: &Trace) -> walks::Seen {
    let mut seen = walks::Seen::default();
    for datagram in &trace.datagrams {
        (walk.walk)(std::hint::black_box(datagram), &mut seen);
    }
    seen
}
