//! Counters that wrap, restart, are unknown, repeated or late.

use super::*;

#[test]
fn counters_of_32_bits_wrap() {
    let mut device = Device::new(0, 5);
    device.send(0, &[(1, interface(0, u32::MAX - 5, 0))]);
    device.send(10, &[(1, interface(0, 4, 0))]);
    assert_eq!(device.number("ifinucastpkts"), Some(1.0));
}

#[test]
fn counter_that_went_back_was_reset_with_its_record() {
    let mut device = Device::new(0, 5);
    device.send(0, &[(1, interface(5_000_000, 1000, 0))]);
    device.send(10, &[(1, interface(6_000_000, 1100, 0))]);
    assert_eq!(device.number("ifinucastpkts"), Some(10.0));
    // 64 bits do not wrap. The packets alone could have wrapped.
    device.send(10, &[(1, interface(100, 2000, 0))]);
    assert_eq!(device.number("ifinoctets"), None);
    assert_eq!(device.number("ifinucastpkts"), None);
    assert_eq!(device.number("ifinutilization"), None);
    device.send(10, &[(1, interface(1100, 2010, 0))]);
    assert_eq!(device.number("ifinoctets"), Some(100.0));
}

#[test]
fn duplicates_and_late_samples_change_nothing() {
    let mut device = Device::new(0, 5);
    device.receive(10, 1000, &[(1, interface(0, 0, 0))]);
    device.receive(12, 1040, &[(1, interface(4000, 0, 0))]);
    device.receive(11, 1020, &[(1, interface(1000, 0, 0))]);
    device.receive(12, 1040, &[(1, interface(4000, 0, 0))]);
    assert_eq!(device.number("ifinoctets"), Some(100.0));
    device.receive(13, 1060, &[(1, interface(6000, 0, 0))]);
    assert_eq!(device.number("ifinoctets"), Some(100.0));
}

#[test]
fn restarted_agent_has_no_rate_until_its_second_sample() {
    let mut device = Device::new(0, 5);
    device.receive(10, 1_000_000, &[(1, interface(0, 0, 0))]);
    device.receive(11, 1_000_020, &[(1, interface(2000, 0, 0))]);
    assert_eq!(device.number("ifinoctets"), Some(100.0));
    device.receive(1, 5, &[(1, interface(9000, 0, 0))]);
    assert_eq!(device.number("ifinoctets"), None);
}

#[test]
fn wrap_that_the_link_is_too_slow_for_is_a_reset() {
    let mut device = Device::new(0, 5);
    device.send(0, &[(1, interface(0, 3_000_000_000, 0))]);
    // A wrap would be 1.3e9 packets in 20 s; 1 Gbit/s carries 1.5e6 packets/s.
    device.send(20, &[(1, interface(1000, 7, 0))]);
    assert_eq!(device.number("ifinucastpkts"), None);
    assert_eq!(device.number("ifinoctets"), None);
    device.send(20, &[(1, interface(3000, 27, 0))]);
    assert_eq!(device.number("ifinucastpkts"), Some(1.0));
    assert_eq!(device.number("ifinoctets"), Some(100.0));
}

#[test]
fn counter_that_becomes_unknown_or_known_has_no_rate() {
    let mut device = Device::new(0, 5);
    device.send(0, &[(1, interface(1000, 10, 0))]);
    device.send(10, &[(1, interface(u64::MAX, u32::MAX, 0))]);
    assert_eq!(device.number("ifinoctets"), None);
    assert_eq!(device.number("ifinucastpkts"), None);
    assert_eq!(device.number("ifinmulticastpkts"), Some(0.0));
    assert_eq!(device.number("ifinpkts"), Some(0.0));
    device.send(10, &[(1, interface(3000, 30, 0))]);
    assert_eq!(device.number("ifinoctets"), None);
    device.send(10, &[(1, interface(4000, 40, 0))]);
    assert_eq!(device.number("ifinoctets"), Some(100.0));
    assert_eq!(device.number("ifinucastpkts"), Some(1.0));
}

#[test]
fn lost_samples_stretch_the_interval() {
    let mut device = Device::new(0, 5);
    device.receive(1, 1000, &[(1, interface(0, 0, 0))]);
    device.receive(4, 1060, &[(1, interface(6000, 60, 0))]);
    assert_eq!(device.number("ifinoctets"), Some(100.0));
}

