//! `flowmote-analyzer`: the collector.
//!
//! Exit status: 0 after an ordinary end, 1 after a failure, 2 for a bad command line.

mod args;
mod drops;
mod forward;
mod listen;
mod output;
mod queue;
mod read;
mod receiver;
mod say;
mod signals;
mod top;
mod writer;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use say::say;

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Read(arguments) => read::run(&arguments),
        Command::Forward(arguments) => forward::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("flowmote-analyzer: {error}"));
            ExitCode::FAILURE
        }
    }
}
