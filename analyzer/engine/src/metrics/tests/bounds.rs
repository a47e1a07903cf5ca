//! Memory, expiry, and input that no agent sends.

use flowmote_decoder::record::Space;
use flowmote_decoder::{Counter, DataFormat};

use super::*;

fn at(seconds: u64) -> Instant {
    Instant::after_start(Duration::from_secs(seconds))
}

#[test]
fn silent_data_sources_expire() {
    let mut device = Device::new(0, 5);
    let record = [(1, interface(0, 0, 0))];
    device.send(0, &record);
    device.metrics.tick(at(2199));
    assert_eq!(device.metrics.sources(), 1);
    // Every 20 s: expired after five minutes.
    device.send(20, &record);
    device.metrics.tick(at(1319));
    assert_eq!(device.metrics.sources(), 1);
    device.metrics.tick(at(1320));
    assert_eq!((device.metrics.sources(), device.metrics.bytes), (0, 0));
    // Every 600 s: after five of them.
    device.send(0, &record);
    device.send(600, &record);
    device.metrics.tick(at(1620 + 2999));
    assert_eq!(device.metrics.sources(), 1);
    device.metrics.tick(at(1620 + 3000));
    assert_eq!(device.metrics.sources(), 0);
}

#[test]
fn data_sources_expire_in_parts() {
    let mut device = Device::new(0, 0);
    for index in 1..=100 {
        device.source.index = index;
        device.send(0, &[(1005, text("eth0"))]);
    }
    device.metrics.tick(at(100_000));
    let after_one = device.metrics.sources();
    assert!((80..100).contains(&after_one), "{after_one}");
    assert_eq!(device.metrics.bytes, counted(&device.metrics));
    for _ in 0..60 {
        device.metrics.tick(at(100_000));
    }
    assert_eq!((device.metrics.sources(), device.metrics.bytes), (0, 0));
}

#[test]
fn record_that_is_sent_no_more_expires_alone() {
    let mut device = Device::new(0, 5);
    let both = [(1, interface(0, 0, 0)), (1005, text("eth5"))];
    device.send(0, &both);
    device.send(20, &both);
    for _ in 0..20 {
        device.send(20, &both[..1]);
    }
    device.metrics.tick(at(device.seconds.into()));
    assert_eq!(device.text("ifname"), None);
    assert_eq!(device.text("ifoperstatus").as_deref(), Some("down"));
}

/// `host_adapters` with a MAC address that ends with `last`.
fn adapter(last: u32) -> [(u32, Vec<u8>); 2] {
    [(2001, words(&[1, 0, 1, 0x0200_0000 | last >> 16, last << 16])), (1005, text("eth5"))]
}

#[test]
fn adapters_are_bounded_and_expire_with_their_host() {
    use crate::keys::Names;
    use flowmote_decoder::MacAddress;
    let mut device = Device::new(2, 1);
    let name = |device: &Device, last: u8| {
        device.metrics.host(MacAddress([2, 0, 0, 0, 0, last]), "ifname")
    };
    device.send(0, &adapter(1));
    assert_eq!((name(&device, 1).as_deref(), name(&device, 2)), (Some("eth5"), None));
    (0..10_000).for_each(|last| device.send(0, &adapter(last)));
    assert!(device.metrics.adapters.bytes() <= 1 << 15);
    assert_eq!(name(&device, 1).as_deref(), Some("eth5"));
    device.metrics.tick(at(100_000));
    assert_eq!((name(&device, 1), device.metrics.adapters.bytes()), (None, 0));
}

fn port(index: u32) -> [(u32, Vec<u8>); 3] {
    let mut record = interface(0, 0, 0);
    record[..4].copy_from_slice(&index.to_be_bytes());
    [(1, record), (2, vec![0; 52]), (1005, text("Ethernet1/1"))]
}

/// The sum over all data sources, which the running total must equal.
fn counted(metrics: &Metrics) -> usize {
    metrics.entities.values().map(Entity::bytes).sum()
}

