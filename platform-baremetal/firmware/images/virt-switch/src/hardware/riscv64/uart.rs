//! The 16550 of the machine.

use core::num::NonZeroUsize;

use uart_16550::backend::MmioBackend;
use uart_16550::spec::registers::IER;
use uart_16550::{Config, Uart16550};

/// The first UART.
pub(in crate::hardware) struct Uart(Uart16550<MmioBackend>);

impl Uart {
    pub(in crate::hardware) fn open() -> Self {
        // SAFETY: the registers of the 16550, a byte each, for as long as the machine runs. A
        // second one comes only from the panic handler, behind which the first is dead.
        let uart = unsafe { Uart16550::new_mmio_from_address(BASE, 1) };
        let Ok(mut uart) = uart else { super::processor::end() };
        let config = Config { interrupts: IER::DATA_READY, ..Config::DEFAULT };
        // It fails where there is no such device, and then there is nobody to tell.
        let _ = uart.init(config);
        Self(uart)
    }

    /// The next byte that came.
    pub(in crate::hardware) fn read(&mut self) -> Option<u8> {
        self.0.try_receive_byte().ok()
    }

    /// Sends a byte once there is room.
    pub(in crate::hardware) fn put(&mut self, byte: u8) {
        while self.0.try_send_byte(byte).is_err() {}
    }
}

/// VIRT_UART0.
const BASE: NonZeroUsize = NonZeroUsize::new(0x1000_0000).expect("not zero");
