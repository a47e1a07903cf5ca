//! The text of a query.

use std::borrow::Cow;

use regex::Regex;

use super::aggregate::{Aggregate, Kind};
use super::command::{Command, Query, Stats};
use super::expression::{Comparison, Expression, Operator};
use super::function::Function;
use super::value::Value;
use crate::aws::logs::cursor::{Cursor, Wrong};

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let cursor = Cursor::new(text);
        if text.len() > MAX_LENGTH {
            return Err(cursor.wrong(format!("the query has more than {MAX_LENGTH} bytes")));
        }
        let mut parser = Parser::new(text);
        let mut commands = Vec::new();
        loop {
            let command = parser.command()?;
            commands.insert(place(&commands, &command), command);
            if commands.len() > MAX_COMMANDS {
                return Err(parser.cursor.wrong("the query has too many commands"));
            }
            parser.skip();
            if !parser.cursor.eat("|") {
                break;
            }
        }
        parser.end()?;
        if parser.columns.is_empty() {
            parser.columns = ["@timestamp", "@message"].map(|name| parser.field(name)).to_vec();
        }
        if parser.is_raw {
            let pointer = parser.field("@ptr");
            parser.columns.retain(|column| *column != pointer);
            parser.columns.push(pointer);
        }
        let Parser { names, columns, .. } = parser;
        Ok(Self { names, commands, columns })
    }
}

/// Where a command goes. What works on one row goes before sorts whose keys it does not change: these then
/// order fewer rows, and none is lost.
fn place(commands: &[Command], command: &Command) -> usize {
    let changed: Vec<usize> = match command {
        Command::Filter(_) => Vec::new(),
        Command::Assign(assigned) => assigned.iter().map(|(field, _)| *field).collect(),
        Command::Parse(_, _, fields) => fields.clone(),
        _ => return commands.len(),
    };
    let is_passed = |before: &Command| match before {
        Command::Sort(order) => {
            !order.iter().any(|(key, _)| changed.iter().any(|field| key.reads(*field)))
        }
        _ => false,
    };
    commands.iter().rposition(|before| !is_passed(before)).map_or(0, |at| at + 1)
}

struct Parser<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    names: Vec<String>,
    columns: Vec<usize>,
    is_raw: bool,
    /// Those of the `stats` that is read; `None` elsewhere.
    aggregates: Option<Vec<Aggregate>>,
    depth: usize,
    operators: usize,
    regexes: usize,
}

