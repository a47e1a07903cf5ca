//! Query strings: unknown and repeated names are no errors, and a value that cannot be parsed counts as
//! absent.

use core::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use core::convert::Infallible;

/// The names and values of a query string, decoded once, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Query {
    /// Parses a query string.
    pub(crate) fn parse(text: &str) -> Self {
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    /// The first value of a name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All values of a name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The first value of a name, parsed.
    pub(crate) fn get<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.trim().parse().ok()
    }

    /// All pairs in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_and_repeated_names_are_kept() {
        let query = Query::parse("maxEvents=1&timeout=x&maxEvents=2&&a&name=b%20c+d%2");
        assert_eq!(query.get("maxEvents"), Some(1));
        assert_eq!(query.get::<f64>("timeout"), None);
        assert_eq!(query.all("maxEvents").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(query.text("a"), Some(""));
        assert_eq!(query.text("name"), Some("b c d%2"));
        assert_eq!(query.text("other"), None);
    }

    #[test]
    fn filter_is_decoded_once() {
        let query = Query::parse("filter=a%3Db%26c~d%2525");
        assert_eq!(query.text("filter"), Some("a=b&c~d%25"));
    }
}
