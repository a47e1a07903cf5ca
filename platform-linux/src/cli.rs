//! The command line.

use clap::{Args, Parser, Subcommand};
use flowmote::daemon::check::CheckOptions;
use flowmote::daemon::options::{ConfigSource, whole_number};

/// sFlow v5 agent for Linux hosts.
///
/// Samples packets on network interfaces, polls interface and host counters, and sends both to
/// sFlow collectors. The configuration has the syntax of hsflowd.conf.
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
    /// SIGHUP reloads the configuration and keeps all sequence numbers. SIGUSR1 logs the
    /// statistics. The log goes to standard error.
    Run(RunArgs),
    /// Report the effect of a configuration on this machine and all problems in it.
    ///
    /// Exits with status 2 if there are errors, else with 0. As root it also tests whether the user
    /// that `run` would switch to can read the configuration.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) options: CheckOptions,
    /// Only read the configuration, as a reload does, and report what makes it unusable. Tests no
    /// interface, collector or privilege, and needs none.
    #[arg(long)]
    pub(crate) syntax: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) source: ConfigSource,
    /// User to switch to after opening all sockets, when started as root: a name in /etc/passwd or
    /// a number. Default: flowmote, or nobody if that does not exist.
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// Interval between statistics in the log, 0 to 86400 seconds; 0: on SIGUSR1 and at exit only.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = whole_number(0..=86_400))]
    pub(crate) stats_interval: u32,
}
