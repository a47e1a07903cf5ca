//! The receiving end: keeps every datagram.

use std::io::{BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use super::capture::{Capture, Received};
use super::{Namespace, helper};
use crate::deadline::wait_until;

/// A UDP receiver in a namespace.
///
/// Only a process in the namespace can open the socket, so a helper process receives the datagrams
/// and passes them on through a pipe.
#[derive(Debug)]
pub struct Collector {
    capture: Arc<Mutex<Capture>>,
    receiver: Option<(Child, JoinHandle<()>)>,
}

impl Collector {
    /// Listens on `address`, such as 127.0.0.1:6343 or [::1]:6343.
    #[must_use]
    pub fn start(namespace: &Namespace, address: &str) -> Self {
        let mut collector = Self { capture: Arc::default(), receiver: None };
        collector.resume(namespace, address);
        collector
    }

    /// Closes the socket, so that the port becomes unreachable. Datagrams received before are kept.
    pub fn pause(&mut self) {
        let Some((mut helper, reader)) = self.receiver.take() else { return };
        // The helper ends at the end of its input; that closes the pipe and ends the reader.
        drop(helper.stdin.take());
        reader.join().expect("the reader of the helper");
        helper.wait().expect("our own child");
    }

    /// Opens the socket again after [`pause`](Self::pause).
    ///
    /// # Panics
    /// If the namespace does not have the address.
    pub fn resume(&mut self, namespace: &Namespace, address: &str) {
        let mut child = namespace
            .command(helper())
            .args(["collect", address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the helper");
        let mut stdout = BufReader::new(child.stdout.take().expect("stdio is piped"));
        let listening = read_record(&mut stdout);
        assert!(
            listening.is_some_and(|first| first.payload.is_empty()),
            "cannot listen on {address}"
        );
        let capture = Arc::clone(&self.capture);
        let reader = std::thread::spawn(move || {
            while let Some(received) = read_record(&mut stdout) {
                capture.lock().expect("no thread panics while it holds the lock").push(received);
            }
        });
        self.receiver = Some((child, reader));
    }

    /// All datagrams received so far.
    #[must_use]
    pub fn so_far(&self) -> Capture {
        self.capture.lock().expect("no thread panics while it holds the lock").clone()
    }

    /// Waits until the datagrams received so far satisfy `condition`.
    ///
    /// # Panics
    /// If they do not in time.
    pub fn wait_for(&self, what: &str, condition: impl Fn(&Capture) -> bool) {
        let capture = || self.capture.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        wait_until(what, || condition(&capture()).then_some(()));
    }

    /// Closes the socket and returns all datagrams received.
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

/// Reads a record of the helper: nanoseconds since 1970, length, datagram.
fn read_record(input: &mut impl Read) -> Option<Received> {
    let (mut at, mut length) = ([0; 8], [0; 4]);
    input.read_exact(&mut at).ok()?;
    input.read_exact(&mut length).ok()?;
    let mut payload = vec![0; u32::from_be_bytes(length) as usize];
    input.read_exact(&mut payload).ok()?;
    Some(Received { at_ns: u64::from_be_bytes(at), payload })
}

/// The wall clock, in nanoseconds since 1970.
///
/// # Panics
/// If the clock is set before 1970.
#[must_use]
pub fn wall_clock_ns() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("a clock after 1970").as_nanos() as u64
}
