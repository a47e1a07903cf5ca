//! `SEARCH`: metrics by the names of their dimensions and by words.
//!
//! `{AWS/EC2,InstanceId} MetricName="CPUUtilization" AND NOT web`. The braces have a namespace and exactly the
//! names of the dimensions. A word is found in any name or value, whatever its case; `Name="…"` compares all
//! of a name or value. AND is the default between two terms.

use super::metric::Metric;
use crate::aws::fault::Fault;

/// Which metrics are searched.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Search {
    /// The namespace and the names of the dimensions in their order.
    schema: Option<(String, Vec<String>)>,
    term: Option<Term>,
}

#[derive(Clone, Debug, PartialEq)]
enum Term {
    /// Words that a name or value has.
    Words(Option<String>, Vec<String>),
    /// All of a name or value.
    Exact(Option<String>, String),
    Not(Box<Term>),
    And(Vec<Term>),
    Or(Vec<Term>),
}

impl Search {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        if text.len() > MAX_BYTES {
            let text = format!("A search expression has more than {MAX_BYTES} bytes.");
            return Err(Fault::validation(text));
        }
        let mut parser = Parser { text, rest: text.trim(), depth: 0 };
        let schema = parser.schema()?;
        let term = match parser.rest {
            "" => None,
            _ => Some(parser.any_of(None)?),
        };
        if !parser.rest.is_empty() {
            return Err(parser.fault());
        }
        Ok(Self { schema, term })
    }

    /// The namespace of all metrics that can be found.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.schema.as_ref().map(|(namespace, _)| namespace.as_str())
    }

    /// The name that all metrics that are found have, if it follows from the terms.
    pub(super) fn name(&self) -> Option<&str> {
        let exact = |term: &'_ Term| matches!(term, Term::Exact(Some(of), _) if of == "MetricName");
        let term = match self.term.as_ref()? {
            Term::And(terms) => terms.iter().find(|term| exact(term))?,
            term => term,
        };
        match term {
            Term::Exact(Some(of), name) if of == "MetricName" => Some(name),
            _ => None,
        }
    }

    /// The work of a comparison: 1 for a few terms, more for many terms and a metric of long texts.
    pub(super) fn work(&self, metric: &Metric) -> usize {
        let bytes: usize = texts(metric, None).map(str::len).sum();
        1 + self.term.as_ref().map_or(0, Term::count) * bytes / 256
    }

    /// True for a metric that is found.
    pub(super) fn finds(&self, metric: &Metric) -> bool {
        let fits = self.schema.as_ref().is_none_or(|(namespace, names)| {
            let own = metric.dimensions().iter().map(|(name, _)| name);
            *namespace == metric.namespace && own.eq(names)
        });
        fits && self.term.as_ref().is_none_or(|term| term.finds(metric))
    }
}

impl Term {
    /// The number of texts that are compared.
    fn count(&self) -> usize {
        match self {
            Self::Words(..) | Self::Exact(..) => 1,
            Self::Not(term) => term.count(),
            Self::And(terms) | Self::Or(terms) => terms.iter().map(Self::count).sum(),
        }
    }

    fn finds(&self, metric: &Metric) -> bool {
        match self {
            Self::Not(term) => !term.finds(metric),
            Self::And(terms) => terms.iter().all(|term| term.finds(metric)),
            Self::Or(terms) => terms.iter().any(|term| term.finds(metric)),
            Self::Exact(of, text) => texts(metric, of.as_deref()).any(|own| own == text),
            Self::Words(of, wanted) => texts(metric, of.as_deref()).any(|own| {
                let own = words(own);
                own.windows(wanted.len()).any(|part| part == wanted)
            }),
        }
    }
}

/// The names and values of a metric, or one of them.
fn texts<'m>(metric: &'m Metric, of: Option<&str>) -> impl Iterator<Item = &'m str> {
    let all = [("Namespace", &metric.namespace), ("MetricName", &metric.name)].into_iter();
    let dimensions = metric.dimensions().iter().map(|(name, value)| (name.as_str(), value));
    let names = metric.dimensions().iter().filter(move |_| of.is_none()).map(|(name, _)| name);
    let of = of.map(str::to_owned);
    let named =
        all.chain(dimensions).filter(move |(name, _)| of.as_ref().is_none_or(|of| of == name));
    named.map(|(_, text)| text.as_str()).chain(names.map(String::as_str))
}

