//! The PL011 of the machine.

use core::ptr::{self, NonNull};

use arm_pl011_uart::{Interrupts, PL011Registers, UniqueMmioPointer};

/// The first UART.
pub(in crate::hardware) struct Uart(arm_pl011_uart::Uart<'static>);

impl Uart {
    pub(in crate::hardware) fn open() -> Self {
        // SAFETY: the registers of the PL011, mapped as device memory for as long as the machine
        // runs. A second one comes only from the panic handler, behind which the first is dead.
        let registers = unsafe { UniqueMmioPointer::new(BASE) };
        let mut uart = arm_pl011_uart::Uart::new(registers);
        uart.set_interrupt_masks(Interrupts::RXI | Interrupts::RTI);
        Self(uart)
    }

    /// The next byte that came. One that came broken, or after lost ones, is no byte.
    pub(in crate::hardware) fn read(&mut self) -> Option<u8> {
        match self.0.read_word() {
            Ok(byte) => byte,
            Err(_) => Some(BROKEN),
        }
    }

    /// Sends a byte once there is room.
    pub(in crate::hardware) fn put(&mut self, byte: u8) {
        while self.0.is_tx_fifo_full() {}
        self.0.write_word(byte);
    }
}

const BASE: NonNull<PL011Registers> =
    NonNull::new(ptr::without_provenance_mut(0x0900_0000)).expect("not zero");
/// In no command, so that the line it is in is refused.
const BROKEN: u8 = b'?';
