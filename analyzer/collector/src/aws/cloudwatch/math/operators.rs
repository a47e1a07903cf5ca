//! Arithmetic and comparisons.

use super::syntax::Operator;
use super::value::{Line, Value};
use crate::aws::fault::Fault;

/// The value of an operator between two values: numbers, series, or each of several series.
pub(super) fn apply(operator: Operator, left: Value, right: Value) -> Result<Value, Fault> {
    use Value::{Line as One, List, Number};
    let of = |a, b| operator.of(a, b);
    Ok(match (left, right) {
        (Number(a), Number(b)) => Number(of(a, b)),
        (One(line), Number(b)) => One(line.map(|_, a| Some(of(a, b)))),
        (Number(a), One(line)) => One(line.map(|_, b| Some(of(a, b)))),
        (One(a), One(b)) => One(join(operator, a, &b)?),
        (List(lines), Number(b)) => Value::List(lines).map(|a| of(a, b))?,
        (Number(a), List(lines)) => Value::List(lines).map(|b| of(a, b))?,
        (List(lines), One(b)) => {
            let joined = lines.into_iter().map(|a| join(operator, a, &b));
            List(joined.collect::<Result<_, _>>()?)
        }
        (One(a), List(lines)) => {
            // Each result has the name of its own series.
            let join = |b: Line| {
                let name = b.name.clone();
                join(operator, a.clone(), &b).map(|line| Line { name, metric: b.metric, ..line })
            };
            List(lines.into_iter().map(join).collect::<Result<_, _>>()?)
        }
        (List(left), List(right)) if left.len() == right.len() => {
            let pairs = left.into_iter().zip(&right).map(|(a, b)| join(operator, a, b));
            List(pairs.collect::<Result<_, _>>()?)
        }
        (List(_), List(_)) => {
            return Err(Fault::validation(
                "An operator is between two lists of time series with different lengths.",
            ));
        }
        (Value::Text(_), _) | (_, Value::Text(_)) => {
            return Err(Fault::validation("An operator is beside a text."));
        }
    })
}

/// Two series at all times that one of them has.
fn join(operator: Operator, left: Line, right: &Line) -> Result<Line, Fault> {
    if left.periods.seconds() != right.periods.seconds() {
        return Err(Fault::validation("The time series of an expression have different periods."));
    }
    let mut values = Vec::with_capacity(left.values.len().max(right.values.len()));
    let (mut a, mut b) = (left.values.iter().peekable(), right.values.iter().peekable());
    loop {
        let times = [a.peek().map(|value| value.0), b.peek().map(|value| value.0)];
        let Some(time) = times.into_iter().flatten().min() else { break };
        let [a, b] = [
            a.next_if(|value| value.0 == time).map_or(0.0, |value| value.1),
            b.next_if(|value| value.0 == time).map_or(0.0, |value| value.1),
        ];
        values.push((time, operator.of(a, b)));
    }
    values.retain(|(_, value)| value.is_finite());
    Ok(Line { values, ..left })
}

impl Operator {
    fn of(self, a: f64, b: f64) -> f64 {
        let flag = |is_true: bool| f64::from(u8::from(is_true));
        match self {
            Self::Or => flag(a != 0.0 || b != 0.0),
            Self::And => flag(a != 0.0 && b != 0.0),
            Self::Equal => flag(a == b),
            Self::NotEqual => flag(a != b),
            Self::LessOrEqual => flag(a <= b),
            Self::GreaterOrEqual => flag(a >= b),
            Self::Less => flag(a < b),
            Self::Greater => flag(a > b),
            Self::Add => a + b,
            Self::Subtract => a - b,
            Self::Multiply => a * b,
            Self::Divide => a / b,
            Self::Power => a.powf(b),
        }
    }
}
