//! What operations read and write: a tree of values, whatever the protocol.
//!
//! Protocols differ in the types that they have on the wire. A query has texts for everything; a time is a
//! number in JSON, a tagged number in CBOR and a text in XML; a list of XML has an element for each item. So
//! operations see this tree and no protocol, and protocols see no operation.

use std::collections::HashSet;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Document {
    Null,
    Bool(bool),
    Number(f64),
    /// A number that clients accept without a fraction only. It is read as [`Self::Number`].
    Integer(i64),
    /// Seconds since 1970.
    Time(f64),
    Text(String),
    List(Vec<Document>),
    /// A structure, in the order of its members.
    Members(Vec<(String, Document)>),
    /// A map whose keys are data.
    Map(Vec<(String, Document)>),
}

impl Document {
    /// A structure without members.
    pub(crate) fn new() -> Self {
        Self::Members(Vec::new())
    }

    /// The same with a member more.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Self>) -> Self {
        if let Self::Members(members) = &mut self {
            members.push((name.to_owned(), value.into()));
        }
        self
    }

    /// The same with texts that are not in the body, which has none of them. Another value than a structure
    /// stays as it is.
    #[must_use]
    pub(crate) fn with_texts(mut self, texts: Vec<(String, String)>) -> Self {
        if let Self::Members(members) = &mut self {
            let own: HashSet<&str> = texts.iter().map(|(name, _)| name.as_str()).collect();
            members.retain(|(name, _)| !own.contains(name.as_str()));
            members.extend(texts.into_iter().map(|(name, text)| (name, Self::Text(text))));
        }
        self
    }

    /// The same with a member more, if there is a value for it.
    #[must_use]
    pub(crate) fn with_some(self, name: &str, value: Option<impl Into<Self>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Document {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<f64> for Document {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Document {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Document {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<Self>> for Document {
    fn from(list: Vec<Self>) -> Self {
        Self::List(list)
    }
}
