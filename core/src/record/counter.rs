//! Counter records.
