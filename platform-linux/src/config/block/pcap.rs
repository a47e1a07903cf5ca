//! `pcap { }` and `epcap { }`: interfaces to sample packets on.

use core::fmt;

use regex_lite::{Regex, RegexBuilder};

use super::super::Config;
use super::super::diagnostic::{Position, quoted};
use super::super::rate::{Sampling, Speed};
use super::super::settings::push_bounded;
use super::super::tokens::{
    Block, DEVICE, Kind, PATTERN, RATE, Settings, Token, not_yet, supported,
};
use super::super::value::{self, SpeedRange};

/// `pcap { }`; hsflowd captures with libpcap for it.
pub(in crate::config) static PCAP: Block = Block::new(
    "pcap",
    "interfaces to sample packets on; an empty block selects all; repeatable",
    TOKENS,
    read,
);
/// `epcap { }`; hsflowd captures with eBPF for it. Flowmote makes no difference between the two.
pub(in crate::config) static EPCAP: Block =
    Block::new("epcap", "same as `pcap`; repeatable", TOKENS, read);

const TOKENS: &[Token] =
    &[DEV, DEV_PATTERN, SPEED, SAMPLING, DIRECTION, CAPTURE, PROMISC, VPORT, DYNAMIC];

const DEV: Token = supported("dev", DEVICE).about("one device, by name, alternative name or alias");
const DEV_PATTERN: Token = supported("dev.pattern", PATTERN).about("devices whose names match");
const SPEED: Token = supported("speed", Kind::Word("a speed, MIN-MAX or MIN-"))
    .about("devices of these link speeds, in bit/s with K, M, G, T, P");
const SAMPLING: Token = supported("sampling", RATE)
    .default("from the sflow block")
    .about("sample 1 in N packets on these interfaces; 0 disables sampling");
const DIRECTION: Token = supported("direction", Kind::Word("in, out or both"))
    .default("both")
    .about("sample and count only packets that these interfaces receive, or send");
const CAPTURE: Token = supported("capture", Kind::Word("auto, packet or tc"))
    .default("auto")
    .about("sample at a packet socket or at tc hooks, which show the input of forwarded packets");
const PROMISC: Token = supported("promisc", Kind::Switch)
    .default("off")
    .about("put these interfaces into promiscuous mode");
const VPORT: Token =
    not_yet("vport", Kind::Switch).about("the device is a virtual port of a bridge");
const DYNAMIC: Token = not_yet("dynamic", Kind::Switch)
    .default("off")
    .about("sample nothing until k8s activates the device; the block is ignored");

/// A `pcap { }` or `epcap { }` block, or an interface named on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapRule {
    /// The links that this rule applies to.
    pub selector: Selector,
    /// Sampling rate, 1 in N; 0 is off. `None`: chosen by [`Config::sampling_rate`].
    pub sampling: Option<u32>,
    /// The packets that are sampled.
    pub direction: Direction,
    /// Where in the kernel they are sampled.
    pub capture: Captured,
    /// Puts the interfaces into promiscuous mode.
    pub promiscuous: bool,
    /// Position of the block; `None` for the command line.
    pub position: Option<Position>,
}

impl TapRule {
    /// The rule for one device by any of its names, as `--interface` creates it.
    pub fn device(name: impl Into<String>, sampling: Option<u32>) -> Self {
        let selector = Selector { device: Some(name.into()), ..Selector::default() };
        let (direction, capture) = (Direction::Both, Captured::Automatic);
        Self { selector, sampling, direction, capture, promiscuous: false, position: None }
    }
}

/// The packets of an interface that are sampled, and counted in the pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// All.
    #[default]
    Both,
    /// Those that the interface receives.
    In,
    /// Those that it sends.
    Out,
}

impl Direction {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "both" => Ok(Self::Both),
            "in" => Ok(Self::In),
            "out" => Ok(Self::Out),
            _ => Err(format!("{} is none of in, out and both", quoted(text))),
        }
    }
}

/// Where in the kernel the packets of an interface are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Captured {
    /// At tc hooks on a host that forwards packets, if they can be had, else at a packet socket.
    #[default]
    Automatic,
    /// At a packet socket.
    Packet,
    /// At tc hooks, if they can be had.
    Tc,
}

impl Captured {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "auto" => Ok(Self::Automatic),
            "packet" => Ok(Self::Packet),
            "tc" => Ok(Self::Tc),
            _ => Err(format!("{} is none of auto, packet and tc", quoted(text))),
        }
    }
}

/// The end of a line about sampling.
impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "",
            Self::In => ", received packets only",
            Self::Out => ", sent packets only",
        })
    }
}

/// A selection of links: all keys that are present must match. Without `device`, only links of
/// [`LinkKind::Other`] are selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// `dev`: name, alternative name or alias of one device.
    pub device: Option<String>,
    /// `dev.pattern`: names of devices.
    pub pattern: Option<Pattern>,
    /// `speed`: speeds of links.
    pub speed: Option<SpeedRange>,
}

