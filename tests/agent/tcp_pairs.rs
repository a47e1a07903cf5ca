//! Bytes, retransmissions, timeouts and round-trip time of each pair of hosts, from the sockets of
//! sampled connections (`tcp { }`) to the flows of the analyzer.

use core::time::Duration;
use std::net::SocketAddr;

use flowmote_decoder::visit::Value;
use flowmote_decoder::{RtFlow, Sample};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::{ActiveFlow, Definition, Query};
use flowmote_engine::lookup::Topology;
use flowmote_engine::source::AgentList;
use flowmote_engine::{Arrival, Instant};
use flowmote_lab::net::{
    Agent, Capture, Collector, Connections, Lab, Namespace, ip_of, with_local_collector,
};
use flowmote_lab::{skip, wait_until};

const PORT: u16 = 5001;

/// A host that samples one packet of all: the fifth of a connection.
struct World {
    lab: Lab,
    host: Namespace,
    peer: Namespace,
}

impl World {
    fn open() -> Option<Self> {
        let lab = Lab::open()?;
        let (host, peer) = (lab.namespace(), lab.namespace());
        lab.link(1, (&host, "lan0"), (&peer, "lan0"));
        let world = Self { lab, host, peer };
        let sampled = "table inet sampling { chain input { type filter hook input priority 0;
            tcp dport 5001 numgen inc mod 1000000 == 5 log group 5; }; }";
        if let Err(reason) = world.rules(&world.host, sampled) {
            skip(&reason);
            return None;
        }
        Some(world)
    }

    fn rules(&self, namespace: &Namespace, text: &str) -> Result<(), String> {
        let path = self.lab.file("rules.nft", &format!("flush ruleset\n{text}\n"));
        let output = namespace.command("nft").arg("-f").arg(path).output();
        let output = output.map_err(|error| format!("nft: {error}"))?;
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        output.status.success().then_some(()).ok_or_else(|| format!("nft: {error}"))
    }

    /// Has the peer lose packets of the server with data for which this condition is true.
    fn lose(&self, condition: &str) {
        let rules = format!(
            "table inet loss {{ chain input {{ type filter hook input priority 0;
               tcp sport 5001 meta length > 500 {condition} drop; }}; }}"
        );
        self.rules(&self.peer, &rules).expect("rules like those of the host");
    }

    fn lose_nothing(&self) {
        self.rules(&self.peer, "").expect("no rules");
    }

    /// A collector, an agent, and a connection of which one packet was sampled.
    fn sampled_once(&self) -> (Collector, Agent, Connections) {
        let config = with_local_collector("polling = 0 nflog { group = 5 } tcp { }");
        let collector = Collector::start(&self.host, "127.0.0.1:6343");
        let agent = Agent::start_with(&self.lab, &self.host, &config);
        let mut connection = Connections::open(&self.peer, &self.host, server(), 1);
        connection.exchange(20_000);
        collector.wait_for("the one sample", |capture| !capture.flow_samples().is_empty());
        (collector, agent, connection)
    }

    /// Acknowledged bytes and retransmissions of the socket of the server, by ss(8).
    fn by_ss(&self) -> (u64, u64) {
        let text = self.host.run(&format!("ss -Htin sport = {PORT}"));
        let field = |name: &str| text.split_whitespace().find_map(|word| word.strip_prefix(name));
        let acked = field("bytes_acked:").expect("what was sent is acknowledged");
        // In flight and in all; not shown without any.
        let retrans = field("retrans:").map_or("0", |both| both.split_once('/').expect("N/M").1);
        (acked.parse().expect("a number"), retrans.parse().expect("a number"))
    }
}

fn server() -> SocketAddr {
    (ip_of(1).0, PORT).into()
}

