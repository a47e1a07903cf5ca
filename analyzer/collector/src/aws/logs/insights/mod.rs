//! Queries of Logs Insights.
//!
//! [`syntax`] makes [commands](command) of the text, [`run`] does them on [records](record), and [`queries`]
//! has those that run and the results of those that ended.

mod aggregate;
mod command;
mod expression;
mod function;
mod queries;
mod record;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub(super) use queries::{Queries, describe, results, start, stop};
pub(super) use record::{discovered, formats};

/// Why a query ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Overrun {
    /// It needs more memory than a query may have.
    Memory,
    Time,
    Cancelled,
}
