//! Requests and replies byte by byte.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::host::{BYTES, HOST_NAME, Host, INSTANCE, names};
use crate::client::{Reply, Server};
use crate::traffic::{INTERVAL, now};

/// A request in JSON.
pub(super) fn send(server: &Server, operation: &str, request: &Value) -> Reply {
    let head = format!(
        "X-Amz-Target: GraniteServiceVersion20100801.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\n"
    );
    server.send("POST", "/", &head, &request.to_string())
}

/// The reply to a request in JSON, which must succeed.
pub(super) fn call(server: &Server, operation: &str, request: &Value) -> Value {
    let reply = send(server, operation, request);
    assert_eq!(reply.status, 200, "{operation}: {reply:?}");
    reply.json()
}

/// Checks that a request fails with a shape and a code.
pub(super) fn fails(server: &Server, operation: &str, request: &Value, shape: &str, code: &str) {
    let reply = send(server, operation, request);
    let body = reply.json();
    assert_eq!(body["__type"], shape, "{request}: {reply:?}");
    assert!(body["message"].as_str().is_some_and(|text| !text.is_empty()), "{reply:?}");
    assert!(reply.head.contains(&format!("x-amzn-query-error: {code};Sender")), "{reply:?}");
    assert!(reply.head.contains("x-amzn-requestid: "), "{reply:?}");
}

/// A query of one metric of the instance.
pub(super) fn query(
    id: &str,
    namespace: &str,
    name: &str,
    stat: &str,
    dimensions: &[(&str, &str)],
) -> Value {
    let dimensions: Vec<_> =
        dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let metric = json!({"Namespace": namespace, "MetricName": name, "Dimensions": dimensions});
    json!({"Id": id, "MetricStat": {"Metric": metric, "Period": 1, "Stat": stat}})
}

pub(super) fn data(server: &Server, queries: &[Value], further: &Value) -> Value {
    let now = now();
    let mut request =
        json!({"StartTime": now - 60.0, "EndTime": now + 5.0, "MetricDataQueries": queries});
    for (name, value) in further.as_object().expect("members") {
        request[name] = value.clone();
    }
    call(server, "GetMetricData", &request)
}

pub(super) fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().expect("a list").iter().map(|it| it.as_f64().expect("a number")).collect()
}

