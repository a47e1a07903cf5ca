//! The way out through smoltcp.

use core::net::SocketAddr;

use flowmote_core::{Instant, SendError, Transport};
use smoltcp::iface::{Interface, PollIngressSingleResult, SocketHandle, SocketSet};
use smoltcp::phy::Device;
use smoltcp::socket::udp;
use smoltcp::wire::{IpAddress, IpEndpoint};

use crate::uplink::{CollectorError, Uplink, check_collector};

/// A smoltcp UDP socket as [`Transport`], for firmware that drives its interface itself.
///
/// A datagram waits in the buffer of the socket until smoltcp has found the neighbour (ARP or
/// neighbour discovery, asked for once a second): so the buffer needs room for as many datagrams
/// as come meanwhile. A full buffer is a [`SendError`].
#[derive(Debug)]
pub struct UdpTransport<'s, 'a> {
    /// The socket, bound.
    pub socket: &'s mut udp::Socket<'a>,
    /// Where datagrams go.
    pub collector: IpEndpoint,
}

impl Transport for UdpTransport<'_, '_> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        self.socket.send_slice(datagram, self.collector).map_err(|_| SendError)
    }
}

/// An [`Uplink`] over IPv4 and IPv6: a whole smoltcp stack with the socket of the agent in it.
/// The sockets of the firmware live beside it, see [`sockets_mut`](Self::sockets_mut).
pub struct SmoltcpUplink<'a, D> {
    parts: SmoltcpParts<'a, D>,
    /// Bytes that a datagram may have.
    datagram_bytes: usize,
    /// Datagrams in the buffer of the socket.
    waiting: u32,
}

/// What a [`SmoltcpUplink`] is made of.
pub struct SmoltcpParts<'a, D> {
    /// The interface, with its addresses and routes.
    pub interface: Interface,
    /// Its device, usually a [`SampledDevice`](crate::SampledDevice).
    pub device: D,
    /// All sockets of the firmware.
    pub sockets: SocketSet<'a>,
    /// That of the agent: a UDP socket, bound to a port.
    pub handle: SocketHandle,
    /// Where datagrams go.
    pub collector: SocketAddr,
}

impl<'a, D: Device> SmoltcpUplink<'a, D> {
    /// An uplink for datagrams of at most `datagram_bytes`.
    #[must_use]
    pub const fn new(parts: SmoltcpParts<'a, D>, datagram_bytes: usize) -> Self {
        Self { parts, datagram_bytes, waiting: 0 }
    }

    /// All sockets of the firmware.
    pub fn sockets_mut(&mut self) -> &mut SocketSet<'a> {
        &mut self.parts.sockets
    }

    /// The interface, for addresses and routes.
    pub fn interface_mut(&mut self) -> &mut Interface {
        &mut self.parts.interface
    }

    /// The device.
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

    /// Sends a packet of each socket; returns whether there was one.
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

    /// smoltcp drops a datagram without a word if the interface has no address to send from.
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
    /// Takes at most 16 frames, and sends what the sockets have.
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
            // Neither open nor port 0, so it cannot refuse.
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

/// smoltcp counts microseconds in 63 bits: 292,000 years.
fn time(now: Instant) -> smoltcp::time::Instant {
    smoltcp::time::Instant::from_micros(now.as_millis().wrapping_mul(1000).cast_signed())
}

const FRAMES: usize = 16;

#[cfg(test)]
mod tests;
