//! Tests of [`Sequences`], in virtual time.

use super::*;

/// A datagram of agent 127.0.0.1: seconds of arrival, last byte of the sender 192.0.2.x, sequence
/// number, uptime in milliseconds.
type Sent = (u64, u8, u32, u32);

fn sequences(datagrams: &[Sent]) -> Sequences {
    let mut sequences = Sequences::default();
    datagrams.iter().for_each(|sent| note(&mut sequences, [127, 0, 0, 1], *sent));
    sequences
}

fn note(sequences: &mut Sequences, agent: [u8; 4], (seconds, sender, number, uptime): Sent) {
    let mut payload = [0u8; 28];
    (payload[3], payload[7]) = (5, 1);
    payload[8..12].copy_from_slice(&agent);
    payload[16..20].copy_from_slice(&number.to_be_bytes());
    payload[20..24].copy_from_slice(&uptime.to_be_bytes());
    let time = Instant::after_start(Duration::from_secs(seconds));
    let arrival = Arrival { time, sender: Some([192, 0, 2, sender].into()) };
    sequences.note(&arrival, &Datagram::parse(&payload).unwrap());
}

fn totals(datagrams: &[(u32, u32)]) -> Gaps {
    let sent: Vec<Sent> =
        datagrams.iter().map(|(number, uptime)| (0, 1, *number, *uptime)).collect();
    sequences(&sent).totals
}

#[test]
fn steps_of_one_across_the_wrap_are_no_gap() {
    let datagrams = [(u32::MAX - 1, 0), (u32::MAX, 1), (0, 2), (1, 3)];
    assert_eq!(totals(&datagrams), Gaps::default());
}

#[test]
fn late_datagram_is_no_longer_lost() {
    assert_eq!(totals(&[(1, 0), (5, 10)]).lost, 3);
    let late = totals(&[(1, 0), (3, 20), (2, 10), (4, 30)]);
    assert_eq!(late, Gaps { reordered: 1, ..Gaps::default() });
}

#[test]
fn duplicates_and_restarts_are_not_losses() {
    assert_eq!(totals(&[(7, 0), (7, 0)]).duplicates, 1);
    // Some agents send their own uptime, others that of the host.
    for uptime in [5, 100_000] {
        let restart = totals(&[(50, 60_000), (1, uptime), (2, uptime + 1)]);
        assert_eq!(restart, Gaps { restarts: 1, ..Gaps::default() });
    }
    assert_eq!(totals(&[(1, 0), (900_000, 1)]).restarts, 1);
}

#[test]
fn restart_a_few_seconds_after_the_start_is_a_restart() {
    for ran in 1..10 {
        let first = (1..=ran).map(|number| (u64::from(number), 1, number, 1000 * number));
        let second =
            (1..=ran + 3).map(|number| (u64::from(ran + number), 1, number, 1000 * number));
        let sequences = sequences(&first.chain(second).collect::<Vec<_>>());
        // A single datagram before the restart is equal to the one after it.
        let expected = Gaps { restarts: 1, ..Gaps::default() };
        let copy = Gaps { duplicates: 1, ..Gaps::default() };
        assert_eq!(sequences.totals, if ran == 1 { copy } else { expected }, "after {ran} s");
        assert_eq!(sequences.shared(), []);
    }
}

/// Datagrams with these numbers, one each second, by the clock of the host.
fn each_second(runs: &[core::ops::RangeInclusive<u32>]) -> Gaps {
    let numbers = runs.iter().cloned().flatten();
    let sent: Vec<Sent> = numbers
        .zip(0..)
        .map(|(number, second)| (second.into(), 1, number, 1000 * second))
        .collect();
    sequences(&sent).totals
}

#[test]
fn numbers_that_return_near_former_ones_are_not_lost() {
    let restarts = |restarts| Gaps { restarts, ..Gaps::default() };
    // The numbers go back to one that is near the end of the first run.
    assert_eq!(each_second(&[1..=6, 1..=16, 12..=20]), restarts(2));
    assert_eq!(each_second(&[1..=200, 1..=90, 40..=45]), restarts(2));
    // 80 lost datagrams end where the first run ended. They look like a second sequence, whose
    // numbers are near later.
    assert_eq!(each_second(&[1..=100, 1..=20, 101..=120, 40..=50]), restarts(1));
}

