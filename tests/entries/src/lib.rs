//! What the fuzz targets of the engine run. The tests run it too, with random input, because fuzzers need
//! a nightly compiler.

mod ingest;
mod keys;

pub use ingest::ingest;
pub use keys::keys;
