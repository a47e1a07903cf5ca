//! Conditions of composite alarms: `ALARM("a") AND NOT (OK(b) OR INSUFFICIENT_DATA(b))`.

use core::fmt;

use super::alarm::MAX_NAME;
use super::limited::required;
use super::status::{STATES, State};
use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// A condition on the states of alarms.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Condition {
    /// As it was put.
    pub(super) text: String,
    /// The alarms that it is about, each once: names, or ARNs as they are in the text.
    pub(super) names: Vec<String>,
    root: Node,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Constant(bool),
    /// A state of the alarm with a number.
    Is(State, usize),
    Not(Box<Node>),
    All(Vec<Node>),
    Any(Vec<Node>),
}

impl Condition {
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        for name in SUPPRESSOR {
            if members.has(name) {
                let text = format!("{name}: suppressors of actions are not supported.");
                return Err(Fault::validation(text));
            }
        }
        Self::parse(required(members, "AlarmRule", 1, MAX_RULE)?)
    }

    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut parser = Parser { text, rest: text, names: Vec::new(), elements: 0 };
        let root = parser.any(0)?;
        if !parser.peek().is_empty() {
            return Err(parser.wrong("AND, OR or the end"));
        }
        let names = parser.names;
        Ok(Self { text: text.to_owned(), names, root })
    }

    /// True if it holds for the states of alarms. One that does not exist has none.
    pub(super) fn holds(&self, state: impl Fn(&str) -> Option<State>) -> bool {
        let states: Vec<_> = self.names.iter().map(|name| state(name)).collect();
        self.root.holds(&states)
    }
}

