//! The dashboards for Grafana: each query of each panel has data, sent as Grafana sends it.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use flowmote_core::record::counter::{
    HostCpu, HostDescr, HostDiskIo, HostNetIo, IfCounters, Mib2TcpGroup, PortName,
};
use flowmote_core::{
    CounterRecord, CounterSample, DataSource, DatagramBuilder, MetricValue, RtMetric,
};
use flowmote_lab::{Program, wait_until};
use serde_json::{Value, json};

use crate::aws::host;
use crate::client::{Reply, Server};
use crate::export::database::{Database, Kind, free_port};
use crate::traffic::{AGENT, INTERVAL, PORT, PORT_NAME, Traffic, connection, head, now};

const INSTANCE: &str = "i-0abc";
const HOST: &str = "web1";

fn dashboard(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/grafana");
    let text = fs::read_to_string(folder.join(name)).expect("a dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// The panels with queries, each with the queries.
fn panels(dashboard: &Value) -> Vec<(String, Vec<Value>)> {
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let panels = panels.filter(|panel| panel["type"] != "row").map(|panel| {
        for name in ["title", "description"] {
            assert!(panel[name].as_str().is_some_and(|it| !it.is_empty()), "{panel}");
        }
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{panel}");
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
        let targets = panel["targets"].as_array().expect("targets").clone();
        (panel["title"].as_str().unwrap_or_default().to_owned(), targets)
    });
    panels.collect()
}

/// A host with all records, and two ports, one of which samples a connection.
fn datagrams(number: u32) -> Vec<Vec<u8>> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
    let cpu = HostCpu { load_five: 0.4, cpu_wio: number, cpu_sintr: number, ..host::cpu(number) };
    let disk = HostDiskIo {
        disk_total: 1000,
        disk_free: 400,
        part_max_used: 7500,
        reads: number,
        bytes_read: u64::from(number) * 512,
        writes: number,
        bytes_written: u64::from(number) * 1024,
        ..HostDiskIo::UNKNOWN
    };
    let net = HostNetIo {
        bytes_in: u64::from(number) * 50_000,
        pkts_in: number * 50,
        bytes_out: u64::from(number) * 40_000,
        pkts_out: number * 40,
        ..HostNetIo::UNKNOWN
    };
    let tcp = Mib2TcpGroup {
        tcp_out_segs: number * 100,
        tcp_retrans_segs: number,
        ..Mib2TcpGroup::UNKNOWN
    };
    let name = HostDescr { hostname: HOST, ..HostDescr::UNKNOWN };
    let records: [&dyn CounterRecord; 6] = [&name, &cpu, &host::MEMORY, &disk, &net, &tcp];
    let host = CounterSample { records: &records };
    datagram.counter_sample(DataSource::HOST, number + 1, &host).expect("room");
    let port = IfCounters {
        if_index: PORT + 1,
        if_speed: 1_000_000_000,
        if_in_octets: u64::from(number) * 1000,
        if_out_octets: u64::from(number) * 2000,
        if_in_errors: number,
        if_out_errors: 0,
        if_in_discards: 0,
        if_out_discards: number,
        ..IfCounters::UNKNOWN
    };
    let port = CounterSample { records: &[&port, &PortName { name: "eth1" }] };
    datagram.counter_sample(DataSource::interface(PORT + 1), number + 1, &port).expect("room");
    let identity = [
        ("cloud_instance_id", MetricValue::String(INSTANCE)),
        ("cloud_instance_type", MetricValue::String("m5.large")),
        ("cloud_image", MetricValue::String("ami-1")),
    ];
    datagram.rt_metric(&RtMetric { datasource: "cloud", metrics: &identity }).expect("room");
    let host = datagram.finish(2 * number + 1, number * INTERVAL.as_millis() as u32).to_vec();
    vec![host, connection(number)]
}

/// A request for the data of a query, as Grafana's CloudWatch source makes it of a panel
/// (`pkg/tsdb/cloudwatch`: metric_data_query_builder.go).
fn request(target: &Value) -> Value {
    let text = |name: &str| {
        let text = target[name].as_str().unwrap_or_default();
        text.replace("$instance", INSTANCE).replace("$host", HOST)
    };
    let period = text("period").parse().unwrap_or(60);
    let id = match text("id").as_str() {
        "" => format!("query{}", text("refId")),
        id => id.to_owned(),
    };
    let mut label = text("label");
    let dimensions = target["dimensions"].as_object().expect("dimensions").iter();
    let dimensions: BTreeMap<&String, String> = dimensions
        .map(|(name, value)| {
            let value = value.as_str().expect("a value");
            (name, value.replace("$instance", INSTANCE).replace("$host", HOST))
        })
        .collect();
    let is_code = target["metricEditorMode"] == 1;
    let is_search = !target["matchExact"].as_bool().expect("a boolean")
        || dimensions.values().any(|value| value == "*");
    let mut query = if is_code {
        json!({"Expression": text("expression"), "Period": period})
    } else if is_search {
        let names: Vec<&str> = dimensions.keys().map(|name| name.as_str()).collect();
        let label_parts = names.iter().map(|name| format!("${{PROP('Dim.{name}')}}"));
        label = [label].into_iter().chain(label_parts).collect::<Vec<_>>().join("|&|");
        json!({"Expression": search(target, &dimensions, period)})
    } else {
        let dimensions: Vec<Value> =
            dimensions.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
        let metric = json!({"Namespace": text("namespace"), "MetricName": text("metricName"),
            "Dimensions": dimensions});
        json!({"MetricStat": {"Metric": metric, "Period": period, "Stat": text("statistic")}})
    };
    query["Id"] = id.into();
    query["Label"] = label.into();
    query["ReturnData"] = true.into();
    let now = now();
    json!({"StartTime": now - 900.0, "EndTime": now + 60.0, "ScanBy": "TimestampAscending",
        "LabelOptions": {"Timezone": "+0000"}, "MetricDataQueries": [query]})
}

/// The search for all values of a dimension, or for metrics with further dimensions.
fn search(target: &Value, dimensions: &BTreeMap<&String, String>, period: u32) -> String {
    let text = |name: &str| target[name].as_str().expect("a text");
    let mut terms = format!("MetricName=\"{}\"", text("metricName"));
    for (name, value) in dimensions.iter().filter(|(_, value)| *value != "*") {
        let _ = write!(terms, " \"{name}\"=\"{value}\"");
    }
    let namespace = text("namespace");
    let subject = if target["matchExact"] == true {
        let names = dimensions.keys().map(|name| format!(",\"{name}\""));
        format!("{{\"{namespace}\"{}}} {terms}", names.collect::<String>())
    } else {
        let any = dimensions.iter().filter(|(_, value)| *value == "*");
        let any: String = any.map(|(name, _)| format!(" \"{name}\"")).collect();
        format!("Namespace=\"{namespace}\" {terms}{any}")
    };
    format!("REMOVE_EMPTY(SEARCH('{subject}', '{}', {period}))", text("statistic"))
}

fn send(server: &Server, operation: &str, request: &Value) -> Reply {
    let head = format!(
        "X-Amz-Target: GraniteServiceVersion20100801.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\n"
    );
    let reply = server.send("POST", "/", &head, &request.to_string());
    assert_eq!(reply.status, 200, "{request}: {reply:?}");
    reply
}

fn call(server: &Server, operation: &str, request: &Value) -> Value {
    send(server, operation, request).json()
}

/// "Save & test" of Grafana's CloudWatch source.
#[test]
fn settings_of_the_source_pass_its_test() {
    let server = Server::start(&[]);
    let metrics = json!({"Namespace": "AWS/Billing", "MetricName": "EstimatedCharges"});
    assert_eq!(call(&server, "ListMetrics", &metrics)["Metrics"], json!([]));
    let head = "X-Amz-Target: Logs_20140328.DescribeLogGroups\r\n\
                Content-Type: application/x-amz-json-1.1\r\n";
    let reply = server.send("POST", "/", head, "{\"limit\":1}");
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.json()["logGroups"].as_array().is_some_and(|it| it.len() <= 1), "{reply:?}");
}

