//! A link that is read all the time.

use core::time::Duration;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::{Link, Station, packet};
use crate::deadline::wait_until;

/// Reads a link in the background, so that the board never waits for the test, and answers for a
/// host there, so that the test need not.
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

    /// Answers to ARP and neighbour discovery as this host from now on, or as nobody.
    pub fn answer_as(&self, host: Option<Station>) {
        *self.shared.host.lock().expect("nobody panics with it") = host;
    }

    /// How many frames came since the last [`take`](Self::take), ARP left out.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.received.lock().expect("nobody panics with it").len()
    }

    /// These frames.
    #[must_use]
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.shared.received.lock().expect("nobody panics with it"))
    }

    /// The same once there are so many frames, or more.
    ///
    /// # Panics
    /// When there are not in time.
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
                // A board that is gone needs no answer.
                let _ = self.link.try_send(&answer);
            } else if frame.get(12..14) != Some(&[8, 6]) {
                self.received.lock().expect("nobody panics with it").push(frame);
            }
        }
    }
}

/// Between two looks at whether it is over.
const PATIENCE: Duration = Duration::from_millis(100);
