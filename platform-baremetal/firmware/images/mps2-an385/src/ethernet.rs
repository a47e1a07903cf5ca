//! The Ethernet controller, shared by interrupt, network stack and counters.

use core::cell::RefCell;

use critical_section::Mutex;

use crate::board::EthernetChip;
use crate::lan9118::Statistics;

/// A controller that is used in critical sections only.
#[derive(Debug)]
pub struct Ethernet {
    chip: Mutex<RefCell<EthernetChip>>,
}

/// ifIndex of the only port.
pub const IF_INDEX: u32 = 1;

/// Bytes that a buffer for any frame needs.
pub const BUFFER: usize = crate::lan9118::MAX_FRAME + 2;

impl Ethernet {
    /// Shares a controller.
    #[must_use]
    pub const fn new(chip: EthernetChip) -> Self {
        Self { chip: Mutex::new(RefCell::new(chip)) }
    }

    /// Lends the controller, interrupts off; not from within itself.
    pub fn with<T>(&self, act: impl FnOnce(&mut EthernetChip) -> T) -> T {
        critical_section::with(|section| act(&mut self.chip.borrow_ref_mut(section)))
    }

    /// What the controller has counted until now.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.with(|chip| chip.statistics())
    }

    /// The next good frame, in the front of the buffer. Of bad ones, some are thrown away.
    pub fn receive<'b>(&self, buffer: &'b mut [u8]) -> Option<&'b mut [u8]> {
        let next = |chip: &mut EthernetChip| {
            (0..MAX_DISCARDS).map_while(|_| chip.receive(buffer)).find_map(Result::ok)
        };
        let length = self.with(next)?;
        buffer.get_mut(..length)
    }
}

/// Bad frames thrown away in one go.
const MAX_DISCARDS: usize = 16;