#[test]
fn panels_of_cloudwatch_have_data() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, datagrams);
    let dashboard = dashboard("cloudwatch.json");
    // Values of the variables, from the dimensions that the source lists.
    for variable in dashboard["templating"]["list"].as_array().expect("variables") {
        let query = &variable["query"];
        if variable["type"] != "query" {
            continue;
        }
        assert_eq!(query["queryType"], "dimensionValues", "{variable}");
        let (namespace, key) = (&query["namespace"], &query["dimensionKey"]);
        let request = json!({"Namespace": namespace, "MetricName": query["metricName"],
            "Dimensions": [{"Name": key}]});
        wait_until(&format!("values of {key}"), || {
            let found = call(&server, "ListMetrics", &request)["Metrics"].clone();
            let mut all = found.as_array()?.iter().flat_map(|it| it["Dimensions"].as_array());
            let is =
                |it: &Value| it["Name"] == *key && (it["Value"] == INSTANCE || it["Value"] == HOST);
            all.any(|dimensions| dimensions.iter().any(is)).then_some(())
        });
    }
    let panels = panels(&dashboard);
    assert!(panels.len() >= 18);
    for (title, targets) in panels {
        for target in targets {
            wait_until(&format!("{title}: {}", request(&target)), || {
                let reply = call(&server, "GetMetricData", &request(&target));
                let results = reply["MetricDataResults"].as_array().expect("results");
                assert!(results.iter().all(|it| it["StatusCode"] != "InternalError"), "{reply}");
                let is_full = |it: &Value| it["Values"].as_array().is_some_and(|it| !it.is_empty());
                let has_label = |it: &Value| {
                    it["Label"].as_str().is_some_and(|it| !it.is_empty() && !it.contains("${"))
                };
                results.iter().any(|it| is_full(it) && has_label(it)).then_some(())
            });
        }
    }
}

