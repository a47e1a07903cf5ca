//! Measures the interface of CloudWatch while samples come in.
//!
//! `cargo run --release -p flowmote-analyzer --example metrics -- HTTP SFLOW [HOSTS] [SAMPLES]`
//!
//! HTTP and SFLOW are the addresses of a running `flowmote-analyzer serve`. HOSTS (500) hosts send
//! `host_cpu`, `host_memory` and `host_net_io` each second, and the counters of seven ports each ten
//! seconds; `blast` sends SAMPLES (300000) flow samples a second beside. After a minute, `GetMetricData`
//! reads 60 points of each of 500 series again and again, `ListMetrics` all metrics by pages, and values
//! are sent one after the other, to measure the time until each is in a reply. All by JSON, on one
//! connection. With 0 hosts nothing is sent: the metrics are those of the history of an earlier run
//! (`serve --state`).

use core::net::{Ipv4Addr, SocketAddr};
use core::time::Duration;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Child, Command};
use std::thread;
use std::time::{Instant, SystemTime};

use serde_json::{Value, json};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [http, sflow, more @ ..] = arguments.as_slice() else {
        panic!("HTTP SFLOW [HOSTS] [SAMPLES]")
    };
    let number = |at: usize, default: u32| -> u32 {
        more.get(at).map_or(default, |it| it.parse().expect("a number"))
    };
    let (hosts, samples) = (number(0, 500), number(1, 300_000));
    let sflow: SocketAddr = sflow.parse().expect("an address");
    if hosts == 0 {
        let mut client = Client::connect(http.parse().expect("an address"));
        return lists(&mut client);
    }
    thread::spawn(move || send_all(sflow, hosts));
    let blast = (samples > 0).then(|| blast(sflow, samples));
    thread::sleep(WARM_UP);
    let mut client = Client::connect(http.parse().expect("an address"));
    data(&mut client, hosts, "CWAgent", "cpu_usage_active");
    data(&mut client, hosts, "Flowmote", "mem_free");
    lists(&mut client);
    visible(&mut client, sflow);
    if let Some(mut blast) = blast {
        blast.kill().expect("blast");
        blast.wait().expect("blast");
    }
}

/// `GetMetricData` of 500 series.
fn data(client: &mut Client, hosts: u32, namespace: &str, name: &str) {
    let queries: Vec<Value> = (0..500)
        .map(|number| {
            let mut dimensions = vec![json!({"Name": "host", "Value": host_name(number % hosts)})];
            if name.starts_with("cpu") {
                dimensions.push(json!({"Name": "cpu", "Value": "cpu-total"}));
            }
            let metric =
                json!({"Namespace": namespace, "MetricName": name, "Dimensions": dimensions});
            json!({"Id": format!("q{number}"), "MetricStat": {"Metric": metric, "Period": 1, "Stat": "Average"}})
        })
        .collect();
    let mut times = Vec::new();
    let mut points = 0;
    for _ in 0..REPEATS {
        let end = now().floor();
        let body = json!({"MetricDataQueries": queries, "StartTime": end - 60.0, "EndTime": end});
        let (time, reply) = client.call("GetMetricData", &body);
        let results = reply["MetricDataResults"].as_array().expect("results");
        assert_eq!(results.len(), 500);
        points = results.iter().map(|it| it["Values"].as_array().map_or(0, Vec::len)).sum();
        times.push(time);
        thread::sleep(REST);
    }
    print(&format!("GetMetricData of 500 x {name}, {points} points"), times);
}

