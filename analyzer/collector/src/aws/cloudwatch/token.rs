//! Tokens for the next page: a place, and a check of the request that it belongs to.

use core::hash::{BuildHasher, Hash};
use std::hash::RandomState;
use std::sync::LazyLock;

use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// The token for a place in the results of a request.
pub(in crate::aws) fn write(request: &impl Hash, place: &str) -> String {
    format!("{:016x}.{place}", check(request))
}

/// The place in the `NextToken` of a request; `None` if it has none.
pub(in crate::aws) fn place<'a>(
    members: &Members<'a>,
    request: &impl Hash,
) -> Result<Option<&'a str>, Fault> {
    members.text("NextToken")?.map(|token| read(request, token)).transpose()
}

/// The place in a token.
pub(in crate::aws) fn read<'a>(request: &impl Hash, token: &'a str) -> Result<&'a str, Fault> {
    let parts = token
        .split_once('.')
        .filter(|(sum, _)| u64::from_str_radix(sum, 16).is_ok_and(|sum| sum == check(request)));
    parts.map(|(_, place)| place).ok_or_else(Fault::next_token)
}

/// A number that differs between requests, and between runs of the program.
fn check(request: &impl Hash) -> u64 {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    KEYS.hash_one(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_belongs_to_its_request() {
        let token = write(&("AWS/EC2", 5), "7:192.0.2.1.3");
        assert_eq!(read(&("AWS/EC2", 5), &token), Ok("7:192.0.2.1.3"));
        for foreign in [&*token.replace("AWS", ""), "bogus", "", ".", "0.1"] {
            assert!(read(&("CWAgent", 5), foreign).is_err(), "{foreign}");
        }
    }
}
