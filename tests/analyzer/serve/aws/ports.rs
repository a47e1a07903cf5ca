//! An agent with many ports, whose metrics are several pages.

use std::collections::{BTreeMap, BTreeSet};

use flowmote_core::record::counter::{IfCounters, PortName};
use flowmote_core::{CounterSample, DataSource, DatagramBuilder};
use flowmote_lab::wait_until;
use serde_json::{Value, json};

use super::host::{Host, INSTANCE, names};
use super::requests::{call, query};
use crate::client::Server;
use crate::traffic::{AGENT, INTERVAL, Traffic, head, now};

const PORTS: u32 = 60;

/// Counters of all ports, ten in a datagram.
fn ports(number: u32) -> Vec<Vec<u8>> {
    let indexes: Vec<u32> = (1..=PORTS).collect();
    let datagrams = indexes.chunks(10).zip(0..).map(|(part, at)| {
        let mut buffer = [0; 1400];
        let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
        for index in part {
            let counters = IfCounters {
                if_index: *index,
                if_speed: 1_000_000_000,
                if_in_octets: u64::from(number * index),
                if_out_octets: u64::from(number),
                if_in_ucast_pkts: number,
                if_out_ucast_pkts: number,
                ..IfCounters::UNKNOWN
            };
            let name = format!("swp{index}");
            let sample = CounterSample { records: &[&counters, &PortName { name: &name }] };
            let source = DataSource::interface(*index);
            datagram.counter_sample(source, number + 1, &sample).expect("room");
        }
        let sequence = number * PORTS.div_ceil(10) + at + 1;
        datagram.finish(sequence, number * INTERVAL.as_millis() as u32).to_vec()
    });
    datagrams.collect()
}

/// The metrics of all pages, and the number of pages.
fn listed(server: &Server, mut request: Value) -> (Vec<Value>, usize) {
    let (mut metrics, mut pages) = (Vec::new(), 0);
    loop {
        let mut page = call(server, "ListMetrics", &request);
        let own = page["Metrics"].as_array_mut().expect("a list");
        assert!(own.len() <= 500, "{}", own.len());
        metrics.append(own);
        pages += 1;
        if page["NextToken"].is_null() {
            return (metrics, pages);
        }
        request["NextToken"] = page["NextToken"].take();
    }
}

#[test]
fn metrics_of_many_ports_are_in_pages_each_once() {
    let server = Server::start(&[]);
    let _traffic = Traffic::of(server.sflow, ports);
    let interface = |metric: &Value| -> String {
        let dimensions = metric["Dimensions"].as_array().expect("a list");
        let found = dimensions.iter().find(|it| it["Name"] == "interface").expect("an interface");
        found["Value"].as_str().expect("a text").to_owned()
    };
    let (metrics, pages) = wait_until("metrics of all ports", || {
        let request = json!({"Namespace": "CWAgent", "MetricName": "net_packets_sent"});
        (listed(&server, request).0.len() == PORTS as usize).then_some(())?;
        Some(listed(&server, json!({})))
    });
    let mut of_ports: BTreeMap<String, usize> = BTreeMap::new();
    metrics.iter().for_each(|metric| *of_ports.entry(interface(metric)).or_default() += 1);
    let names: BTreeSet<String> = (1..=PORTS).map(|index| format!("swp{index}")).collect();
    assert_eq!(of_ports.keys().cloned().collect::<BTreeSet<_>>(), names);
    let counts: BTreeSet<usize> = of_ports.into_values().collect();
    assert_eq!(counts.len(), 1, "{counts:?}");
    let different: BTreeSet<String> = metrics.iter().map(Value::to_string).collect();
    assert_eq!((different.len(), pages), (metrics.len(), metrics.len().div_ceil(500)));
    assert!(pages > 1, "{pages}");
    // The values of one port are its own.
    let dimensions = [("host", AGENT), ("interface", "swp7")];
    let query = query("m1", "CWAgent", "net_bytes_recv", "Sum", &dimensions);
    let request =
        json!({"StartTime": now() - 60.0, "EndTime": now(), "MetricDataQueries": [query]});
    let found = call(&server, "GetMetricData", &request);
    assert_ne!(found["MetricDataResults"][0]["Values"], json!([]));
}

/// A program may report a metric that an agent has, such as the agent of CloudWatch beside it.
#[test]
fn metric_of_an_agent_and_of_a_program_is_listed_once() {
    let server = Server::start(&[]);
    let _host = Host::to(&server);
    let dimensions = json!([{"Name": "InstanceId", "Value": INSTANCE},
        {"Name": "ImageId", "Value": "ami-1"}, {"Name": "InstanceType", "Value": "m5.large"}]);
    let datum = |name: &str| json!({"MetricName": name, "Value": 1, "Dimensions": dimensions});
    let put = json!({"Namespace": "CWAgent", "MetricData": [datum("mem_free"), datum("own")]});
    call(&server, "PutMetricData", &put);
    let put = json!({"Namespace": "Shop", "MetricData": [datum("mem_free")]});
    call(&server, "PutMetricData", &put);
    let listed = |name: &str| {
        let request = json!({"MetricName": name, "Dimensions": [{"Name": "InstanceId"}]});
        names(&call(&server, "ListMetrics", &request)).len()
    };
    assert_eq!((listed("mem_free"), listed("own")), (2, 1));
}
