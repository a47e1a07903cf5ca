//! What a cloud reports about an instance, as names of metrics and their values.

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) values: Values,
    pub(super) interfaces: Vec<Interface>,
}

/// A network interface of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) mac: [u8; 6],
    pub(super) values: Values,
}

/// Names of metrics and their values, each name once, in the order in which they were set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Values(Vec<(String, String)>);

impl Values {
    /// Sets a value. Control characters are removed; an empty value sets nothing.
    pub(super) fn set(&mut self, name: &str, value: &str) {
        let value: String =
            value.trim().chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect();
        if value.is_empty() || self.0.len() >= MAX_VALUES {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All names and values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Identity {
    /// The interface with this MAC address.
    pub(super) fn interface(&self, mac: [u8; 6]) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.mac == mac)
    }

    /// Adds an interface, unless there are too many.
    pub(super) fn add(&mut self, interface: Interface) {
        if self.interfaces.len() < MAX_INTERFACES {
            self.interfaces.push(interface);
        }
    }
}

/// Parses a MAC address of twelve hexadecimal digits, with or without separators.
pub(super) fn mac(text: &str) -> Option<[u8; 6]> {
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-')).collect();
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let [_, _, mac @ ..] = u64::from_str_radix(&digits, 16).ok()?.to_be_bytes();
    Some(mac)
}

/// The text of a MAC address.
pub(super) fn mac_text([a, b, c, d, e, f]: [u8; 6]) -> String {
    format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}")
}

/// Values of an instance: those of the provider, and 50 tags, as many as EC2 and Azure allow.
const MAX_VALUES: usize = 80;
/// More than any instance type has.
pub(super) const MAX_INTERFACES: usize = 32;
/// Characters of a value. Longer than any that providers allow.
const MAX_TEXT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_cleaned_and_bounded() {
        let mut values = Values::default();
        values.set("a", " 1\n2\u{1b}[31m ");
        values.set("b", "\r\n");
        values.set("a2", "x");
        values.set("a", "3");
        assert_eq!(values.iter().collect::<Vec<_>>(), [("a", "3"), ("a2", "x")]);
        assert_eq!((values.get("a2"), values.get("b")), (Some("x"), None));
        (0..100).for_each(|number| values.set(&format!("n{number}"), &"x".repeat(2000)));
        assert_eq!(values.iter().count(), MAX_VALUES);
        assert_eq!(values.get("n0").map(str::len), Some(MAX_TEXT));
    }

    #[test]
    fn mac_addresses_have_twelve_digits() {
        let address = [0x02, 0x0a, 0xff, 0, 0, 1];
        for text in ["02:0a:ff:00:00:01", "020AFF000001", "02-0a-ff-00-00-01"] {
            assert_eq!(mac(text), Some(address), "{text}");
        }
        assert_eq!(mac_text(address), "02:0a:ff:00:00:01");
        for text in ["", "02:0a:ff:00:00", "+2:0a:ff:00:00:01", "02:0a:ff:00:00:0g"] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
