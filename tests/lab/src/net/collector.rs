//! The receiving end: keeps every datagram, decodes them with the library, has tshark look too.

use std::io::{BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::capture::{Capture, Received};
use super::{Namespace, helper};
use crate::deadline::wait_until;

/// A UDP receiver in a namespace.
///
/// The socket has to be opened in there, which only a process that lives there can: the helper
/// hands what it receives through a pipe.
#[derive(Debug)]
pub struct Collector {
    capture: Arc<Mutex<Capture>>,
    receiver: Option<(Child, JoinHandle<()>)>,
}

impl Collector {
    /// Listens on `address`, like 127.0.0.1:6343 or [::1]:6343.
    #[must_use]
    pub fn start(namespace: &Namespace, address: &str) -> Self {
        let mut collector = Self { capture: Arc::default(), receiver: None };
        collector.resume(namespace, address);
        collector
    }

    /// Closes the socket: nobody listens any more. What was received before is there.
    pub fn pause(&mut self) {
        let Some((mut helper, reader)) = self.receiver.take() else { return };
        // The helper ends when its input does, and with it the pipe and the reader.
        drop(helper.stdin.take());
        reader.join().expect("the reader of the helper");
        helper.wait().expect("our own child");
    }

    /// Listens again.
    ///
    /// # Panics
    /// When the address is not there.
    pub fn resume(&mut self, namespace: &Namespace, address: &str) {
        let mut child = namespace
            .command(helper())
            .args(["collect", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the helper");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe was asked for"));
        let listening = read_record(&mut stdout);
        assert!(
            listening.is_some_and(|first| first.payload.is_empty()),
            "cannot listen on {address}"
        );
        let capture = Arc::clone(&self.capture);
        let reader = std::thread::spawn(move || {
            while let Some(received) = read_record(&mut stdout) {
                capture.lock().expect("nobody panics with it").push(received);
            }
        });
        self.receiver = Some((child, reader));
    }

    /// What has arrived so far.
    #[must_use]
    pub fn so_far(&self) -> Capture {
        self.capture.lock().expect("nobody panics with it").clone()
    }

    /// Waits until what has arrived satisfies `condition`.
    ///
    /// # Panics
    /// When it does not in time.
    pub fn wait_for(&self, what: &str, condition: impl Fn(&Capture) -> bool) {
        let capture = || self.capture.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let ask = || condition(&capture()).then_some(());
        wait_until(what, ask);
    }

    /// Closes the socket and returns everything that arrived.
    #[must_use]
    pub fn finish(mut self) -> Capture {
        self.pause();
        self.so_far()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        if let Some((mut helper, _)) = self.receiver.take() {
            let _ = helper.kill();
            let _ = helper.wait();
        }
    }
}

/// A record of the helper: nanoseconds since 1970, length, datagram.
fn read_record(input: &mut impl Read) -> Option<Received> {
    let (mut at, mut length) = ([0; 8], [0; 4]);
    input.read_exact(&mut at).ok()?;
    input.read_exact(&mut length).ok()?;
    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut payload).ok()?;
    Some(Received { at_ns: u64::from_be_bytes(at), payload })
}

/// Nanoseconds since 1970 now.
///
/// # Panics
/// Before 1970.
#[must_use]
pub fn wall_clock_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a clock after 1970").as_nanos() as u64
}
