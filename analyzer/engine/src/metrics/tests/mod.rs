mod bounds;
mod past;
mod rates;
mod vectors;

use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::{Datagram, Sample};

use super::*;
use crate::lookup::{Hosts, Topology};
use crate::source::{AgentList, SourceNames};

const AGENT: Address = Address::V4(Ipv4Addr::new(192, 0, 2, 1));

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = words(&[text.len() as u32]);
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A record of interface counters of ifIndex 5: 1 Gbit/s, up and down.
fn interface(octets: u64, unicast: u32, errors: u32) -> Vec<u8> {
    let (high, low) = ((octets >> 32) as u32, octets as u32);
    words(&[
        5,
        6,
        0,
        1_000_000_000,
        1,
        1,
        high,
        low,
        unicast,
        7,
        3,
        0,
        errors,
        u32::MAX,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    ])
}

/// A simulated agent: counter samples of one data source.
struct Device {
    metrics: Metrics,
    agent: Address,
    source: DataSource,
    sequence: u32,
    seconds: u32,
    /// True if records may have faults.
    faults: bool,
}

impl Device {
    fn new(class: u32, index: u32) -> Self {
        let source = DataSource { class, index };
        let metrics = Metrics::new(1 << 20);
        Self { metrics, agent: AGENT, source, sequence: 0, seconds: 1000, faults: false }
    }

    /// Sends records as the next sample, `seconds` after the last one.
    fn send(&mut self, seconds: u32, records: &[(u32, Vec<u8>)]) {
        self.sequence = self.sequence.wrapping_add(1);
        self.seconds += seconds;
        self.receive(self.sequence, self.seconds, records);
    }

    /// Receives a sample with this number, sent at this time.
    fn receive(&mut self, sequence: u32, seconds: u32, records: &[(u32, Vec<u8>)]) {
        let DataSource { class, index } = self.source;
        let mut sample = words(&[sequence, class, index, records.len() as u32]);
        for (format, record) in records {
            sample.extend(words(&[*format, record.len() as u32]));
            sample.extend(record);
        }
        let mut payload = words(&[5, 1, 0xc000_0201, 0, 1, 0, 1, 4, sample.len() as u32]);
        payload.extend(sample);
        let datagram = Datagram::parse(&payload).unwrap();
        let Some(Ok(Sample::Counters(sample))) = datagram.samples().next() else { panic!() };
        let arrival = Instant::after_start(Duration::from_secs(seconds.into()));
        let uptime = seconds.wrapping_mul(1000);
        let sequence_number = sample.sequence_number;
        let time = SampleTime { arrival, uptime, sequence_number, sender: None };
        let mut at = sample.source_id;
        for record in sample.records() {
            let source = Source { agent: self.agent, data_source: at };
            let (next, visited) = self.metrics.counters(source, time, &record.unwrap());
            assert!(self.faults || visited.is_ok(), "{visited:?}");
            at = next;
        }
    }

    fn get(&self, name: &str) -> Option<MetricValue> {
        self.metrics.get(&Source { agent: self.agent, data_source: self.source }, name)
    }

    fn find(
        &self,
        pin: Option<DataSource>,
        name: Option<&str>,
        filter: &MetricFilter,
    ) -> Vec<Found> {
        let search = Search { agents: &AgentList::All, pin, name, filter };
        self.metrics.find(&search, &Topology::default())
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(|value| value.number())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.to_string())
    }
}

#[test]
fn counters_become_rates_and_gauges_stay() {
    let mut device = Device::new(0, 5);
    device.send(0, &[(1, interface(1000, 10, 0))]);
    assert_eq!(device.number("ifinoctets"), None);
    assert_eq!(device.number("ifspeed"), Some(1e9));
    device.send(20, &[(1, interface(2_001_000, 30, 40))]);
    assert_eq!(device.number("ifinoctets"), Some(100_000.0));
    assert_eq!(device.number("ifinucastpkts"), Some(1.0));
    assert_eq!(device.number("ifinpkts"), Some(1.0));
    assert_eq!(device.number("ifinerrors"), Some(2.0));
    assert_eq!(device.number("ifinutilization"), Some(0.08));
    assert_eq!(device.number("ifinunknownprotos"), None);
    assert_eq!(device.text("ifadminstatus").as_deref(), Some("up"));
    assert_eq!(device.text("ifoperstatus").as_deref(), Some("down"));
    assert_eq!(device.text("ifdirection").as_deref(), Some("full-duplex"));
    assert_eq!(device.get("ifstatus"), None);
    assert_eq!(device.text("iftype").as_deref(), Some("ethernetCsmacd"));
    assert_eq!(device.get("ifindex"), Some(MetricValue::Text("5".into())));
}

