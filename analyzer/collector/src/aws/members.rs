//! Typed reading of the members of a structure, with the error of each that cannot be read.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::document::Document;
use super::fault::{Fault, Kind};

/// The members of a structure, and where it is in the request.
#[derive(Clone, Debug)]
pub(crate) struct Members<'a> {
    members: &'a [(String, Document)],
    /// Such as `MetricData.1.`; empty for the request itself.
    path: String,
}

impl<'a> Members<'a> {
    /// The members of a request. A body without any is a request without parameters.
    pub(crate) fn of(document: &'a Document) -> Result<Self, Fault> {
        let fault = |_| Fault::new(Kind::Serialization, "The body is no structure.");
        Self::at(document, String::new()).map_err(fault)
    }

    fn at(document: &'a Document, path: String) -> Result<Self, Fault> {
        let members: &[_] = match document {
            Document::Members(members) | Document::Map(members) => members,
            Document::Null => &[],
            _ => return Err(Fault::value(path.trim_end_matches('.'), "is no structure")),
        };
        Ok(Self { members, path })
    }

    /// The name of a member for a message.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    fn fault(&self, name: &str, reason: &str) -> Fault {
        Fault::value(&self.name(name), reason)
    }

    fn get(&self, name: &str) -> Option<&'a Document> {
        let found = self.members.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value).filter(|value| **value != Document::Null)
    }

    /// True for a member that is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Document::Text(text)) => Ok(Some(text)),
            Some(_) => Err(self.fault(name, "is no text")),
        }
    }

    /// A text that a request must have.
    pub(crate) fn required(&self, name: &str) -> Result<&'a str, Fault> {
        self.text(name)?.ok_or_else(|| Fault::missing(&self.name(name)))
    }

    /// A finite number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<f64>, Fault> {
        self.get(name).map(|value| self.to_number(name, value)).transpose()
    }

    fn to_number(&self, name: &str, value: &Document) -> Result<f64, Fault> {
        let number = match value {
            Document::Number(number) | Document::Time(number) => Some(*number),
            Document::Integer(number) => Some(*number as f64),
            Document::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.fault(name, "is no number"))?;
        if number.is_finite() { Ok(number) } else { Err(self.fault(name, "is not finite")) }
    }

    /// A whole number from 0 to 2^32-1.
    pub(crate) fn integer(&self, name: &str) -> Result<Option<u32>, Fault> {
        let Some(number) = self.number(name)? else { return Ok(None) };
        if number.fract() != 0.0 || !(0.0..=f64::from(u32::MAX)).contains(&number) {
            return Err(self.fault(name, "is no whole number from 0 to 4294967295"));
        }
        Ok(Some(number as u32))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.get(name) {
            None => Ok(None),
            Some(Document::Bool(value)) => Ok(Some(*value)),
            Some(Document::Text(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Document::Text(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.fault(name, "is neither true nor false")),
        }
    }

    /// A time in milliseconds since 1970.
    pub(crate) fn time(&self, name: &str) -> Result<Option<i64>, Fault> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let seconds = match value {
            Document::Text(text) => match OffsetDateTime::parse(text.trim(), &Rfc3339) {
                Ok(time) => time.unix_timestamp_nanos() as f64 / 1e9,
                Err(_) => self
                    .to_number(name, value)
                    .map_err(|_| self.fault(name, "is no time, such as 2026-11-28T12:10:00Z"))?,
            },
            _ => self.to_number(name, value)?,
        };
        // The years 1970 to 9999.
        if !(0.0..253_402_300_800.0).contains(&seconds) {
            return Err(self.fault(name, "is no time of the years 1970 to 9999"));
        }
        Ok(Some((seconds * 1000.0).round() as i64))
    }

    pub(crate) fn required_time(&self, name: &str) -> Result<i64, Fault> {
        self.time(name)?.ok_or_else(|| Fault::missing(&self.name(name)))
    }

    /// A list; empty if it is absent.
    fn list(&self, name: &str) -> Result<&'a [Document], Fault> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Document::List(list)) => Ok(list),
            // An empty list of a query: `Dimensions=`.
            Some(Document::Text(text)) if text.is_empty() => Ok(&[]),
            Some(_) => Err(self.fault(name, "is no list")),
        }
    }

    /// A list of structures.
    pub(crate) fn structures(&self, name: &str) -> Result<Vec<Self>, Fault> {
        let items = (1..).zip(self.list(name)?);
        items.map(|(at, item)| Self::at(item, format!("{}{name}.{at}.", self.path))).collect()
    }

    /// A structure.
    pub(crate) fn structure(&self, name: &str) -> Result<Option<Self>, Fault> {
        self.get(name).map(|item| Self::at(item, format!("{}{name}.", self.path))).transpose()
    }

    /// A list of texts.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<&'a str>, Fault> {
        self.to_texts(name, self.list(name)?)
    }

    /// A list of lists of texts.
    pub(crate) fn lists_of_texts(&self, name: &str) -> Result<Vec<Vec<&'a str>>, Fault> {
        let lists = self.list(name)?.iter().map(|item| match item {
            Document::List(list) => self.to_texts(name, list),
            _ => Err(self.fault(name, "has an item that is no list")),
        });
        lists.collect()
    }

    fn to_texts(&self, name: &str, list: &'a [Document]) -> Result<Vec<&'a str>, Fault> {
        let text = |item: &'a Document| match item {
            Document::Text(text) => Ok(text.as_str()),
            _ => Err(self.fault(name, "has an item that is no text")),
        };
        list.iter().map(text).collect()
    }

    /// The keys and texts of a map; empty if it is absent.
    pub(crate) fn map(&self, name: &str) -> Result<Vec<(&'a str, &'a str)>, Fault> {
        let Some(map) = self.structure(name)? else { return Ok(Vec::new()) };
        let text = |(key, value): &'a (String, Document)| match value {
            Document::Text(text) => Ok((key.as_str(), text.as_str())),
            _ => Err(map.fault(key, "is no text")),
        };
        map.members.iter().map(text).collect()
    }

    /// A list of finite numbers.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<f64>, Fault> {
        self.list(name)?.iter().map(|item| self.to_number(name, item)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(name: &str, value: Document) -> Document {
        Document::new().with(name, value)
    }

    #[test]
    fn times_are_texts_or_numbers() {
        for (value, expected) in [
            (Document::from("2026-11-28T12:10:00Z"), 1_795_867_800_000),
            (Document::from("2026-11-28T12:10:00.500Z"), 1_795_867_800_500),
            (Document::from("2026-11-28T12:10:00.500000Z"), 1_795_867_800_500),
            (Document::from("2026-11-28T13:10:00+01:00"), 1_795_867_800_000),
            (Document::from("1795867800"), 1_795_867_800_000),
            (Document::Number(1_795_867_800.25), 1_795_867_800_250),
            (Document::Time(1_795_867_800.0), 1_795_867_800_000),
        ] {
            let document = parsed("StartTime", value.clone());
            let members = Members::of(&document).unwrap();
            assert_eq!(members.time("StartTime"), Ok(Some(expected)), "{value:?}");
        }
        for text in ["yesterday", "-1", "1e300", "NaN", ""] {
            let document = parsed("StartTime", text.into());
            let fault = Members::of(&document).unwrap().time("StartTime").unwrap_err();
            assert!(fault.message.contains("StartTime"), "{fault:?}");
        }
    }

    #[test]
    fn faults_have_the_place_in_the_request() {
        let item = Document::new().with("Value", "x");
        let document = parsed("MetricData", vec![Document::new(), item].into());
        let list = Members::of(&document).unwrap().structures("MetricData").unwrap();
        assert_eq!(
            list[1].number("Value"),
            Err(Fault::value("MetricData.2.Value", "is no number"))
        );
        assert_eq!(list[0].required("MetricName"), Err(Fault::missing("MetricData.1.MetricName")));
        assert_eq!(list[0].number("Value"), Ok(None));
    }

    #[test]
    fn request_is_a_structure() {
        assert_eq!(Members::of(&Document::Null).map(|it| it.members.len()), Ok(0));
        let fault = Members::of(&Document::List(Vec::new())).unwrap_err();
        assert_eq!(fault.kind, Kind::Serialization);
    }

    #[test]
    fn numbers_that_are_not_whole_are_no_integers() {
        for (value, whole) in [("60", Some(60)), ("60.5", None), ("-60", None), ("1e12", None)] {
            let document = parsed("Period", value.into());
            assert_eq!(Members::of(&document).unwrap().integer("Period").ok().flatten(), whole);
        }
    }
}
