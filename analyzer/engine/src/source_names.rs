//! Names of data sources.
//!
//! Ports, hosts and virtual machines have numbers. Applications that send `rtmetric` and `rtflow` samples
//! have names, which get numbers here, so that a data source is always two numbers.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use flowmote_decoder::DataSource;
use foldhash::HashMap;

use crate::metrics::is_custom_name;
use crate::source::Label;

/// The names that occurred, the same for all analyzers that share a copy of this value.
#[derive(Clone, Debug, Default)]
pub struct SourceNames(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    numbers: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl SourceNames {
    /// The data source of an application; `None` if its name begins with a digit, has other characters than
    /// letters, digits, `-` and `_`, or if there are too many names.
    pub(crate) fn add(&self, name: &str) -> Option<DataSource> {
        if let Some(known) = self.get(name) {
            return Some(known);
        }
        if !is_custom_name(name) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.names.len() >= MAX_NAMES {
            return None;
        }
        let (name, next) = (Arc::<str>::from(name), known.names.len() as u32);
        // Another thread may have been first.
        let index = *known.numbers.entry(name.clone()).or_insert(next);
        if index == next {
            known.names.push(name);
        }
        Some(DataSource { class: NAMED, index })
    }

    /// The data source of a text: a name that occurred, `5` or `2.1`.
    pub fn parse(&self, text: &str) -> Option<DataSource> {
        Label::parse(text).or_else(|| self.get(text))
    }

    /// The text of a data source.
    pub fn label(&self, data_source: DataSource) -> Label {
        let named = data_source.class == NAMED;
        let name = named.then(|| self.read().names.get(data_source.index as usize).cloned());
        name.flatten().map_or(Label::Number(data_source), Label::Name)
    }

    fn get(&self, name: &str) -> Option<DataSource> {
        let index = self.read().numbers.get(name).copied()?;
        Some(DataSource { class: NAMED, index })
    }

    fn read(&self) -> RwLockReadGuard<'_, Known> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The class of data sources that have names; the standard has 0 to 3.
pub(crate) const NAMED: u32 = u32::MAX;
/// Names. They are never forgotten, because tables hold their numbers.
const MAX_NAMES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        let names = SourceNames::default();
        let [one, two] = ["my-app", "My_app2"].map(|name| names.add(name).unwrap());
        assert_ne!(one, two);
        assert_eq!(names.clone().add("my-app"), Some(one));
        assert_eq!((names.parse("my-app"), names.parse("other")), (Some(one), None));
        assert_eq!(names.label(one).to_string(), "my-app");
        let port = DataSource { class: 0, index: 5 };
        assert_eq!((names.parse("5"), names.label(port).to_string()), (Some(port), "5".to_owned()));
        for name in ["", "5", "2.1", "5a", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(names.add(name), None, "{name}");
        }
    }

    #[test]
    fn names_are_bounded() {
        let names = SourceNames::default();
        let added = (0..MAX_NAMES + 10).filter_map(|at| names.add(&format!("app{at}"))).count();
        assert_eq!(added, MAX_NAMES);
        assert!(names.add("app0").is_some());
    }
}