#[test]
fn records_after_interface_counters_belong_to_that_interface() {
    let mut device = Device::new(0, 0);
    device.send(0, &[(1, interface(0, 0, 0)), (1005, text("eth5"))]);
    assert_eq!(device.text("ifname"), None);
    device.source = DataSource { class: 0, index: 5 };
    assert_eq!(device.text("ifname").as_deref(), Some("eth5"));
    assert_eq!(device.metrics.ifindex(&AGENT, "eth5"), Some(5));
    assert_eq!(device.metrics.ifindex(&AGENT, "eth6"), None);
}

/// `host_descr` of a Linux host on x86-64.
fn host(name: &str) -> (u32, Vec<u8>) {
    let mut record = text(name);
    record.extend(words(&[1, 2, 3, 4, 3, 2]));
    record.extend(text("6.1.0"));
    (2000, record)
}

#[test]
fn host_has_texts_and_shares_of_cpu_time() {
    let cpu = |user: u32, idle: u32| {
        let load = 1.5_f32.to_bits();
        let counters = [5000, user, 0, 0, idle, 0, 0, 0, 77, 88, 0, 0, 0];
        let mut record = vec![load, load, (-1.0_f32).to_bits(), 2, 100, 4, 2400];
        record.extend(counters);
        (2003, words(&record))
    };
    let mut device = Device::new(2, 1);
    device.send(0, &[host("web1"), cpu(0, 0)]);
    device.send(10, &[host("web1"), cpu(10_000, 30_000)]);
    assert_eq!(device.text("host_name").as_deref(), Some("web1"));
    assert_eq!(device.text("os_name").as_deref(), Some("linux"));
    assert_eq!(device.text("machine_type").as_deref(), Some("x86_64"));
    assert_eq!(device.number("load_one"), Some(1.5));
    assert_eq!(device.number("load_fifteen"), None);
    assert_eq!(device.number("uptime"), Some(5000.0));
    assert_eq!(device.number("cpu_user"), Some(25.0));
    assert_eq!(device.number("cpu_utilization"), Some(25.0));
    assert_eq!(device.metrics.host_name(&AGENT).as_deref(), Some("web1"));
    assert_eq!(device.metrics.hosts(), Hosts::from_iter([("web1".into(), vec![AGENT])]));
}

#[test]
fn control_characters_of_texts_are_removed() {
    let mut device = Device::new(2, 1);
    device.send(0, &[host("we\u{1b}[31mb\n")]);
    assert_eq!(device.text("host_name").as_deref(), Some("we[31mb"));
}

#[test]
fn metrics_are_found_by_name_pin_and_filter() {
    let mut device = Device::new(2, 1);
    device.send(0, &[host("web1"), (1, interface(0, 0, 0))]);
    let find = |pin, name, pairs: &[(&str, &str)]| {
        device.find(pin, name, &MetricFilter::new(pairs.iter().copied()))
    };
    let names = |found: &[Found]| found.iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&find(None, Some("ifspeed"), &[])), ["ifspeed"]);
    assert_eq!(find(None, Some("no_such_metric"), &[]), []);
    let pin = |class, index| Some(DataSource { class, index });
    assert_eq!(find(pin(0, 5), Some("ifspeed"), &[]).len(), 1);
    assert_eq!(find(pin(0, 6), Some("ifspeed"), &[]), []);
    // The filter looks at the data source first, then at the others of the agent.
    assert_eq!(find(None, Some("ifspeed"), &[("host_name", "web*")]).len(), 1);
    assert_eq!(find(None, Some("ifspeed"), &[("host_name", "db*")]), []);
    assert!(names(&find(None, None, &[])).contains(&"os_release".to_owned()));
}

fn found(index: u32, value: f64) -> Found {
    Found {
        source: Source { agent: AGENT, data_source: DataSource { class: 0, index } },
        name: "x".into(),
        value: MetricValue::Number(value),
        updated: Instant::after_start(Duration::from_secs(index.into())),
        top_keys: Vec::new(),
    }
}

