//! What expressions are read from: a packet, or a stored sample that becomes one when a key needs it.

use flowmote_decoder::Address;

use super::buffer::KeyBuffer;
use super::catalogue::KeyInfo;
use super::common::Common;
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

/// What has the values of keys, which functions are made of.
pub(crate) trait Bearer {
    /// The value of a key; `None` if there is none. `common` is the same key as one of the common ones.
    fn key<'p>(&'p self, info: &KeyInfo, instance: u8, common: Option<Common>)
    -> Option<Value<'p>>;

    /// The agent, whose ports have names and links.
    fn agent(&self) -> &Address;

    /// An attribute of an rtflow sample.
    fn attribute<'p>(&'p self, name: &str) -> Option<Value<'p>>;
}

impl Bearer for Packet<'_> {
    #[inline]
    fn key<'p>(&'p self, info: &KeyInfo, instance: u8, _: Option<Common>) -> Option<Value<'p>> {
        info.value(self, instance)
    }

    fn agent(&self) -> &Address {
        &self.agent
    }

    fn attribute<'p>(&'p self, name: &str) -> Option<Value<'p>> {
        super::function::attribute(self, name)
    }
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
