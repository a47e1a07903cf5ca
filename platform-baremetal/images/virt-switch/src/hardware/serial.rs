//! The serial console: the PL011 of the machine.

use core::fmt;
use core::ptr::{self, NonNull};

use arm_pl011_uart::{Interrupts, PL011Registers, Uart, UniqueMmioPointer};

/// The first UART.
pub(crate) struct Serial(Uart<'static>);

const BASE: NonNull<PL011Registers> =
    NonNull::new(ptr::without_provenance_mut(0x0900_0000)).expect("not zero");

impl Serial {
    /// Opens it as QEMU starts it; speed means nothing there. Opened twice, which only the panic
    /// handler does, both write.
    pub(crate) fn open() -> Self {
        // SAFETY: the registers of the PL011, mapped as device memory for as long as the machine
        // runs. A second one comes only from the panic handler, behind which the first is dead.
        let registers = unsafe { UniqueMmioPointer::new(BASE) };
        let mut uart = Uart::new(registers);
        uart.set_interrupt_masks(Interrupts::RXI | Interrupts::RTI);
        Self(uart)
    }

    /// The next byte that was typed. A byte that came broken, or after lost ones, is no byte.
    pub(crate) fn read(&mut self) -> Option<u8> {
        match self.0.read_word() {
            Ok(byte) => byte,
            Err(_) => Some(BROKEN),
        }
    }

    /// Shows what was typed.
    pub(crate) fn echo(&mut self, byte: u8) {
        match byte {
            b'\r' | b'\n' => self.newline(),
            8 | 127 => [8, b' ', 8].into_iter().for_each(|byte| self.put(byte)),
            byte => self.put(byte),
        }
    }

    fn newline(&mut self) {
        self.put(b'\r');
        self.put(b'\n');
    }

    fn put(&mut self, byte: u8) {
        while self.0.is_tx_fifo_full() {}
        self.0.write_word(byte);
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' { self.newline() } else { self.put(byte) }
        }
        Ok(())
    }
}

/// In no command, so that the line it is in is refused.
const BROKEN: u8 = b'?';
