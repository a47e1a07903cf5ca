//! Counters with names for programs, in the order in which people read them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};

/// Counters by name. In JSON an object, whose order is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(pub Vec<(String, u64)>);

impl Counters {
    /// Adds a counter of the statistics under the name that is made from its description.
    pub(crate) fn push(&mut self, count: u64, description: &str) {
        self.0.push((name_of(description), count));
    }

    /// The counter of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.iter().find_map(|(known, count)| (known == name).then_some(*count))
    }

    /// Names and values of those that are not usually 0.
    pub(crate) fn usual(&self) -> impl Iterator<Item = (&str, u64)> {
        self.iter().filter(|(name, _)| !NO_LOSSES.iter().any(|rare| name_of(rare) == *name))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

/// The name of a counter: its description with `_` between the words.
pub(crate) fn name_of(description: &str) -> String {
    let words = description.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("_").to_ascii_lowercase()
}

/// Returns true if a number of this name can decrease.
pub(crate) fn is_gauge(name: &str) -> bool {
    GAUGES.iter().any(|description| name_of(description) == name)
}

/// The subject of a line of the statistics without what a reload can change, which is in
/// parentheses or after a comma.
pub(crate) fn without_details(subject: &str) -> &str {
    let end = [" (", ", "].iter().filter_map(|start| subject.find(start)).min();
    end.and_then(|end| subject.get(..end)).unwrap_or(subject)
}

/// Returns true if a counter of the statistics counts a loss. `usually_zero`: it is one of those that
/// the statistics leave out if they are 0.
pub(crate) fn is_loss(description: &str, usually_zero: bool) -> bool {
    if usually_zero { !NO_LOSSES.contains(&description) } else { LOSSES.contains(&description) }
}

// Descriptions of the statistics; a test finds each of them there.

/// Numbers that can decrease.
pub(crate) const GAUGES: [&str; 7] = [
    "samples in the ring",
    "services",
    "containers",
    "pods",
    "services and containers without counters, because there are too many",
    "cgroups not searched, because there are too many",
    "cgroups whose changes are seen at the next search only",
];
/// Losses that are shown when they are 0, too.
pub(crate) const LOSSES: [&str; 2] = ["drops", "lost"];
/// Counters that are left out if they are 0, and yet lose nothing.
pub(crate) const NO_LOSSES: [&str; 10] = [
    "samples in the ring",
    "discarded packets",
    "hidden",
    "own datagrams to collectors",
    "not to be reported",
    "samples of user metrics",
    "dumps of all interfaces after lost notifications",
    "polls of services and containers that had ended",
    "clients of the status socket without a complete reply",
    "clients of the metrics without a complete reply",
];

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Counters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

/// Keeps the order of the text, which a map would not.
struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Counters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of counters")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Counters, A::Error> {
        let mut counters = Counters::default();
        while let Some(counter) = map.next_entry()? {
            counters.0.push(counter);
        }
        Ok(counters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_the_description_with_underscores() {
        for (description, name) in [
            ("packets seen", "packets_seen"),
            ("failed reads of files in /proc or /sys", "failed_reads_of_files_in_proc_or_sys"),
            ("reported undeliverable by ICMP", "reported_undeliverable_by_icmp"),
            ("reads without lag_port_stats", "reads_without_lag_port_stats"),
        ] {
            assert_eq!(name_of(description), name);
        }
    }

    #[test]
    fn order_and_every_digit_survive_json() {
        let counters = Counters(vec![("b".into(), u64::MAX), ("a".into(), (1 << 53) + 1)]);
        let text = serde_json::to_string(&counters).unwrap();
        assert_eq!(text, r#"{"b":18446744073709551615,"a":9007199254740993}"#);
        assert_eq!(serde_json::from_str::<Counters>(&text).unwrap(), counters);
    }

    #[test]
    fn subject_is_the_same_in_every_state() {
        for subject in ["nflog group 5 (1 in 4)", "nflog group 5", "nflog group 5, a (b)"] {
            assert_eq!(without_details(subject), "nflog group 5");
        }
    }

    #[test]
    fn only_named_exceptions_are_no_losses() {
        assert!(is_loss("drops", false) && is_loss("anything new", true));
        assert!(!is_loss("samples", false) && !is_loss("samples in the ring", true));
    }
}
