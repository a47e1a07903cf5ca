//! `flowmote`: the sFlow agent of a Linux host.

mod cli;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use flowmote::daemon::check::{CheckOptions, check};
use flowmote::daemon::options::LoadError;
use flowmote::daemon::run::{RunError, RunOptions, run};
use flowmote_core::Duration;
use log::{Level, LevelFilter};

use crate::cli::{Cli, Command, RunArgs};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run(args) => run_daemon(args),
        Command::Check(options) => check_configuration(&options),
    }
}

fn run_daemon(args: RunArgs) -> ExitCode {
    log_to_stderr();
    let options = RunOptions {
        source: args.source,
        user: args.user,
        stats_interval: Duration::from_secs(args.stats_interval),
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Configuration(error)) => misused(&error),
        Err(error) => {
            eprintln_lossy(&format!("flowmote: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn check_configuration(options: &CheckOptions) -> ExitCode {
    let findings = match check(options) {
        Ok(findings) => findings,
        Err(error) => return misused(&error),
    };
    let report: String = findings.lines.iter().map(|line| format!("{line}\n")).collect();
    // A closed pipe, as in `flowmote check | head -1`, is not an error.
    let _ = std::io::stdout().write_all(report.as_bytes());
    findings.warnings.iter().for_each(|line| eprintln_lossy(line));
    findings.problems.iter().for_each(|line| eprintln_lossy(&format!("error: {line}")));
    if findings.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(MISUSED) }
}

fn misused(error: &LoadError) -> ExitCode {
    eprintln_lossy(&error.to_string());
    ExitCode::from(MISUSED)
}

/// Writes a line to standard error. Unlike `eprintln!` it does not panic if that is closed.
fn eprintln_lossy(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Logs to standard error: lines with a priority prefix (sd-daemon(3)) under systemd, else plain
/// lines. Neither has a timestamp, because the journal and other log collectors add their own.
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

/// Exit status for a bad command line or configuration, the one that clap uses.
const MISUSED: u8 = 2;