impl Selector {
    /// Returns true if `link` is selected.
    pub fn matches(&self, link: &LinkTraits<'_>) -> bool {
        self.mismatch(link).is_none()
    }

    /// The first key by which `link` is not selected; `None`: it is selected.
    pub fn mismatch(&self, link: &LinkTraits<'_>) -> Option<Mismatch> {
        if self.device.as_deref().is_some_and(|device| !link.is_called(device)) {
            return Some(Mismatch::Device);
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.matches(link.name)) {
            return Some(Mismatch::Pattern);
        }
        // Packets of other kinds pass a second link too, where they are sampled.
        if self.device.is_none() && link.kind != LinkKind::Other {
            return Some(Mismatch::Kind(link.kind));
        }
        let range = self.speed.filter(|range| !range.contains(link.speed))?;
        Some(Mismatch::Speed { range, speed: link.speed })
    }
}

/// The reason why a [`Selector`] does not select a link, displayed after the name of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// `dev` names another link.
    Device,
    /// The name does not match `dev.pattern`.
    Pattern,
    /// Links of this kind are selected by `dev` only.
    Kind(LinkKind),
    /// The speed is not in the range.
    Speed {
        /// The range of `speed`.
        range: SpeedRange,
        /// The speed of the link in bit/s, if it is known.
        speed: Option<u64>,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Device => f.write_str("another device"),
            Self::Pattern => f.write_str("the name does not match"),
            Self::Kind(kind) => write!(f, "{kind}, which dev alone selects"),
            Self::Speed { speed: None, .. } => {
                f.write_str("the speed is unknown; write speed = 0-")
            }
            Self::Speed { range: SpeedRange { min, max }, speed: Some(speed) } => {
                let (word, limit) = match speed {
                    _ if min == max => ("not", min),
                    speed if speed < min => ("less than", min),
                    _ => ("more than", max),
                };
                write!(f, "{}, {word} {}", Speed(speed), Speed(limit))
            }
        }
    }
}

/// The traits of a network interface that a [`Selector`] compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTraits<'a> {
    /// Name, `IFLA_IFNAME`.
    pub name: &'a str,
    /// Alternative names and alias (`IFLA_ALT_IFNAME`, `IFLA_IFALIAS`).
    pub other_names: &'a [String],
    /// Kind of the link.
    pub kind: LinkKind,
    /// Speed in bit/s; `None` if the driver does not report it.
    pub speed: Option<u64>,
}

impl LinkTraits<'_> {
    fn is_called(&self, device: &str) -> bool {
        value::is_called(device, self.name, self.other_names)
    }
}

/// Kinds of links as far as a selection distinguishes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// `IFF_LOOPBACK`.
    Loopback,
    /// A bond or team; its members carry the packets.
    BondMaster,
    /// A VLAN sub-interface; its parent carries the packets.
    Vlan,
    /// One end of a veth pair.
    Veth,
    /// Anything else, a NIC most of the time.
    Other,
}

impl fmt::Display for LinkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "loopback",
            Self::BondMaster => "bond or team",
            Self::Vlan => "VLAN",
            Self::Veth => "veth",
            Self::Other => "adapter",
        })
    }
}

impl LinkKind {
    /// The kind by `IFF_LOOPBACK` and `IFLA_INFO_KIND`, which NICs do not have.
    pub fn from_kernel(is_loopback: bool, info_kind: Option<&str>) -> Self {
        match info_kind {
            _ if is_loopback => Self::Loopback,
            Some("bond" | "team") => Self::BondMaster,
            Some("vlan") => Self::Vlan,
            Some("veth") => Self::Veth,
            _ => Self::Other,
        }
    }
}

/// Applies the block.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let selector = Selector {
        device: settings.value(&DEV, value::device),
        pattern: settings.value(&DEV_PATTERN, Pattern::new),
        speed: settings.value(&SPEED, value::speed_range),
    };
    let sampling = settings.number(&SAMPLING);
    let direction = settings.value(&DIRECTION, Direction::parse).unwrap_or_default();
    let capture = settings.value(&CAPTURE, Captured::parse).unwrap_or_default();
    let promiscuous = settings.value(&PROMISC, value::switch).unwrap_or(false);
    if is_dynamic(settings) {
        // hsflowd samples nothing by such a block until its k8s module activates the device.
        return settings.warn("this block is ignored, because nothing activates it");
    }
    // A block whose selection is broken would look like one that selects more.
    let is_broken = [
        (&DEV, selector.device.is_none()),
        (&DEV_PATTERN, selector.pattern.is_none()),
        (&SPEED, selector.speed.is_none()),
    ];
    if is_broken.iter().any(|(token, is_missing)| *is_missing && settings.has(token.name)) {
        return;
    }
    let mut same = config.taps.iter().filter(|tap| tap.selector == selector);
    if let Some(first) = same.next().and_then(|tap| tap.position) {
        let message = format!("the block on line {} selects the same interfaces", first.line);
        return settings.warn(message + "; this one has no effect");
    }
    let position = Some(settings.at);
    let tap = TapRule { selector, sampling, direction, capture, promiscuous, position };
    push_bounded(&mut config.taps, tap, settings.at, settings.problems);
}

