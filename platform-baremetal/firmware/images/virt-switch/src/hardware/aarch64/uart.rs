//! The PL011 of the machine.

use core::ptr::{self, NonNull};

use arm_pl011_uart::{Interrupts, PL011Registers, UniqueMmioPointer};

/// The first UART of the machine.
pub(in crate::hardware) struct Uart(arm_pl011_uart::Uart<'static>);

impl Uart {
    pub(in crate::hardware) fn open() -> Self {
        // SAFETY: the registers of the PL011, mapped as device memory for as long as the machine
        // runs. Only the panic handler
        // makes a second one, and the first is not used after it.
        let registers = unsafe { UniqueMmioPointer::new(BASE) };
        let mut uart = arm_pl011_uart::Uart::new(registers);
        uart.set_interrupt_masks(Interrupts::RXI | Interrupts::RTI);
        Self(uart)
    }

    /// Returns the next received byte. One with an error, or after an overrun, becomes an invalid
    /// one.
    pub(in crate::hardware) fn read(&mut self) -> Option<u8> {
        match self.0.read_word() {
            Ok(byte) => byte,
            Err(_) => Some(BROKEN),
        }
    }

    /// Sends a byte; waits until the FIFO has room.
    pub(in crate::hardware) fn put(&mut self, byte: u8) {
        while self.0.is_tx_fifo_full() {}
        self.0.write_word(byte);
    }
}

const BASE: NonNull<PL011Registers> =
    NonNull::new(ptr::without_provenance_mut(0x0900_0000)).expect("not zero");
/// A byte that no command contains, so the line is rejected.
const BROKEN: u8 = b'?';
