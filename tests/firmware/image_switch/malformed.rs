//! No sequence of frames stops the switch.

use flowmote_core::Random;
use flowmote_lab::{random, wait_until};

use super::collected::Collected;
use super::frames::{BROADCAST, VLAN_10, frame, introduce, mac};
use super::switch::{COLLECTOR, PORTS, SWITCH, switches};

#[test]
fn malformed_frames_do_not_stop_the_switch() {
    for mut switch in switches() {
        introduce(&switch);
        switch.connect_collector();
        switch.commands(&["sampling 1 4", "sampling 2 4", "sampling 3 4", "sampling 4 4"]);
        let taken = switch.taken();
        let mut draws = Random::new(1);
        let whole = [
            frame(BROADCAST, mac(1), &VLAN_10, 64),
            frame(mac(2), mac(1), &[], 60),
            [&SWITCH.mac[..], &COLLECTOR.mac, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &[192; 20]].concat(),
            [&SWITCH.mac[..], &COLLECTOR.mac, &[8, 0, 0x45, 0], &[0xff; 40]].concat(),
        ];
        for number in 0..20_000u64 {
            let mut bytes = match number % 4 {
                // Random bytes of every length, truncated frames, damaged frames, random payload.
                0 => {
                    let length = 1 + random::index(&mut draws, 2000);
                    random::bytes(&mut draws, length)
                }
                1 => {
                    let frame = &whole[random::index(&mut draws, 4)];
                    frame[..1 + random::index(&mut draws, frame.len())].to_vec()
                }
                2 => {
                    let mut frame = whole[random::index(&mut draws, 4)].clone();
                    let at = random::index(&mut draws, frame.len());
                    frame[at] = draws.next_u32() as u8;
                    frame
                }
                _ => [&whole[1][..12], &random::bytes(&mut draws, 50)].concat(),
            };
            // No frame takes over the address of the collector or of a station at another port.
            if bytes.len() >= 12 && bytes[0] & 1 == 0 {
                bytes[6..12].copy_from_slice(&mac(200));
            }
            switch.send(1 + random::index(&mut draws, 4), &bytes);
        }
        let shown = switch.settle(taken + 20_000);
        assert!(switch.machine.is_running());
        assert!(shown.value("samples", "discards") > 0 && shown.value("samples", "flow") > 0);
        // All exported datagrams decode.
        let told = shown.value("samples", "flow");
        Collected::default().wait_for_samples(&switch, told);
        let all = frame(BROADCAST, mac(1), &[], 60);
        for port in PORTS {
            let _ = switch.received(port);
        }
        switch.send(1, &all);
        wait_until("the broadcast", || switch.received(3).contains(&all).then_some(()));
    }
}
