//! Expressions and searches.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::host::{Host, INSTANCE};
use super::requests::{call, data, fails, numbers, query};
use crate::client::Server;
use crate::traffic::now;

/// The results of a request: id, label, number of values.
fn results(found: &Value) -> Vec<(String, String, usize)> {
    let results = found["MetricDataResults"].as_array().expect("results").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let result = |it: &Value| (text(&it["Id"]), text(&it["Label"]), numbers(&it["Values"]).len());
    results.map(result).collect()
}

/// The query of a panel of Grafana.
#[test]
fn search_finds_the_metrics_of_instances_with_labels() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let search =
        "REMOVE_EMPTY(SEARCH('{\"AWS/EC2\",\"InstanceId\"} MetricName=\"NetworkIn\"', 'Sum', 60))";
    let panel = json!({"Id": "a", "Expression": search,
        "Label": "${LABEL}|&|${PROP('Dim.InstanceId')}"});
    let found = data(&server, &[panel], &json!({"ScanBy": "TimestampAscending"}));
    let found = results(&found);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, format!("{INSTANCE} NetworkIn|&|{INSTANCE}"));
    assert!(found[0].2 > 0);
    // Several series of one query have its id.
    let several =
        json!({"Id": "b", "Expression": "SEARCH('{AWS/EC2,InstanceId} network', 'Sum', 60)"});
    let found = results(&data(&server, &[several], &json!({})));
    let names: Vec<_> = found.iter().map(|(id, label, _)| format!("{id} {label}")).collect();
    let expected = ["NetworkIn", "NetworkPacketsIn"].map(|name| format!("b {INSTANCE} {name}"));
    assert_eq!(names, expected);
}

#[test]
fn expressions_refer_to_one_another_in_any_order() {
    let server = Server::start(&[]);
    let time = (now() / 60.0).floor() * 60.0 - 60.0;
    let put = json!({"Namespace": "Shop", "MetricData": [
        {"MetricName": "m", "Value": 6, "Timestamp": time}]});
    call(&server, "PutMetricData", &put);
    let mut metric = query("m1", "Shop", "m", "Sum", &[]);
    metric["MetricStat"]["Period"] = 60.into();
    metric["ReturnData"] = false.into();
    let of = |expressions: &[(&str, &str)]| {
        let expressions =
            expressions.iter().map(|(id, text)| json!({"Id": id, "Expression": text}));
        let queries: Vec<Value> = expressions.chain([metric.clone()]).collect();
        json!({"StartTime": time, "EndTime": time + 60.0, "MetricDataQueries": queries})
    };
    let request = of(&[("e1", "e2 + 1"), ("e2", "m1 * 2")]);
    let found = call(&server, "GetMetricData", &request);
    assert_eq!(results(&found).len(), 2);
    assert_eq!(found["MetricDataResults"][0]["Values"], json!([13.0]));
    assert_eq!(found["MetricDataResults"][0]["Label"], "e1");
    for wrong in [
        of(&[("e1", "e2 + 1"), ("e2", "e1")]),
        of(&[("e1", "e1")]),
        of(&[("e1", "m2")]),
        of(&[("e1", "m1 +")]),
        // A number is no series.
        of(&[("e1", "SUM(m1)")]),
        of(&[("e1", &"m1+".repeat(1000))]),
        {
            let mut long = of(&[("e1", "m1")]);
            long["MetricDataQueries"][0]["Label"] = "a".repeat(2049).into();
            long
        },
    ] {
        fails(&server, "GetMetricData", &wrong, "ValidationError", "ValidationError");
    }
}

/// The values of a reply are numbers: clients fail on others.
#[test]
fn what_is_no_number_is_left_out() {
    let server = Server::start(&[]);
    for expression in ["TIME_SERIES(1/0)", "FILL(TIME_SERIES(1) / 0, 0/0)"] {
        let query = json!({"Id": "e", "Expression": expression, "Period": 60});
        let found = data(&server, &[query], &json!({}));
        assert_eq!(found["MetricDataResults"][0]["Values"], json!([]), "{expression}");
    }
}

/// Each of many expressions refers to the next one, after many others.
#[test]
fn order_of_many_expressions_is_found_soon() {
    let server = Server::start(&[]);
    let others = "n+".repeat(900);
    let query =
        |id: &str, text: &str| json!({"Id": id, "Expression": text, "ReturnData": id == "t"});
    let mut queries = vec![query("t", "TIME_SERIES(e1)"), query("n", "1")];
    queries.extend((1..498).map(|at| query(&format!("e{at}"), &format!("{others}e{}", at + 1))));
    queries.push(query("e498", "1"));
    let begin = Instant::now();
    let found = data(&server, &queries, &json!({"MaxDatapoints": 1}));
    assert_eq!(found["MetricDataResults"][0]["Values"], json!([900.0 * 497.0 + 1.0]));
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
}
