//! The contract of the agent.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::{vec, vec::Vec};

use super::*;
use crate::data_source::Interface;
use crate::datagram::tests::HEAD;
use crate::drop_reason::DropReason;
use crate::platform::{CounterSource, SendError, Transport};
use crate::record::flow::{HeaderProtocol, SampledHeader};
use crate::record::{CounterRecord, DataFormat, FlowRecord};
use crate::sample::{
    CounterSample, DiscardedPacket, FlowSample, FlowValue, MetricValue, RtFlow, RtMetric,
};
use crate::sampler::SampleMeta;
use crate::xdr::Encoder;

const CONFIG: AgentConfig = AgentConfig {
    head: HEAD,
    header_bytes: 128,
    max_delay: Duration::from_millis(100),
    discard_limit: 10,
    seed: 7,
};
const PORT: DataSource = DataSource::interface(5);
const OTHER: DataSource = DataSource::interface(6);
const BOOT: Instant = Instant::from_millis(5_000);
const DELAY: Duration = CONFIG.max_delay;
const FRAME: [u8; 128] = [0x5a; 128];
const HEADER: SampledHeader<'_> = SampledHeader {
    protocol: HeaderProtocol::ETHERNET,
    frame_length: 1518,
    stripped: 4,
    header: &FRAME,
};
const FLOW: FlowSample<'_> = FlowSample {
    source: PORT,
    meta: SampleMeta { sampling_rate: 10, sample_pool: 10, drops: 0 },
    input: Interface::Index(5),
    output: Interface::Index(6),
    header: Some(HEADER),
    records: &[],
};
const DISCARD: DiscardedPacket<'_> = DiscardedPacket {
    source: PORT,
    input: 5,
    output: 0,
    reason: DropReason::ACL,
    header: HEADER,
    records: &[],
};
/// Bytes of `FLOW` with 128 header bytes, compact.
const FLOW_BYTES: usize = 8 + 32 + 24 + 128;

/// A counter record of any size.
struct Blob(usize);

impl CounterRecord for Blob {
    fn format(&self) -> DataFormat {
        DataFormat::new(4095, 1)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.opaque_fixed(&vec![0xbb; self.0]);
    }
}

/// A transport that keeps the datagrams, and refuses them while it is down.
#[derive(Default)]
struct Wire {
    datagrams: Vec<Vec<u8>>,
    down: bool,
}

impl Transport for Wire {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        if self.down {
            return Err(SendError);
        }
        self.datagrams.push(datagram.to_vec());
        Ok(())
    }
}

/// A counter source with records of these sizes, which records the sources that were polled.
struct Counters {
    sizes: Vec<usize>,
    polled: Vec<DataSource>,
}

impl Counters {
    fn new(sizes: &[usize]) -> Self {
        Self { sizes: sizes.to_vec(), polled: Vec::new() }
    }
}

impl CounterSource for Counters {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        self.polled.push(source);
        let blobs: Vec<Blob> = self.sizes.iter().map(|&size| Blob(size)).collect();
        let records: Vec<&dyn CounterRecord> = blobs.iter().map(|blob| blob as _).collect();
        emit(&records);
    }
}

/// Runs `test` with an agent that has the data source `PORT`, without polling.
fn with_agent(config: AgentConfig, test: impl FnOnce(&mut Agent<'_>)) {
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 4], [0xa5; 1400]);
    let mut agent = Agent::new(config, &mut sources, &mut buffer);
    agent.add_source(BOOT, PORT, Duration::ZERO).unwrap();
    test(&mut agent);
}

const fn after(millis: u32) -> Instant {
    BOOT.saturating_add(Duration::from_millis(millis))
}

fn word(bytes: &[u8], offset: usize) -> u32 {
    u32::from_be_bytes(*bytes[offset..].first_chunk().unwrap())
}

/// Returns `data_format` and body of each sample of a datagram with an IPv4 agent address.
fn samples(datagram: &[u8]) -> Vec<(u32, &[u8])> {
    let (mut samples, mut at) = (Vec::new(), 28);
    while at < datagram.len() {
        let length = word(datagram, at + 4) as usize;
        samples.push((word(datagram, at), &datagram[at + 8..][..length]));
        at += 8 + length;
    }
    assert_eq!(samples.len(), word(datagram, 24) as usize);
    samples
}

/// Returns the sequence numbers of the samples.
fn sequences(datagram: &[u8]) -> Vec<u32> {
    samples(datagram).into_iter().map(|(_, body)| word(body, 0)).collect()
}