/// The words of a text in small letters: parts of letters, of which a capital begins another one, and parts
/// of digits.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if !letter.is_alphanumeric() {
            before = ' ';
            continue;
        }
        let next_is_small = letters.peek().is_some_and(|next| next.is_lowercase());
        let begins = !before.is_alphanumeric()
            || before.is_numeric() != letter.is_numeric()
            || letter.is_uppercase() && (before.is_lowercase() || next_is_small);
        if begins {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(letter.to_lowercase());
        }
        before = letter;
    }
    words
}

/// What is left of a search expression.
struct Parser<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn fault(&self) -> Fault {
        let text = format!("Error in search expression {:?} before {:?}.", self.text, self.rest);
        Fault::validation(text)
    }

    fn takes(&mut self, sign: &str) -> bool {
        let taken = self.rest.strip_prefix(sign);
        self.rest = taken.map_or(self.rest, str::trim_start);
        taken.is_some()
    }

    /// What follows an operator that is a word of its own.
    fn after_word(&self, word: &str) -> Option<&'a str> {
        let rest = self.rest.strip_prefix(word);
        rest.filter(|rest| !rest.starts_with(|c: char| is_plain(c) || c == '='))
    }

    fn is_at_word(&self, word: &str) -> bool {
        self.after_word(word).is_some()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let rest = self.after_word(word);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    /// `{Namespace,Dimension,Dimension}`
    fn schema(&mut self) -> Result<Option<(String, Vec<String>)>, Fault> {
        if !self.takes("{") {
            return Ok(None);
        }
        let mut parts = Vec::new();
        while !self.takes("}") {
            if !parts.is_empty() && !self.takes(",") {
                return Err(self.fault());
            }
            let part = match self.rest.starts_with('"') {
                true => self.quoted()?,
                false => self.plain_until(|c| c == ',' || c == '}'),
            };
            if part.is_empty() {
                return Err(self.fault());
            }
            parts.push(part);
        }
        if parts.is_empty() {
            return Err(self.fault());
        }
        let namespace = parts.remove(0);
        parts.sort();
        Ok(Some((namespace, parts)))
    }

    fn any_of(&mut self, of: Option<&str>) -> Result<Term, Fault> {
        if self.depth >= MAX_DEPTH {
            return Err(self.fault());
        }
        self.depth += 1;
        let mut terms = vec![self.all_of(of)?];
        while self.takes_word("OR") {
            terms.push(self.all_of(of)?);
        }
        self.depth -= 1;
        Ok(if terms.len() == 1 { terms.remove(0) } else { Term::Or(terms) })
    }

    fn all_of(&mut self, of: Option<&str>) -> Result<Term, Fault> {
        let mut terms = vec![self.factor(of)?];
        loop {
            let is_end = self.rest.is_empty() || self.rest.starts_with(')');
            if is_end || self.is_at_word("OR") {
                return Ok(if terms.len() == 1 { terms.remove(0) } else { Term::And(terms) });
            }
            self.takes_word("AND");
            terms.push(self.factor(of)?);
        }
    }

    fn factor(&mut self, of: Option<&str>) -> Result<Term, Fault> {
        if self.takes_word("NOT") {
            if self.rest.is_empty() || self.is_at_word("NOT") {
                return Err(self.fault());
            }
            return Ok(Term::Not(Box::new(self.factor(of)?)));
        }
        if self.takes("(") {
            let inner = self.any_of(of)?;
            return if self.takes(")") { Ok(inner) } else { Err(self.fault()) };
        }
        if self.rest.starts_with('"') {
            let text = self.quoted()?;
            if of.is_none() && self.takes("=") {
                return self.factor(Some(&text));
            }
            // In quotes and without a name it is a phrase of words.
            return match of {
                Some(of) => Ok(Term::Exact(Some(of.to_owned()), text)),
                None => self.words(None, &text),
            };
        }
        let text = self.plain_until(|c| !is_plain(c));
        let is_operator = matches!(text.as_str(), "AND" | "OR" | "NOT");
        if text.is_empty() || is_operator || of.is_some() && self.rest.starts_with('=') {
            return Err(self.fault());
        }
        if self.takes("=") {
            return self.factor(Some(&text));
        }
        self.words(of, &text)
    }

    fn words(&self, of: Option<&str>, text: &str) -> Result<Term, Fault> {
        let words = words(text);
        if words.is_empty() {
            Err(self.fault())
        } else {
            Ok(Term::Words(of.map(str::to_owned), words))
        }
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let inner = self.rest.strip_prefix('"').unwrap_or(self.rest);
        let Some((text, rest)) = inner.split_once('"') else { return Err(self.fault()) };
        self.rest = rest.trim_start();
        Ok(text.to_owned())
    }

    fn plain_until(&mut self, ends: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, ""));
        self.rest = rest.trim_start();
        text.trim().to_owned()
    }
}

