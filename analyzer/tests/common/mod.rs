//! Test vectors, and a walk over everything in a datagram.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

mod five_tuple;
mod walk;

use std::path::Path;

pub(crate) use five_tuple::five_tuple;
pub(crate) use walk::{Walk, walk};

/// Every vector: its name without extension, and its bytes.
pub(crate) fn vectors() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let mut vectors: Vec<_> = ["published", "synthetic"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, unhex(&std::fs::read_to_string(path).unwrap()))
        })
        .collect();
    vectors.sort();
    vectors
}

pub(crate) fn vector(name: &str) -> Vec<u8> {
    vectors().into_iter().find(|(known, _)| known == name).expect(name).1
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

impl Walk {
    /// The same with nothing wrong and nothing left over.
    pub(crate) fn clean(self) -> Self {
        Self { faults: Vec::new(), trailing: 0, surplus: 0, tails: 0, ..self }
    }
}
