use super::*;
use crate::flowcache::DefinitionError;

#[test]
fn sample_adds_its_weight_per_time_constant() {
    let mut bench =
        Bench::new(Definition { t: 2.0, ..definition("ipsource,ipdestination", "bytes") });
    bench.ingest(1.0, &entering(100), &ipv4(7, 1000));
    bench.ingest(1.0, &entering(100), &ipv4(8, 500));
    let flows = bench.active(1.0);
    let keys: Vec<&str> = flows.iter().map(|flow| &*flow.key).collect();
    assert_eq!(keys, ["10.0.0.7,10.0.0.99", "10.0.0.8,10.0.0.99"]);
    near(flows[0].estimate.value, 1000.0 * 100.0 / 2.0);
    assert_eq!((flows[0].estimate.rate, flows[0].observers), (100.0, 1));
    assert_eq!(flows[0].source, entering(1).source);
    let later = bench.active(3.0);
    near(later[0].estimate.value, flows[0].estimate.value * (-1.0_f64).exp());
    let total = bench.cache.totals(at(1.0), "flow").unwrap();
    near(total[0].1.value, 1500.0 * 100.0 / 2.0);
}

#[test]
fn packet_without_a_key_belongs_to_no_flow() {
    let mut bench = Bench::new(definition("ipsource,udpsourceport", "bytes"));
    bench.ingest(1.0, &entering(100), &ipv4(7, 1000));
    assert!(bench.active(1.0).is_empty());
    assert_eq!(bench.cache.totals(at(1.0), "flow").unwrap().len(), 0);
}

#[test]
fn filter_selects_packets() {
    let filter = Some("ipsource=10.0.0.8".into());
    let mut bench = Bench::new(Definition { filter, ..definition("ipsource", "frames") });
    bench.ingest(1.0, &entering(100), &ipv4(7, 1000));
    bench.ingest(1.0, &entering(100), &ipv4(8, 1000));
    let flows = bench.active(1.0);
    assert_eq!(flows.iter().map(|flow| &*flow.key).collect::<Vec<_>>(), ["10.0.0.8"]);
}

#[test]
fn definition_without_keys_is_one_flow_with_an_empty_key() {
    let mut bench = Bench::new(definition("", "frames"));
    bench.ingest(1.0, &entering(100), &ipv4(7, 1000));
    bench.ingest(1.0, &entering(100), &ipv4(8, 1000));
    let flows = bench.active(1.0);
    assert_eq!((flows.len(), &*flows[0].key), (1, ""));
    near(flows[0].estimate.value, 100.0);
}

#[test]
fn identical_definition_keeps_its_flows_and_another_replaces_them() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    bench.ingest(1.0, &entering(100), &ipv4(7, 1000));
    bench.cache.define(at(1.0), "flow", definition("ipsource", "frames")).unwrap();
    assert_eq!(bench.active(1.0).len(), 1);
    let used = bench.cache.usage().bytes;
    bench.cache.define(at(1.0), "flow", definition("ipsource", "bytes")).unwrap();
    assert_eq!((bench.active(1.0).len(), bench.cache.usage().bytes), (0, used));
    assert_eq!(bench.cache.definitions().len(), 1);
}

#[test]
fn names_are_found_without_case_if_no_other_matches() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    bench.cache.define(at(0.0), "FLOW", definition("", "bytes")).unwrap();
    assert_eq!(bench.cache.definition("FLOW").unwrap().value, "bytes");
    assert_eq!(bench.cache.definition("flow").unwrap().value, "frames");
    assert!(bench.cache.definition("Flow").is_some());
    assert!(
        bench.cache.remove("FLOW") && bench.cache.remove("Flow") && !bench.cache.remove("flow")
    );
    assert_eq!(bench.cache.usage().bytes, 0);
}

#[test]
fn errors_name_attribute_and_place() {
    let mut cache = FlowCache::new(1 << 20);
    let mut error = |definition: Definition| {
        cache.define(at(0.0), "x", definition).expect_err("not usable").to_string()
    };
    assert_eq!(
        error(definition("ipsource,ipsorce", "bytes")),
        "keys: at character 10: unknown key `ipsorce`; did you mean `ipsource`?"
    );
    let filter = Some("ipsource=10.0.0.1&(".into());
    let filtered = error(Definition { filter, ..definition("", "bytes") });
    assert!(filtered.starts_with("filter: at character "), "{filtered}");
    assert_eq!(error(definition("", "")), "value: missing, such as `bytes` or `frames`");
    assert_eq!(
        error(definition("", "macsource")),
        "value: `macsource` is not a number; count it with `count:`"
    );
    let values = vec!["frames".to_owned(); 17];
    assert_eq!(error(Definition { values, ..definition("", "bytes") }), "values: more than 16");
    for name in ["", "a\nb", &"x".repeat(65)] {
        let defined = cache.define(at(0.0), name, definition("", "bytes"));
        assert_eq!(defined, Err(DefinitionError::Name));
    }
    assert_eq!(cache.definitions().len(), 0);
}

#[test]
fn definitions_are_limited() {
    let mut cache = FlowCache::new(1 << 20);
    for number in 0..1000 {
        cache.define(at(0.0), &number.to_string(), definition("", "bytes")).unwrap();
    }
    let one_more = cache.define(at(0.0), "x", definition("", "bytes"));
    assert_eq!(one_more, Err(DefinitionError::TooManyDefinitions));
    cache.define(at(0.0), "999", definition("", "frames")).unwrap();
    assert!(cache.usage().bytes <= 3400 * 1000, "{:?}", cache.usage());
}

#[test]
fn sampled_and_discarded_packets_are_apart() {
    let mut bench = Bench::new(Definition { dropped: true, ..definition("ipsource", "frames") });
    bench.ingest(1.0, &entering(100), &ipv4(7, 1000));
    assert!(bench.active(1.0).is_empty());
    bench.ingest(1.0, &Observed { discarded: true, ..entering(1) }, &ipv4(7, 1000));
    near(bench.active(1.0)[0].estimate.value, 0.5);
}
