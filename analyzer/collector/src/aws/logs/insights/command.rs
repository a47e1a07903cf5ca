//! A query as it was read: commands over numbered fields.

use regex::Regex;

use super::aggregate::Aggregate;
use super::expression::Expression;

/// A query.
#[derive(Debug)]
pub(super) struct Query {
    /// The names of all fields by number.
    pub(super) names: Vec<String>,
    pub(super) commands: Vec<Command>,
    /// The fields that results have, in order.
    pub(super) columns: Vec<usize>,
}

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    /// Gives fields the values of expressions.
    Assign(Vec<(usize, Expression)>),
    Filter(Expression),
    /// Gives fields the groups of a regular expression.
    Parse(Expression, Regex, Vec<usize>),
    Stats(Stats),
    /// Expressions, each with true if the largest comes first.
    Sort(Vec<(Expression, bool)>),
    Limit(usize),
    Dedup(Vec<usize>),
}

/// `stats`.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) by: Vec<Expression>,
    /// The fields of the values of `by`.
    pub(super) groups: Vec<usize>,
    pub(super) aggregates: Vec<Aggregate>,
    /// Expressions over the statistics, and their fields.
    pub(super) outputs: Vec<(usize, Expression)>,
}