#[test]
fn agent_without_samples_sends_nothing() {
    with_agent(CONFIG, |agent| {
        assert_eq!(agent.poll_timeout(), None);
        assert!(agent.poll_transmit(after(100_000)).is_none());
        assert_eq!(agent.poll_counters(after(100_000)), None);
        agent.flush();
        assert!(agent.poll_transmit(after(100_000)).is_none());
        assert_eq!(*agent.stats(), AgentStats::default());
    });
}

#[test]
fn oldest_sample_determines_the_deadline() {
    with_agent(CONFIG, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        assert_eq!(agent.poll_timeout(), Some(BOOT + DELAY));
        assert!(agent.poll_transmit(after(99)).is_none());
        agent.handle_flow_sample(after(99), &FLOW).unwrap();
        assert_eq!(agent.poll_timeout(), Some(BOOT + DELAY), "the oldest counts");
        let datagram = agent.poll_transmit(after(100)).unwrap();
        assert_eq!(datagram.len(), 28 + 2 * FLOW_BYTES);
        assert_eq!(sequences(datagram), [1, 2]);
        assert_eq!([word(datagram, 16), word(datagram, 20)], [1, 5_100]);
        assert!(agent.poll_transmit(after(100)).is_none(), "lent once");
        assert_eq!(agent.poll_timeout(), None);

        agent.handle_flow_sample(after(500), &FLOW).unwrap();
        assert_eq!(agent.poll_timeout(), Some(after(600)), "the next one begins anew");
        let datagram = agent.poll_transmit(after(700)).unwrap();
        assert_eq!([word(datagram, 16), word(datagram, 20)], [2, 5_700]);
        assert_eq!(sequences(datagram), [3]);
    });
}

#[test]
fn delay_is_limited_to_one_second() {
    let config = AgentConfig { max_delay: Duration::from_secs(30), ..CONFIG };
    with_agent(config, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        assert_eq!(agent.poll_timeout(), Some(BOOT + MAX_DELAY));
        assert!(agent.poll_transmit(after(999)).is_none());
        assert!(agent.poll_transmit(after(1_000)).is_some());
    });
}

#[test]
fn zero_delay_sends_each_sample_immediately() {
    with_agent(AgentConfig { max_delay: Duration::ZERO, ..CONFIG }, |agent| {
        for sequence in 1..4 {
            agent.handle_flow_sample(BOOT, &FLOW).unwrap();
            assert_eq!(agent.poll_timeout(), Some(BOOT));
            assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [sequence]);
        }
    });
}

#[test]
fn datagram_is_ready_when_the_largest_sample_would_not_fit() {
    // Room for two samples with all usual records and one byte less than a third needs.
    let reserve = 128 + MIN_RESERVE;
    for (max_bytes, samples) in [
        (28 + 2 * FLOW_BYTES + reserve, 3),
        (28 + 2 * FLOW_BYTES + reserve - 1, 2),
        (28 + FLOW_BYTES, 1),
    ] {
        let config = AgentConfig { head: DatagramHead { max_bytes, ..HEAD }, ..CONFIG };
        with_agent(config, |agent| {
            for handed in 1..=samples {
                assert!(agent.poll_transmit(BOOT).is_none(), "{handed} of {samples}");
                agent.handle_flow_sample(BOOT, &FLOW).unwrap();
            }
            assert_eq!(agent.poll_timeout(), Some(Instant::ZERO), "immediately");
            assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()).len(), samples);
        });
    }
}

/// hsflowd has a table of 64 samples for each datagram.
#[test]
fn datagram_has_as_many_samples_as_fit() {
    let head = DatagramHead { max_bytes: 8192, ..HEAD };
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 2], [0xa5; 8192]);
    let mut agent = Agent::new(AgentConfig { head, ..CONFIG }, &mut sources, &mut buffer);
    agent.add_source(BOOT, PORT, Duration::ZERO).unwrap();
    let small = CounterSample { records: &[&Blob(4)] };
    let mut handed = 0;
    while agent.handle_counters(BOOT, PORT, &small).is_ok() {
        handed += 1;
    }
    // Headers of the sample and of its record, and 4 bytes; room is kept for a packet sample.
    let (sample, reserve) = (8 + 12 + 8 + 4, CONFIG.header_bytes + MIN_RESERVE);
    assert_eq!(handed, (8192 - 28 - reserve) / sample + 1);
    agent.flush();
    let numbers = sequences(agent.poll_transmit(BOOT).unwrap());
    assert_eq!(numbers, (1..=handed as u32).collect::<Vec<_>>());
}