#[test]
fn metrics_of_an_instance_have_all_their_names() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let list = |request: Value| call(&server, "ListMetrics", &request);
    let agent = list(json!({"Namespace": "CWAgent"}));
    let dimensions = |metric: &Value| -> Vec<String> {
        let list = metric["Dimensions"].as_array().expect("a list").iter();
        list.map(|it| format!("{}={}", it["Name"], it["Value"]).replace('"', "")).collect()
    };
    let of = |name: &str| -> Vec<Vec<String>> {
        let all = agent["Metrics"].as_array().expect("a list").iter();
        all.filter(|metric| metric["MetricName"] == name).map(dimensions).collect()
    };
    let host = ["ImageId=ami-1", "InstanceId=i-0abc", "InstanceType=m5.large"];
    assert_eq!(of("mem_used_percent"), [host]);
    assert_eq!(of("cpu_usage_user"), [[&host[..], &["cpu=cpu-total"]].concat()]);
    let port = [&host[..], &["interface=eth0"]].concat();
    assert_eq!(of("net_bytes_recv"), [port, host.to_vec()]);
    let own = list(json!({"Namespace": "Flowmote", "MetricName": "ifinoctets"}));
    assert_eq!(dimensions(&own["Metrics"][0]), ["host=web1", "interface=eth0"]);
    // What sFlow does not have is not listed, and neither is what the host does not send.
    let ec2: BTreeSet<_> = names(&list(json!({"Namespace": "AWS/EC2"}))).into_iter().collect();
    assert!(ec2.contains("NetworkIn") && !ec2.contains("CPUCreditBalance"), "{ec2:?}");
    let of_instance = json!({"Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}]});
    let of_instance = names(&list(of_instance));
    assert!(!of_instance.contains(&"DiskReadOps".to_owned()), "{of_instance:?}");
    assert!(!of_instance.contains(&"NetworkOut".to_owned()), "{of_instance:?}");
    // In both namespaces.
    assert!(of_instance.contains(&"mem_free".to_owned()), "{of_instance:?}");
}

#[test]
fn values_are_those_of_the_counters() {
    let server = Server::start(&[]);
    let host = Host::to(&server);
    let queries = [
        query("cpu", "AWS/EC2", "CPUUtilization", "Average", &[("InstanceId", INSTANCE)]),
        query("bytes", "AWS/EC2", "NetworkIn", "Sum", &[("InstanceId", INSTANCE)]),
        query("kind", "AWS/EC2", "NetworkIn", "Sum", &[("InstanceType", "m5.large")]),
        query("all", "AWS/EC2", "NetworkIn", "Sum", &[]),
        query(
            "rate",
            "Flowmote",
            "ifinoctets",
            "Average",
            &[("host", HOST_NAME), ("interface", "eth0")],
        ),
        query("other", "AWS/EC2", "NetworkIn", "Sum", &[("InstanceId", "i-1")]),
    ];
    let found = flowmote_lab::wait_until("a second of values", || {
        let found = data(&server, &queries, &json!({}));
        (numbers(&found["MetricDataResults"][1]["Values"]).len() >= 4).then_some(found)
    });
    let results = found["MetricDataResults"].as_array().expect("results");
    let newest = numbers(&results[0]["Timestamps"])[0];
    assert!(now() - newest < 5.0, "{found}");
    for value in numbers(&results[0]["Values"]) {
        assert!((value - 25.0).abs() < 1e-9, "{found}");
    }
    // Whole seconds have the bytes of the datagrams that were sent in them.
    let times = numbers(&results[1]["Timestamps"]);
    let (from, to) = (times[times.len() - 2], times[0]);
    let sent = host.datagrams(from, to) * BYTES as f64;
    for result in results.get(1..=3).expect("sums") {
        let values = numbers(&result["Values"]);
        let sum: f64 = values.get(1..values.len() - 1).expect("seconds").iter().sum();
        // An interval is cut by each end.
        assert!((sum - sent).abs() < 4.0 * BYTES as f64, "{sum}, not {sent}: {result}");
    }
    assert_eq!(results[1]["Values"], results[2]["Values"]);
    // Per second; on a busy machine datagrams come late.
    let (rate, expected) = (numbers(&results[4]["Values"]), BYTES as f64 / INTERVAL.as_secs_f64());
    assert!((0.2..2.1).contains(&(rate[1] / expected)), "{rate:?}, not {expected}");
    assert_eq!(
        (&results[5]["Values"], &results[5]["StatusCode"]),
        (&json!([]), &json!("Complete"))
    );
}

#[test]
fn pages_are_the_whole_in_both_orders() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let instance = [("InstanceId", INSTANCE)];
    let queries = [
        query("m1", "AWS/EC2", "NetworkIn", "SampleCount", &instance),
        query("m2", "AWS/EC2", "CPUUtilization", "Average", &instance),
    ];
    flowmote_lab::wait_until("three seconds of values", || {
        let found = data(&server, &queries, &json!({}));
        (numbers(&found["MetricDataResults"][0]["Values"]).len() >= 4).then_some(())
    });
    // The same span for all pages, which has ended.
    let end = now().floor() - 1.0;
    for order in ["TimestampAscending", "TimestampDescending"] {
        let mut request = json!({"StartTime": end - 60.0, "EndTime": end, "ScanBy": order,
            "MetricDataQueries": queries});
        let whole = call(&server, "GetMetricData", &request);
        assert_eq!(whole["NextToken"], Value::Null);
        request["MaxDatapoints"] = 1.into();
        let mut joined = [Vec::new(), Vec::new()];
        let mut partial = 0;
        loop {
            let page = call(&server, "GetMetricData", &request);
            for result in page["MetricDataResults"].as_array().expect("results") {
                let at = usize::from(result["Id"] == "m2");
                joined[at].extend(numbers(&result["Timestamps"]));
                partial += usize::from(result["StatusCode"] == "PartialData");
            }
            request["NextToken"] = page["NextToken"].clone();
            if page["NextToken"].is_null() {
                break;
            }
        }
        for (times, result) in joined.iter().zip(whole["MetricDataResults"].as_array().unwrap()) {
            assert_eq!(*times, numbers(&result["Timestamps"]), "{order}");
            let ascending = times.is_sorted();
            assert!(times.len() > 1 && ascending == (order == "TimestampAscending"), "{times:?}");
        }
        assert!(partial >= 2, "{partial}");
    }
}

#[test]
fn statistics_are_those_of_the_service() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let now = now();
    let mut request = json!({"Namespace": "AWS/EC2", "MetricName": "NetworkIn", "Period": 60,
        "Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}],
        "StartTime": now - 120.0, "EndTime": now + 60.0, "Statistics": ["Sum", "SampleCount"]});
    let found = call(&server, "GetMetricStatistics", &request);
    let point = &found["Datapoints"][0];
    assert_eq!((&found["Label"], &point["Unit"]), (&json!("NetworkIn"), &json!("Bytes")));
    assert_eq!(point["SampleCount"], 1.0, "{found}");
    assert_eq!(point["Timestamp"].as_u64().expect("a time") % 60, 0);
    request["Unit"] = "Count".into();
    assert_eq!(call(&server, "GetMetricStatistics", &request)["Datapoints"], json!([]));
    request["Unit"] = Value::Null;
    request["Statistics"] = Value::Null;
    request["ExtendedStatistics"] = json!(["p90", "TM(10%:90%)"]);
    let found = call(&server, "GetMetricStatistics", &request);
    let extended = found["Datapoints"][0]["ExtendedStatistics"].as_object().expect("a map");
    assert_eq!(extended.keys().collect::<Vec<_>>(), ["TM(10%:90%)", "p90"]);
}

