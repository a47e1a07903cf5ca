//! When and from where a datagram arrived.

use core::net::IpAddr;

use crate::instant::Instant;

/// The arrival of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arrival {
    /// The time, by the clock of the receiver or of the capture.
    pub time: Instant,
    /// The source address of the UDP datagram; `None` if unknown. Not the agent address, which the
    /// datagram itself declares.
    pub sender: Option<IpAddr>,
}
