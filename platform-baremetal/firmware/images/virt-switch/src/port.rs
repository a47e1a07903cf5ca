//! The ports of the switch, and sets of them.

/// Front ports of the switch.
pub const PORTS: usize = 4;
const CPU: u8 = PORTS as u8;

/// A front port, or the port behind which the switch itself is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(u8);

impl Port {
    /// The switch itself: its address in the management VLAN.
    pub const CPU: Self = Self(CPU);

    /// The first front port.
    pub const FIRST: Self = Self(0);

    /// The front port with this number, from 1; `None` if there is none.
    #[must_use]
    pub fn numbered(number: u32) -> Option<Self> {
        let index = u8::try_from(number).ok()?.checked_sub(1)?;
        (usize::from(index) < PORTS).then_some(Self(index))
    }

    /// All front ports in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PORTS as u8).map(Self)
    }

    /// The place of the port in a table of [`PORTS`]; that of [`Port::CPU`] is beyond its end.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// ifIndex: the number on the front, from 1.
    #[must_use]
    pub fn if_index(self) -> u32 {
        u32::from(self.0) + 1
    }

    fn bit(self) -> u8 {
        1u8.unbounded_shl(self.0.into())
    }
}

/// A set of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PortSet(u8);

impl PortSet {
    /// No port.
    pub const EMPTY: Self = Self(0);

    /// Front ports by their numbers, from 1, and [`Port::CPU`] by [`PORTS`] + 1; what is beyond
    /// does not exist and is left out.
    #[must_use]
    pub const fn of(numbers: &[u8]) -> Self {
        let mut bits = 0;
        let mut rest = numbers;
        while let [number, behind @ ..] = rest {
            if let Some(index @ 0..=CPU) = number.checked_sub(1) {
                bits |= 1u8.unbounded_shl(index as u32);
            }
            rest = behind;
        }
        Self(bits)
    }

    /// The set with `port`.
    #[must_use]
    pub fn with(self, port: Port) -> Self {
        Self(self.0 | port.bit())
    }

    /// The set without `port`.
    #[must_use]
    pub fn without(self, port: Port) -> Self {
        Self(self.0 & !port.bit())
    }

    /// Whether `port` is in it.
    #[must_use]
    pub fn contains(self, port: Port) -> bool {
        self.0 & port.bit() != 0
    }

    /// Whether no port is in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many front ports are in it.
    #[must_use]
    pub fn front(self) -> u32 {
        self.without(Port::CPU).0.count_ones()
    }

    /// The front ports in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Port> {
        Port::all().filter(move |port| self.contains(*port))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn numbers_begin_at_one() {
        assert_eq!(Port::numbered(0), None);
        assert_eq!(Port::numbered(1).map(Port::index), Some(0));
        assert_eq!(Port::numbered(4).map(Port::if_index), Some(4));
        assert_eq!(Port::numbered(5), None);
        assert_eq!(Port::numbered(257), None);
    }

    #[test]
    fn a_set_knows_its_ports() {
        let set = PortSet::of(&[1, 3, 5, 9, 0]);
        assert_eq!(set.iter().map(Port::if_index).collect::<Vec<_>>(), [1, 3]);
        assert!(set.contains(Port::CPU));
        assert_eq!(set.front(), 2);
        let one = Port::numbered(1).unwrap();
        assert!(!set.without(one).contains(one));
        assert_eq!(set.without(one).with(one), set);
        assert!(PortSet::of(&[2]).without(Port::numbered(2).unwrap()).is_empty());
    }
}
