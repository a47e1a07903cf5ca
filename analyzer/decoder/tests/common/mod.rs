//! A walk over everything in a datagram.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod five_tuple;
mod walk;

pub(crate) use five_tuple::five_tuple;
pub(crate) use flowmote_vectors::{all as vectors, named as vector, unhex};
pub(crate) use walk::{Walk, walk};

impl Walk {
    /// The same with nothing wrong and nothing left over.
    pub(crate) fn clean(self) -> Self {
        Self { faults: Vec::new(), trailing: 0, surplus: 0, tails: 0, ..self }
    }
}