/// The requests of an annotation (`pkg/tsdb/cloudwatch/annotation_query.go`).
#[test]
fn changes_of_alarms_are_annotations() {
    let server = Server::start(&[]);
    let annotation = dashboard("cloudwatch.json")["annotations"]["list"][0].clone();
    assert_eq!(annotation["prefixMatching"], false);
    let mut metric = json!({"Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}]});
    for (member, name) in
        [("Namespace", "namespace"), ("MetricName", "metricName"), ("Statistic", "statistic")]
    {
        metric[member] = annotation[name].clone();
    }
    let period: u32 = annotation["period"].as_str().and_then(|it| it.parse().ok()).unwrap();
    metric["Period"] = period.into();
    let mut alarm = metric.clone();
    for (member, value) in [
        ("AlarmName", json!("busy")),
        ("EvaluationPeriods", json!(1)),
        ("Threshold", json!(90)),
        ("ComparisonOperator", json!("GreaterThanThreshold")),
    ] {
        alarm[member] = value;
    }
    send(&server, "PutMetricAlarm", &alarm);
    let state = json!({"AlarmName": "busy", "StateValue": "ALARM", "StateReason": "a test"});
    send(&server, "SetAlarmState", &state);
    let found = call(&server, "DescribeAlarmsForMetric", &metric);
    assert_eq!(found["MetricAlarms"][0]["AlarmName"], "busy", "{found}");
    let history = json!({"AlarmName": "busy", "StartDate": now() - 900.0, "EndDate": now() + 60.0,
        "MaxRecords": 100});
    let found = call(&server, "DescribeAlarmHistory", &history);
    let items = found["AlarmHistoryItems"].as_array().expect("items");
    assert!(items.iter().any(|item| item["HistoryItemType"] == "StateUpdate"), "{found}");
}

/// The expression of a query with the values of variables.
fn expression(target: &Value) -> String {
    let text = target["expr"].as_str().expect("an expression");
    text.replace("$host", HOST).replace("$ifname", ".*").replace("$__rate_interval", "5s")
}

/// Checks that all panels have data, except those of exports where there is none.
fn have_data(database: &Database, exports: bool) {
    let panels = panels(&dashboard("prometheus.json"));
    assert!(panels.len() >= 18);
    for (title, targets) in panels {
        for target in targets {
            let expression = expression(&target);
            if !exports && expression.contains("flowmote_export_") {
                continue;
            }
            wait_until(&format!("{title}: {expression}"), || {
                let found = database.query(&expression);
                (!found.is_empty()).then_some(())
            });
        }
    }
}

fn count_flows(server: &Server) {
    server.put("/flow/pairs/json", "{keys:'ipsource',value:'bytes',counter:true}");
}

#[test]
fn panels_of_prometheus_have_data_by_remote_write() {
    if !Kind::Prometheus.is_installed() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let database = Database::start(Kind::Prometheus, free_port(), directory.path());
    let url = Database::url(database.address);
    let server = Server::start(&["--remote-write", &url, "--export-interval", "0.5"]);
    count_flows(&server);
    let _traffic = Traffic::of(server.sflow, datagrams);
    have_data(&database, true);
    // The port that is named by traffic has the host name of its agent.
    let port = format!("sflow_ifinoctets_total{{host=\"{HOST}\",ifname=\"{PORT_NAME}\"}}");
    assert_eq!(database.query(&port).len(), 1);
}

#[test]
fn panels_of_prometheus_have_data_by_scraping() {
    if !Kind::Prometheus.is_installed() {
        return;
    }
    let server = Server::start(&[]);
    count_flows(&server);
    let _traffic = Traffic::of(server.sflow, datagrams);
    let (directory, address) = (tempfile::tempdir().unwrap(), free_port());
    let mut command = Kind::Prometheus.command(address, directory.path());
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/grafana.md"));
    let page = page.expect("docs/grafana.md");
    // The configuration that the page shows, each second and from the port of this test.
    let config = page.split("```yaml\n").find(|it| it.starts_with("scrape_configs:"));
    let config = config.and_then(|it| it.split("```").next()).expect("scrape_configs");
    let config = config.replace("127.0.0.1:8008", &server.http.to_string());
    let config = format!("global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n{config}");
    fs::write(directory.path().join("prometheus.yml"), config).unwrap();
    command.arg("--log.level=warn");
    let database = Database { program: Program::start(command), address };
    have_data(&database, false);
}
