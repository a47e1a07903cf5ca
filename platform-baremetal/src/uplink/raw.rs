//! Uplink without an IP stack: a frame device and a [`UdpSender`].

use core::net::SocketAddr;

use flowmote_core::{Instant, SendError, Transport};

use crate::uplink::udp_sender::{Neighbour, UdpSender};
use crate::uplink::{CollectorError, Uplink, check_collector};

/// A MAC and its driver, which send and receive Ethernet frames. Neither call may block.
pub trait FrameDevice {
    /// Sends the frame that consists of `head` and `payload`, without FCS. Two parts avoid copying
    /// the datagram after its headers: a MAC uses two descriptors, a FIFO is filled with one after
    /// the other.
    ///
    /// # Errors
    /// [`SendError`] if the transmit queue is full.
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError>;

    /// Passes the next received frame, without FCS, to `handle`; returns false if there is none.
    /// The firmware may keep frames for itself: the agent needs only ARP.
    fn receive(&mut self, handle: &mut dyn FnMut(&[u8])) -> bool;
}

/// An [`Uplink`] of a few kilobytes of flash: UDP over IPv4, with ARP.
#[derive(Debug)]
pub struct RawUplink<D> {
    device: D,
    sender: UdpSender,
}

impl<D: FrameDevice> RawUplink<D> {
    /// Creates an uplink from a device and a sender.
    #[must_use]
    pub const fn new(device: D, sender: UdpSender) -> Self {
        Self { device, sender }
    }

    /// Returns the device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// Returns the sender.
    #[must_use]
    pub const fn sender(&self) -> &UdpSender {
        &self.sender
    }

    /// Receives one frame and answers it; returns false if there was none.
    fn receive(&mut self, now: Instant) -> bool {
        let (mut answer, sender) = (None, &mut self.sender);
        let received = self.device.receive(&mut |frame| answer = sender.handle_frame(now, frame));
        if let Some(answer) = &answer {
            // Without room the reply is lost: the host that asked repeats its request.
            let _ = self.device.send(answer, &[]);
        }
        received
    }
}

impl<D: FrameDevice> Transport for RawUplink<D> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        match &self.sender.head(datagram) {
            Some(head) => self.device.send(head, datagram),
            None => Err(SendError),
        }
    }
}

impl<D: FrameDevice> Uplink for RawUplink<D> {
    /// Processes at most 16 received frames.
    fn poll(&mut self, now: Instant) {
        for _ in 0..FRAMES {
            if !self.receive(now) {
                break;
            }
        }
        if let Some(question) = &self.sender.poll(now) {
            // Without room the request is lost: the sender repeats it after a second.
            let _ = self.device.send(question, &[]);
        }
    }

    fn is_ready(&mut self) -> bool {
        self.sender.neighbour() != Neighbour::Unknown
    }

    fn poll_timeout(&mut self, _now: Instant) -> Option<Instant> {
        Some(self.sender.poll_timeout())
    }

    fn set_collector(&mut self, collector: SocketAddr) -> Result<u32, CollectorError> {
        check_collector(collector)?;
        let SocketAddr::V4(collector) = collector else { return Err(CollectorError::Unsupported) };
        if !self.sender.reaches(*collector.ip()) {
            return Err(CollectorError::Unreachable);
        }
        self.sender.set_collector(collector);
        Ok(0)
    }
}

/// Received frames per poll, so that a flood cannot hold up the main loop.
const FRAMES: usize = 16;
