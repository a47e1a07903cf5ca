//! Lists of keys, as flow definitions have them.

use super::buffer::{KeyBuffer, fields};
use super::context::Context;
use super::error::{Problem, SyntaxError};
use super::expression::Expression;
use super::packet::Packet;
use super::subject::{Live, Subject};
use super::syntax::Part;

/// The keys of a flow definition, compiled.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    expressions: Box<[Expression]>,
}

impl Keys {
    /// Compiles a list of keys and key functions, separated by commas. Empty text is no key.
    ///
    /// # Errors
    ///
    /// The first error in the text.
    pub fn parse(text: &str) -> Result<Self, SyntaxError> {
        let whole = Part::whole(text)?.trim();
        if whole.text().is_empty() {
            return Ok(Self::default());
        }
        let parts = whole.split(',');
        if let Some(last) = parts.get(MAX_KEYS) {
            return Err(last.error(Problem::Expected("at most 32 keys")));
        }
        let expressions = parts.into_iter().map(Expression::parse_part);
        expressions.collect::<Result<_, _>>().map(|expressions| Self { expressions })
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.expressions.len()
    }

    /// True without a key: one flow for all packets.
    pub fn is_empty(&self) -> bool {
        self.expressions.is_empty()
    }

    /// Writes the fields of `packet` to `buffer`, from which it removes the ones before. Returns false
    /// if the packet lacks one of them: it then belongs to no flow.
    #[inline]
    pub fn write(
        &self,
        packet: &Packet<'_>,
        context: &Context<'_>,
        buffer: &mut KeyBuffer,
    ) -> bool {
        self.write_from(&Live { packet, context }, buffer)
    }

    /// The same for any subject.
    #[inline]
    pub(crate) fn write_from(&self, subject: &impl Subject, buffer: &mut KeyBuffer) -> bool {
        buffer.clear();
        self.expressions.iter().all(|expression| subject.write(expression, buffer))
    }

    /// Passes on each key that they follow from.
    pub(crate) fn visit<'e>(&'e self, visit: &mut dyn FnMut(&'e str, u8)) {
        self.expressions.iter().for_each(|expression| expression.visit(visit));
    }

    /// The published text of a key from its bytes.
    pub fn text(&self, bytes: &[u8], separator: &str) -> String {
        use core::fmt::Write;
        let mut text = String::new();
        for (at, value) in fields(bytes).enumerate() {
            if at > 0 {
                text.push_str(separator);
            }
            // Writing to a String cannot fail.
            let _ = write!(text, "{value}");
        }
        text
    }
}

const MAX_KEYS: usize = 32;
