use super::*;

fn read(definition: Definition, packets: &[(u32, u32)]) -> ActiveFlow {
    let mut bench = Bench::new(definition);
    for (host, length) in packets {
        bench.ingest(1.0, &entering(100), &ipv4(*host, *length));
    }
    let mut flows = bench.active(1.0);
    assert_eq!(flows.len(), 1);
    flows.remove(0)
}

#[test]
fn numeric_key_is_averaged_and_not_multiplied_up() {
    let packets = [(1, 100), (2, 300)];
    near(read(definition("", "ipbytes"), &packets).estimate.value, 200.0);
    near(read(definition("", "avg:ipbytes"), &packets).estimate.value, 200.0);
    near(read(definition("", "rate:ipbytes"), &packets).estimate.value, 400.0 * 100.0 / 2.0);
    assert_eq!(read(definition("", "min:ipbytes"), &packets).estimate.value, 100.0);
    assert_eq!(read(definition("", "max:ipbytes"), &packets).estimate.value, 300.0);
    let repeated = [(1, 100), (2, 100), (2, 100)];
    assert_eq!(read(definition("", "count:ipsource"), &repeated).estimate.value, 2.0);
}

#[test]
fn further_values_are_in_the_order_of_the_definition() {
    let values = ["frames", "count:ipsource", "avg:ipbytes"].map(str::to_owned).to_vec();
    let flow =
        read(Definition { values, ..definition("ipdestination", "bytes") }, &[(1, 100), (2, 300)]);
    near(flow.estimate.value, 400.0 * 50.0);
    let values: Vec<f64> = flow.values.iter().map(|value| value.value).collect();
    near(values[0], 100.0);
    assert_eq!(values[1], 2.0);
    near(values[2], 200.0);
}

#[test]
fn totals_have_the_value_of_the_definition() {
    let mut bench = Bench::new(definition("ipsource", "avg:ipbytes"));
    bench.ingest(1.0, &entering(100), &ipv4(1, 100));
    bench.ingest(1.0, &entering(300), &ipv4(2, 500));
    let totals = bench.cache.totals(at(1.0), "flow").unwrap();
    near(totals[0].1.value, 400.0);
}

#[test]
fn flows_are_ordered_by_their_value_whatever_it_is() {
    let mut bench = Bench::new(definition("ipsource", "max:ipbytes"));
    for (host, length) in [(1, 100), (2, 900), (1, 100), (3, 500)] {
        bench.ingest(1.0, &entering(100), &ipv4(host, length));
    }
    let flows = bench.active(1.0);
    let values: Vec<f64> = flows.iter().map(|flow| flow.estimate.value).collect();
    assert_eq!(values, [900.0, 500.0, 100.0]);
}

#[test]
fn distinct_values_use_accounted_memory() {
    let mut bench = Bench::new(definition("ipdestination", "count:ipsource"));
    bench.ingest(1.0, &entering(100), &ipv4(0, 100));
    let before = bench.cache.usage().bytes;
    for host in 0..5000 {
        bench.ingest(1.0, &entering(100), &ipv4(host << 8, 100));
    }
    assert!(
        bench.cache.usage().bytes >= before + 2 * (1024 - 8 * 8),
        "total and entry have a sketch each"
    );
    let count = bench.active(1.0)[0].estimate;
    // The hash differs in each run: more than four standard errors. `distinct.rs` tests the interval.
    assert!((count.value / 5000.0 - 1.0).abs() < 0.15 && count.high > count.value, "{count:?}");
    assert_eq!(bench.cache.usage().bytes, bench.cache.measured());
    assert!(bench.cache.remove("flow"));
    assert_eq!(bench.cache.usage().bytes, bench.cache.measured());
}
