//! The serial console: input lines and their commands.

use core::fmt;
use core::net::Ipv4Addr;

use flowmote_core::MAX_SAMPLING_RATE;

use crate::port::Port;

/// Buffer of one input line.
#[derive(Debug)]
pub struct Console {
    line: [u8; LONGEST],
    length: usize,
    ended: bool,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Command {
    /// Prints totals of packets, samples, drops and datagrams.
    Show,
    /// Samples 1-in-N at a port, 0: off.
    Sampling(Port, u32),
    /// Sets the seconds between counter samples, 0: off.
    Polling(u32),
    /// Sets the collector.
    Collector(Ipv4Addr),
}

/// Error of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum BadCommand {
    TooLong,
    Unknown,
    Port,
    SamplingRate,
    Seconds,
    Address,
}

const LONGEST: usize = 80;

impl Console {
    /// Creates a console with an empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self { line: [0; LONGEST], length: 0, ended: false }
    }

    /// Adds a byte; returns true if it ends a line. The next byte starts a new one.
    pub fn push(&mut self, byte: u8) -> bool {
        if self.ended {
            (self.length, self.ended) = (0, false);
        }
        match byte {
            b'\r' | b'\n' => self.ended = self.length > 0,
            BACKSPACE | DELETE => self.length = self.length.saturating_sub(1),
            _ => {
                if let Some(place) = self.line.get_mut(self.length) {
                    *place = byte;
                }
                // Keep one byte beyond the limit, as the mark of a line that is too long.
                self.length = self.length.saturating_add(1).min(LONGEST + 1);
            }
        }
        self.ended
    }

    /// Parses the line.
    pub(crate) fn command(&self) -> Result<Command, BadCommand> {
        let line = self.line.get(..self.length).ok_or(BadCommand::TooLong)?;
        Command::parse(core::str::from_utf8(line).map_err(|_| BadCommand::Unknown)?)
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

impl Command {
    fn parse(line: &str) -> Result<Self, BadCommand> {
        let mut words = line.split_ascii_whitespace();
        let words = [(); 4].map(|()| words.next());
        match words {
            [Some("show"), None, ..] => Ok(Self::Show),
            [Some("sampling"), Some(port), Some(rate), None] => {
                let port = port.parse().ok().and_then(Port::numbered).ok_or(BadCommand::Port)?;
                let rate = rate.parse().ok().filter(|rate| *rate <= MAX_SAMPLING_RATE);
                Ok(Self::Sampling(port, rate.ok_or(BadCommand::SamplingRate)?))
            }
            [Some("polling"), Some(seconds), None, _] => {
                let seconds = seconds.parse().ok().filter(|seconds| *seconds <= LONGEST_POLLING);
                Ok(Self::Polling(seconds.ok_or(BadCommand::Seconds)?))
            }
            [Some("collector"), Some(address), None, _] => {
                address.parse().map(Self::Collector).map_err(|_| BadCommand::Address)
            }
            _ => Err(BadCommand::Unknown),
        }
    }
}

impl fmt::Display for BadCommand {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::TooLong => "a line has at most 80 bytes",
            Self::Unknown => {
                "commands: show | sampling PORT N | polling SECONDS | collector A.B.C.D"
            }
            Self::Port => "PORT is 1 to 4",
            Self::SamplingRate => "N is 0 (off) to 2147483648",
            Self::Seconds => "SECONDS is 0 (off) to 86400",
            Self::Address => "A.B.C.D is an IPv4 address",
        })
    }
}

const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;
/// Largest polling interval: one day.
const LONGEST_POLLING: u32 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Option<Result<Command, BadCommand>> {
        let mut console = Console::new();
        let ends = text.bytes().filter(|byte| console.push(*byte)).count();
        (ends > 0).then(|| console.command())
    }

    #[test]
    fn every_command_is_parsed() {
        let port = Port::numbered(2).unwrap();
        assert_eq!(typed("show\r"), Some(Ok(Command::Show)));
        assert_eq!(typed("  sampling  2 400 \n"), Some(Ok(Command::Sampling(port, 400))));
        assert_eq!(typed("polling 20\n"), Some(Ok(Command::Polling(20))));
        let collector = Command::Collector(Ipv4Addr::new(192, 0, 2, 9));
        assert_eq!(typed("collector 192.0.2.9\n"), Some(Ok(collector)));
    }

    #[test]
    fn invalid_lines_name_their_error() {
        let bad = |line| typed(line).unwrap().unwrap_err();
        assert_eq!(bad("sampling 5 1\n"), BadCommand::Port);
        assert_eq!(bad("sampling 0 1\n"), BadCommand::Port);
        assert_eq!(bad("sampling 1 2147483649\n"), BadCommand::SamplingRate);
        assert_eq!(bad("sampling 1 -1\n"), BadCommand::SamplingRate);
        assert_eq!(bad("polling 86401\n"), BadCommand::Seconds);
        assert_eq!(bad("collector 1.2.3\n"), BadCommand::Address);
        for unknown in ["reboot\n", "show 1\n", "sampling 1\n", "sampling 1 2 3\n", "\u{e4}\n"] {
            assert_eq!(bad(unknown), BadCommand::Unknown, "{unknown}");
        }
    }

    #[test]
    fn line_after_an_overlong_one_is_parsed() {
        let mut console = Console::new();
        for _ in 0..1000 {
            assert!(!console.push(b'x'));
        }
        assert!(console.push(b'\n'));
        assert_eq!(console.command(), Err(BadCommand::TooLong));
        assert!(!console.push(b'\n'), "an empty line");
        for byte in b"shox\x08w" {
            assert!(!console.push(*byte));
        }
        assert!(console.push(b'\r'));
        assert_eq!(console.command(), Ok(Command::Show));
        assert!(!console.push(b'\n'), "the second half of a line end");
    }
}
