//! The end station on mps2-an385 under QEMU, with smoltcp and without.

use flowmote_tests::end_station::{
    self, BOARD, Budget, ECHO, Figure, PEER, pattern, plug_in, start,
};
use flowmote_tests::qemu::{Board, Image, packet};

#[test]
fn answers_arp_ping_and_udp_echo() {
    images().for_each(|image| end_station::answers_arp_ping_and_udp_echo(&image));
}

#[test]
fn answers_over_ipv6() {
    let Some(image) = image("smoltcp") else { return };
    let machine = start(&image);
    let mut peer = plug_in(&machine);
    let question = packet::neighbour_solicitation(&PEER, &BOARD);
    peer.ask(&question, |frame| frame.get(54) == Some(&136));
    let data = pattern(500);
    let request = packet::ping6(&PEER, &BOARD, 1, &data);
    let reply = peer.ask(&request, |frame| packet::ping6_reply(frame).is_some());
    assert_eq!(packet::ping6_reply(&reply).unwrap()[4..], data);
    let request = packet::udp6(&PEER, &BOARD, (4000, ECHO), &data);
    let reply = peer.ask(&request, |frame| packet::udp_payload(frame, 4000).is_some());
    assert_eq!(packet::udp_payload(&reply, 4000), Some(&data[..]));
}

#[test]
fn every_packet_is_told_once_and_truly() {
    images().for_each(|image| end_station::every_packet_is_told_once_and_truly(&image));
}

#[test]
fn one_in_n_packets_is_sampled() {
    images().for_each(|image| end_station::one_in_n_packets_is_sampled(&image));
}

#[test]
fn under_load_samples_and_drops_add_up() {
    images().for_each(|image| end_station::under_load_samples_and_drops_add_up(&image));
}

#[test]
fn the_counters_are_those_of_the_link() {
    images().for_each(|image| end_station::the_counters_are_those_of_the_link(&image));
}

#[test]
fn commands_take_effect() {
    images().for_each(|image| end_station::commands_take_effect(&image));
}

#[test]
fn pending_arp_costs_no_sample() {
    images().for_each(|image| end_station::pending_arp_costs_no_sample(&image));
}

#[test]
fn a_silent_collector_stops_nothing() {
    images().for_each(|image| end_station::a_silent_collector_stops_nothing(&image));
}

#[test]
fn malformed_frames_never_stop_it() {
    images().for_each(|image| end_station::malformed_frames_never_stop_it(&image));
}

/// Flash and RAM in bytes, and instructions, against the table that is checked in.
#[test]
fn the_budget_is_kept() {
    let Some(budget) = image("budget") else { return };
    let counted = budget.start_with(0, &["-icount", "shift=10,sleep=off"]).until_ready();
    let instructions = counted.iter().map(|line| {
        let (name, number) = line.split_once(' ').expect("a name and a number");
        (format!("instructions-{name}"), number.parse().expect("a number"))
    });
    let mut figures: Vec<Figure> = instructions.collect();
    for name in IMAGES {
        let image = image(name).expect("the other was built");
        figures.extend(end_station::memory(&image, &format!("{name}-")));
    }
    Budget { table: BUDGET, compilers: &["rustc"] }.check(&figures);
}

#[test]
fn nothing_is_left_behind() {
    image("small").iter().for_each(end_station::nothing_is_left_behind);
}

fn image(name: &str) -> Option<Image> {
    Image::build(&Board::MPS2_AN385, "mps2-an385", name)
}

fn images() -> impl Iterator<Item = Image> {
    IMAGES.into_iter().filter_map(image)
}

const IMAGES: [&str; 2] = ["smoltcp", "small"];
const BUDGET: &str = include_str!("../../platform-baremetal/images/mps2-an385/budget.txt");
