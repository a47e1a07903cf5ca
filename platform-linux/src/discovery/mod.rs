//! Discovery of collectors and settings by DNS: the service `_sflow._udp` of a domain (RFC 6763).

mod exchange;
mod records;

use std::io;

use crate::config::{Discovered, Discovery};
use crate::discovery::exchange::{Kind, Servers};

/// A reply of DNS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What the records contain.
    pub(crate) discovered: Discovered,
    /// Seconds for which it is valid: the shortest TTL of the records.
    pub(crate) valid_secs: u32,
}

/// Looks the service up. Blocks until the servers have replied or their time is over.
///
/// # Errors
/// The name of the service and what is wrong: no domain, no such name, no reply.
pub(crate) fn look_up(discovery: &Discovery) -> io::Result<Found> {
    let servers = Servers::of_this_host();
    let domain = discovery.domain.as_deref().or(servers.domain.as_deref());
    let domain = domain.ok_or_else(|| {
        io::Error::other("the host has no domain; write dns-sd { domain = example.com }")
    })?;
    let service = format!("{SERVICE}.{domain}");
    let ask = |kind| {
        servers
            .ask(&service, kind)
            .map_err(|error| io::Error::new(error.kind(), format!("{service}: {error}")))
    };
    let collectors = ask(Kind::Srv)?;
    // A service without settings is one without a TXT record.
    let settings = ask(Kind::Txt).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(Vec::new()),
        _ => Err(error),
    })?;
    records::read(&collectors, &settings)
        .map_err(|error| io::Error::new(error.kind(), format!("{service}: {error}")))
}

const SERVICE: &str = "_sflow._udp";