#[test]
fn loss_where_a_former_run_ended_is_a_loss() {
    let expected = Gaps { lost: 1, restarts: 1, ..Gaps::default() };
    assert_eq!(each_second(&[1..=10, 1..=9, 11..=15]), expected);
    let twice = Gaps { lost: 1, restarts: 2, ..Gaps::default() };
    assert_eq!(each_second(&[1..=10, 1..=20, 1..=9, 11..=30]), twice);
}

#[test]
fn streams_with_gaps_are_listed() {
    let mut sequences = Sequences::default();
    for (agent, number) in [(9, 1), (10, 1), (10, 2), (9, 4)] {
        note(&mut sequences, [0, 0, 0, agent], (0, 1, number, 0));
    }
    let line = "\n  agent 0.0.0.9 sub-agent 0: lost 2, reordered 0, duplicates 0, restarts 0";
    assert_eq!(sequences.to_string(), line);
}

#[test]
fn senders_with_the_same_agent_are_named_and_lose_nothing() {
    // Equal, near and far numbers; equal and different clocks.
    for (first, uptime) in [(1, 0), (2, 0), (1, 500_000), (5, 0), (5, 500_000), (4_000_000, 77)] {
        let pairs = (0..20).flat_map(|n| {
            let seconds = u64::from(n);
            [(seconds, 1, 1 + n, 1000 * n), (seconds, 2, first + n, uptime + 1000 * n)]
        });
        let sequences = sequences(&pairs.collect::<Vec<_>>());
        assert_eq!(sequences.totals, Gaps::default(), "{first} {uptime}");
        let line = "\n  2 senders use agent 127.0.0.1 sub-agent 0: 192.0.2.1, 192.0.2.2";
        assert_eq!(sequences.to_string(), line);
        assert_eq!((sequences.len(), sequences.agents()), (1, 1));
    }
}

#[test]
fn interleaved_sequences_of_one_sender_lose_nothing() {
    for (first, uptime) in [(90_000, 0), (200, 0), (5, 500_000), (2, 500_000), (1, 500_000)] {
        let pairs = (0..20).flat_map(|n| {
            let seconds = u64::from(n);
            [(seconds, 1, 1 + n, 1000 * n), (seconds, 1, first + n, uptime + 1000 * n)]
        });
        let sequences = sequences(&pairs.collect::<Vec<_>>());
        assert_eq!(sequences.totals, Gaps::default(), "{first} {uptime}");
        let line = "\n  2 senders use agent 127.0.0.1 sub-agent 0: 192.0.2.1 (2 sequences)";
        assert_eq!(sequences.to_string(), line, "{first} {uptime}");
    }
}

#[test]
fn sequences_of_unequal_pace_keep_their_real_losses() {
    // A datagram each second, and another sequence with one each 20 s that loses its third.
    let mut sent: Vec<Sent> = (0..200).map(|n| (n, 1, 1 + n as u32, 1000 * n as u32)).collect();
    let slow =
        (0..10).filter(|n| *n != 3).map(|n| (20 * n, 1, 70_000 + n as u32, 20_000 * n as u32));
    sent.extend(slow);
    sent.sort_by_key(|sent| sent.0);
    assert_eq!(sequences(&sent).totals, Gaps { lost: 1, ..Gaps::default() });
}

#[test]
fn many_line_cards_are_counted() {
    let sent = (0..10u32)
        .flat_map(|n| (0..6u32).map(move |card| (n.into(), 1, 10_000 * card + n, 1000 * n)));
    let sequences = sequences(&sent.collect::<Vec<_>>());
    assert_eq!(sequences.totals, Gaps::default());
    assert!(sequences.to_string().starts_with("\n  6 senders use agent 127.0.0.1"), "{sequences}");
}

#[test]
fn stray_datagram_is_not_a_sender() {
    let mut sent: Vec<Sent> = (0..20).map(|n| (n, 1, 1 + n as u32, 1000 * n as u32)).collect();
    sent.insert(10, (9, 1, 3_000_000, 9000));
    let sequences = sequences(&sent);
    assert_eq!((sequences.totals, sequences.shared()), (Gaps::default(), vec![]));
}

