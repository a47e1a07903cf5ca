//! `workload CASE TIMES`: repeats one case under a counter of instructions.

use std::process::ExitCode;

use flowmote_benches::CASES;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = arguments.as_slice() else { return usage() };
    let case = CASES.iter().find(|case| case.name == name);
    let (Some(case), Ok(times)) = (case, times.parse()) else { return usage() };
    (case.repeat)(times);
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: workload CASE TIMES, where CASE is one of:");
    CASES.iter().for_each(|case| eprintln!("  {}", case.name));
    ExitCode::from(2)
}
