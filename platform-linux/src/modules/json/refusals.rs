//! What was wrong with messages: a counter for each kind, and one line a minute for each.

use core::fmt::{self, Write};

use flowmote_core::Instant;

use crate::modules::module::Statistics;
use crate::throttle::Throttle;

/// A kind of mistake in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The text is no JSON.
    Syntax,
    /// A value has the wrong type, or a key is there twice.
    Type,
    /// A key that is required is missing.
    Missing,
    /// An object has a key that is no message.
    Unknown,
    /// A name that collectors do not accept.
    Name,
    /// A port or an address that is none.
    Address,
    /// More bytes than a message may have.
    TooLarge,
    /// A flow that needs more than a datagram.
    Datagram,
    /// One application more than are followed.
    Applications,
}

/// Counters of refused messages, and of refused parts of messages.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    kinds: [Refused; KINDS.len()],
}

#[derive(Debug, Default)]
struct Refused {
    count: u64,
    throttle: Throttle,
}

impl Refusals {
    /// Counts `count` mistakes of a kind and logs the text, unless one of the kind was logged less
    /// than a minute ago.
    pub(super) fn count(&mut self, now: Instant, kind: Kind, count: u64, text: fmt::Arguments<'_>) {
        let Some(refused) = self.kinds.get_mut(kind as usize) else { return };
        refused.count = refused.count.saturating_add(count);
        refused.throttle.warn(now, format_args!("json: {}", Brief(text)));
    }

    /// Counts an object that serde refused. `text` begins with the object.
    pub(super) fn object(&mut self, now: Instant, text: &[u8], error: &serde_json::Error) {
        let kind = if error.is_data() { Kind::Type } else { Kind::Syntax };
        self.at(now, kind, (text, position(text, error.line(), error.column())), error);
    }

    /// Counts an object with a byte that is no UTF-8, after `valid` bytes. `text` begins with the object.
    pub(super) fn no_utf8(&mut self, now: Instant, text: &[u8], valid: usize) {
        self.at(now, Kind::Syntax, (text, valid), &"the next byte is no UTF-8");
    }

    fn at(
        &mut self,
        now: Instant,
        kind: Kind,
        (text, end): (&[u8], usize),
        error: &dyn fmt::Display,
    ) {
        let context = text.get(end.saturating_sub(CONTEXT)..end).unwrap_or_default();
        let context = String::from_utf8_lossy(context);
        self.count(now, kind, 1, format_args!("at byte {end}, after {context:?}: {error}"));
    }

    pub(super) fn report(&self, statistics: &mut Statistics) {
        for ((_, what), refused) in KINDS.iter().zip(&self.kinds) {
            statistics.exceptions.push((refused.count, what));
        }
    }
}

/// The number of bytes up to a position of serde, whose lines and columns are counted from 1.
fn position(text: &[u8], line: usize, column: usize) -> usize {
    let lines_before = text.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = lines_before.map(<[u8]>::len).sum::<usize>().saturating_add(column);
    end.min(text.len())
}

/// Displays the beginning of a text, which may be as long as the message.
struct Brief<'a>(fmt::Arguments<'a>);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = Cut { left: MAX_TEXT, f };
        // An error here only ends the text.
        let _ = cut.write_fmt(self.0);
        Ok(())
    }
}

struct Cut<'a, 'f> {
    left: usize,
    f: &'a mut fmt::Formatter<'f>,
}

impl Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.len() > self.left {
            let end = text.floor_char_boundary(self.left);
            self.f.write_str(text.get(..end).unwrap_or_default())?;
            self.f.write_str("...")?;
            return Err(fmt::Error);
        }
        self.left -= text.len();
        self.f.write_str(text)
    }
}

/// Each kind in the order of [`Kind`], with its words in the statistics.
const KINDS: [(Kind, &str); 9] = [
    (Kind::Syntax, "JSON objects with a syntax error"),
    (Kind::Type, "values of the wrong type in JSON messages"),
    (Kind::Missing, "JSON messages without a key that they need"),
    (Kind::Unknown, "JSON messages of an unknown kind"),
    (Kind::Name, "names in JSON messages that collectors do not accept"),
    (Kind::Address, "ports and addresses in JSON messages that are none"),
    (Kind::TooLarge, "JSON inputs of more than 10,000 bytes"),
    (Kind::Datagram, "JSON flows that need more than a datagram"),
    (Kind::Applications, "JSON messages of applications beyond the bound"),
];
/// Bytes of a log line.
const MAX_TEXT: usize = 240;
/// Bytes before the position of an error that a log line has.
const CONTEXT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_have_the_words_of_their_kind() {
        let mut refusals = Refusals::default();
        for ((kind, _), count) in KINDS.iter().zip(1..) {
            refusals.count(Instant::ZERO, *kind, count, format_args!("x"));
        }
        let mut statistics = Statistics::default();
        refusals.report(&mut statistics);
        let expected: Vec<_> = (1..).zip(KINDS.iter().map(|(_, what)| *what)).collect();
        assert_eq!(statistics.exceptions, expected);
    }

    #[test]
    fn position_counts_the_lines_before() {
        assert_eq!(position(b"abc", 1, 2), 2);
        assert_eq!(position(b"ab\ncd\nef", 3, 1), 7);
        assert_eq!(position(b"ab", 9, 9), 2, "never beyond the text");
        assert_eq!(position(b"", 0, 0), 0);
    }

    #[test]
    fn long_text_is_cut() {
        let long = "é".repeat(MAX_TEXT);
        let cut = Brief(format_args!("{long}{long}")).to_string();
        assert_eq!(cut, "é".repeat(MAX_TEXT / 2) + "...");
        assert_eq!(Brief(format_args!("{}", 7)).to_string(), "7");
    }
}
