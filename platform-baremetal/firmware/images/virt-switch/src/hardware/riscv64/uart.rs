//! The 16550 of the machine.

use core::num::NonZeroUsize;

use uart_16550::backend::MmioBackend;
use uart_16550::spec::registers::IER;
use uart_16550::{Config, Uart16550};

/// The first UART of the machine.
pub(in crate::hardware) struct Uart(Uart16550<MmioBackend>);

impl Uart {
    pub(in crate::hardware) fn open() -> Self {
        // SAFETY: the registers of the 16550, a byte each, for as long as the machine runs. Only
        // the panic handler makes a second one, and the first is not used after it.
        let uart = unsafe { Uart16550::new_mmio_from_address(BASE, 1) };
        let Ok(mut uart) = uart else { super::processor::end() };
        let config = Config { interrupts: IER::DATA_READY, ..Config::DEFAULT };
        // Fails only without the device, and then there is no console to report it on.
        let _ = uart.init(config);
        Self(uart)
    }

    /// Returns the next received byte.
    pub(in crate::hardware) fn read(&mut self) -> Option<u8> {
        self.0.try_receive_byte().ok()
    }

    /// Sends a byte; waits until the FIFO has room.
    pub(in crate::hardware) fn put(&mut self, byte: u8) {
        while self.0.try_send_byte(byte).is_err() {}
    }
}

/// VIRT_UART0.
const BASE: NonZeroUsize = NonZeroUsize::new(0x1000_0000).expect("not zero");
