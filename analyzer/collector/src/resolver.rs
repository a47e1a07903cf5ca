//! Names of addresses for the key function `dns`, from the resolver of the system: /etc/hosts and the name
//! servers in /etc/resolv.conf.

use core::net::IpAddr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use flowmote_engine::Instant as EngineTime;
use flowmote_engine::lookup::AddressNames;

/// Looks up the names that are wanted, in threads that live as long as there are some: a name server may
/// take many seconds.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    names: AddressNames,
    threads: Arc<AtomicUsize>,
    /// When old names were forgotten last.
    expired: EngineTime,
}

impl Resolver {
    /// The names, to share with the analyzers.
    pub(crate) fn names(&self) -> AddressNames {
        self.names.clone()
    }

    /// Starts threads for the names that are wanted, and forgets old ones. To be called often.
    pub(crate) fn tick(&mut self, now: EngineTime) {
        if now.since(self.expired) >= EXPIRY {
            self.expired = now;
            self.names.expire(now);
        }
        while self.threads.load(Ordering::Relaxed) < MAX_THREADS
            && let Some(address) = self.names.next()
        {
            self.start(now, address);
        }
    }

    /// Starts a thread that looks up an address and all that follow it.
    fn start(&self, now: EngineTime, first: IpAddr) {
        let (names, threads, begin) = (self.names.clone(), self.threads.clone(), Instant::now());
        threads.fetch_add(1, Ordering::Relaxed);
        let look_up = move || {
            let addresses = core::iter::once(first).chain(core::iter::from_fn(|| names.next()));
            for address in addresses {
                let name = dns_lookup::lookup_addr(&address).ok();
                names.set(now + begin.elapsed(), address, name.as_deref());
            }
            threads.fetch_sub(1, Ordering::Relaxed);
        };
        if thread::Builder::new().name("names".to_owned()).spawn(look_up).is_err() {
            // No thread can be had now: the address is looked up later.
            self.threads.fetch_sub(1, Ordering::Relaxed);
            self.names.set(now, first, None);
        }
    }
}

/// Name servers are asked for this many names at the same time.
const MAX_THREADS: usize = 4;
const EXPIRY: Duration = Duration::from_secs(10);
