//! Uplinks: how datagrams leave the device.

pub(crate) mod raw;
#[cfg(feature = "smoltcp")]
pub(crate) mod smoltcp_uplink;
pub(crate) mod udp_sender;

use core::net::SocketAddr;

use flowmote_core::{Instant, Transport};

/// A [`Transport`] including the network below it, driven by [`Node`](crate::Node).
pub trait Uplink: Transport {
    /// Processes received frames, answers, resolves neighbours and sends waiting packets. MUST NOT
    /// block, and the work per call MUST be bounded, whatever arrives.
    fn poll(&mut self, now: Instant);

    /// Returns true if a datagram sent now would be transmitted or buffered, not lost.
    fn is_ready(&mut self) -> bool;

    /// The time by which to call [`poll`](Self::poll) again if nothing arrives; `None`: not needed.
    fn poll_timeout(&mut self, now: Instant) -> Option<Instant>;

    /// Changes the collector. Returns how many datagrams to the previous one were waiting and are
    /// lost.
    ///
    /// # Errors
    /// [`CollectorError`]; the collector is unchanged.
    fn set_collector(&mut self, collector: SocketAddr) -> Result<u32, CollectorError>;
}

/// Reason why a collector was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CollectorError {
    /// The uplink does not support this version of IP.
    Unsupported,
    /// The address is not unicast, or the port is 0.
    NotUnicast,
    /// The address is outside the network of the device and there is no router, or it is the
    /// address of the device itself.
    Unreachable,
}

/// Refuses addresses that are not unicast, and port 0.
pub(crate) fn check_collector(collector: SocketAddr) -> Result<(), CollectorError> {
    let ip = collector.ip();
    let broadcast = ip == core::net::Ipv4Addr::BROADCAST;
    if ip.is_multicast() || ip.is_unspecified() || broadcast || collector.port() == 0 {
        return Err(CollectorError::NotUnicast);
    }
    Ok(())
}