#[test]
fn room_is_reserved_for_the_largest_packet_sample_but_not_for_counters() {
    let config = AgentConfig { header_bytes: 16, ..CONFIG };
    let large = crate::record::flow::ExtendedAcl {
        number: 1,
        name: &"x".repeat(252),
        direction: crate::record::flow::AclDirection::INGRESS,
    };
    let flow = FlowSample { records: &[&large], ..FLOW };
    let flow_bytes = 8 + 32 + 24 + 16 + 8 + 264;
    with_agent(config, |agent| {
        for _ in 0..3 {
            assert!(agent.poll_transmit(BOOT).is_none());
            agent.handle_flow_sample(BOOT, &flow).unwrap();
        }
        assert!(1400 - 28 - 3 * flow_bytes < flow_bytes);
        assert!(agent.poll_transmit(BOOT).is_some(), "a fourth would not fit");
    });
    with_agent(config, |agent| {
        agent.handle_counters(BOOT, PORT, &CounterSample { records: &[&Blob(800)] }).unwrap();
        assert!(agent.poll_transmit(BOOT).is_none(), "the next is no host sample");
    });
}

#[test]
fn refused_sample_is_accepted_after_transmit_with_the_same_sequence() {
    with_agent(CONFIG, |agent| {
        let large = CounterSample { records: &[&Blob(1000)] };
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        assert!(agent.poll_transmit(BOOT).is_none(), "neither old nor full");
        assert_eq!(agent.handle_counters(BOOT, PORT, &large), Err(HandleError::Full));
        assert_eq!(agent.poll_timeout(), Some(Instant::ZERO));
        assert_eq!(agent.handle_counters(BOOT, PORT, &large), Err(HandleError::Full), "again");
        assert_eq!(agent.handle_flow_sample(BOOT, &FLOW), Err(HandleError::Full), "it is finished");
        assert_eq!(agent.stats().counter_samples, 0);
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [1, 2]);

        agent.handle_counters(BOOT, PORT, &large).unwrap();
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(sequences(datagram), [1], "no number was used up by the refusals");
        assert_eq!(word(datagram, 16), 2);
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [3]);
        assert_eq!((agent.stats().too_large, agent.stats().flow_samples), (0, 3));
    });
}

#[test]
fn lent_datagram_is_unchanged_until_the_next_sample() {
    with_agent(CONFIG, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let lent = agent.poll_transmit(BOOT).unwrap();
        let (place, copy) = (lent.as_ptr_range(), lent.to_vec());
        // Nothing that may be called in between touches the bytes.
        agent.flush();
        assert!(agent.poll_transmit(BOOT).is_none());
        assert_eq!(agent.poll_counters(BOOT), None);
        agent.reconfigure(CONFIG).unwrap();
        assert_eq!(agent.datagram.finish(1, BOOT.uptime()), copy);
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let next = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(next.as_ptr_range(), place, "one buffer");
        assert_eq!(sequences(next), [2]);
    });
}

#[test]
fn header_bytes_are_cut_to_the_configured_size() {
    with_agent(AgentConfig { header_bytes: 61, ..CONFIG }, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.handle_discard(BOOT, &DISCARD).unwrap();
        let short = SampledHeader { header: &FRAME[..60], ..HEADER };
        agent.handle_flow_sample(BOOT, &FlowSample { header: Some(short), ..FLOW }).unwrap();
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        let lengths: Vec<u32> =
            samples(datagram).into_iter().map(|(_, body)| word(body, 32 + 20)).collect();
        assert_eq!(lengths, [61, 61, 60]);
        let (_, first) = samples(datagram)[0];
        assert_eq!(word(first, 32 + 12), 1518, "frame_length is that of the wire");
        assert_eq!(first[32 + 24 + 61..], [0; 3], "padding");
    });
}

#[test]
fn unknown_source_and_oversized_sample_are_counted_and_change_nothing_else() {
    let config = AgentConfig { head: DatagramHead { max_bytes: 200, ..HEAD }, ..CONFIG };
    with_agent(config, |agent| {
        let stranger = FlowSample { source: OTHER, ..FLOW };
        let discard = DiscardedPacket { source: OTHER, ..DISCARD };
        let none = CounterSample { records: &[] };
        assert_eq!(agent.handle_flow_sample(BOOT, &stranger), Err(HandleError::UnknownSource));
        assert_eq!(agent.handle_discard(BOOT, &discard), Err(HandleError::UnknownSource));
        assert_eq!(agent.handle_counters(BOOT, OTHER, &none), Err(HandleError::UnknownSource));
        assert_eq!(agent.stats().unknown_source, 3);

        assert_eq!(agent.handle_flow_sample(BOOT, &FLOW), Err(HandleError::TooLarge));
        assert_eq!(agent.handle_discard(BOOT, &DISCARD), Err(HandleError::TooLarge));
        let large = CounterSample { records: &[&Blob(200)] };
        assert_eq!(agent.handle_counters(BOOT, PORT, &large), Err(HandleError::TooLarge));
        let names = [("a", MetricValue::Gauge32(1)); 20];
        let metric = RtMetric { datasource: "d", metrics: &names };
        assert_eq!(agent.handle_rt_metric(BOOT, &metric), Err(HandleError::TooLarge));
        assert_eq!(agent.stats().too_large, 4);
        assert_eq!(agent.poll_timeout(), None, "nothing waits");

        agent.handle_counters(BOOT, PORT, &none).unwrap();
        let full = agent.handle_flow_sample(BOOT, &FLOW);
        assert_eq!(full, Err(HandleError::Full), "it may fit an empty datagram");
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [1]);
        assert_eq!(agent.handle_flow_sample(BOOT, &FLOW), Err(HandleError::TooLarge));
        assert_eq!(agent.stats().too_large, 5);
    });
}

