//! A smoltcp device with sampling.

use flowmote_core::SampleMeta;
use smoltcp::phy::{Device, DeviceCapabilities, PacketMeta, RxToken, TxToken};
use smoltcp::time::Instant;

use crate::packet::port_sampler::PortSampler;
use crate::packet::queue::SampleQueue;
use crate::packet::sample::PacketSample;

/// A wrapper around the Ethernet device of a smoltcp firmware that samples both directions into a
/// bounded queue: received frames before smoltcp processes them, sent frames after smoltcp wrote
/// them.
///
/// A frame is counted when its token is consumed. The port is one data source for both directions,
/// as on Linux.
#[derive(Debug)]
pub struct SampledDevice<'a, D, const SLOTS: usize, const HEADER: usize = 128> {
    device: D,
    probe: Probe<'a, SLOTS, HEADER>,
}

/// The token of a received frame.
#[derive(Debug)]
pub struct SampledRxToken<'t, 'a, T, const SLOTS: usize, const HEADER: usize> {
    token: T,
    probe: &'t Probe<'a, SLOTS, HEADER>,
    now: Instant,
}

/// The token of a frame to send.
#[derive(Debug)]
pub struct SampledTxToken<'t, 'a, T, const SLOTS: usize, const HEADER: usize> {
    token: T,
    probe: &'t Probe<'a, SLOTS, HEADER>,
    now: Instant,
}

/// The sampling side, shared by reference between the two tokens of a receive, because smoltcp may
/// consume the transmit token while it holds the received frame.
struct Probe<'a, const SLOTS: usize, const HEADER: usize> {
    if_index: u32,
    sampler: &'a PortSampler,
    queue: &'a SampleQueue<SLOTS, HEADER>,
    /// Nanoseconds since 1970 at time 0 of smoltcp's clock; `None`: unknown.
    epoch_ns: Option<u64>,
}

impl<'a, D: Device, const SLOTS: usize, const HEADER: usize> SampledDevice<'a, D, SLOTS, HEADER> {
    /// Wraps `device` as port `if_index`.
    #[must_use]
    pub fn new(
        device: D,
        if_index: u32,
        sampler: &'a PortSampler,
        queue: &'a SampleQueue<SLOTS, HEADER>,
    ) -> Self {
        let probe = Probe { if_index, sampler, queue, epoch_ns: None };
        Self { device, probe }
    }

    /// Sets the time of day at time 0 of smoltcp's clock, in nanoseconds since 1970, from SNTP or a
    /// real-time clock. Samples then carry a timestamp; `None`: no timestamps.
    pub fn set_epoch(&mut self, epoch_ns: Option<u64>) {
        self.probe.epoch_ns = epoch_ns;
    }

    /// Returns the wrapped device.
    pub fn device_mut(&mut self) -> &mut D {
        &mut self.device
    }
}

impl<'a, D: Device, const SLOTS: usize, const HEADER: usize> Device
    for SampledDevice<'a, D, SLOTS, HEADER>
{
    type RxToken<'t>
        = SampledRxToken<'t, 'a, D::RxToken<'t>, SLOTS, HEADER>
    where
        Self: 't;
    type TxToken<'t>
        = SampledTxToken<'t, 'a, D::TxToken<'t>, SLOTS, HEADER>
    where
        Self: 't;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (rx, tx) = self.device.receive(now)?;
        let probe = &self.probe;
        Some((SampledRxToken { token: rx, probe, now }, SampledTxToken { token: tx, probe, now }))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        let token = self.device.transmit(now)?;
        Some(SampledTxToken { token, probe: &self.probe, now })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}

impl<T: RxToken, const SLOTS: usize, const HEADER: usize> RxToken
    for SampledRxToken<'_, '_, T, SLOTS, HEADER>
{
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let Self { token, probe, now } = self;
        token.consume(|frame| {
            probe.offer(now, |meta| PacketSample::received(probe.if_index, meta, frame));
            f(frame)
        })
    }

    fn meta(&self) -> PacketMeta {
        self.token.meta()
    }
}

impl<T: TxToken, const SLOTS: usize, const HEADER: usize> TxToken
    for SampledTxToken<'_, '_, T, SLOTS, HEADER>
{
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let Self { token, probe, now } = self;
        token.consume(len, |frame| {
            let result = write(frame);
            probe.offer(now, |meta| PacketSample::sent(probe.if_index, meta, frame));
            result
        })
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.token.set_meta(meta);
    }
}

impl<const SLOTS: usize, const HEADER: usize> Probe<'_, SLOTS, HEADER> {
    fn offer<'p>(&self, now: Instant, make: impl FnOnce(SampleMeta) -> PacketSample<'p>) {
        self.sampler.offer(self.queue, |meta| {
            let mut sample = make(meta);
            sample.timestamp_ns = self.timestamp_ns(now);
            sample
        });
    }

    /// The time of day in nanoseconds since 1970, 0 if unknown.
    fn timestamp_ns(&self, now: Instant) -> u64 {
        let since_zero = now.total_micros().cast_unsigned().wrapping_mul(1000);
        self.epoch_ns.map_or(0, |epoch| epoch.wrapping_add(since_zero))
    }
}

impl<const SLOTS: usize, const HEADER: usize> core::fmt::Debug for Probe<'_, SLOTS, HEADER> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        to.debug_struct("Probe").field("if_index", &self.if_index).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use smoltcp::phy::{Loopback, Medium};

    use super::*;

    const NOW: Instant = Instant::from_micros_const(7);

    #[test]
    fn both_directions_are_sampled() {
        let port = PortSampler::new(1, 7);
        let queue = SampleQueue::<8, 32>::new();
        let mut device = SampledDevice::new(Loopback::new(Medium::Ethernet), 4, &port, &queue);
        device.set_epoch(Some(1_000_000));
        let frame: Vec<u8> = (0..60).collect();
        device.transmit(NOW).unwrap().consume(60, |to| to.copy_from_slice(&frame));
        let mut header = [0xa5; 32];
        let sent = queue.pop(&mut header).unwrap();
        assert_eq!((sent.header(), sent.frame_length), (&frame[..32], 64));
        assert_eq!(sent.input, flowmote_core::Interface::Internal);
        assert_eq!(sent.timestamp_ns, 1_007_000);

        let (rx, tx) = device.receive(NOW).unwrap();
        // smoltcp answers while it holds the received frame.
        rx.consume(|frame| tx.consume(frame.len(), |to| to.copy_from_slice(frame)));
        let received = queue.pop(&mut header).unwrap();
        assert_eq!((received.header(), received.meta.sample_pool), (&frame[..32], 2));
        assert_eq!(received.output, flowmote_core::Interface::Internal);
        assert_eq!(queue.pop(&mut header).unwrap().meta.sample_pool, 3);
    }

    #[test]
    fn unconsumed_token_counts_no_packet() {
        let port = PortSampler::new(1, 7);
        let queue = SampleQueue::<1>::new();
        let mut device = SampledDevice::new(Loopback::new(Medium::Ethernet), 4, &port, &queue);
        assert!(device.transmit(NOW).is_some());
        assert_eq!(port.meta().sample_pool, 0);
    }

    #[test]
    fn full_queue_counts_a_drop() {
        let port = PortSampler::new(1, 7);
        let queue = SampleQueue::<1>::new();
        let mut device = SampledDevice::new(Loopback::new(Medium::Ethernet), 4, &port, &queue);
        for _ in 0..3 {
            device.transmit(NOW).unwrap().consume(60, |to| to.fill(0xa5));
        }
        let meta = port.meta();
        assert_eq!((meta.sample_pool, meta.drops), (3, 2));
    }
}
