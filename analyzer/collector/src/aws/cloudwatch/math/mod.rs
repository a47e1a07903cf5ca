//! Metric math: expressions over the series of a request.
//!
//! [`syntax`] reads an expression, [`operators`] and [`functions`] compute. A value at a time that is not
//! there counts as 0 in arithmetic, as of the service itself, and what is no number (a division by zero) is
//! left out. Depth, and the number of values that a request makes, are bounded.

mod functions;
mod operators;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;

use super::period::Periods;
use crate::aws::fault::Fault;
pub(super) use syntax::Expression;
pub(super) use value::{Line, Value};

/// Finds series by a search expression, with a statistic and a period. Takes the metrics that it compares
/// from the values that may still be made: they are work, as values are.
pub(super) type Find<'a> =
    dyn Fn(&str, &str, Option<u32>, &mut usize) -> Result<Vec<Line>, Fault> + 'a;

/// What expressions can read.
pub(super) struct Scope<'a> {
    /// The values of queries, by their ids.
    pub(super) known: &'a BTreeMap<&'a str, Value>,
    /// The ids of queries of metrics, in their order.
    pub(super) metrics: &'a [&'a str],
    /// The periods of series that are made of nothing.
    pub(super) periods: Periods,
    pub(super) search: &'a Find<'a>,
    /// Values that may still be made.
    pub(super) budget: usize,
}

impl Scope<'_> {
    /// The value of an expression.
    pub(super) fn evaluate(&mut self, expression: &Expression) -> Result<Value, Fault> {
        let value = match expression {
            Expression::Number(number) => Value::Number(*number),
            Expression::Text(text) => Value::Text(text.clone()),
            Expression::Name(name) => self.named(name)?,
            Expression::List(items) => {
                let mut lines = Vec::new();
                for item in items {
                    lines.extend(self.evaluate(item)?.into_lines()?);
                }
                Value::List(lines)
            }
            Expression::Negated(of) => operators::apply(
                syntax::Operator::Subtract,
                Value::Number(0.0),
                self.evaluate(of)?,
            )?,
            Expression::Binary(..) => return self.chain(expression),
            Expression::Call(name, arguments) => functions::call(self, name, arguments)?,
        };
        self.spend(value.len())?;
        Ok(value)
    }

    /// A chain of operators from its left end on, so that a long one needs no deep stack.
    fn chain(&mut self, expression: &Expression) -> Result<Value, Fault> {
        let (mut first, mut rest) = (expression, Vec::new());
        while let Expression::Binary(operator, left, right) = first {
            rest.push((*operator, right));
            first = left;
        }
        let mut value = self.evaluate(first)?;
        for (operator, right) in rest.into_iter().rev() {
            value = operators::apply(operator, value, self.evaluate(right)?)?;
            self.spend(value.len())?;
        }
        Ok(value)
    }

    fn named(&self, name: &str) -> Result<Value, Fault> {
        let known = self.known.get(name).cloned();
        known.ok_or_else(|| Fault::validation(format!("There is no query with the id {name}.")))
    }

    fn spend(&mut self, values: usize) -> Result<(), Fault> {
        spend(&mut self.budget, values)
    }
}

/// Takes values from the number that a request may make.
pub(super) fn spend(budget: &mut usize, values: usize) -> Result<(), Fault> {
    *budget = budget.checked_sub(values).ok_or_else(|| {
        Fault::validation(
            "The expressions of the request have too many values: choose longer periods or a \
             shorter time.",
        )
    })?;
    Ok(())
}