#[test]
fn user_metrics_with_invalid_names_are_refused() {
    with_agent(CONFIG, |agent| {
        let metric = RtMetric { datasource: "web1", metrics: &[("m", MetricValue::Gauge32(1))] };
        let flow = RtFlow {
            datasource: "web1",
            sampling_rate: 1,
            sample_pool: 0,
            fields: &[("f", FlowValue::Int32(1))],
        };
        agent.handle_rt_metric(BOOT, &metric).unwrap();
        agent.handle_rt_flow(BOOT, &flow).unwrap();
        let bad = RtMetric { datasource: "1", ..metric };
        assert_eq!(agent.handle_rt_metric(BOOT, &bad), Err(HandleError::InvalidName));
        let bad = RtFlow { fields: &[("a b", FlowValue::Int32(1))], ..flow };
        assert_eq!(agent.handle_rt_flow(BOOT, &bad), Err(HandleError::InvalidName));
        assert_eq!((agent.stats().rt_samples, agent.stats().invalid_name), (2, 2));
        agent.flush();
        let formats: Vec<u32> = samples(agent.poll_transmit(BOOT).unwrap())
            .into_iter()
            .map(|(format, _)| format)
            .collect();
        assert_eq!(formats, [0x010C_C3EA, 0x010C_C3EB]);
    });
}

#[test]
fn sequence_numbers_wrap() {
    with_agent(CONFIG, |agent| {
        agent.sequence = u32::MAX - 1;
        agent.sources.find(PORT).unwrap().flow_sequence = u32::MAX;
        agent.sources.find(PORT).unwrap().counter_sequence = u32::MAX - 1;
        for (datagram, flow, counters) in [(u32::MAX, 0, u32::MAX), (0, 1, 0), (1, 2, 1)] {
            agent.handle_flow_sample(BOOT, &FLOW).unwrap();
            agent.handle_counters(BOOT, PORT, &CounterSample { records: &[] }).unwrap();
            agent.flush();
            let bytes = agent.poll_transmit(BOOT).unwrap();
            assert_eq!(word(bytes, 16), datagram);
            assert_eq!(sequences(bytes), [flow, counters]);
        }
    });
}

#[test]
fn discards_above_the_limit_per_second_are_counted_in_drops() {
    with_agent(AgentConfig { discard_limit: 3, ..CONFIG }, |agent| {
        let mut wire = Wire::default();
        for millis in (0..2_000).step_by(100) {
            agent.handle_discard(after(millis), &DISCARD).unwrap();
            agent.transmit(after(millis), &mut wire);
        }
        assert_eq!(agent.stats().discarded_packets, 6);
        assert_eq!(agent.stats().discards_suppressed, 14);
        agent.flush();
        agent.transmit(after(2_000), &mut wire);
        let sent: Vec<(u32, u32)> = wire
            .datagrams
            .iter()
            .flat_map(|datagram| samples(datagram))
            .map(|(_, body)| (word(body, 0), word(body, 12)))
            .collect();
        assert_eq!(sent, [(1, 0), (2, 0), (3, 0), (4, 7), (5, 7), (6, 7)], "sequence and drops");
    });
}

/// Runs `test` while a datagram is filled with counters up to the point where `FLOW` would fit and
/// a sample with this record does not.
fn with_little_room(test: impl FnOnce(&mut Agent<'_>, &[&dyn FlowRecord])) {
    let large = crate::record::flow::ExtendedAcl {
        number: 1,
        name: &"x".repeat(252),
        direction: crate::record::flow::AclDirection::INGRESS,
    };
    with_agent(AgentConfig { discard_limit: 1, ..CONFIG }, |agent| {
        agent.handle_counters(BOOT, PORT, &CounterSample { records: &[&Blob(1000)] }).unwrap();
        assert!(agent.poll_transmit(BOOT).is_none(), "not full");
        test(agent, &[&large]);
    });
}

#[test]
fn flow_sample_that_turns_out_too_long_uses_no_sequence_number() {
    with_little_room(|agent, records| {
        let flow = FlowSample { records, ..FLOW };
        assert_eq!(agent.handle_flow_sample(BOOT, &flow), Err(HandleError::Full));
        assert!(agent.poll_transmit(BOOT).is_some());
        agent.handle_flow_sample(BOOT, &flow).unwrap();
        agent.flush();
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [1]);
        assert_eq!(agent.stats().flow_samples, 1);
    });
}

