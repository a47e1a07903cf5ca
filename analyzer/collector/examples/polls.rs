//! Measures how long replies of `serve` take while samples come in.
//!
//! `cargo run --release -p flowmote-analyzer --example polls -- HTTP SFLOW SECONDS [POLLERS] [HELD] [AGENTS]`
//!
//! HTTP and SFLOW are the addresses of a running `flowmote-analyzer serve`; `blast` sends samples to
//! SFLOW meanwhile, as AGENTS (1) agents. POLLERS (50) clients request one compatible resource after
//! the other, once a second each, on connections that stay open; they begin at irregular times, so that
//! requests meet. HELD (200) further requests wait for an event that does not come. A line for each
//! resource has the number of replies, their times in milliseconds, and the bytes of the longest body.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::thread;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [http, sflow, seconds, more @ ..] = arguments.as_slice() else {
        panic!("HTTP SFLOW SECONDS [POLLERS] [HELD] [AGENTS]")
    };
    let http: SocketAddr = http.parse().expect("an address");
    let number =
        |at: usize, default| more.get(at).map_or(default, |it| it.parse().expect("a number"));
    let (pollers, held, seconds) =
        (number(0, 50), number(1, 200), seconds.parse().expect("seconds"));
    define(http);
    let blast = blast(sflow, seconds + WARM_UP.as_secs() + 1, number(2, 1));
    let held: Vec<TcpStream> = (0..held).map(|_| hold(http)).collect();
    thread::sleep(WARM_UP);
    let end = Instant::now() + Duration::from_secs(seconds);
    let threads: Vec<_> =
        (0..pollers).map(|poller| thread::spawn(move || poll(http, poller, end))).collect();
    let mut replies: BTreeMap<&str, Vec<Reply>> = BTreeMap::new();
    for (path, reply) in threads.into_iter().flat_map(|thread| thread.join().expect("a poller")) {
        replies.entry(path).or_default().push(reply);
        replies.entry("all").or_default().push(reply);
    }
    drop(held);
    replies.into_iter().for_each(|(path, replies)| print(path, replies));
    if let Some(mut blast) = blast {
        blast.wait().expect("blast");
    }
}

/// Defines three flows.
fn define(http: SocketAddr) {
    let mut client = Client::connect(http);
    for (name, body) in [
        ("flows", "{keys:'ipsource,ipdestination,tcpsourceport,tcpdestinationport',value:'bytes'}"),
        ("pairs", "{keys:'ipsource,ipdestination',value:'bytes'}"),
        ("frames", "{value:'frames'}"),
    ] {
        let length = body.len();
        let head = format!("PUT /flow/{name}/json HTTP/1.1\r\nHost: localhost\r\n");
        client.send(&format!("{head}Content-Length: {length}\r\n\r\n{body}"));
    }
}

/// Starts the load generator beside this program.
fn blast(sflow: &str, seconds: u64, agents: usize) -> Option<Child> {
    let own = std::env::current_exe().expect("a path");
    let mut command = Command::new(own.with_file_name("blast"));
    let (seconds, agents) = (seconds.to_string(), agents.to_string());
    let started = command.args([sflow, RATE, &seconds, FIRST_AGENT, &agents]).spawn();
    if started.is_err() {
        eprintln!("no samples: build the example blast");
    }
    started.ok()
}

/// A request that waits for an event.
fn hold(http: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(http).expect("a connection");
    let request = "GET /events/json?eventID=-1&timeout=300 HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("a request");
    stream
}

/// A reply that was received.
#[derive(Clone, Copy)]
struct Reply {
    time: Duration,
    bytes: usize,
}

/// Requests the resources in turn until `end`.
fn poll(http: SocketAddr, poller: usize, end: Instant) -> Vec<(&'static str, Reply)> {
    let mut client = Client::connect(http);
    thread::sleep(INTERVAL.mul_f64((poller as f64 * SPREAD).fract()));
    let mut replies = Vec::new();
    for path in PATHS.iter().cycle().skip(poller) {
        let start = Instant::now();
        if start >= end {
            break;
        }
        let bytes = client.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        replies.push((*path, Reply { time: start.elapsed(), bytes }));
        thread::sleep(INTERVAL.saturating_sub(start.elapsed()));
    }
    replies
}

struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    fn connect(http: SocketAddr) -> Self {
        let stream = TcpStream::connect(http).expect("a connection");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream: BufReader::new(stream) }
    }

    /// Sends a request and reads its reply. Returns the length of the body.
    fn send(&mut self, request: &str) -> usize {
        self.stream.get_mut().write_all(request.as_bytes()).expect("a request");
        let (mut length, mut line) = (None, String::new());
        while line != "\r\n" {
            line = self.line();
            assert!(!line.starts_with("HTTP/1.1 4") && !line.starts_with("HTTP/1.1 5"), "{line}");
            if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = Some(number.trim().parse().expect("a length"));
            } else if line.starts_with("HTTP/1.1 204") {
                length = Some(0);
            }
        }
        match length {
            Some(length) => self.bytes(length),
            None => self.chunks(),
        }
    }

    /// Reads a body of chunks.
    fn chunks(&mut self) -> usize {
        let mut total = 0;
        loop {
            let length = usize::from_str_radix(self.line().trim(), 16).expect("a length");
            // Each has an end of its own.
            self.bytes(length + 2);
            if length == 0 {
                return total;
            }
            total += length;
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        line
    }

    fn bytes(&mut self, length: usize) -> usize {
        self.stream.read_exact(&mut vec![0; length]).expect("a body");
        length
    }
}

fn print(path: &str, mut replies: Vec<Reply>) {
    replies.sort_by_key(|reply| reply.time);
    let at = |share: f64| {
        replies[((replies.len() - 1) as f64 * share) as usize].time.as_secs_f64() * 1e3
    };
    println!(
        "{:6} replies, 50 % in {:6.2} ms, 99 % in {:6.2} ms, all in {:6.2} ms, {:8} bytes: {path}",
        replies.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        replies.iter().map(|reply| reply.bytes).max().unwrap_or_default(),
    );
}

/// Compatible resources.
const PATHS: [&str; 10] = [
    "/activeflows/ALL/flows/json?maxFlows=100",
    "/activeflows/ALL/pairs/json",
    "/metric/ALL/max:flows/json",
    "/metric/ALL/frames,ifinoctets/json",
    "/dump/ALL/ALL/json",
    "/agents/json",
    "/events/json?maxEvents=10",
    "/analyzer/json",
    "/flow/json",
    "/prometheus/metrics/ALL/ALL/txt",
];
/// Samples a second.
const RATE: &str = "300000";
/// Address of the first agent, from which samples come.
const FIRST_AGENT: &str = "127.0.0.1";
/// Part of an interval between two pollers: irregular, and the same in each run.
const SPREAD: f64 = 0.618_033_988_75;
/// Time between two requests of a poller.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time until the tables are filled.
const WARM_UP: Duration = Duration::from_secs(5);
