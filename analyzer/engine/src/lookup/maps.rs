//! Named tables of values and labels, for `map:`.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::HashMap;

use super::error::LookupError;

/// Maps by name.
#[derive(Clone, Debug, Default)]
pub struct Maps(BTreeMap<String, Arc<Map>>);

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

impl Maps {
    /// Adds a map, or replaces the one of this name.
    ///
    /// # Errors
    /// If there would be more than 100,000 values in all maps together, or more than 1000 maps.
    pub fn set(&mut self, name: &str, map: Map) -> Result<(), LookupError> {
        let others = self.0.iter().filter(|(other, _)| *other != name);
        let values: usize = others.map(|(_, map)| map.labels.len()).sum();
        if values + map.labels.len() > MAX_ENTRIES || self.0.len() >= MAX_OBJECTS {
            return Err(LookupError(format!(
                "more than {MAX_ENTRIES} values in all maps, or {MAX_OBJECTS} maps"
            )));
        }
        self.0.insert(name.to_owned(), Arc::new(map));
        Ok(())
    }

    /// Removes a map; false if there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The map of this name.
    pub fn get(&self, name: &str) -> Option<&Map> {
        self.0.get(name).map(|map| &**map)
    }

    /// All maps, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Map)> {
        self.0.iter().map(|(name, map)| (name.as_str(), &**map))
    }

    /// The label of a value in the map `name`.
    pub fn label(&self, name: &str, value: &str) -> Option<&str> {
        self.get(name)?.label(value)
    }
}

/// Values in all maps together.
const MAX_ENTRIES: usize = 100_000;
/// Maps.
const MAX_OBJECTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

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
