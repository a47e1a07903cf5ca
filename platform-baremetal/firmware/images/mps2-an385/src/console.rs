//! Input lines of the operator, and their parsing.

use core::net::Ipv4Addr;

use crate::board::Uart0;

/// Buffer of a line from the serial port.
#[derive(Debug)]
pub struct Console {
    line: [u8; MAX_LINE + 1],
    length: usize,
}

/// Error of a line, with a text for the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused(pub &'static str);

impl Console {
    /// Creates a console with an empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self { line: [0; MAX_LINE + 1], length: 0 }
    }

    /// Reads received bytes up to the end of a line and echoes them, as the terminal does not.
    /// `None` if the line is incomplete or empty.
    pub fn poll(&mut self, serial: &mut Uart0) -> Option<&[u8]> {
        while let Some(byte) = serial.read() {
            if matches!(byte, b'\n' | b'\r') {
                serial.text("\n");
                let length = core::mem::take(&mut self.length);
                if length > 0 {
                    return self.line.get(..length);
                }
            } else if matches!(byte, BACKSPACE | DELETE) {
                if let Some(length) = self.length.checked_sub(1) {
                    self.length = length;
                    serial.text("\x08 \x08");
                }
            } else if let Some(place) = self.line.get_mut(self.length) {
                *place = byte;
                self.length += 1;
                serial.byte(byte);
            }
        }
        None
    }
}

impl Default for Console {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the words of a line, empty if there are fewer than four. Bytes, because splitting a
/// `str` takes a kilobyte of flash.
///
/// # Errors
/// If the line is longer than the buffer.
pub fn words(line: &[u8]) -> Result<[&[u8]; 4], Refused> {
    if line.len() > MAX_LINE {
        return Err(Refused("a line has at most 63 characters"));
    }
    let mut rest = line;
    Ok([(); 4].map(|()| {
        loop {
            let word = until(b' ', &mut rest);
            if !word.is_empty() || rest.is_empty() {
                return word;
            }
        }
    }))
}

/// Removes and returns the part of the line before the next separator, and the separator.
fn until<'a>(separator: u8, line: &mut &'a [u8]) -> &'a [u8] {
    let mut end = 0;
    while line.get(end).is_some_and(|byte| *byte != separator) {
        end += 1;
    }
    let (word, rest) = line.split_at_checked(end).unwrap_or_default();
    *line = rest.get(1..).unwrap_or_default();
    word
}

/// Parses a decimal number.
#[must_use]
pub fn number(word: &[u8]) -> Option<u32> {
    let append = |number: u32, byte: &u8| {
        let digit = byte.is_ascii_digit().then_some(u32::from(byte & 0xf))?;
        number.checked_mul(10)?.checked_add(digit)
    };
    if word.is_empty() { None } else { word.iter().try_fold(0, append) }
}

/// Parses an IPv4 address.
#[must_use]
pub fn address(word: &[u8]) -> Option<Ipv4Addr> {
    let mut rest = word;
    let mut octets = [0; 4];
    for octet in &mut octets {
        *octet = u8::try_from(number(until(b'.', &mut rest))?).ok()?;
    }
    (rest.is_empty() && !word.ends_with(b".")).then_some(Ipv4Addr::from_octets(octets))
}

const BACKSPACE: u8 = 8;
const DELETE: u8 = 127;
const MAX_LINE: usize = 63;
