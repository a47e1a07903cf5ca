//! Command-line arguments of all commands.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::output::FormatKind;

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
    /// Show flows, interfaces and hosts live
    Top(TopArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// Address to listen on: ADDR:PORT, ADDR or PORT
    #[arg(default_value = "[::]:6343", value_parser = parse_address)]
    pub(crate) address: SocketAddr,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    #[command(flatten)]
    pub(crate) run: RunArguments,
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
    /// Output file, overwritten; standard output if - or absent
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ForwardArguments {
    /// Collectors to copy to: ADDR:PORT or ADDR
    #[arg(required = true, value_name = "DEST", value_parser = parse_destination)]
    pub(crate) destinations: Vec<SocketAddr>,
    /// Address to listen on: ADDR:PORT, ADDR or PORT
    #[arg(long, value_name = "ADDR", default_value = "[::]:6343", value_parser = parse_address)]
    pub(crate) listen: SocketAddr,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    /// Address to listen on: ADDR:PORT, ADDR or PORT
    #[arg(default_value = "[::]:6343", value_parser = parse_address)]
    pub(crate) address: SocketAddr,
    /// Time over which rates are averaged
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = parse_seconds)]
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

impl OutputArguments {
    pub(crate) fn format(&self) -> FormatKind {
        if self.json { FormatKind::Json } else { self.format }
    }

    pub(crate) fn path(&self) -> Option<&Path> {
        self.output.as_deref()
    }
}

/// The UDP port that IANA assigned to sFlow.
const PORT: u16 = 6343;

/// Parses an address, a port or both. The default is port 6343 of all addresses.
fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let any = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
    if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
        return Ok(SocketAddr::new(any, port));
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .map(|address| SocketAddr::new(address, PORT))
        .or_else(|_| text.parse())
        .map_err(|_| "expected 127.0.0.1:6343, [::1]:6343, 127.0.0.1, ::1 or 6343".to_owned())
}

/// Parses an address with optional port. A bare port is an error: it would stand for the
/// unspecified address, which Linux takes for this host.
fn parse_destination(text: &str) -> Result<SocketAddr, String> {
    parse_address(text)
        .ok()
        .filter(|address| !address.ip().is_unspecified() && address.port() != 0)
        .ok_or_else(|| {
            "expected 192.0.2.1:6343, [2001:db8::1]:6343, 192.0.2.1 or 2001:db8::1".to_owned()
        })
}

/// Parses a number of seconds from 0.1 to 2^31.
fn parse_seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        // The upper bound keeps sums with an `Instant` free of overflow.
        .filter(|time| (Duration::from_millis(100)..=Duration::from_secs(1 << 31)).contains(time))
        .ok_or_else(|| "expected seconds, 0.1 or more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_parse_in_all_forms() {
        for (text, address) in [
            ("127.0.0.1:6344", "127.0.0.1:6344"),
            ("[::1]:6344", "[::1]:6344"),
            ("127.0.0.1", "127.0.0.1:6343"),
            ("::1", "[::1]:6343"),
            ("[::1]", "[::1]:6343"),
            ("6344", "[::]:6344"),
            (":6344", "[::]:6344"),
        ] {
            assert_eq!(parse_address(text), Ok(address.parse().unwrap()), "{text}");
        }
        for text in ["", "localhost", "127.0.0.1:", "127.0.0.1:65536", "1.2.3"] {
            assert!(parse_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_have_bounds() {
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for text in ["0", "-1", "NaN", "inf", "1e300", "x"] {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }

    #[test]
    fn command_line_is_consistent() {
        use clap::CommandFactory;
        Arguments::command().debug_assert();
    }
}
