//! Command-line arguments of all commands.

use core::net::SocketAddr;
use core::num::NonZero;
use core::str::FromStr;
use core::time::Duration;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::aws::Mode;
use crate::export::ExportArguments;
use crate::flow_logs;
use crate::output::FormatKind;
use crate::receive::{Allow, Endpoint, Network, PORT};

/// Receives sFlow version 5 and shows, converts or forwards it.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Receive datagrams and write them as text, JSON, CSV or pcap
    Listen(ListenArguments),
    /// Read datagrams from capture files (pcap, pcapng) and write them in the same formats
    Read(ReadArguments),
    /// Copy received datagrams to other collectors, unchanged
    Forward(ForwardArguments),
    /// Receive datagrams and serve metrics, flows and events of the last minutes over HTTP
    Serve(Box<ServeArguments>),
    /// Show flows, interfaces and hosts live
    Top(TopArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// Address to listen on: HOST:PORT, HOST or PORT. HOST is an address, a name, or a multicast group
    /// with an interface, such as 239.1.2.3%eth0
    #[arg(value_name = "ADDR", default_value = "[::]:6343")]
    pub(crate) address: Endpoint,
    #[command(flatten)]
    pub(crate) senders: SenderArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

/// The senders from which `listen`, `forward` and `top` accept datagrams.
#[derive(Debug, Args)]
pub(crate) struct SenderArguments {
    /// Accept datagrams from these networks only, such as 192.0.2.0/24. Repeatable, or a list
    /// separated by commas
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    allow: Vec<Network>,
}

impl SenderArguments {
    pub(crate) fn allow(&self) -> Allow {
        Allow::new(&self.allow)
    }
}

/// Limits and reports of `listen` and `forward`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Exit after N datagrams
    #[arg(long, value_name = "N")]
    pub(crate) count: Option<u64>,
    /// Exit after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) duration: Option<Duration>,
    /// Print totals to standard error at this interval
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) interval: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ReadArguments {
    /// Capture files, pcap or pcapng, which gzip or zstd may have compressed; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Destination UDP port of sFlow in the capture
    #[arg(long, default_value_t = PORT)]
    pub(crate) port: u16,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Output format
    #[arg(long, value_enum, default_value = "text")]
    format: FormatKind,
    /// Same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Output file, overwritten at the start; standard output if - or absent. `listen` opens it again
    /// on SIGHUP and then appends
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ForwardArguments {
    /// Collectors to copy to: HOST:PORT or HOST, where HOST is an address or a name
    #[arg(required = true, value_name = "DEST", value_parser = Endpoint::destination)]
    pub(crate) destinations: Vec<Endpoint>,
    /// Address to listen on: HOST:PORT, HOST or PORT. HOST is an address, a name, or a multicast group
    /// with an interface, such as 239.1.2.3%eth0
    #[arg(long, value_name = "ADDR", default_value = "[::]:6343")]
    pub(crate) listen: Endpoint,
    #[command(flatten)]
    pub(crate) senders: SenderArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// Address to listen on: HOST:PORT, HOST or PORT. HOST is an address, a name, or a multicast group
    /// with an interface, such as 239.1.2.3%eth0
    #[arg(value_name = "ADDR", default_value = "[::]:6343")]
    pub(crate) address: Endpoint,
    #[command(flatten)]
    pub(crate) senders: SenderArguments,
    /// Time over which rates are averaged, at most an hour
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_window)]
    pub(crate) window: Duration,
    /// Interval of plain text output if standard output is not a terminal
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub(crate) interval: Duration,
    /// Exit after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) duration: Option<Duration>,
    /// Command to run meanwhile, such as the agent. Its output is shown; top exits when the command
    /// exits, and ends the command on exit
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// File with these options, one a line: `memory = 1G`, `read-only`. The command line replaces its
    /// values. The default one need not exist
    #[arg(long, value_name = "FILE", default_value = "/etc/flowmote-analyzer.conf")]
    config: PathBuf,
    /// Address to listen on for sFlow: HOST:PORT, HOST or PORT. HOST is an address, a name, or a
    /// multicast group with an interface, such as 239.1.2.3%eth0
    #[arg(long, value_name = "ADDR", default_value = "[::]:6343")]
    pub(crate) listen: Endpoint,
    /// Address and port of HTTP. One that other hosts can reach needs --token-file, --read-only or --open
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8008")]
    pub(crate) http: SocketAddr,
    /// Memory for tables, with the unit K, M or G
    #[arg(long, value_name = "BYTES", default_value = "512M")]
    pub(crate) memory: Bytes,
    /// Receiving threads. All datagrams of a sender go to the same one
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_threads)]
    pub(crate) threads: NonZero<u8>,
    /// Directory that keeps flow definitions, thresholds, groups, maps, topology, and the histories of metrics and flows
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Bytes of the history of metrics in the directory of --state, with the unit K, M or G; 0 for none
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = parse_history)]
    pub(crate) history: Bytes,
    /// Bytes of the history of flows in the directory of --state, with the unit K, M or G; 0 for none
    #[arg(long, value_name = "BYTES", default_value = "2G", value_parser = parse_history)]
    pub(crate) flow_history: Bytes,
    #[command(flatten)]
    pub(crate) senders: SenderArguments,
    #[command(flatten)]
    pub(crate) databases: DatabaseArguments,
    /// Address to listen on for StatsD: HOST:PORT, HOST or PORT, which is 8125 by default. Without the
    /// option there is none
    #[arg(long, value_name = "ADDR", value_parser = parse_statsd)]
    pub(crate) statsd: Option<Endpoint>,
    /// Time over which values of StatsD are collected to one, at most 172000
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_collection)]
    pub(crate) statsd_interval: Duration,
    #[command(flatten)]
    pub(crate) export: ExportArguments,
    /// File with prices of CloudWatch, for the cost view of the page, instead of those of this version
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// Refuse requests that change something
    #[arg(long)]
    pub(crate) read_only: bool,
    /// File with a token that each request must carry, as `Authorization: Bearer TOKEN`
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// File with access keys for AWS clients: lines `KEY SECRET`, or a credentials file of the AWS CLI.
    /// Read again on SIGHUP
    #[arg(long, value_name = "FILE")]
    pub(crate) access_keys: Option<PathBuf>,
    /// Signatures of AWS clients: off, optional, or required. Without --access-keys off; with them
    /// required if other hosts can reach --http, else optional
    #[arg(long, value_name = "MODE", hide_possible_values = true)]
    pub(crate) signatures: Option<Mode>,
    /// Let everyone who can reach the address change everything
    #[arg(long)]
    pub(crate) open: bool,
    /// Host name under which HTTP is reached, besides addresses and localhost. Repeatable
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
    /// Define the flows mn_flow and mn_bytes, which programs for Mininet read
    #[arg(long)]
    pub(crate) presets: bool,
    #[command(flatten)]
    pub(crate) flow_logs: FlowLogArguments,
    /// Exit after this time
    #[arg(long = "for", value_name = "SECONDS", value_parser = parse_seconds)]
    pub(crate) duration: Option<Duration>,
}

