//! Named sets of networks with labels, for `group:` and for `sourcegroup` and `destinationgroup`.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::LookupError;
use super::prefixes::{Network, Prefixes};

/// Groups by name. The name of the default group, which `sourcegroup` and `destinationgroup` use, is
/// empty.
#[derive(Clone, Debug, Default)]
pub struct Groups(BTreeMap<String, Arc<Group>>);

/// One group: labels and the networks that have them.
#[derive(Debug)]
pub struct Group {
    /// Label and networks, as the user gave them.
    entries: BTreeMap<String, Vec<String>>,
    labels: Prefixes<Arc<str>>,
}

impl Group {
    /// A group of labels and their networks, such as `192.0.2.0/24`, of both IP versions.
    ///
    /// # Errors
    /// The first network that cannot be parsed.
    pub fn new(entries: BTreeMap<String, Vec<String>>) -> Result<Self, LookupError> {
        let mut labels = Prefixes::default();
        for (label, networks) in &entries {
            let shared: Arc<str> = label.as_str().into();
            for text in networks {
                let network = Network::parse(text).ok_or_else(|| {
                    LookupError(format!(
                        "{text:?} in {label:?} is not a network: 192.0.2.0/24 or 2001:db8::/32"
                    ))
                })?;
                labels.insert(network, shared.clone());
            }
        }
        Ok(Self { entries, labels })
    }

    /// Label and networks, as the user gave them.
    pub fn entries(&self) -> &BTreeMap<String, Vec<String>> {
        &self.entries
    }

    /// The label of the longest prefix that contains `address`.
    pub fn label(&self, address: IpAddr) -> Option<&str> {
        self.labels.get(address).map(|label| &**label)
    }

    /// Number of networks.
    pub fn len(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }

    /// True without a network.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Groups {
    /// Adds a group, or replaces the one of this name.
    ///
    /// # Errors
    /// If there would be more than 100,000 networks in all groups together.
    pub fn set(&mut self, name: &str, group: Group) -> Result<(), LookupError> {
        let others = self.0.iter().filter(|(other, _)| *other != name);
        let networks: usize = others.map(|(_, group)| group.len()).sum();
        if networks + group.len() > MAX_ENTRIES || self.0.len() >= MAX_OBJECTS {
            return Err(LookupError(format!(
                "more than {MAX_ENTRIES} networks in all groups, or {MAX_OBJECTS} groups"
            )));
        }
        self.0.insert(name.to_owned(), Arc::new(group));
        Ok(())
    }

    /// Removes a group; false if there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The group of this name.
    pub fn get(&self, name: &str) -> Option<&Group> {
        self.0.get(name).map(|group| &**group)
    }

    /// All groups, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.0.iter().map(|(name, group)| (name.as_str(), &**group))
    }

    /// The label of an address in the group `name`; `None` if there is no such group, or if none of its
    /// networks contains the address.
    pub fn label(&self, name: &str, address: IpAddr) -> Option<&str> {
        self.get(name)?.label(address)
    }
}

/// Networks in all groups together.
const MAX_ENTRIES: usize = 100_000;
/// Groups.
const MAX_OBJECTS: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn group(entries: &[(&str, &[&str])]) -> Result<Group, LookupError> {
        let owned = |list: &&[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Group::new(entries.iter().map(|(label, list)| ((*label).to_owned(), owned(list))).collect())
    }

    #[test]
    fn label_is_that_of_the_longest_prefix() {
        let mut groups = Groups::default();
        let nets = group(&[("external", &["0.0.0.0/0"]), ("internal", &["203.0.113.0/24"])]);
        groups.set("", nets.unwrap()).unwrap();
        let label = |address: &str| groups.label("", address.parse().unwrap());
        assert_eq!(label("203.0.113.9"), Some("internal"));
        assert_eq!(label("198.51.100.7"), Some("external"));
        assert_eq!(label("2001:db8::1"), None);
        assert_eq!(groups.label("x", "203.0.113.9".parse().unwrap()), None);
    }

    #[test]
    fn wrong_network_is_named() {
        let error = group(&[("lan", &["10.0.0.0/8", "10.0.0.0/64"])]).unwrap_err();
        assert!(error.to_string().starts_with("\"10.0.0.0/64\" in \"lan\" is not a network"));
    }
}
