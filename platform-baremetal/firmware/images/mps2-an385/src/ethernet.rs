//! The Ethernet controller, shared by interrupt, network stack and counters.
#![allow(unsafe_code, reason = "claims the registers of the controller")]

use core::cell::RefCell;

use critical_section::Mutex;

use crate::chip::lan9118::{Lan9118, MAX_FRAME, Statistics};

/// The Ethernet controller of the board, at its place in the memory map (DAI 0385 table 3-1).
pub type EthernetChip = Lan9118<0x4020_0000>;

/// A controller that is accessed only in critical sections.
#[derive(Debug)]
pub struct Ethernet {
    chip: Mutex<RefCell<EthernetChip>>,
}

/// The Ethernet controller of the board.
// SAFETY: the controller is at this address, and only this static accesses it.
pub static ETHERNET: Ethernet = Ethernet::new(unsafe { EthernetChip::new() });

/// ifIndex of the only port.
pub const IF_INDEX: u32 = 1;

/// Buffer size for any frame: the FIFO delivers whole words.
pub const BUFFER: usize = MAX_FRAME + 2;

impl Ethernet {
    /// Shares a controller.
    #[must_use]
    pub const fn new(chip: EthernetChip) -> Self {
        Self { chip: Mutex::new(RefCell::new(chip)) }
    }

    /// Lends the controller, with interrupts off. Must not be nested.
    pub fn with<T>(&self, act: impl FnOnce(&mut EthernetChip) -> T) -> T {
        critical_section::with(|section| act(&mut self.chip.borrow_ref_mut(section)))
    }

    /// Returns the counters of the controller.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.with(|chip| chip.statistics())
    }

    /// Returns the next good frame, at the start of the buffer, and discards bad ones before it.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let next = |chip: &mut EthernetChip| {
            (0..MAX_DISCARDS).map_while(|_| chip.receive(buffer)).find_map(Result::ok)
        };
        let length = self.with(next)?;
        buffer.get_mut(..length)
    }
}

/// Maximum bad frames discarded per call, so that the critical section stays short.
const MAX_DISCARDS: usize = 16;
