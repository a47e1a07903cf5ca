use super::*;

#[test]
fn samples_of_a_batch_count_like_single_ones() {
    let values = vec!["count:ipdestination".to_owned(), "max:bytes".to_owned()];
    let definitions = [
        ("a", Definition { log: true, ..definition("ipsource", "bytes") }),
        ("b", Definition { values, ..definition("ipsource", "frames") }),
        ("c", Definition { filter: Some("bytes=1004".into()), ..definition("", "avg:bytes") }),
    ];
    let [mut together, mut single] = [(); 2].map(|()| FlowCache::new(64 << 20));
    for (name, definition) in definitions {
        for cache in [&mut together, &mut single] {
            cache.define(at(0.0), name, definition.clone()).expect("a definition");
        }
    }
    let lookup = Lookup::default();
    let context = Context::new(&lookup);
    let mut batch = together.batch(at(1.0));
    for host in 0..50 {
        with_packet(&ipv4(host % 7, 1000 + host), |packet| {
            batch.ingest(&entering(100), packet, &context);
            single.batch(at(1.0)).ingest(&entering(100), packet, &context);
        });
    }
    drop(batch);
    for name in ["a", "b", "c"] {
        let flows = [&together, &single].map(|cache| {
            let snapshot = cache.snapshot(at(1.0), name).expect("defined");
            let mut flows = active(&snapshot, AggMode::Max, &Topology::default());
            flows.sort_by(|a, b| a.key.cmp(&b.key));
            flows
        });
        assert!(!flows[0].is_empty());
        assert_eq!(flows[0], flows[1], "{name}");
    }
    assert_eq!(together.samples().map(|(_, samples)| samples).collect::<Vec<_>>(), [50, 50, 1]);
}

#[test]
fn samples_of_a_batch_do_not_pass_to_a_data_source_that_takes_the_place_of_theirs() {
    let mut bench = Bench::with_memory(definition("ipsource", "frames"), 20_000);
    let lookup = Lookup::default();
    let context = Context::new(&lookup);
    let mut batch = bench.cache.batch(at(1.0));
    with_packet(&ipv4(7, 1000), |packet| {
        for port in 1..=17 {
            batch.ingest(&sampled(agent(1), port, (port, 99), 100), packet, &context);
        }
    });
    drop(batch);
    let totals = bench.cache.totals(at(1.0), "flow").expect("defined");
    assert_eq!((totals.len(), bench.cache.usage().forgotten), (13, 4));
    for (_, total) in totals {
        near(total.samples, 1.0);
    }
}