#[test]
fn discard_that_turns_out_too_long_uses_neither_sequence_nor_limit() {
    with_little_room(|agent, records| {
        let discard = DiscardedPacket { records, ..DISCARD };
        assert_eq!(agent.handle_discard(BOOT, &discard), Err(HandleError::Full));
        assert!(agent.poll_transmit(BOOT).is_some());
        agent.handle_discard(BOOT, &discard).unwrap();
        agent.flush();
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [1]);
        assert_eq!((agent.stats().discarded_packets, agent.stats().discards_suppressed), (1, 0));
    });
}

#[test]
fn first_polls_are_spread_over_the_interval() {
    let interval = Duration::from_secs(20);
    let firsts: Vec<u64> = (0..200)
        .map(|seed| {
            let mut first = 0;
            with_agent(AgentConfig { seed, ..CONFIG }, |agent| {
                agent.add_source(BOOT, OTHER, interval).unwrap();
                first = agent.poll_timeout().unwrap().as_millis() - BOOT.as_millis();
            });
            first
        })
        .collect();
    assert!(firsts.iter().all(|first| (1..=20_000).contains(first)), "{firsts:?}");
    for quarter in 0..4 {
        let within = firsts.iter().filter(|first| (*first - 1) / 5_000 == quarter).count();
        // 50 are expected, with a standard deviation of 6.
        assert!((25..=75).contains(&within), "{within} of 200 in quarter {quarter}");
    }
}

/// Due times of the agent from `BOOT` on, as many as there are within `span`.
fn wake_ups(agent: &mut Agent<'_>, span: Duration) -> Vec<Instant> {
    let mut times = Vec::new();
    while let Some(due) = agent.poll_timeout().filter(|due| *due <= BOOT + span) {
        times.push(due);
        while agent.poll_counters(due).is_some() {}
    }
    times
}

#[test]
fn polls_of_the_same_second_share_a_wake_up() {
    let interval = Duration::from_secs(30);
    let (mut slots, mut buffer) = ([SourceSlot::VACANT; 200], [0xa5; 1400]);
    let mut agent = Agent::new(CONFIG, &mut slots, &mut buffer);
    // Some are added before the first poll is due, some after it is late.
    for index in 1..=100 {
        agent
            .add_source(BOOT + Duration::from_millis(index), DataSource::interface(index), interval)
            .unwrap();
    }
    let late = agent.poll_timeout().unwrap() + Duration::from_millis(7);
    for index in 101..=200 {
        agent.add_source(late, DataSource::interface(index), interval).unwrap();
    }
    let times = wake_ups(&mut agent, Duration::from_secs(61));
    assert!((50..=61).contains(&times.len()), "{} wake-ups", times.len());
    let apart = |pair: &[Instant]| pair[1].since(pair[0]).as_millis();
    assert!(times.windows(2).all(|pair| apart(pair) % 1000 == 0), "{times:?}");
    // A source that is added now has its first poll within the interval all the same.
    for index in 0..100 {
        let due = agent.first_poll(BOOT + Duration::from_millis(index), interval);
        let wait = due.since(BOOT + Duration::from_millis(index)).as_millis();
        assert!((1..=30_000).contains(&wait), "{wait}");
    }
}

#[test]
fn intervals_below_a_second_are_kept() {
    let interval = Duration::from_millis(100);
    with_agent(CONFIG, |agent| {
        agent.add_source(BOOT, OTHER, Duration::from_secs(30)).unwrap();
        for _ in 0..100 {
            assert!(agent.first_poll(BOOT, interval) <= BOOT + interval);
            assert!(agent.first_poll(BOOT, Duration::from_millis(1500)) <= after(1500));
        }
    });
}

#[test]
fn refused_discard_uses_neither_sequence_nor_limit() {
    let max_bytes = 28 + 2 * (8 + 32 + 24 + 128);
    let head = DatagramHead { max_bytes, ..HEAD };
    with_agent(AgentConfig { head, discard_limit: 2, ..CONFIG }, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        for _ in 0..5 {
            assert_eq!(agent.handle_discard(BOOT, &DISCARD), Err(HandleError::Full));
        }
        assert!(agent.poll_transmit(BOOT).is_some());
        agent.handle_discard(BOOT, &DISCARD).unwrap();
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [1]);
        agent.handle_discard(BOOT, &DISCARD).unwrap();
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [2], "refusals use no turn");
        agent.handle_discard(BOOT, &DISCARD).unwrap();
        assert_eq!(agent.stats().discards_suppressed, 1);
    });
}

