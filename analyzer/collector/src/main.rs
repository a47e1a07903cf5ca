//! `flowmote-analyzer`: the sFlow collector.

use std::process::ExitCode;

fn main() -> ExitCode {
    flowmote_analyzer::main()
}
