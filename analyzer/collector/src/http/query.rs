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
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(decoded.collect())
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

/// Replaces `+` by a space and `%41` by `A`. An incomplete escape stands for itself.
pub(crate) fn decode(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text)).into_owned()
}

/// The bytes of a decoded text, which need not be UTF-8.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match (first, escaped) {
            (_, Some((high, low))) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', None) => bytes.push(b' '),
            (other, None) => bytes.push(other),
        }
        rest = after;
    }
    bytes
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|digit| digit as u8)
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
