//! Scenarios for the end stations on mps2-an385. The images in Rust and in C have the same address,
//! services and console, so the same scenarios test them all.
//!
//! A scenario boots the image, plays the host at the other end of its link, and panics on a
//! failure. All frames of the station are decoded with flowmote-analyzer and tshark.
//! [`every_scenario!`](crate::every_scenario) turns the common ones into tests:
//!
//! - `answers`: ARP, ping and UDP echo, the traffic that the others sample.
//! - `samples`: content and number of flow samples; `load`: the same under overload.
//! - `counters`: counter samples.
//! - `console`: commands.
//! - `collector`: a collector that answers ARP late or never, and one with IPv6.
//! - `malformed`: malformed frames.
//! - `memory`: flash, RAM and stack, for a budget.
//!
//! `host` has their actions at the link, `received` their checks of the datagrams.

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
pub use self::counters::counter_samples_match_the_link;
pub use self::load::samples_and_drops_add_up_under_load;
pub use self::malformed::malformed_frames_do_not_stop_the_station;
pub use self::memory::{RAM, memory};
pub use self::samples::*;

/// Defines the tests common to all end stations, on the image that a function builds; it returns
/// `None` if the image cannot be built or run here.
#[macro_export]
macro_rules! every_scenario {
    ($image:path) => {
        $crate::every_scenario! { $image:
            answers_arp_ping_and_udp_echo
            each_packet_yields_one_accurate_sample
            one_in_n_packets_is_sampled
            samples_and_drops_add_up_under_load
            counter_samples_match_the_link
            commands_take_effect
            samples_wait_for_arp_without_loss
            unresolved_collector_loses_only_datagrams
            malformed_frames_do_not_stop_the_station
            emulator_leaves_no_process_behind
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

/// The emulator process ends with its machine.
pub fn emulator_leaves_no_process_behind(image: &Image) {
    start(image).end();
}

/// Boots the image and waits until it is ready.
fn start(image: &Image) -> Machine {
    let machine = image.start(1);
    machine.ready();
    machine
}

/// The host at the link, and the initial collector.
const PEER: Station = Station::PEER;
/// Another host at the link.
const OTHER: Station = Station { mac: [2, 0, 0, 0, 0, 9], ip: Ipv4Addr::new(192, 0, 2, 9), ..PEER };
/// The station, with the MAC address that QEMU gives to the first NIC.
const BOARD: Station = Station {
    mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
    ip: Ipv4Addr::new(192, 0, 2, 85),
    ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85),
};
