//! Datagrams that are sent on to other collectors: all of them, or the samples of a tenant.
//!
//! `forward` and `serve` share the [destinations](Destination). `serve` has a [`Relay`]: routes that users
//! define over HTTP.

mod copied;
mod destination;
mod setting;
mod tenant;

use core::net::SocketAddr;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::time::Instant;

use flowmote_decoder::{Address, Datagram};
use flowmote_engine::source::Source;
use parking_lot::Mutex;
use serde::Serialize;

use crate::receive::{Batch, Endpoint};
pub(crate) use copied::Copied;
pub(crate) use destination::Destination;
pub(crate) use setting::{ForwardSetting, RouteSetting, TenantSetting};
pub(crate) use tenant::Tenant;

/// The routes on which received datagrams are sent on.
#[derive(Debug)]
pub(crate) struct Relay {
    /// The address on which datagrams are received, to which none is sent.
    listening: SocketAddr,
    routes: Mutex<Vec<Route>>,
    /// Locked after the routes.
    copied: Mutex<Copied>,
    /// When the ports of tenants are found by their names again.
    next_names: Mutex<Instant>,
    /// False without routes, so that receiving costs nothing.
    used: AtomicBool,
}

/// A kind of route. Names are unique within a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Forwarding,
    Tenant,
}

impl Kind {
    /// The word for it in resources, messages and series.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Forwarding => "forwarding",
            Self::Tenant => "tenant",
        }
    }
}

/// What is sent on a route.
#[derive(Debug)]
pub(crate) enum Choice {
    /// Whole datagrams, of these agents or of all.
    Datagrams(Option<Vec<Address>>),
    /// The samples of a tenant.
    Samples(Box<Tenant>),
}

/// A destination and what is sent to it.
#[derive(Debug)]
struct Route {
    kind: Kind,
    name: String,
    address: SocketAddr,
    choice: Choice,
    /// `None` until the network has a route to the address.
    destination: Option<Destination>,
    /// When a destination that is `None` is opened.
    next_attempt: Instant,
    /// Datagrams that could not be sent without a destination.
    unsent: u64,
    error: Option<String>,
}

/// Datagrams of a route since it was defined.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteCounts {
    pub(crate) datagrams_sent: u64,
    pub(crate) datagrams_failed: u64,
    /// The last error.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl Relay {
    /// No routes; none will lead to `listening`.
    pub(crate) fn new(listening: SocketAddr) -> Self {
        let (routes, copied) = (Mutex::default(), Mutex::new(Copied::new()));
        let (next_names, used) = (Mutex::new(Instant::now()), AtomicBool::new(false));
        Self { listening, routes, copied, next_names, used }
    }

    /// Adds a route, or replaces the one of this kind and name.
    ///
    /// # Errors
    /// The address is the one on which datagrams are received.
    pub(crate) fn set(
        &self,
        kind: Kind,
        name: &str,
        address: SocketAddr,
        choice: Choice,
    ) -> Result<(), String> {
        if destination::is_own(self.listening, address) {
            return Err(format!("{address} is the address on which datagrams are received"));
        }
        self.remove(kind, name);
        self.routes.lock().push(Route::new(kind, name, address, choice));
        *self.next_names.lock() = Instant::now();
        self.used.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Removes a route.
    pub(crate) fn remove(&self, kind: Kind, name: &str) {
        let mut routes = self.routes.lock();
        routes.retain(|route| !route.is(kind, name));
        self.used.store(!routes.is_empty(), Ordering::Relaxed);
    }

    /// The counts of a route; none of them if it does not exist.
    pub(crate) fn counts(&self, kind: Kind, name: &str) -> RouteCounts {
        let routes = self.routes.lock();
        routes.iter().find(|route| route.is(kind, name)).map(Route::counts).unwrap_or_default()
    }

    /// The kinds, names and counts of all routes.
    pub(crate) fn all(&self) -> Vec<(Kind, String, RouteCounts)> {
        let routes = self.routes.lock();
        routes.iter().map(|route| (route.kind, route.name.clone(), route.counts())).collect()
    }

    /// Sends received datagrams on. It does not wait: what does not fit a send buffer is counted.
    pub(crate) fn send(&self, batch: &Batch) {
        if !self.used.load(Ordering::Relaxed) {
            return;
        }
        let (now, mut routes) = (Instant::now(), self.routes.lock());
        let mut copied = self.copied.lock();
        routes.iter_mut().for_each(|route| route.open(now, self.listening));
        for (payload, from) in batch.iter() {
            // One that comes back would be sent in a circle.
            let returned = routes.iter().any(|route| route.sent_by(from));
            if !returned && is_sflow(payload) && !copied.comes_back(payload, from) {
                routes.iter_mut().for_each(|route| route.send(payload, &mut copied));
            }
        }
    }

    /// Finds the ports of tenants by their names, unless that was done a short time ago: `named` returns
    /// all ports and their names.
    pub(crate) fn resolve(&self, named: impl FnOnce() -> Vec<(Source, String)>) {
        let now = Instant::now();
        if !self.used.load(Ordering::Relaxed) || now < *self.next_names.lock() {
            return;
        }
        *self.next_names.lock() = now + NAMES_INTERVAL;
        let needed = self.routes.lock().iter().any(Route::has_names);
        let named = if needed { named() } else { return };
        for route in self.routes.lock().iter_mut() {
            if let Choice::Samples(tenant) = &mut route.choice {
                tenant.resolve(&named);
            }
        }
    }
}

