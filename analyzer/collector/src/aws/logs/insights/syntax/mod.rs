//! The text of a query: its commands.

mod expressions;

use super::aggregate::Aggregate;
use super::command::{Command, Query, Stats};
use super::expression::Expression;
use crate::aws::logs::cursor::{Cursor, Wrong};

impl Query {
    pub(super) fn parse(text: &str) -> Result<Self, Wrong> {
        let cursor = Cursor::new(text, MAX_REGEXES);
        if text.len() > MAX_LENGTH {
            return Err(cursor.wrong(format!("the query has more than {MAX_LENGTH} bytes")));
        }
        let mut parser = Parser::new(text);
        let mut commands = Vec::new();
        loop {
            let command = parser.command()?;
            if matches!(command, Command::Stats(_)) {
                // Of statistics the order of rows does not matter.
                let is_sort = |command: &Command| matches!(command, Command::Sort(_));
                commands
                    .truncate(commands.iter().rposition(|it| !is_sort(it)).map_or(0, |at| at + 1));
            }
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
        let mut pointer = None;
        if parser.is_raw {
            let known = parser.names.len();
            let field = parser.field("@ptr");
            parser.columns.retain(|column| *column != field);
            parser.columns.push(field);
            pointer = (field == known).then_some(field);
        }
        let Parser { names, columns, .. } = parser;
        Ok(Self { names, commands, columns, pointer })
    }
}

/// Where a command goes. What works on one row goes before sorts whose keys it does not change: these then
/// order fewer rows, and none is lost.
fn place(commands: &[Command], command: &Command) -> usize {
    let changed: Vec<usize> = match command {
        Command::Filter(_) => Vec::new(),
        Command::Assign(assigned) => assigned.iter().map(|(field, _)| *field).collect(),
        Command::Parse(_, _, fields) => fields.iter().map(|(field, _)| *field).collect(),
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
    /// True after `display`, which has all columns.
    is_displayed: bool,
    /// Those of the `stats` that is read; `None` elsewhere.
    aggregates: Option<Vec<Aggregate>>,
    depth: usize,
    operators: usize,
    /// Where space and comments were skipped last: their begin and their end.
    skipped: (usize, usize),
}

/// An expression, the name that follows `as`, and its own text.
type Named<'a> = (Expression, Option<String>, &'a str);

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        let cursor = Cursor::new(text, MAX_REGEXES);
        let (names, columns) = (Vec::new(), Vec::new());
        Self {
            text,
            cursor,
            names,
            columns,
            is_raw: true,
            is_displayed: false,
            aggregates: None,
            depth: 0,
            operators: 0,
            skipped: (0, 0),
        }
    }

    /// Skips space and comments.
    fn skip(&mut self) {
        let begin = self.cursor.at;
        loop {
            self.cursor.skip_space();
            if !self.cursor.eat("#") {
                break;
            }
            self.cursor.take_while(|next| next != '\n');
        }
        // The second time in one place nothing is skipped.
        if begin != self.skipped.1 {
            self.skipped.0 = begin;
        }
        self.skipped.1 = self.cursor.at;
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
                (self.is_displayed, self.columns) = (false, Vec::new());
                let command = self.fields();
                self.is_displayed = true;
                command
            }
            // Here each field has the same speed.
            "filter" | "where" | "filterindex" => self.expression().map(Command::Filter),
            "stats" => self.stats(),
            "sort" | "order" => self.sort(),
            "limit" | "head" => self.limit(),
            "dedup" => self.dedup(),
            "parse" => self.parse(),
            "" => Err(begin.wrong("a command such as fields, filter or stats is missing")),
            other if NOT_DONE.contains(&other) => {
                Err(begin.wrong(format!("the command {word:?} of the service is not done here")))
            }
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
            if !self.is_displayed && !self.columns.contains(&field) {
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
        // What follows the expression does not belong to its text.
        self.skip();
        let own = self.text.get(begin..self.skipped.0).unwrap_or_default();
        let name = if self.eat_word("as") { Some(self.name()?) } else { None };
        Ok((expression, name, own))
    }

    fn stats(&mut self) -> Result<Command, Wrong> {
        let (mut outputs, mut begins) = (Vec::<(usize, Expression)>::new(), Vec::new());
        self.aggregates = Some(Vec::new());
        loop {
            self.skip();
            begins.push(self.cursor);
            let before = self.aggregates.as_ref().map_or(0, Vec::len);
            let (expression, name, own) = self.named()?;
            // It may be of statistics before it.
            let is_of_others = outputs.iter().any(|(field, _)| expression.reads(*field));
            if self.aggregates.as_ref().map_or(0, Vec::len) == before && !is_of_others {
                let begin = begins.last().unwrap_or(&self.cursor);
                return Err(begin.wrong("a statistic such as count(*) or sum(bytes) is missing"));
            }
            outputs.push((self.field(&name.unwrap_or_else(|| own.to_owned())), expression));
            if !self.eat(",") {
                break;
            }
        }
        let aggregates = self.aggregates.take().unwrap_or_default();
        let (groups, by) = self.by()?;
        for (at, ((_, expression), begin)) in outputs.iter().zip(&begins).enumerate() {
            let known =
                outputs.iter().take(at).map(|(field, _)| *field).chain(groups.iter().copied());
            if let Some(name) = self.other_than(&known.collect::<Vec<_>>(), expression) {
                let reason =
                    format!("{name} is neither a statistic before it nor a field after by");
                return Err(begin.wrong(reason));
            }
        }
        (self.is_raw, self.is_displayed) = (false, false);
        self.columns = groups.clone();
        self.columns.extend(outputs.iter().map(|(field, _)| *field));
        Ok(Command::Stats(Stats { by, groups, aggregates, outputs }))
    }

    /// The fields of groups, and what they are.
    fn by(&mut self) -> Result<(Vec<usize>, Vec<Expression>), Wrong> {
        let (mut groups, mut by) = (Vec::new(), Vec::new());
        if !self.eat_word("by") {
            return Ok((groups, by));
        }
        loop {
            let (expression, name, own) = self.named()?;
            let field = match (&expression, name) {
                (Expression::Field(field), None) => *field,
                (_, name) => self.field(&name.unwrap_or_else(|| own.to_owned())),
            };
            groups.push(field);
            by.push(expression);
            if !self.eat(",") {
                return Ok((groups, by));
            }
        }
    }

    /// The name of a field that an expression reads and that is not in a list.
    fn other_than(&self, known: &[usize], expression: &Expression) -> Option<&str> {
        let mut names = (0..).zip(&self.names);
        let other = names.find(|(field, _)| !known.contains(field) && expression.reads(*field));
        other.map(|(_, name)| name.as_str())
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
            let regex = self.cursor.regex()?;
            let names = (0..).zip(regex.capture_names());
            let fields: Vec<_> =
                names.filter_map(|(at, name)| Some((self.field(name?), at))).collect();
            if fields.is_empty() {
                return Err(begin.wrong("the regular expression has no group (?<name>…)"));
            }
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
        let regex = self.cursor.compiled(&regex_of(&glob))?;
        // The first group is the whole.
        let fields = names.iter().zip(1..).map(|(name, at)| (self.field(name), at)).collect();
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
}

fn is_of_name(next: char) -> bool {
    next.is_alphanumeric() || "_.@".contains(next)
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
/// Commands that the service has and this has not.
const NOT_DONE: [&str; 8] =
    ["pattern", "diff", "unnest", "join", "source", "anomaly", "lookup", "subquery"];
const MAX_COMMANDS: usize = 100;
/// Regular expressions of a query.
const MAX_REGEXES: usize = 20;
/// Rows of a result.
pub(super) const MAX_LIMIT: usize = 10_000;
