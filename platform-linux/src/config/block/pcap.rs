//! `pcap { }` and `epcap { }`: interfaces to sample packets on.

use core::fmt;

use regex_lite::{Regex, RegexBuilder};

use super::super::Config;
use super::super::diagnostic::{Position, quoted};
use super::super::settings::push_bounded;
use super::super::tokens::{
    Block, DEVICE, Kind, PATTERN, RATE, Settings, Token, not_yet, supported,
};
use super::super::value::{self, SpeedRange};

/// `pcap { }`, which uses libpcap in hsflowd.
pub(in crate::config) static PCAP: Block = Block::new(
    "pcap",
    "interfaces to sample packets on; an empty block selects all; repeatable",
    TOKENS,
    read,
);
/// `epcap { }`, which uses eBPF in hsflowd. Flowmote captures in one way for both.
pub(in crate::config) static EPCAP: Block =
    Block::new("epcap", "same as `pcap`; repeatable", TOKENS, read);

const TOKENS: &[Token] = &[DEV, DEV_PATTERN, SPEED, SAMPLING, PROMISC, VPORT, DYNAMIC];

const DEV: Token = supported("dev", DEVICE).about("one device, by name or alias");
const DEV_PATTERN: Token = supported("dev.pattern", PATTERN).about("devices whose names match");
const SPEED: Token = supported("speed", Kind::Word("a speed, MIN-MAX or MIN-"))
    .about("devices of these link speeds, in bit/s with K, M, G, T, P");
const SAMPLING: Token = supported("sampling", RATE)
    .default("from the sflow block")
    .about("sample 1 in N packets on these interfaces; 0 disables sampling");
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
    /// The links that it takes.
    pub selector: Selector,
    /// Its own sampling rate, 1 in N; 0 is off. `None`: the rates of the whole configuration.
    pub sampling: Option<u32>,
    /// Whether the interface is put into promiscuous mode.
    pub promiscuous: bool,
    /// Where its block starts; `None` for the command line.
    pub position: Option<Position>,
}

impl TapRule {
    /// The tap of one device by name or alias, as `--interface` asks for it.
    pub fn device(name: impl Into<String>, sampling: Option<u32>) -> Self {
        let selector = Selector { device: Some(name.into()), ..Selector::default() };
        Self { selector, sampling, promiscuous: false, position: None }
    }
}

/// What a tap selects by: each key that is there must match. Without any it takes all links but
/// those whose packets another link shows as well, and loopback.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// `dev`: name or alias of one device.
    pub device: Option<String>,
    /// `dev.pattern`: names of devices.
    pub pattern: Option<Pattern>,
    /// `speed`: speeds of links.
    pub speed: Option<SpeedRange>,
}

impl Selector {
    /// Whether it takes `link`.
    pub fn matches(&self, link: &LinkTraits<'_>) -> bool {
        let named = self.device.as_deref().map(|device| link.is_called(device));
        let pattern = self.pattern.as_ref().is_none_or(|pattern| pattern.matches(link.name));
        let speed = self.speed.is_none_or(|range| range.contains(link.speed));
        let wanted = named.unwrap_or(link.kind == LinkKind::Other);
        wanted && pattern && speed
    }
}

/// What selection has to know of a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTraits<'a> {
    /// Its name, `IFLA_IFNAME`.
    pub name: &'a str,
    /// Its alias, `IFLA_IFALIAS`.
    pub alias: Option<&'a str>,
    /// What it is.
    pub kind: LinkKind,
    /// Its speed in bit/s; `None` when the driver does not tell.
    pub speed: Option<u64>,
}

impl LinkTraits<'_> {
    fn is_called(&self, device: &str) -> bool {
        self.name == device || self.alias == Some(device)
    }
}

/// Links that a pattern or a range of speeds leaves out, and all others.
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

