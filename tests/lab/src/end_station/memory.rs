//! Memory use of an image.

use core::ops::Range;

use super::host::{be_found, burst, echo, plug_in, quiet};
use super::start;
use crate::footprint::Figure;
use crate::qemu::Image;

/// Measures flash, static RAM, stack use under load, and the deepest possible stack, in bytes, as
/// rows of a [`Budget`](crate::footprint::Budget) whose names start with `prefix`. `twice` is as in
/// [`Image::worst_stack`].
///
/// # Panics
/// When the computed worst stack is less than the measured use, or more than the RAM.
#[must_use]
pub fn memory(image: &Image, prefix: &str, twice: &[&str]) -> [Figure; 4] {
    let size = image.footprint(RAM);
    let used = stack_under_load(image);
    let worst = image.worst_stack(twice);
    if let Some(worst) = &worst {
        let left = RAM.end - RAM.start - size.ram;
        assert!(used <= worst.bytes(), "{prefix}: {used} bytes were used of {worst}");
        assert!(worst.bytes() <= left, "{prefix}: {left} bytes are left for {worst}");
    }
    [
        ("flash", Some(size.flash)),
        ("ram-static", Some(size.ram)),
        ("stack-used", Some(used)),
        ("stack-worst", worst.map(|worst| worst.bytes())),
    ]
    .map(|(what, number)| (format!("{prefix}{what}"), number))
}

fn stack_under_load(image: &Image) -> u64 {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 1").unwrap();
    be_found(&machine, &mut peer);
    echo(&mut peer, 1, 1472);
    for round in 0..30 {
        burst(&mut peer, round, (90, 0));
    }
    quiet(&machine, &mut peer);
    machine.shown("memory", "stack")
}

/// Bytes of RAM of the images, as in memory.x and link.ld.
pub const RAM: Range<u64> = 0x2000_0000..0x2001_0000;
