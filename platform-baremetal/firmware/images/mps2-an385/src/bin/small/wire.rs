//! Both directions of the port: frames in by interrupt, frames out by the main loop.

use core::cell::RefCell;

use critical_section::Mutex;
use flowmote_baremetal::{FrameDevice, PacketSample, PortSampler, SampleQueue};
use flowmote_core::SendError;
use mps2_an385::board::{self, Interrupt};
use mps2_an385::ethernet::{BUFFER, ETHERNET, EthernetChip, IF_INDEX};
use mps2_an385::settings::SAMPLING_RATE;

use crate::respond::respond;

/// The sampler of the only port.
pub(crate) static SAMPLER: PortSampler = PortSampler::new(SAMPLING_RATE, 0x5eed);

/// Its samples.
pub(crate) static SAMPLES: SampleQueue<16> = SampleQueue::new();

/// Received frames on their way to the main loop.
pub(crate) static FRAMES: Frames = Frames { ring: Mutex::new(RefCell::new(Ring::EMPTY)) };

/// A ring of frames that the interrupt fills.
pub(crate) struct Frames {
    ring: Mutex<RefCell<Ring>>,
}

/// The small fields first, where they are in reach of a short instruction.
#[repr(C)]
struct Ring {
    first: usize,
    filled: usize,
    frames: [Frame; PLACES],
}

#[derive(Clone, Copy)]
struct Frame {
    length: usize,
    bytes: [u8; BUFFER],
}

impl Frames {
    /// Takes frames out of the controller as long as there is a place for them. The rest stays
    /// there, and the interrupt off, until the main loop has made room.
    pub(crate) fn interrupt(&self) {
        self.with(|ring| {
            ETHERNET.with(|chip| {
                chip.acknowledge();
                let all = ring.fill(chip);
                chip.listen(all);
            });
        });
    }

    /// Whether a frame waits.
    pub(crate) fn has_frame(&self) -> bool {
        critical_section::with(|section| self.ring.borrow_ref(section).filled > 0)
    }

    /// Copies the oldest frame to the front of `buffer` and gives its place back.
    fn take<'b>(&self, buffer: &'b mut [u8; BUFFER]) -> Option<&'b mut [u8]> {
        let length = self.with(|ring| ring.pop(buffer))?;
        // There is a place again, also for a frame that came when there was none.
        board::raise(Interrupt::Ethernet);
        buffer.get_mut(..length)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Ring) -> T) -> T {
        critical_section::with(|section| act(&mut self.ring.borrow_ref_mut(section)))
    }
}

impl Ring {
    const EMPTY: Self = {
        let empty = Frame { length: 0, bytes: [0; BUFFER] };
        Self { frames: [empty; PLACES], first: 0, filled: 0 }
    };

    /// Takes frames as long as there is a place; returns whether that was all. A frame in error
    /// takes no place, and is thrown away faster than the next one can come.
    fn fill(&mut self, chip: &mut EthernetChip) -> bool {
        while let Some(frame) = self.vacant() {
            let Some(received) = chip.receive(&mut frame.bytes) else { return true };
            if let Ok(length) = received {
                frame.length = length;
                sample(true, frame.bytes.get(..length).unwrap_or_default(), &[]);
                self.filled += 1;
            }
        }
        false
    }

    fn vacant(&mut self) -> Option<&mut Frame> {
        let free = self.filled < PLACES;
        let at = (self.first + self.filled) % PLACES;
        self.frames.get_mut(at).filter(|_| free)
    }

    fn pop(&mut self, buffer: &mut [u8; BUFFER]) -> Option<usize> {
        let frame = self.frames.get(self.first).filter(|_| self.filled > 0)?;
        buffer.get_mut(..frame.length)?.copy_from_slice(frame.bytes.get(..frame.length)?);
        self.first = (self.first + 1) % PLACES;
        self.filled -= 1;
        Some(frame.length)
    }
}

/// The device of the uplink.
pub(crate) struct Wire;

impl FrameDevice for Wire {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        // With interrupts off: the sampler must be told by one at a time.
        ETHERNET.with(|chip| {
            chip.send(head, payload).map_err(|_| SendError)?;
            sample(false, head, payload);
            Ok(())
        })
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        let mut buffer = [0; BUFFER];
        let Some(frame) = FRAMES.take(&mut buffer) else { return false };
        take(frame);
        if let Some(answer) = respond(frame) {
            // No room for the answer: whoever asked asks again.
            let _ = self.send(answer, &[]);
        }
        true
    }
}

/// Tells the sampler of a frame in two parts. One place for both directions, because what makes a
/// sample is there once for each place.
fn sample(received: bool, head: &[u8], payload: &[u8]) {
    SAMPLER.offer(&SAMPLES, |meta| {
        if received {
            PacketSample::received(IF_INDEX, meta, head)
        } else {
            PacketSample::sent_in_parts(IF_INDEX, meta, head, payload)
        }
    });
}

const PLACES: usize = 4;
