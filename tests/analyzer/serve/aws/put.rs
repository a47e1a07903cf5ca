//! Points that programs report.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::requests::{call, data, fails, numbers, query, send};
use crate::client::Server;
use crate::traffic::now;

fn put(server: &Server, data: &Value) {
    let request = json!({"Namespace": "Shop", "MetricData": data});
    assert_eq!(call(server, "PutMetricData", &request), json!({}));
}

#[test]
fn reported_points_are_there_at_once_in_each_statistic() {
    let server = Server::start(&[]);
    let time = now().floor() - 10.0;
    let set = json!({"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 5});
    put(
        &server,
        &json!([
            {"MetricName": "many", "Values": [1, 2, 3], "Counts": [1, 2, 1], "Timestamp": time},
            {"MetricName": "set", "StatisticValues": set, "Unit": "Bytes", "Timestamp": time},
        ]),
    );
    let of = |name: &str, stat: &str| {
        let found = data(&server, &[query("m1", "Shop", name, stat, &[])], &json!({}));
        numbers(&found["MetricDataResults"][0]["Values"])
    };
    for (name, stat, expected) in [
        ("many", "SampleCount", 4.0),
        ("many", "Sum", 8.0),
        ("many", "Average", 2.0),
        ("many", "p50", 2.0),
        ("many", "p100", 3.0),
        ("set", "SampleCount", 4.0),
        ("set", "Average", 2.5),
        ("set", "Minimum", 1.0),
        ("set", "Maximum", 5.0),
    ] {
        assert_eq!(of(name, stat), [expected], "{name} {stat}");
    }
    // Nothing shows how the samples of a set are distributed.
    assert_eq!(of("set", "p50"), [0.0; 0]);
}

#[test]
fn units_are_apart_in_statistics_and_together_in_data() {
    let server = Server::start(&[]);
    let time = now().floor() - 10.0;
    let datum = |value: f64, unit: &str| json!({"MetricName": "m", "Value": value, "Unit": unit, "Timestamp": time});
    put(&server, &json!([datum(1.0, "Seconds"), datum(1000.0, "Milliseconds")]));
    let mut request = json!({"Namespace": "Shop", "MetricName": "m", "Period": 60,
        "StartTime": time - 60.0, "EndTime": time + 60.0, "Statistics": ["Sum"]});
    let points = |request: &Value| -> BTreeSet<String> {
        let found = call(&server, "GetMetricStatistics", request);
        let points = found["Datapoints"].as_array().expect("points").iter();
        points.map(|point| format!("{} {}", point["Sum"], point["Unit"])).collect()
    };
    let seconds = "1.0 \"Seconds\"".to_owned();
    assert_eq!(points(&request), [seconds.clone(), "1000.0 \"Milliseconds\"".to_owned()].into());
    request["Unit"] = "Seconds".into();
    assert_eq!(points(&request), [seconds].into());
    let found = data(&server, &[query("m1", "Shop", "m", "SampleCount", &[])], &json!({}));
    assert_eq!(numbers(&found["MetricDataResults"][0]["Values"]), [2.0]);
}

#[test]
fn pages_of_many_metrics_are_all_of_them() {
    let server = Server::start(&[]);
    for first in [0, 1000] {
        let datum = |number: i32| {
            json!({"MetricName": format!("m{number}"), "Value": 1,
            "Dimensions": [{"Name": "host", "Value": "a"}]})
        };
        put(&server, &(first..first + 1000).map(datum).collect());
    }
    let mut request = json!({"Namespace": "Shop"});
    let (mut names, mut pages) = (BTreeSet::new(), 0);
    loop {
        let page = call(&server, "ListMetrics", &request);
        let own = super::host::names(&page);
        assert!(own.len() <= 500, "{}", own.len());
        for name in own {
            assert!(names.insert(name.clone()), "{name} is there twice");
        }
        pages += 1;
        if page["NextToken"].is_null() {
            break;
        }
        request["NextToken"] = page["NextToken"].clone();
    }
    assert_eq!((names.len(), pages), (2000, 4));
    // The token is of another request.
    request["MetricName"] = "m1".into();
    fails(&server, "ListMetrics", &request, "InvalidNextToken", "InvalidNextToken");
}

#[test]
fn metrics_without_news_are_not_recently_active() {
    let server = Server::start(&[]);
    let old = now() - 4.0 * 3600.0;
    put(
        &server,
        &json!([
            {"MetricName": "old", "Value": 1, "Timestamp": old},
            {"MetricName": "new", "Value": 1},
        ]),
    );
    let names = |request: &Value| super::host::names(&call(&server, "ListMetrics", request));
    assert_eq!(names(&json!({"Namespace": "Shop"})), ["new", "old"]);
    assert_eq!(names(&json!({"Namespace": "Shop", "RecentlyActive": "PT3H"})), ["new"]);
}

#[test]
fn request_with_an_error_stores_nothing() {
    let server = Server::start(&[]);
    let request = json!({"Namespace": "Shop", "MetricData": [
        {"MetricName": "good", "Value": 1}, {"MetricName": "bad", "Value": "x"}]});
    let (shape, code) = ("InvalidParameterValueException", "InvalidParameterValue");
    fails(&server, "PutMetricData", &request, shape, code);
    let reply = send(&server, "PutMetricData", &request);
    let message = reply.json()["message"].to_string();
    assert!(message.contains("MetricData.2.Value"), "{message}");
    assert_eq!(call(&server, "ListMetrics", &json!({})), json!({"Metrics": []}));
    let many = vec![json!({"MetricName": "m", "Value": 1}); 1001];
    let request = json!({"Namespace": "Shop", "MetricData": many});
    fails(&server, "PutMetricData", &request, shape, code);
}