#[test]
fn poll_at_the_last_instant_terminates() {
    with_agent(CONFIG, |agent| {
        agent.set_polling(BOOT, PORT, Duration::from_millis(1));
        let end = Instant::from_millis(u64::MAX);
        assert_eq!(agent.poll_counters(end), Some(PORT));
        assert_eq!(agent.poll_counters(end), None);
        assert!(agent.poll_timeout().is_some_and(|next| next > end));
    });
}

#[test]
fn lost_notifications_are_in_the_drops_of_the_next() {
    with_agent(CONFIG, |agent| {
        assert!(agent.discards_lost(DISCARD.source, 3));
        assert!(!agent.discards_lost(DataSource::interface(77), 1), "no such source");
        agent.handle_discard(BOOT, &DISCARD).unwrap();
        assert_eq!((agent.stats().discards_lost, agent.stats().discards_suppressed), (3, 0));
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        let drops: Vec<u32> = samples(datagram).iter().map(|(_, body)| word(body, 12)).collect();
        assert_eq!(drops, [3]);
    });
}

#[test]
fn due_source_is_polled_once_per_interval() {
    with_agent(CONFIG, |agent| {
        agent.add_source(BOOT, OTHER, Duration::from_secs(20)).unwrap();
        let first = agent.poll_timeout().unwrap();
        assert!(first > BOOT && first <= after(20_000));
        let (mut counters, mut wire) = (Counters::new(&[88]), Wire::default());
        let just_before = Instant::from_millis(first.as_millis() - 1);
        assert_eq!(agent.poll(just_before, &mut counters, &mut wire), Some(first));
        assert!(counters.polled.is_empty());
        assert_eq!(agent.poll(first, &mut counters, &mut wire), Some(first + DELAY));
        assert_eq!(counters.polled, [OTHER]);
        let next = first + Duration::from_secs(20);
        assert_eq!(agent.poll(first + DELAY, &mut counters, &mut wire), Some(next));
        assert_eq!(agent.poll(next, &mut counters, &mut wire), Some(next + DELAY));
        assert_eq!(counters.polled, [OTHER, OTHER]);
        agent.poll(next + DELAY, &mut counters, &mut wire);
        let sent: Vec<u32> = wire.datagrams.iter().flat_map(|bytes| sequences(bytes)).collect();
        assert_eq!(sent, [1, 2]);
    });
}

#[test]
fn counters_larger_than_a_datagram_are_divided_among_samples() {
    let head = DatagramHead { max_bytes: 400, ..HEAD };
    with_agent(AgentConfig { head, ..CONFIG }, |agent| {
        agent.add_source(BOOT, OTHER, Duration::from_secs(1)).unwrap();
        // The fourth fits no datagram; all others do, at most three together.
        let mut counters = Counters::new(&[100, 100, 100, 500, 100, 340, 4]);
        let mut wire = Wire::default();
        let due = agent.poll_timeout().unwrap();
        agent.poll(due, &mut counters, &mut wire);
        agent.flush();
        agent.transmit(due, &mut wire);
        let sent: Vec<(u32, &[u8])> =
            wire.datagrams.iter().flat_map(|datagram| samples(datagram)).collect();
        let sequences: Vec<u32> = sent.iter().map(|(_, body)| word(body, 0)).collect();
        assert_eq!(sequences, Vec::from_iter(1..=sent.len() as u32));
        let mut lengths = Vec::new();
        for (format, body) in sent {
            assert_eq!([format, word(body, 4)], [2, 6]);
            let mut at = 12;
            for _ in 0..word(body, 8) {
                lengths.push(word(body, at + 4));
                at += 8 + lengths[lengths.len() - 1] as usize;
            }
            assert_eq!(at, body.len());
        }
        assert_eq!(lengths, [100, 100, 100, 100, 340, 4], "all but one, in their order");
        assert_eq!(agent.stats().too_large, 1);
        assert_eq!(counters.polled, [OTHER], "polled once");
    });
}

#[test]
fn send_errors_are_counted_and_leave_a_sequence_gap() {
    with_agent(CONFIG, |agent| {
        let mut wire = Wire::default();
        for round in 0..5 {
            wire.down = round == 1 || round == 2;
            agent.handle_flow_sample(BOOT, &FLOW).unwrap();
            agent.flush();
            agent.transmit(BOOT, &mut wire);
        }
        let sent: Vec<u32> = wire.datagrams.iter().map(|bytes| word(bytes, 16)).collect();
        assert_eq!(sent, [1, 4, 5]);
        assert_eq!((agent.stats().datagrams, agent.stats().send_errors), (5, 2));
        assert_eq!(agent.stats().datagram_bytes, 5 * (28 + FLOW_BYTES as u64));
    });
}

