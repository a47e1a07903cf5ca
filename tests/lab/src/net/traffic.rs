//! Traffic for the agent to sample.

use core::fmt::Write as _;
use core::net::SocketAddr;
use std::io::Write as _;
use std::process::Stdio;

use super::kernel::tcp_segments_sent;
use super::{Collector, Namespace, helper, peer_ip_of};
use crate::deadline::wait_until;
use crate::program::Program;

/// Sends `count` UDP datagrams of `size` bytes to `to` without pauses.
pub fn flood(from: &Namespace, to: SocketAddr, count: u32, size: u32) {
    let helper = helper();
    from.run(&format!("{} flood {to} {count} {size}", helper.display()));
}

/// Sends packets over link 1 until the collector has `more` datagrams more than now.
pub fn receives(from: &Namespace, collector: &Collector, more: usize) {
    let count = || collector.so_far().received().len();
    let before = count();
    wait_until("datagrams", || {
        flood(from, (peer_ip_of(1).0, 9).into(), 10, 10);
        (count() >= before + more).then_some(())
    });
}

/// Sends `count` super-packets of `size` bytes with UDP_SEGMENT: the interface, or else the kernel,
/// splits each into datagrams of `segment` bytes.
pub fn flood_segmented(from: &Namespace, to: SocketAddr, count: u32, (size, segment): (u32, u32)) {
    from.run(&format!("{} flood {to} {count} {size} {segment}", helper().display()));
}

/// Sends these UDP datagrams to `to` without pauses.
///
/// # Panics
/// If one cannot be sent.
pub fn send(from: &Namespace, to: SocketAddr, datagrams: &[impl AsRef<[u8]>]) {
    let mut command = from.command(helper());
    command.args(["send", &to.to_string()]).stdin(Stdio::piped());
    let mut child = command.spawn().expect("nsenter");
    let mut input = child.stdin.take().expect("stdio is piped");
    for datagram in datagrams.iter().map(AsRef::as_ref) {
        let length = (datagram.len() as u32).to_be_bytes();
        input.write_all(&[&length, datagram].concat()).expect("the helper reads");
    }
    drop(input);
    assert!(child.wait().expect("it was started").success());
}

/// Sends a frame out of an interface without changing it.
pub fn send_frame(from: &Namespace, interface: &str, frame: &[u8]) {
    let hex = frame.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    from.run(&format!("{} frame {interface} {hex}", helper().display()));
}

/// Segments of a TCP transfer on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Bytes of application data.
    pub payload: u64,
    /// Segments from the sender: data, and a few without data.
    pub sender_segments: u64,
    /// Segments from the receiver: acknowledgements.
    pub receiver_segments: u64,
}

impl Transfer {
    /// Segments of both directions.
    #[must_use]
    pub fn segments(&self) -> u64 {
        self.sender_segments + self.receiver_segments
    }
}

/// Sends `payload` bytes by TCP from one namespace to `to` in another one, and waits until both
/// sides have closed.
///
/// # Panics
/// If the connection fails.
#[must_use]
pub fn transfer(from: &Namespace, receiver: &Namespace, to: SocketAddr, payload: u64) -> Transfer {
    let mut sink = receiver.command(helper());
    sink.args(["sink", &to.to_string()]).stdin(Stdio::null());
    let mut sink = Program::start(sink);
    sink.wait_for_line(0, "listening");
    let sent = || (tcp_segments_sent(from), tcp_segments_sent(receiver));
    let before = sent();
    from.run(&format!("{} source {to} {payload}", helper().display()));
    assert!(sink.wait().success(), "{}", sink.log());
    // The kernel sends the last acknowledgements after the programs have ended. State 04 is FIN_WAIT1.
    let closed = |namespace: &Namespace| !namespace.proc_net("tcp").contains(" 04 ");
    wait_until("the end of the connection", || (closed(from) && closed(receiver)).then_some(()));
    let after = sent();
    Transfer { payload, sender_segments: after.0 - before.0, receiver_segments: after.1 - before.1 }
}
