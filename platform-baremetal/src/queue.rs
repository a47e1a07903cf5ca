//! The queue between packet path and main loop.

use core::cell::RefCell;

use critical_section::Mutex;
use heapless::Deque;

use crate::sample::PacketSample;

/// Holds up to `SLOTS` (at least 1) chosen packets, and lives in a `static`: any number of interrupts put
/// samples in, the main loop takes them out. Each does so in a critical section, which lasts for
/// the copy of one sample; packets that are not chosen never come here.
///
/// A sample with 128 header bytes has about 190 bytes.
pub struct SampleQueue<const SLOTS: usize, const HEADER: usize = 128> {
    samples: Mutex<RefCell<Deque<PacketSample<HEADER>, SLOTS>>>,
}

impl<const SLOTS: usize, const HEADER: usize> SampleQueue<SLOTS, HEADER> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { samples: Mutex::new(RefCell::new(Deque::new())) }
    }

    /// Puts in what `make` makes, if there is room; returns whether there was.
    pub fn push(&self, make: impl FnOnce() -> PacketSample<HEADER>) -> bool {
        critical_section::with(|section| {
            // Borrowed only if `make` uses the queue, which is then full for it.
            let Ok(mut samples) = self.samples.borrow(section).try_borrow_mut() else {
                return false;
            };
            !samples.is_full() && samples.push_back(make()).is_ok()
        })
    }

    /// Takes out the oldest.
    pub fn pop(&self) -> Option<PacketSample<HEADER>> {
        critical_section::with(|section| {
            self.samples.borrow(section).try_borrow_mut().ok()?.pop_front()
        })
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

#[cfg(test)]
mod tests {
    use flowmote_core::SampleMeta;

    use super::*;

    #[test]
    fn first_in_first_out_and_full_is_full() {
        let queue = SampleQueue::<3, 16>::new();
        let sample = |at| PacketSample::received(at, SampleMeta::default(), &[at as u8; 20]);
        for round in 0..5 {
            for at in 1..=3 {
                assert!(queue.push(|| sample(round + at)));
            }
            assert!(!queue.push(|| unreachable!("made for nothing")));
            for at in 1..=3 {
                let taken = queue.pop().unwrap();
                assert_eq!(taken.header(), [(round + at) as u8; 16]);
            }
            assert!(queue.pop().is_none());
        }
    }

    #[test]
    fn in_use_it_is_full_and_empty() {
        let queue = SampleQueue::<2, 4>::new();
        let sample = || PacketSample::received(1, SampleMeta::default(), &[]);
        assert!(queue.push(|| {
            assert!(!queue.push(sample) && queue.pop().is_none());
            sample()
        }));
    }
}
