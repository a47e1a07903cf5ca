//! Expressions over the fields of a row.

use regex::Regex;

use super::function::Function;
use super::value::Value;
use crate::aws::logs::comparison::Comparison;

/// An expression.
#[derive(Debug)]
pub(super) enum Expression {
    Value(Value<'static>),
    /// The field with a number.
    Field(usize),
    /// The result of the aggregation with a number.
    Aggregate(usize),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Compare(Comparison, Box<Self>, Box<Self>),
    Arithmetic(Operator, Box<Self>, Box<Self>),
    Matches(Box<Self>, Regex),
    Contains(Box<Self>, Box<Self>),
    In(Box<Self>, Vec<Self>),
    Call(Function, Vec<Self>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

/// What an expression reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'r, 'a> {
    /// The values of all fields.
    pub(super) fields: &'r [Value<'a>],
    pub(super) aggregates: &'r [Value<'a>],
}

impl Expression {
    /// True if the value depends on a field.
    pub(super) fn reads(&self, field: usize) -> bool {
        match self {
            Self::Field(at) => *at == field,
            Self::Value(_) | Self::Aggregate(_) => false,
            Self::Not(one) | Self::Matches(one, _) => one.reads(field),
            Self::And(one, other)
            | Self::Or(one, other)
            | Self::Compare(_, one, other)
            | Self::Arithmetic(_, one, other)
            | Self::Contains(one, other) => one.reads(field) || other.reads(field),
            Self::In(one, list) => one.reads(field) || list.iter().any(|it| it.reads(field)),
            Self::Call(_, list) => list.iter().any(|it| it.reads(field)),
        }
    }

    pub(super) fn value<'a>(&'a self, scope: Scope<'_, 'a>) -> Value<'a> {
        match self {
            Self::Value(value) => borrowed(value),
            Self::Field(at) => scope.fields.get(*at).cloned().unwrap_or_default(),
            Self::Aggregate(at) => scope.aggregates.get(*at).cloned().unwrap_or_default(),
            Self::Not(inner) => Value::Bool(!inner.value(scope).is_true()),
            Self::And(one, other) => Value::Bool(one.is_true(scope) && other.is_true(scope)),
            Self::Or(one, other) => Value::Bool(one.is_true(scope) || other.is_true(scope)),
            Self::Compare(comparison, one, other) => {
                Value::Bool(compares(*comparison, &one.value(scope), &other.value(scope)))
            }
            Self::Arithmetic(operator, one, other) => {
                operator.apply(one.value(scope).number(), other.value(scope).number())
            }
            Self::Matches(one, regex) => {
                let value = one.value(scope);
                Value::Bool(value.to_text().is_some_and(|text| regex.is_match(&text)))
            }
            Self::Contains(one, other) => {
                let (one, other) = (one.value(scope), other.value(scope));
                let has = one.to_text().zip(other.to_text());
                Value::Bool(has.is_some_and(|(one, other)| one.contains(&*other)))
            }
            Self::In(one, list) => {
                let one = one.value(scope);
                let equals = |item: &Self| compares(Comparison::Equal, &one, &item.value(scope));
                Value::Bool(list.iter().any(equals))
            }
            Self::Call(function, arguments) => function.value(arguments, scope),
        }
    }

    pub(super) fn is_true<'a>(&'a self, scope: Scope<'_, 'a>) -> bool {
        self.value(scope).is_true()
    }
}

fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::text(text),
        other => other.clone(),
    }
}

/// False with a value that is not there.
fn compares(comparison: Comparison, one: &Value<'_>, other: &Value<'_>) -> bool {
    one.order(other).is_some_and(|order| comparison.holds(order))
}

impl Operator {
    fn apply(self, one: Option<f64>, other: Option<f64>) -> Value<'static> {
        let (Some(one), Some(other)) = (one, other) else { return Value::Null };
        Value::of_number(match self {
            Self::Add => one + other,
            Self::Subtract => one - other,
            Self::Multiply => one * other,
            Self::Divide => one / other,
            Self::Remainder => one % other,
            Self::Power => one.powf(other),
        })
    }
}
