//! `nanoseconds`: duration of each case on this machine.
//!
//! Each run lasts some milliseconds and starts from scratch. The median of many runs is the usual
//! duration, the least is that without disturbance.

use core::time::Duration;
use std::time::Instant;

use flowmote_benches::{CASES, Case};

fn main() {
    println!("{:<24}{:>10}{:>10}   (ns, {RUNS} runs)", "nanoseconds", "median", "least");
    for case in &CASES {
        let times = times_for(case, RUN);
        let mut runs: Vec<f64> = (0..RUNS).map(|_| per_unit(case, times)).collect();
        runs.sort_by(f64::total_cmp);
        let (median, least) = (runs[RUNS / 2], runs[0]);
        println!("{:<24}{median:>10.3}{least:>10.3}   a {}", case.name, case.unit);
    }
}

/// Repetitions that last about `run`.
fn times_for(case: &Case, run: Duration) -> u32 {
    let mut times = 1_000;
    while elapsed(case, times) < run && times < MAX_TIMES {
        times *= 2;
    }
    times
}

fn per_unit(case: &Case, times: u32) -> f64 {
    let units = f64::from(times) * f64::from(case.units);
    elapsed(case, times).as_secs_f64() * 1e9 / units
}

fn elapsed(case: &Case, times: u32) -> Duration {
    let start = Instant::now();
    (case.repeat)(times);
    start.elapsed()
}

const RUNS: usize = 101;
const RUN: Duration = Duration::from_millis(5);
/// Limit at which the bursts of 64 still hold fewer packets than the skip of the unsampled cases.
const MAX_TIMES: u32 = 1 << 22;
