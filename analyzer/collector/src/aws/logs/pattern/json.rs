//! Members of JSON: `{ $.user.id = 1 && ($.latency > 100 || $.error NOT EXISTS) }`.

use serde_json::Value;

use super::comparison::Comparison;
use super::condition::Condition;
use crate::aws::logs::cursor::{Cursor, Wrong};

/// A condition on members.
#[derive(Debug)]
pub(super) struct Json(Condition<Member>);

/// A condition on a member.
#[derive(Debug)]
struct Member {
    path: Vec<Step>,
    test: Test,
}

#[derive(Debug)]
enum Step {
    Name(String),
    Index(usize),
    Any,
}

#[derive(Debug)]
enum Test {
    Compares(Comparison),
    Is(Value),
    Exists(bool),
}

impl Json {
    pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Wrong> {
        cursor.expect("{")?;
        let condition = Condition::read(cursor, MAX_DEPTH, &mut Member::read)?;
        cursor.expect("}")?;
        Ok(Self(condition))
    }

    pub(super) fn has(&self, message: &str) -> bool {
        let message = message.trim_start();
        // A number is JSON too, and most messages are none.
        if !message.starts_with(['{', '[']) {
            return false;
        }
        let value: Result<Value, _> = serde_json::from_str(message);
        value.is_ok_and(|value| self.0.holds(&|member| member.holds(&value)))
    }
}

impl Member {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let path = path(cursor)?;
        cursor.skip_space();
        let test = if cursor.eat_word("IS") {
            cursor.skip_space();
            let values = [("TRUE", Value::Bool(true)), ("FALSE", Value::Bool(false))];
            let all = values.into_iter().chain([("NULL", Value::Null)]);
            let found = all.into_iter().find(|(word, _)| cursor.eat_word(word));
            let (_, value) =
                found.ok_or_else(|| cursor.wrong("TRUE, FALSE or NULL is missing after IS"))?;
            Test::Is(value)
        } else if cursor.eat_word("NOT") {
            cursor.skip_space();
            if !cursor.eat_word("EXISTS") {
                return Err(cursor.wrong("EXISTS is missing after NOT"));
            }
            Test::Exists(false)
        } else if cursor.eat_word("EXISTS") {
            Test::Exists(true)
        } else {
            let comparison = Comparison::read(cursor, "{}()")?;
            Test::Compares(comparison.ok_or_else(|| {
                cursor.wrong("an operator such as =, IS or NOT EXISTS is missing")
            })?)
        };
        Ok(Self { path, test })
    }

    /// With an asterisk in the path one of the members must be so.
    fn holds(&self, value: &Value) -> bool {
        let mut found = Vec::new();
        find(value, &self.path, &mut found);
        match &self.test {
            Test::Exists(wanted) => found.is_empty() != *wanted,
            Test::Is(wanted) => found.contains(&wanted),
            Test::Compares(comparison) => found.into_iter().any(|value| match value {
                Value::String(text) => comparison.holds(text),
                Value::Number(number) => comparison.holds(&number.to_string()),
                Value::Bool(value) => comparison.holds(if *value { "true" } else { "false" }),
                // A structure, a list and null are no values.
                _ => false,
            }),
        }
    }
}

/// Reads `$.a.b[0]`, with `['a']` for a name of any characters, and `*` for any member.
fn path(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, Wrong> {
    cursor.expect("$")?;
    let mut path = Vec::new();
    loop {
        if cursor.eat("[") {
            path.push(index(cursor)?);
            cursor.expect("]")?;
        } else if cursor.eat(".") {
            let name = cursor.take_while(|next| next.is_alphanumeric() || "_-@".contains(next));
            if !name.is_empty() {
                path.push(Step::Name(name.to_owned()));
            } else if cursor.eat("*") {
                path.push(Step::Any);
            } else if cursor.peek() != Some('[') {
                return Err(cursor.wrong("the name of a member is missing"));
            }
        } else if path.is_empty() {
            return Err(cursor.wrong("a member such as $.name is missing"));
        } else {
            return Ok(path);
        }
    }
}

fn index(cursor: &mut Cursor<'_>) -> Result<Step, Wrong> {
    match cursor.peek() {
        Some('\'' | '"') => cursor.quoted().map(Step::Name),
        Some('*') => {
            cursor.next();
            Ok(Step::Any)
        }
        _ => {
            let digits = cursor.take_while(|next| next.is_ascii_digit());
            let index = digits.parse().map_err(|_| cursor.wrong("a number is missing"))?;
            Ok(Step::Index(index))
        }
    }
}

fn find<'a>(value: &'a Value, path: &[Step], found: &mut Vec<&'a Value>) {
    match (path, value) {
        ([], _) => found.push(value),
        ([Step::Name(name), rest @ ..], Value::Object(members)) => {
            members.get(name).into_iter().for_each(|value| find(value, rest, found));
        }
        ([Step::Index(index), rest @ ..], Value::Array(list)) => {
            list.get(*index).into_iter().for_each(|value| find(value, rest, found));
        }
        ([Step::Any, rest @ ..], Value::Array(list)) => {
            list.iter().for_each(|value| find(value, rest, found));
        }
        ([Step::Any, rest @ ..], Value::Object(members)) => {
            members.values().for_each(|value| find(value, rest, found));
        }
        _ => {}
    }
}

/// Parentheses within each other.
const MAX_DEPTH: usize = 32;
