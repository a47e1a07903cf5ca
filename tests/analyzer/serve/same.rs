//! The compatible and the native replies never differ, whatever is defined and comes in.

use std::net::UdpSocket;

use flowmote_core::record::counter::IfCounters;
use flowmote_core::record::flow::SampledHeader;
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, FlowSample, Interface, Random, SampleMeta,
};
use flowmote_lab::wait_until;
use serde_json::Value;

use crate::client::Server;
use crate::traffic::{frame, head, sampled};

/// Sends random samples, and then asks.
struct Asker {
    server: Server,
    socket: UdpSocket,
    random: Random,
    sent: u64,
}

impl Asker {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        Self { server: Server::start(&[]), socket, random: Random::new(1), sent: 0 }
    }

    fn pick<'a>(&mut self, items: &[&'a str]) -> &'a str {
        items[self.random.below(items.len() as u32) as usize]
    }

    fn define(&mut self, name: &str) {
        let (keys, value, filter) = (self.pick(&KEYS), self.pick(&VALUES), self.pick(&FILTERS));
        let (mode, n) = (self.pick(&MODES), 1 + self.random.below(20));
        let body = format!(
            "{{keys:'{keys}',value:'{value}',values:['frames'],filter:'{filter}',n:{n},\
             aggMode:'{mode}',t:{}}}",
            // No flow is forgotten meanwhile.
            20 + self.random.below(100)
        );
        self.server.put(&format!("/flow/{name}/json"), &body);
    }

    /// Four datagrams of each of three agents, of which the last has counters: two that arrive within
    /// milliseconds give no rate.
    fn send(&mut self, round: u32) {
        for agent in ["192.0.2.1", "192.0.2.2", "192.0.2.30"] {
            for part in 0..4 {
                let datagram = self.datagram(agent, 4 * round + part);
                self.socket.send_to(&datagram, self.server.sflow).expect("the server listens");
                self.sent += 1;
            }
        }
        wait_until("all datagrams", || {
            let analyzer = self.server.json("/analyzer/json");
            (analyzer["sFlowDatagramsReceived"] == self.sent).then_some(())
        });
    }

    fn datagram(&mut self, agent: &str, number: u32) -> Vec<u8> {
        let mut buffer = [0; 1400];
        let mut datagram = DatagramBuilder::new(&mut buffer, head(agent));
        for _ in 0..5 {
            let (port, host) = (1 + self.random.below(3), self.random.below(40));
            let frame = frame(&format!("10.0.{}.{host}", host % 3), "10.9.9.9");
            let rate = [1, 10, 1000][self.random.below(3) as usize];
            let sample = FlowSample {
                source: DataSource::interface(port),
                meta: SampleMeta { sampling_rate: rate, sample_pool: 0, drops: 0 },
                input: Interface::Index(port),
                output: Interface::Index(port % 3 + 1),
                // Any lengths: averages that are equal have no order.
                header: Some(SampledHeader {
                    frame_length: 64 + self.random.below(9000),
                    ..sampled(&frame)
                }),
                records: &[],
            };
            datagram.flow_sample(number + 1, &sample).expect("room for a sample");
        }
        for port in if number % 4 == 3 { 1..4 } else { 0..0 } {
            let counters = IfCounters {
                if_index: port,
                if_speed: 1_000_000_000,
                if_in_octets: u64::from(number << 10 | self.random.below(1 << 10)),
                ..IfCounters::UNKNOWN
            };
            let sample = CounterSample { records: &[&counters] };
            let source = DataSource::interface(port);
            datagram.counter_sample(source, number + 1, &sample).expect("room for counters");
        }
        datagram.finish(number + 1, 10_000 * number).to_vec()
    }

    /// The value of a flow decreases from one request to the next, unless it is an average.
    fn compare_flows(&mut self, name: &str) {
        let (agents, mode) = (self.pick(&AGENTS), self.pick(&MODES));
        let query = format!(
            "maxFlows={}&minValue={}&aggMode={mode}",
            1 + self.random.below(50),
            self.random.below(3)
        );
        let compatible = format!("/activeflows/{agents}/{name}/json?{query}");
        let before = self.server.json(&compatible);
        let native = self.server.json(&format!("/api/v1/flows/{name}?agent={agents}&{query}"));
        let after = self.server.json(&compatible);
        let lists = [&before, &native, &after].map(|list| list.as_array().expect("a list"));
        // A value that falls below `minValue` meanwhile is in none of the others.
        assert!(lists[0].len() >= lists[1].len() && lists[1].len() >= lists[2].len());
        for (at, flow) in lists[1].iter().enumerate() {
            for name in ["key", "agent", "dataSource", "flowN"] {
                assert_eq!(flow[name], lists[0][at][name], "{query}: {before} {native}");
            }
            let same = |native: &Value, before: &Value, after: Option<&Value>| {
                let [native, before] = [native, before].map(|it| it.as_f64().expect("a number"));
                let after = after.map_or(0.0, |after| after.as_f64().expect("a number"));
                let rounded = 1.0 + 1e-9;
                assert!(after <= native * rounded && native <= before * rounded, "{query}: {flow}");
            };
            same(&flow["value"], &lists[0][at]["value"], lists[2].get(at).map(|it| &it["value"]));
            let further = lists[2].get(at).map(|it| &it["values"][0]);
            same(&flow["values"][0]["value"], &lists[0][at]["values"][0], further);
        }
    }
}

