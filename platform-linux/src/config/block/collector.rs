//! `collector { }`: a receiver of datagrams.

use core::error::Error;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use core::str::FromStr;

use super::super::Config;
use super::super::diagnostic::quoted;
use super::super::settings::push_bounded;
use super::super::tokens::{Block, DEVICE, Kind, Settings, Token, supported};
use super::super::value;

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "collector",
    "a receiver of datagrams; repeatable",
    &[IP, PORT, DEV, SOURCE, SOURCE_PORT, NAMESPACE],
    read,
);

const IP: Token = supported("ip", Kind::Word("an address or host name"))
    .about("address or name of the receiver; required. Names are resolved at run time");
const PORT: Token = supported("udpport", Kind::Number(1..=65535)).default("6343").about("UDP port");
const DEV: Token = supported("dev", DEVICE).about("the device that datagrams are sent through");
const SOURCE: Token = supported("source", Kind::Word("an address of this host"))
    .default("chosen by the routing table")
    .about("source address of the datagrams");
const SOURCE_PORT: Token = supported("source.port", Kind::Number(1..=65535))
    .default("chosen by the kernel")
    .about("source port of the datagrams, for firewalls that require a fixed one");
const NAMESPACE: Token = supported("namespace", Kind::Word("a network namespace")).about(
    "send from this namespace of `ip netns`; entered at the start, which requires CAP_SYS_ADMIN",
);

/// A receiver of sFlow datagrams.
///
/// On a command line it is written `10.0.0.1`, `10.0.0.1:6343`, `2001:db8::1`,
/// `[2001:db8::1]:6343`, `name` or `name:6343`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Address or host name.
    pub host: Host,
    /// UDP port, never 0.
    pub port: u16,
    /// The device that datagrams are sent through (`SO_BINDTODEVICE`); `None`: by the routing table.
    pub device: Option<String>,
    /// Where datagrams come from.
    pub source: Source,
    /// The network namespace that datagrams are sent from, by its name in `ip netns`; `None`: that of
    /// the agent.
    pub namespace: Option<String>,
}

/// The source of datagrams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// `None`: chosen by the routing table.
    pub address: Option<IpAddr>,
    /// 0: chosen by the kernel.
    pub port: u16,
}

impl Source {
    /// Returns true if datagrams to `destination` can come from this source.
    #[must_use]
    pub fn is_usable(&self, destination: IpAddr) -> bool {
        self.address.is_none_or(|address| address.is_ipv4() == destination.is_ipv4())
    }
}

/// The host of a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IPv4 or IPv6 address.
    Address(IpAddr),
    /// A name. It is resolved at run time, because a name server that is not up yet is not an
    /// error of the configuration.
    Name(String),
}

impl Collector {
    /// The port assigned to sFlow by IANA.
    pub const DEFAULT_PORT: u16 = 6343;

    /// A collector on the default port.
    pub const fn new(host: Host) -> Self {
        let source = Source { address: None, port: 0 };
        Self { host, port: Self::DEFAULT_PORT, device: None, source, namespace: None }
    }
}

impl Host {
    /// Parses an address or a host name; the error is a message.
    fn parse(text: &str) -> Result<Self, String> {
        if text.parse::<IpAddr>().is_err() && !text.starts_with('[') {
            return value::host_name(text).map(Self::Name);
        }
        let address = value::address(text)?;
        if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(format!("{} is the broadcast address, not a collector", quoted(text)));
        }
        Ok(Self::Address(address))
    }
}

/// Parses an address or a host name that was found in DNS; the error is a message.
pub(in crate::config) fn host_of(text: &str) -> Result<Host, String> {
    Host::parse(text)
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port)?,
            host => write!(f, "{host}:{}", self.port)?,
        }
        if let Some(device) = &self.device {
            write!(f, " by {}", device.escape_debug())?;
        }
        if let Some(name) = &self.namespace {
            write!(f, " in namespace {}", name.escape_debug())?;
        }
        self.source.fmt(f)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, self.port) {
            (None, 0) => Ok(()),
            (None, port) => write!(f, " from port {port}"),
            (Some(address), 0) => write!(f, " from {address}"),
            (Some(address), port) => write!(f, " from {}", SocketAddr::new(address, port)),
        }
    }
}

impl FromStr for Collector {
    type Err = ParseCollectorError;

    fn from_str(text: &str) -> Result<Self, ParseCollectorError> {
        let (host, port) = split_port(text);
        let (host, device) = parse_with_zone(host).map_err(ParseCollectorError)?;
        let collector = Self { device, ..Self::new(host) };
        let Some(port) = port else { return Ok(collector) };
        let port = value::number(port, "").ok().and_then(|n| u16::try_from(n.value).ok());
        match port.filter(|&port| port != 0) {
            Some(port) => Ok(Self { port, ..collector }),
            None => {
                Err(ParseCollectorError(format!("{}: the port must be 1..=65535", quoted(text))))
            }
        }
    }
}

/// The message for a text that is not a collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseCollectorError(String);

impl fmt::Display for ParseCollectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for ParseCollectorError {}

