//! An instance of a cloud that sends its counters until it is dropped.

use flowmote_core::record::counter::{
    HostCpu, HostDescr, HostMemory, HostNetIo, IfCounters, PortName,
};
use flowmote_core::{
    CounterRecord, CounterSample, DataSource, DatagramBuilder, MetricValue, RtMetric,
};
use flowmote_lab::wait_until;
use serde_json::{Value, json};

use super::requests::call;
use crate::client::Server;
use crate::traffic::{AGENT, INTERVAL, Traffic, head};

pub(crate) const INSTANCE: &str = "i-0abc";
pub(crate) const HOST_NAME: &str = "web1";
/// Bytes that the host receives in each interval.
pub(super) const BYTES: u64 = 50_000;

/// Sends the counters of the host, of a port, and the identity.
pub(crate) struct Host {
    traffic: Traffic,
}

impl Host {
    /// Returns when its metrics are listed.
    pub(crate) fn to(server: &Server) -> Self {
        let host = Self::unlisted(server);
        wait_until("metrics of the instance", || {
            let request = json!({"Namespace": "AWS/EC2", "MetricName": "CPUUtilization",
                "Dimensions": [{"Name": "InstanceId", "Value": INSTANCE}]});
            let listed = call(server, "ListMetrics", &request);
            listed["Metrics"].as_array().is_some_and(|it| it.len() == 1).then_some(())
        });
        host
    }

    /// Returns when its counters have rates, also if a list of its metrics would need a signature.
    pub(super) fn unlisted(server: &Server) -> Self {
        let traffic = Traffic::of(server.sflow, |number| vec![datagram(number)]);
        wait_until("rates of the instance", || {
            let rates = server.json("/metric/ALL/sum:bytes_in/json");
            rates[0]["metricValue"].is_number().then_some(())
        });
        Self { traffic }
    }

    /// Datagrams sent between two times, in seconds since 1970.
    pub(super) fn datagrams(&self, from: f64, to: f64) -> f64 {
        self.traffic.rate(from, to).datagrams * (to - from)
    }
}

/// A processor that is busy for a quarter of the time.
pub(crate) fn cpu(number: u32) -> HostCpu {
    HostCpu {
        load_one: 0.5,
        proc_run: 2,
        proc_total: 100,
        cpu_num: 2,
        cpu_user: number * 20,
        cpu_nice: 0,
        cpu_system: number * 5,
        cpu_idle: number * 75,
        cpu_wio: 0,
        cpu_intr: 0,
        cpu_sintr: 0,
        cpu_steal: 0,
        cpu_guest: 0,
        cpu_guest_nice: 0,
        ..HostCpu::UNKNOWN
    }
}

pub(crate) const MEMORY: HostMemory = HostMemory {
    mem_total: 8000,
    mem_free: 1000,
    mem_buffers: 500,
    mem_cached: 2500,
    ..HostMemory::UNKNOWN
};

fn datagram(number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(AGENT));
    let cpu = cpu(number);
    let net = HostNetIo {
        bytes_in: u64::from(number) * BYTES,
        pkts_in: number * 50,
        ..HostNetIo::UNKNOWN
    };
    let name = HostDescr { hostname: HOST_NAME, ..HostDescr::UNKNOWN };
    let records: [&dyn CounterRecord; 4] = [&name, &cpu, &MEMORY, &net];
    let host = CounterSample { records: &records };
    datagram.counter_sample(DataSource::HOST, number + 1, &host).expect("room");
    let port = IfCounters {
        if_index: 3,
        if_speed: 1_000_000_000,
        if_in_octets: u64::from(number) * BYTES,
        ..IfCounters::UNKNOWN
    };
    let port = CounterSample { records: &[&port, &PortName { name: "eth0" }] };
    datagram.counter_sample(DataSource::interface(3), number + 1, &port).expect("room");
    let identity = [
        ("cloud_instance_id", MetricValue::String(INSTANCE)),
        ("cloud_instance_type", MetricValue::String("m5.large")),
        ("cloud_image", MetricValue::String("ami-1")),
    ];
    datagram.rt_metric(&RtMetric { datasource: "cloud", metrics: &identity }).expect("room");
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

/// Names of the metrics in a reply of `ListMetrics`.
pub(super) fn names(listed: &Value) -> Vec<String> {
    let metrics = listed["Metrics"].as_array().expect("a list").iter();
    metrics.map(|it| it["MetricName"].as_str().expect("a name").to_owned()).collect()
}
