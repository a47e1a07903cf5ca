//! Addresses on the command line: numbers, host names, multicast groups with an interface.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use core::str::FromStr;
use std::io;
use std::net::ToSocketAddrs;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

/// A host, a port, or both, as given by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// An address or a name; `None` for all addresses of this host.
    host: Option<String>,
    /// The interface after `%`, for multicast and link-local addresses.
    interface: Option<String>,
    port: u16,
}

impl Endpoint {
    /// The addresses to which the name resolves. Blocks for a name, up to the timeout of the
    /// resolver.
    ///
    /// # Errors
    ///
    /// The name or the interface does not exist. The text contains its name.
    pub(crate) fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let Some(host) = &self.host else {
            return Ok(vec![(Ipv6Addr::UNSPECIFIED, self.port).into()]);
        };
        let scope = self.interface.as_deref().map(index_of).transpose()?.unwrap_or(0);
        let with_scope = |address| match address {
            SocketAddr::V6(v6) if scope != 0 => {
                SocketAddrV6::new(*v6.ip(), v6.port(), 0, scope).into()
            }
            other => other,
        };
        let unknown = |error| io::Error::other(format!("cannot resolve {host}: {error}"));
        let found = (host.as_str(), self.port).to_socket_addrs().map_err(unknown)?;
        Ok(found.map(with_scope).collect())
    }

    /// The IPv4 address of the interface, by which the kernel selects it; the unspecified address if
    /// the kernel shall choose by its routes.
    pub(crate) fn interface_v4(&self) -> io::Result<Ipv4Addr> {
        let Some(name) = &self.interface else { return Ok(Ipv4Addr::UNSPECIFIED) };
        let addresses = getifaddrs()?.filter(|entry| entry.interface_name == *name);
        let mut v4 = addresses.filter_map(|entry| Some(entry.address?.as_sockaddr_in()?.ip()));
        v4.next().ok_or_else(|| {
            io::Error::other(format!("interface {name} has no IPv4 address, which a group needs"))
        })
    }

    /// The host as a name that has to be resolved; `None` for an address.
    pub(crate) fn name(&self) -> Option<&str> {
        self.host.as_deref().filter(|host| host.parse::<IpAddr>().is_err())
    }

    /// Parses the destination of copies. A bare port is an error: it would stand for the unspecified
    /// address, which Linux takes for this host.
    pub(crate) fn destination(text: &str) -> Result<Self, String> {
        let parsed = text.parse::<Self>().ok().filter(|endpoint| {
            let unspecified =
                |host: &str| host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified());
            endpoint.port != 0 && endpoint.host.as_deref().is_some_and(|host| !unspecified(host))
        });
        parsed.ok_or_else(|| {
            "expected 192.0.2.1:6343, [2001:db8::1]:6343, collector.example:6343, or one of them \
             without port"
                .to_owned()
        })
    }
}

/// Parses an address or name, a port or both. The default is port 6343 of all addresses.
impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::parse(text, PORT)
    }
}

impl Endpoint {
    /// Parses an address or name, a port or both, with another default port of all addresses.
    pub(crate) fn parse(text: &str, default: u16) -> Result<Self, String> {
        let expected = "expected 127.0.0.1:6343, [::1]:6343, 127.0.0.1, ::1, 6343, a host name, or a \
                        multicast group with an interface such as 239.1.2.3%eth0";
        let invalid = || expected.to_owned();
        if let Ok(port) = text.strip_prefix(':').unwrap_or(text).parse() {
            return Ok(Self { host: None, interface: None, port });
        }
        let (host, port) = split_port(text, default).ok_or_else(invalid)?;
        let (host, interface) = match host.split_once('%') {
            Some((host, interface)) => (host, Some(interface).filter(|name| !name.is_empty())),
            None => (host, Some("")),
        };
        let interface = interface.ok_or_else(invalid)?;
        match host.parse::<IpAddr>() {
            Ok(ip) if interface.is_empty() || scoped(ip) => {}
            Ok(_) => {
                return Err(
                    "an interface after % is for multicast and link-local addresses".to_owned()
                );
            }
            Err(_) if interface.is_empty() && is_name(host) => {}
            Err(_) => return Err(invalid()),
        }
        let interface = Some(interface.to_owned()).filter(|name| !name.is_empty());
        Ok(Self { host: Some(host.to_owned()), interface, port })
    }
}

