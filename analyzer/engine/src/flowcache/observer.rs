//! Observers: a data source, and the direction in which it saw a packet.

/// A data source by its number in the registry, with the direction of a packet at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Observer(u32);

/// The direction of a packet at the port that sampled it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    /// It entered the device, or the data source is not a port.
    In,
    /// It left the device, and no other port samples it when it enters.
    Out,
    /// It left the device, and the port by which it entered samples it too.
    Again,
}

impl Passage {
    /// The number of passages.
    pub(crate) const COUNT: f64 = 3.0;
}

impl Observer {
    /// No data source.
    pub(crate) const NONE: Self = Self(u32::MAX);

    pub(crate) fn new(source: u32, passage: Passage) -> Self {
        Self(source << 2 | passage as u32)
    }

    /// The number of the data source.
    pub(crate) fn source(self) -> u32 {
        self.0 >> 2
    }

    pub(crate) fn passage(self) -> Passage {
        match self.0 & 3 {
            0 => Passage::In,
            1 => Passage::Out,
            _ => Passage::Again,
        }
    }

    /// A hash for tables of observers alone. Their numbers are not chosen by senders.
    pub(crate) fn spread(self) -> u64 {
        u64::from(self.0).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }
}
