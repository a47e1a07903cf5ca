//! `flowmote-analyzer`: the collector.
//!
//! Exit status: 0 after an ordinary end, 1 after a failure, 2 for a bad command line.

mod args;
mod listen;
mod output;
mod receiver;
mod sequence;
mod signals;
mod tally;
mod top;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flowmote-analyzer: {error}");
            ExitCode::FAILURE
        }
    }
}