impl Node {
    fn holds(&self, states: &[Option<State>]) -> bool {
        match self {
            Self::Constant(value) => *value,
            Self::Is(state, alarm) => states.get(*alarm) == Some(&Some(*state)),
            Self::Not(node) => !node.holds(states),
            Self::All(nodes) => nodes.iter().all(|node| node.holds(states)),
            Self::Any(nodes) => nodes.iter().any(|node| node.holds(states)),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    names: Vec<String>,
    /// Constants and states so far.
    elements: usize,
}

impl<'a> Parser<'a> {
    fn peek(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    /// Reads a word, or a sign, if it is next.
    fn eat(&mut self, wanted: &str) -> bool {
        let Some(rest) = self.peek().strip_prefix(wanted) else { return false };
        let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if wanted.ends_with(goes_on) && rest.starts_with(goes_on) {
            return false;
        }
        self.rest = rest;
        true
    }

    fn expect(&mut self, wanted: &str) -> Result<(), Fault> {
        if self.eat(wanted) { Ok(()) } else { Err(self.wrong(wanted)) }
    }

    fn any(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut nodes = vec![self.all(depth)?];
        while self.eat("OR") {
            nodes.push(self.all(depth)?);
        }
        Ok(if nodes.len() > 1 { Node::Any(nodes) } else { nodes.remove(0) })
    }

    fn all(&mut self, depth: usize) -> Result<Node, Fault> {
        let mut nodes = vec![self.one(depth)?];
        while self.eat("AND") {
            nodes.push(self.one(depth)?);
        }
        Ok(if nodes.len() > 1 { Node::All(nodes) } else { nodes.remove(0) })
    }

    fn one(&mut self, depth: usize) -> Result<Node, Fault> {
        if depth > MAX_DEPTH {
            let text = format!("AlarmRule is nested more than {MAX_DEPTH} times.");
            return Err(Fault::validation(text));
        }
        if self.eat("NOT") {
            return Ok(Node::Not(Box::new(self.one(depth + 1)?)));
        }
        if self.eat("(") {
            let node = self.any(depth + 1)?;
            self.expect(")")?;
            return Ok(node);
        }
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            let text = format!("AlarmRule has more than {MAX_ELEMENTS} elements.");
            return Err(Fault::validation(text));
        }
        for (word, value) in [("TRUE", true), ("FALSE", false)] {
            if self.eat(word) {
                return Ok(Node::Constant(value));
            }
        }
        for (word, state) in STATES {
            if self.eat(word) {
                self.expect("(")?;
                let name = self.name()?;
                self.expect(")")?;
                return Ok(Node::Is(state, self.number(name)?));
            }
        }
        Err(self.wrong("ALARM, OK, INSUFFICIENT_DATA, TRUE, FALSE, NOT or a parenthesis"))
    }

    /// A name or ARN: as it is, or between quotation marks.
    fn name(&mut self) -> Result<String, Fault> {
        let rest = self.peek();
        let mut name = String::new();
        let length = match rest.strip_prefix('"') {
            None => {
                let length = rest.find(')').unwrap_or(rest.len());
                name.push_str(rest.get(..length).unwrap_or_default().trim_end());
                length
            }
            Some(quoted) => {
                let mut chars = quoted.char_indices();
                loop {
                    match chars.next() {
                        None => return Err(self.wrong("the end of a name, \"")),
                        Some((at, '"')) => break at + 2,
                        Some((_, '\\')) => name.extend(chars.next().map(|(_, c)| c)),
                        Some((_, c)) => name.push(c),
                    }
                }
            }
        };
        if name.is_empty() || name.chars().count() > MAX_ARN {
            return Err(self.wrong("the name of an alarm"));
        }
        self.rest = rest.get(length..).unwrap_or_default();
        Ok(name)
    }

    /// The number of an alarm.
    fn number(&mut self, name: String) -> Result<usize, Fault> {
        if let Some(known) = self.names.iter().position(|own| *own == name) {
            return Ok(known);
        }
        if self.names.len() >= MAX_ALARMS {
            let text = format!("AlarmRule has more than {MAX_ALARMS} alarms.");
            return Err(Fault::validation(text));
        }
        self.names.push(name);
        Ok(self.names.len() - 1)
    }

    fn wrong(&self, expected: impl fmt::Display) -> Fault {
        let at = self.text.get(..self.text.len() - self.rest.len()).unwrap_or_default();
        let at = at.chars().count() + 1;
        let found: String = self.rest.chars().take(32).collect();
        Fault::validation(format!(
            "Error in AlarmRule at character {at}: expected {expected}, found {found:?}."
        ))
    }
}

/// Characters of a rule, as of the service.
const MAX_RULE: usize = 10_240;
/// Alarms of a rule, as of the service.
const MAX_ALARMS: usize = 100;
/// Constants and states of a rule, as of the service.
const MAX_ELEMENTS: usize = 500;
const MAX_DEPTH: usize = 32;
/// Characters of an ARN.
const MAX_ARN: usize = 100 + MAX_NAME;
const SUPPRESSOR: [&str; 3] =
    ["ActionsSuppressor", "ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The result with `a` in ALARM, `b` in OK, `c (1)` in INSUFFICIENT_DATA, and no others.
    fn holds(text: &str) -> bool {
        let state = |name: &str| match name {
            "a" => Some(State::Alarm),
            "b" => Some(State::Ok),
            "c (1)" => Some(State::InsufficientData),
            _ => None,
        };
        Condition::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault:?}")).holds(state)
    }

    #[test]
    fn conditions_hold_for_states() {
        for (text, expected) in [
            ("ALARM(a)", true),
            ("ALARM(b)", false),
            (" OK ( \"b\" ) ", true),
            ("INSUFFICIENT_DATA(\"c (1)\")", true),
            ("NOT ALARM(a)", false),
            ("NOT NOT ALARM(a)", true),
            ("ALARM(a) AND ALARM(b)", false),
            ("ALARM(a) OR ALARM(b)", true),
            // AND before OR.
            ("TRUE OR FALSE AND FALSE", true),
            ("(TRUE OR FALSE) AND FALSE", false),
            ("NOT FALSE AND FALSE", false),
            ("NOT (FALSE AND FALSE)", true),
            ("ALARM(a) AND (OK(b) OR ALARM(b)) AND NOT OK(\"c (1)\")", true),
            // One that does not exist has no state.
            ("ALARM(x) OR OK(x) OR INSUFFICIENT_DATA(x)", false),
            ("ALARM(\"a\\\"\") OR FALSE", false),
        ] {
            assert_eq!(holds(text), expected, "{text}");
        }
    }

    #[test]
    fn names_are_listed_once() {
        let names = |text: &str| Condition::parse(text).unwrap().names;
        assert_eq!(names("ALARM(a) AND (OK(b c) OR ALARM(\"a\"))"), ["a", "b c"]);
        assert_eq!(names(r#"OK("x\"y\\z") OR TRUE"#), [r#"x"y\z"#]);
        let arn = "arn:aws:cloudwatch:us-east-1:1:alarm:a";
        assert_eq!(names(&format!("ALARM({arn})")), [arn]);
    }

    #[test]
    fn wrong_conditions_are_errors_with_their_place() {
        for (text, reason) in [
            ("", "at character 1: expected ALARM"),
            ("ALARM(a", "at character 8: expected )"),
            ("ALARM()", "at character 7: expected the name"),
            ("ALARM(\"a", "expected the end of a name"),
            ("ALARM(a) ALARM(b)", "at character 10: expected AND, OR or the end"),
            ("ALARM(a) XOR ALARM(b)", "at character 10"),
            ("ALARMS(a)", "at character 1"),
            ("TRUEAND FALSE", "at character 1"),
            ("(TRUE", "expected )"),
            ("NOT", "at character 4"),
            ("AT_LEAST(1, ALARM, (a, b))", "expected ALARM, OK"),
        ] {
            let fault = Condition::parse(text).unwrap_err();
            assert!(fault.message.contains(reason), "{text}: {}", fault.message);
        }
        let nested = |depth: usize| format!("{}TRUE{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Condition::parse(&nested(MAX_DEPTH)).is_ok());
        assert!(Condition::parse(&nested(MAX_DEPTH + 1)).is_err());
        assert!(Condition::parse(&"NOT ".repeat(2000)).is_err());
        let many = |count: usize, element: &dyn Fn(usize) -> String| {
            (0..count).map(element).collect::<Vec<_>>().join(" OR ")
        };
        let alarm = |number: usize| format!("OK(a{number})");
        assert!(Condition::parse(&many(MAX_ALARMS, &alarm)).is_ok());
        assert!(Condition::parse(&many(MAX_ALARMS + 1, &alarm)).is_err());
        let constant = |_: usize| "TRUE".to_owned();
        assert!(Condition::parse(&many(MAX_ELEMENTS, &constant)).is_ok());
        assert!(Condition::parse(&many(MAX_ELEMENTS + 1, &constant)).is_err());
    }
}