/// The changes of connections that arrived so far.
fn with_changes(capture: &Capture, mut visit: impl FnMut(&RtFlow<'_>)) {
    for sample in capture.samples() {
        if let Sample::RtFlow(flow) = sample {
            assert_eq!((flow.datasource.0, flow.sampling_rate), (&b"tcp"[..], 1));
            visit(&flow);
        }
    }
}

/// The sum of a field.
fn sum(capture: &Capture, name: &str) -> u64 {
    let mut sum = 0;
    with_changes(capture, |flow| {
        for field in flow.values().map(|field| field.expect("a whole value")) {
            match field.value {
                Value::I64(number) if field.name.0 == name.as_bytes() => sum += number as u64,
                Value::I32(number) if field.name.0 == name.as_bytes() => sum += number as u64,
                _ => {}
            }
        }
    });
    sum
}

#[test]
fn changes_after_a_single_sample_are_those_of_the_counters_of_the_socket() {
    let Some(world) = World::open() else { return };
    let (collector, agent, mut connection) = world.sampled_once();
    // The counters of the sample are the beginning of the first change.
    connection.exchange(1000);
    let reported = || {
        let (capture, mut last) = (collector.so_far(), 0);
        with_changes(&capture, |_| last += 1);
        (last > 0).then(|| (sum(&capture, "bytes_sent"), sum(&capture, "retransmissions")))
    };
    wait_until("a change", reported);
    let first = wait_until("the end of the changes", || {
        let (before, counted) = (reported()?, world.by_ss());
        std::thread::sleep(Duration::from_millis(1500));
        (reported()? == before).then_some((before, counted))
    });
    world.lose("numgen inc mod 10 == 3");
    connection.exchange(50_000);
    wait_until("all changes", || {
        let (reported, counted) = (reported()?, world.by_ss());
        let grown = |now: (u64, u64), before: (u64, u64)| (now.0 - before.0, now.1 - before.1);
        let grown = (grown(reported, first.0), grown(counted, first.1));
        (grown.0 == grown.1 && grown.0.0 == 50_000 && grown.0.1 >= 5).then_some(())
    });
    let statistics = agent.statistics(1);
    assert_eq!(collector.so_far().flow_samples().len(), 1, "{statistics}");
    agent.stop();
}

#[test]
fn connection_that_was_closed_is_reported_to_its_end() {
    let Some(world) = World::open() else { return };
    let (collector, agent, mut connection) = world.sampled_once();
    let received = || sum(&collector.so_far(), "bytes_received");
    let before = wait_until("the end of the changes", || {
        let before = received();
        std::thread::sleep(Duration::from_millis(1500));
        (before == received()).then_some(before)
    });
    connection.exchange(30_000);
    // Much less than the second until the next report.
    connection.close();
    // The kernel counts FIN as a byte.
    wait_until("the last change", || (received() - before == 30_001).then_some(()));
    let statistics = agent.statistics(1);
    assert!(!statistics.contains("overruns of the notifications"), "{statistics}");
    agent.stop();
}

/// What the analyzer has of each pair of hosts, for the datagrams that arrived so far.
fn pairs(capture: &Capture) -> Vec<ActiveFlow> {
    let mut analyzer = Analyzer::new(16 << 20);
    let at = |nanoseconds: u64| Instant::after_start(Duration::from_nanos(nanoseconds));
    let start = capture.received().first().map_or(0, |first| first.at_ns);
    let definition = Definition {
        keys: "rtflow:local,rtflow:remote".into(),
        value: "rtflow:bytes_sent".into(),
        values: ["rtflow:retransmissions", "rtflow:timeouts", "avg:rtflow:rtt"]
            .map(Into::into)
            .into(),
        filter: Some("datasource=tcp".into()),
        ..Definition::default()
    };
    analyzer.define(at(0), "tcp-pairs", definition).expect("a definition");
    let mut now = at(0);
    for received in capture.received() {
        now = at(received.at_ns - start + 1_000_000);
        analyzer.ingest(&Arrival { time: now, sender: None }, &received.payload);
    }
    let query = Query {
        agents: &AgentList::All,
        topology: &Topology::default(),
        agg_mode: None,
        max_flows: 10,
        min_value: 0.0,
    };
    analyzer.flows().snapshot(now, "tcp-pairs").expect("the definition").active(&query)
}

/// The four numbers of AWS Network Flow Monitor, of one sampled packet.
#[test]
fn analyzer_shows_bytes_retransmissions_timeouts_and_rtt_of_a_pair_of_hosts() {
    let Some(world) = World::open() else { return };
    let (collector, agent, mut connection) = world.sampled_once();
    // Nothing comes through, until a timer has expired.
    world.lose("");
    let exchange = connection.begin(20_000);
    let has_timeout = |capture: &Capture| sum(capture, "timeouts") > 0;
    wait_until("a timeout, or a kernel that does not count them", || {
        let capture = collector.so_far();
        let is_old = sum(&capture, "retransmissions") > 1 && !has_timeout(&capture);
        (has_timeout(&capture) || is_old).then_some(())
    });
    world.lose_nothing();
    connection.finish(exchange);
    let flow = wait_until("the pair in the analyzer", || {
        pairs(&collector.so_far()).into_iter().find(|flow| flow.estimate.value > 0.0)
    });
    let [retransmissions, timeouts, rtt] = &flow.values[..] else { panic!("{flow:?}") };
    assert_eq!(flow.key, "198.18.1.1,198.18.1.2");
    assert!(retransmissions.value > 0.0, "{flow:?}");
    if has_timeout(&collector.so_far()) {
        assert!(timeouts.value > 0.0, "{flow:?}");
    } else {
        skip("the kernel does not count timeouts (Linux 6.7)");
    }
    assert!((1.0..5_000_000.0).contains(&rtt.value), "{flow:?}");
    assert_eq!(collector.so_far().flow_samples().len(), 1);
    agent.stop();
}