#[test]
fn wrong_requests_have_the_errors_of_the_service() {
    let server = Server::start(&[]);
    let base = json!({"Namespace": "N", "MetricName": "m", "Period": 60, "StartTime": 0,
        "EndTime": 60, "Statistics": ["Sum"]});
    let statistics = |name: &str, value: Value, shape: &str, code: &str| {
        let mut request = base.clone();
        request[name] = value;
        fails(&server, "GetMetricStatistics", &request, shape, code);
    };
    let [value, combination, missing] = [
        ("InvalidParameterValueException", "InvalidParameterValue"),
        ("InvalidParameterCombinationException", "InvalidParameterCombination"),
        ("MissingRequiredParameterException", "MissingParameter"),
    ];
    statistics("Period", json!(61), value.0, value.1);
    statistics("Period", json!("x"), value.0, value.1);
    statistics("StartTime", json!("yesterday"), value.0, value.1);
    statistics("StartTime", json!(60), value.0, value.1);
    statistics("Statistics", json!(["p90"]), value.0, value.1);
    statistics("ExtendedStatistics", json!(["p90"]), combination.0, combination.1);
    statistics("EndTime", json!(60 * 1441), combination.0, combination.1);
    statistics("Namespace", Value::Null, missing.0, missing.1);
    statistics("Statistics", Value::Null, missing.0, missing.1);
    let validation = ("ValidationError", "ValidationError");
    let good = query("m1", "N", "m", "Sum", &[]);
    let mut wrong_id = good.clone();
    wrong_id["Id"] = "M1".into();
    let both = json!({"Id": "e1", "Expression": "m1", "MetricStat": good["MetricStat"]});
    for queries in [vec![good.clone(), good.clone()], vec![wrong_id], vec![good; 501], vec![both]] {
        let request = json!({"StartTime": 0, "EndTime": 60, "MetricDataQueries": queries});
        fails(&server, "GetMetricData", &request, validation.0, validation.1);
    }
    let token = json!({"NextToken": "bogus"});
    fails(&server, "ListMetrics", &token, "InvalidNextToken", "InvalidNextToken");
    fails(&server, "Nothing", &json!({}), "UnknownOperationException", "InvalidAction");
    let reply = send(&server, "Nothing", &json!({}));
    assert_eq!(reply.status, 404);
}

#[test]
fn queries_come_by_get_too_and_below_a_prefix() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let parameters = "Action=ListMetrics&Version=2010-08-01&Namespace=AWS%2FEC2\
        &Dimensions.member.1.Name=InstanceId&Dimensions.member.1.Value=i-0abc&MetricName=NetworkIn";
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    for reply in [
        server.get(&format!("/?{parameters}")),
        server.get(&format!("/aws?{parameters}")),
        server.send("POST", "/", form, parameters),
        server.send("POST", "/aws", form, parameters),
        server.send("POST", "/aws/", form, parameters),
    ] {
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.body.contains("<MetricName>NetworkIn</MetricName>"), "{reply:?}");
        assert!(reply.body.contains("<ResponseMetadata><RequestId>"), "{reply:?}");
    }
    // The page is still there.
    assert!(server.get("/").body.contains("<html"));
    let reply = server.send("POST", "/", form, "Action=Nothing&Version=2010-08-01");
    assert_eq!(reply.status, 404);
    assert!(reply.body.contains("<Code>InvalidAction</Code>"), "{reply:?}");
}

#[test]
fn token_and_host_are_checked_as_of_all_requests() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, "secret").expect("a file");
    let server = Server::start(&["--token-file", file.to_str().expect("a path")]);
    let reply = send(&server, "ListMetrics", &json!({}));
    assert_eq!(
        (reply.status, &reply.json()["__type"]),
        (403, &json!("MissingAuthenticationToken"))
    );
    let target = "X-Amz-Target: GraniteServiceVersion20100801.ListMetrics\r\n";
    let bearer = format!("{target}Authorization: Bearer secret\r\n");
    assert_eq!(server.send("POST", "/", &bearer, "{}").status, 200);
    let get = server.get("/?Action=ListMetrics");
    assert_eq!(get.status, 403, "{get:?}");
    assert!(get.body.contains("<Code>MissingAuthenticationToken</Code>"), "{get:?}");
    let foreign =
        format!("POST / HTTP/1.1\r\nHost: evil.example\r\n{target}Content-Length: 0\r\n\r\n");
    let reply = server.raw(foreign.as_bytes());
    assert_eq!((reply.status, &reply.json()["__type"]), (403, &json!("AccessDeniedException")));
}

#[test]
fn reading_is_allowed_if_the_server_is_read_only() {
    let server = Server::start(&["--read-only"]);
    assert_eq!(call(&server, "ListMetrics", &json!({})), json!({"Metrics": []}));
    let datum = json!({"MetricName": "m", "Value": 1.0});
    let put = json!({"Namespace": "Shop", "MetricData": [datum]});
    let reply = send(&server, "PutMetricData", &put);
    assert_eq!((reply.status, &reply.json()["__type"]), (403, &json!("AccessDeniedException")));
    assert_eq!(call(&server, "ListMetrics", &json!({})), json!({"Metrics": []}));
}
