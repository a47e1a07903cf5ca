//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use flowmote::config::Collector;

/// sFlow v5 agent for Linux hosts.
///
/// Samples packets on network interfaces, polls the counters of interfaces and host, and sends
/// both to sFlow collectors. Reads the grammar of hsflowd.conf.
#[derive(Debug, Parser)]
#[command(name = "flowmote", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the agent in the foreground until SIGTERM or Ctrl-C.
    ///
    /// SIGHUP reads the configuration again without losing a sequence number; SIGUSR1 prints
    /// the statistics. Logs go to standard error.
    Run(RunArgs),
    /// Say in words what a configuration does on this machine, and what is wrong with it.
    ///
    /// Ends with 2 if `run` would have something to complain about, else with 0.
    Check(SourceArgs),
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// User to become once all sockets are open, when started as root; `nobody` if there is no
    /// such user.
    #[arg(long, value_name = "NAME", default_value = "flowmote")]
    pub(crate) user: String,
    /// Print the statistics every so many seconds; 0: only on SIGUSR1 and at the end.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub(crate) stats_interval: u32,
}

/// Where the configuration comes from: a file, options, or a file and options that override it.
#[derive(Debug, Args)]
pub(crate) struct SourceArgs {
    /// Configuration file. Without it, and without --interface and --collector, the first of
    /// /etc/flowmote.conf and /etc/hsflowd.conf that exists.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Sample packets on this interface; may be repeated. Replaces the selection of the file.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) interface: Vec<String>,
    /// Sample one packet in N: 1 every packet, 0 none. Without it by link speed: 1000 at 1 Gbit/s,
    /// 10000 at 10 Gbit/s, 400 where the speed is not known.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(..=10_000_000))]
    pub(crate) sampling: Option<u32>,
    /// Poll counters every so many seconds, 0 to 300; 0: never.
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(..=300))]
    pub(crate) polling: Option<u32>,
    /// Send to this collector: ADDRESS, ADDRESS:PORT, [IPV6]:PORT, NAME or NAME:PORT; port 6343
    /// if none is given. May be repeated. Replaces the collectors of the file.
    #[arg(short = 'o', long, value_name = "COLLECTOR")]
    pub(crate) collector: Vec<Collector>,
}
