//! The switch image under QEMU: what it forwards, what it tells, and that nothing stops it.

mod collected;
mod console;
mod counters;
mod discards;
mod forwarding;
mod frames;
mod load;
mod malformed;
mod pool;
mod samples;
mod switch;

#[test]
fn the_library_passes_its_own_tests() {
    flowmote_lab::qemu::test_library("virt-switch");
}

#[test]
fn nothing_is_left_behind() {
    for switch in switch::switches() {
        switch.machine.end();
    }
}
