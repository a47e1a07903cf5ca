use super::*;

fn logged(definition: Definition) -> Bench {
    Bench::new(Definition { log: true, t: 0.5, ..definition })
}

impl Bench {
    /// One sample a second of host 7, from `start` to before `end`, and a tick after each.
    fn traffic(&mut self, start: u32, end: u32) {
        for second in start..end {
            self.ingest(f64::from(second), &entering(100), &ipv4(7, 1000));
            self.cache.tick(at(f64::from(second) + 0.6), &mut self.log);
        }
    }

    fn ticks(&mut self, from: f64, to: f64) {
        let mut seconds = from;
        while seconds < to {
            self.cache.tick(at(seconds), &mut self.log);
            seconds += 0.05;
        }
    }

    fn records(&self) -> Vec<FlowRecord> {
        self.log.after(None, 100, None).records
    }
}

#[test]
fn flow_is_recorded_when_it_is_idle() {
    let mut bench = logged(definition("ipsource", "bytes"));
    bench.traffic(10, 14);
    bench.ticks(14.0, 15.4);
    assert!(bench.records().is_empty(), "active a moment ago");
    bench.ticks(15.4, 18.0);
    let records = bench.records();
    assert_eq!(records.len(), 1);
    let record = &records[0];
    assert_eq!((record.id, &*record.name, &*record.keys), (0, "flow", "10.0.0.7"));
    assert_eq!((record.start, record.end), (at(10.0), at(13.0)));
    assert_eq!((record.value, record.source), (4.0 * 100.0 * 1000.0, entering(1).source));
}

#[test]
fn flow_that_stays_is_recorded_after_the_active_timeout() {
    let mut bench = logged(Definition { active_timeout: 10.0, ..definition("ipsource", "frames") });
    bench.traffic(0, 36);
    let mut records = bench.records();
    records.reverse();
    assert_eq!(records.len(), 3);
    assert_eq!(records.iter().map(|record| record.id).collect::<Vec<_>>(), [0, 1, 2]);
    for pair in records.windows(2) {
        assert_eq!(pair[1].start.since(pair[0].end), Duration::from_secs(1));
    }
    let packets: f64 = records.iter().map(|record| record.value).sum();
    let covered = records[2].end.since(records[0].start).as_secs_f64();
    assert_eq!(packets, (covered + 1.0) * 100.0);
}

#[test]
fn flow_start_records_the_beginning_only() {
    let mut bench = logged(Definition { flow_start: true, ..definition("ipsource", "frames") });
    bench.traffic(0, 5);
    assert_eq!(bench.records().len(), 1);
    bench.ticks(5.0, 20.0);
    assert_eq!(bench.records().len(), 1);
    bench.traffic(20, 22);
    let records = bench.records();
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].start, records[0].end), (at(20.0), at(20.0)));
}

#[test]
fn evicted_and_removed_flows_are_recorded() {
    let mut bench =
        Bench::with_memory(Definition { log: true, ..definition("ipsource", "frames") }, 40_000);
    for host in 0..900 {
        bench.ingest(1.0, &entering(100), &ipv4(host, 1000));
    }
    bench.cache.tick(at(1.0), &mut bench.log);
    let evicted = bench.cache.usage().evicted;
    assert!(evicted > 100);
    assert_eq!(bench.log.len(), evicted);
    bench.cache.remove("flow");
    bench.cache.tick(at(1.0), &mut bench.log);
    assert_eq!((bench.log.len(), bench.log.lost()), (900, 0));
}

#[test]
fn flows_without_log_are_not_recorded() {
    let mut bench = Bench::new(Definition { t: 0.5, ..definition("ipsource", "frames") });
    bench.traffic(0, 5);
    bench.ticks(5.0, 30.0);
    assert!(bench.log.is_empty());
    assert_eq!(bench.cache.usage().flows, 0, "idle flows are removed");
}

#[test]
fn records_that_no_tick_fetches_are_bounded() {
    let mut bench =
        Bench::new(Definition { log: true, flow_start: true, ..definition("ipsource", "frames") });
    for host in 0..10_050 {
        bench.ingest(1.0, &entering(100), &ipv4(host, 1000));
    }
    bench.cache.tick(at(1.0), &mut bench.log);
    assert_eq!((bench.log.len(), bench.log.lost()), (10_000, 50));
}

#[test]
fn records_with_long_keys_are_bounded_by_bytes() {
    let keys = format!("ipsource,null:vlan:{}", "x".repeat(1000));
    let mut bench =
        Bench::new(Definition { log: true, flow_start: true, ..definition(&keys, "frames") });
    for host in 0..5000 {
        bench.ingest(1.0, &entering(100), &ipv4(host, 1000));
    }
    bench.cache.tick(at(1.0), &mut bench.log);
    assert!((4000..4200).contains(&bench.log.len()), "{}", bench.log.len());
    assert_eq!(bench.log.len() + bench.log.lost(), 5000);
}
