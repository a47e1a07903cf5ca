//! The formats of packages.

pub(crate) mod deb;
pub(crate) mod oci;
pub(crate) mod rpm;
pub(crate) mod tar;

/// Of the programs.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
pub(crate) const LICENCE: &str = "MIT OR Apache-2.0";
pub(crate) const MAINTAINER: &str = "Flowmote maintainers <maintainers@flowmote.invalid>";