impl Route {
    fn new(kind: Kind, name: &str, address: SocketAddr, choice: Choice) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            address,
            choice,
            destination: None,
            next_attempt: Instant::now(),
            unsent: 0,
            error: None,
        }
    }

    fn is(&self, kind: Kind, name: &str) -> bool {
        self.kind == kind && self.name == name
    }

    fn has_names(&self) -> bool {
        matches!(&self.choice, Choice::Samples(tenant) if tenant.has_names())
    }

    /// Opens the destination, unless the last attempt was a short time ago.
    fn open(&mut self, now: Instant, listening: SocketAddr) {
        if self.destination.is_some() || now < self.next_attempt {
            return;
        }
        self.next_attempt = now + RETRY;
        let opened = Endpoint::destination(&self.address.to_string())
            .and_then(|endpoint| Destination::open(&endpoint, listening));
        match opened {
            Ok(destination) => self.destination = Some(destination),
            Err(error) => self.error = Some(error),
        }
    }

    fn sent_by(&self, sender: SocketAddr) -> bool {
        self.destination.as_ref().is_some_and(|destination| destination.sent_by(sender))
    }

    fn send(&mut self, payload: &[u8], copied: &mut Copied) {
        let part = match &mut self.choice {
            Choice::Datagrams(None) => Some(payload),
            Choice::Datagrams(Some(agents)) => Datagram::parse(payload)
                .is_ok_and(|datagram| agents.contains(&datagram.agent_address))
                .then_some(payload),
            Choice::Samples(tenant) => {
                let part = tenant.part(payload);
                // Another datagram than the one received: noted, so that it is known when it comes back.
                part.inspect(|part| {
                    let _ = copied.comes_back(part, self.address);
                })
            }
        };
        match (part, &mut self.destination) {
            (Some(part), Some(destination)) => destination.send(part),
            (Some(_), None) => self.unsent += 1,
            (None, _) => {}
        }
    }

    fn counts(&self) -> RouteCounts {
        let sent = self.destination.as_ref();
        let error = sent.and_then(|sent| sent.error.as_ref()).map(ToString::to_string);
        RouteCounts {
            datagrams_sent: sent.map_or(0, |sent| sent.sent),
            datagrams_failed: self.unsent + sent.map_or(0, |sent| sent.failed),
            error: error.or_else(|| self.error.clone()),
        }
    }
}

/// True if `payload` has version and length of an sFlow datagram header of version 2, 4 or 5. Faults
/// after the header are copied: the receiver counts them.
pub(crate) fn is_sflow(payload: &[u8]) -> bool {
    let word = |at: usize| payload.get(at..)?.first_chunk().map(|word| u32::from_be_bytes(*word));
    // Bytes besides the address: version 5 also has a sub-agent id.
    let fixed = match word(0) {
        Some(2 | 4) => 20,
        Some(5) => 24,
        _ => return false,
    };
    match word(4) {
        Some(0) => payload.len() >= fixed,
        Some(1) => payload.len() >= fixed + 4,
        Some(2) => payload.len() >= fixed + 16,
        _ => false,
    }
}

