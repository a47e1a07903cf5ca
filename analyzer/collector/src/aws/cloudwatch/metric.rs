//! Metrics: a namespace, a name, and dimensions.

use crate::aws::document::Document;
use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Metric {
    pub(super) namespace: String,
    pub(super) name: String,
    /// In the order of their names.
    dimensions: Vec<Dimension>,
}

/// A name and a value.
pub(super) type Dimension = (String, String);

impl Metric {
    /// A metric with dimensions in any order.
    pub(super) fn new(namespace: &str, name: &str, mut dimensions: Vec<Dimension>) -> Self {
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }

    /// The metric that the members name.
    pub(super) fn read(members: &Members<'_>) -> Result<Self, Fault> {
        let namespace =
            namespace(members)?.ok_or_else(|| Fault::missing(&members.name("Namespace")))?;
        Self::read_in(namespace, members)
    }

    /// The metric of a namespace that the members name.
    pub(super) fn read_in(namespace: &str, members: &Members<'_>) -> Result<Self, Fault> {
        let name = name(members)?.ok_or_else(|| Fault::missing(&members.name("MetricName")))?;
        let mut dimensions = Vec::new();
        for dimension in filters(members)? {
            let value =
                dimension.1.ok_or_else(|| Fault::missing(&members.name("Dimensions.Value")))?;
            dimensions.push((dimension.0, value));
        }
        Ok(Self::new(namespace, name, dimensions))
    }

    pub(super) fn dimensions(&self) -> &[Dimension] {
        &self.dimensions
    }

    /// The value of a dimension.
    pub(super) fn dimension(&self, name: &str) -> Option<&str> {
        let found = self.dimensions.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Name and dimensions as texts of the history, without a character that is in neither.
    pub(super) fn texts(&self) -> (String, String) {
        let dimensions = self.dimensions.iter().flat_map(|(name, value)| [name.as_str(), value]);
        let dimensions = dimensions.collect::<Vec<_>>().join("\0");
        (format!("{}\0{}", self.namespace, self.name), dimensions)
    }

    /// The metric with these texts.
    pub(super) fn of_texts(name: &str, dimensions: &str) -> Option<Self> {
        let (namespace, name) = name.split_once('\0')?;
        let mut words = dimensions.split('\0');
        let mut found = Vec::new();
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            found.push((name.to_owned(), value.to_owned()));
        }
        Some(Self::new(namespace, name, found))
    }

    pub(super) fn document(&self) -> Document {
        self.write(Document::new())
    }

    /// Adds its members.
    pub(super) fn write(&self, document: Document) -> Document {
        let dimensions = self.dimensions.iter().map(|(name, value)| {
            Document::new().with("Name", name.as_str()).with("Value", value.as_str())
        });
        document
            .with("Namespace", self.namespace.as_str())
            .with("MetricName", self.name.as_str())
            .with("Dimensions", dimensions.collect::<Vec<_>>())
    }
}

/// The namespace of a request.
pub(super) fn namespace<'a>(members: &Members<'a>) -> Result<Option<&'a str>, Fault> {
    limited(members, "Namespace")
}

/// The name of the metric of a request.
pub(super) fn name<'a>(members: &Members<'a>) -> Result<Option<&'a str>, Fault> {
    limited(members, "MetricName")
}

fn limited<'a>(members: &Members<'a>, name: &str) -> Result<Option<&'a str>, Fault> {
    let text = members.text(name)?;
    text.map_or(Ok(()), |text| check_name(&members.name(name), text))?;
    Ok(text)
}

/// Checks the name of a namespace, metric or dimension, which is at a place in the request.
pub(super) fn check_name(place: &str, text: &str) -> Result<(), Fault> {
    if !(1..=255).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err(Fault::value(place, "must have 1 to 255 printable characters"));
    }
    Ok(())
}

/// Checks the value of a dimension, which is at a place in the request.
pub(super) fn check_dimension(place: &str, text: &str) -> Result<(), Fault> {
    if !(1..=1024).contains(&text.len()) || text.chars().any(char::is_control) {
        return Err(Fault::value(place, "must have 1 to 1024 printable characters"));
    }
    Ok(())
}

/// The dimensions of a request, those of a filter without a value too.
pub(super) fn filters(members: &Members<'_>) -> Result<Vec<(String, Option<String>)>, Fault> {
    let list = members.structures("Dimensions")?;
    if list.len() > MAX_DIMENSIONS {
        let reason = format!("has more than {MAX_DIMENSIONS} items");
        return Err(Fault::value(&members.name("Dimensions"), &reason));
    }
    let mut found: Vec<(String, Option<String>)> = Vec::with_capacity(list.len());
    for dimension in &list {
        let name = limited(dimension, "Name")?;
        let name = name.ok_or_else(|| Fault::missing(&dimension.name("Name")))?;
        let value = dimension.text("Value")?;
        value.map_or(Ok(()), |text| check_dimension(&dimension.name("Value"), text))?;
        if found.iter().any(|(other, _)| other == name) {
            let reason = format!("has the name {name} twice");
            return Err(Fault::value(&members.name("Dimensions"), &reason));
        }
        found.push((name.to_owned(), value.map(str::to_owned)));
    }
    Ok(found)
}

/// Dimensions of a metric.
pub(super) const MAX_DIMENSIONS: usize = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn dimension(name: &str, value: &str) -> Document {
        Document::new().with("Name", name).with("Value", value)
    }

    fn read(dimensions: Vec<Document>) -> Result<Metric, Fault> {
        let document = Document::new()
            .with("Namespace", "N")
            .with("MetricName", "m")
            .with("Dimensions", dimensions);
        Metric::read(&Members::of(&document)?)
    }

    #[test]
    fn order_of_dimensions_does_not_matter() {
        let one = read(vec![dimension("b", "2"), dimension("a", "1")]).unwrap();
        let other = read(vec![dimension("a", "1"), dimension("b", "2")]).unwrap();
        assert_eq!(one, other);
        assert_eq!((one.dimension("b"), one.dimension("c")), (Some("2"), None));
    }

    #[test]
    fn texts_are_read_back() {
        for dimensions in [&[][..], &[("a", "1")], &[("a", "1"), ("b", "")]] {
            let own = dimensions.iter().map(|(name, value)| ((*name).into(), (*value).into()));
            let metric = Metric::new("N", "m", own.collect());
            let (name, dimensions) = metric.texts();
            assert_eq!(Metric::of_texts(&name, &dimensions), Some(metric));
        }
    }

    #[test]
    fn dimensions_that_no_metric_can_have_are_errors() {
        for dimensions in [
            vec![dimension("a", "1"), dimension("a", "2")],
            vec![dimension("", "1")],
            vec![dimension("a", "")],
            vec![dimension("a", "\n")],
            vec![dimension("a", &"x".repeat(1025))],
            vec![dimension(&"x".repeat(256), "1")],
            vec![Document::new().with("Name", "a")],
            vec!["a".into()],
            (0..31).map(|number| dimension(&number.to_string(), "1")).collect(),
        ] {
            let fault = read(dimensions.clone()).unwrap_err();
            assert!(fault.message.contains("Dimensions"), "{dimensions:?}: {fault:?}");
        }
    }
}
