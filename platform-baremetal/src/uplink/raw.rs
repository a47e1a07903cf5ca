//! The way out without an IP stack: a frame device and a [`UdpSender`].

use core::net::SocketAddr;

use flowmote_core::{Instant, SendError, Transport};

use crate::uplink::udp_sender::{Neighbour, UdpSender};
use crate::uplink::{CollectorError, Uplink, check_collector};

/// Sends and receives Ethernet frames: a MAC and its driver. Neither call may block.
pub trait FrameDevice {
    /// Sends the frame that consists of `head` and `payload`, without FCS. So nobody copies a
    /// datagram behind its headers: a MAC takes two descriptors, or a FIFO one after the other.
    ///
    /// # Errors
    /// [`SendError`] if there is no room.
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError>;

    /// Lends the next received frame to `take`; returns whether there was one. Frames that are
    /// not for the agent are the business of the firmware: it may keep them from here.
    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool;
}

/// An [`Uplink`] in a few kilobytes of flash: UDP over IPv4, with ARP.
#[derive(Debug)]
pub struct RawUplink<D> {
    device: D,
    sender: UdpSender,
}

impl<D: FrameDevice> RawUplink<D> {
    /// Joins a device and a sender.
    #[must_use]
    pub const fn new(device: D, sender: UdpSender) -> Self {
        Self { device, sender }
    }

    /// The device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// The sender.
    #[must_use]
    pub const fn sender(&self) -> &UdpSender {
        &self.sender
    }

    /// Receives one frame and answers it; returns whether there was one. An answer that the
    /// device has no room for is lost, and the question comes again.
    fn receive(&mut self, now: Instant) -> bool {
        let (mut answer, sender) = (None, &mut self.sender);
        let received = self.device.receive(&mut |frame| answer = sender.handle_frame(now, frame));
        if let Some(answer) = &answer {
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
    /// Takes at most 16 frames.
    fn poll(&mut self, now: Instant) {
        for _ in 0..FRAMES {
            if !self.receive(now) {
                break;
            }
        }
        if let Some(question) = &self.sender.poll(now) {
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

const FRAMES: usize = 16;
