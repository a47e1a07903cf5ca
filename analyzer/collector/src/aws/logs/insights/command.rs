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
    /// The field of `@ptr`, if it is in the results only.
    pub(super) pointer: Option<usize>,
}

/// A command.
#[derive(Debug)]
pub(super) enum Command {
    /// Gives fields the values of expressions.
    Assign(Vec<(usize, Expression)>),
    Filter(Expression),
    /// Gives fields the groups of a regular expression, by their numbers.
    Parse(Expression, Regex, Vec<(usize, usize)>),
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
    /// Expressions over the statistics, the fields of the groups and the outputs before, and their fields.
    pub(super) outputs: Vec<(usize, Expression)>,
}