#[test]
fn sources_are_added_once_and_until_the_table_is_full() {
    with_agent(CONFIG, |agent| {
        let add = |agent: &mut Agent<'_>, index| {
            agent.add_source(BOOT, DataSource::interface(index), Duration::ZERO)
        };
        assert_eq!(add(agent, 5), Err(AddError::Exists));
        assert_eq!(add(agent, MAX_COMPACT_INDEX + 1), Err(AddError::NeedsExpanded));
        assert_eq!(add(agent, MAX_COMPACT_INDEX), Ok(()));
        assert_eq!(add(agent, 6), Ok(()));
        assert_eq!(add(agent, 7), Ok(()));
        assert_eq!(add(agent, 8), Err(AddError::TableFull));
        assert!(agent.remove_source(OTHER));
        assert!(!agent.remove_source(OTHER));
        assert_eq!(add(agent, 8), Ok(()));
    });
}

#[test]
fn source_added_again_starts_at_sequence_one() {
    with_agent(CONFIG, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.handle_counters(BOOT, PORT, &CounterSample { records: &[] }).unwrap();
        assert!(agent.remove_source(PORT));
        assert_eq!(agent.handle_flow_sample(BOOT, &FLOW), Err(HandleError::UnknownSource));
        agent.add_source(BOOT, PORT, Duration::ZERO).unwrap();
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(sequences(datagram), [1, 1, 1], "what waited is still sent");
    });
}

#[test]
fn removal_of_the_last_polled_source_clears_the_deadline() {
    with_agent(CONFIG, |agent| {
        agent.add_source(BOOT, OTHER, Duration::from_secs(20)).unwrap();
        assert!(agent.poll_timeout().is_some());
        assert!(agent.remove_source(OTHER));
        assert_eq!(agent.poll_timeout(), None);
        assert_eq!(agent.poll_counters(after(100_000)), None);
    });
}

#[test]
fn counters_reset_restarts_only_the_counter_sequence() {
    with_agent(CONFIG, |agent| {
        for _ in 0..2 {
            agent.handle_flow_sample(BOOT, &FLOW).unwrap();
            agent.handle_counters(BOOT, PORT, &CounterSample { records: &[] }).unwrap();
            agent.counters_reset(PORT);
        }
        agent.flush();
        assert_eq!(sequences(agent.poll_transmit(BOOT).unwrap()), [1, 1, 2, 1]);
    });
}

#[test]
fn new_interval_keeps_an_earlier_due_time() {
    with_agent(CONFIG, |agent| {
        agent.add_source(BOOT, OTHER, Duration::from_secs(20)).unwrap();
        let first = agent.poll_timeout().unwrap();
        assert!(agent.set_polling(BOOT, OTHER, Duration::from_secs(20)));
        assert_eq!(agent.poll_timeout(), Some(first), "no change");
        assert!(agent.set_polling(BOOT, OTHER, Duration::from_secs(3600)));
        assert!(agent.poll_timeout().unwrap() <= first);
        assert!(agent.set_polling(BOOT, OTHER, Duration::from_millis(10)));
        assert!(agent.poll_timeout().unwrap() <= after(10));
        assert!(agent.set_polling(BOOT, OTHER, Duration::ZERO));
        assert_eq!(agent.poll_timeout(), None, "off");
        assert!(agent.set_polling(BOOT, OTHER, Duration::from_secs(1)));
        assert!(agent.poll_timeout().unwrap() <= after(1_000));
        assert!(!agent.set_polling(BOOT, DataSource::HOST, Duration::from_secs(1)));
    });
}

#[test]
fn new_address_starts_sequences_again_after_the_samples_that_wait() {
    let address = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 7));
    let new = AgentConfig { head: DatagramHead { address, ..HEAD }, ..CONFIG };
    with_agent(CONFIG, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.reconfigure(new).unwrap();
        assert_eq!(agent.poll_timeout(), Some(Instant::ZERO));
        let full = agent.handle_flow_sample(BOOT, &FLOW);
        assert_eq!(full, Err(HandleError::Full), "not into the datagram of the old address");
        let old = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(old[8..12], [192, 0, 2, 1]);
        assert_eq!((word(old, 16), sequences(old)), (1, vec![1]));
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let next = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(next[8..12], [198, 51, 100, 7]);
        assert_eq!((word(next, 16), sequences(next)), (1, vec![1]));
        // Another datagram of the same stream.
        agent.reconfigure(new).unwrap();
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let next = agent.poll_transmit(BOOT).unwrap();
        assert_eq!((word(next, 16), sequences(next)), (2, vec![2]));
    });
    with_agent(CONFIG, |agent| {
        agent.reconfigure(new).unwrap();
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        assert_eq!(agent.poll_transmit(BOOT).unwrap()[8..12], [198, 51, 100, 7], "was empty");
    });
    with_agent(CONFIG, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        assert_eq!(agent.poll_transmit(BOOT).unwrap()[8..12], [192, 0, 2, 1]);
        agent.reconfigure(new).unwrap();
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let next = agent.poll_transmit(BOOT).unwrap();
        assert_eq!((&next[8..12], word(next, 16)), (&[198, 51, 100, 7][..], 1), "was lent");
    });
}

