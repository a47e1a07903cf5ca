//! The switch image under QEMU: forwarding, sFlow export and robustness.

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
fn emulator_leaves_no_process_behind() {
    for switch in switch::switches() {
        switch.machine.end();
    }
}