#[test]
fn statistics_are_those_of_the_values() {
    let values = [found(1, 4.0), found(2, 1.0), found(3, 2.0), found(4, 3.0)];
    let now = Instant::after_start(Duration::from_secs(10));
    let of = |text: &str| {
        statistic(MetricRequest::parse(text, &SourceNames::default()).aggregate, now, &values)
    };
    let number = |text: &str| of(text).value.and_then(|value| value.number()).unwrap();
    for (text, expected) in [
        ("x", 4.0),
        ("max:x", 4.0),
        ("min:x", 1.0),
        ("sum:x", 10.0),
        ("avg:x", 2.5),
        ("var:x", 1.25),
        ("med:x", 2.5),
        ("q1:x", 1.75),
        ("q2:x", 2.5),
        ("q3:x", 3.25),
        ("iqr:x", 1.5),
        ("any:x", 3.0),
    ] {
        assert_eq!(number(text), expected, "{text}");
    }
    assert!((number("sdev:x") - 1.25_f64.sqrt()).abs() < 1e-12);
    assert_eq!(of("max:x").source.map(|source| source.data_source.index), Some(1));
    assert_eq!(of("sum:x").source, None);
    let ages = |newest, oldest| Some((Duration::from_secs(newest), Duration::from_secs(oldest)));
    assert_eq!((of("x").age, of("sum:x").age), (ages(9, 9), ages(6, 9)));
    assert_eq!(of("med:x").quartiles.map(|it| (it.min, it.q1, it.max)), Some((1.0, 1.75, 4.0)));
    let none = statistic(Aggregate::Sum, now, &[]);
    assert_eq!((none.value, none.count), (None, 0));
}

#[test]
fn requests_have_statistic_and_data_source() {
    let parsed = |text| {
        let MetricRequest { aggregate, pin, name, .. } =
            MetricRequest::parse(text, &SourceNames::default());
        (aggregate, pin, name)
    };
    let pin = |class, index| Some(DataSource { class, index });
    assert_eq!(parsed("load_one"), (Aggregate::Max, None, "load_one".to_owned()));
    assert_eq!(parsed("sum:2.1.load"), (Aggregate::Sum, pin(2, 1), "load".to_owned()));
    assert_eq!(parsed("4.a-b"), (Aggregate::Max, pin(0, 4), "a-b".to_owned()));
    assert_eq!(parsed("foo:x"), (Aggregate::Max, None, "foo:x".to_owned()));
}

/// A text of a host or an interface of an agent.
fn cell(agent: u8, class: u32, index: u32, text: &str) -> Found {
    let agent = Address::V4(Ipv4Addr::new(192, 0, 2, agent));
    let source = Source { agent, data_source: DataSource { class, index } };
    Found { source, value: MetricValue::Text(text.into()), ..found(index, 0.0) }
}

