//! The ports: four virtio-net devices, and buffers owned either by a device or by the driver.

use core::fmt;
use core::mem;
use core::ptr::NonNull;

use static_cell::{ConstStaticCell, StaticCell};
use virt_switch::{PORTS, Port, Wire, WireError};
use virtio_drivers::device::net::VirtIONetRaw;
use virtio_drivers::transport::mmio::{MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};

use super::machine::{VIRTIO, VIRTIO_SLOTS, VIRTIO_STEP};
use super::pages::Pages;

/// All ports in order.
pub(crate) struct Nics(&'static mut [Nic; PORTS]);

/// A port. A buffer owned by the device is stored at the index of its token. The queue has one
/// descriptor per buffer, so a token is below [`RING`].
struct Nic {
    device: VirtIONetRaw<Pages, MmioTransport<'static>, RING>,
    rings: &'static mut Rings,
    /// Number of buffers in `spare`.
    spares: usize,
}

/// Owners of the buffers of a port.
struct Rings {
    receiving: [Option<&'static mut Buffer>; RING],
    sending: [Option<(&'static mut Buffer, usize)>; RING],
    /// Free transmit buffers, in the first entries.
    spare: [Option<&'static mut Buffer>; RING],
}

/// A received frame, in a buffer that must be recycled.
pub(crate) struct Received {
    buffer: &'static mut Buffer,
    start: usize,
    end: usize,
}

/// Error of opening the ports.
#[derive(Debug)]
pub(crate) enum OpenError {
    Missing,
    Device(virtio_drivers::Error),
}

/// Number of descriptors of a queue, and of its buffers.
const RING: usize = 64;
/// virtio_net_hdr of version 1.
const HEADER: usize = 12;
/// Bytes of a buffer, for header and frame. The device drops longer frames without reporting them.
const BUFFER: usize = 2048;
type Buffer = [u8; BUFFER];

static BUFFERS: ConstStaticCell<[[[Buffer; RING]; 2]; PORTS]> =
    ConstStaticCell::new([[[[0; BUFFER]; RING]; 2]; PORTS]);
static RINGS: ConstStaticCell<[Rings; PORTS]> =
    ConstStaticCell::new([const { Rings::NONE }; PORTS]);
static NICS: StaticCell<[Nic; PORTS]> = StaticCell::new();

impl Nics {
    /// Opens the first four network devices.
    ///
    /// # Panics
    /// When called twice.
    pub(crate) fn open() -> Result<Self, OpenError> {
        let (mut devices, mut buffers) = (network_devices(), BUFFERS.take().iter_mut());
        let mut open = |rings| {
            let transport = devices.next().ok_or(OpenError::Missing)?;
            Nic::open(transport, rings, buffers.next().ok_or(OpenError::Missing)?)
        };
        let [a, b, c, d] = RINGS.take();
        Ok(Self(NICS.init([open(a)?, open(b)?, open(c)?, open(d)?])))
    }

    /// Returns the MAC address of the first port, which is that of the switch.
    pub(crate) fn mac(&self) -> [u8; 6] {
        let [first, ..] = &*self.0;
        first.device.mac_address()
    }

    /// Acknowledges the interrupt of the device.
    pub(crate) fn acknowledge(&mut self, port: Port) {
        if let Some(nic) = self.0.get_mut(port.index()) {
            nic.device.ack_interrupt();
        }
    }

    /// Returns the next received frame.
    pub(crate) fn receive(&mut self, port: Port) -> Option<Received> {
        self.0.get_mut(port.index())?.receive()
    }

    /// Returns a buffer to the device.
    pub(crate) fn recycle(&mut self, port: Port, received: Received) {
        if let Some(nic) = self.0.get_mut(port.index()) {
            nic.offer(received.buffer);
        }
    }
}

impl Wire for Nics {
    fn send(&mut self, port: Port, parts: &[&[u8]]) -> Result<(), WireError> {
        self.0.get_mut(port.index()).ok_or(WireError::Refused)?.send(parts)
    }
}

impl Nic {
    fn open(
        transport: MmioTransport<'static>,
        rings: &'static mut Rings,
        [receive, send]: &'static mut [[Buffer; RING]; 2],
    ) -> Result<Self, OpenError> {
        let device = VirtIONetRaw::new(transport).map_err(OpenError::Device)?;
        let mut nic = Self { device, rings, spares: 0 };
        for buffer in receive {
            nic.offer(buffer);
        }
        for buffer in send {
            nic.put_back(buffer);
        }
        Ok(nic)
    }

    /// Passes a buffer to the device to receive into.
    fn offer(&mut self, buffer: &'static mut Buffer) {
        // SAFETY: the buffer goes to `receiving` and stays there untouched until the device has
        // completed the token.
        let token = unsafe { self.device.receive_begin(buffer) };
        // Cannot fail, because there is a descriptor for each buffer. If it did, the port would
        // only lose a buffer.
        let place = token.ok().and_then(|token| self.rings.receiving.get_mut(usize::from(token)));
        if let Some(place) = place {
            *place = Some(buffer);
        }
    }

    fn receive(&mut self) -> Option<Received> {
        let token = self.device.poll_receive()?;
        let buffer = self.rings.receiving.get_mut(usize::from(token))?.take()?;
        // SAFETY: the buffer stored at the index of a token is the one passed to `receive_begin`.
        let completed = unsafe { self.device.receive_complete(token, buffer) };
        // An impossible length yields an empty frame, which is discarded and counted.
        let (start, length) = completed.unwrap_or((HEADER, 0));
        let end = start.saturating_add(length).min(BUFFER);
        Some(Received { buffer, start: start.min(end), end })
    }

    fn send(&mut self, parts: &[&[u8]]) -> Result<(), WireError> {
        if self.spares == 0 {
            self.reclaim();
        }
        let last = self.spares.checked_sub(1).ok_or(WireError::Full)?;
        let buffer =
            self.rings.spare.get_mut(last).and_then(Option::take).ok_or(WireError::Full)?;
        self.spares = last;
        let Some(length) = gather(buffer, parts) else {
            self.put_back(buffer);
            return Err(WireError::Refused);
        };
        let filled = buffer.get(..length).unwrap_or_default();
        // SAFETY: the buffer goes to `sending` and stays there untouched until the device has
        // completed the token.
        let token = unsafe { self.device.transmit_begin(filled) };
        match token.map(|token| self.rings.sending.get_mut(usize::from(token))) {
            Ok(Some(place)) => {
                *place = Some((buffer, length));
                Ok(())
            }
            Ok(None) | Err(_) => {
                self.put_back(buffer);
                Err(WireError::Refused)
            }
        }
    }

    /// Collects the buffers of sent frames.
    fn reclaim(&mut self) {
        while let Some(token) = self.device.poll_transmit() {
            let place = self.rings.sending.get_mut(usize::from(token)).and_then(mem::take);
            let Some((buffer, length)) = place else { return };
            let filled = buffer.get(..length).unwrap_or_default();
            // SAFETY: the buffer stored at the index of a token is the one passed to
            // `transmit_begin`.
            let _ = unsafe { self.device.transmit_complete(token, filled) };
            self.put_back(buffer);
        }
    }

    fn put_back(&mut self, buffer: &'static mut Buffer) {
        if let Some(place) = self.rings.spare.get_mut(self.spares) {
            *place = Some(buffer);
            self.spares += 1;
        }
    }
}

impl Rings {
    const NONE: Self = Self {
        receiving: [const { None }; RING],
        sending: [const { None }; RING],
        spare: [const { None }; RING],
    };
}

impl Received {
    /// Returns the bytes from the destination address on.
    pub(crate) fn frame(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => out.write_str("there are fewer"),
            Self::Device(error) => write!(out, "{error}"),
        }
    }
}

/// Writes an empty header and the parts; returns the length, or `None` if they do not fit.
fn gather(buffer: &mut Buffer, parts: &[&[u8]]) -> Option<usize> {
    buffer.get_mut(..HEADER)?.fill(0);
    let mut end = HEADER;
    for part in parts {
        let start = end;
        end = start.checked_add(part.len())?;
        buffer.get_mut(start..end)?.copy_from_slice(part);
    }
    Some(end)
}

/// The network devices in the order of the command line. QEMU assigns slots from the last one down,
/// so the slots are scanned in reverse.
fn network_devices() -> impl Iterator<Item = MmioTransport<'static>> {
    let slot = |slot: usize| {
        let header = NonNull::new((VIRTIO + slot * VIRTIO_STEP) as *mut VirtIOHeader)?;
        // SAFETY: a virtio slot of the machine, mapped as device memory; each slot is opened at
        // most once.
        unsafe { MmioTransport::new(header, REGISTERS) }.ok()
    };
    let is_network = |device: &MmioTransport<'_>| device.device_type() == DeviceType::Network;
    (0..VIRTIO_SLOTS).rev().filter_map(slot).filter(is_network)
}

/// Bytes of the register block of a slot.
const REGISTERS: usize = 0x200;
