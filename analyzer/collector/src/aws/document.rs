//! What operations read and write: a tree of values, whatever the protocol.
//!
//! Protocols differ in the types that they have on the wire. A query has texts for everything; a time is a
//! number in JSON, a tagged number in CBOR and a text in XML; a list of XML has an element for each item. So
//! operations see this tree and no protocol, and protocols see no operation.

use std::collections::HashSet;
use std::sync::Arc;

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
    Rows(Rows),
}

/// Rows of results as they are kept: a list of lists of structures with a `field` and a `value`. As such
/// they would take many times the memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rows {
    columns: Arc<[String]>,
    rows: Arc<Vec<Vec<Option<String>>>>,
}

impl Rows {
    pub(crate) fn new(columns: Arc<[String]>, rows: Arc<Vec<Vec<Option<String>>>>) -> Self {
        Self { columns, rows }
    }

    /// The names and values of each row, without those that are missing.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Vec<(&str, &str)>> {
        self.rows.iter().map(|row| {
            let fields = self.columns.iter().zip(row);
            fields.filter_map(|(name, value)| Some((name.as_str(), value.as_deref()?))).collect()
        })
    }

    /// The same as lists of structures.
    pub(crate) fn plain(&self) -> Document {
        let field = |(name, value)| Document::new().with("field", name).with("value", value);
        let row = |row: Vec<_>| Document::List(row.into_iter().map(field).collect());
        Document::List(self.iter().map(row).collect())
    }
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

impl From<Rows> for Document {
    fn from(rows: Rows) -> Self {
        Self::Rows(rows)
    }
}

impl From<Vec<Self>> for Document {
    fn from(list: Vec<Self>) -> Self {
        Self::List(list)
    }
}
