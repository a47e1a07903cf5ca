//! Queries of Logs Insights.
//!
//! [`syntax`] makes [commands](command) of the text, [`run`] does them on [records](record), and [`queries`]
//! has those that run and the results of those that ended.

mod aggregate;
mod bounds;
mod command;
mod expression;
mod function;
mod queries;
mod ranked;
mod record;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub(super) use queries::{Queries, describe, groups_of, results, start, stop};
pub(super) use record::{discovered, formats};
