//! `flowmote-analyzer`: the sFlow collector.
//!
//! Exit status: 0 on success, 1 after a failure, 2 for an invalid command line.

mod args;
mod commands;
mod http;
mod hub;
mod output;
mod receive;
mod state;
mod stderr;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use commands::{forward, listen, read, serve, top};
use stderr::eprintln_lossy;

fn main() -> ExitCode {
    let ended = match Arguments::parse().command {
        Command::Listen(arguments) => listen::run(&arguments),
        Command::Read(arguments) => read::run(&arguments),
        Command::Forward(arguments) => forward::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Top(arguments) => top::run(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln_lossy(format_args!("flowmote-analyzer: {error}"));
            ExitCode::FAILURE
        }
    }
}
