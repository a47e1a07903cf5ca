//! `rtmetric` and `rtflow`.

use flowmote_decoder::{RtValue, Sample};
use flowmote_lab::net::{Capture, send};

use crate::{COUNTERS, port, start};

/// The values of all `rtmetric` samples of a data source, in order, and the number of samples.
fn metrics(capture: &Capture, datasource: &str) -> (usize, Vec<String>) {
    let is_metric = |sample| match sample {
        Sample::RtMetric(metric) if metric.datasource.0 == datasource.as_bytes() => Some(metric),
        _ => None,
    };
    let samples: Vec<_> = capture.samples().into_iter().filter_map(is_metric).collect();
    let values =
        samples.iter().flat_map(|sample| sample.values()).map(|value| shown(value.unwrap()));
    (samples.len(), values.collect())
}

fn shown(value: RtValue<'_>) -> String {
    format!("{} {} {:?}", value.name, value.type_code, value.value)
}

#[test]
fn metrics_and_flows_of_users_are_sent_without_the_wrong_ones() {
    let Some((_lab, host, collector, agent)) = start("json { }") else { return };
    let metric = r#"{"rtmetric":{"ups":{"type":"gauge32","value":1},"datasource":"power",
        "name":{"type":"string","value":"x"},"text":{"type":"string","value":7},
        "volt":{"type":"gaugeFloat","value":230.5},"bad name":{"type":"gauge32","value":1}}}"#;
    let flow = r#"{"rtflow":{"datasource":"web","sampling_rate":10,
        "mac":{"type":"mac","value":"020304050607"},"who":{"type":"ip","value":"10.0.0.1"},
        "broken":{"type":"mac","value":1},"size":{"type":"int64","value":-5}}}"#;
    // hsflowd writes over the end of its buffer.
    let gauges = |count: usize| {
        let gauge = |number| format!(r#","g{number:03}":{{"type":"gauge32","value":{number}}}"#);
        (0..count).map(gauge).collect::<String>()
    };
    let many = format!(r#"{{"rtmetric":{{"datasource":"many"{}}}}}"#, gauges(250));
    let large = gauges(200).replace("gauge32", "int32");
    let large = format!(r#"{{"rtflow":{{"datasource":"large"{large}}}}}"#);
    let unnamed = r#"{"rtmetric":{"a":{"type":"gauge32","value":1}}}"#;
    let digit = r#"{"rtflow":{"datasource":"1","a":{"type":"int32","value":1}}}"#;
    send(&host, port(), &[metric, flow, &many, &large, unnamed, digit]);
    send(&host, port(), &[COUNTERS]);
    collector.wait_for("the last", |capture| !capture.counters_samples().is_empty());
    let statistics = agent.statistics(1);
    let log = agent.stop();
    let capture = collector.finish();
    capture.check();
    let power = ["ups 3 U32(1)", "name 0 Text(Text([120]))", "volt 5 F32(230.5)"];
    assert_eq!(metrics(&capture, "power"), (1, power.map(str::to_owned).to_vec()));
    let (samples, values) = metrics(&capture, "many");
    assert_eq!((samples, values.len()), (4, 250));
    assert!(values.iter().zip(0..).all(|(value, n)| *value == format!("g{n:03} 3 U32({n})")));
    let flows = capture.samples().into_iter();
    let flows: Vec<_> = flows
        .filter_map(|sample| if let Sample::RtFlow(flow) = sample { Some(flow) } else { None })
        .collect();
    assert_eq!(flows.len(), 1, "the large one is refused");
    assert_eq!((flows[0].datasource.0, flows[0].sampling_rate), (&b"web"[..], 10));
    let values: Vec<_> = flows[0].values().map(|value| value.unwrap().name.to_string()).collect();
    assert_eq!(values, ["mac", "who", "size"]);
    for expected in [
        "2 values of the wrong type in JSON messages",
        "2 names in JSON messages that collectors do not accept",
        "1 JSON messages without a key that they need",
        "1 JSON flows that need more than a datagram",
    ] {
        assert!(statistics.contains(expected), "{expected}: {statistics}");
    }
    for line in [
        "json: rtmetric: \"text\" needs a text in quotes",
        "json: rtmetric: \"bad name\" needs a name of up to 64 letters, digits, - and _",
        "json: rtflow \"large\" needs more than a datagram",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
}