/// All metrics, those with a name or of a host, and a search.
fn lists(client: &mut Client) {
    list(client, &json!({}));
    for filter in [
        json!({"MetricName": "mem_free"}),
        json!({"MetricName": "none"}),
        json!({"Dimensions": [{"Name": "host", "Value": host_name(7)}]}),
    ] {
        list(client, &filter);
    }
    let search = "SEARCH('{Flowmote,host} MetricName=\"mem_free\"', 'Average', 60)";
    let mut times = Vec::new();
    for _ in 0..REPEATS / 5 {
        let end = now().floor();
        let body = json!({"MetricDataQueries": [{"Id": "q", "Expression": search}],
            "StartTime": end - 3600.0, "EndTime": end});
        times.push(client.call("GetMetricData", &body).0);
        thread::sleep(REST);
    }
    print(search, times);
}

/// All pages of `ListMetrics` with a filter.
fn list(client: &mut Client, filter: &Value) {
    let (mut pages, mut metrics, mut body) = (Vec::new(), 0, filter.clone());
    loop {
        let (time, reply) = client.call("ListMetrics", &body);
        pages.push(time);
        metrics += reply["Metrics"].as_array().map_or(0, Vec::len);
        let Some(token) = reply["NextToken"].as_str() else { break };
        body = filter.clone();
        body["NextToken"] = token.into();
    }
    let total: Duration = pages.iter().sum();
    let rate = pages.len() as f64 / total.as_secs_f64();
    print(&format!("ListMetrics {filter}, {metrics} metrics, {rate:.0} pages/s"), pages);
}

/// The time from sending a value to the reply that has it.
fn visible(client: &mut Client, sflow: SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let host = u32::from(u16::MAX);
    let mut times = Vec::new();
    for round in 0..VALUES {
        let value = f64::from(round + 1);
        thread::sleep(PAUSE);
        let start = Instant::now();
        socket.send_to(&host_datagram(host, round, value as f32), sflow).expect("sent");
        loop {
            let end = now();
            let metric = json!({"Namespace": "Flowmote", "MetricName": "load_one",
                "Dimensions": [{"Name": "host", "Value": host_name(host)}]});
            let body = json!({"MetricDataQueries": [{"Id": "q", "MetricStat":
                {"Metric": metric, "Period": 1, "Stat": "Maximum"}}],
                "StartTime": end - 10.0, "EndTime": end + 1.0});
            let (_, reply) = client.call("GetMetricData", &body);
            if reply["MetricDataResults"][0]["Values"][0].as_f64() == Some(value) {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        times.push(start.elapsed());
    }
    print("from a value that is sent to the reply that has it", times);
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at =
        |share: f64| times[((times.len() - 1) as f64 * share).ceil() as usize].as_secs_f64() * 1e3;
    println!(
        "{:5} times, 50 % in {:7.2} ms, 99 % in {:7.2} ms, all in {:7.2} ms, first {:7.2} ms: {what}",
        times.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        at(0.0),
    );
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs_f64()
}

/// A connection that stays open.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(http: SocketAddr) -> Self {
        let stream = TcpStream::connect(http).expect("a connection");
        stream.set_nodelay(true).expect("a TCP socket");
        Self(BufReader::new(stream))
    }

    /// The reply of an operation, and the time until all of it is there.
    fn call(&mut self, operation: &str, body: &Value) -> (Duration, Value) {
        let body = body.to_string();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: GraniteServiceVersion20100801.{operation}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let start = Instant::now();
        self.0.get_mut().write_all(request.as_bytes()).expect("a request");
        let reply = self.body();
        let time = start.elapsed();
        (time, serde_json::from_slice(&reply).expect("JSON"))
    }

    fn body(&mut self) -> Vec<u8> {
        let (mut length, mut status) = (0, None);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("a line");
            status.get_or_insert_with(|| line.clone());
            if line == "\r\n" {
                break;
            }
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = number.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        let status = status.unwrap_or_default();
        assert!(status.starts_with("HTTP/1.1 200"), "{status}{}", String::from_utf8_lossy(&body));
        body
    }
}

/// Starts the load generator beside this program.
fn blast(sflow: SocketAddr, samples: u32) -> Child {
    let own = std::env::current_exe().expect("a path");
    let mut command = Command::new(own.with_file_name("blast"));
    let rate = samples.to_string();
    command.args([&sflow.to_string(), &rate, "600"]).spawn().expect("the example blast")
}

