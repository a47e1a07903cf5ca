//! The queries of one target, and the metrics that their outcome becomes.

use flowmote_core::{Duration, Instant, MetricValue};
use log::info;

use super::fetch::{Fetch, Target};
use super::identity::{Identity, mac_text};
use crate::links::{Link, Links};
use crate::modules::module::World;
use crate::output::Output;
use crate::output::custom::metric_name;
use crate::throttle::ThrottleByReason;
use crate::watched::Watched;

/// Queries of one target.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) target: Target,
    pub(super) refresh: Duration,
    /// Time between two samples.
    pub(super) polling: Duration,
    fetch: Watched<Fetch>,
    /// Queries whose outcome was handled.
    handled: u64,
    next_query: Instant,
    /// Time until the query after a failure; doubles.
    pause: Duration,
    next_send: Instant,
    identity: Identity,
    /// MAC addresses of the adapters at the last query.
    adapters: Vec<[u8; 6]>,
    pub(super) failures: u64,
    /// The last reason why the identity is not on disk.
    not_kept: Option<String>,
}

impl Session {
    pub(super) fn new(now: Instant, target: Target) -> Self {
        Self {
            fetch: Watched::new(Fetch::new(target.clone())),
            target,
            refresh: Duration::ZERO,
            polling: Duration::ZERO,
            handled: 0,
            // After the start of the daemon, when the privileges are dropped.
            next_query: now + FIRST,
            pause: FIRST_PAUSE,
            next_send: now + FIRST,
            identity: Identity::default(),
            adapters: Vec::new(),
            failures: 0,
            not_kept: None,
        }
    }

    /// When to call [`follow`](Self::follow) and [`send`](Self::send) next.
    pub(super) fn deadline(&self) -> Instant {
        self.fetch.deadline().unwrap_or(self.next_query).min(self.next_send)
    }

    /// Handles the outcome of a query that has ended, and starts the next one when it is due.
    pub(super) fn follow(&mut self, now: Instant, links: &Links, throttle: &mut ThrottleByReason) {
        self.take_outcome(now, links, throttle);
        let adapters: Vec<_> = adapters(links).filter_map(|link| link.mac).collect();
        if adapters != self.adapters {
            // An interface that was attached is in the metadata after a moment.
            self.adapters = adapters;
            self.pause = FIRST_PAUSE;
            self.next_query = self.next_query.min(now + SETTLE);
        }
        if self.fetch.deadline().is_none() && now >= self.next_query {
            let work = if self.handled == 0 { Fetch::load } else { Fetch::query };
            self.fetch.start(now, |_| {}, work);
            self.next_query = now + self.refresh;
        }
    }

    fn take_outcome(&mut self, now: Instant, links: &Links, throttle: &mut ThrottleByReason) {
        let Some(fetch) = self.fetch.ended(now) else { return };
        let (queries, failures, outcome) = (fetch.queries, fetch.failures, fetch.outcome.clone());
        let not_kept = fetch.not_kept.clone();
        let is_first = self.handled == 0;
        self.handled = queries;
        self.failures = failures;
        if let Some(reason) = &not_kept
            && self.not_kept != not_kept
        {
            info!("cloud: the identity is not kept for a restart: {reason}");
        }
        self.not_kept = not_kept;
        match outcome {
            Ok(identity) => {
                if !is_first {
                    throttle.clear();
                }
                self.accept(now, identity, links, is_first);
            }
            Err(failure) => {
                self.retry(now);
                throttle.warn(now, format_args!("cloud: {failure}; retrying"));
            }
        }
    }

    fn accept(&mut self, now: Instant, identity: Identity, links: &Links, is_first: bool) {
        if is_first {
            // From disk or firmware: the service follows.
            self.next_query = now;
        } else {
            // An adapter that the service does not know yet.
            let macs = adapters(links).filter_map(|link| link.mac);
            let unknown = macs.filter(|mac| identity.interface(*mac).is_none()).count();
            if unknown > 0 {
                self.retry(now);
            } else {
                self.pause = FIRST_PAUSE;
            }
        }
        if identity != self.identity {
            self.next_send = now;
            if describe(&identity) != describe(&self.identity) {
                info!("cloud: {}", describe(&identity));
            }
            self.identity = identity;
        }
    }

    fn retry(&mut self, now: Instant) {
        self.next_query = now + self.pause.min(self.refresh);
        self.pause = twice(self.pause).min(self.refresh);
    }

    /// Sends the identity if it is due.
    pub(super) fn send(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        if now < self.next_send {
            return;
        }
        self.next_send = now + self.polling;
        let bytes = world.config.datagram_bytes;
        let metrics: Vec<_> = texts(self.identity.values.iter()).collect();
        if metrics.is_empty() {
            return;
        }
        output.rt_metrics(now, "cloud", &metrics, bytes);
        for link in adapters(world.links) {
            let known = link.mac.and_then(|mac| Some((mac, self.identity.interface(mac)?)));
            let Some((mac, interface)) = known else { continue };
            let (index, mac) = (link.index.to_string(), mac_text(mac));
            let own =
                [("cloud_ifindex", &*index), ("cloud_ifname", &link.name), ("cloud_mac", &mac)];
            let metrics: Vec<_> = texts(own.into_iter().chain(interface.values.iter())).collect();
            output.rt_metrics(now, &metric_name("cloud-", &link.name), &metrics, bytes);
        }
    }
}

fn twice(duration: Duration) -> Duration {
    Duration::from_millis(duration.as_millis().saturating_mul(2))
}

/// The links that can be interfaces of the cloud.
fn adapters(links: &Links) -> impl Iterator<Item = &Link> {
    links.iter().filter(|link| links.counts_once(link))
}

fn texts<'a>(
    values: impl Iterator<Item = (&'a str, &'a str)>,
) -> impl Iterator<Item = (&'a str, MetricValue<'a>)> {
    values.map(|(name, value)| (name, MetricValue::String(value)))
}

/// The instance in a few words.
pub(super) fn describe(identity: &Identity) -> String {
    let names = ["cloud_provider", "cloud_instance_id", "cloud_instance_type", "cloud_zone"];
    let words: Vec<_> = names.iter().filter_map(|name| identity.values.get(name)).collect();
    if words.is_empty() { "not an instance".to_owned() } else { words.join(" ") }
}

const FIRST: Duration = Duration::from_millis(100);
const FIRST_PAUSE: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_secs(2);
