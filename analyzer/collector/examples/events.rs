//! Measures the time from a packet on a wire to its event at a client.
//!
//! `cargo run --release -p flowmote-analyzer --example events -- HTTP DESTINATION COUNT`
//!
//! HTTP is the address of a running `flowmote-analyzer serve`, DESTINATION an address behind an interface
//! that an agent samples with 1 in 1. COUNT packets, each of a flow of its own, are sent at irregular
//! times; a threshold lets each flow become an event, which a long poll receives.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [http, destination, count] = arguments.as_slice() else { panic!("HTTP DESTINATION COUNT") };
    let http: SocketAddr = http.parse().expect("an address");
    let destination: IpAddr = destination.parse().expect("an address");
    let count: u16 = count.parse().expect("a number");
    let flow = format!("{{keys:'udpdestinationport',value:'frames',filter:'dst={destination}'}}");
    request(http, "PUT /flow/delay/json", &flow);
    let threshold = "{metric:'delay',value:0.01,byFlow:true,plain:true}";
    request(http, "PUT /threshold/delay/json", threshold);
    let (sender, events) = channel();
    thread::spawn(move || receive(http, &sender));
    let sent = send(destination, count);
    let mut delays = delays(&sent, &events);
    delays.sort();
    assert!(!delays.is_empty(), "no event arrived");
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{} events of {count} packets: 50 % in {:.0} ms, 99 % in {:.0} ms, all in {:.0} ms",
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Sends a packet to each port. Returns the times.
fn send(destination: IpAddr, count: u16) -> HashMap<u16, Instant> {
    let any = if destination.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).expect("a socket");
    let mut sent = HashMap::new();
    for port in (FIRST_PORT..).take(count.into()) {
        // Irregular, so that all phases of the agent's and the analyzer's timers occur.
        thread::sleep(GAP.mul_f64((f64::from(port) * SPREAD).fract()));
        sent.insert(port, Instant::now());
        socket.send_to(&[0; 64], (destination, port)).expect("a route");
    }
    sent
}

/// The time of each packet until its event, as long as events arrive.
fn delays(sent: &HashMap<u16, Instant>, events: &Receiver<(u16, Instant)>) -> Vec<Duration> {
    let mut delays = Vec::new();
    while delays.len() < sent.len() {
        let Ok((port, arrived)) = events.recv_timeout(PATIENCE) else { break };
        delays.extend(sent.get(&port).map(|sent| arrived - *sent));
    }
    delays
}

/// Requests events without end, and sends on the port of each and the time of its arrival.
fn receive(http: SocketAddr, sender: &Sender<(u16, Instant)>) {
    let mut last = -1;
    loop {
        let path =
            format!("/events/json?thresholdID=delay&eventID={last}&timeout=60&maxEvents=1000");
        let body = request(http, &format!("GET {path}"), "");
        let arrived = Instant::now();
        let numbers = |name: &str| -> Vec<i64> {
            let name = format!("\"{name}\":");
            let parts = body.split(&name).skip(1);
            let digits = |part: &str| {
                let part = part.trim_start_matches('"');
                part.split(|c: char| !c.is_ascii_digit()).next().and_then(|it| it.parse().ok())
            };
            parts.filter_map(digits).collect()
        };
        last = numbers("eventID").into_iter().max().unwrap_or(last);
        for port in numbers("flowKey") {
            let _ = sender.send((port as u16, arrived));
        }
    }
}

/// The body of the reply to a request.
fn request(http: SocketAddr, line: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(http).expect("a connection");
    let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("a request");
    let (mut reader, mut line, mut text) = (BufReader::new(stream), String::new(), String::new());
    reader.read_line(&mut line).expect("a status");
    assert!(line.contains(" 2"), "{line}");
    reader.read_to_string(&mut text).expect("a reply");
    text.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned())
}

/// The first port.
const FIRST_PORT: u16 = 20_000;
/// Longest time between two packets.
const GAP: Duration = Duration::from_millis(100);
/// Part of it between two packets: irregular, and the same in each run.
const SPREAD: f64 = 0.618_033_988_75;
/// Wait for the last events.
const PATIENCE: Duration = Duration::from_secs(5);