#[test]
fn new_sub_agent_id_starts_sequences_again() {
    let new = AgentConfig { head: DatagramHead { sub_agent_id: 9, ..HEAD }, ..CONFIG };
    with_agent(CONFIG, |agent| {
        for (config, expected) in [(CONFIG, 1), (CONFIG, 2), (new, 1), (new, 2)] {
            agent.reconfigure(config).unwrap();
            agent.handle_flow_sample(BOOT, &FLOW).unwrap();
            agent.flush();
            let datagram = agent.poll_transmit(BOOT).unwrap();
            assert_eq!((word(datagram, 16), sequences(datagram)), (expected, vec![expected]));
        }
    });
}

#[test]
fn change_of_encoding_starts_a_new_session() {
    let expanded =
        AgentConfig { head: DatagramHead { encoding: Encoding::Expanded, ..HEAD }, ..CONFIG };
    with_agent(CONFIG, |agent| {
        let none = CounterSample { records: &[] };
        let hand_in = |agent: &mut Agent<'_>| {
            agent.handle_flow_sample(BOOT, &FLOW)?;
            agent.handle_discard(BOOT, &DISCARD)?;
            agent.handle_counters(BOOT, PORT, &none)
        };
        let formats = |datagram: &[u8]| {
            Vec::from_iter(samples(datagram).into_iter().map(|(format, _)| format))
        };
        hand_in(agent).unwrap();
        agent.reconfigure(expanded).unwrap();
        assert_eq!(hand_in(agent), Err(HandleError::Full));
        assert_eq!(formats(agent.poll_transmit(BOOT).unwrap()), [1, 5, 2]);
        hand_in(agent).unwrap();
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(formats(datagram), [3, 5, 4]);
        assert_eq!(sequences(datagram), [1, 1, 1]);
        assert_eq!(word(datagram, 16), 2, "the datagrams are one stream");
    });
    with_agent(expanded, |agent| {
        let far = DataSource::interface(MAX_COMPACT_INDEX + 1);
        agent.add_source(BOOT, far, Duration::ZERO).unwrap();
        agent.handle_flow_sample(BOOT, &FlowSample { source: far, ..FLOW }).unwrap();
        assert_eq!(agent.reconfigure(CONFIG), Err(AddError::NeedsExpanded));
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        let (format, body) = samples(datagram)[0];
        assert_eq!([format, word(body, 4), word(body, 8)], [3, 0, MAX_COMPACT_INDEX + 1]);
        assert!(agent.remove_source(far));
        agent.reconfigure(CONFIG).unwrap();
    });
}

#[test]
fn ipv6_agent_address_makes_a_head_of_40_bytes() {
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
    let head = DatagramHead { address: IpAddr::V6(address), sub_agent_id: 9, ..HEAD };
    with_agent(AgentConfig { head, ..CONFIG }, |agent| {
        agent.handle_flow_sample(BOOT, &FLOW).unwrap();
        agent.flush();
        let datagram = agent.poll_transmit(BOOT).unwrap();
        assert_eq!(datagram.len(), 40 + FLOW_BYTES);
        assert_eq!(word(datagram, 4), 2);
        assert_eq!(datagram[8..24], address.octets());
        assert_eq!(
            Vec::from_iter((24..40).step_by(4).map(|at| word(datagram, at))),
            [9, 1, BOOT.uptime(), 1]
        );
        assert_eq!(word(datagram, 40), 1);
    });
}

#[test]
fn uptime_wraps_and_the_deadline_does_not() {
    with_agent(CONFIG, |agent| {
        let late = Instant::from_millis((1 << 32) - 50);
        agent.handle_flow_sample(late, &FLOW).unwrap();
        assert!(agent.poll_transmit(Instant::from_millis((1 << 32) + 49)).is_none());
        let datagram = agent.poll_transmit(Instant::from_millis((1 << 32) + 50)).unwrap();
        assert_eq!(word(datagram, 20), 50);
    });
}
