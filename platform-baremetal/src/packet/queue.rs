//! The queue of samples between packet path and main loop.

use core::cell::RefCell;

use critical_section::{CriticalSection, Mutex};
use flowmote_core::{DataSource, Interface, SampleMeta};
use heapless::Deque;

use crate::packet::sample::PacketSample;

/// A queue of up to `SLOTS` (at least 1) sampled packets with up to `HEADER` bytes each, in a
/// `static`. Any number of interrupts push, the main loop pops. Both use a critical section, which
/// lasts for one copy of the header bytes. Packets that are not sampled never reach the queue.
///
/// A slot with 128 header bytes takes 192 bytes.
///
/// ```
/// use flowmote_baremetal::{PacketSample, PortSampler, SampleQueue};
///
/// static PORT: PortSampler = PortSampler::new(1, 0x5eed);
/// static QUEUE: SampleQueue<8> = SampleQueue::new();
/// let frame = [0; 60];
/// PORT.offer(&QUEUE, |meta| PacketSample::received(1, meta, &frame)); // in the interrupt
///
/// let mut header = [0; 128]; // in the main loop, where `Node::poll` does this
/// let sample = QUEUE.pop(&mut header).unwrap();
/// assert_eq!((sample.header(), sample.frame_length), (&frame[..], 64));
/// ```
pub struct SampleQueue<const SLOTS: usize, const HEADER: usize = 128> {
    ring: Mutex<RefCell<Ring<SLOTS, HEADER>>>,
}

/// Descriptors of the packets, oldest first, and their header bytes in separate slots. Only the
/// descriptors move within the deque; header bytes are written and read in place.
struct Ring<const SLOTS: usize, const HEADER: usize> {
    packets: Deque<Descriptor, SLOTS>,
    headers: [[u8; HEADER]; SLOTS],
    /// Index of the header slot to fill next.
    next: usize,
}

/// A [`PacketSample`] whose header is the first `used` bytes of header slot `slot`.
struct Descriptor {
    source: DataSource,
    meta: SampleMeta,
    input: Interface,
    output: Interface,
    frame_length: u32,
    stripped: u32,
    src_tag: Option<u16>,
    dst_tag: Option<u16>,
    timestamp_ns: u64,
    slot: u16,
    used: u16,
}

impl<const SLOTS: usize, const HEADER: usize> SampleQueue<SLOTS, HEADER> {
    /// Creates an empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { ring: Mutex::new(RefCell::new(Ring::EMPTY)) }
    }

    /// Appends the sample that `make` returns; returns false, without calling `make`, if the queue
    /// is full.
    #[inline]
    pub fn push<'p>(&self, make: impl FnOnce() -> PacketSample<'p>) -> bool {
        critical_section::with(|section| self.push_within(section, make))
    }

    /// As [`push`](Self::push), within a critical section.
    #[inline]
    pub(crate) fn push_within<'p>(
        &self,
        section: CriticalSection<'_>,
        make: impl FnOnce() -> PacketSample<'p>,
    ) -> bool {
        self.lend(section, |ring| ring.push(make)).unwrap_or_default()
    }

    /// Removes and returns the oldest sample, its bytes copied to `header`. For the main loop.
    #[inline]
    pub fn pop<'h>(&self, header: &'h mut [u8; HEADER]) -> Option<PacketSample<'h>> {
        self.with(|ring| {
            let sample = ring.lend_first(header);
            ring.remove();
            sample
        })?
    }

    /// As [`pop`](Self::pop), but the sample stays until [`remove`](Self::remove): for a main loop
    /// that may be unable to process it yet.
    #[inline]
    pub fn peek<'h>(&self, header: &'h mut [u8; HEADER]) -> Option<PacketSample<'h>> {
        self.with(|ring| ring.lend_first(header))?
    }

    /// Removes the oldest sample; returns false if the queue was empty. For the main loop.
    pub fn remove(&self) -> bool {
        self.with(Ring::remove).unwrap_or_default()
    }

    #[inline]
    fn with<T>(&self, act: impl FnOnce(&mut Ring<SLOTS, HEADER>) -> T) -> Option<T> {
        critical_section::with(|section| self.lend(section, act))
    }

    /// Lends the ring. `None` only if a `make` callback uses its own queue, which then appears both
    /// full and empty.
    #[inline]
    fn lend<T>(
        &self,
        section: CriticalSection<'_>,
        act: impl FnOnce(&mut Ring<SLOTS, HEADER>) -> T,
    ) -> Option<T> {
        let mut ring = self.ring.borrow(section).try_borrow_mut().ok()?;
        Some(act(&mut ring))
    }
}

impl<const SLOTS: usize, const HEADER: usize> Ring<SLOTS, HEADER> {
    const EMPTY: Self = {
        assert!(SLOTS <= MAX_U16 && HEADER <= MAX_U16, "slots and header bytes are at most 65535");
        Self { packets: Deque::new(), headers: [[0; HEADER]; SLOTS], next: 0 }
    };

