//! Packets for the agent to see.

use core::fmt::Write;
use core::net::SocketAddr;
use std::process::Stdio;

use super::kernel::tcp_segments_sent;
use super::{Namespace, helper};
use crate::deadline::wait_until;
use crate::program::Program;

/// Sends `count` UDP datagrams of `size` bytes to `to` as fast as it goes.
pub fn flood(from: &Namespace, to: SocketAddr, count: u32, size: u32) {
    let helper = helper();
    from.run(&format!("{} flood {to} {count} {size}", helper.display()));
}

/// The same with segmentation offload: each of `size` bytes becomes datagrams of `segment` bytes,
/// by the interface if it can, else by the kernel.
pub fn flood_segmented(from: &Namespace, to: SocketAddr, count: u32, (size, segment): (u32, u32)) {
    from.run(&format!("{} flood {to} {count} {size} {segment}", helper().display()));
}

/// Sends a frame out of an interface, bytes as they are.
pub fn send_frame(from: &Namespace, interface: &str, frame: &[u8]) {
    let hex = frame.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    from.run(&format!("{} frame {interface} {hex}", helper().display()));
}

/// What a TCP transfer put on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// Bytes of the application.
    pub payload: u64,
    /// Segments that the sender has sent: data, and a handful without.
    pub sender_segments: u64,
    /// Segments that the receiver has sent: acknowledgements.
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
/// When it does not work.
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
    // The last acknowledgements are the kernel's and come after the programs have ended.
    let closed = |namespace: &Namespace| !namespace.proc_net("tcp").contains(" 04 ");
    wait_until("the end of the connection", || (closed(from) && closed(receiver)).then_some(()));
    let after = sent();
    Transfer { payload, sender_segments: after.0 - before.0, receiver_segments: after.1 - before.1 }
}