/// True for a character of a word without quotes.
fn is_plain(c: char) -> bool {
    c.is_alphanumeric() || "-_./:@%+*#".contains(c)
}

const MAX_BYTES: usize = 1024;
/// Parentheses within parentheses.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(namespace: &str, name: &str, dimensions: &[(&str, &str)]) -> Metric {
        let dimensions =
            dimensions.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Metric::new(namespace, name, dimensions.collect())
    }

    #[test]
    fn words_are_parts_of_a_name() {
        for (text, expected) in [
            ("CPUUtilization", &["cpu", "utilization"][..]),
            ("CustomCount1", &["custom", "count", "1"]),
            ("mem_used_percent", &["mem", "used", "percent"]),
            ("i-0abc", &["i", "0", "abc"]),
            ("AWS/EC2", &["aws", "ec", "2"]),
            ("--", &[]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn metrics_are_found_by_schema_and_terms() {
        let one = metric("AWS/EC2", "CPUUtilization", &[("InstanceId", "i-web1")]);
        for (text, found) in [
            ("", true),
            ("{AWS/EC2,InstanceId}", true),
            ("{\"AWS/EC2\",\"InstanceId\"} MetricName=\"CPUUtilization\"", true),
            ("{AWS/EC2, InstanceId} MetricName=\"CPU\"", false),
            ("{AWS/EC2}", false),
            ("{AWS/EC2,InstanceId,ImageId}", false),
            ("{CWAgent,InstanceId}", false),
            ("cpu", true),
            ("CPUUtilization", true),
            ("utilization cpu", true),
            ("\"utilization cpu\"", false),
            ("\"cpu utilization\"", true),
            ("cpuutil", false),
            ("web", true),
            ("web OR db", true),
            ("db OR web AND cpu", true),
            ("(db OR mail) cpu", false),
            ("cpu NOT web", false),
            ("cpu AND NOT db", true),
            ("MetricName=cpu", true),
            ("InstanceId=cpu", false),
            ("InstanceId=(db OR web)", true),
            ("InstanceId=\"i-web1\" Namespace=\"AWS/EC2\"", true),
            ("\"InstanceId\"=\"i-web1\"", true),
            ("InstanceId", true),
            ("ORDER", false),
        ] {
            assert_eq!(Search::parse(text).map(|it| it.finds(&one)), Ok(found), "{text}");
        }
    }

    #[test]
    fn wrong_expressions_are_errors() {
        let deep = "(".repeat(1000);
        let nots = "NOT ".repeat(200);
        for text in [
            "{",
            "{}",
            "{a",
            "{a,}",
            "a)",
            "(a",
            "a OR",
            "AND",
            "NOT",
            "\"a",
            "a=",
            "a=b=c",
            "=",
            "--",
            "NOT NOT a",
            &deep,
            &nots,
            &"a ".repeat(600),
        ] {
            assert!(Search::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn many_terms_and_long_texts_are_more_work() {
        let short = metric("CWAgent", "cpu_usage_idle", &[("host", "web1"), ("cpu", "cpu-total")]);
        let value = "a ".repeat(500);
        let long = metric("N", "m", &[("d", value.as_str()); 30]);
        let work = |text: &str, metric| Search::parse(text).unwrap().work(metric);
        assert_eq!(work("cpu idle NOT web", &short), 1);
        assert_eq!(work("", &long), 1);
        assert_eq!(work("x", &long), 1 + (1 + 1 + 30 * 1000 + 30) / 256);
        assert!(work(&"x ".repeat(200), &long) > 20_000);
    }

    #[test]
    fn exact_name_limits_what_is_read() {
        let name = |text| Search::parse(text).unwrap().name().map(str::to_owned);
        assert_eq!(name("{N} MetricName=\"m\"").as_deref(), Some("m"));
        assert_eq!(name("{N} a MetricName=\"m\"").as_deref(), Some("m"));
        assert_eq!(name("{N} a OR MetricName=\"m\""), None);
        assert_eq!(name("{N} NOT MetricName=\"m\""), None);
        assert_eq!(name("{N} MetricName=m"), None);
    }
}
