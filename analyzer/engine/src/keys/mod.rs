//! Values of a sample: keys, key functions, and the filter language.
//!
//! [`Packet`] decodes a sample once. [`Keys`] and [`Filter`] are compiled from text once, then read
//! from any number of packets:
//!
//! - [`catalogue()`] and [`functions()`] are the tables of all names, from which documentation and completion are made.
//! - [`Keys::write`] writes the fields of a packet to a [`KeyBuffer`]: equal keys are equal bytes.
//! - [`Context`] lends what functions look up beside the packet, such as groups.
//!
//! A key that a packet does not have is absent, which is not the same as empty or 0.

mod buffer;
mod catalogue;
mod common;
mod context;
mod dns;
mod error;
mod expression;
mod filter;
mod function;
mod header;
mod kind;
mod list;
mod logged;
mod packet;
mod records;
mod stored;
mod subject;
mod syntax;
#[cfg(test)]
mod tests;
mod text;
mod traffic;
mod value;

pub use buffer::{KeyBuffer, fields};
pub use catalogue::{KeyInfo, Section, catalogue};
pub(crate) use common::Common;
pub use context::{Context, Names, PortNames};
pub use error::{Problem, SyntaxError};
pub use expression::Expression;
pub use filter::Filter;
pub use function::{FunctionInfo, functions};
pub use kind::Kind;
pub use list::Keys;
pub(crate) use logged::{LOGGED_KEYS, LoggedSubject};
pub use logged::{Logged, LoggedSum};
pub use packet::Packet;
pub(crate) use stored::{Facts, Stored};
pub(crate) use subject::{Live, Subject};
pub(crate) use traffic::{Connection, Passed, Traffic};
pub use traffic::{Direction, Link};
pub use value::Value;
