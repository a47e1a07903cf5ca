//! The end stations on mps2-an385, whatever they are written in: they have the same address,
//! services and console, so the same scenarios say whether they do what they should.
//!
//! A scenario boots the image, is the host at the other end of its link, and panics when something
//! is not as it should be. All that the station sends is decoded with flowmote-analyzer, and by
//! tshark. [`every_scenario!`](crate::every_scenario) makes tests of those that hold for all:
//!
//! - `answers`: ARP, ping and UDP echo, whose traffic the others sample.
//! - `samples`: what is told of packets, and of how many; `load`: of more than can be told.
//! - `counters`: what the samples of counters say.
//! - `console`: what the operator types.
//! - `collector`: one whose MAC address is late or never known, and one with IPv6.
//! - `malformed`: frames that are none.
//! - `memory`: flash, RAM and stack, for a budget.
//!
//! `host` is what they do at the link, `received` what they check of all that arrived.

mod answers;
mod collector;
mod console;
mod counters;
mod host;
mod load;
mod malformed;
mod memory;
mod received;
mod samples;

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::qemu::{Image, Machine, Station};

pub use self::answers::*;
pub use self::collector::*;
pub use self::console::commands_take_effect;
pub use self::counters::the_counters_are_those_of_the_link;
pub use self::load::under_load_samples_and_drops_add_up;
pub use self::malformed::malformed_frames_never_stop_it;
pub use self::memory::{RAM, memory};
pub use self::samples::*;

/// Tests of what every end station does, on the image that a function has built; it returns `None`
/// where that cannot be.
#[macro_export]
macro_rules! every_scenario {
    ($image:path) => {
        $crate::every_scenario! { $image:
            answers_arp_ping_and_udp_echo
            every_packet_is_told_once_and_truly
            one_in_n_packets_is_sampled
            under_load_samples_and_drops_add_up
            the_counters_are_those_of_the_link
            commands_take_effect
            pending_arp_costs_no_sample
            a_silent_collector_stops_nothing
            malformed_frames_never_stop_it
            nothing_is_left_behind
        }
    };
    ($image:path: $($scenario:ident)*) => {
        $(
            #[test]
            fn $scenario() {
                $image().iter().for_each($crate::end_station::$scenario);
            }
        )*
    };
}

/// The emulator ends with its machine.
pub fn nothing_is_left_behind(image: &Image) {
    start(image).end();
}

/// Boots the image and waits until it is ready.
fn start(image: &Image) -> Machine {
    let machine = image.start(1);
    machine.ready();
    machine
}

/// The host at the link, and the collector until the console names another.
const PEER: Station = Station::PEER;
/// Another one there.
const OTHER: Station = Station { mac: [2, 0, 0, 0, 0, 9], ip: Ipv4Addr::new(192, 0, 2, 9), ..PEER };
/// The station; its MAC address is what QEMU gives the first card.
const BOARD: Station = Station {
    mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
    ip: Ipv4Addr::new(192, 0, 2, 85),
    ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85),
};
