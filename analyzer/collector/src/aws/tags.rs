//! Tags: keys with values that users give to resources.

use std::collections::BTreeMap;

use super::document::Document;
use super::fault::Fault;

/// The tags of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The tags of pairs, in which each key is once. `name` is the member of the request.
    pub(crate) fn of<'a>(
        name: &str,
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Fault> {
        let mut tags = Self::default();
        for (key, value) in pairs {
            check(name, key, value)?;
            if tags.0.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(Fault::value(name, &format!("has the key {key:?} twice")));
            }
            tags.check_count(name)?;
        }
        Ok(tags)
    }

    /// The same with further ones, or with other values of keys that are there.
    pub(crate) fn with(&self, name: &str, further: Self) -> Result<Self, Fault> {
        let mut tags = self.clone();
        tags.0.extend(further.0);
        tags.check_count(name)?;
        Ok(tags)
    }

    /// The same without these keys.
    pub(crate) fn without(&self, keys: &[impl AsRef<str>]) -> Self {
        let mut tags = self.clone();
        for key in keys {
            tags.0.remove(key.as_ref());
        }
        tags
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes of the texts.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// As a list of structures.
    pub(crate) fn list(&self) -> Vec<Document> {
        let tag = |(key, value): (&String, &String)| {
            Document::new().with("Key", key.as_str()).with("Value", value.as_str())
        };
        self.0.iter().map(tag).collect()
    }

    /// The keys with their values.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (String, String)> {
        self.0.into_iter()
    }

    /// As a map.
    pub(crate) fn map(&self) -> Document {
        let tag = |(key, value): (&String, &String)| (key.clone(), value.as_str().into());
        Document::Map(self.0.iter().map(tag).collect())
    }

    fn check_count(&self, name: &str) -> Result<(), Fault> {
        if self.0.len() > MAX_TAGS {
            return Err(Fault::value(name, &format!("makes more than {MAX_TAGS} tags")));
        }
        Ok(())
    }
}

/// Checks a tag, by the rules that all services share.
fn check(name: &str, key: &str, value: &str) -> Result<(), Fault> {
    let belongs = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    let is_text =
        |text: &str, most: usize| text.chars().count() <= most && text.chars().all(belongs);
    if key.is_empty() || !is_text(key, 128) || !is_text(value, 256) {
        let reason = "has a tag whose key is not of 1 to 128, or whose value is not of 0 to 256, letters, \
                      digits, spaces and the characters _ . : / = + - @";
        return Err(Fault::value(name, reason));
    }
    if key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:")) {
        return Err(Fault::value(name, "has a key that begins with aws:, which are those of AWS"));
    }
    Ok(())
}

/// Tags of a resource.
const MAX_TAGS: usize = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<Tags, Fault> {
        Tags::of("Tags", pairs.iter().copied())
    }

    #[test]
    fn tags_are_added_replaced_and_removed() {
        let tags = of(&[("b", "1"), ("a", "")]).unwrap();
        let more = tags.with("Tags", of(&[("b", "2"), ("c", "3")]).unwrap()).unwrap();
        assert_eq!(more, of(&[("a", ""), ("b", "2"), ("c", "3")]).unwrap());
        assert_eq!(more.without(&["a", "c", "none"]), of(&[("b", "2")]).unwrap());
        assert_eq!((more.bytes(), tags.is_empty(), Tags::default().is_empty()), (5, false, true));
    }

    #[test]
    fn tags_have_limits() {
        let long = |length: usize| "ü".repeat(length);
        for (key, value, is_right) in [
            (long(128), long(256), true),
            (long(129), String::new(), false),
            ("k".to_owned(), long(257), false),
            (String::new(), "v".to_owned(), false),
            ("aws:x".to_owned(), "v".to_owned(), false),
            ("AWS:x".to_owned(), "v".to_owned(), false),
            ("awsx".to_owned(), "a b_c.d:e/f=g+h-i@j".to_owned(), true),
            ("k".to_owned(), "a\u{0}".to_owned(), false),
        ] {
            assert_eq!(of(&[(&key, &value)]).is_ok(), is_right, "{key} {value}");
        }
        assert!(of(&[("a", "1"), ("a", "2")]).is_err());
        let keys: Vec<String> = (0..51).map(|number| number.to_string()).collect();
        let all: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
        let (most, last) = all.split_at(50);
        let most = of(most).unwrap();
        assert!(of(&all).is_err() && most.with("Tags", of(last).unwrap()).is_err());
        assert!(most.with("Tags", of(&[("0", "again")]).unwrap()).is_ok());
    }
}
