//! Uplink through smoltcp.

use core::net::SocketAddr;

use flowmote_core::{Instant, SendError, Transport};
use smoltcp::iface::{Interface, PollIngressSingleResult, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::udp;
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::uplink::{CollectorError, Uplink, check_collector};

/// A [`Transport`] over a smoltcp UDP socket, for firmware that polls its interface itself.
///
/// A datagram waits in the buffer of the socket until smoltcp has resolved the neighbour (ARP or
/// neighbour discovery, repeated once a second), so the buffer must hold the datagrams of that
/// time. A full buffer is a [`SendError`].
#[derive(Debug)]
pub struct UdpTransport<'s, 'a> {
    /// The socket, already bound.
    pub socket: &'s mut udp::Socket<'a>,
    /// The destination of the datagrams.
    pub collector: IpEndpoint,
}

impl Transport for UdpTransport<'_, '_> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        self.socket.send_slice(datagram, self.collector).map_err(|_| SendError)
    }
}

/// An [`Uplink`] over IPv4 and IPv6 that owns a smoltcp stack with the socket of the agent. Sockets
/// of the firmware share the stack, see [`sockets_mut`](Self::sockets_mut).
pub struct SmoltcpUplink<'a, D> {
    parts: SmoltcpParts<'a, D>,
    /// Maximum bytes of a datagram.
    datagram_bytes: usize,
    /// Number of datagrams in the buffer of the socket.
    waiting: u32,
}

/// The parts of a [`SmoltcpUplink`].
pub struct SmoltcpParts<'a, D> {
    /// The interface, with its addresses and routes.
    pub interface: Interface,
    /// The device, usually a [`SampledDevice`](crate::SampledDevice).
    pub device: D,
    /// All sockets, those of the firmware included.
    pub sockets: SocketSet<'a>,
    /// The handle of the agent's socket: UDP, bound to a port.
    pub handle: SocketHandle,
    /// The destination of the datagrams.
    pub collector: SocketAddr,
}

impl<'a, D: Device> SmoltcpUplink<'a, D> {
    /// Creates an uplink for datagrams of at most `datagram_bytes`.
    #[must_use]
    pub const fn new(parts: SmoltcpParts<'a, D>, datagram_bytes: usize) -> Self {
        Self { parts, datagram_bytes, waiting: 0 }
    }

    /// Returns all sockets, those of the firmware included.
    pub fn sockets_mut(&mut self) -> &mut SocketSet<'a> {
        &mut self.parts.sockets
    }

    /// Returns the interface, to change addresses and routes.
    pub fn interface_mut(&mut self) -> &mut Interface {
        &mut self.parts.interface
    }

    /// Returns the device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.parts.device
    }

    /// The socket of the agent.
    fn socket(&mut self) -> Option<&mut udp::Socket<'a>> {
        let handle = self.parts.handle;
        let mut sockets = self.parts.sockets.iter_mut();
        let (_, socket) = sockets.find(|(found, _)| *found == handle)?;
        match socket {
            smoltcp::socket::Socket::Udp(socket) => Some(socket),
            #[allow(unreachable_patterns, reason = "other sockets are features of the firmware")]
            _ => None,
        }
    }

    /// Sends at most one packet of each socket; returns false if there was none.
    fn send_one_each(&mut self, now: smoltcp::time::Instant) -> bool {
        let before = self.queued();
        let SmoltcpParts { interface, device, sockets, .. } = &mut self.parts;
        let result = interface.poll_egress(now, device, sockets);
        if self.queued() < before {
            self.waiting = self.waiting.saturating_sub(1);
        }
        !matches!(result, smoltcp::iface::PollResult::None)
    }

    /// Bytes in the buffer of the socket.
    fn queued(&mut self) -> usize {
        self.socket().map_or(0, |socket| socket.send_queue())
    }

    /// Returns true if the interface has a source address of the collector's version. Without one
    /// smoltcp 0.14 discards a datagram without an error.
    fn has_address(&self) -> bool {
        let interface = &self.parts.interface;
        match self.parts.collector {
            SocketAddr::V4(_) => interface.ipv4_addr().is_some(),
            SocketAddr::V6(_) => interface.ipv6_addr().is_some(),
        }
    }
}

impl<D: Device> Transport for SmoltcpUplink<'_, D> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        if !self.has_address() {
            return Err(SendError);
        }
        let collector = endpoint(self.parts.collector);
        let socket = self.socket().ok_or(SendError)?;
        UdpTransport { socket, collector }.send(datagram)?;
        self.waiting = self.waiting.saturating_add(1);
        Ok(())
    }
}

impl<D: Device> Uplink for SmoltcpUplink<'_, D> {
    /// Processes at most 16 received frames and 16 rounds of packets to send.
    fn poll(&mut self, now: Instant) {
        let now = time(now);
        let SmoltcpParts { interface, device, sockets, .. } = &mut self.parts;
        interface.poll_maintenance(now);
        for _ in 0..FRAMES {
            let result = interface.poll_ingress_single(now, device, sockets);
            if matches!(result, PollIngressSingleResult::None) {
                break;
            }
        }
        for _ in 0..FRAMES {
            if !self.send_one_each(now) {
                break;
            }
        }
    }

    fn is_ready(&mut self) -> bool {
        if !self.has_address() {
            return false;
        }
        let bytes = self.datagram_bytes;
        let Some(socket) = self.socket() else { return false };
        let room = socket.payload_send_capacity().saturating_sub(socket.send_queue());
        socket.can_send() && room >= bytes
    }

    fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let SmoltcpParts { interface, sockets, .. } = &mut self.parts;
        let at = interface.poll_at(time(now), sockets)?.total_millis();
        Some(Instant::from_millis(at.max(0).cast_unsigned()))
    }

    fn set_collector(&mut self, collector: SocketAddr) -> Result<u32, CollectorError> {
        check_collector(collector)?;
        self.parts.collector = collector;
        if let Some(socket) = self.socket() {
            let local = socket.endpoint();
            socket.close();
            // Cannot fail: the socket is closed and its port was not 0. Rebinding empties the
            // buffer of datagrams to the previous collector.
            let _ = socket.bind(local);
        }
        Ok(core::mem::take(&mut self.waiting))
    }
}

impl<D> core::fmt::Debug for SmoltcpUplink<'_, D> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let collector = &self.parts.collector;
        to.debug_struct("SmoltcpUplink").field("collector", collector).finish_non_exhaustive()
    }
}

impl<D> core::fmt::Debug for SmoltcpParts<'_, D> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        to.debug_struct("SmoltcpParts").field("collector", &self.collector).finish_non_exhaustive()
    }
}

fn endpoint(address: SocketAddr) -> IpEndpoint {
    let ip = match address {
        SocketAddr::V4(address) => IpAddress::Ipv4(*address.ip()),
        SocketAddr::V6(address) => IpAddress::Ipv6(*address.ip()),
    };
    IpEndpoint::new(ip, address.port())
}

/// Converts to smoltcp's time: microseconds in 63 bits, which last 292,000 years.
fn time(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(now.as_millis().wrapping_mul(1000).cast_signed())
}

/// Frames per poll in each direction, so that a flood cannot hold up the main loop.
const FRAMES: usize = 16;

#[cfg(test)]
mod tests;
