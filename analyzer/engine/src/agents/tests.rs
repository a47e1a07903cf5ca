use super::*;
use core::net::Ipv4Addr;

fn noted(numbers: &[u32]) -> Samples {
    let (mut sequence, mut samples) = (Sequence::default(), Samples::default());
    for number in numbers {
        sequence.note(*number, 0, &mut samples);
    }
    samples
}

#[test]
fn missing_numbers_are_lost_until_they_arrive() {
    let lost = noted(&[7, 8, 12]);
    assert_eq!((lost.received, lost.missing), (3, 3));
    let late = noted(&[7, 8, 12, 10]);
    assert_eq!((late.received, late.missing, late.reordered), (4, 2, 1));
}

#[test]
fn repeated_number_is_a_duplicate() {
    let samples = noted(&[7, 8, 8, 7, 9]);
    assert_eq!((samples.received, samples.duplicates, samples.missing), (3, 2, 0));
}

#[test]
fn numbers_wrap() {
    let samples = noted(&[u32::MAX - 1, 1]);
    assert_eq!((samples.received, samples.missing, samples.restarts), (2, 2, 0));
}

#[test]
fn far_step_is_a_new_sequence() {
    let samples = noted(&[5_000_000, 1, 2, 3]);
    assert_eq!((samples.received, samples.missing, samples.restarts), (4, 0, 1));
}

#[test]
fn number_from_before_the_start_was_not_missing() {
    let samples = noted(&[7, 9, 5, 8]);
    assert_eq!((samples.received, samples.missing, samples.reordered), (4, 0, 2));
    let samples = noted(&[7, 9, 5]);
    assert_eq!((samples.received, samples.missing, samples.reordered), (3, 1, 1));
}

#[test]
fn constant_number_is_none() {
    let samples = noted(&[0; 5]);
    assert_eq!((samples.received, samples.duplicates, samples.missing), (5, 0, 0));
}

#[test]
fn session_begins_a_sequence_whatever_its_number() {
    let (mut sequence, mut samples) = (Sequence::default(), Samples::default());
    for (number, session) in [(5, 0), (6, 0), (5, 1), (7, 1), (6, 1)] {
        sequence.note(number, session, &mut samples);
    }
    let expected = Samples { received: 5, restarts: 1, reordered: 1, ..Samples::default() };
    assert_eq!(samples, expected);
}

#[test]
fn drops_are_counted_by_difference() {
    let mut drops = Drops::default();
    for (step, now, lost) in [
        // The agent may have dropped these long ago.
        (Step::First, 900, 0),
        (Step::Later, 903, 3),
        (Step::Late, 901, 0),
        (Step::Duplicate, 903, 0),
        (Step::Later, 904, 1),
        // The count begins again, and then goes on over a restart.
        (Step::Session, 2, 2),
        (Step::Session, 5, 3),
        (Step::First, u32::MAX, 0),
        (Step::Later, 1, 2),
        (Step::Later, 0, 0),
    ] {
        assert_eq!(drops.note(step, now), lost, "{step:?} {now}");
    }
}

#[test]
fn account_is_a_sum() {
    let samples = |received, missing, dropped| Samples {
        received,
        missing,
        dropped,
        duplicates: 1000,
        reordered: 1000,
        restarts: 1000,
    };
    let ledger = Ledger {
        flow: samples(100, 20, 5),
        counters: samples(30, 4, 0),
        discards: samples(10, 1, 2),
        custom: 7,
        unknown: 3,
        malformed: 6,
        untracked: 50,
        implausible: 8,
        ..Ledger::default()
    };
    let expected = Account {
        made: 7 + 19 + 6 + 3 + 8 + 189,
        dropped: 7,
        lost: 19,
        malformed: 6,
        unknown: 3,
        implausible: 8,
        used: 189,
    };
    assert_eq!(ledger.account(), expected);
    let mut twice = ledger;
    twice += ledger;
    assert_eq!((twice.account().made, twice.account().used), (2 * expected.made, 2 * 189));
    // No later sample has shown the gap that the malformed ones have left.
    let early = Ledger { malformed: 6, ..Ledger::default() }.account();
    assert_eq!((early.made, early.lost, early.malformed), (6, 0, 6));
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
    let Datagrams { received, bytes, .. } = last.ledger.datagrams;
    assert_eq!((received, bytes, last.uptime), (1, 28, 1000));
    // What the replaced ones sent is not forgotten.
    assert_eq!(agents.total().datagrams.received, MAX_AGENTS as u64 + 1);
}

#[test]
fn pages_continue_after_an_address() {
    let mut agents = Agents::default();
    for number in [7, 3, 9, 1, 8] {
        let payload = header(number);
        let datagram = Datagram::parse(&payload).unwrap();
        agents.datagram(&Arrival::default(), &datagram, payload.len());
    }
    let address = |number: u32| Address::V4(Ipv4Addr::from_bits(number));
    let page = |after: Option<u32>, limit| -> Vec<Address> {
        let page = agents.page(after.map(address), limit, |agent| agent != address(7));
        page.into_iter().map(|(address, _)| address).collect()
    };
    assert_eq!(page(None, 2), [1, 3].map(address));
    assert_eq!(page(Some(3), 2), [8, 9].map(address));
    assert_eq!(page(Some(9), 2), []);
    // An agent that has gone since is no obstacle.
    assert_eq!(page(Some(4), 1), [8].map(address));
}
