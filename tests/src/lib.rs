//! Tools for whole-system tests.
