//! CMSDK UART (DDI 0479), and text without `core::fmt`.
#![allow(unsafe_code, reason = "claims the registers of a UART")]

use core::net::Ipv4Addr;

use crate::registers::Registers;

/// A serial port. Writing blocks until the UART accepts each byte: 60 characters take 5 ms at
/// 115200 baud.
#[derive(Debug)]
pub struct Serial<const BASE: usize> {
    registers: Registers<BASE>,
}

impl<const BASE: usize> Serial<BASE> {
    /// # Safety
    /// `BASE` must be the address of a CMSDK UART, and this must be its only owner.
    pub const unsafe fn new() -> Self {
        // SAFETY: the caller promises a UART at `BASE`, and all offsets here are within its block.
        Self { registers: unsafe { Registers::new() } }
    }

    /// Starts both directions, the receive interrupt enabled.
    pub fn start(&mut self, clock_hz: u32, baud: u32) {
        self.registers.write(BAUDDIV, clock_hz / baud);
        self.registers.write(CTRL, CTRL_TX | CTRL_RX | CTRL_RX_INTERRUPT);
    }

    /// Returns the next received byte. Clears the interrupt first, so that a later byte raises it
    /// again.
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

    /// Writes a text in which each `%` is replaced by the next number.
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

    /// Long division, 16 bits at a time: a 64-bit division takes a kilobyte of flash.
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
