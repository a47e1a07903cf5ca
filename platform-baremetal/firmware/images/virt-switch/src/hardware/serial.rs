//! The serial console: text for a terminal.

use core::fmt;

use super::machine::Uart;

/// The first UART of the machine.
pub(crate) struct Serial(Uart);

impl Serial {
    /// Opens the UART as QEMU initialises it; the emulated line has no speed. The panic handler
    /// opens it a second time, and both may write.
    pub(crate) fn open() -> Self {
        Self(Uart::open())
    }

    /// Returns the next typed byte.
    pub(crate) fn read(&mut self) -> Option<u8> {
        self.0.read()
    }

    /// Echoes a typed byte.
    pub(crate) fn echo(&mut self, byte: u8) {
        match byte {
            b'\r' | b'\n' => self.newline(),
            8 | 127 => [8, b' ', 8].into_iter().for_each(|byte| self.0.put(byte)),
            byte => self.0.put(byte),
        }
    }

    fn newline(&mut self) {
        self.0.put(b'\r');
        self.0.put(b'\n');
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            if byte == b'\n' { self.newline() } else { self.0.put(byte) }
        }
        Ok(())
    }
}