/// Flow logs, and the names of AWS.
#[derive(Debug, Args)]
pub(crate) struct FlowLogArguments {
    /// Account of AWS that replies and flow logs have, 12 digits; those of an agent in a cloud have its own
    #[arg(long, value_name = "ID", default_value = "000000000000", value_parser = parse_account)]
    pub(crate) account: String,
    /// Region of AWS that replies and the names of files have
    #[arg(long, value_name = "NAME", default_value = "us-east-1", value_parser = parse_region)]
    pub(crate) region: String,
    /// Seconds that a record of the default flow logs is about at most: 1, 10, 60 or 600
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_flow_window)]
    pub(crate) flow_window: u32,
    /// Log a line with NODATA for each interface without a sample in a window
    #[arg(long)]
    pub(crate) flow_nodata: bool,
    /// Directory of flow logs in files, as AWS has them in S3
    #[arg(long, value_name = "DIR")]
    pub(crate) flow_files: Option<PathBuf>,
    /// Size of all files of flow logs, with the unit K, M or G; the oldest go first
    #[arg(long, value_name = "BYTES", default_value = "10G", value_parser = parse_size)]
    pub(crate) flow_files_size: u64,
    /// Format of the files of the default flow log
    #[arg(long, value_name = "FORMAT", default_value = "plain-text", value_parser = ["plain-text", "parquet"])]
    pub(crate) flow_format: String,
}

impl FlowLogArguments {
    /// The options, with files in `history` of at most so many bytes.
    pub(crate) fn options(&self, history: Option<(PathBuf, u64)>) -> flow_logs::Options {
        flow_logs::Options {
            history: history.map(|(directory, limit)| flow_logs::FileOptions {
                directory,
                limit,
                parquet: true,
            }),
            account: self.account.clone(),
            region: self.region.clone(),
            window: self.flow_window,
            no_data: self.flow_nodata,
            files: self.flow_files.clone().map(|directory| flow_logs::FileOptions {
                directory,
                limit: self.flow_files_size,
                parquet: self.flow_format == "parquet",
            }),
        }
    }
}

fn parse_statsd(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text, 8125)
}

/// The range of the CloudWatch agent.
fn parse_collection(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=172_000).contains(seconds));
    let expected = || "expected a number of seconds from 1 to 172000".to_owned();
    seconds.map(Duration::from_secs).ok_or_else(expected)
}

