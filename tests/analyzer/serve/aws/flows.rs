//! The totals of flow definitions as metrics, with their bounds, and the connections of hosts.

use flowmote_core::{DatagramBuilder, FlowValue, MetricValue, RtFlow, RtMetric};
use flowmote_lab::wait_until;
use serde_json::{Value, json};

use super::host::names;
use super::requests::{call, data, numbers};
use super::{CURRENT, accept};
use crate::client::Server;
use crate::traffic::{AGENT, INTERVAL, Traffic, head, now};

/// A query of a metric with one dimension.
fn query(id: &str, metric: &Value, period: u32) -> Value {
    json!({"Id": id, "MetricStat": {"Metric": metric, "Period": period, "Stat": "Sum"}})
}

/// The values of the metrics of the flow `all` in periods of a time from `from` to `to`.
fn totals(server: &Server, period: u32, (from, to): (f64, f64)) -> [Vec<f64>; 3] {
    let queries = ["bytes", "bytes_low", "bytes_high"].map(|name| {
        let metric = json!({"Namespace": "Flowmote", "MetricName": name,
            "Dimensions": [{"Name": "flow", "Value": "all"}]});
        query(name, &metric, period)
    });
    let span = json!({"StartTime": from, "EndTime": to, "ScanBy": "TimestampAscending"});
    let found = data(server, &queries, &span);
    [0, 1, 2].map(|at| numbers(&found["MetricDataResults"][at]["Values"]))
}

#[test]
fn sum_of_a_flow_is_its_traffic_and_bounds_are_of_the_period() {
    let server = Server::start(&[]);
    server.send("PUT", "/flow/all/json", "", "{keys:'ipsource',value:'bytes',aggMode:'sum'}");
    let traffic = Traffic::to(server.sflow);
    let begin = now().ceil() + 2.0;
    let span = (begin, begin + 6.0);
    wait_until("six seconds of totals", || (now() > span.1 + 2.0).then_some(()));
    let listed = call(&server, "ListMetrics", &json!({"Dimensions": [{"Name": "flow"}]}));
    let mut listed = names(&listed);
    listed.sort();
    assert_eq!(listed, ["bytes", "bytes_high", "bytes_low"]);
    let [values, low, high] = totals(&server, 1, span);
    assert_eq!((values.len(), low.len(), high.len()), (6, 6, 6), "{values:?} {low:?} {high:?}");
    let sum = |list: &[f64]| list.iter().sum::<f64>();
    let sent = traffic.rate(span.0, span.1).bytes * 6.0;
    assert!((sum(&values) / sent - 1.0).abs() < 0.1, "{} of {sent}", sum(&values));
    // The bounds of all of it are nearer to it than the sums of the bounds of seconds.
    let minute = (begin - 60.0, begin + 6.0);
    let [all, all_low, all_high] = totals(&server, 300, minute);
    let share = |low: &[f64], value: &[f64], high: &[f64]| (sum(high) - sum(low)) / sum(value);
    let (narrow, wide) = (share(&all_low, &all, &all_high), share(&low, &values, &high));
    assert_eq!((all.len(), all_low.len(), all_high.len()), (1, 1, 1));
    assert!(all_low[0] < all[0] && all[0] < all_high[0], "{all_low:?} {all:?} {all_high:?}");
    assert!(narrow < wide * 0.6, "{narrow} of all, {wide} of seconds");
}

#[test]
fn flow_without_traffic_is_zero_and_a_removed_one_keeps_its_past() {
    let server = Server::start(&[]);
    let define = |method, body| server.send(method, "/flow/all/json", "", body);
    define("PUT", "{value:'bytes',filter:'ipprotocol=99'}");
    let begin = now().floor();
    let values = || totals(&server, 1, (begin, begin + 30.0));
    let found = wait_until("zeros", || Some(values()).filter(|[values, ..]| values.len() > 2));
    let [values_, low, high] = found;
    assert!(values_.iter().chain(&low).all(|value| *value == 0.0), "{values_:?} {low:?}");
    // Without a sample nothing shows how much may be hidden.
    assert_eq!(high, [0.0; 0]);
    define("DELETE", "");
    assert!(values()[0].len() > 2);
}

#[test]
fn flows_and_connections_are_there_after_a_restart_with_their_bounds() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut server = Server::with_state(directory.path());
    server.send("PUT", "/flow/all/json", "", "{keys:'ipsource',value:'bytes',aggMode:'sum'}");
    let traffic = (Traffic::to(server.sflow), Traffic::of(server.sflow, report));
    let begin = now();
    wait_until("some seconds of totals", || (now() > begin + 5.0).then_some(()));
    drop(traffic);
    // The last second has ended.
    wait_until("the end of them", || (now() > begin + 8.0).then_some(()));
    let span = (begin - 60.0, begin + 8.0);
    let connections = |server: &Server, name: &str, stat: &str| {
        let metric = json!({"Namespace": "AWS/NetworkFlowMonitor", "MetricName": name,
            "Dimensions": [{"Name": "MonitorName", "Value": "flowmote"}]});
        let mut query = query("q", &metric, 300);
        query["MetricStat"]["Stat"] = stat.into();
        let span = json!({"StartTime": span.0, "EndTime": span.1});
        let found = data(server, &[query], &span);
        numbers(&found["MetricDataResults"][0]["Values"]).iter().sum::<f64>()
    };
    let all = |server: &Server| {
        let [values, low, high] = totals(server, 300, span).map(|it| it.iter().sum::<f64>());
        let reports = [("DataTransferred", "Sum"), ("RoundTripTime", "Average")];
        let [bytes, rtt] = reports.map(|(name, stat)| connections(server, name, stat));
        [values, low, high, bytes, rtt]
    };
    let before = all(&server);
    assert!(before[1] > 0.0 && before[1] < before[0] && before[0] < before[2], "{before:?}");
    assert!(before[3] > 0.0 && before[4] == 200.0, "{before:?}");
    server.program.signal(nix::sys::signal::Signal::SIGTERM);
    server.program.wait();

    let server = Server::with_state(directory.path());
    let listed = names(&call(&server, "ListMetrics", &json!({})));
    for name in ["bytes", "bytes_low", "bytes_high", "DataTransferred", "RoundTripTime"] {
        assert_eq!(listed.iter().filter(|it| *it == name).count(), 1, "{name}: {listed:?}");
    }
    let same = |after: [f64; 5]| {
        before.iter().zip(after).all(|(before, after)| (after / before - 1.0).abs() < 1e-4)
    };
    let after = all(&server);
    assert!(same(after), "{before:?} {after:?}");
    // Memory has rows of the same definition again, and those are later ones.
    wait_until("rows of it", || {
        let rows = totals(&server, 1, (now() - 3.0, now()));
        (!rows[0].is_empty()).then_some(())
    });
    let after = all(&server);
    assert!(same(after), "{before:?} {after:?}");
}

