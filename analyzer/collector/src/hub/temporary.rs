//! Definitions that requests make, and that are removed when none requests them any more.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::time::Instant;

use flowmote_engine::flowcache::{Definition, DefinitionError};

use super::Hub;

/// A definition that a request has made.
#[derive(Debug)]
pub(super) struct Temporary {
    name: String,
    definition: Definition,
    /// When it is removed.
    end: Instant,
}

impl Hub {
    /// The name of a definition that a request makes and that has no other name. It is removed `keep`
    /// after the last request for it.
    pub(crate) fn temporary(
        &self,
        definition: &Definition,
        keep: Duration,
    ) -> Result<String, DefinitionError> {
        let mut temporary = self.temporary.lock();
        let end = Instant::now() + keep;
        if let Some(entry) = temporary.iter_mut().find(|entry| entry.definition == *definition) {
            entry.end = end.max(entry.end);
            return Ok(entry.name.clone());
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEMPORARY}{number}");
        self.define(&name, definition)?;
        temporary.push(Temporary { name: name.clone(), definition: definition.clone(), end });
        Ok(name)
    }

    /// Removes definitions that requests made, and that are not requested any more.
    pub(super) fn remove_temporary(&self) {
        let now = Instant::now();
        self.temporary.lock().retain(|entry| {
            let keep = now < entry.end;
            if !keep {
                self.each(|analyzer| analyzer.undefine(&entry.name));
            }
            keep
        });
    }
}

/// Names of temporary definitions begin so.
const TEMPORARY: &str = "_export_";
