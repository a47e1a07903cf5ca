//! Each formula against values computed by hand.

use core::time::Duration;
use std::collections::BTreeSet;

use flowmote_decoder::{Address, DataSource};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::source::Source;
use flowmote_engine::{Arrival, Instant};

use super::*;

const AGENT: Address = Address::V4(core::net::Ipv4Addr::new(192, 0, 2, 1));

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A counter sample of a data source, and the same `seconds` later with other numbers.
fn analyzer(class: u32, format: u32, first: &[u32], second: &[u32]) -> Analyzer {
    let mut analyzer = Analyzer::new(16 << 20);
    for (number, record) in (1..).zip([first, second]) {
        let seconds = number * 20;
        let length = 4 * record.len() as u32;
        let mut sample = words(&[number, class, 1, 1, format, length]);
        sample.extend(words(record));
        let head = [5, 1, 0xc000_0201, 0, number, seconds * 1000, 1, 4, sample.len() as u32];
        let payload = [words(&head), sample].concat();
        let time = Instant::after_start(Duration::from_secs(seconds.into()));
        analyzer.ingest(&Arrival { time, sender: None }, &payload);
    }
    analyzer
}

/// The numbers of the formulas in the last row of a record.
fn numbers(
    formulas: &'static [Formula],
    class: u32,
    format: u32,
    first: &[u32],
    second: &[u32],
) -> Vec<(&'static str, Option<f64>)> {
    let analyzer = analyzer(class, format, first, second);
    let source = Source { agent: AGENT, data_source: DataSource { class, index: 1 } };
    let record = analyzer.metrics().past_records(&source).next().unwrap();
    let row = record.newest().next().unwrap();
    let own = formulas.iter().filter(|formula| formula.record == record.name());
    own.map(|formula| (formula.name, (formula.value)(&row))).collect()
}