fn is_dynamic(settings: &mut Settings<'_>) -> bool {
    let mut is_dynamic = false;
    // Values of tokens without an effect are not checked.
    settings.each(&DYNAMIC, |setting, _| {
        let value = setting.value.as_ref().map(|value| value::switch(&value.text));
        is_dynamic |= value == Some(Ok(true));
    });
    is_dynamic
}

impl Config {
    /// Returns true if some rule samples packets on the links that it selects.
    pub fn samples_packets(&self) -> bool {
        let Sampling { rate, by_speed, .. } = &self.sampling;
        let by_default = rate.is_none_or(|rate| rate.value > 0)
            || by_speed.iter().any(|speed| speed.rate.value > 0);
        self.taps.iter().any(|tap| tap.sampling.map_or(by_default, |rate| rate > 0))
    }

    /// The rule that `link` is sampled by; `None` if it is not sampled.
    ///
    /// A rule with a device name precedes rules with only a pattern or speed; among equals the
    /// first in the file applies.
    pub fn tap_for(&self, link: &LinkTraits<'_>) -> Option<&TapRule> {
        let matching = |tap: &&TapRule| tap.selector.matches(link);
        let by_name = |tap: &&TapRule| tap.selector.device.is_some();
        let mut taps = self.taps.iter();
        taps.clone().filter(by_name).find(matching).or_else(|| taps.find(matching))
    }
}