/// The bytes of that many agents, each with five ports.
fn bytes_of(agents: u32) -> usize {
    let mut device = Device::new(0, 5);
    device.metrics = Metrics::new(1 << 30);
    for agent in 0..agents {
        device.agent = Address::V4((0x0a00_0000 + agent).into());
        (1..=5).for_each(|index| device.send(0, &port(index)));
    }
    assert_eq!((device.metrics.sources(), device.metrics.evicted), (5 * agents as usize, 0));
    assert_eq!(device.metrics.bytes, counted(&device.metrics));
    device.metrics.bytes
}

#[test]
fn memory_is_linear_and_less_than_1536_bytes_for_a_port() {
    let bytes = bytes_of(1000);
    assert_eq!(bytes, 4 * bytes_of(250));
    assert!(bytes / 5000 <= 1536, "{} bytes for a port", bytes / 5000);
}

#[test]
fn full_memory_evicts_what_is_silent_longest() {
    let mut device = Device::new(0, 5);
    device.metrics = Metrics::new(256 << 10);
    for index in 0..2000 {
        device.send(1, &port(index));
        assert!(device.metrics.bytes() <= 256 << 10);
    }
    assert_eq!(device.metrics.evicted as usize + device.metrics.sources(), 2000);
    assert_eq!(device.metrics.bytes, counted(&device.metrics));
    let has = |index| {
        let source = Source { agent: AGENT, data_source: DataSource { class: 0, index } };
        device.metrics.get(&source, "ifname").is_some()
    };
    assert!(has(1999) && has(1980) && !has(0) && !has(1500));
}

#[test]
fn names_of_custom_metrics_are_used_again() {
    let mut names = Names::default();
    for number in 0..16_384 {
        assert!(names.custom(&format!("m{number}"), at(number / 1000)).is_some());
    }
    assert_eq!(names.custom("one-more", at(17)), None);
    let field = names.field("m16383");
    let before = names.bytes();
    names.expire(at(MAX_SILENCE.as_secs() + 10), MAX_SILENCE);
    // Those of the seconds 0 to 9.
    assert_eq!((names.get("m9999"), names.get("m10000").is_some()), (None, true));
    assert!(names.bytes() < before / 2);
    assert!(names.custom("one-more", at(5000)).is_some());
    names.expire(at(1_000_000), MAX_SILENCE);
    assert_eq!(names.iter().count(), 1);
    assert_eq!(&*names.name(field), "m16383");
}

/// The same numbers in every run.
fn noise(state: &mut u64) -> u32 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as u32
}

#[test]
fn arbitrary_records_change_nothing_but_metrics() {
    let formats = [0, 4300, 4413, 5703]
        .into_iter()
        .flat_map(|enterprise| (1..=3100).map(move |format| DataFormat::new(enterprise, format)));
    let known = formats.filter(|format| <Counter as Space>::name(*format).is_some());
    let known: Vec<DataFormat> = known.collect();
    assert!(known.len() > 50, "{} records", known.len());
    let mut device = Device::new(0, 5);
    device.faults = true;
    let mut state = 1;
    for round in 0..60 {
        for format in &known {
            // Small words are plausible counts of lists and lengths of texts.
            let length = noise(&mut state) % 80;
            let mask = [u32::MAX, 0xff, 0x7, u32::MAX << 28][round % 4];
            let record: Vec<u32> = (0..length).map(|_| noise(&mut state) & mask).collect();
            device.source.class = noise(&mut state) % 4;
            device.send(noise(&mut state) % 30, &[(format.0, words(&record))]);
        }
    }
    let all = device.find(None, None, &MetricFilter::default());
    assert!(all.len() > 500, "{} metrics", all.len());
    for found in &all {
        assert!(found.value.number().is_none_or(f64::is_finite), "{found:?}");
        assert!(found.name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')));
    }
    assert_eq!(device.metrics.bytes, counted(&device.metrics));
}