/// Compares the numbers of all formulas of a record.
fn check(
    formulas: &'static [Formula],
    [class, format]: [u32; 2],
    first: &[u32],
    second: &[u32],
    expected: &[(&str, f64)],
) {
    let found = numbers(formulas, class, format, first, second);
    let names = |list: &[(&str, f64)]| -> BTreeSet<String> {
        list.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    let known: Vec<_> = found.iter().map(|(name, number)| (*name, number.unwrap())).collect();
    assert_eq!(names(&known), names(expected));
    for (name, number) in expected {
        let (_, found) = known.iter().find(|(own, _)| own == name).unwrap();
        assert!((found - number).abs() < 1e-9, "{name}: {found}, not {number}");
    }
}

/// Load, processes, CPUs, clock, uptime, then user, nice, system, idle, wio, intr, sintr, interrupts,
/// contexts, steal, guest, guest_nice.
fn cpu(uptime: u32, times: [u32; 12]) -> Vec<u32> {
    let load = [1.5f32, 1.0, 0.5].map(f32::to_bits);
    [&load[..], &[3, 250, 4, 3000, uptime], &times].concat()
}

#[test]
fn processor() {
    let first = cpu(1000, [100, 20, 50, 1000, 10, 5, 5, 7, 8, 0, 40, 10]);
    // Differences: 400, 80, 200, 1000, 200, 30, 50, steal 40, guest 100, guest_nice 20: 2000 in all.
    let second = cpu(1020, [500, 100, 250, 2000, 210, 35, 55, 9, 9, 40, 140, 30]);
    // (400 + 80 + 200 + 30 + 50) / 2000
    check(ec2::FORMULAS, [2, 2003], &first, &second, &[("CPUUtilization", 38.0)]);
    check(
        agent::HOST,
        [2, 2003],
        &first,
        &second,
        &[
            ("cpu_usage_user", 15.0),
            ("cpu_usage_nice", 3.0),
            ("cpu_usage_system", 10.0),
            ("cpu_usage_idle", 50.0),
            ("cpu_usage_iowait", 10.0),
            ("cpu_usage_irq", 1.5),
            ("cpu_usage_softirq", 2.5),
            ("cpu_usage_steal", 2.0),
            ("cpu_usage_guest", 5.0),
            ("cpu_usage_guest_nice", 1.0),
            ("cpu_usage_active", 50.0),
            ("processes_running", 3.0),
            ("processes_total_threads", 250.0),
        ],
    );
}

#[test]
fn processor_times_wrap() {
    let first = cpu(1000, [u32::MAX - 99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    let second = cpu(1020, [100, 0, 0, 600, 0, 0, 0, 0, 0, 0, 0, 0]);
    check(ec2::FORMULAS, [2, 2003], &first, &second, &[("CPUUtilization", 25.0)]);
}

/// Records of before 2014 have no steal and no guests.
#[test]
fn short_record_of_the_processor() {
    let first = cpu(1000, [0; 12]);
    let second = cpu(1020, [100, 0, 0, 300, 0, 0, 0, 0, 0, 0, 0, 0]);
    let short = |record: &[u32]| record[..record.len() - 3].to_vec();
    let (first, second) = (short(&first), short(&second));
    check(ec2::FORMULAS, [2, 2003], &first, &second, &[("CPUUtilization", 25.0)]);
    let found = numbers(agent::HOST, 2, 2003, &first, &second);
    let of = |name| found.iter().find(|(own, _)| *own == name).unwrap().1;
    assert_eq!((of("cpu_usage_user"), of("cpu_usage_steal")), (Some(25.0), None));
}

/// A restart sets all counters back.
#[test]
fn restart_has_no_differences() {
    let first = cpu(1000, [500, 100, 250, 2000, 210, 35, 55, 9, 9, 40, 140, 30]);
    let second = cpu(20, [1, 1, 1, 100, 1, 1, 1, 1, 1, 1, 1, 1]);
    for (name, number) in numbers(ec2::FORMULAS, 2, 2003, &first, &second) {
        assert!(number.is_none_or(|it| (0.0..=100.0).contains(&it)), "{name}: {number:?}");
    }
    let io = |count: u32| [vec![0; 4], vec![0, 0, count, 0, count, 0, count, 0, count, 0]].concat();
    for (name, number) in numbers(ec2::FORMULAS, 2, 2005, &io(1000)[..13], &io(10)[..13]) {
        assert_eq!(number, None, "{name}");
    }
}

#[test]
fn memory() {
    // total, free, shared, buffers, cached, swap total and free: 64 bits each; then four counters.
    let record = [0, 8000, 0, 1000, 0, 50, 0, 500, 0, 2500, 0, 4000, 0, 3000, 0, 0, 0, 0];
    check(
        agent::HOST,
        [2, 2004],
        &record,
        &record,
        &[
            ("mem_total", 8000.0),
            ("mem_free", 1000.0),
            ("mem_cached", 2500.0),
            ("mem_buffered", 500.0),
            ("mem_used", 4000.0),
            ("mem_used_percent", 50.0),
            ("mem_available", 4000.0),
            ("mem_available_percent", 50.0),
            ("swap_free", 3000.0),
            ("swap_used", 1000.0),
            ("swap_used_percent", 25.0),
        ],
    );
    let mut without_swap = record;
    (without_swap[11], without_swap[13]) = (0, 0);
    let found = numbers(agent::HOST, 2, 2004, &without_swap, &without_swap);
    assert!(found.contains(&("swap_used_percent", Some(0.0))), "{found:?}");
}

#[test]
fn disks() {
    // total, free, part_max_used, reads, bytes_read, read_time, writes, bytes_written, write_time.
    let first = [1, 0, 0, 1 << 30, 8000, 10, 0, 1000, 5, 20, 0, 3000, 7];
    let second = [1, 0, 0, 1 << 30, 8150, 25, 1, 1000, 17, 60, 0, 7000, 57];
    let bytes = f64::from(1 << 16) * f64::from(1 << 16);
    check(
        ec2::FORMULAS,
        [2, 2005],
        &first,
        &second,
        &[
            ("DiskReadOps", 15.0),
            ("DiskWriteOps", 40.0),
            ("DiskReadBytes", bytes),
            ("DiskWriteBytes", 4000.0),
            ("EBSReadOps", 15.0),
            ("EBSWriteOps", 40.0),
            ("EBSReadBytes", bytes),
            ("EBSWriteBytes", 4000.0),
        ],
    );
    check(
        agent::HOST,
        [2, 2005],
        &first,
        &second,
        &[
            ("disk_total", bytes),
            ("disk_free", bytes / 4.0),
            ("disk_used", bytes * 0.75),
            ("disk_used_percent", 75.0),
            ("diskio_reads", 15.0),
            ("diskio_writes", 40.0),
            ("diskio_read_bytes", bytes),
            ("diskio_write_bytes", 4000.0),
            ("diskio_read_time", 12.0),
            ("diskio_write_time", 50.0),
        ],
    );
    let worst = [("disk_worst_used_percent", 81.5)];
    check(flowmote::FORMULAS, [2, 2005], &first, &second, &worst);
}

#[test]
fn network() {
    // bytes_in, pkts_in, errs_in, drops_in, bytes_out, pkts_out, errs_out, drops_out.
    let first = [0, 100, 10, 0, 0, 0, 200, 20, 0, 0];
    let second = [0, 5100, 60, 1, 2, 0, 9200, 90, 3, 4];
    check(
        ec2::FORMULAS,
        [2, 2006],
        &first,
        &second,
        &[
            ("NetworkIn", 5000.0),
            ("NetworkOut", 9000.0),
            ("NetworkPacketsIn", 50.0),
            ("NetworkPacketsOut", 70.0),
        ],
    );
    check(
        agent::HOST,
        [2, 2006],
        &first,
        &second,
        &[
            ("net_bytes_recv", 5000.0),
            ("net_bytes_sent", 9000.0),
            ("net_packets_recv", 50.0),
            ("net_packets_sent", 70.0),
            ("net_err_in", 1.0),
            ("net_drop_in", 2.0),
            ("net_err_out", 3.0),
            ("net_drop_out", 4.0),
        ],
    );
}

#[test]
fn interface() {
    // After the head in and out: octets, unicast, multicast, broadcast, discards, errors.
    let head = [1, 6, 0, 1_000_000_000, 1, 3];
    let first = [&head[..], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, u32::MAX, 0, 0, 0, 0]].concat();
    let second = [&head[..], &[0, 900, 5, 2, 1, 3, 4, 0, 0, 800, 6, u32::MAX, 1, 7, 8, 0]].concat();
    check(
        agent::INTERFACE,
        [0, 1],
        &first,
        &second,
        &[
            ("net_bytes_recv", 900.0),
            ("net_packets_recv", 8.0),
            ("net_drop_in", 3.0),
            ("net_err_in", 4.0),
            ("net_bytes_sent", 800.0),
            // Multicast is unknown.
            ("net_packets_sent", 7.0),
            ("net_drop_out", 7.0),
            ("net_err_out", 8.0),
        ],
    );
}

#[test]
fn tcp() {
    // RtoAlgorithm, RtoMin, RtoMax, MaxConn, active and passive opens, attempt fails, resets, established,
    // segments in and out, retransmitted, errors, resets out, checksum errors.
    let first = [1, 2, 3, 4, 10, 20, 30, 40, 55, 0, 1000, 5, 0, 0, 0];
    let second = [1, 2, 3, 4, 11, 23, 35, 47, 56, 0, 1400, 15, 0, 0, 0];
    let established = [("netstat_tcp_established", 56.0)];
    check(agent::HOST, [2, 2009], &first, &second, &established);
    check(
        flowmote::FORMULAS,
        [2, 2009],
        &first,
        &second,
        &[
            ("tcp_active_opens", 1.0),
            ("tcp_passive_opens", 3.0),
            ("tcp_attempt_fails", 5.0),
            ("tcp_estab_resets", 7.0),
            ("tcp_retrans", 10.0),
            ("tcp_retrans_percent", 2.5),
        ],
    );
}

#[test]
fn every_formula_is_of_a_record_that_is_tested_here() {
    let tested = ["host_cpu", "host_memory", "host_disk_io", "host_net_io", "mib2_tcp_group"];
    for formula in ec2::FORMULAS.iter().chain(agent::HOST).chain(flowmote::FORMULAS) {
        assert!(tested.contains(&formula.record), "{}", formula.name);
    }
    assert!(agent::INTERFACE.iter().all(|formula| formula.record == "if_counters"));
}
