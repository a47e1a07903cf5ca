//! The link between a port of an emulated board and the test.

use core::time::Duration;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// A port, and the capture that the emulator writes of it.
#[derive(Debug)]
pub struct Link {
    socket: UnixDatagram,
    ours: PathBuf,
    theirs: PathBuf,
    pcap: PathBuf,
}

impl Link {
    /// Opens the end of the test. Must precede the emulator, because frames sent to a missing
    /// socket are lost.
    pub(super) fn open(directory: &Path, number: usize) -> Self {
        let file = |what| directory.join(format!("port{number}.{what}"));
        let (ours, theirs, pcap) = (file("test"), file("board"), file("pcap"));
        let socket = UnixDatagram::bind(&ours).expect("a Unix socket");
        Self { socket, ours, theirs, pcap }
    }

    /// Returns the network backend of this name, as arguments of the emulator.
    pub(super) fn arguments(&self, name: &str) -> [String; 4] {
        let Self { ours, theirs, pcap, .. } = self;
        let (ours, theirs, pcap) = (ours.display(), theirs.display(), pcap.display());
        let unix = "local.type=unix,remote.type=unix";
        [
            "-netdev".to_owned(),
            format!("dgram,id={name},{unix},local.path={theirs},remote.path={ours}"),
            "-object".to_owned(),
            format!("filter-dump,id={name}-dump,netdev={name},file={pcap}"),
        ]
    }

    /// Sends a frame; waits while the board accepts none.
    ///
    /// # Panics
    /// When the board has ended.
    pub fn send(&self, frame: &[u8]) {
        self.try_send(frame).expect("the board runs");
    }

    pub(super) fn try_send(&self, frame: &[u8]) -> std::io::Result<()> {
        loop {
            match self.socket.send_to(frame, &self.theirs) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                sent => return sent.map(drop),
            }
        }
    }

    /// Returns the next frame of the board; `None` on timeout.
    ///
    /// # Panics
    /// When the socket fails.
    #[must_use]
    pub fn receive(&self, patience: Duration) -> Option<Vec<u8>> {
        // A timeout of zero would mean no timeout.
        let patience = patience.max(Duration::from_micros(1));
        self.socket.set_read_timeout(Some(patience)).expect("a time limit");
        let mut frame = vec![0; 65536];
        match self.socket.recv(&mut frame) {
            Ok(length) => {
                frame.truncate(length);
                Some(frame)
            }
            Err(error) if is_passing(&error) => None,
            Err(error) => panic!("receiving from the board: {error}"),
        }
    }

    /// Path of the capture of both directions, written by the emulator.
    #[must_use]
    pub fn pcap(&self) -> &Path {
        &self.pcap
    }
}

/// Returns true for errors of a timeout or an interrupted call.
fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
