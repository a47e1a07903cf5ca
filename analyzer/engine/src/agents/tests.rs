use super::*;
use core::net::Ipv4Addr;

fn noted(numbers: &[u32]) -> Samples {
    let (mut sequence, mut samples) = (Sequence::default(), Samples::default());
    numbers.iter().for_each(|number| sequence.note(*number, &mut samples));
    samples
}

#[test]
fn missing_numbers_are_lost_until_they_arrive() {
    let lost = noted(&[7, 8, 12]);
    assert_eq!((lost.received, lost.lost, lost.made()), (3, 3, 6));
    let late = noted(&[7, 8, 12, 10]);
    assert_eq!((late.received, late.lost, late.reordered), (4, 2, 1));
}

#[test]
fn repeated_number_is_a_duplicate() {
    let samples = noted(&[7, 8, 8, 7, 9]);
    assert_eq!((samples.received, samples.duplicates, samples.lost), (3, 2, 0));
}

#[test]
fn numbers_wrap() {
    let samples = noted(&[u32::MAX - 1, 1]);
    assert_eq!((samples.received, samples.lost, samples.restarts), (2, 2, 0));
}

#[test]
fn far_step_is_a_new_sequence() {
    let samples = noted(&[5_000_000, 1, 2, 3]);
    assert_eq!((samples.received, samples.lost, samples.restarts), (4, 0, 1));
}

#[test]
fn drops_are_counted_by_difference() {
    assert_eq!(drops_since(None, 900), 0);
    assert_eq!(drops_since(Some(900), 903), 3);
    assert_eq!(drops_since(Some(u32::MAX), 1), 2);
    assert_eq!(drops_since(Some(903), 0), 0);
}

/// The header of a datagram without samples.
fn header(agent: u32) -> Vec<u8> {
    [5, 1, agent, 0, 1, 1000, 0].into_iter().flat_map(u32::to_be_bytes).collect()
}

#[test]
fn longest_silent_agents_are_replaced() {
    let mut agents = Agents::default();
    for number in 0..=MAX_AGENTS as u32 {
        let payload = header(number);
        let datagram = Datagram::parse(&payload).unwrap();
        let time = Instant::after_start(core::time::Duration::from_secs(number.into()));
        agents.datagram(&Arrival { time, sender: None }, &datagram, payload.len());
    }
    assert_eq!(agents.evicted, MAX_AGENTS as u64 / 16 + 1);
    let agent = |number: u32| agents.get(Address::V4(Ipv4Addr::from_bits(number)));
    assert!(agent(0).is_none());
    let last = agent(MAX_AGENTS as u32).unwrap();
    assert_eq!((last.ledger.datagrams, last.ledger.bytes, last.uptime), (1, 28, 1000));
}