/// A pattern for device names; it matches anywhere in a name unless anchored by `^` and `$`.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern; the error is a message.
    pub(in crate::config) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the pattern is empty".into());
        }
        let regex = RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build();
        regex.map(Self).map_err(|why| format!("{} is not a pattern: {why}", quoted(text)))
    }

    /// Returns true if the pattern matches somewhere in `name`.
    pub fn matches(&self, name: &str) -> bool {
        // Kernel limits: a name has 15 bytes (IFNAMSIZ), an alternative name 127 (ALTIFNAMSIZ).
        name.len() <= MAX_NAME_BYTES && self.0.is_match(name)
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Limit for nested repetitions: `((a{255}){255})` compiles to 65,025 copies.
const MAX_COMPILED_BYTES: usize = 64 * 1024;
/// Matching takes time proportional to the product of both lengths.
const MAX_NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    const NIC: LinkTraits<'_> = LinkTraits {
        name: "eth0",
        other_names: &[],
        kind: LinkKind::Other,
        speed: Some(10_u64.pow(10)),
    };

    fn by_pattern(text: &str) -> Selector {
        Selector { pattern: Some(Pattern::new(text).unwrap()), ..Selector::default() }
    }

    fn by_speed(min: u64, max: u64) -> Selector {
        Selector { speed: Some(SpeedRange { min, max }), ..Selector::default() }
    }

    fn tap(selector: Selector) -> TapRule {
        TapRule { selector, ..TapRule::device("", None) }
    }

    #[test]
    fn all_keys_must_match() {
        assert!(by_pattern("^eth").matches(&NIC));
        assert!(by_pattern("h0").matches(&NIC), "not anchored");
        assert!(!by_pattern("^h0").matches(&NIC));
        let both = Selector { pattern: by_pattern("^eth").pattern, ..by_speed(0, 1000) };
        assert!(!both.matches(&NIC));
        assert!(both.matches(&LinkTraits { speed: None, ..NIC }), "unknown counts as 0");
        assert!(Selector::default().matches(&NIC), "no key");
    }

    #[test]
    fn device_matches_name_alternative_name_and_alias() {
        let other_names = ["enp1s0".to_owned(), "Uplink #1: 10.0.0.0/8".to_owned()];
        let nic = LinkTraits { other_names: &other_names, ..NIC };
        for (name, found) in [
            ("eth0", true),
            ("enp1s0", true),
            ("Uplink #1: 10.0.0.0/8", true),
            ("ETH0", false),
            ("eth", false),
        ] {
            assert_eq!(TapRule::device(name, None).selector.matches(&nic), found, "{name}");
        }
    }

    #[test]
    fn pattern_matches_the_name_only() {
        let other_names = ["enp1s0".to_owned(), "to the core".to_owned()];
        let nic = LinkTraits { other_names: &other_names, ..NIC };
        assert!(by_pattern("^eth0$").matches(&nic));
        assert!(!by_pattern("enp1s0").matches(&nic), "alternative name");
        assert!(!by_pattern("core").matches(&nic), "alias");
    }

    #[test]
    fn only_a_name_selects_bonds_vlans_veths_and_loopback() {
        use LinkKind::*;
        for kind in [Loopback, BondMaster, Vlan, Veth] {
            let link = LinkTraits { kind, ..NIC };
            assert!(!by_pattern("eth").matches(&link), "{kind:?}");
            assert!(!by_speed(0, u64::MAX).matches(&link), "{kind:?}");
            assert!(!Selector::default().matches(&link), "{kind:?}");
            assert!(TapRule::device("eth0", None).selector.matches(&link), "{kind:?}");
        }
    }

    #[test]
    fn mismatch_names_the_first_key_that_does_not_match() {
        let shown = |selector: &Selector, link: &LinkTraits<'_>| {
            selector.mismatch(link).map(|mismatch| mismatch.to_string()).unwrap_or_default()
        };
        let veth = LinkTraits { kind: LinkKind::Veth, ..NIC };
        assert_eq!(shown(&by_pattern("^en"), &veth), "the name does not match");
        assert_eq!(shown(&by_pattern("^eth"), &veth), "veth, which dev alone selects");
        assert_eq!(shown(&by_speed(1, u64::MAX), &veth), "veth, which dev alone selects");
        let unknown = LinkTraits { speed: None, ..NIC };
        assert_eq!(
            shown(&by_speed(1, u64::MAX), &unknown),
            "the speed is unknown; write speed = 0-"
        );
        for (min, max, expected) in [
            (100_000, 100_000, "10 Gbit/s, not 100 kbit/s"),
            (40_000_000_000, u64::MAX, "10 Gbit/s, less than 40 Gbit/s"),
            (0, 1_000_000_000, "10 Gbit/s, more than 1 Gbit/s"),
            (1_000_000_000, 10_000_000_000, ""),
        ] {
            assert_eq!(shown(&by_speed(min, max), &NIC), expected);
        }
        let both =
            Selector { speed: by_speed(1, 2).speed, ..TapRule::device("eth0", None).selector };
        assert_eq!(shown(&both, &NIC), "10 Gbit/s, more than 2 bit/s");
    }

    #[test]
    fn kinds_from_kernel_attributes() {
        assert_eq!(LinkKind::from_kernel(true, None), LinkKind::Loopback);
        assert_eq!(LinkKind::from_kernel(false, Some("bond")), LinkKind::BondMaster);
        assert_eq!(LinkKind::from_kernel(false, Some("vlan")), LinkKind::Vlan);
        assert_eq!(LinkKind::from_kernel(false, Some("veth")), LinkKind::Veth);
        assert_eq!(LinkKind::from_kernel(false, Some("bridge")), LinkKind::Other);
        assert_eq!(LinkKind::from_kernel(false, None), LinkKind::Other);
    }

    #[test]
    fn device_name_precedes_a_pattern() {
        let taps =
            vec![tap(by_pattern("eth")), tap(by_speed(0, u64::MAX)), TapRule::device("eth0", None)];
        let config = Config { taps, ..Config::default() };
        assert_eq!(config.tap_for(&NIC), config.taps.get(2));
        assert_eq!(config.tap_for(&LinkTraits { name: "eth1", ..NIC }), config.taps.first());
        assert_eq!(config.tap_for(&LinkTraits { name: "wlan0", ..NIC }), config.taps.get(1));
        assert_eq!(Config::default().tap_for(&NIC), None);
    }

    #[test]
    fn pattern_and_name_lengths_are_bounded() {
        let error = Pattern::new("((((a{200}){200}){200}){200})").unwrap_err();
        assert!(
            error.starts_with(r#""((((a{200}){200}){200}){200})" is not a pattern: "#),
            "{error}"
        );
        assert!(Pattern::new("(").is_err());
        assert_eq!(Pattern::new("").unwrap_err(), "the pattern is empty");
        assert!(!Pattern::new("a").unwrap().matches(&"a".repeat(256)));
    }

    /// Documented in docs/configuration.md.
    #[test]
    fn pattern_syntax_agrees_with_the_docs() {
        let pattern = Pattern::new("^en[[:alpha:]]+[[:digit:]]{1,2}(s|p)?$").unwrap();
        assert!(pattern.matches("eno1"));
        assert!(pattern.matches("ens5"));
        assert!(!pattern.matches("eth0"));
        for text in ["*eth", r"(a)\1", "[[=a=", r"\y"] {
            assert!(Pattern::new(text).is_err(), "{text}");
        }
        assert!(Pattern::new(r"^eth\d$").unwrap().matches("eth0"));
        assert!(Pattern::new(r"^[\]]$").unwrap().matches("]"));
    }
}