/// Sends the counters of all hosts each second, and those of the ports of a tenth of them.
fn send_all(sflow: SocketAddr, hosts: u32) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let start = Instant::now();
    for round in 0.. {
        for host in 0..hosts {
            socket.send_to(&host_datagram(host, round, 0.5), sflow).expect("sent");
            if host % 10 == round % 10 || round < 2 {
                socket.send_to(&port_datagram(host, round), sflow).expect("sent");
            }
            // Slower than the receive buffer fills.
            if host % 8 == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        let next = start + Duration::from_secs(1) * (round + 1);
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

fn host_name(host: u32) -> String {
    format!("host-{host:05}")
}

/// The counters of a host, with a load.
fn host_datagram(host: u32, round: u32, load: f32) -> Vec<u8> {
    let name = host_name(host);
    let mut records = words(&[2000, 16 + 8 + 28 + 4]);
    records.extend(words(&[name.len() as u32]));
    records.extend(name.as_bytes());
    records.resize(records.len().next_multiple_of(4), 0);
    records.extend(words(&[0, 0, 0, host, 3, 2, 0]));
    let length = (records.len() - 8) as u32;
    records[4..8].copy_from_slice(&length.to_be_bytes());
    let time = round * 250;
    records.extend(words(&[2003, 80, load.to_bits(), 0, 0, 1, 100, 4, 2400, round]));
    records.extend(words(&[time, 0, time, 2 * time, 0, 0, 0, time, time, 0, 0, 0]));
    records.extend(words(&[2004, 72]));
    records.extend(words(&[4, 0, 1, round, 0, 0, 0, 1000, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0]));
    let (bytes, packets) = (round * 1_000_000, round * 1000);
    records.extend(words(&[2006, 40, 0, bytes, packets, 0, 0, 0, bytes, packets, 0, 0]));
    let mut datagram = head(host, 2 * round + 1, round, 1);
    datagram.extend(sample(2 << 24 | 1, round, &records));
    datagram
}

/// The counters of seven ports of a host.
fn port_datagram(host: u32, round: u32) -> Vec<u8> {
    let mut datagram = head(host, 2 * round + 2, round, 7);
    for port in 1..=7 {
        let (octets, packets) = (port * round * 100_000, port * round * 100);
        let counts = [0, octets, packets, 0, 0, 0, 0];
        let mut records = words(&[1, 88, port, 6, 0, 1_000_000_000, 1, 3]);
        records.extend(words(&counts));
        records.extend(words(&[0]));
        records.extend(words(&counts));
        records.extend(words(&[0]));
        let name = format!("eth{port}");
        records.extend(words(&[1005, 8, name.len() as u32]));
        records.extend(name.as_bytes());
        datagram.extend(sample(port, round, &records));
    }
    datagram
}

fn head(host: u32, sequence: u32, round: u32, samples: u32) -> Vec<u8> {
    words(&[5, 1, AGENT + host, 0, sequence, 1_000_000 + round * 1000, samples])
}

fn sample(source: u32, round: u32, records: &[u8]) -> Vec<u8> {
    let count = if source >> 24 == 2 { 4 } else { 2 };
    let mut sample = words(&[2, records.len() as u32 + 12, round + 1, source, count]);
    sample.extend(records);
    sample
}

/// Words in network byte order.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The first host: 10.1.0.0.
const AGENT: u32 = 0x0a01_0000;
/// Requests for 500 series.
const REPEATS: u32 = 100;
/// Time between two of them.
const REST: Duration = Duration::from_millis(20);
/// Values that are sent until they are seen.
const VALUES: u32 = 30;
/// Longer than a second of the interface, whose maximum a value is.
const PAUSE: Duration = Duration::from_millis(300);
/// Time until all points are there.
const WARM_UP: Duration = Duration::from_secs(64);
