//! Named tables of values and labels, for `map:`.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashMap;

use super::named::{Named, Object};

/// Maps by name.
pub type Maps = Named<Map>;

/// One map: labels and the values that have them.
#[derive(Debug)]
pub struct Map {
    /// Label and values, as the user gave them.
    entries: BTreeMap<String, Vec<String>>,
    labels: HashMap<String, Arc<str>>,
}

impl Map {
    /// A map of labels and their values. A value with several labels has the last of them.
    pub fn new(entries: BTreeMap<String, Vec<String>>) -> Self {
        let pairs = entries.iter().flat_map(|(label, values)| {
            let label: Arc<str> = label.as_str().into();
            values.iter().map(move |value| (value.clone(), label.clone()))
        });
        let labels = pairs.collect();
        Self { entries, labels }
    }

    /// Label and values, as the user gave them.
    pub fn entries(&self) -> &BTreeMap<String, Vec<String>> {
        &self.entries
    }

    /// The label of a value, as text.
    pub fn label(&self, value: &str) -> Option<&str> {
        self.labels.get(value).map(|label| &**label)
    }
}

impl Object for Map {
    const ENTRIES: &'static str = "values";
    const OBJECTS: &'static str = "maps";

    fn size(&self) -> usize {
        self.labels.len()
    }
}

impl Named<Map> {
    /// The label of a value in the map `name`.
    pub fn label(&self, name: &str, value: &str) -> Option<&str> {
        self.get(name)?.label(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::named::MAX_ENTRIES;

    #[test]
    fn value_has_the_label_of_its_entry() {
        let entries = BTreeMap::from([("web".to_owned(), vec!["80".to_owned(), "443".to_owned()])]);
        let mut maps = Maps::default();
        maps.set("service", Map::new(entries)).unwrap();
        assert_eq!(maps.label("service", "443"), Some("web"));
        assert_eq!(maps.label("service", "22"), None);
        assert!(maps.remove("service"));
        assert_eq!(maps.label("service", "443"), None);
        assert!(!maps.remove("service"));
    }

    #[test]
    fn values_are_bounded() {
        let values = (0..=MAX_ENTRIES).map(|value| value.to_string()).collect();
        let map = Map::new(BTreeMap::from([("all".to_owned(), values)]));
        assert!(Maps::default().set("big", map).is_err());
    }
}
