//! The expressions in a query.

use std::borrow::Cow;

use super::Parser;
use crate::aws::logs::comparison::{Comparison, EXACT};
use crate::aws::logs::cursor::{Cursor, Wrong};
use crate::aws::logs::insights::aggregate::{Aggregate, Kind};
use crate::aws::logs::insights::expression::{Expression, Operator};
use crate::aws::logs::insights::function::Function;
use crate::aws::logs::insights::value::Value;

impl<'a> Parser<'a> {
    pub(super) fn expression(&mut self) -> Result<Expression, Wrong> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.cursor.wrong("there are too many expressions within each other"));
        }
        let mut one = self.all()?;
        while self.eat_word("or") || self.eat("||") {
            self.count_operator()?;
            one = Expression::Or(Box::new(one), Box::new(self.all()?));
        }
        self.depth -= 1;
        Ok(one)
    }

    fn all(&mut self) -> Result<Expression, Wrong> {
        let mut one = self.not()?;
        while self.eat_word("and") || self.eat("&&") {
            self.count_operator()?;
            one = Expression::And(Box::new(one), Box::new(self.not()?));
        }
        Ok(one)
    }

    /// Each operator of a chain is an expression within the next one.
    fn count_operator(&mut self) -> Result<(), Wrong> {
        self.operators += 1;
        match self.operators > MAX_OPERATORS {
            true => Err(self.cursor.wrong("the query has too many operators")),
            false => Ok(()),
        }
    }

    fn not(&mut self) -> Result<Expression, Wrong> {
        let mut is_not = false;
        while self.eat_word("not") {
            is_not = !is_not;
        }
        let inner = self.comparison()?;
        Ok(if is_not { Expression::Not(Box::new(inner)) } else { inner })
    }

    fn comparison(&mut self) -> Result<Expression, Wrong> {
        let one = self.sum()?;
        let before = self.cursor;
        if self.eat_word("not") {
            return match self.word_test(one)? {
                Ok(test) => Ok(Expression::Not(Box::new(test))),
                Err(_) => Err(before.wrong("like or in is missing after not")),
            };
        }
        let one = match self.word_test(one)? {
            Ok(test) => return Ok(test),
            Err(one) => one,
        };
        if self.eat("=~") {
            return self.like(one);
        }
        let all = [
            ("!=", Comparison::Unequal),
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("=", Comparison::Equal),
            ("<", Comparison::Less),
            (">", Comparison::More),
        ];
        match all.into_iter().find(|(mark, _)| self.eat(mark)) {
            None => Ok(one),
            Some((_, comparison)) => {
                let other = self.sum()?;
                Ok(Expression::Compare(comparison, Box::new(one), Box::new(other)))
            }
        }
    }

    /// `like` and `in`; the expression itself if none of them follows.
    fn word_test(&mut self, one: Expression) -> Result<Result<Expression, Expression>, Wrong> {
        if self.eat_word("like") {
            return self.like(one).map(Ok);
        }
        if !self.eat_word("in") {
            return Ok(Err(one));
        }
        self.expect("[")?;
        let mut list = Vec::new();
        loop {
            list.push(self.sum()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("]")?;
        Ok(Ok(Expression::In(Box::new(one), list)))
    }

    fn like(&mut self, one: Expression) -> Result<Expression, Wrong> {
        self.skip();
        if self.cursor.peek() == Some('/') {
            let regex = self.cursor.regex()?;
            return Ok(Expression::Matches(Box::new(one), regex));
        }
        let part = self.primary()?;
        Ok(Expression::Contains(Box::new(one), Box::new(part)))
    }

    fn sum(&mut self) -> Result<Expression, Wrong> {
        let all = [("+", Operator::Add), ("-", Operator::Subtract)];
        self.chain(&all, Self::product)
    }

    fn product(&mut self) -> Result<Expression, Wrong> {
        let all = [("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)];
        self.chain(&all, Self::power)
    }

    fn power(&mut self) -> Result<Expression, Wrong> {
        self.chain(&[("^", Operator::Power)], Self::signed)
    }

    fn chain(
        &mut self,
        operators: &[(&str, Operator)],
        part: fn(&mut Self) -> Result<Expression, Wrong>,
    ) -> Result<Expression, Wrong> {
        let mut one = part(self)?;
        while let Some((_, operator)) = operators.iter().find(|(mark, _)| self.eat(mark)) {
            self.count_operator()?;
            one = Expression::Arithmetic(*operator, Box::new(one), Box::new(part(self)?));
        }
        Ok(one)
    }

    fn signed(&mut self) -> Result<Expression, Wrong> {
        let mut is_negative = false;
        while self.eat("-") {
            is_negative = !is_negative;
        }
        let inner = self.primary()?;
        let minus = || Box::new(Expression::Value(Value::Number(-1.0)));
        Ok(match is_negative {
            true => Expression::Arithmetic(Operator::Multiply, minus(), Box::new(inner)),
            false => inner,
        })
    }

    fn primary(&mut self) -> Result<Expression, Wrong> {
        self.skip();
        let begin = self.cursor;
        match self.cursor.peek() {
            Some('(') => {
                self.cursor.next();
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            Some('"' | '\'') => {
                let text = self.cursor.quoted()?;
                Ok(Expression::Value(Value::Text(Cow::Owned(text))))
            }
            Some(first) if first.is_ascii_digit() || first == '.' => self.number(),
            Some(_) => {
                let name = self.name()?;
                self.skip();
                if self.cursor.peek() != Some('(') || begin.peek() == Some('`') {
                    return Ok(match name.as_str() {
                        "true" => Expression::Value(Value::Bool(true)),
                        "false" => Expression::Value(Value::Bool(false)),
                        name => Expression::Field(self.field(name)),
                    });
                }
                self.cursor.next();
                self.call(&name, begin)
            }
            None => Err(begin.wrong("an expression is missing at the end")),
        }
    }

    /// A number, with or without a unit of time.
    fn number(&mut self) -> Result<Expression, Wrong> {
        let begin = self.cursor;
        self.cursor.take_while(|next| next.is_ascii_digit() || next == '.');
        // `e` with digits is a power of ten.
        let before = self.cursor;
        let _ = (self.cursor.eat("e") || self.cursor.eat("E"))
            && (self.cursor.eat("-") || self.cursor.eat("+"));
        if self.cursor.take_while(|next| next.is_ascii_digit()).is_empty() {
            self.cursor = before;
        }
        let digits = self.text.get(begin.at..self.cursor.at).unwrap_or_default();
        let number: f64 =
            digits.parse().map_err(|_| begin.wrong(format!("{digits:?} is no number")))?;
        let unit = self.cursor.take_while(|next| next.is_ascii_alphanumeric());
        let unit = match unit {
            // A float would not have all digits.
            "" if digits.len() > EXACT && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                return Ok(Expression::Value(Value::Text(Cow::Owned(digits.to_owned()))));
            }
            "" => 1.0,
            unit => milliseconds(unit).ok_or_else(|| {
                begin.wrong(format!("{unit:?} is no unit such as ms, s, m, h, d, w"))
            })?,
        };
        Ok(Expression::Value(Value::Number(number * unit)))
    }

    fn call(&mut self, name: &str, begin: Cursor<'a>) -> Result<Expression, Wrong> {
        if let (Some(kind), true) = (Kind::named(name), self.aggregates.is_some()) {
            return self.aggregate(kind);
        }
        let arguments = self.arguments()?;
        let own = self.text.get(begin.at..self.cursor.at).unwrap_or_default();
        // The name of a result of a command before, such as `count(*)`.
        if let Some(field) = self.names.iter().position(|name| name == own) {
            return Ok(Expression::Field(field));
        }
        if name.eq_ignore_ascii_case("bin") {
            let time = Expression::Field(self.field("@timestamp"));
            if arguments.len() != 1 || !is_period(arguments.first()) {
                return Err(begin.wrong("bin needs a period of 1 ms or more, such as bin(1m)"));
            }
            let arguments = core::iter::once(time).chain(arguments).collect();
            return Ok(Expression::Call(Function::DateFloor, arguments));
        }
        let Some((function, count)) = Function::named(name) else {
            let hint = Kind::named(name).map_or("", |_| " here; it belongs to stats");
            return Err(begin.wrong(format!("there is no function {name:?}{hint}")));
        };
        if !count.contains(&arguments.len()) {
            let (least, most) = count.into_inner();
            return Err(begin.wrong(format!("{name} needs {least} to {most} arguments")));
        }
        let is_part = matches!(function, Function::DateFloor | Function::DateCeil);
        if is_part && !is_period(arguments.get(1)) {
            return Err(begin.wrong(format!("{name} needs a period of 1 ms or more, such as 1m")));
        }
        Ok(Expression::Call(function, arguments))
    }

    /// Arguments up to the parenthesis. `*` stands for none.
    fn arguments(&mut self) -> Result<Vec<Expression>, Wrong> {
        let mut arguments = Vec::new();
        if self.eat("*") || self.eat(")") {
            let is_closed = self.text.get(..self.cursor.at).is_some_and(|read| read.ends_with(')'));
            return if is_closed { Ok(arguments) } else { self.expect(")").map(|()| arguments) };
        }
        loop {
            arguments.push(self.expression()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(arguments)
    }

    fn aggregate(&mut self, kind: Kind) -> Result<Expression, Wrong> {
        let begin = self.cursor;
        // A statistic of a statistic is none.
        let known = self.aggregates.take().unwrap_or_default();
        let mut arguments = self.arguments()?.into_iter();
        let of = arguments.next();
        let kind = match (kind, arguments.next()) {
            (Kind::Pct(percent), None) if percent > 0.0 => kind,
            (Kind::Pct(_), Some(Expression::Value(Value::Number(percent))))
                if (0.0..=100.0).contains(&percent) =>
            {
                Kind::Pct(percent)
            }
            (Kind::Pct(_), _) => {
                return Err(begin.wrong("pct needs a field and a number from 0 to 100"));
            }
            (kind, None) => kind,
            (_, Some(_)) => return Err(begin.wrong("a statistic has one argument")),
        };
        if of.is_none() && kind != Kind::Count {
            return Err(begin.wrong("the field of the statistic is missing"));
        }
        let mut aggregates = known;
        aggregates.push(Aggregate { kind, of });
        let at = aggregates.len() - 1;
        self.aggregates = Some(aggregates);
        Ok(Expression::Aggregate(at))
    }
}

/// True for a time of a millisecond or more.
fn is_period(argument: Option<&Expression>) -> bool {
    matches!(argument, Some(Expression::Value(Value::Number(period))) if *period >= 1.0)
}

/// Milliseconds of a unit of time.
fn milliseconds(unit: &str) -> Option<f64> {
    // Units of more than one letter have a plural.
    let one = unit.strip_suffix('s').filter(|one| one.len() > 1).unwrap_or(unit);
    Some(match one {
        "ms" | "msec" | "millisecond" => 1.0,
        "s" | "sec" | "second" => 1e3,
        "m" | "min" | "minute" => 60e3,
        "h" | "hr" | "hour" => 3600e3,
        "d" | "day" => 86_400e3,
        "w" | "week" => 604_800e3,
        _ => return None,
    })
}

const MAX_OPERATORS: usize = 500;
/// Expressions within each other.
const MAX_DEPTH: usize = 32;
