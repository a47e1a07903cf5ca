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
            let line = self.line.get(..length).and_then(|line| core::str::from_utf8(line).ok());
            return Some(line.ok_or(Refused(NOT_A_LINE)).and_then(parse));
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

fn parse(line: &str) -> Result<Command, Refused> {
    let mut words = line.split_ascii_whitespace();
    let mut word = || words.next().unwrap_or_default();
    let command = match word() {
        "show" => Command::Show,
        "sampling" => Command::Sampling {
            port: number(word()).ok_or(Refused(SAMPLING))?,
            rate: number(word()).ok_or(Refused(SAMPLING))?,
        },
        "polling" => Command::Polling { seconds: number(word()).ok_or(Refused(POLLING))? },
        "collector" => Command::Collector(address(word()).ok_or(Refused(COLLECTOR))?),
        _ => return Err(Refused(COMMANDS)),
    };
    if word().is_empty() { Ok(command) } else { Err(Refused("words behind the command")) }
}

fn number(word: &str) -> Option<u32> {
    let digits = word.bytes().map(|byte| byte.is_ascii_digit().then_some(u32::from(byte & 0xf)));
    let append = |number: u32, digit: Option<u32>| number.checked_mul(10)?.checked_add(digit?);
    (!word.is_empty()).then_some(0).and_then(|zero| digits.into_iter().try_fold(zero, append))
}

fn address(word: &str) -> Option<Ipv4Addr> {
    let mut parts = word.split('.');
    let mut octet = || number(parts.next()?).and_then(|number| u8::try_from(number).ok());
    let octets = [octet()?, octet()?, octet()?, octet()?];
    parts.next().is_none().then_some(Ipv4Addr::from_octets(octets))
}

const MAX_LINE: usize = 63;
const NOT_A_LINE: &str = "a line has at most 63 characters of ASCII";
const COMMANDS: &str = "commands are show, sampling PORT N, polling S, collector A.B.C.D";
const SAMPLING: &str = "sampling PORT N: an ifIndex, and 0 to 4294967295";
const POLLING: &str = "polling S: seconds";
const COLLECTOR: &str = "collector A.B.C.D";
