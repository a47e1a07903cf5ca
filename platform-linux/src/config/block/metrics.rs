//! `metrics { }`: the agent's own counters over HTTP.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::super::Config;
use super::super::diagnostic::{Diagnostics, quoted};
use super::super::tokens::{Block, Kind, Setting, Settings, Token, supported};

/// The block.
pub(in crate::config) static BLOCK: Block =
    Block::new("metrics", "the agent's own counters for Prometheus", &[LISTEN], read);

const LISTEN: Token = supported("listen", Kind::Word("an address, :PORT may follow"))
    .default("127.0.0.1:9343")
    .about("where `GET /metrics` is served; an IPv6 address with a port is in brackets");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let listen = match settings.has(LISTEN.name) {
        true => settings.last(&LISTEN, listen),
        false => Some(DEFAULT),
    };
    let Some(listen) = listen else { return };
    if config.metrics.replace(listen).is_some() {
        settings.warn("this metrics block replaces the one before it");
    }
}

fn listen(setting: &Setting, problems: &mut Diagnostics) -> Option<SocketAddr> {
    let listen = setting.parse(address, problems)?;
    if !listen.ip().is_loopback() {
        let message = format!(
            "every host that reaches {listen} can read the metrics, which name interfaces and \
             collectors"
        );
        setting.warn(message, problems);
    }
    Some(listen)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let with_default = |address: IpAddr| SocketAddr::new(address, DEFAULT.port());
    let parsed = text.parse().or_else(|_| text.parse().map(with_default));
    match parsed {
        Ok(address) if address.port() == 0 => Err(format!("{}: the port is 0", quoted(text))),
        Ok(address) => Ok(address),
        Err(_) => Err(format!("{} is not an address such as 127.0.0.1:9343", quoted(text))),
    }
}

/// No other exporter of the list of the Prometheus project has this port.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9343);

#[cfg(test)]
mod tests {
    use crate::config::tests::{accepted, assert_lines, warned};

    #[test]
    fn address_and_port_have_defaults() {
        assert_eq!(accepted("").metrics, None);
        for (text, expected) in [
            ("metrics { }", "127.0.0.1:9343"),
            ("metrics { listen = 127.0.0.2 }", "127.0.0.2:9343"),
            ("metrics { listen = 127.0.0.1:80 }", "127.0.0.1:80"),
            ("metrics { listen = ::1 }", "[::1]:9343"),
            ("metrics { listen = [::1]:80 }", "[::1]:80"),
        ] {
            assert_eq!(accepted(text).metrics, Some(expected.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn what_other_hosts_can_read_is_a_warning() {
        for text in ["0.0.0.0:9343", "[::]:9343", "192.0.2.1:9343"] {
            let config = warned(&format!("metrics {{ listen = {text} }}"));
            assert_eq!(config.metrics, Some(text.parse().unwrap()));
        }
        assert_lines(&[(
            "metrics { listen = 0.0.0.0 }",
            "f:2:20: warning: every host that reaches 0.0.0.0:9343 can read the metrics, which \
             name interfaces and collectors",
        )]);
    }

    #[test]
    fn mistakes_are_errors() {
        let not =
            |text| format!("f:2:20: error: \"{text}\" is not an address such as 127.0.0.1:9343");
        assert_lines(&[
            ("metrics { listen = localhost }", &not("localhost")),
            ("metrics { listen = 9343 }", &not("9343")),
            ("metrics { listen = ::1:80:x }", &not("::1:80:x")),
            ("metrics { listen = 127.0.0.1:0 }", "f:2:20: error: \"127.0.0.1:0\": the port is 0"),
            ("metrics { size = 1 }", "f:2:11: error: unknown token \"size\""),
        ]);
        assert!(warned("metrics { } metrics { listen = ::1 }").metrics.unwrap().is_ipv6());
    }
}
