//! Numbers that are shown as words.

/// How the number of a field is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As a number.
    Number,
    /// As text, because it is a name, not a quantity: an ifIndex, for instance.
    Digits,
    /// As the word of the specification; digits if it has none.
    Words(&'static [(u32, &'static str)]),
    /// As a MAC address: 12 hex digits in upper case.
    Mac,
}

impl Form {
    /// The form of a field.
    pub(super) fn of(record: &str, field: &str) -> Self {
        match (record, field) {
            ("if_counters", "ifIndex")
            | ("of_port", "port_no")
            | ("lag_port_stats", "dot3adAggPortAttachedAggID") => Self::Digits,
            ("lag_port_stats", "dot3adAggPortActorSystemID")
            | ("lag_port_stats", "dot3adAggPortPartnerOperSystemID") => Self::Mac,
            ("if_counters", "ifType") => Self::Words(IF_TYPES),
            ("if_counters", "ifDirection") => Self::Words(DIRECTIONS),
            ("host_descr", "machine_type") => Self::Words(MACHINES),
            ("host_descr", "os_name") => Self::Words(SYSTEMS),
            _ => Self::Number,
        }
    }

    /// The text of a number; `None` if it is shown as a number.
    pub(super) fn text(self, number: f64) -> Option<Box<str>> {
        let word = |words: &[(u32, &'static str)]| {
            let found = words.iter().find(|(code, _)| f64::from(*code) == number);
            found.map(|(_, word)| Box::from(*word))
        };
        match self {
            Self::Number => None,
            Self::Words(words) => word(words).or_else(|| Some(number.to_string().into())),
            Self::Digits => Some(number.to_string().into()),
            Self::Mac => Some(format!("{:012X}", number as u64).into()),
        }
    }
}

/// A bit that is set or not.
pub(super) const STATUS: &[(u32, &str)] = &[(0, "down"), (1, "up")];

const DIRECTIONS: &[(u32, &str)] =
    &[(0, "unknown"), (1, "full-duplex"), (2, "half-duplex"), (3, "in"), (4, "out")];

/// IANAifType, as far as agents are known to send it.
const IF_TYPES: &[(u32, &str)] = &[
    (1, "other"),
    (6, "ethernetCsmacd"),
    (7, "iso88023Csmacd"),
    (9, "iso88025TokenRing"),
    (15, "fddi"),
    (22, "propPointToPointSerial"),
    (23, "ppp"),
    (24, "softwareLoopback"),
    (37, "atm"),
    (39, "sonet"),
    (53, "propVirtual"),
    (54, "propMultiplexor"),
    (56, "fibreChannel"),
    (62, "fastEther"),
    (69, "fastEtherFX"),
    (71, "ieee80211"),
    (117, "gigabitEthernet"),
    (131, "tunnel"),
    (135, "l2vlan"),
    (136, "l3ipvlan"),
    (150, "mplsTunnel"),
    (161, "ieee8023adLag"),
    (166, "mpls"),
    (199, "infiniband"),
    (209, "bridge"),
];

const MACHINES: &[(u32, &str)] = &[
    (0, "unknown"),
    (1, "other"),
    (2, "x86"),
    (3, "x86_64"),
    (4, "ia64"),
    (5, "sparc"),
    (6, "alpha"),
    (7, "powerpc"),
    (8, "m68k"),
    (9, "mips"),
    (10, "arm"),
    (11, "hppa"),
    (12, "s390"),
];

const SYSTEMS: &[(u32, &str)] = &[
    (0, "unknown"),
    (1, "other"),
    (2, "linux"),
    (3, "windows"),
    (4, "darwin"),
    (5, "hpux"),
    (6, "aix"),
    (7, "dragonfly"),
    (8, "freebsd"),
    (9, "netbsd"),
    (10, "openbsd"),
    (11, "osf"),
    (12, "solaris"),
    (13, "java"),
];
