//! CMSDK UART (DDI 0479), and text without `core::fmt`.

use crate::registers::Registers;

/// A serial port. Writing waits for the line: 60 characters take 5 ms at 115200 baud.
#[derive(Debug)]
pub struct Serial {
    registers: Registers,
}

impl Serial {
    /// # Safety
    /// `base` is where a CMSDK UART is, and nobody else uses it.
    pub const unsafe fn at(base: usize) -> Self {
        // SAFETY: by the promise of our caller; all offsets are those of the UART.
        Self { registers: unsafe { Registers::at(base) } }
    }

    /// Starts both directions, the receive interrupt enabled.
    pub fn start(&mut self, clock_hz: u32, baud: u32) {
        self.registers.write(BAUDDIV, clock_hz / baud);
        self.registers.write(CTRL, CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT);
    }

    /// The next byte received; the interrupt is forgotten first, so that a byte in between
    /// raises it again.
    pub fn read(&mut self) -> Option<u8> {
        self.registers.write(INTCLEAR, INT_RX);
        let full = self.registers.read(STATE) & STATE_RX_FULL != 0;
        full.then(|| self.registers.read(DATA) as u8)
    }

    /// Writes text; a line ends with `\n`.
    #[inline(never)]
    pub fn text(&mut self, text: &str) -> &mut Self {
        text.bytes().for_each(|byte| self.byte(byte));
        self
    }

    /// Writes a number in decimal.
    pub fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.decimal(number.into());
        self
    }

    /// Writes an IPv4 address.
    pub fn address(&mut self, [a, b, c, d]: [u8; 4]) -> &mut Self {
        self.number(a).text(".").number(b).text(".").number(c).text(".").number(d)
    }

    /// By subtraction: a 64-bit division takes more flash than this table.
    #[inline(never)]
    fn decimal(&mut self, mut number: u64) {
        let mut begun = false;
        for power in POWERS {
            let mut digit = b'0';
            while number >= power {
                number -= power;
                digit += 1;
            }
            begun |= digit != b'0' || power == 1;
            if begun {
                self.byte(digit);
            }
        }
    }

    #[inline(never)]
    fn byte(&mut self, byte: u8) {
        while self.registers.read(STATE) & STATE_TX_FULL != 0 {}
        self.registers.write(DATA, u32::from(byte));
    }
}

/// 10^19 to 10^0.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut at = 19;
    while at > 0 {
        at -= 1;
        powers[at] = powers[at + 1] * 10;
    }
    powers
};

const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CTRL: usize = 0x08;
const INTCLEAR: usize = 0x0c;
const BAUDDIV: usize = 0x10;
const STATE_TX_FULL: u32 = 1 << 0;
const STATE_RX_FULL: u32 = 1 << 1;
const CTRL_TX: u32 = 1 << 0;
const CTRL_RX: u32 = 1 << 1;
const CTRL_RX_INTERRUPT: u32 = 1 << 3;
const INT_RX: u32 = 1 << 1;
