//! A query of the metadata service, which runs in a thread.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::cache::Cache;
use super::ec2::Token;
use super::http::{Client, Failure};
use super::identity::Identity;
use super::{azure, ec2, gcp};
use crate::config::CloudProvider;
use crate::kernel::capabilities;

/// What to query and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) provider: CloudProvider,
    /// Tried in this order until one accepts connections.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) tags: bool,
    pub(super) cache: Cache,
    /// What the firmware names.
    pub(super) known: Identity,
}

/// A target, and the outcome of the last query.
#[derive(Debug)]
pub(super) struct Fetch {
    target: Target,
    token: Option<Token>,
    /// Queries that have ended.
    pub(super) queries: u64,
    /// Requests without a usable reply.
    pub(super) failures: u64,
    pub(super) outcome: Result<Identity, Failure>,
    /// Why the last identity is not on disk, if it is not.
    pub(super) not_kept: Option<String>,
}

impl Target {
    /// The addresses of the service of a provider, without an `endpoint` of the configuration.
    pub(super) fn addresses(provider: CloudProvider) -> Vec<SocketAddr> {
        let mut addresses = vec![IpAddr::V4(LINK_LOCAL)];
        if provider == CloudProvider::Ec2 {
            addresses.push(IpAddr::V6(EC2_V6));
        }
        addresses.into_iter().map(|address| SocketAddr::new(address, 80)).collect()
    }
}

impl Fetch {
    /// Nothing was queried yet: the outcome is what the disk or the firmware has.
    pub(super) fn new(target: Target) -> Self {
        let outcome = Ok(Identity::default());
        Self { target, token: None, queries: 0, failures: 0, outcome, not_kept: None }
    }

    /// Reads the last identity from disk.
    pub(super) fn load(&mut self) {
        self.outcome = Ok(self.target.cache.load().unwrap_or_else(|| self.target.known.clone()));
        self.queries = self.queries.saturating_add(1);
    }

    /// Queries the service. May take as long as [`TOTAL`].
    pub(super) fn query(&mut self) {
        // Nothing here needs any, and replies come from the network.
        capabilities::give_up_all();
        self.outcome = self.first_reachable(TOTAL);
        if let Ok(identity) = &self.outcome {
            // Without a state directory a restart only has to query again.
            let (directory, stored) =
                (&self.target.cache.directory, self.target.cache.store(identity));
            self.not_kept = stored.err().map(|error| format!("{}: {error}", directory.display()));
        }
        self.queries = self.queries.saturating_add(1);
    }

    /// Queries the first address that accepts connections.
    pub(super) fn first_reachable(&mut self, total: Duration) -> Result<Identity, Failure> {
        let until = Instant::now() + total;
        let mut first = None;
        for address in self.target.addresses.clone() {
            match self.identity(address, until) {
                Err(failure @ Failure::Unreachable(_)) => first = first.or(Some(failure)),
                outcome => return outcome,
            }
        }
        Err(first.unwrap_or(Failure::Silent))
    }

    fn identity(&mut self, address: SocketAddr, until: Instant) -> Result<Identity, Failure> {
        let mut client = Client { address, until, failures: 0 };
        let tags = self.target.tags;
        let outcome = match self.target.provider {
            CloudProvider::Ec2 => ec2::identity(&mut client, &mut self.token, tags),
            CloudProvider::Gcp => gcp::identity(&mut client, tags),
            CloudProvider::Azure => azure::identity(&mut client, tags),
        };
        self.failures = self.failures.saturating_add(client.failures);
        outcome
    }
}

const LINK_LOCAL: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
/// For subnets that have IPv6 only.
const EC2_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
/// For all requests of a query: an instance with fifteen interfaces and fifty tags has about 200.
const TOTAL: Duration = Duration::from_secs(20);
