//! Identity of an instance of EC2, GCP or Azure, from the metadata service of the cloud.
//!
//! The service is queried in a thread. What it reported is sent as custom metrics at each polling
//! interval: those of the instance under the data source `cloud`, those of an interface under
//! `cloud-` and its name.

mod azure;
mod cache;
mod ec2;
mod fetch;
mod gcp;
mod http;
mod identity;
mod machine;
mod session;

use std::env;
use std::net::SocketAddr;
use std::path::Path;

use flowmote_core::{Duration, Instant};

use crate::config::{CloudChoice, CloudProvider, CloudRule, Config, metadata_endpoint};
use crate::links::Links;
use crate::modules::module::{Findings, Module, Statistics, World};
use crate::output::Output;
use crate::throttle::ThrottleByReason;
use cache::Cache;
use fetch::{Fetch, Target};
use machine::Machine;
use session::{Session, describe};

/// The identity of this instance, if it is one.
#[derive(Debug)]
pub(crate) struct Cloud {
    machine: Machine,
    session: Option<Session>,
    /// Failed requests of sessions that ended.
    failures: u64,
    throttle: ThrottleByReason,
}

impl Cloud {
    /// Reads what the firmware names below `root`.
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            machine: Machine::read(root),
            session: None,
            failures: 0,
            throttle: ThrottleByReason::default(),
        }
    }

    /// What to query; `None` where there is no cloud, or no query is wished.
    fn target(&self, rule: &CloudRule) -> Option<Target> {
        let provider = match rule.provider {
            CloudChoice::Off => None,
            CloudChoice::Only(provider) => Some(provider),
            CloudChoice::Auto => self.machine.provider,
        }?;
        let ec2 = provider == CloudProvider::Ec2;
        if ec2 && env::var("AWS_EC2_METADATA_DISABLED").is_ok_and(|it| is_true(&it)) {
            return None;
        }
        let given = rule.endpoint.or_else(|| if ec2 { endpoint_of_environment() } else { None });
        Some(Target {
            provider,
            addresses: given.map_or_else(|| Target::addresses(provider), |address| vec![address]),
            tags: rule.tags,
            cache: Cache { directory: Cache::directory(), boot_id: self.machine.boot_id.clone() },
            known: self.machine.identity(),
        })
    }

    /// The target under this configuration. Without polling nothing is sent.
    fn configured(&self, config: &Config) -> Option<Target> {
        if config.polling_secs == 0 { None } else { self.target(&config.cloud) }
    }
}

impl Module for Cloud {
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        let target = self.configured(world.config);
        if self.session.as_ref().map(|session| &session.target) != target.as_ref() {
            let before = self.session.take();
            self.failures += before.map_or(0, |session| session.failures);
            self.session = target.map(|target| Session::new(now, target));
        }
        let Some(session) = &mut self.session else { return };
        session.refresh = Duration::from_secs(world.config.cloud.refresh_secs);
        session.polling = Duration::from_secs(world.config.polling_secs);
        session.follow(now, world.links, &mut self.throttle);
        session.send(now, world, output);
    }

    fn deadline(&self) -> Option<Instant> {
        self.session.as_ref().map(Session::deadline)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let failures = self.failures + self.session.as_ref().map_or(0, |session| session.failures);
        statistics.exceptions.push((failures, "failed requests of instance metadata"));
    }

    fn problems(&self, config: &Config, _links: &Links, problems: &mut Vec<String>) {
        let target = self.configured(config).filter(|it| it.provider == CloudProvider::Ec2);
        if target.is_none() || config.cloud.endpoint.is_some() {
            return;
        }
        if let Some(Err(message)) = endpoint_variable() {
            problems.push(format!("{ENDPOINT}: {message}; it has no effect"));
        }
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(target) = self.configured(config) else { return };
        let provider = target.provider.name();
        let every = config.cloud.refresh_secs;
        let cache = target.cache.clone();
        match Fetch::new(target).first_reachable(CHECK_TIME) {
            Ok(identity) => {
                let name = describe(&identity);
                findings.line(
                    "cloud",
                    format_args!("{name}, queried every {every} s, {}", cache.in_words()),
                );
            }
            Err(failure) => {
                findings.line("cloud", format_args!("{provider}: unknown"));
                findings.warnings.push(format!("warning: cloud: {failure}"));
            }
        }
    }
}

/// The service that the SDKs of AWS are configured to use.
fn endpoint_of_environment() -> Option<SocketAddr> {
    if let Some(given) = endpoint_variable() {
        return given.ok();
    }
    let mode = env::var("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").ok()?;
    let is_v6 = mode.eq_ignore_ascii_case("ipv6");
    Target::addresses(CloudProvider::Ec2).into_iter().find(|address| is_v6 && address.is_ipv6())
}

fn endpoint_variable() -> Option<Result<SocketAddr, String>> {
    let given = env::var(ENDPOINT).ok().filter(|it| !it.is_empty())?;
    Some(metadata_endpoint(&given))
}

fn is_true(text: &str) -> bool {
    text.eq_ignore_ascii_case("true")
}

const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const CHECK_TIME: core::time::Duration = core::time::Duration::from_secs(3);

#[cfg(test)]
mod tests;
