//! Filters of requests: `Filter.1.Name`, `Filter.1.Value.1`.

use crate::aws::fault::Fault;
use crate::aws::members::Members;

/// A name, and values of which one must match. In values `*` stands for any text and `?` for a character.
#[derive(Clone, Debug)]
pub(super) struct Filter<'a> {
    pub(super) name: &'a str,
    values: Vec<&'a str>,
}

impl<'a> Filter<'a> {
    pub(super) fn read(members: &Members<'a>) -> Result<Vec<Self>, Fault> {
        let filter = |filter: Members<'a>| {
            let (name, values) = (filter.required("Name")?, filter.texts("Value")?);
            if values.len() > MAX_VALUES || values.iter().any(|value| value.len() > MAX_LENGTH) {
                let reason = format!("has more than {MAX_VALUES} values of {MAX_LENGTH} bytes");
                return Err(Fault::value(&filter.name("Value"), &reason));
            }
            Ok(Self { name, values })
        };
        members.structures("Filter")?.into_iter().map(filter).collect()
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.values.iter().any(|pattern| glob(pattern.as_bytes(), text.as_bytes()))
    }
}

/// Compares in a time proportional to the product of both lengths at most.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    // Where to continue if the rest does not match: after the last `*`, one byte further in the text.
    let mut retry = None;
    while let Some(byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                at += 1;
                retry = Some((at, read + 1));
            }
            Some(expected) if *expected == b'?' || expected == byte => {
                (at, read) = (at + 1, read + 1);
            }
            _ => match retry {
                Some((after, next)) => {
                    (at, read) = (after, next);
                    retry = Some((after, next + 1));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|byte| *byte == b'*')
}

/// Values of a filter, as of the service.
const MAX_VALUES: usize = 200;
const MAX_LENGTH: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_have_wildcards() {
        for (pattern, text, matches) in [
            ("/flowmote/vpc", "/flowmote/vpc", true),
            ("/flowmote/vpc", "/flowmote/vpc/vpc-1", false),
            ("/flowmote/*", "/flowmote/vpc", true),
            ("*vpc-?", "/flowmote/vpc/vpc-1", true),
            ("*a*b", "aab", true),
            ("*a*b", "aabc", false),
            ("", "", true),
            ("", "a", false),
            ("**", "", true),
            ("?", "", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
    }
}
