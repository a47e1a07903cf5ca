//! The syntax of expressions.

use crate::aws::fault::Fault;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::aws::cloudwatch) enum Expression {
    Number(f64),
    Text(String),
    /// The id of a query, or a word that a function knows.
    Name(String),
    List(Vec<Expression>),
    Negated(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Call(String, Vec<Expression>),
}

/// An operator between two expressions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::aws::cloudwatch) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    LessOrEqual,
    GreaterOrEqual,
    Less,
    Greater,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl Expression {
    /// Parses an expression.
    pub(in crate::aws::cloudwatch) fn parse(text: &str) -> Result<Self, Fault> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let parsed = parser.binary(0)?;
        parser.skip_spaces();
        if parser.at < text.len() {
            Err(parser.fault("an operator or the end"))
        } else {
            Ok(parsed)
        }
    }

    /// True if it calls a function somewhere.
    pub(in crate::aws::cloudwatch) fn calls(&self, function: &str) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) | Self::Name(_) => false,
            Self::List(items) => items.iter().any(|item| item.calls(function)),
            Self::Call(name, items) => {
                name.eq_ignore_ascii_case(function) || items.iter().any(|item| item.calls(function))
            }
            Self::Negated(of) => of.calls(function),
            Self::Binary(_, left, right) => left.calls(function) || right.calls(function),
        }
    }

    /// Adds the names in it to a list.
    pub(in crate::aws::cloudwatch) fn names<'a>(&'a self, to: &mut Vec<&'a str>) {
        match self {
            Self::Number(_) | Self::Text(_) => {}
            Self::Name(name) => to.push(name),
            Self::List(items) | Self::Call(_, items) => {
                items.iter().for_each(|item| item.names(to));
            }
            Self::Negated(of) => of.names(to),
            Self::Binary(_, left, right) => {
                left.names(to);
                right.names(to);
            }
        }
    }
}

/// What is left of an expression.
struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// Operators of this precedence or a higher one, from left to right.
    fn binary(&mut self, precedence: usize) -> Result<Expression, Fault> {
        let Some(operators) = PRECEDENCE.get(precedence) else { return self.unary() };
        let mut left = self.binary(precedence + 1)?;
        while let Some((_, operator)) =
            operators.iter().find(|(sign, _)| self.takes_operator(sign)).copied()
        {
            let right = self.binary(precedence + 1)?;
            left = Expression::Binary(operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault("fewer levels of parentheses"));
        }
        self.depth += 1;
        let parsed = match self.takes("-") {
            true => Expression::Negated(Box::new(self.unary()?)),
            false => self.primary()?,
        };
        self.depth -= 1;
        Ok(parsed)
    }

    fn primary(&mut self) -> Result<Expression, Fault> {
        if self.takes("(") {
            let inner = self.binary(0)?;
            return if self.takes(")") { Ok(inner) } else { Err(self.fault("`)`")) };
        }
        if self.takes("[") {
            return Ok(Expression::List(self.arguments("]")?));
        }
        for quote in ["'", "\""] {
            if self.takes(quote) {
                return self.quoted(quote);
            }
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.fault("a number, a name or a function"));
        }
        if word.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
            let number = word.parse().ok().filter(|number: &f64| number.is_finite());
            return number.map(Expression::Number).ok_or_else(|| self.fault("a number"));
        }
        if self.takes("(") {
            let name = word.to_ascii_uppercase();
            return Ok(Expression::Call(name, self.arguments(")")?));
        }
        Ok(Expression::Name(word.to_owned()))
    }

    fn arguments(&mut self, end: &str) -> Result<Vec<Expression>, Fault> {
        let mut arguments = Vec::new();
        while !self.takes(end) {
            if !arguments.is_empty() && !self.takes(",") {
                return Err(self.fault(&format!("`,` or `{end}`")));
            }
            arguments.push(self.binary(0)?);
        }
        Ok(arguments)
    }

    fn quoted(&mut self, quote: &str) -> Result<Expression, Fault> {
        let rest = self.rest();
        let Some((text, _)) = rest.split_once(quote) else { return Err(self.fault(quote)) };
        self.at += text.len() + quote.len();
        Ok(Expression::Text(text.to_owned()))
    }

    /// A number or a name.
    fn word(&mut self) -> &'a str {
        self.skip_spaces();
        let rest = self.rest();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let mut end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        // The sign of an exponent: 1e-3.
        let word = rest.get(..end).unwrap_or_default();
        let after = rest.get(end..).unwrap_or_default();
        if word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with(['e', 'E'])
            && let Some(exponent) = after.strip_prefix(['-', '+'])
        {
            let digits = exponent.find(|c: char| !c.is_ascii_digit()).unwrap_or(exponent.len());
            end += 1 + digits;
        }
        let word = rest.get(..end).unwrap_or_default();
        self.at += word.len();
        word
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.skip_spaces();
        let taken = self.rest().starts_with(sign);
        self.at += if taken { sign.len() } else { 0 };
        taken
    }

    /// A sign, or a word that is not the beginning of a longer one.
    fn takes_operator(&mut self, sign: &str) -> bool {
        let before = self.at;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.takes(sign) && !(sign.starts_with(is_word) && self.rest().starts_with(is_word)) {
            return true;
        }
        self.at = before;
        false
    }

    fn fault(&self, expected: &str) -> Fault {
        let at = self.text.get(..self.at).unwrap_or_default().chars().count() + 1;
        Fault::validation(format!(
            "Error in expression {:?}: expected {expected} at character {at}.",
            self.text
        ))
    }
}

/// Operators by precedence, the lowest first. A sign comes before those that it begins with.
const PRECEDENCE: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
    &[("^", Operator::Power)],
];
/// Levels of parentheses, calls and signs. A chain of operators is no level.
const MAX_DEPTH: usize = 32;