/// Time between two searches for the ports of tenants.
const NAMES_INTERVAL: Duration = Duration::from_secs(5);
/// Time between two attempts to open a destination.
const RETRY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::UdpSocket;

    use super::tenant::Filters;
    use super::tenant::tests::{datagram, flow};
    use super::*;

    /// A relay with one route, and the socket to which it leads.
    fn bench(choice: Choice) -> (Relay, UdpSocket) {
        let collector = UdpSocket::bind("127.0.0.1:0").unwrap();
        collector.set_nonblocking(true).unwrap();
        let relay = Relay::new("127.0.0.1:1".parse().unwrap());
        relay.set(Kind::Tenant, "a", collector.local_addr().unwrap(), choice).unwrap();
        (relay, collector)
    }

    fn received(collector: &UdpSocket) -> Option<(Vec<u8>, SocketAddr)> {
        let mut buffer = [0; 2000];
        // Loopback delivers within the system call.
        let (length, from) = collector.recv_from(&mut buffer).ok()?;
        Some((buffer[..length].to_vec(), from))
    }

    #[test]
    fn what_comes_back_is_not_sent_again() {
        let [agent, other] = ["192.0.2.1:1", "192.0.2.2:1"].map(|text| text.parse().unwrap());
        let indexes: HashSet<u32> = [3].into();
        let tenant = Tenant::new(Filters { indexes, ..Filters::default() });
        for choice in [Choice::Datagrams(None), Choice::Samples(Box::new(tenant))] {
            let (relay, collector) = bench(choice);
            let payload = datagram(&[flow(3, 3, 9), flow(5, 5, 9)]);
            relay.send(&Batch::of(&[(&payload, agent)]));
            let (sent, own) = received(&collector).unwrap();
            // From the collector itself, or from another forwarder.
            for from in [own, other] {
                relay.send(&Batch::of(&[(&sent, from)]));
                assert_eq!(received(&collector), None, "{from}");
            }
            // A tenant's part has a number of its own: the same datagram of the agent is no loop.
            relay.send(&Batch::of(&[(&payload, agent)]));
            assert!(received(&collector).is_some());
            assert_eq!(relay.counts(Kind::Tenant, "a").datagrams_sent, 2);
        }
    }

    #[test]
    fn own_address_and_removed_routes_receive_nothing() {
        let (relay, collector) = bench(Choice::Datagrams(None));
        let own = relay.listening;
        assert!(relay.set(Kind::Tenant, "b", own, Choice::Datagrams(None)).is_err());
        relay.remove(Kind::Forwarding, "a");
        assert!(relay.used.load(Ordering::Relaxed), "of another kind");
        relay.remove(Kind::Tenant, "a");
        let payload = datagram(&[flow(3, 3, 9)]);
        relay.send(&Batch::of(&[(&payload, "192.0.2.1:1".parse().unwrap())]));
        assert_eq!(received(&collector), None);
        assert_eq!(relay.counts(Kind::Tenant, "a"), RouteCounts::default());
    }

    #[test]
    fn header_tells_sflow_from_other_protocols() {
        for (version, address, header) in
            [(5, 0, 24), (5, 1, 28), (5, 2, 40), (4, 1, 24), (4, 2, 36), (2, 1, 24)]
        {
            let mut payload = vec![0; header];
            (payload[3], payload[7]) = (version, address);
            assert!(is_sflow(&payload), "{version} {address}");
            assert!(!is_sflow(&payload[..header - 1]), "{version} {address}");
            payload[7] = 3;
            assert!(!is_sflow(&payload));
        }
        assert!(!is_sflow(&[]));
        // NetFlow version 5 and 9, sFlow version 3.
        for start in [[0, 5, 0, 30], [0, 9, 0, 1], [0, 0, 0, 3]] {
            let mut payload = vec![0; 72];
            payload[..4].copy_from_slice(&start);
            assert!(!is_sflow(&payload), "{start:?}");
        }
    }
}
