//! Filters on metrics: `os_name=linux&os_name=windows&host_name=*web*`.

use std::collections::BTreeMap;

/// Patterns by name of the metric. One of the patterns of each name must match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetricFilter(BTreeMap<String, Vec<String>>);

impl MetricFilter {
    /// A filter of pairs of name and pattern. In a pattern `*` stands for any characters.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut patterns: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, pattern) in pairs {
            patterns.entry(name.to_owned()).or_default().push(pattern.to_owned());
        }
        Self(patterns)
    }

    /// Name and patterns.
    pub fn patterns(&self) -> &BTreeMap<String, Vec<String>> {
        &self.0
    }

    /// True if each metric has a value, among those that `values` returns for its name, that matches.
    pub(super) fn passes<V>(&self, values: impl Fn(&str) -> V) -> bool
    where
        V: IntoIterator<Item = String>,
    {
        self.0.iter().all(|(name, patterns)| {
            let matched = |value: String| patterns.iter().any(|pattern| matches(pattern, &value));
            values(name).into_iter().any(matched)
        })
    }
}

/// True if `pattern`, in which `*` stands for any characters, is all of `text`.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_any_characters() {
        for (pattern, text, expected) in [
            ("web*", "web1", true),
            ("web*", "aweb1", false),
            ("*web*", "my-web-1", true),
            ("w*b*1", "web-b1", true),
            ("w*b1", "web-b2", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("linux", "linux", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn names_are_anded_and_patterns_ored() {
        let pairs = [("os_name", "linux"), ("os_name", "windows"), ("host_name", "web*")];
        let filter = MetricFilter::new(pairs);
        let passes = |os: &str, host: Option<&str>| {
            filter.passes(|name| match name {
                "os_name" => Some(os.to_owned()),
                _ => host.map(str::to_owned),
            })
        };
        assert!(passes("linux", Some("web1")));
        assert!(passes("windows", Some("web1")));
        assert!(!passes("aix", Some("web1")));
        assert!(!passes("linux", Some("db1")));
        assert!(!passes("linux", None));
        assert!(MetricFilter::default().passes(|_| []));
    }
}
