//! `flowmote`: the sFlow agent of a Linux host.

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use flowmote::cli::{Cli, Command, RunArgs};
use flowmote::config::migrate;
use flowmote::daemon::check::{CheckOptions, check};
use flowmote::daemon::options::{ConfigSource, LoadError, read_text};
use flowmote::daemon::run::{RunError, RunOptions, run};
use flowmote::logging;
use flowmote::printable::printable;
use flowmote::status::client::{StatusError, StatusOptions, status};
use flowmote_core::Duration;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help_or_error) => return print_for_clap(&help_or_error),
    };
    match cli.command {
        Command::Run(args) => run_daemon(args),
        Command::Check(args) if args.syntax => check_syntax(&args.options.source),
        Command::Check(args) => check_configuration(&args.options),
        Command::Status(options) => show_status(&options),
        Command::Migrate(args) => print_migrated(&args.file),
    }
}

fn run_daemon(args: RunArgs) -> ExitCode {
    logging::install();
    let options = RunOptions {
        source: args.source,
        user: args.user,
        auto: args.auto.unwrap_or_default(),
        stats_interval: Duration::from_secs(args.stats_interval),
        status_socket: args.status_socket,
    };
    match run(&options) {
        Ok(()) => {
            logging::finish();
            ExitCode::SUCCESS
        }
        Err(RunError::Configuration(error)) => {
            logging::finish_with(&error.to_string());
            ExitCode::from(MISUSED)
        }
        Err(error) => {
            logging::finish_with(&format!("flowmote: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn check_configuration(options: &CheckOptions) -> ExitCode {
    let findings = match check(options) {
        Ok(findings) => findings,
        Err(error) => return misused(&error),
    };
    let printed = print(&findings.lines);
    findings.warnings.iter().for_each(|line| eprintln_lossy(line));
    findings.problems.iter().for_each(|line| eprintln_lossy(&format!("error: {line}")));
    match printed {
        Err(error) => cannot_print(&error),
        Ok(()) if findings.problems.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(MISUSED),
    }
}

fn show_status(options: &StatusOptions) -> ExitCode {
    match status(options, &mut io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(StatusError::Output(error)) => {
            unless_closed(error).map_or_else(|error| cannot_print(&error), |()| ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln_lossy(&format!("flowmote status: {error}"));
            match error {
                StatusError::NoAgent(_) => ExitCode::from(NO_AGENT),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn print_migrated(file: &Path) -> ExitCode {
    let text = match read_text(file) {
        Ok(text) => text,
        Err(error) => return misused(&error),
    };
    match migrate(&text) {
        Ok(migrated) => {
            let mut output = io::stdout();
            let printed = output.write_all(migrated.as_bytes()).and_then(|()| output.flush());
            printed
                .or_else(unless_closed)
                .map_or_else(|error| cannot_print(&error), |()| ExitCode::SUCCESS)
        }
        Err(problems) => {
            let name = file.display().to_string();
            let lines = problems.iter().map(|problem| problem.in_file(&name).to_string());
            misused(&LoadError(lines.collect()))
        }
    }
}

fn check_syntax(source: &ConfigSource) -> ExitCode {
    match source.load() {
        Ok(loaded) => {
            loaded.warnings.iter().for_each(|line| eprintln_lossy(line));
            ExitCode::SUCCESS
        }
        Err(error) => misused(&error),
    }
}

fn misused(error: &LoadError) -> ExitCode {
    error.0.iter().for_each(|line| eprintln_lossy(line));
    ExitCode::from(MISUSED)
}

/// Prints help, version or an error of the command line, as `clap::Error::exit` does. Unlike it,
/// does not ignore a failed write.
fn print_for_clap(text: &clap::Error) -> ExitCode {
    let printed = text.print().and_then(|()| io::stdout().flush()).or_else(unless_closed);
    match printed {
        Err(error) => cannot_print(&error),
        Ok(()) => ExitCode::from(u8::try_from(text.exit_code()).unwrap_or(MISUSED)),
    }
}

/// Prints lines to standard output.
fn print(lines: &[String]) -> io::Result<()> {
    let text: String = lines.iter().map(|line| format!("{}\n", printable(line))).collect();
    let mut output = io::stdout();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).or_else(unless_closed)
}

/// A closed pipe, as in `flowmote check | head -1`, is not an error.
fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

fn cannot_print(error: &io::Error) -> ExitCode {
    eprintln_lossy(&format!("flowmote: standard output: {error}"));
    ExitCode::FAILURE
}

/// Writes a line to standard error. Unlike `eprintln!` it does not panic if that is closed.
fn eprintln_lossy(text: &str) {
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

/// Exit status for a bad command line or configuration, the one that clap uses.
const MISUSED: u8 = 2;
/// Exit status of `status` if no agent is running, the one that systemctl uses.
const NO_AGENT: u8 = 3;