impl LinkKind {
    /// From the kernel's words: `IFF_LOOPBACK` and `IFLA_INFO_KIND` (absent for NICs).
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
    let promiscuous = settings.value(&PROMISC, value::switch).unwrap_or(false);
    if is_dynamic(settings) {
        // hsflowd samples nothing by such a block until its k8s module activates the device.
        return settings.warn("this block is left out, because nothing asks for it");
    }
    let mut same = config.taps.iter().filter(|tap| tap.selector == selector);
    if let Some(first) = same.next().and_then(|tap| tap.position) {
        let message = format!("the block on line {} selects the same already", first.line);
        settings.warn(message + "; this one has no effect");
    }
    let tap = TapRule { selector, sampling, promiscuous, position: Some(settings.at) };
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
    /// The tap that `link` is sampled by, or `None` if it is not sampled.
    ///
    /// A block that names the device goes before one that selects by pattern or speed alone;
    /// among equals the first in the file.
    pub fn tap_for(&self, link: &LinkTraits<'_>) -> Option<&TapRule> {
        let matching = |tap: &&TapRule| tap.selector.matches(link);
        let by_name = |tap: &&TapRule| tap.selector.device.is_some();
        let mut taps = self.taps.iter();
        taps.clone().filter(by_name).find(matching).or_else(|| taps.find(matching))
    }
}

/// A pattern for names of devices; it matches anywhere in a name unless anchored by `^` and `$`.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern; the error says in words what is wrong.
    pub(in crate::config) fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("the pattern is empty".into());
        }
        let regex = RegexBuilder::new(text).size_limit(MAX_COMPILED_BYTES).build();
        regex.map(Self).map_err(|why| format!("{} is not a pattern: {why}", quoted(text)))
    }

    /// Whether the pattern is found in `name`.
    pub fn matches(&self, name: &str) -> bool {
        // The kernel's names have 15 bytes, its alternative names 127.
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

/// `((a{255}){255})` must not become a large program.
const MAX_COMPILED_BYTES: usize = 64 * 1024;
/// Matching takes time in proportion to pattern times name.
const MAX_NAME_BYTES: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    const NIC: LinkTraits<'_> = LinkTraits {
        name: "eth0",
        alias: Some("uplink"),
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
    fn every_key_must_match() {
        assert!(by_pattern("^eth").matches(&NIC));
        assert!(by_pattern("h0").matches(&NIC), "not anchored");
        assert!(!by_pattern("^h0").matches(&NIC));
        let both = Selector { pattern: by_pattern("^eth").pattern, ..by_speed(0, 1000) };
        assert!(!both.matches(&NIC));
        assert!(both.matches(&LinkTraits { speed: None, ..NIC }), "unknown counts as 0");
        assert!(Selector::default().matches(&NIC), "no key");
    }

    #[test]
    fn a_device_is_found_by_name_and_alias() {
        for (name, found) in [("eth0", true), ("uplink", true), ("ETH0", false), ("eth", false)] {
            assert_eq!(TapRule::device(name, None).selector.matches(&NIC), found, "{name}");
        }
    }

    #[test]
    fn only_a_name_takes_what_shows_the_packets_of_others() {
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
    fn kinds_in_the_words_of_the_kernel() {
        assert_eq!(LinkKind::from_kernel(true, None), LinkKind::Loopback);
        assert_eq!(LinkKind::from_kernel(false, Some("bond")), LinkKind::BondMaster);
        assert_eq!(LinkKind::from_kernel(false, Some("vlan")), LinkKind::Vlan);
        assert_eq!(LinkKind::from_kernel(false, Some("veth")), LinkKind::Veth);
        assert_eq!(LinkKind::from_kernel(false, Some("bridge")), LinkKind::Other);
        assert_eq!(LinkKind::from_kernel(false, None), LinkKind::Other);
    }

    #[test]
    fn a_name_goes_before_a_pattern() {
        let taps =
            vec![tap(by_pattern("eth")), tap(by_speed(0, u64::MAX)), TapRule::device("eth0", None)];
        let config = Config { taps, ..Config::default() };
        assert_eq!(config.tap_for(&NIC), config.taps.get(2));
        assert_eq!(config.tap_for(&LinkTraits { name: "eth1", ..NIC }), config.taps.first());
        assert_eq!(
            config.tap_for(&LinkTraits { name: "wlan0", alias: None, ..NIC }),
            config.taps.get(1)
        );
        assert_eq!(Config::default().tap_for(&NIC), None);
    }

    #[test]
    fn patterns_are_bounded() {
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
    fn what_is_like_posix_and_what_is_not() {
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