/// The endpoint in the form in which it is parsed.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("::");
        let percent = if self.interface.is_some() { "%" } else { "" };
        let interface = self.interface.as_deref().unwrap_or_default();
        match host.contains(':') {
            true => write!(f, "[{host}{percent}{interface}]:{}", self.port),
            false => write!(f, "{host}{percent}{interface}:{}", self.port),
        }
    }
}

/// Host and port of `HOST`, `HOST:PORT`, `[HOST]`, `[HOST]:PORT`.
fn split_port(text: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.contains(':').then_some((host, port))?
        }
        // More than one colon: an IPv6 address.
        None => match text.split_once(':') {
            Some((_, rest)) if rest.contains(':') => (text, ""),
            Some((host, _)) => text.split_at_checked(host.len())?,
            None => (text, ""),
        },
    };
    match port.strip_prefix(':') {
        Some(port) => Some((host, port.parse().ok()?)),
        None => port.is_empty().then_some((host, default)),
    }
}

/// True for addresses that are valid on one interface.
fn scoped(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_multicast(),
        IpAddr::V6(v6) => v6.is_multicast() || v6.is_unicast_link_local(),
    }
}

/// True for a host name. Its last label has a letter (RFC 1123 2.1), which distinguishes it from an
/// incomplete address.
fn is_name(host: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut labels = host.strip_suffix('.').unwrap_or(host).split('.');
    let last = labels.clone().next_back().unwrap_or_default();
    host.len() <= 253
        && last.contains(|c: char| c.is_ascii_alphabetic())
        && labels.all(|label| !label.is_empty() && label.chars().all(valid))
}

fn index_of(interface: &str) -> io::Result<u32> {
    if_nametoindex(interface)
        .map_err(|_| io::Error::other(format!("there is no interface {interface}")))
}

/// The UDP port that IANA assigned to sFlow.
pub(crate) const PORT: u16 = 6343;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str) -> Vec<SocketAddr> {
        text.parse::<Endpoint>().expect(text).resolve().expect(text)
    }

    #[test]
    fn addresses_parse_in_all_forms() {
        for (text, address) in [
            ("127.0.0.1:6344", "127.0.0.1:6344"),
            ("[::1]:6344", "[::1]:6344"),
            ("127.0.0.1", "127.0.0.1:6343"),
            ("::1", "[::1]:6343"),
            ("[::1]", "[::1]:6343"),
            ("6344", "[::]:6344"),
            (":6344", "[::]:6344"),
            ("239.1.2.3%lo:1", "239.1.2.3:1"),
            ("ff02::1%lo", "[ff02::1%1]:6343"),
            ("[fe80::1%lo]:1", "[fe80::1%1]:1"),
        ] {
            assert_eq!(resolved(text), [address.parse().unwrap()], "{text}");
        }
        assert!(resolved("localhost:1").contains(&"127.0.0.1:1".parse().unwrap()));
        for text in [
            "",
            ":",
            "127.0.0.1:",
            "127.0.0.1:65536",
            "1.2.3",
            "a:b:c",
            "[127.0.0.1]:1",
            "a b",
            "a..b",
            "localhost:",
            "[::1]1",
            "127.0.0.1%lo",
            "239.1.2.3%",
            "localhost%lo",
            "-%lo",
            "1.2.3.4.5",
        ] {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn endpoint_is_shown_as_it_is_parsed() {
        for text in ["127.0.0.1:1", "[::1]:1", "[ff02::1%lo]:1", "239.1.2.3%lo:1", "a.example:1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn destination_has_a_host_and_a_port() {
        for text in ["192.0.2.1", "collector.example:1", "[2001:db8::1]:1"] {
            assert!(Endpoint::destination(text).is_ok(), "{text}");
        }
        for text in ["6343", "0.0.0.0:6343", "::", "127.0.0.1:0", "collector.example:0"] {
            assert!(Endpoint::destination(text).unwrap_err().contains("192.0.2.1:6343"), "{text}");
        }
    }

    #[test]
    fn unknown_names_and_interfaces_are_named() {
        let error =
            |text: &str| text.parse::<Endpoint>().unwrap().resolve().unwrap_err().to_string();
        assert!(error("no-such-host.invalid").starts_with("cannot resolve no-such-host.invalid: "));
        assert_eq!(error("ff02::1%nosuch0"), "there is no interface nosuch0");
    }
}
