//! The way out of a frame: switch, ports and the host behind them, without the agent.

use flowmote_core::{Instant, SendError, Transport};

use crate::counters::{PortCounters, increment};
use crate::host::{ArpFrame, Host};
use crate::port::{PORTS, Port, PortSet};
use crate::switch::Switch;

/// Sends frames.
pub trait Wire {
    /// Sends one frame by `port`: the parts one behind the other. MUST NOT block.
    ///
    /// # Errors
    /// Why the frame was lost.
    fn send(&mut self, port: Port, parts: &[&[u8]]) -> Result<(), WireError>;
}

/// A frame was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireError {
    /// The transmit ring of the port has no place left.
    Full,
    /// The device did not take it.
    Refused,
}

/// Everything that a frame needs to leave.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) switch: Switch,
    pub(crate) host: Host,
    pub(crate) counters: [PortCounters; PORTS],
}

/// A frame on its way out, before it is known whether with a tag.
pub(crate) struct Outgoing<'a> {
    pub(crate) addresses: &'a [u8; 12],
    /// 802.1Q: TPID and TCI.
    pub(crate) tag: [u8; 4],
    pub(crate) body: &'a [u8],
    /// What comes behind the body of a frame of our own.
    pub(crate) payload: &'a [u8],
}

/// The way of datagrams: through the switch itself.
pub(crate) struct InBand<'b, W> {
    pub(crate) bridge: &'b mut Bridge,
    pub(crate) wire: &'b mut W,
    pub(crate) now: Instant,
}

impl Bridge {
    /// Sends a frame by one port, with a tag if the port wants one, and counts it.
    #[inline]
    pub(crate) fn emit(
        &mut self,
        port: Port,
        tagged: PortSet,
        frame: &Outgoing<'_>,
        wire: &mut impl Wire,
    ) -> Result<(), WireError> {
        let tag = if tagged.contains(port) { &frame.tag[..] } else { &[] };
        let parts = [&frame.addresses[..], tag, frame.body, frame.payload];
        let sent = wire.send(port, &parts);
        let Some(counters) = self.counters.get_mut(port.index()) else { return sent };
        match sent {
            Ok(()) => {
                let [a, b, c, d, e, f, ..] = *frame.addresses;
                let length = parts.iter().map(|part| part.len()).sum();
                counters.sent([a, b, c, d, e, f], length);
            }
            Err(WireError::Full) => increment(&mut counters.out_discards),
            Err(WireError::Refused) => increment(&mut counters.out_errors),
        }
        sent
    }

    /// Sends an ARP packet of the switch itself.
    pub(crate) fn send_arp(
        &mut self,
        now: Instant,
        frame: &ArpFrame,
        wire: &mut impl Wire,
    ) -> Result<(), SendError> {
        let (addresses, body) = frame.split_first_chunk().ok_or(SendError)?;
        self.send_own(now, (addresses, body), &[], wire)
    }

    /// Sends a frame of the switch itself; an error if it left by no port.
    fn send_own(
        &mut self,
        now: Instant,
        (addresses, body): (&[u8; 12], &[u8]),
        payload: &[u8],
        wire: &mut impl Wire,
    ) -> Result<(), SendError> {
        let [a, b, c, d, e, f, ..] = *addresses;
        let way = self.switch.forward_own(now, [a, b, c, d, e, f]).ok_or(SendError)?;
        let frame = Outgoing { addresses, tag: tag(way.vlan), body, payload };
        let mut sent = Err(SendError);
        for port in way.ports.iter() {
            if self.emit(port, way.tagged, &frame, wire).is_ok() {
                sent = Ok(());
            }
        }
        sent
    }
}

impl<W: Wire> Transport for InBand<'_, W> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        let (addresses, body) = self.bridge.host.head(datagram).ok_or(SendError)?;
        self.bridge.send_own(self.now, (&addresses, &body), datagram, self.wire)
    }
}

/// An 802.1Q tag.
pub(crate) fn tag(tci: u16) -> [u8; 4] {
    let [high, low] = tci.to_be_bytes();
    [0x81, 0x00, high, low]
}
