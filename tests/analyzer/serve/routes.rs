//! Datagrams, and samples of tenants, that are sent on to other collectors.

use core::net::Ipv4Addr;
use std::net::UdpSocket;

use flowmote_decoder::{Datagram, Sample};
use flowmote_lab::{DEADLINE, wait_until};
use serde_json::{Value, json};

use crate::client::Server;
use crate::traffic::{AGENT, PORT, PORT_NAME, RATE, SRC, datagram};

/// A server, a socket of an agent, and one of another collector.
struct Bench {
    server: Server,
    agent: UdpSocket,
    collector: UdpSocket,
}

impl Bench {
    fn start() -> Self {
        let server = Server::start(&[]);
        let socket = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let (agent, collector) = (socket(), socket());
        agent.connect(server.sflow).expect("a socket");
        collector.set_read_timeout(Some(DEADLINE)).expect("a socket");
        Self { server, agent, collector }
    }

    fn port(&self) -> u16 {
        self.collector.local_addr().expect("an address").port()
    }

    fn tenant(&self, filters: &str) -> String {
        let port = self.port();
        format!("{{collectorAddress:'127.0.0.1',collectorPort:{port},filters:{filters}}}")
    }

    fn send(&self, agent: &str, src: &str, number: u32) {
        self.agent.send(&datagram(agent, src, 2, number)).expect("sent");
    }

    /// The next datagram at the collector.
    fn received(&self) -> Vec<u8> {
        let mut buffer = [0; 2000];
        let length = self.collector.recv(&mut buffer).expect("a datagram");
        buffer[..length].to_vec()
    }
}

/// Sequence numbers and pools of the flow samples of a datagram; its own number, and that of its counter
/// samples.
fn parts(payload: &[u8]) -> (u32, Vec<(u32, u32)>, usize) {
    let datagram = Datagram::parse(payload).expect("a datagram");
    let samples: Vec<_> = datagram.samples().map(|sample| sample.expect("a sample")).collect();
    assert_eq!(samples.len(), datagram.num_samples as usize);
    let flows = samples.iter().filter_map(|sample| match sample {
        Sample::Flow(flow) => Some((flow.sequence_number, flow.sample_pool)),
        _ => None,
    });
    let counters = samples.iter().filter(|sample| matches!(sample, Sample::Counters(_)));
    (datagram.sequence_number, flows.collect(), counters.count())
}

#[test]
fn datagrams_of_agents_are_forwarded_unchanged() {
    let bench = Bench::start();
    let (path, port) = ("/forwarding/copy/json", bench.port());
    bench.server.put(path, &format!("{{address:'127.0.0.1',port:'{port}',agents:['{AGENT}']}}"));
    bench.send("192.0.2.99", SRC, 7);
    bench.send(AGENT, SRC, 8);
    assert_eq!(bench.received(), datagram(AGENT, SRC, 2, 8));
    let expected = json!({
        "address": "127.0.0.1", "port": port, "agents": [AGENT],
        "datagramsSent": 1, "datagramsFailed": 0,
    });
    assert_eq!(bench.server.json(path), expected);
    assert_eq!(bench.server.json("/forwarding/json"), json!({ "copy": expected }));
    let metrics = bench.server.get("/metrics").body;
    for (result, count) in [("sent", 1), ("failed", 0)] {
        let labels = format!("{{kind=\"forwarding\",name=\"copy\",result=\"{result}\"}}");
        let series = format!("flowmote_forwarded_datagrams{labels} {count}\n");
        assert!(metrics.contains(&series), "{series}: {metrics}");
    }
    assert_eq!([bench.server.delete(path), bench.server.delete(path)], [204, 404]);
    bench.server.get(path).fails(404);
    bench.server.put("/forwarding/all/json", &format!("{{address:'127.0.0.1',port:{port}}}"));
    bench.send("192.0.2.99", SRC, 10);
    assert_eq!(bench.received(), datagram("192.0.2.99", SRC, 2, 10));
}

#[test]
fn tenant_receives_its_samples_with_numbers_of_their_own() {
    let bench = Bench::start();
    let (network, other) = (format!("{SRC}/32"), "198.51.100.77");
    bench.server.put("/tenant/a/json", &bench.tenant(&format!("{{cidr:['{network}']}}")));
    bench.send(AGENT, SRC, 20);
    assert_eq!(parts(&bench.received()), (1, vec![(1, RATE), (2, 2 * RATE)], 0));
    bench.send(AGENT, other, 21);
    bench.send(AGENT, SRC, 22);
    assert_eq!(parts(&bench.received()), (2, vec![(3, 3 * RATE), (4, 4 * RATE)], 0));
}

#[test]
fn tenant_receives_all_samples_of_its_ports() {
    let bench = Bench::start();
    for filters in [format!("{{ifindex:[{PORT}]}}"), format!("{{ifname:['{PORT_NAME}']}}")] {
        bench.server.put("/tenant/a/json", &bench.tenant(&filters));
        // The name is known after the first counters of the port.
        let mut number = 30;
        let payload = wait_until("a datagram", || {
            bench.send(AGENT, SRC, number);
            number += 1;
            bench.server.json("/tenant/a/json")["datagramsSent"]
                .as_u64()
                .filter(|sent| *sent > 0)?;
            Some(bench.received())
        });
        let (datagram, flows, counters) = parts(&payload);
        assert_eq!((datagram, counters), (1, 1));
        let [(first, _), (second, pool)] = flows[..] else { panic!("{flows:?}") };
        assert!(first >= 61 && second == first + 1 && pool == second * RATE, "{flows:?}");
        bench.server.delete("/tenant/a/json");
        // Others that were sent meanwhile.
        bench.collector.set_nonblocking(true).expect("a socket");
        while bench.collector.recv(&mut [0; 2000]).is_ok() {}
        bench.collector.set_nonblocking(false).expect("a socket");
    }
}

#[test]
fn routes_that_cannot_be_used_are_refused() {
    let bench = Bench::start();
    let refused = |path: &str, body: &str| {
        bench.server.send("PUT", path, "", body).fails(400);
        assert_eq!(bench.server.get(path).status, 404);
    };
    let own = bench.server.sflow.port();
    refused("/forwarding/a/json", &format!("{{address:'127.0.0.1',port:{own}}}"));
    for body in [
        "{}",
        "{address:'name'}",
        "{address:'192.0.2.1',agents:['web']}",
        "{address:'192.0.2.1',port:70000}",
    ] {
        refused("/forwarding/a/json", body);
    }
    for filters in ["{}", "{ifindex:['eth0']}", "{cidr:['192.0.2.0/33']}", "{mac:['02']}"] {
        refused("/tenant/a/json", &bench.tenant(filters));
    }
    assert_eq!(bench.server.json("/tenant/json"), Value::Object(Default::default()));
}
