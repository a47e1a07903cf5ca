//! Measurement in turns, and the median.

use nix::time::{ClockId, clock_gettime};

/// Seconds per call of `run` for each of `runners`: the median of [`ROUNDS`] rounds, in each of which
/// every runner takes one turn.
pub(crate) fn take_turns(runners: usize, run: impl Fn(usize)) -> Vec<f64> {
    let calls: Vec<u32> = (0..runners).map(|at| calls_for(|| run(at))).collect();
    let mut times = vec![Vec::new(); runners];
    for _ in 0..ROUNDS {
        for (at, times) in times.iter_mut().enumerate() {
            let start = now();
            (0..calls[at]).for_each(|_| run(at));
            times.push((now() - start) / f64::from(calls[at]));
        }
    }
    times.into_iter().map(median).collect()
}

/// Number of calls that last about [`TURN`] seconds.
fn calls_for(run: impl Fn()) -> u32 {
    let mut calls = 1;
    loop {
        let start = now();
        (0..calls).for_each(|_| run());
        if now() - start > TURN {
            return calls;
        }
        calls *= 2;
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// CPU time of this thread, in seconds.
fn now() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("every Linux has this clock");
    time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
}

const ROUNDS: usize = 51;
/// Seconds of one turn: long against the resolution of the clock, short against changes of load.
const TURN: f64 = 0.01;
