//! The seed of random numbers: which packets a tap selects, when the first polls are due.

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState;

/// Returns a seed that cannot be predicted from outside: the standard library keys its hash maps
/// with random numbers of the kernel (`getrandom(2)`).
pub(crate) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_seeds_differ() {
        assert_ne!(seed(), seed());
    }
}
