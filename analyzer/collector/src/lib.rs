//! The sFlow collector: the parts of the program `flowmote-analyzer`.
//!
//! A library only so that man pages and completions can be made from its command line.

mod args;
mod aws;
mod client;
mod commands;
mod config;
mod cost;
mod databases;
mod export;
mod flow_history;
mod flow_logs;
mod history;
mod http;
mod hub;
mod output;
mod receive;
mod relay;
mod resolver;
mod state;
mod stderr;

#[cfg(any(test, feature = "_testing"))]
pub use aws::testing;

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use args::Command;
use clap::CommandFactory;
use commands::{forward, listen, read, serve, top};
use stderr::eprintln_lossy;

/// The command line, for its man pages and completions.
pub fn command() -> clap::Command {
    args::Arguments::command()
}

/// Runs the program with the command line of this process.
///
/// Exit status: 0 on success, 1 after a failure, 2 for an invalid command line or configuration file.
pub fn main() -> ExitCode {
    let arguments = match config::parse(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(config::Error::CommandLine(help_or_error)) => return print_for_clap(&help_or_error),
        Err(error) => {
            eprintln_lossy(format_args!("flowmote-analyzer: {error}"));
            return ExitCode::from(2);
        }
    };
    let ended = match arguments.command {
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

/// Prints help, version or an error of the command line, as `clap::Error::exit` does. Unlike it,
/// does not ignore a failed write. A closed pipe, as in `--help | head -1`, is not an error.
fn print_for_clap(text: &clap::Error) -> ExitCode {
    match text.print().and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln_lossy(format_args!("flowmote-analyzer: standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::from(u8::try_from(text.exit_code()).unwrap_or(2)),
    }
}
