//! What expressions are read from: a packet, or a stored sample that becomes one when a key needs it.

use super::buffer::KeyBuffer;
use super::context::Context;
use super::expression::Expression;
use super::packet::Packet;
use super::value::Value;

/// The reader of expressions. Filters and keys are compiled for each implementation.
pub(crate) trait Subject {
    /// The value of an expression; `None` if there is none.
    fn value<'s>(&'s self, of: &'s Expression) -> Option<Value<'s>>;

    /// The value of an expression as a number, if it is one.
    #[inline]
    fn number(&self, of: &Expression) -> Option<f64> {
        self.value(of)?.number()
    }

    /// Appends the value of an expression to a key; returns false if there is none.
    fn write(&self, of: &Expression, buffer: &mut KeyBuffer) -> bool;
}

/// A packet at its arrival.
#[derive(Clone, Copy)]
pub(crate) struct Live<'a, 'p> {
    pub(crate) packet: &'a Packet<'p>,
    pub(crate) context: &'a Context<'a>,
}

impl Subject for Live<'_, '_> {
    #[inline]
    fn value<'s>(&'s self, of: &'s Expression) -> Option<Value<'s>> {
        of.eval(self.packet, self.context)
    }

    #[inline]
    fn number(&self, of: &Expression) -> Option<f64> {
        of.number(self.packet, self.context)
    }

    #[inline]
    fn write(&self, of: &Expression, buffer: &mut KeyBuffer) -> bool {
        of.write(self.packet, self.context, buffer)
    }
}
