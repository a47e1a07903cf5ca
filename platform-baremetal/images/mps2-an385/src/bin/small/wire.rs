//! Both directions of the port: frames in by interrupt, frames out by the main loop.

use core::cell::RefCell;

use critical_section::Mutex;
use flowmote_baremetal::{FrameDevice, PacketSample, PortSampler, SampleProducer};
use flowmote_core::SendError;
use heapless::spsc;
use mps2_an385::board::{self, ETHERNET, Interrupt};
use mps2_an385::ethernet::{BUFFER, IF_INDEX};
use mps2_an385::station::SAMPLING_RATE;

use crate::respond::respond;

/// Received frames on their way to the main loop; one place stays empty.
pub(crate) type Frames = spsc::Queue<Frame, 5>;

/// A received frame.
pub(crate) struct Frame {
    length: usize,
    bytes: [u8; BUFFER],
}

/// The device of the uplink: the main loop's end.
pub(crate) struct Wire {
    pub(crate) frames: spsc::Consumer<'static, Frame>,
    pub(crate) mac: [u8; 6],
}

/// The interrupt's end. Sent frames are offered through it, too: a queue has one producer.
pub(crate) struct Tap {
    ends: Mutex<RefCell<Option<Ends>>>,
}

struct Ends {
    frames: spsc::Producer<'static, Frame>,
    samples: SampleProducer<'static>,
}

/// The interrupt's end of everything.
pub(crate) static WIRE: Tap = Tap { ends: Mutex::new(RefCell::new(None)) };

/// The sampler of the only port.
pub(crate) static SAMPLER: PortSampler = PortSampler::new(SAMPLING_RATE, 0x5eed);

impl Tap {
    /// Connects the queues; interrupts are of no use before.
    pub(crate) fn open(
        &self,
        frames: spsc::Producer<'static, Frame>,
        samples: SampleProducer<'static>,
    ) {
        critical_section::with(|section| {
            *self.ends.borrow_ref_mut(section) = Some(Ends { frames, samples });
        });
    }

    /// Takes frames out of the controller as long as there is a place for them. The rest stays
    /// there, and the interrupt off, until the main loop has made room.
    pub(crate) fn interrupt(&self) {
        self.with(|ends| {
            ETHERNET.with(|chip| chip.acknowledge());
            while ends.frames.ready() {
                if !ends.receive() {
                    return;
                }
            }
            ETHERNET.with(|chip| chip.listen(false));
        });
    }

    fn with(&self, act: impl FnOnce(&mut Ends)) {
        critical_section::with(|section| {
            if let Some(ends) = self.ends.borrow_ref_mut(section).as_mut() {
                act(ends);
            }
        });
    }
}

impl Ends {
    fn receive(&mut self) -> bool {
        let mut bytes = [0; BUFFER];
        let Some(received) = ETHERNET.receive(&mut bytes) else { return false };
        let length = received.len();
        SAMPLER.offer(&mut self.samples, |meta| PacketSample::received(IF_INDEX, meta, received));
        // There was a place.
        let _ = self.frames.enqueue(Frame { length, bytes });
        true
    }
}

impl FrameDevice for Wire {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        let both = [head, payload];
        let parts = if payload.is_empty() { &both[..1] } else { &both };
        ETHERNET.with(|chip| chip.send(parts)).map_err(|_| SendError)?;
        WIRE.with(|ends| {
            SAMPLER.offer(&mut ends.samples, |meta| {
                let mut start = [0; 128];
                let bytes = head.iter().chain(payload);
                let copied = start.iter_mut().zip(bytes).map(|(to, from)| *to = *from).count();
                let start = start.get(..copied).unwrap_or_default();
                let mut sample = PacketSample::sent(IF_INDEX, meta, start);
                // The controller pads a short frame.
                sample.frame_length = (head.len() + payload.len()).max(SHORTEST) as u32 + FCS;
                sample
            });
        });
        Ok(())
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        let Some(mut frame) = self.frames.dequeue() else { return false };
        // There is a place again, also for a frame that came when there was none.
        ETHERNET.with(|chip| chip.listen(true));
        board::raise(Interrupt::Ethernet);
        let Some(bytes) = frame.bytes.get_mut(..frame.length) else { return true };
        take(bytes);
        if let Some(answer) = respond(self.mac, bytes) {
            // No room for the answer: whoever asked asks again.
            let _ = self.send(answer, &[]);
        }
        true
    }
}

const SHORTEST: usize = 60;
const FCS: u32 = 4;
