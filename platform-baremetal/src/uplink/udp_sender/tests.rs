//! Tests of the UDP sender.

use super::*;

const DEVICE: [u8; 6] = [2, 0, 0, 0, 0, 1];
const PEER: [u8; 6] = [2, 0, 0, 0, 0, 2];
const CONFIG: UdpSenderConfig = UdpSenderConfig {
    mac: DEVICE,
    address: Ipv4Addr::new(192, 0, 2, 1),
    prefix: 24,
    gateway: Some(Ipv4Addr::new(192, 0, 2, 254)),
    port: 6344,
    collector: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 6343),
};
/// "192.0.2.2 is at 02:00:00:00:00:02", to the device.
const ANSWER: [u8; 42] = [
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 192, 0, 2,
    2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
];
/// "who has 192.0.2.1", from the collector.
const QUESTION: [u8; 42] = [
    255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2,
    192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1,
];

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

#[test]
fn requests_repeat_each_second_and_a_minute_after_a_reply() {
    let mut sender = UdpSender::new(CONFIG);
    let question = sender.poll(at(5)).unwrap();
    assert_eq!(
        question,
        [
            255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0,
            0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 2
        ]
    );
    assert_eq!(sender.poll(at(1004)), None);
    assert!(sender.poll(at(1005)).is_some());
    assert_eq!(sender.head(&[1]), None);
    assert_eq!(sender.handle_frame(at(1006), &ANSWER), None);
    assert_eq!(sender.neighbour(), Neighbour::Known(PEER));
    assert_eq!(sender.poll(at(61_005)), None);
    assert!(sender.poll(at(61_006)).is_some());
    assert!(sender.head(&[1]).is_some(), "the old answer serves until there is a new one");
}

#[test]
fn replies_to_requests_and_learns_from_the_collectors() {
    let mut sender = UdpSender::new(CONFIG);
    let answer = sender.handle_frame(at(0), &QUESTION).unwrap();
    assert_eq!(
        answer,
        [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 1,
            192, 0, 2, 1, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2
        ]
    );
    assert_eq!(sender.neighbour(), Neighbour::Known(PEER));
    let mut other = QUESTION;
    other[41] = 9;
    assert_eq!(sender.handle_frame(at(0), &other), None, "not for this device");
    other = QUESTION;
    (other[31], other[27]) = (7, 7);
    assert!(sender.handle_frame(at(0), &other).is_some());
    assert_eq!(sender.neighbour(), Neighbour::Known(PEER), "only the next hop is learned");
}

#[test]
fn no_arp_without_a_collector() {
    let nowhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 6343);
    let mut sender = UdpSender::new(UdpSenderConfig { collector: nowhere, ..CONFIG });
    assert_eq!((sender.poll(at(0)), sender.poll(at(1_000_000))), (None, None));
    let mut gateway = QUESTION;
    gateway[31] = 254;
    // A host that looks whether its address is taken.
    let mut probe = QUESTION;
    probe[28..32].fill(0);
    for question in [QUESTION, gateway, probe] {
        assert!(sender.handle_frame(at(5), &question).is_some(), "answered all the same");
        assert_eq!((sender.neighbour(), sender.head(&[1])), (Neighbour::Unknown, None));
    }
    sender.set_collector(CONFIG.collector);
    assert_eq!(sender.poll(at(6)).map(|question| question[41]), Some(2));
    sender.handle_frame(at(7), &ANSWER);
    sender.set_collector(nowhere);
    assert_eq!((sender.head(&[1]), sender.poll(at(100_000))), (None, None));
}

#[test]
fn reachable_on_this_network_or_through_the_gateway() {
    let reaches = |prefix, gateway, address: [u8; 4]| {
        let config = UdpSenderConfig { prefix, gateway, ..CONFIG };
        UdpSender::new(config).reaches(address.into())
    };
    for here in [[192, 0, 2, 2], [192, 0, 2, 254]] {
        assert!(reaches(24, None, here), "{here:?}");
    }
    for nobody in [[192, 0, 2, 0], [192, 0, 2, 255], [192, 0, 2, 1]] {
        assert!(!reaches(24, CONFIG.gateway, nobody), "{nobody:?}");
    }
    assert!(!reaches(24, None, [192, 0, 3, 2]) && reaches(24, CONFIG.gateway, [192, 0, 3, 2]));
    assert!(reaches(31, None, [192, 0, 2, 0]), "a network of two");
    assert!(!reaches(32, None, [192, 0, 2, 2]) && reaches(0, None, [10, 0, 0, 1]));
}

#[test]
fn datagram_bytes_are_exact() {
    let mut sender = UdpSender::new(CONFIG);
    sender.handle_frame(at(0), &ANSWER);
    let head = sender.head(b"abc").unwrap();
    assert_eq!(
        head,
        [
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 31, 0, 1, 0x40, 0, 64, 17, 0xb6,
            0xc9, 192, 0, 2, 1, 192, 0, 2, 2, 0x18, 0xc8, 0x18, 0xc7, 0, 11, 0x85, 0xe2
        ]
    );
    assert_eq!(sender.head(&[0; 65_535 - 27]), None);
    assert!(sender.head(&[0xFF; 65_535 - 28]).is_some());
}

#[test]
fn the_next_hop_is_the_gateway_outside_the_prefix() {
    let mut sender = UdpSender::new(CONFIG);
    sender.handle_frame(at(0), &ANSWER);
    sender.set_collector(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 9999));
    assert_eq!(sender.neighbour(), Neighbour::Known(PEER), "the same host");
    sender.set_collector(SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 2), 6343));
    assert_eq!(sender.neighbour(), Neighbour::Unknown);
    assert_eq!(sender.poll(at(1)).unwrap()[38..], [192, 0, 2, 254]);
    for (prefix, hop) in [(0, 2), (25, 2), (32, 254), (255, 254)] {
        let config = UdpSenderConfig { prefix, ..CONFIG };
        assert_eq!(UdpSender::new(config).next_hop().octets()[3], hop, "/{prefix}");
    }
}

#[test]
fn truncated_frames_and_multicast_senders_are_ignored() {
    let mut sender = UdpSender::new(CONFIG);
    for len in 0..42 {
        assert_eq!(sender.handle_frame(at(0), &ANSWER[..len]), None);
    }
    let mut multicast = ANSWER;
    multicast[22] = 1;
    sender.handle_frame(at(0), &multicast);
    assert_eq!(sender.neighbour(), Neighbour::Unknown);
}
