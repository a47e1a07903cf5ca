//! `flowmote`: the sFlow agent of a Linux host.

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use flowmote::daemon::options::{Source, Unusable};
use flowmote::daemon::{self, Failure, RunOptions};
use flowmote_core::Duration;
use log::{Level, LevelFilter};

use crate::cli::{Cli, Command, RunArgs, SourceArgs};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run(args),
        Command::Check(args) => check(args),
    }
}

fn run(args: RunArgs) -> ExitCode {
    log_to_stderr();
    let options = RunOptions {
        source: args.source.into(),
        user: args.user,
        stats_interval: Duration::from_secs(args.stats_interval),
    };
    match daemon::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Configuration(unusable)) => misused(&unusable),
        Err(failure) => {
            complain(&format!("flowmote: {failure}"));
            ExitCode::FAILURE
        }
    }
}

fn check(args: SourceArgs) -> ExitCode {
    let checked = match daemon::check(&args.into()) {
        Ok(checked) => checked,
        Err(unusable) => return misused(&unusable),
    };
    // A reader that has gone, as in `flowmote check | head -1`, is no error.
    let _ = std::io::stdout().write_all(checked.report.as_bytes());
    checked.warnings.iter().for_each(|line| complain(line));
    checked.problems.iter().for_each(|line| complain(&format!("error: {line}")));
    if checked.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(MISUSED) }
}

fn misused(unusable: &Unusable) -> ExitCode {
    complain(&unusable.to_string());
    ExitCode::from(MISUSED)
}

/// Unlike `eprintln!` it does not panic when nobody is there to read.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

impl From<SourceArgs> for Source {
    fn from(args: SourceArgs) -> Self {
        Self {
            file: args.config,
            interfaces: args.interface,
            sampling: args.sampling,
            polling: args.polling,
            collectors: args.collector,
        }
    }
}

/// Plain lines on a terminal; for the journal, lines with the priority that it understands
/// (sd-daemon(3)). It adds the time itself, as does whatever else collects standard error.
fn log_to_stderr() {
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    env_logger::Builder::new()
        .filter_level(LevelFilter::Info)
        .parse_env("FLOWMOTE_LOG")
        .format(move |out, record| {
            let text = record.args();
            match (journal, record.level()) {
                (true, Level::Error) => writeln!(out, "<3>{text}"),
                (true, Level::Warn) => writeln!(out, "<4>{text}"),
                (true, Level::Info) => writeln!(out, "<6>{text}"),
                (true, _) => writeln!(out, "<7>{text}"),
                (false, Level::Info) => writeln!(out, "{text}"),
                (false, level) => writeln!(out, "{}: {text}", level.as_str().to_lowercase()),
            }
        })
        .init();
}

/// Exit status for a bad command line or configuration, as clap uses it.
const MISUSED: u8 = 2;
