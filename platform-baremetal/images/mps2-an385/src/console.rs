//! The commands of the operator, a line each.

use core::net::Ipv4Addr;

use crate::serial::Serial;

/// Collects a line from the serial port.
#[derive(Debug)]
pub struct Console {
    line: [u8; MAX_LINE],
    /// Beyond the size of `line`: the line was too long, and its end is awaited.
    length: usize,
}

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// `show`: settings, and what was seen, sampled, dropped and sent.
    Show,
    /// `sampling PORT N`: 1-in-N on this port, 0 is off.
    Sampling {
        /// ifIndex of the port.
        port: u32,
        /// N.
        rate: u32,
    },
    /// `polling S`: counters every S seconds, 0 is off.
    Polling {
        /// S.
        seconds: u32,
    },
    /// `collector A.B.C.D`: who gets the datagrams.
    Collector(Ipv4Addr),
}

/// Why a line is no command; the text is for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

impl Console {
    /// A console without a line.
    #[must_use]
    pub const fn new() -> Self {
        Self { line: [0; MAX_LINE], length: 0 }
    }

    /// Takes what came, up to the end of a line; `None` if it has no end yet, or is empty.
    pub fn poll(&mut self, serial: &mut Serial) -> Option<Result<Command, Refused>> {
        while let Some(byte) = serial.read() {
            if !matches!(byte, b'\n' | b'\r') {
                self.push(byte);
                continue;
            }
            let length = core::mem::take(&mut self.length);
            if length == 0 {
                continue;
            }
            return Some(self.line.get(..length).ok_or(Refused(TOO_LONG)).and_then(parse));
        }
        None
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.line.get_mut(self.length) {
            *place = byte;
        }
        self.length = (self.length + 1).min(MAX_LINE + 1);
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

/// Bytes and not `str`, of which only the splitting would take a kilobyte.
fn parse(mut line: &[u8]) -> Result<Command, Refused> {
    let line = &mut line;
    let command = match next_word(line) {
        b"show" => Command::Show,
        b"sampling" => Command::Sampling {
            port: number(next_word(line)).ok_or(Refused(SAMPLING))?,
            rate: number(next_word(line)).ok_or(Refused(SAMPLING))?,
        },
        b"polling" => {
            Command::Polling { seconds: number(next_word(line)).ok_or(Refused(POLLING))? }
        }
        b"collector" => Command::Collector(address(next_word(line)).ok_or(Refused(COLLECTOR))?),
        _ => return Err(Refused(COMMANDS)),
    };
    let rest = next_word(line);
    if rest.is_empty() { Ok(command) } else { Err(Refused("words behind the command")) }
}

/// Takes the next word off the line; empty at its end.
#[inline(never)]
fn next_word<'a>(line: &mut &'a [u8]) -> &'a [u8] {
    let trimmed = line.trim_ascii_start();
    let length = trimmed.iter().position(u8::is_ascii_whitespace).unwrap_or(trimmed.len());
    let (word, rest) = trimmed.split_at_checked(length).unwrap_or_default();
    *line = rest;
    word
}

#[inline(never)]
fn number(word: &[u8]) -> Option<u32> {
    let append = |number: u32, byte: &u8| {
        let digit = byte.is_ascii_digit().then_some(u32::from(byte & 0xf))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if word.is_empty() { None } else { word.iter().try_fold(0, append) }
}

fn address(word: &[u8]) -> Option<Ipv4Addr> {
    let mut parts = word.split(|byte| *byte == b'.');
    let mut octets = [0; 4];
    for octet in &mut octets {
        *octet = u8::try_from(number(parts.next()?)?).ok()?;
    }
    parts.next().is_none().then_some(Ipv4Addr::from_octets(octets))
}

const MAX_LINE: usize = 63;
const TOO_LONG: &str = "a line has at most 63 characters";
const COMMANDS: &str = "commands are show, sampling PORT N, polling S, collector A.B.C.D";
const SAMPLING: &str = "sampling PORT N: an ifIndex, and 0 to 4294967295";
const POLLING: &str = "polling S: seconds";
const COLLECTOR: &str = "collector A.B.C.D";