impl Asker {
    /// Statistics of a metric, from all its values.
    fn compare_metrics(&mut self) {
        let (agents, metric) = (self.pick(&AGENTS), self.pick(&METRICS));
        let cells = self.server.json(&format!("/dump/{agents}/{metric}/json"));
        let cells = cells.as_array().expect("a list");
        let value = |cell: &Value| cell["metricValue"].as_f64().expect("a number");
        let mut values: Vec<f64> = cells.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let sum: f64 = values.iter().sum();
        let expected = [
            ("sum", Some(sum)),
            ("avg", Some(sum / values.len() as f64)),
            ("min", values.first().copied()),
            ("max", values.last().copied()),
            ("q2", Some((values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0)),
        ];
        for (statistic, expected) in expected {
            let reply = self.server.json(&format!("/metric/{agents}/{statistic}:{metric}/json"));
            let found = reply[0]["metricValue"].as_f64().expect("a number");
            let expected = expected.expect("a value");
            assert!((found - expected).abs() <= 1e-9 * expected, "{statistic}: {reply} {cells:?}");
            assert_eq!(reply[0]["metricN"], values.len(), "{reply}");
            if let Some(source) = reply[0].get("dataSource") {
                let has = |cell: &&Value| {
                    cell["dataSource"] == *source && cell["agent"] == reply[0]["agent"]
                };
                assert_eq!(value(cells.iter().find(has).expect("its cell")), found);
            }
        }
    }

    /// The metrics of an agent as an object and as a list.
    fn compare_metrics_of_agent(&mut self) {
        let agent = "192.0.2.1";
        let object = self.server.json(&format!("/metric/{agent}/json"));
        let cells = self.server.json(&format!("/dump/{agent}/ALL/json"));
        let counters = |name: &str| !name.contains("flow");
        let mut listed = serde_json::Map::new();
        for cell in cells.as_array().expect("a list") {
            let text = |name: &str| cell[name].as_str().expect("a text").to_owned();
            let name = format!("{}.{}", text("dataSource"), text("metricName"));
            listed.insert(name, cell["metricValue"].clone());
        }
        let mut object = object.as_object().expect("an object").clone();
        // The totals of flows decrease meanwhile.
        assert!(object.keys().eq(listed.keys()));
        object.retain(|name, _| counters(name));
        listed.retain(|name, _| counters(name));
        assert!(!object.is_empty());
        assert_eq!(object, listed);
    }

    fn compare_agents(&self) {
        let compatible = self.server.json("/agents/json");
        let native = self.server.json("/api/v1/agents");
        let native = native["agents"].as_array().expect("a list");
        assert_eq!(compatible.as_object().expect("an object").len(), native.len());
        for agent in native {
            let same = &compatible[agent["agent"].as_str().expect("a name")];
            let count = |value: &Value| value.as_u64().expect("a count");
            let datagrams = &agent["datagrams"];
            let received = count(&datagrams["received"]) + count(&datagrams["copies"]);
            assert_eq!(same["sFlowDatagramsReceived"], received);
            for (compatible, native) in [
                ("sFlowDatagramsLost", &datagrams["lost"]),
                ("sFlowDatagramsOutOfOrder", &datagrams["reordered"]),
                ("sFlowDatagramSource", &agent["senders"]),
                ("sFlowFlowSamples", &agent["flow"]["received"]),
                ("sFlowFlowLostSamples", &agent["flow"]["missing"]),
                ("sFlowFlowDuplicateSamples", &agent["flow"]["duplicates"]),
                ("sFlowFlowOutOfOrderSamples", &agent["flow"]["reordered"]),
                ("sFlowFlowDrops", &agent["flow"]["dropped"]),
                ("sFlowFlowDatasources", &agent["flowSources"]),
                ("sFlowCounterSamples", &agent["counters"]["received"]),
                ("sFlowCounterLostSamples", &agent["counters"]["missing"]),
                ("sFlowCounterDatasources", &agent["counterSources"]),
                ("uptime", &agent["uptime"]),
            ] {
                assert_eq!(same[compatible], *native, "{compatible}: {same} {agent}");
            }
        }
    }
}

#[test]
fn compatible_and_native_replies_never_differ() {
    let mut asker = Asker::new();
    for round in 0..25 {
        let names = ["flow1", "flow2", "flow3", "flow4"];
        names.iter().for_each(|name| asker.define(name));
        asker.send(round);
        for name in names {
            (0..3).for_each(|_| asker.compare_flows(name));
        }
        if round > 0 {
            asker.compare_metrics();
            asker.compare_metrics_of_agent();
        }
        asker.compare_agents();
    }
}

const KEYS: [&str; 6] = [
    "ipsource",
    "ipsource,ipdestination",
    "mask:ipsource:24,inputifindex",
    "agent,datasource",
    "",
    "or:ip6source:ipsource,null:vlan:none",
];
const VALUES: [&str; 5] = ["bytes", "frames", "avg:bytes", "count:ipsource", "max:inputifindex"];
const FILTERS: [&str; 4] = ["", "ipttl=64", "inputifindex!=2", "mask:ipsource:24=10.0.1.0"];
const MODES: [&str; 4] = ["max", "sum", "edge", "core"];
const AGENTS: [&str; 4] = ["ALL", "192.0.2.1", "192.0.2.1;192.0.2.30", "192.0.2.2"];
const METRICS: [&str; 3] = ["ifinoctets", "ifspeed", "ifinutilization"];
