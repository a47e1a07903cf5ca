//! Objects of the user by name, with a bound on their entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::LookupError;

/// An object with entries.
pub trait Object {
    /// What its entries are, in the plural.
    const ENTRIES: &'static str;
    /// What the object is, in the plural.
    const OBJECTS: &'static str;

    /// Number of entries.
    fn size(&self) -> usize;
}

/// Objects by name.
#[derive(Debug)]
pub struct Named<T>(BTreeMap<String, Arc<T>>);

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Object> Named<T> {
    /// Adds an object, or replaces the one of this name.
    ///
    /// # Errors
    /// If there would be more than 100,000 entries in all objects together, or more than 1000 objects.
    pub fn set(&mut self, name: &str, object: T) -> Result<(), LookupError> {
        let others = self.0.iter().filter(|(other, _)| *other != name);
        let entries: usize = others.map(|(_, object)| object.size()).sum();
        if entries + object.size() > MAX_ENTRIES || self.0.len() >= MAX_OBJECTS {
            let (entries, objects) = (T::ENTRIES, T::OBJECTS);
            return Err(LookupError(format!(
                "more than {MAX_ENTRIES} {entries} in all {objects}, or {MAX_OBJECTS} {objects}"
            )));
        }
        self.0.insert(name.to_owned(), Arc::new(object));
        Ok(())
    }

    /// Removes an object; false if there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The object of this name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.get(name).map(|object| &**object)
    }

    /// All objects, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(name, object)| (name.as_str(), &**object))
    }
}

/// Entries in all objects together.
pub(super) const MAX_ENTRIES: usize = 100_000;
/// Objects.
const MAX_OBJECTS: usize = 1000;