#[test]
fn single_datagram_of_another_sender_is_not_a_sender() {
    let mut sent: Vec<Sent> = (0..20).map(|n| (n, 1, 1 + n as u32, 1000 * n as u32)).collect();
    sent.insert(10, (9, 2, 3_000_000, 9000));
    let sequences = sequences(&sent);
    assert_eq!((sequences.totals, sequences.shared()), (Gaps::default(), vec![]));
}

#[test]
fn agent_with_a_new_address_is_not_shared() {
    let sent = (0..20).map(|n| (n, if n < 10 { 1 } else { 2 }, 1 + n as u32, 1000 * n as u32));
    let sequences = sequences(&sent.collect::<Vec<_>>());
    assert_eq!((sequences.totals, sequences.shared()), (Gaps::default(), vec![]));
}

#[test]
fn real_losses_and_reordering_in_one_sequence_are_not_taken_back() {
    let numbers = [1, 2, 4, 6, 5, 7, 100, 101, 103, 104, 90, 105, 1000, 1001, 1003];
    let sent: Vec<Sent> = numbers.iter().map(|number| (0, 1, *number, *number)).collect();
    // 3, 8 to 99 without 90, 102, 106 to 999, 1002.
    let expected = Gaps { lost: 1 + 91 + 1 + 894 + 1, reordered: 2, ..Gaps::default() };
    let sequences = sequences(&sent);
    assert_eq!((sequences.totals, sequences.shared()), (expected, vec![]));
}

/// Datagrams 1 and 2 of as many agents as fit, in each of which a second has passed.
fn full(seconds: u64) -> Sequences {
    let mut sequences = Sequences::default();
    for number in 1..=2 {
        for agent in 0..MAX_STREAMS as u32 {
            note(&mut sequences, agent.to_be_bytes(), (seconds, 1, number, 1000 * number));
        }
    }
    assert_eq!(sequences.len(), MAX_STREAMS);
    sequences
}

#[test]
fn new_streams_cannot_replace_live_ones() {
    let mut sequences = full(0);
    for forged in 0..20_000u32 {
        note(&mut sequences, (1 << 24 | forged).to_be_bytes(), (299, 2, 1, 0));
    }
    assert_eq!((sequences.totals.untracked, sequences.replaced), (20_000, 0));
    for agent in 0..MAX_STREAMS as u32 {
        note(&mut sequences, agent.to_be_bytes(), (299, 1, 5, 5000));
    }
    assert_eq!(sequences.totals.lost, 2 * MAX_STREAMS as u64, "each of them is still followed");
}

#[test]
fn silent_streams_are_replaced_longest_first() {
    let mut sequences = full(0);
    for agent in 0..100u32 {
        note(&mut sequences, agent.to_be_bytes(), (200, 1, 3, 203_000));
    }
    note(&mut sequences, [10, 0, 0, 1], (301, 1, 1, 0));
    assert_eq!(sequences.totals.untracked, 0);
    assert_eq!(sequences.replaced, MAX_STREAMS as u64 / 4);
    note(&mut sequences, [10, 0, 0, 1], (302, 1, 9, 1000));
    for agent in 0..100u32 {
        note(&mut sequences, agent.to_be_bytes(), (302, 1, 5, 305_000));
    }
    assert_eq!(sequences.totals.lost, 7 + 100, "the new one and the live ones are followed");
}

#[test]
fn single_datagrams_are_replaced_first_and_memory_is_bounded() {
    let mut sequences = Sequences::default();
    let live = |sequences: &mut Sequences, number: u32| {
        note(sequences, [10, 0, 0, 1], (0, 1, number, 0));
    };
    live(&mut sequences, 1);
    live(&mut sequences, 2);
    for forged in 0..40_000u32 {
        note(&mut sequences, (1 << 24 | forged).to_be_bytes(), (0, 2, 1, 0));
        assert!(sequences.streams.len() <= MAX_STREAMS);
    }
    assert_eq!((sequences.totals.untracked, sequences.replaced), (0, 0));
    assert_eq!(sequences.sub_agents.len(), sequences.streams.len());
    live(&mut sequences, 4);
    assert_eq!(sequences.totals.lost, 1, "the live one was not replaced");
}
