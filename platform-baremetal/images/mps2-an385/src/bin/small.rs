//! placeholder
#![no_std]
#![no_main]
use mps2_an385 as _;
#[cortex_m_rt::entry]
fn main() -> ! { loop {} }
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! { mps2_an385::board::panicked() }
