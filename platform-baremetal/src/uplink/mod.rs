//! The way out of the device.

pub(crate) mod raw;
#[cfg(feature = "smoltcp")]
pub(crate) mod smoltcp_uplink;
pub(crate) mod udp_sender;

use core::net::SocketAddr;

use flowmote_core::{Instant, Transport};

/// A [`Transport`] with the network under it: what [`Node`](crate::Node) drives.
pub trait Uplink: Transport {
    /// Does what is due: takes frames in, answers, asks for neighbours, sends what waits. MUST
    /// NOT block, and its work is bounded, however much comes in.
    fn poll(&mut self, now: Instant);

    /// Whether a datagram sent now would leave, or wait in a buffer of the uplink, and not be
    /// lost.
    fn is_ready(&mut self) -> bool;

    /// When to call [`poll`](Self::poll) again if nothing arrives; `None`: no need.
    fn poll_timeout(&mut self, now: Instant) -> Option<Instant>;

    /// Sends to another collector from now on; answers how many datagrams waited for the one
    /// before, and are lost.
    ///
    /// # Errors
    /// [`CollectorError`], and nothing has changed.
    fn set_collector(&mut self, collector: SocketAddr) -> Result<u32, CollectorError>;
}

/// Why a collector was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CollectorError {
    /// The uplink does not speak this version of IP.
    Unsupported,
    /// Not the address of one host, or port 0.
    NotUnicast,
    /// No other host on the network of the device, and there is no router.
    Unreachable,
}

/// Refuses what is no address of a host.
pub(crate) fn check_collector(collector: SocketAddr) -> Result<(), CollectorError> {
    let ip = collector.ip();
    let broadcast = ip == core::net::Ipv4Addr::BROADCAST;
    if ip.is_multicast() || ip.is_unspecified() || broadcast || collector.port() == 0 {
        return Err(CollectorError::NotUnicast);
    }
    Ok(())
}
