//! Flows of the past, of keys that no definition had before.

use flowmote_lab::wait_until;
use serde_json::Value;

use crate::client::Server;
use crate::traffic::{AGENT, DST, PORT, PORT_NAME, SRC, Traffic};

/// The reply of the flows of the past, once some seconds of traffic are in it.
fn after_some_seconds(server: &Server, parameters: &str) -> Value {
    let path = format!("/api/v1/flows?{parameters}");
    wait_until("samples of some seconds", || {
        let reply = server.json(&path);
        (reply["matched"].as_u64()? >= 300).then_some(reply)
    })
}

#[test]
fn keys_chosen_now_have_the_flows_of_before() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let reply = after_some_seconds(&server, "keys=src,dst&value=frames&filter=dport=443&step=1s");
    let flow = &reply["flows"][0];
    assert_eq!(reply["flows"].as_array().map(Vec::len), Some(1));
    assert_eq!(flow["key"], format!("{SRC},{DST}"));
    assert_eq!((&flow["agent"], &flow["dataSource"]), (&AGENT.into(), &PORT.to_string().into()));
    assert_eq!(flow["rate"], 10.0);
    // 20 datagrams a second with 4 samples of 1 in 10, or less on a busy machine; over the span since
    // the start of the program, which the traffic followed.
    let span = (number(&reply["to"]) - number(&reply["from"])) / 1000.0;
    assert!((number(&flow["value"]) * span / number(&reply["matched"]) - 10.0).abs() < 0.1);
    assert!(number(&flow["low"]) < number(&flow["value"]));
    assert_eq!(flow["value"], reply["total"]["value"]);
    assert_eq!(reply["other"]["value"], 0.0);
    // The course, with its steps at whole seconds.
    let (times, series) = (reply["times"].as_array(), flow["series"].as_array());
    let (times, series) = (times.expect("times"), series.expect("a series"));
    assert_eq!(times.len(), series.len());
    assert!(times.len() >= 3, "{reply}");
    assert!(times.iter().skip(1).all(|time| time.as_u64().is_some_and(|time| time % 1000 == 0)));
    assert!(series.iter().map(number).fold(0.0, f64::max) > 400.0, "{reply}");
}

#[test]
fn ports_have_the_names_that_agents_sent() {
    let server = Server::start(&[]);
    server.put("/flow/ports/json", "{keys:'ifname:inputifindex',value:'frames'}");
    let _traffic = Traffic::to(server.sflow);
    let reply = after_some_seconds(&server, "keys=ifname:inputifindex,src&value=frames");
    assert_eq!(reply["flows"][0]["key"], format!("{PORT_NAME},{SRC}"));
    assert_eq!(server.json("/activeflows/ALL/ports/json")[0]["key"], PORT_NAME);
}

#[test]
fn each_step_has_an_interval() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let reply = after_some_seconds(&server, "keys=src&value=frames&step=1s");
    let flow = &reply["flows"][0];
    let column = |of: &Value, name: &str| -> Vec<f64> {
        let numbers = of[name].as_array().expect("a list");
        numbers.iter().map(|number| number.as_f64().expect("a number")).collect()
    };
    for of in [flow, &reply["total"]] {
        let [low, value, high] = ["seriesLow", "series", "seriesHigh"].map(|name| column(of, name));
        assert_eq!((low.len(), high.len()), (value.len(), value.len()));
        assert!(low.iter().zip(&value).all(|(low, value)| low <= value), "{of}");
        // Also a step without a sample has an upper limit.
        assert!(high.iter().zip(&value).all(|(high, value)| high > value), "{of}");
    }
    // A step has fewer samples than the span, and a wider interval for its value.
    let width = |low: f64, value: f64, high: f64| (high - low) / value;
    let span = width(number(&flow["low"]), number(&flow["value"]), number(&flow["high"]));
    let steps = column(flow, "series").len();
    let ends = ["seriesLow", "series", "seriesHigh"].map(|name| column(flow, name)[steps - 2]);
    assert!(ends[1] > 0.0 && width(ends[0], ends[1], ends[2]) > span, "{reply}");
    // Steps of a value that is no sum have one too, and null without a sample.
    let average = server.json("/api/v1/flows?keys=src&value=avg:bytes&step=1s&from=-20s");
    assert_eq!(
        average["flows"][0]["seriesLow"].as_array().map(Vec::len),
        Some(average["times"].as_array().map_or(0, Vec::len))
    );
}

#[test]
fn further_values_have_errors_too() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let reply =
        after_some_seconds(&server, "keys=src&value=bytes&values=frames,avg:bytes,count:dst");
    let flow = &reply["flows"][0];
    let [frames, average, distinct] = [0, 1, 2].map(|at| &flow["values"][at]);
    let ratio = number(&flow["value"]) / number(&frames["value"]);
    assert!((ratio / number(&average["value"]) - 1.0).abs() < 1e-9, "{flow}");
    assert!(number(&frames["low"]) < number(&frames["value"]), "{flow}");
    assert!(number(&frames["high"]) > number(&frames["value"]), "{flow}");
    assert_eq!(distinct["value"], 1.0);
    assert_eq!(flow["values"].as_array().map(Vec::len), Some(3));
}

fn number(value: &Value) -> f64 {
    value.as_f64().expect("a number")
}

#[test]
fn times_of_a_reply_are_times_of_a_request() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    let first = after_some_seconds(&server, "keys=src&step=1s");
    let span = format!("from={}&to={}", first["times"][1], first["times"][2]);
    let reply = server.json(&format!("/api/v1/flows?keys=src&{span}"));
    assert_eq!((&reply["from"], &reply["to"]), (&first["times"][1], &first["times"][2]));
    assert_eq!(reply["flows"][0]["value"], first["flows"][0]["series"][1]);
}

#[test]
fn filter_without_samples_has_an_upper_limit() {
    let server = Server::start(&[]);
    let _traffic = Traffic::to(server.sflow);
    after_some_seconds(&server, "keys=src");
    let reply = server.json("/api/v1/flows?keys=src&value=frames&filter=src=10.9.9.9");
    assert_eq!((&reply["matched"], &reply["flows"]), (&0.into(), &Value::Array(Vec::new())));
    // Three samples of 10 packets in some seconds.
    let limit = reply["unseenBelow"].as_f64().expect("a limit");
    assert!(limit > 0.0 && limit < 30.0, "{reply}");
}

#[test]
fn parameters_that_cannot_be_read_are_named() {
    let server = Server::start(&[]);
    for (parameters, named) in [
        ("keys=nosuchkey", "keys: "),
        ("keys=src&filter=src=10.0.0.1%26%26", "filter: "),
        ("keys=src&value=stack", "value: "),
        ("keys=src&values=frames,stack", "values: "),
        ("keys=src&from=yesterday", "from: "),
        ("keys=src&to=-5x", "to: "),
        ("keys=src&step=fast", "step: "),
        ("keys=src&step=0.001ms&n=10000", "step: "),
        ("keys=src&from=-1s&to=-2s", "from: "),
    ] {
        let reply = server.get(&format!("/api/v1/flows?{parameters}"));
        reply.fails(400);
        let error = reply.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains(named), "{parameters}: {error}");
    }
}