/// An expression, the name that follows `as`, and its own text.
type Named<'a> = (Expression, Option<String>, &'a str);

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let cursor = Cursor::new(text);
        let (names, columns) = (Vec::new(), Vec::new());
        Self {
            text,
            cursor,
            names,
            columns,
            is_raw: true,
            aggregates: None,
            depth: 0,
            operators: 0,
            regexes: 0,
        }
    }

    /// Skips space and comments.
    fn skip(&mut self) {
        loop {
            self.cursor.skip_space();
            if !self.cursor.eat("#") {
                return;
            }
            self.cursor.take_while(|next| next != '\n');
        }
    }

    fn end(&mut self) -> Result<(), Wrong> {
        self.skip();
        match self.cursor.peek() {
            None => Ok(()),
            Some(next) => Err(self.cursor.wrong(format!("unexpected {next:?}"))),
        }
    }

    /// Reads a mark if it is next.
    fn eat(&mut self, mark: &str) -> bool {
        self.skip();
        self.cursor.eat(mark)
    }

    fn eat_word(&mut self, word: &str) -> bool {
        self.skip();
        self.cursor.eat_word(word)
    }

    fn expect(&mut self, mark: &str) -> Result<(), Wrong> {
        self.skip();
        self.cursor.expect(mark)
    }

    /// The number of a field.
    fn field(&mut self, name: &str) -> usize {
        self.names.iter().position(|own| own == name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    fn command(&mut self) -> Result<Command, Wrong> {
        self.skip();
        let begin = self.cursor;
        let word = self.cursor.take_while(|next| next.is_ascii_alphabetic());
        match word.to_ascii_lowercase().as_str() {
            "fields" => self.fields(),
            "display" => {
                self.columns.clear();
                self.fields()
            }
            "filter" | "where" => self.expression().map(Command::Filter),
            "stats" => self.stats(),
            "sort" | "order" => self.sort(),
            "limit" | "head" => self.limit(),
            "dedup" => self.dedup(),
            "parse" => self.parse(),
            "" => Err(begin.wrong("a command such as fields, filter or stats is missing")),
            _ => Err(begin.wrong(format!(
                "the command {word:?} is not fields, display, filter, stats, sort, limit, dedup or parse"
            ))),
        }
    }

    fn fields(&mut self) -> Result<Command, Wrong> {
        let mut assigned = Vec::new();
        loop {
            let (expression, name, own) = self.named()?;
            let field = match (&expression, name) {
                (Expression::Field(field), None) => *field,
                (_, name) => {
                    let field = self.field(&name.unwrap_or_else(|| own.to_owned()));
                    assigned.push((field, expression));
                    field
                }
            };
            if !self.columns.contains(&field) {
                self.columns.push(field);
            }
            if !self.eat(",") {
                return Ok(Command::Assign(assigned));
            }
        }
    }

    /// An expression with or without `as NAME`.
    fn named(&mut self) -> Result<Named<'a>, Wrong> {
        self.skip();
        let begin = self.cursor.at;
        let expression = self.expression()?;
        let own = self.text.get(begin..self.cursor.at).unwrap_or_default().trim();
        let name = if self.eat_word("as") { Some(self.name()?) } else { None };
        Ok((expression, name, own))
    }

    fn stats(&mut self) -> Result<Command, Wrong> {
        let (mut outputs, mut groups, mut by) = (Vec::new(), Vec::new(), Vec::new());
        self.aggregates = Some(Vec::new());
        loop {
            self.skip();
            let begin = self.cursor;
            let before = self.aggregates.as_ref().map_or(0, Vec::len);
            let (expression, name, own) = self.named()?;
            if self.aggregates.as_ref().map_or(0, Vec::len) == before {
                return Err(begin.wrong("a statistic such as count(*) or sum(bytes) is missing"));
            }
            outputs.push((name.unwrap_or_else(|| own.to_owned()), expression));
            if !self.eat(",") {
                break;
            }
        }
        let aggregates = self.aggregates.take().unwrap_or_default();
        if self.eat_word("by") {
            loop {
                let (expression, name, own) = self.named()?;
                let field = match (&expression, name) {
                    (Expression::Field(field), None) => *field,
                    (_, name) => self.field(&name.unwrap_or_else(|| own.to_owned())),
                };
                groups.push(field);
                by.push(expression);
                if !self.eat(",") {
                    break;
                }
            }
        }
        let outputs: Vec<_> =
            outputs.into_iter().map(|(name, expression)| (self.field(&name), expression)).collect();
        self.is_raw = false;
        self.columns = groups.clone();
        self.columns.extend(outputs.iter().map(|(field, _)| *field));
        Ok(Command::Stats(Stats { by, groups, aggregates, outputs }))
    }

    fn sort(&mut self) -> Result<Command, Wrong> {
        // `order by` is a habit of other languages.
        self.eat_word("by");
        let mut by = Vec::new();
        loop {
            let expression = self.expression()?;
            let descending = self.eat_word("desc");
            if !descending {
                self.eat_word("asc");
            }
            by.push((expression, descending));
            if !self.eat(",") {
                return Ok(Command::Sort(by));
            }
        }
    }

    fn limit(&mut self) -> Result<Command, Wrong> {
        self.skip();
        let begin = self.cursor;
        let digits = self.cursor.take_while(|next| next.is_ascii_digit());
        match digits.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Ok(Command::Limit(limit)),
            _ => Err(begin.wrong(format!("limit needs a number from 1 to {MAX_LIMIT}"))),
        }
    }

    fn dedup(&mut self) -> Result<Command, Wrong> {
        let mut fields = Vec::new();
        loop {
            let name = self.name()?;
            fields.push(self.field(&name));
            if !self.eat(",") {
                return Ok(Command::Dedup(fields));
            }
        }
    }

    fn parse(&mut self) -> Result<Command, Wrong> {
        self.skip();
        let source = match self.cursor.peek() {
            Some('/' | '"' | '\'') => Expression::Field(self.field("@message")),
            _ => {
                let name = self.name()?;
                Expression::Field(self.field(&name))
            }
        };
        self.skip();
        let begin = self.cursor;
        if self.cursor.peek() == Some('/') {
            let regex = self.regex()?;
            let names: Vec<_> = regex.capture_names().flatten().map(str::to_owned).collect();
            if names.is_empty() {
                return Err(begin.wrong("the regular expression has no group (?<name>…)"));
            }
            let fields = names.iter().map(|name| self.field(name)).collect();
            return Ok(Command::Parse(source, regex, fields));
        }
        if !matches!(self.cursor.peek(), Some('"' | '\'')) {
            return Err(begin.wrong("parse needs a text with * or a regular expression"));
        }
        let glob = self.cursor.quoted()?;
        if !self.eat_word("as") {
            return Err(self.cursor.wrong("as and the names of the fields are missing"));
        }
        let mut names = vec![self.name()?];
        while self.eat(",") {
            names.push(self.name()?);
        }
        if glob.matches('*').count() != names.len() {
            return Err(begin.wrong("there must be a name for each * of the text"));
        }
        self.count_regex()?;
        let regex = begin.compiled(&regex_of(&glob))?;
        let fields = names.iter().map(|name| self.field(name)).collect();
        Ok(Command::Parse(source, regex, fields))
    }

    /// The name of a field, in backticks if it has other characters than letters, digits, `_`, `.`, `@`.
    fn name(&mut self) -> Result<String, Wrong> {
        self.skip();
        let begin = self.cursor;
        if self.cursor.peek() == Some('`') {
            return self.cursor.quoted();
        }
        let name = self.cursor.take_while(is_of_name);
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(begin.wrong("the name of a field is missing"));
        }
        Ok(name.to_owned())
    }

    fn expression(&mut self) -> Result<Expression, Wrong> {
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

    fn regex(&mut self) -> Result<Regex, Wrong> {
        self.count_regex()?;
        self.cursor.regex()
    }

    /// Each may take much memory and time.
    fn count_regex(&mut self) -> Result<(), Wrong> {
        self.regexes += 1;
        match self.regexes > MAX_REGEXES {
            true => Err(self.cursor.wrong("the query has too many regular expressions")),
            false => Ok(()),
        }
    }

    fn like(&mut self, one: Expression) -> Result<Expression, Wrong> {
        self.skip();
        if self.cursor.peek() == Some('/') {
            let regex = self.regex()?;
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
            "" => 1.0,
            unit => milliseconds(unit).ok_or_else(|| {
                begin.wrong(format!("{unit:?} is no unit such as ms, s, m, h, d"))
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
            let arguments: Vec<_> = core::iter::once(time).chain(arguments).collect();
            if arguments.len() != 2 {
                return Err(begin.wrong("bin needs a period, such as bin(1m)"));
            }
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

fn is_of_name(next: char) -> bool {
    next.is_alphanumeric() || "_.@".contains(next)
}

/// Milliseconds of a unit of time.
fn milliseconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" | "msec" | "millisecond" | "milliseconds" => 1.0,
        "s" | "sec" | "second" | "seconds" => 1e3,
        "m" | "min" | "minute" | "minutes" => 60e3,
        "h" | "hr" | "hour" | "hours" => 3600e3,
        "d" | "day" | "days" => 86_400e3,
        "w" | "week" | "weeks" => 604_800e3,
        _ => return None,
    })
}

/// The regular expression of a text whose asterisks are fields.
fn regex_of(glob: &str) -> String {
    let mut regex = String::from("(?s)");
    let parts: Vec<_> = glob.split('*').collect();
    for (at, part) in parts.iter().enumerate() {
        regex.push_str(&regex::escape(part));
        match parts.get(at + 1..) {
            // The last one takes what is left.
            Some([""]) => regex.push_str("(.*)"),
            Some([_, ..]) => regex.push_str("(.*?)"),
            _ => {}
        }
    }
    regex
}

/// Bytes of a query, as of the service.
const MAX_LENGTH: usize = 10_000;
const MAX_COMMANDS: usize = 100;
/// Regular expressions of a query.
const MAX_REGEXES: usize = 20;
/// Rows of a result.
pub(super) const MAX_LIMIT: usize = 10_000;
const MAX_OPERATORS: usize = 500;
/// Expressions within each other.
const MAX_DEPTH: usize = 32;
