//! CMSDK UART (DDI 0479), and text without `core::fmt`.
#![allow(unsafe_code, reason = "claims the registers of a UART")]

use core::net::Ipv4Addr;

use crate::registers::Registers;

/// A serial port. Writing waits for the line: 60 characters take 5 ms at 115200 baud.
#[derive(Debug)]
pub struct Serial<const BASE: usize> {
    registers: Registers<BASE>,
}

impl<const BASE: usize> Serial<BASE> {
    /// # Safety
    /// `BASE` is where a CMSDK UART is, and nobody else uses it.
    pub const unsafe fn new() -> Self {
        // SAFETY: by the promise of our caller; all offsets are those of the UART.
        Self { registers: unsafe { Registers::new() } }
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
    pub fn text(&mut self, text: &str) -> &mut Self {
        text.bytes().for_each(|byte| self.byte(byte));
        self
    }

    /// Writes a text in which each `%` stands for the next of the numbers.
    pub fn report(&mut self, text: &str, numbers: &[u64]) -> &mut Self {
        let mut numbers = numbers.iter();
        for byte in text.bytes() {
            match byte {
                b'%' => self.decimal(numbers.next().copied().unwrap_or_default()),
                byte => self.byte(byte),
            }
        }
        self
    }

    /// Writes a number in decimal.
    pub fn number(&mut self, number: impl Into<u64>) -> &mut Self {
        self.decimal(number.into());
        self
    }

    /// Writes an IPv4 address.
    pub fn address(&mut self, address: Ipv4Addr) -> &mut Self {
        self.report("%.%.%.%", &address.octets().map(u64::from))
    }

    /// By long division, 16 bits at a time: dividing 64 would be a kilobyte of code.
    fn decimal(&mut self, mut number: u64) {
        let mut digits = [b'0'; 20];
        let mut used = 0;
        for (place, digit) in (1..).zip(digits.iter_mut().rev()) {
            let mut rest = 0;
            for _ in 0..4 {
                let dividend = rest << 16 | (number >> 48) as u32;
                number = number << 16 | u64::from(dividend / 10);
                rest = dividend % 10;
            }
            *digit |= rest as u8;
            used = place;
            if number == 0 {
                break;
            }
        }
        digits.iter().skip(digits.len() - used).for_each(|digit| self.byte(*digit));
    }

    /// Writes a byte.
    pub fn byte(&mut self, byte: u8) {
        while self.registers.read(STATE) & STATE_TX_FULL != 0 {}
        self.registers.write(DATA, u32::from(byte));
    }
}

impl<const BASE: usize> core::fmt::Write for Serial<BASE> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.text(text);
        Ok(())
    }
}

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
