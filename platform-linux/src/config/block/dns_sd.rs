//! `dns-sd { }`: collectors and settings from DNS.

use super::super::Config;
use super::super::tokens::{Block, Kind, Settings, Token, supported};
use super::super::value;

/// Where collectors and settings are looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// The domain; `None`: that of the host, by resolv.conf(5).
    pub domain: Option<String>,
}

/// The block.
pub(in crate::config) static BLOCK: Block =
    Block::new("dns-sd", "collectors and settings from DNS", &[DOMAIN], read);

const DOMAIN: Token = supported("domain", Kind::Word("a domain"))
    .default("that of the host")
    .about("look for the service `_sflow._udp` in this domain");

/// The tokens of the `sflow` block with the same effect, which older versions of hsflowd have.
pub(in crate::config) const OUTER: &[Token] = &[DNSSD, DNSSD_DOMAIN];

const DNSSD: Token =
    supported("DNSSD", Kind::Switch).default("off").about("older spelling of `dns-sd { }`");
const DNSSD_DOMAIN: Token = supported("DNSSD_domain", Kind::Word("a domain"))
    .about("older spelling of `dns-sd { domain = ... }`; needs `DNSSD = on`");

fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let domain = settings.value(&DOMAIN, domain);
    if config.discovery.replace(Discovery { domain }).is_some() {
        settings.warn("this dns-sd block replaces the one before it");
    }
}

/// Applies the older spelling.
pub(super) fn read_outer(settings: &mut Settings<'_>, config: &mut Config) {
    let domain = settings.value(&DNSSD_DOMAIN, domain);
    if settings.value(&DNSSD, value::switch) == Some(true) {
        config.discovery.get_or_insert_default().domain = domain;
    }
}

/// hsflowd takes the domain with a leading dot.
fn domain(text: &str) -> Result<String, String> {
    value::host_name(text.trim_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines, problems, warned};

    #[test]
    fn domain_is_that_of_the_block_or_of_the_host() {
        let in_domain = |domain: &str| Some(Discovery { domain: Some(domain.to_owned()) });
        assert_eq!(accepted("dns-sd { domain = example.com }").discovery, in_domain("example.com"));
        assert_eq!(
            accepted("dns-sd { domain = .example.com. }").discovery,
            in_domain("example.com")
        );
        assert_eq!(accepted("dns-sd { }").discovery, Some(Discovery { domain: None }));
        assert_eq!(
            accepted("DNSSD = on DNSSD_domain = .a.example").discovery,
            in_domain("a.example")
        );
        assert_eq!(accepted("DNSSD = off").discovery, None);
        assert_eq!(warned("dns-sd { } dns-sd { domain = b }").discovery, in_domain("b"));
        assert_lines(&[(
            "dns-sd { domain = \"a b\" }",
            "f:2:19: error: \"a b\" is neither an address nor a host name",
        )]);
    }

    #[test]
    fn file_needs_no_collector_with_discovery() {
        assert_eq!(problems("sflow { dns-sd { } }"), "");
        assert_eq!(problems("sflow { DNSSD = on }"), "");
    }
}
