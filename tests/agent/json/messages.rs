//! Messages with mistakes, and several in a datagram.

use flowmote_decoder::flow::{AppOperation, AppParentContext};
use flowmote_lab::net::send;
use flowmote_lab::record;

use crate::{FLOW, operation, port, sources, start};

/// The datagrams that corrupt hsflowd's memory, and other mistakes.
#[test]
fn hostile_datagrams_cost_a_counter() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let long = "p".repeat(9000);
    let deep = format!("{}{}", "[".repeat(4500), "]".repeat(4500));
    let context = format!(
        r#"{{"flow_sample":{{"app_name":"{long}","app_operation":{{"operation":"{}"}}}}}}"#,
        "o".repeat(500)
    );
    let parent = format!(
        r#"{{"flow_sample":{{"app_name":"long","app_operation":{{}},"app_parent_context":
           {{"application":"{long}"}}}}}}"#
    );
    let nested = format!(r#"{{"flow_sample":{{"app_name":{deep},"app_operation":{{}}}}}}"#);
    let ignored =
        format!(r#"{{"flow_sample":{{"app_name":"deep","other":{deep},"app_operation":{{}}}}}}"#);
    let too_large = format!("{{{}}}", " ".repeat(10_000));
    let datagrams: [&[u8]; 22] = [
        b"",
        b"   \n\0",
        // Syntax.
        b"{",
        b"flow_sample",
        br#"{"flow_sample":{"app_name":"x\n"#,
        b"{\"flow_sample\":{\"app_name\":\"\xff\",\"app_operation\":{}}}",
        br#"{"flow_sample":{"app_name":"\u0000\ud800","app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","sampling_rate":1e400,"app_operation":{}}}"#,
        // Types.
        deep.as_bytes(),
        nested.as_bytes(),
        br#"{"flow_sample":[1,2]}"#,
        br#"{"flow_sample":{"app_name":7,"app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","sampling_rate":-1,"app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","app_name":"b","app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a","app_operation":["get"]}}"#,
        // Missing, unknown, out of range.
        br#"{"flow_sample":{"app_operation":{}}}"#,
        br#"{"flow_sample":{"app_name":"a"}}"#,
        br#"{"flow_samples":{}}"#,
        br#"{"flow_sample":{"app_name":"a","service_port":65536,"app_operation":{}}}"#,
        too_large.as_bytes(),
        // These are samples, with their texts cut.
        context.as_bytes(),
        parent.as_bytes(),
    ];
    send(&host, port(), &datagrams);
    send(&host, port(), &[ignored.as_bytes(), FLOW.as_bytes()]);
    collector.wait_for("the last", |capture| sources(&capture.flow_samples()).contains(&(3, 8080)));
    let statistics = agent.statistics(1);
    for expected in [
        "6 JSON objects with a syntax error",
        "7 values of the wrong type in JSON messages",
        "2 JSON messages without a key that they need",
        "1 JSON messages of an unknown kind",
        "1 ports and addresses in JSON messages that are none",
        "1 JSON inputs of more than 10,000 bytes",
    ] {
        assert!(statistics.contains(expected), "{expected}: {statistics}");
    }
    let log = agent.stop();
    for line in [
        "json: at byte 1, after \"{\": EOF while parsing an object at line 1 column 1",
        "json: at byte 0, after \"\": invalid type: sequence, expected an object in braces",
        "json: flow_sample without \"app_name\"",
        "json: \"flow_samples\" is none of flow_sample, counter_sample, rtmetric, rtflow",
        "json: \"service_port\" = 65536 is out of range 1..=65535",
        "json: more than 10000 bytes without an end",
    ] {
        assert!(log.contains(line), "{line}: {log}");
    }
    let capture = collector.finish();
    capture.check();
    let samples = capture.flow_samples();
    let operation = record!(samples[0], AppOperation<'_>);
    assert_eq!(operation.context.application.0, &long.as_bytes()[..32]);
    assert_eq!(operation.context.operation.0, "o".repeat(32).as_bytes());
    let parent = record!(samples[1], AppParentContext<'_>);
    assert_eq!(parent.context.application.0, &long.as_bytes()[..32]);
    assert_eq!(record!(samples[2], AppOperation<'_>).context.application.0, b"deep");
}

#[test]
fn objects_of_a_datagram_are_independent() {
    let Some((_lab, host, collector, agent)) = start("sampling = 1 json { }") else { return };
    let good = operation("a", "");
    let datagrams = [
        format!("{good}{good}\n {good}\0"),
        format!("{{\"flow_sample\":7}}{good}"),
        format!("{{\"flow_sample\":{{\"app_name\":\"x}}\n{good}"),
        format!("rubbish {good}"),
    ];
    send(&host, port(), &datagrams);
    collector.wait_for("samples", |capture| capture.flow_samples().len() == 6);
    let statistics = agent.statistics(1);
    assert!(statistics.contains("2 JSON objects with a syntax error"), "{statistics}");
    assert!(statistics.contains("1 values of the wrong type in JSON messages"), "{statistics}");
    agent.stop();
    collector.finish().check();
}
