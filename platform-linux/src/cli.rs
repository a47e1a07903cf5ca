//! The command line. Man pages and completions are made from it too.

use std::path::PathBuf;

use crate::daemon::auto_file::AutoLink;
use crate::daemon::check::CheckOptions;
use crate::daemon::options::{ConfigSource, whole_number};
use crate::status::client::StatusOptions;
use clap::{Args, Parser, Subcommand};

/// sFlow v5 agent for Linux hosts.
///
/// Samples packets on network interfaces, polls interface and host counters, and sends both to
/// sFlow collectors. The configuration has the syntax of hsflowd.conf.
#[derive(Debug, Parser)]
#[command(name = "flowmote", version, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
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
    /// Show what the running agent samples and sends, with rates and losses.
    ///
    /// Root and members of the group flowmote may see it. Exits with status 3 if no agent is running.
    Status(StatusOptions),
    /// Print a configuration of hsflowd with a comment at each line that behaves differently.
    ///
    /// The comments begin with "# flowmote:". The file stays as it is and means the same. Exits with
    /// status 2 and the errors if Flowmote cannot use the file.
    Migrate(MigrateArgs),
}

/// The options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The configuration and the user.
    #[command(flatten)]
    pub options: CheckOptions,
    /// Only read the configuration, as a reload does, and report what makes it unusable. Tests no
    /// interface, collector or privilege, and needs none.
    #[arg(long)]
    pub syntax: bool,
}

/// The options of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The file; - is standard input.
    #[arg(default_value = "/etc/hsflowd.conf")]
    pub file: PathBuf,
}

/// The options of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The configuration.
    #[command(flatten)]
    pub source: ConfigSource,
    /// User to switch to after opening all sockets, when started as root: a name in /etc/passwd or
    /// a number. Default: flowmote, or nobody if that does not exist.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Where other programs find the settings in force, as those of hsflowd: a symbolic link that is
    /// made by root, or off. Default: /etc/hsflowd.auto.
    #[arg(long, value_name = "FILE")]
    pub auto: Option<AutoLink>,
    /// Interval between statistics in the log, 0 to 86400 seconds; 0: on SIGUSR1 and at exit only.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = whole_number(0..=86_400))]
    pub stats_interval: u32,
    /// Socket for `flowmote status`. Default: status.sock in /run/flowmote.
    #[arg(long, value_name = "PATH")]
    pub status_socket: Option<PathBuf>,
}