/// A report of a connection, as agents with `tcp { }` send it.
pub(super) fn report(number: u32) -> Vec<Vec<u8>> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
    for (port, bytes, rtt) in [(443, 1000, 100), (22, 10, 300)] {
        let fields = [
            ("local", FlowValue::Address("10.0.0.1".parse().expect("an address"))),
            ("remote", FlowValue::Address("10.0.0.2".parse().expect("an address"))),
            ("local_port", FlowValue::Int32(50_000)),
            ("remote_port", FlowValue::Int32(port)),
            ("bytes_sent", FlowValue::Int64(bytes)),
            ("bytes_received", FlowValue::Int64(bytes * 2)),
            ("retransmissions", FlowValue::Int32(2)),
            ("rtt", FlowValue::Int32(rtt)),
        ];
        let flow = RtFlow { datasource: "tcp", sampling_rate: 1, sample_pool: 0, fields: &fields };
        datagram.rt_flow(&flow).expect("room");
    }
    vec![datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()]
}

#[test]
fn connections_of_hosts_are_metrics_of_the_monitor() {
    let server = Server::start(&[]);
    let traffic = Traffic::of(server.sflow, report);
    let request = json!({"Namespace": "AWS/NetworkFlowMonitor"});
    let listed = wait_until("the monitor", || {
        Some(names(&call(&server, "ListMetrics", &request))).filter(|names| !names.is_empty())
    });
    let all = ["DataTransferred", "Retransmissions", "Timeouts", "RoundTripTime"];
    assert_eq!(listed, all);
    let begin = now().ceil() + 1.0;
    let span = json!({"StartTime": begin, "EndTime": begin + 4.0});
    wait_until("four seconds", || (now() > begin + 6.0).then_some(()));
    let of = |name: &str, stat: &str| {
        let metric = json!({"Namespace": "AWS/NetworkFlowMonitor", "MetricName": name,
            "Dimensions": [{"Name": "MonitorName", "Value": "flowmote"}]});
        let mut query = query("q", &metric, 1);
        query["MetricStat"]["Stat"] = stat.into();
        numbers(&data(&server, &[query], &span)["MetricDataResults"][0]["Values"])
    };
    let datagrams = traffic.rate(begin, begin + 4.0).datagrams * 4.0;
    let near = |got: Vec<f64>, each: f64| {
        let got: f64 = got.iter().sum();
        assert!((got / (each * datagrams) - 1.0).abs() < 0.15, "{got} of {each} x {datagrams}");
    };
    near(of("DataTransferred", "Sum"), 3030.0);
    near(of("Retransmissions", "Sum"), 4.0);
    assert_eq!(of("Timeouts", "Sum"), [0.0; 0]);
    assert_eq!(of("RoundTripTime", "Average"), [200.0; 4]);
    assert_eq!(of("RoundTripTime", "Maximum"), [300.0; 4]);
}

/// The identity of an instance that has no agent but this one.
fn identity(agent: &str, instance: &str, zone: &str, number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(agent));
    let metrics = [
        ("cloud_instance_id", instance),
        ("cloud_region", "eu-1"),
        ("cloud_zone", zone),
        ("cloud_vpc", "vpc-0cccccccc"),
    ];
    let metrics = metrics.map(|(name, value)| (name, MetricValue::String(value)));
    datagram.rt_metric(&RtMetric { datasource: "cloud", metrics: &metrics }).expect("room");
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

#[test]
fn top_contributors_are_pairs_of_instances_by_port() {
    let server = Server::start(&[]);
    let traffic = Traffic::of(server.sflow, |number| {
        let mut all = report(2 * number);
        all.push(identity(AGENT, "i-0aaaaaaaa", "eu-1a", 2 * number + 1));
        all.push(identity("10.0.0.2", "i-0bbbbbbbb", "eu-1b", number));
        all
    });
    let request = json!({"Namespace": "AWS/NetworkFlowMonitor"});
    wait_until("the monitor", || {
        (!names(&call(&server, "ListMetrics", &request)).is_empty()).then_some(())
    });
    drop(traffic);
    // A form of it with a path in front, and one that creates monitors.
    let reply = server.send("GET", "/aws/monitors", "", "");
    assert_eq!(reply.json()["monitors"][0]["monitorName"], "flowmote");
    let reply = server.send("POST", "/monitors", "", "{}");
    assert_eq!((reply.status, &reply.json()["__type"]), (404, &json!("UnknownOperationException")));
    accept(&server, CURRENT, "nfm_top_contributors.py");
}
