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

/// The queue of samples.
pub(crate) static SAMPLES: SampleQueue<16> = SampleQueue::new();

/// Received frames that wait for the main loop.
pub(crate) static FRAMES: Frames = Frames { ring: Mutex::new(RefCell::new(Ring::EMPTY)) };

/// A ring of frames, filled by the interrupt.
pub(crate) struct Frames {
    ring: Mutex<RefCell<Ring>>,
}

/// Small fields first, within the offset range of 16-bit instructions.
#[repr(C)]
struct Ring {
    first: usize,
    filled: usize,
    frames: [Frame; SLOTS],
}

#[derive(Clone, Copy)]
struct Frame {
    length: usize,
    bytes: [u8; BUFFER],
}

impl Frames {
    /// Moves frames from the controller into the ring. When the ring is full, the rest stays in the
    /// controller, and the interrupt disabled, until the main loop has made room.
    pub(crate) fn interrupt(&self) {
        self.with(|ring| {
            ETHERNET.with(|chip| {
                chip.acknowledge();
                let all = ring.fill(chip);
                chip.listen(all);
            });
        });
    }

    /// Returns true if a frame waits.
    pub(crate) fn has_frame(&self) -> bool {
        critical_section::with(|section| self.ring.borrow_ref(section).filled > 0)
    }

    /// Copies the oldest frame to the start of `buffer` and frees its slot.
    fn take<'b>(&self, buffer: &'b mut [u8; BUFFER]) -> Option<&'b mut [u8]> {
        let length = self.with(|ring| ring.pop(buffer))?;
        // There is room again. Raise the interrupt, for frames that arrived while the ring was
        // full.
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
        Self { frames: [empty; SLOTS], first: 0, filled: 0 }
    };

    /// Moves frames while there is room; returns true if the controller is empty. A frame in error
    /// takes no slot. The loop ends even under a flood of them, because discarding one is faster
    /// than receiving the next.
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
        let free = self.filled < SLOTS;
        let at = (self.first + self.filled) % SLOTS;
        self.frames.get_mut(at).filter(|_| free)
    }

    fn pop(&mut self, buffer: &mut [u8; BUFFER]) -> Option<usize> {
        let frame = self.frames.get(self.first).filter(|_| self.filled > 0)?;
        buffer.get_mut(..frame.length)?.copy_from_slice(frame.bytes.get(..frame.length)?);
        self.first = (self.first + 1) % SLOTS;
        self.filled -= 1;
        Some(frame.length)
    }
}

/// The device of the uplink.
pub(crate) struct Wire;

impl FrameDevice for Wire {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        // With interrupts off, because only one context at a time may advance the sampler.
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
            // Without room the reply is lost: the host repeats its request.
            let _ = self.send(answer, &[]);
        }
        true
    }
}

/// Offers a frame in two parts to the sampler. One call for both directions, because each call of
/// the inlined `offer` takes flash.
fn sample(received: bool, head: &[u8], payload: &[u8]) {
    SAMPLER.offer(&SAMPLES, |meta| {
        if received {
            PacketSample::received(IF_INDEX, meta, head)
        } else {
            PacketSample::sent_in_parts(IF_INDEX, meta, head, payload)
        }
    });
}

const SLOTS: usize = 4;
