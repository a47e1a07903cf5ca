//! A link that is read continuously.

use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::{Link, Station, packet};
use crate::deadline::wait_until;

/// A background reader of a link, so that the board never waits for the test. It also answers ARP
/// for a host.
#[derive(Debug)]
pub struct Listener {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    link: Arc<Link>,
    received: Mutex<Vec<Vec<u8>>>,
    host: Mutex<Option<Station>>,
    stop: AtomicBool,
}

impl Listener {
    pub(super) fn start(link: Arc<Link>) -> Self {
        let shared = Shared {
            link,
            received: Mutex::default(),
            host: Mutex::default(),
            stop: AtomicBool::new(false),
        };
        let shared = Arc::new(shared);
        let reader = Arc::clone(&shared);
        std::thread::spawn(move || reader.read());
        Self { shared }
    }

    /// Sets the host for which ARP and neighbour discovery are answered; `None`: no replies.
    pub fn answer_as(&self, host: Option<Station>) {
        *self.shared.host.lock().expect("nobody panics with it") = host;
    }

    /// Returns the number of frames since the last [`take`](Self::take), without ARP.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.received.lock().expect("nobody panics with it").len()
    }

    /// Removes and returns the frames.
    #[must_use]
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.shared.received.lock().expect("nobody panics with it"))
    }

    /// As [`take`](Self::take), after waiting for at least this many frames.
    ///
    /// # Panics
    /// On timeout.
    #[must_use]
    pub fn wait_for(&self, count: usize) -> Vec<Vec<u8>> {
        wait_until(&format!("{count} frames"), || (self.count() >= count).then_some(()));
        self.take()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    fn read(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            let Some(frame) = self.link.receive(PATIENCE) else { continue };
            let host = *self.host.lock().expect("nobody panics with it");
            if let Some(answer) = host.and_then(|host| packet::answer(&host, &frame)) {
                // The board may have ended; it needs no reply then.
                let _ = self.link.try_send(&answer);
            } else if frame.get(12..14) != Some(&[8, 6]) {
                self.received.lock().expect("nobody panics with it").push(frame);
            }
        }
    }
}

/// Interval of the checks for the end of the reader.
const PATIENCE: Duration = Duration::from_millis(100);
