//! Families of series, and the text format of Prometheus.

use core::fmt::{Display, Write};

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Families of series in the making.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) families: Vec<Family>,
}

/// All series of one name.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) help: String,
    pub(crate) series: Vec<(Labels, f64)>,
}

/// What the values of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// It only increases.
    Counter,
    Gauge,
}

/// The labels of a series and their values.
pub(crate) type Labels = Vec<(String, String)>;

/// The value of a series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value(f64);

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self(number)
    }
}

/// Counts above 2^53 lose their last digits, as in Prometheus.
impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self(count as f64)
    }
}

impl Exposition {
    /// Begins a family.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let (name, help) = (name.to_owned(), help.to_owned());
        self.families.push(Family { name, kind, help, series: Vec::new() });
    }

    /// Adds a series to the last family.
    pub(crate) fn series<N: Display>(
        &mut self,
        labels: impl IntoIterator<Item = (N, String)>,
        value: impl Into<Value>,
    ) {
        let labels = labels.into_iter().map(|(name, value)| (name.to_string(), value)).collect();
        if let Some(family) = self.families.last_mut() {
            family.series.push((labels, value.into().0));
        }
    }

    pub(super) fn reply(self) -> Response {
        ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], self.text())
            .into_response()
    }

    fn text(self) -> String {
        let mut text = String::new();
        for Family { name, kind, help, series } in self.families {
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in series {
                let _ = match labels.is_empty() {
                    true => writeln!(text, "{name} {value}"),
                    false => writeln!(text, "{name}{{{}}} {value}", joined(labels)),
                };
            }
        }
        text
    }
}

/// No labels.
pub(super) const NONE: [(&str, String); 0] = [];

/// A name of a series or label: characters that it may not have become `_`.
pub(crate) fn name(text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain: String = text.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    match plain.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{plain}"),
        false => plain,
    }
}

/// Labels and their values, escaped.
pub(crate) fn joined<N: Display>(pairs: impl IntoIterator<Item = (N, String)>) -> String {
    let escaped =
        |value: String| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let labels: Vec<String> =
        pairs.into_iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    labels.join(",")
}

/// Splits a list of keys at commas outside of brackets.
pub(super) fn split_keys(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_allowed_characters_only() {
        assert_eq!(name("if-in.octets"), "if_in_octets");
        assert_eq!(name("null:[country:ipsource]:unknown"), "null__country_ipsource__unknown");
        assert_eq!(name("00"), "_00");
    }

    #[test]
    fn values_are_escaped() {
        assert_eq!(joined([("a", "x\"y\\z\n".to_owned())]), r#"a="x\"y\\z\n""#);
    }

    #[test]
    fn family_has_help_type_and_series() {
        let mut text = Exposition::default();
        text.family("a_total", Kind::Counter, "All of them.");
        text.series(NONE, 5_u64);
        text.series([("kind", "x".to_owned())], 0.5);
        let expected = "# HELP a_total All of them.\n# TYPE a_total counter\n\
                        a_total 5\na_total{kind=\"x\"} 0.5\n";
        assert_eq!(text.text(), expected);
    }

    #[test]
    fn commas_in_brackets_do_not_separate() {
        assert_eq!(split_keys("a,or:[b,c]:d,e"), ["a", "or:[b,c]:d", "e"]);
    }
}