    #[inline]
    fn push<'p>(&mut self, make: impl FnOnce() -> PacketSample<'p>) -> bool {
        if self.packets.is_full() {
            return false;
        }
        let slot = self.next;
        let Some(header) = self.headers.get_mut(slot) else { return false };
        self.next = if slot.wrapping_add(1) < SLOTS { slot.wrapping_add(1) } else { 0 };
        let sample = make();
        let used = fill(header, sample.header);
        let rest = header.get_mut(used..).unwrap_or_default();
        let used = used.wrapping_add(fill(rest, sample.payload));
        self.packets.push_back(Descriptor::new(&sample, slot as u16, used as u16)).is_ok()
    }

    /// The oldest sample, its bytes copied to `place`.
    #[inline]
    fn lend_first<'h>(&self, place: &'h mut [u8; HEADER]) -> Option<PacketSample<'h>> {
        let packet = self.packets.front()?;
        let (slot, used) = (usize::from(packet.slot), usize::from(packet.used));
        let header = place.get_mut(..used)?;
        header.copy_from_slice(self.headers.get(slot)?.get(..used)?);
        Some(packet.with_header(header))
    }

    #[inline]
    fn remove(&mut self) -> bool {
        self.packets.pop_front().is_some()
    }
}

/// Copies as many bytes as fit; returns their number.
#[inline]
fn fill(place: &mut [u8], bytes: &[u8]) -> usize {
    let used = bytes.len().min(place.len());
    if let (Some(to), Some(from)) = (place.get_mut(..used), bytes.get(..used)) {
        to.copy_from_slice(from);
    }
    used
}

impl Descriptor {
    #[inline]
    fn new(sample: &PacketSample<'_>, slot: u16, used: u16) -> Self {
        Self {
            source: sample.source,
            meta: sample.meta,
            input: sample.input,
            output: sample.output,
            frame_length: sample.frame_length,
            stripped: sample.stripped,
            src_tag: sample.src_tag,
            dst_tag: sample.dst_tag,
            timestamp_ns: sample.timestamp_ns,
            slot,
            used,
        }
    }

    #[inline]
    fn with_header<'h>(&self, header: &'h [u8]) -> PacketSample<'h> {
        PacketSample {
            source: self.source,
            meta: self.meta,
            input: self.input,
            output: self.output,
            frame_length: self.frame_length,
            stripped: self.stripped,
            src_tag: self.src_tag,
            dst_tag: self.dst_tag,
            timestamp_ns: self.timestamp_ns,
            header,
            payload: &[],
        }
    }
}

impl<const SLOTS: usize, const HEADER: usize> Default for SampleQueue<SLOTS, HEADER> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const SLOTS: usize, const HEADER: usize> core::fmt::Debug for SampleQueue<SLOTS, HEADER> {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        to.debug_struct("SampleQueue").field("slots", &SLOTS).finish_non_exhaustive()
    }
}

/// Limit of the `u16` fields of [`Descriptor`].
const MAX_U16: usize = 65_535;

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    fn sample(at: u32, frame: &[u8]) -> PacketSample<'_> {
        PacketSample::received(at, SampleMeta::default(), frame)
    }

    #[test]
    fn first_in_first_out_and_full_is_full() {
        let queue = SampleQueue::<3, 16>::new();
        let mut header = [0xa5; 16];
        for round in 0..5 {
            for at in 1..=3 {
                let frame = [(round + at) as u8; 20];
                assert!(queue.push(|| sample(at, &frame)));
            }
            assert!(!queue.push(|| unreachable!("made for nothing")));
            for at in 1..=3 {
                let taken = queue.pop(&mut header).unwrap();
                assert_eq!(taken.source, DataSource::interface(at));
                assert_eq!(
                    (taken.header(), taken.frame_length),
                    (&[(round + at) as u8; 16][..], 24)
                );
            }
            assert!(queue.pop(&mut header).is_none());
        }
    }

    #[test]
    fn queue_preserves_every_field() {
        let queue = SampleQueue::<2, 32>::new();
        let meta = SampleMeta { sampling_rate: 1, sample_pool: 2, drops: 3 };
        let mut sample = PacketSample::switched(4, meta, &[7; 20], Interface::Multiple(5));
        (sample.frame_length, sample.stripped, sample.timestamp_ns) = (1518, 8, u64::MAX);
        (sample.src_tag, sample.dst_tag) = (Some(6), Some(0xFFFF));
        assert!(queue.push(|| sample));
        let taken = format!("{:?}", queue.pop(&mut [0xa5; 32]).unwrap());
        assert_eq!(taken, format!("{sample:?}"));
    }

    #[test]
    fn frame_parts_are_joined_and_truncated() {
        let queue = SampleQueue::<2, 16>::new();
        let cases: [(&[u8], &[u8], &[u8]); 4] = [
            (&[1; 10], &[2; 10], &[1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2]),
            (&[1; 20], &[2; 10], &[1; 16]),
            (&[1; 3], &[], &[1; 3]),
            (&[], &[2; 2], &[2; 2]),
        ];
        for (head, payload, joined) in cases {
            let parts = || PacketSample::sent_in_parts(1, SampleMeta::default(), head, payload);
            assert!(queue.push(parts));
            assert_eq!(queue.pop(&mut [0xa5; 16]).unwrap().header(), joined);
        }
    }

    #[test]
    fn peeked_sample_stays_until_removed() {
        let queue = SampleQueue::<2, 16>::new();
        let mut header = [0xa5; 16];
        assert!(queue.peek(&mut header).is_none() && !queue.remove());
        assert!(queue.push(|| sample(1, &[1])) && queue.push(|| sample(2, &[2])));
        for at in 1..=2 {
            for _ in 0..2 {
                assert_eq!(queue.peek(&mut header).unwrap().header(), [at]);
            }
            assert!(queue.remove());
        }
        assert!(!queue.remove());
    }

    #[test]
    fn reentrant_use_finds_the_queue_full_and_empty() {
        let queue = SampleQueue::<2, 4>::new();
        assert!(queue.push(|| {
            assert!(!queue.push(|| sample(1, &[])) && queue.pop(&mut [0; 4]).is_none());
            sample(1, &[])
        }));
    }
}
