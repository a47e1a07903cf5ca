//! What is wrong with an object of the user.

use core::fmt;

/// An object that cannot be used. Its text names the place and a correct form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupError(pub(crate) String);

impl fmt::Display for LookupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for LookupError {}
