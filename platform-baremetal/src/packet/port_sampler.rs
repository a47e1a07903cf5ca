//! The sampler of a port, shared by its interrupt and the main loop.

use core::cell::RefCell;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use critical_section::{CriticalSection, Mutex};
use flowmote_core::{SampleMeta, Sampler};

use crate::packet::queue::SampleQueue;
use crate::packet::sample::PacketSample;

/// A sampler that an interrupt advances while the main loop changes the rate and reads the totals.
/// Lives in a `static`.
///
/// A packet that is not sampled costs one load, a comparison and one store, without a critical
/// section. Only rare operations use one: a sample, a change of rate, a read of the totals.
///
/// Advance the sampler of one port from one context: one interrupt priority, or the main loop. With
/// several cores, use one core, and change the rate there as well; otherwise counts can be lost,
/// but nothing worse.
///
/// ```
/// use flowmote_baremetal::PortSampler;
///
/// static PORT: PortSampler = PortSampler::new(1, 0x5eed);
/// let chosen = PORT.advance(1).unwrap(); // in the interrupt
/// assert_eq!((chosen.position, chosen.meta.sample_pool), (1, 1));
/// PORT.set_sampling_rate(512); // in the main loop
/// ```
pub struct PortSampler {
    /// Packets up to and including the next sample. Decremented without a critical section; `with`
    /// brings `sampler` up to date before it is used.
    left: AtomicU32,
    sampler: Mutex<RefCell<Sampler>>,
}

/// A packet chosen to be sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Chosen {
    /// Position in the batch, from 1. The packets after it are not counted yet.
    pub position: u32,
    /// Rate, pool and drops to attach to the sample.
    pub meta: SampleMeta,
}

impl PortSampler {
    /// Creates a sampler for 1-in-`sampling_rate`, as [`Sampler::new`]. Each port needs a different
    /// `seed`, or the ports sample in step.
    #[must_use]
    pub const fn new(sampling_rate: u32, seed: u64) -> Self {
        let sampler = Sampler::new(sampling_rate, seed);
        let left = AtomicU32::new(sampler.until_sample());
        Self { left, sampler: Mutex::new(RefCell::new(sampler)) }
    }

    /// Counts `packets` more packets, as [`Sampler::advance`]. For the interrupt.
    #[inline]
    pub fn advance(&self, packets: u32) -> Option<Chosen> {
        if self.pass(packets) { None } else { self.advance_to_sample(packets) }
    }

    /// Counts one packet; if it is chosen, copies the sample that `make` returns into the queue. A
    /// full queue counts a drop. For the interrupt. A chosen packet takes one critical section, in
    /// which `make` must not use this sampler.
    #[inline]
    pub fn offer<'p, const SLOTS: usize, const HEADER: usize>(
        &self,
        queue: &SampleQueue<SLOTS, HEADER>,
        make: impl FnOnce(SampleMeta) -> PacketSample<'p>,
    ) {
        if !self.pass(1) {
            self.offer_next(queue, make);
        }
    }

    /// Counts a sample that was lost.
    pub fn dropped(&self) {
        self.with(|sampler, _| sampler.dropped());
    }

    /// Changes N from the next packet on; 0: off. The pool continues.
    pub fn set_sampling_rate(&self, sampling_rate: u32) {
        self.with(|sampler, _| sampler.set_sampling_rate(sampling_rate));
    }

    /// Returns rate, pool and drops.
    #[must_use]
    pub fn meta(&self) -> SampleMeta {
        self.with(|sampler, _| sampler.meta()).unwrap_or_default()
    }

    /// Counts packets if none of them is the next sample; otherwise counts nothing and returns
    /// false.
    #[inline]
    fn pass(&self, packets: u32) -> bool {
        let left = self.left.load(Relaxed);
        let pass = packets < left;
        if pass {
            self.left.store(left.wrapping_sub(packets), Relaxed);
        }
        pass
    }

    /// Slow path of `offer`, out of line so that the fast path needs no stack frame.
    #[cold]
    #[inline(never)]
    fn offer_next<'p, const SLOTS: usize, const HEADER: usize>(
        &self,
        queue: &SampleQueue<SLOTS, HEADER>,
        make: impl FnOnce(SampleMeta) -> PacketSample<'p>,
    ) {
        self.with(|sampler, section| {
            if sampler.advance(1).is_some() && !queue.push_within(section, || make(sampler.meta()))
            {
                sampler.dropped();
            }
        });
    }

    /// Slow path of `advance`, out of line for the same reason.
    #[cold]
    #[inline(never)]
    fn advance_to_sample(&self, packets: u32) -> Option<Chosen> {
        self.with(|sampler, _| {
            let position = sampler.advance(packets)?;
            Some(Chosen { position, meta: sampler.meta() })
        })?
    }

    /// Brings the sampler up to date and lends it, in a critical section. `None` only if a `make`
    /// callback uses its own sampler.
    #[inline]
    fn with<T>(&self, act: impl FnOnce(&mut Sampler, CriticalSection<'_>) -> T) -> Option<T> {
        critical_section::with(|section| {
            let mut sampler = self.sampler.borrow(section).try_borrow_mut().ok()?;
            // The packets counted since then stop short of the next sample, so none is chosen.
            // Relaxed: one context writes `left`, and the critical section orders the rest.
            let counted = sampler.until_sample().wrapping_sub(self.left.load(Relaxed));
            sampler.advance(counted);
            let result = act(&mut sampler, section);
            self.left.store(sampler.until_sample(), Relaxed);
            Some(result)
        })
    }
}

impl core::fmt::Debug for PortSampler {
    fn fmt(&self, to: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        to.debug_tuple("PortSampler").field(&self.meta()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_sampler_of_core() {
        for rate in [0, 1, 2, 7, 400] {
            let (shared, mut alone) = (PortSampler::new(rate, 3), Sampler::new(rate, 3));
            for turn in 0..20_000_u32 {
                let packets = turn % 5;
                let expected = alone.advance(packets);
                let chosen = shared.advance(packets);
                assert_eq!(chosen.map(|chosen| chosen.position), expected);
                if let Some(chosen) = chosen {
                    assert_eq!(chosen.meta, alone.meta());
                }
                if turn % 1000 == 0 {
                    assert_eq!(shared.meta(), alone.meta());
                }
            }
        }
    }

    #[test]
    fn pool_continues_across_rate_changes() {
        let port = PortSampler::new(1000, 9);
        for _ in 0..300 {
            port.advance(1);
        }
        port.set_sampling_rate(1);
        assert_eq!(port.advance(1).unwrap().meta.sample_pool, 301);
        port.set_sampling_rate(0);
        assert_eq!(port.advance(u32::MAX), None);
        assert_eq!(port.advance(u32::MAX), None);
        assert_eq!(port.meta().sample_pool, 299);
    }

    #[test]
    fn full_queue_counts_a_drop() {
        let port = PortSampler::new(1, 9);
        let queue = SampleQueue::<2, 16>::new();
        let offer = || port.offer(&queue, |meta| PacketSample::received(4, meta, &[0xa5; 60]));
        (0..5).for_each(|_| offer());
        assert_eq!(port.meta(), SampleMeta { sampling_rate: 1, sample_pool: 5, drops: 3 });
        let taken = || queue.pop(&mut [0; 16]).unwrap().meta;
        assert_eq!(taken().sample_pool, 1);
        offer();
        assert_eq!(taken().sample_pool, 2);
        assert_eq!(taken().drops, 3);
    }
}