/// Applies the block.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    if !settings.has(IP.name) {
        settings.error("this collector has no ip");
    }
    let host = settings.value(&IP, host);
    let port = settings.number(&PORT).and_then(|port| u16::try_from(port).ok());
    let device = settings.value(&DEV, value::device);
    let source = settings.value(&SOURCE, value::address);
    let source_port = settings.number(&SOURCE_PORT).and_then(|port| u16::try_from(port).ok());
    let namespace = settings.value(&NAMESPACE, value::namespace);
    let Some((host, zone)) = host else { return };
    if let (Some(zone), Some(device)) = (&zone, &device)
        && zone != device
    {
        return settings.error(format!(
            "the zone of this address is {}, and dev is {}; remove one of them",
            quoted(zone),
            quoted(device)
        ));
    }
    let device = device.or(zone);
    // What is wrong was reported. Without it the collector may look like another one.
    let is_broken = [
        (PORT.name, port.is_none()),
        (DEV.name, device.is_none()),
        (SOURCE.name, source.is_none()),
        (SOURCE_PORT.name, source_port.is_none()),
        (NAMESPACE.name, namespace.is_none()),
    ];
    if is_broken.iter().any(|(name, is_absent)| *is_absent && settings.has(name)) {
        return;
    }
    let source = Source { address: source, port: source_port.unwrap_or(0) };
    if let (Host::Address(ip), Some(from)) = (&host, source.address)
        && !source.is_usable(*ip)
    {
        return settings
            .error(format!("{ip} cannot be reached from {from}: one is IPv4, one IPv6"));
    }
    if device.is_none() && matches!(host, Host::Address(address) if needs_device(address)) {
        settings.warn("a link-local address needs a device; add dev = ...");
    }
    let port = port.unwrap_or(Collector::DEFAULT_PORT);
    let collector = Collector { host, port, device, source, namespace };
    if config.collectors.contains(&collector) {
        settings.warn(format!("{collector} is listed twice and receives each datagram twice"));
    }
    push_bounded(&mut config.collectors, collector, settings.at, settings.problems);
}

fn host(text: &str) -> Result<(Host, Option<String>), String> {
    parse_with_zone(text).map_err(|why| match text.parse::<Collector>() {
        Ok(_) => format!("{} contains a port; use udpport = ...", quoted(text)),
        Err(_) => why,
    })
}

/// Parses a host name or an address, optionally with its zone (RFC 4007), the name of a device:
/// `fe80::1%eth0`.
fn parse_with_zone(text: &str) -> Result<(Host, Option<String>), String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let Some((address, zone)) = bare.split_once('%') else {
        return Host::parse(text).map(|host| (host, None));
    };
    let host = value::address(address).map(Host::Address)?;
    // Indices change with each start; `dev` takes names only.
    if zone.is_empty() || zone.bytes().all(|byte| byte.is_ascii_digit()) {
        let text = quoted(text);
        return Err(format!(
            "{text}: the zone must be a name of an interface, as in {address}%eth0"
        ));
    }
    Ok((host, Some(value::device(zone)?)))
}

/// Addresses and groups of IPv6 that exist on every link: the scopes 1 and 2 of RFC 4291, section 2.7.
pub(crate) fn needs_device(address: IpAddr) -> bool {
    let IpAddr::V6(address) = address else { return false };
    let scope = address.octets()[1] & 0xf;
    address.is_unicast_link_local() || (address.is_multicast() && matches!(scope, 1 | 2))
}

/// Splits `host:port`; an IPv6 address has a port only after brackets.
fn split_port(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => (host, Some(port)),
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_forms() {
        for (text, shown) in [
            ("10.0.0.1", "10.0.0.1:6343"),
            ("10.0.0.1:99", "10.0.0.1:99"),
            ("2001:db8::1", "[2001:db8::1]:6343"),
            ("[2001:db8::1]", "[2001:db8::1]:6343"),
            ("[2001:db8::1]:99", "[2001:db8::1]:99"),
            ("collector.example", "collector.example:6343"),
            ("collector.example:99", "collector.example:99"),
            ("fe80::1%eth0", "[fe80::1]:6343 by eth0"),
            ("[fe80::1%eth0.5]:99", "[fe80::1]:99 by eth0.5"),
            ("224.0.0.7%eth0:99", "224.0.0.7:99 by eth0"),
        ] {
            assert_eq!(text.parse::<Collector>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn malformed_collectors_are_errors() {
        for (text, message) in [
            ("", r#""" is neither an address nor a host name"#),
            ("10.0.0.256", r#""10.0.0.256" is neither an address nor a host name"#),
            ("10.0.0.1:0", r#""10.0.0.1:0": the port must be 1..=65535"#),
            ("10.0.0.1:65536", r#""10.0.0.1:65536": the port must be 1..=65535"#),
            ("10.0.0.1:", r#""10.0.0.1:": the port must be 1..=65535"#),
            ("[::1", r#""[::1" is not an IPv4 or IPv6 address"#),
            ("[::1]x", r#""[::1]x" is not an IPv4 or IPv6 address"#),
            ("0.0.0.0", r#""0.0.0.0" is an unspecified address"#),
            ("255.255.255.255", r#""255.255.255.255" is the broadcast address, not a collector"#),
            (
                "fe80::1%4",
                r#""fe80::1%4": the zone must be a name of an interface, as in fe80::1%eth0"#,
            ),
            ("a.example%eth0", r#""a.example" is not an IPv4 or IPv6 address"#),
        ] {
            assert_eq!(text.parse::<Collector>().unwrap_err().to_string(), message);
        }
    }
}