/// Times of a CPU and the uptime, in a record of 68 bytes.
fn cpu(uptime: u32, user: u32, idle: u32, wait: u32) -> [(u32, Vec<u8>); 1] {
    let mut record = vec![0; 7];
    record.extend([uptime, user, 0, 0, idle, wait, 0, 0, 0, 0]);
    [(2003, words(&record))]
}

#[test]
fn idle_times_may_step_back_but_not_the_uptime() {
    let mut device = Device::new(2, 1);
    device.send(0, &cpu(5000, 0, 0, 900));
    device.send(10, &cpu(5010, 1000, 9000, 800));
    assert_eq!(device.number("cpu_wio"), Some(0.0));
    assert_eq!(device.number("cpu_user"), Some(10.0));
    assert_eq!(device.number("cpu_utilization"), Some(10.0));
    device.send(10, &cpu(4, 2000, 18_000, 800));
    assert_eq!(device.number("cpu_user"), None);
    assert_eq!(device.number("uptime"), Some(4.0));
}

/// `queue_length` of queue `index` in which `count` packets found nothing before them.
fn queue(index: u32, count: u32) -> (u32, Vec<u8>) {
    (1003, words(&[index, 64, 100, count, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
}

#[test]
fn queues_of_a_port_have_metrics_of_their_own() {
    let mut device = Device::new(0, 5);
    device.send(0, &[queue(0, 0), queue(7, 100)]);
    device.send(10, &[queue(0, 10), queue(7, 300)]);
    assert_eq!(device.number("queue_0_length0"), Some(1.0));
    assert_eq!(device.number("queue_7_length0"), Some(20.0));
}

#[test]
fn longer_record_adds_to_the_schema_of_shorter_ones() {
    let mut device = Device::new(2, 1);
    let longer = |steal: u32| {
        let [(format, mut record)] = cpu(5000, 0, 0, 0);
        record.extend(words(&[steal, 5, 6]));
        [(format, record)]
    };
    device.send(0, &cpu(5000, 0, 0, 0));
    device.send(10, &longer(0));
    device.send(10, &longer(1000));
    assert_eq!(device.number("cpu_steal"), Some(100.0));
    // Fields that are absent again are unknown.
    device.send(10, &cpu(5000, 10, 0, 0));
    assert_eq!(device.number("cpu_steal"), None);
    assert_eq!(device.number("cpu_user"), Some(100.0));
}

#[test]
fn custom_metrics_have_the_types_of_their_sample() {
    let mut device = Device::new(2, 1);
    let seven = 7_u64.to_be_bytes();
    custom(&mut device, 1000, "count32", 1, &(u32::MAX - 3).to_be_bytes());
    custom(&mut device, 1000, "count64", 2, &seven);
    assert_eq!(device.get("count32"), None);
    // The same datagram once more, then the next one.
    for seconds in [1000, 1010] {
        custom(&mut device, seconds, "count32", 1, &6_u32.to_be_bytes());
        custom(&mut device, seconds, "count64", 2, &57_u64.to_be_bytes());
    }
    assert_eq!(device.number("count32"), Some(1.0));
    assert_eq!(device.number("count64"), Some(5.0));
    custom(&mut device, 1020, "count64", 2, &seven);
    assert_eq!(device.get("count64"), None);
    custom(&mut device, 1000, "gauge32", 3, &8_u32.to_be_bytes());
    custom(&mut device, 1000, "gauge64", 4, &seven);
    custom(&mut device, 1000, "float", 5, &1.5_f32.to_be_bytes());
    custom(&mut device, 1000, "double", 6, &f64::NAN.to_be_bytes());
    custom(&mut device, 1000, "word", 0, &text("green"));
    let numbers = ["gauge32", "gauge64", "float", "double"].map(|name| device.number(name));
    assert_eq!(numbers, [Some(8.0), Some(7.0), Some(1.5), None]);
    assert_eq!(device.text("word").as_deref(), Some("green"));
    custom(&mut device, 1000, "no.dots", 3, &8_u32.to_be_bytes());
    assert_eq!((device.get("no.dots"), device.metrics.ignored), (None, 1));
}
