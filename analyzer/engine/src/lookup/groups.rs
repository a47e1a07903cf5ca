//! Named sets of networks with labels, for `group:` and for `sourcegroup` and `destinationgroup`.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::LookupError;
use super::named::{Named, Object};
use super::prefixes::{Network, Prefixes};

/// Groups by name. The name of the default group, which `sourcegroup` and `destinationgroup` use, is
/// empty.
pub type Groups = Named<Group>;

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
}

impl Object for Group {
    const ENTRIES: &'static str = "networks";
    const OBJECTS: &'static str = "groups";

    fn size(&self) -> usize {
        self.entries.values().map(Vec::len).sum()
    }
}

impl Named<Group> {
    /// The label of an address in the group `name`; `None` if there is no such group, or if none of its
    /// networks contains the address.
    pub fn label(&self, name: &str, address: IpAddr) -> Option<&str> {
        self.get(name)?.label(address)
    }
}

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
