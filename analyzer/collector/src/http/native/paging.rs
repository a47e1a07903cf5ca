//! Long lists in parts: the parameters `limit` and `after`, the member `next`.

use core::net::IpAddr;

use flowmote_decoder::Address;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};

/// The parameter `limit`, 1 to 10,000.
pub(super) fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match usize::deserialize(deserializer)? {
        limit @ 1..=MAX_ENTRIES => Ok(Some(limit)),
        _ => Err(D::Error::custom(format!("expected a number from 1 to {MAX_ENTRIES}"))),
    }
}

/// The address of an agent in its usual form, `unknown` included.
pub(super) fn agent(text: &str) -> Option<Address> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(address.into()),
        Err(_) => (text == Address::Unknown.to_string()).then_some(Address::Unknown),
    }
}

/// A parameter that is the address of an agent.
pub(super) fn address<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Address>, D::Error> {
    let text = String::deserialize(deserializer)?;
    agent(&text).map(Some).ok_or_else(|| D::Error::custom("expected the address of an agent"))
}

/// The schema of an address.
pub(super) fn address_schema() -> RefOr<Schema> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let of = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
    let unknown = text().enum_values(Some([Address::Unknown.to_string()]));
    let forms = OneOfBuilder::new().item(of(KnownFormat::Ipv4)).item(of(KnownFormat::Ipv6));
    forms.item(unknown).into()
}

/// The rows of all analyzers as one page in the order of their keys. Each analyzer has contributed one
/// row more than `limit`, if it has as many. Returns also the key after which the next page begins;
/// `None` for the last page.
pub(super) fn page<K: Copy + Ord, T>(mut rows: Vec<(K, T)>, limit: usize) -> (Vec<T>, Option<K>) {
    rows.sort_unstable_by_key(|(key, _)| *key);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().map(|(key, _)| *key).filter(|_| more);
    (rows.into_iter().map(|(_, row)| row).collect(), next)
}

/// Entries of a reply without the parameter `limit`.
pub(super) const ENTRIES: usize = 100;
/// Entries of the longest reply.
const MAX_ENTRIES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_ends_with_the_key_for_the_next_one() {
        let rows = |keys: &[u32]| keys.iter().map(|key| (*key, key * 10)).collect::<Vec<_>>();
        assert_eq!(page(rows(&[5, 1, 3]), 2), (vec![10, 30], Some(3)));
        assert_eq!(page(rows(&[5, 1]), 2), (vec![10, 50], None));
        assert_eq!(page(rows(&[]), 2), (vec![], None));
    }

    #[test]
    fn agents_are_addresses() {
        for text in ["192.0.2.1", "2001:db8::1", "unknown"] {
            assert_eq!(agent(text).map(|agent| agent.to_string()).as_deref(), Some(text));
        }
        assert_eq!((agent("s1"), agent("")), (None, None));
    }
}
