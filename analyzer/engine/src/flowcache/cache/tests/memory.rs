use super::*;

#[test]
fn memory_is_bounded_with_random_keys_and_forged_agents() {
    let limit = 2 << 20;
    let values = vec!["count:ipsource".to_owned()];
    let mut bench = Bench::with_memory(
        Definition { values, log: true, ..definition("ipsource,ipdestination", "bytes") },
        limit,
    );
    for name in ["a", "b"] {
        bench.cache.define(at(0.0), name, definition("ipsource", "frames")).unwrap();
    }
    let mut random = Random::new(4);
    for step in 0..40_000_u32 {
        let mut sample = entering(100);
        if step % 4 == 0 {
            sample.source.agent = Address::V4(Ipv4Addr::from_bits(random.next() as u32));
        }
        let seconds = f64::from(step) / 1000.0;
        bench.ingest(seconds, &sample, &ipv4(random.next() as u32, 1000));
        if step % 50 == 0 {
            bench.cache.tick(at(seconds), &mut bench.log);
        }
        assert!(bench.cache.usage().bytes < limit + limit / 10, "{:?}", bench.cache.usage());
    }
    let usage = bench.cache.usage();
    assert!(usage.forgotten > 5000 && usage.evicted > 1000, "{usage:?}");
    assert_eq!(usage.bytes, bench.cache.measured());
}

#[test]
fn table_that_evicts_below_its_share_gets_memory_of_the_largest() {
    let mut bench = Bench::with_memory(definition("ipsource", "frames"), 1 << 20);
    for host in 0..20_000 {
        bench.ingest(1.0, &entering(100), &ipv4(host, 1000));
    }
    bench.cache.define(at(1.0), "late", definition("ipsource", "frames")).unwrap();
    for round in 0..40 {
        for host in 0..2000 {
            bench.ingest(1.0, &entering(100), &ipv4(round * 100_000 + host, 1000));
        }
        bench.cache.tick(at(1.0), &mut bench.log);
    }
    let late = bench.cache.snapshot(at(1.0), "late").unwrap();
    let flows = late.top_keys(&AgentList::All, &Topology::default(), Some(usize::MAX));
    assert!(flows[0].keys.len() > 1500, "{}", flows[0].keys.len());
    assert_eq!(bench.cache.usage().bytes, bench.cache.measured());
}

#[test]
fn full_table_bounds_what_it_lost() {
    let mut bench = Bench::with_memory(definition("ipsource", "frames"), 60_000);
    let mut random = Random::new(8);
    let mut truth = [0.0; 5000];
    for _ in 0..30_000 {
        let host = random.zipf(5000) as usize;
        bench.ingest(1.0, &entering(1), &ipv4(host as u32, 1000));
        truth[host] += 0.5;
    }
    let snapshot = bench.snapshot(1.0);
    let flows = snapshot.top_keys(&AgentList::All, &Topology::default(), Some(usize::MAX));
    let flows = &flows[0];
    near(flows.total.value, 15_000.0);
    assert!(flows.keys.iter().any(|top| top.estimate.bound > 0.0));
    for top in &flows.keys {
        let bits = u32::from(top.key.parse::<Ipv4Addr>().unwrap());
        let (truth, estimate) = (truth[(bits - 0x0a00_0000) as usize], top.estimate);
        assert!(estimate.low <= truth * 1.000_001 && truth <= estimate.high * 1.000_001);
    }
    assert!(snapshot.floor() > 0.0 && snapshot.unseen().high >= snapshot.floor());
}

#[test]
fn unseen_flow_has_fewer_than_three_samples() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    for _ in 0..100 {
        bench.ingest(1.0, &entering(400), &ipv4(1, 1000));
    }
    let unseen = bench.snapshot(1.0).unseen();
    assert_eq!((unseen.value, unseen.low, unseen.bound), (0.0, 0.0, 0.0));
    near(unseen.high, 3.0 * 400.0 / 2.0);
}