/// Databases of key functions. They are read again on SIGHUP.
#[derive(Debug, Default, Args)]
pub(crate) struct DatabaseArguments {
    /// MaxMind database (.mmdb) of countries, for the key function `country`
    #[arg(long, value_name = "FILE")]
    pub(crate) country: Option<PathBuf>,
    /// MaxMind database (.mmdb) of autonomous systems, for the key function `asn`
    #[arg(long, value_name = "FILE")]
    pub(crate) asn: Option<PathBuf>,
    /// Vendors of MAC addresses, oui.txt or oui.csv of the IEEE, for the key function `oui`
    #[arg(long, value_name = "FILE")]
    pub(crate) oui: Option<PathBuf>,
}

/// A number of bytes: a number with an optional K, M or G, of 1024 each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) usize);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = bytes_of(text).and_then(|bytes| usize::try_from(bytes).ok());
        // Below that, a hundred agents have no room.
        bytes
            .filter(|bytes| *bytes >= 16 << 20)
            .map(Self)
            .ok_or_else(|| "expected a number with K, M or G, 16M or more".to_owned())
    }
}

/// A number with an optional K, M or G.
fn bytes_of(text: &str) -> Option<u64> {
    let (number, shift) = match text.as_bytes().last()? {
        b'K' | b'k' => (text.get(..text.len() - 1)?, 10),
        b'M' | b'm' => (text.get(..text.len() - 1)?, 20),
        b'G' | b'g' => (text.get(..text.len() - 1)?, 30),
        _ => (text, 0),
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// Parses the size of files.
fn parse_size(text: &str) -> Result<u64, String> {
    let size = bytes_of(text).filter(|size| *size >= 1 << 20);
    size.ok_or_else(|| "expected a number with K, M or G, 1M or more".to_owned())
}

impl OutputArguments {
    pub(crate) fn format(&self) -> FormatKind {
        if self.json { FormatKind::Json } else { self.format }
    }

    /// True if the output is standard output.
    pub(crate) fn to_stdout(&self) -> bool {
        self.path().is_none_or(|path| path == "-")
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

/// Parses the size of a history, or 0 for none.
fn parse_history(text: &str) -> Result<Bytes, String> {
    if text == "0" { Ok(Bytes(0)) } else { text.parse() }
}

/// Parses a number of threads from 1 to 64.
fn parse_threads(text: &str) -> Result<NonZero<u8>, String> {
    let threads = text.parse().ok().filter(|threads: &NonZero<u8>| threads.get() <= 64);
    threads.ok_or_else(|| "expected a number from 1 to 64".to_owned())
}

/// Parses a number of seconds from 0.1 to 2^31.
pub(crate) fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        // The upper bound keeps sums with an `Instant` free of overflow.
        .filter(|time| (Duration::from_millis(100)..=Duration::from_secs(1 << 31)).contains(time))
        .ok_or_else(|| "expected seconds, 0.1 or more".to_owned())
}

fn parse_account(text: &str) -> Result<String, String> {
    let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Ok(text.to_owned()) } else { Err("expected 12 digits".to_owned()) }
}

fn parse_region(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let fits = (1..=32).contains(&text.len()) && text.bytes().all(plain);
    if fits { Ok(text.to_owned()) } else { Err("expected a name such as eu-central-1".to_owned()) }
}

fn parse_flow_window(text: &str) -> Result<u32, String> {
    let window = text.parse().ok().filter(|window| flow_logs::WINDOWS.contains(window));
    window.ok_or_else(|| "expected 1, 10, 60 or 600".to_owned())
}

fn parse_window(text: &str) -> Result<Duration, String> {
    let window = parse_seconds(text).ok().filter(|window| *window <= Duration::from_secs(3600));
    window.ok_or_else(|| "expected seconds, 0.1 to 3600".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "inf", "1e300", "x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
        assert_eq!(parse_window("3600"), Ok(Duration::from_secs(3600)));
        assert!(parse_window("3601").is_err() && parse_window("0.01").is_err());
    }

    #[test]
    fn memory_has_units() {
        assert_eq!("512M".parse(), Ok(Bytes(512 << 20)));
        assert_eq!("2g".parse(), Ok(Bytes(2 << 30)));
        assert_eq!("20000000".parse(), Ok(Bytes(20_000_000)));
        for text in ["", "M", "-1M", "1M", "1.5G", "99999999999G", "x"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    #[test]
    fn history_has_a_size_or_is_off() {
        let history = |text: &str| {
            let line = ["flowmote-analyzer", "serve", "--history", text];
            match Arguments::try_parse_from(line).ok()?.command {
                Command::Serve(arguments) => Some(arguments.history.0),
                _ => None,
            }
        };
        assert_eq!((history("0"), history("64M")), (Some(0), Some(64 << 20)));
        assert_eq!((history("1"), history("x")), (None, None));
    }

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