/// The rows of a table, with `-` for cells that are absent.
fn table(columns: &[&str], found: &[Vec<Found>]) -> Vec<String> {
    let columns: Vec<_> =
        columns.iter().map(|column| Column::parse(column, &SourceNames::default())).collect();
    let text = |cell: &Option<Found>| match cell {
        Some(found) => found.value.to_string(),
        None => "-".to_owned(),
    };
    let rows = rows(&columns, found);
    rows.iter().map(|row| row.iter().map(text).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn tables_have_a_row_for_each_interface_with_the_values_of_its_host() {
    let x = vec![found(1, 1.0), found(2, 3.0), found(3, 2.0)];
    // One value only, but of another interface: it is none of the agent.
    let y = vec![found(2, 7.0)];
    let host = vec![cell(1, 2, 1, "host"), cell(9, 2, 1, "without-ports")];
    let cells = [x, y, host];
    assert_eq!(table(&["sort:x:-2", "null:y", "z"], &cells), ["3 7 host", "2 - host"]);
    assert_eq!(table(&["sort:x:1", "null:y", "z"], &cells), ["1 - host"]);
    assert_eq!(table(&["x", "y", "z"], &cells), ["3 7 host"]);
    // Agents differ in what they have.
    let all = ["1 - host", "3 7 host", "2 - host", "- - without-ports"];
    assert_eq!(table(&["null:x", "null:y", "z"], &cells), all);
}

#[test]
fn tables_of_hosts_have_a_row_for_each_agent() {
    let name = vec![cell(1, 2, 1, "a"), cell(2, 2, 1, "b")];
    let other = vec![cell(1, 2, 1000, "x"), cell(2, 2, 1000, "y")];
    assert_eq!(table(&["host_name", "other"], &[name, other]), ["a x", "b y"]);
}

#[test]
fn filters_on_interfaces_keep_the_values_of_their_host() {
    let mut device = Device::new(2, 1);
    device.send(0, &[host("web1")]);
    for (index, name) in [(5, "eth5"), (6, "eth6")] {
        device.source = DataSource { class: 0, index };
        device.send(0, &[(1005, text(name))]);
    }
    let find =
        |name, pattern| device.find(None, Some(name), &MetricFilter::new([("ifname", pattern)]));
    assert_eq!(find("host_name", "eth6").len(), 1);
    assert_eq!(find("host_name", "eth7"), []);
    let ports: Vec<u32> =
        find("ifname", "eth6").iter().map(|found| found.source.data_source.index).collect();
    assert_eq!(ports, [6]);
}

/// An `rtmetric` sample of one value.
fn custom(device: &mut Device, seconds: u32, name: &str, code: u32, value: &[u8]) {
    let mut sample = text("source");
    sample.extend(words(&[1]));
    sample.extend(text(name));
    sample.extend(words(&[code]));
    sample.extend(value);
    let head = [5, 1, 0xc000_0201, 0, 1, 0, 1, 4300 << 12 | 1002, sample.len() as u32];
    let payload = [words(&head), sample].concat();
    let datagram = Datagram::parse(&payload).unwrap();
    let Some(Ok(Sample::RtMetric(sample))) = datagram.samples().next() else { panic!() };
    let source = Source { agent: AGENT, data_source: device.source };
    let now = Instant::after_start(Duration::from_secs(seconds.into()));
    for value in sample.values() {
        device.metrics.custom(source, now, &value.unwrap());
    }
}

/// Such as the identity of a cloud instance, which an agent sends under the name `cloud`.
#[test]
fn filters_see_metrics_of_named_data_sources() {
    let mut device = Device::new(2, 1);
    device.send(0, &[host("web1")]);
    device.source = DataSource { class: u32::MAX, index: 0 };
    custom(&mut device, 0, "cloud_zone", 0, &text("eu-west-1a"));
    device.source = DataSource { class: u32::MAX, index: 1 };
    custom(&mut device, 0, "load", 0, &text("high"));
    device.source = DataSource { class: 0, index: 5 };
    device.send(0, &[(1005, text("eth5"))]);
    let find = |name, pattern| {
        device.find(None, Some(name), &MetricFilter::new([("cloud_zone", pattern)])).len()
    };
    for name in ["host_name", "ifname", "load", "cloud_zone"] {
        assert_eq!((find(name, "eu-*"), find(name, "us-*")), (1, 0), "{name}");
    }
}

#[test]
fn custom_metrics_have_plain_names() {
    assert!(is_custom_name("queue-depth_1"));
    for name in ["", "a.b", "a b", "é", &"a".repeat(65)] {
        assert!(!is_custom_name(name), "{name}");
    }
}

#[test]
fn parts_are_the_whole() {
    let mut device = Device::new(0, 1);
    for (agent, index) in [(1, 7), (1, 8), (2, 1), (3, 1), (3, 2), (3, 3)] {
        device.agent = Address::V4(Ipv4Addr::new(192, 0, 2, agent));
        device.source.index = index;
        device.send(0, &[(1005, text(&format!("eth{index}")))]);
    }
    let filter = MetricFilter::default();
    for (list, ports) in
        [("ALL", 6), ("192.0.2.3,192.0.2.1,192.0.2.9,192.0.2.1", 5), ("192.0.2.9", 0)]
    {
        let agents = &AgentList::parse(list);
        for name in [None, Some("ifname")] {
            let search = Search { agents, pin: None, name, filter: &filter };
            let whole = device.metrics.find(&search, &Topology::default());
            assert_eq!(whole.len(), ports, "{list}");
            for limit in 1..=7 {
                let (mut parts, mut after) = (Vec::new(), None);
                loop {
                    let part =
                        device.metrics.find_part(&search, &Topology::default(), after, limit);
                    assert!(part.0.len() <= limit);
                    parts.extend(part.0);
                    after = part.1;
                    if after.is_none() {
                        break;
                    }
                }
                assert_eq!(parts, whole, "{list} {limit}");
            }
        }
    }
}
