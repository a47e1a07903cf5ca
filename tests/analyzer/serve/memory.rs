//! Memory within `--memory`, whatever comes.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;
use std::fs;
use std::net::UdpSocket;
use std::thread;

use flowmote_core::record::counter::{IfCounters, IfType, PortName};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DatagramHead, FlowSample, Interface, Random,
    SampleMeta,
};

use crate::client::Server;
use crate::traffic::{AGENT, DST, SRC, frame, head, sampled};

#[test]
fn memory_stays_within_its_bound() {
    let server = Server::start(&[]);
    let idle = resident(&server, "VmRSS");
    let mut load = Load::to(&server);
    for number in 0..4 {
        let keys =
            ["ipsource", "ipsource,ipdestination", "tcpsourceport,ipsource", "macsource,agent"];
        let definition = format!(
            "{{keys:'{}',value:'bytes',log:{},activeTimeout:1}}",
            keys[number % 4],
            number == 0
        );
        server.put(&format!("/flow/f{number}/json"), &definition);
    }
    load.send(2_000, |random, number| flows(10, random, number));
    assert_bound(&server, idle, "random keys");
    (0..4).for_each(|number| assert_eq!(server.delete(&format!("/flow/f{number}/json")), 204));
    load.send(15_000, |random, number| flows(u32::MAX, random, number));
    assert_bound(&server, idle, "forged agents");
    load.send(50_000, |_, number| counters(number / 5, number % 5 * 10));
    assert_bound(&server, idle, "10,000 agents with 50 ports");
    let agents = server.json("/agents/json");
    println!("{} agents with 50 ports", agents.as_object().map_or(0, |it| it.len()));
    for request in ["/agents/json", "/dump/ALL/ifinoctets/json", "/activeflows/ALL/f1/json"] {
        server.get(request);
        assert_bound(&server, idle, request);
    }
    // All other tables are full by now.
    define(&server);
    load.send(500, |random, number| flows(10, random, number));
    assert_bound(&server, idle, "500 definitions");
}

/// Adds 500 definitions: keys with and without room in a slot, and entries with memory of their own.
fn define(server: &Server) {
    let kinds = [
        "keys:'ipsource',value:'bytes'",
        "keys:'ipsource,ipdestination,macsource,macdestination',value:'frames'",
        "keys:'ipsource',value:'count:ipdestination'",
        "keys:'tcpsourceport,ipsource',value:'bytes',log:true,activeTimeout:1",
        "keys:'ipsource',value:'frames',counter:true",
        "keys:'macsource',value:'bytes',values:['avg:bytes','max:bytes']",
    ];
    for number in 0..500 {
        let definition = format!("{{{}}}", kinds[number % kinds.len()]);
        server.put(&format!("/flow/d{number}/json"), &definition);
    }
}

/// Kilobytes of the process in a line of its status.
fn resident(server: &Server, name: &str) -> u64 {
    let path = format!("/proc/{}/status", server.program.pid());
    let status = fs::read_to_string(path).expect("the status of the program");
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("a number of kilobytes")
}

/// Checks VmRSS. Pages of the program itself are those of the one with optimisation, which are 6 MB; the
/// one without has more.
fn assert_bound(server: &Server, idle: u64, after: &str) {
    let file = resident(server, "RssFile").min(6 << 10);
    let used = resident(server, "RssAnon") + file;
    println!("{after}: {used} kB, {idle} kB when idle");
    assert!(used <= MEMORY_KB * 11 / 10, "{after}: {used} kB");
}

/// Sends datagrams as fast as the analyzer takes them.
struct Load<'a> {
    server: &'a Server,
    socket: UdpSocket,
    random: Random,
    sent: u64,
}

impl<'a> Load<'a> {
    fn to(server: &'a Server) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        Self { server, socket, random: Random::new(1), sent: 0 }
    }

    fn send(&mut self, count: u32, datagram: impl Fn(&mut Random, u32) -> Vec<u8>) {
        for number in 0..count {
            let datagram = datagram(&mut self.random, number);
            self.socket.send_to(&datagram, self.server.sflow).expect("the server listens");
            self.sent += 1;
            if self.sent.is_multiple_of(500) {
                self.wait();
            }
        }
        self.wait();
    }

    fn wait(&self) {
        let arrived = || {
            let analyzer = self.server.json("/analyzer/json");
            let number = |name: &str| analyzer[name].as_u64().expect("a count");
            number("sFlowDatagramsReceived") + number("sFlowDatagramsDiscarded")
        };
        while arrived() < self.sent {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// A datagram of one of `agents` with packets of random addresses and ports.
fn flows(agents: u32, random: &mut Random, number: u32) -> Vec<u8> {
    let agent = Ipv4Addr::from_bits(0x0a00_0000 + random.below(agents.min(0xf0ff_ffff)));
    build(agent, number, |datagram| {
        for sample in 0..7 {
            let mut frame = frame(SRC, DST);
            random.fill(&mut frame[..12]);
            random.fill(&mut frame[26..38]);
            let port = 1 + random.below(50);
            let sample_of = FlowSample {
                source: DataSource::interface(port),
                meta: SampleMeta { sampling_rate: 100, sample_pool: number * 700, drops: 0 },
                input: Interface::Index(port),
                output: Interface::Index(port + 1),
                header: Some(sampled(&frame)),
                records: &[],
            };
            datagram.flow_sample(number * 7 + sample, &sample_of).expect("room for a sample");
        }
    })
}

/// A datagram of an agent with the counters of ten ports.
fn counters(agent: u32, first: u32) -> Vec<u8> {
    build(Ipv4Addr::from_bits(0x0b00_0000 + agent), first, |datagram| {
        for port in first + 1..first + 10 {
            let counters = IfCounters {
                if_index: port,
                if_type: IfType::ETHERNET_CSMACD,
                if_speed: 1_000_000_000,
                if_in_octets: 1,
                ..IfCounters::UNKNOWN
            };
            let name = PortName { name: &format!("port{port}") };
            let sample = CounterSample { records: &[&counters, &name] };
            let source = DataSource::interface(port);
            datagram.counter_sample(source, 1, &sample).expect("room for counters");
        }
    })
}

fn build(agent: Ipv4Addr, number: u32, fill: impl FnOnce(&mut DatagramBuilder<'_>)) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let head = DatagramHead { address: IpAddr::V4(agent), ..head(AGENT) };
    let mut datagram = DatagramBuilder::new(&mut buffer, head);
    fill(&mut datagram);
    datagram.finish(number + 1, 1000).to_vec()
}

/// `--memory` of the server.
const MEMORY_KB: u64 = 64 << 10;
