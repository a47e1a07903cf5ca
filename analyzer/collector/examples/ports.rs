//! A generator of counters: what a network of switches sends.
//!
//! `cargo run --release -p flowmote-analyzer --example ports -- ADDR:PORT AGENTS PORTS ROUNDS SECONDS`
//!
//! In each of ROUNDS, SECONDS apart, each of AGENTS agents sends `if_counters` (1), `ethernet_counters` (2) and
//! `port_name` (1005) of each of its PORTS, six ports in a datagram. Two rounds make rates.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::net::UdpSocket;
use std::thread;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("ADDR:PORT AGENTS PORTS ROUNDS SECONDS");
    let mut number =
        || -> u32 { arguments.next().and_then(|it| it.parse().ok()).expect("a number") };
    let [agents, ports, rounds, seconds] = [(); 4].map(|()| number());
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let parts = ports.div_ceil(PORTS);
    for round in 0..rounds {
        for (agent, part) in (0..agents).flat_map(|agent| (0..parts).map(move |part| (agent, part)))
        {
            let sequence = round * parts + part + 1;
            let uptime = 1_000_000 + round * seconds * 1000;
            let first = part * PORTS + 1;
            let count = PORTS.min(ports + 1 - first);
            let mut datagram = words(&[5, 1, AGENT + agent, 0, sequence, uptime, count]);
            (first..first + count).for_each(|port| datagram.extend(sample(port, round)));
            socket.send_to(&datagram, &address).expect("sent");
            // Slower than the receive buffer fills.
            if part == 0 {
                thread::sleep(Duration::from_millis(1));
            }
        }
        thread::sleep(Duration::from_secs(seconds.into()));
    }
}

/// The counters of a port, which grow with each round.
fn sample(port: u32, round: u32) -> Vec<u8> {
    let (octets, packets) = (port * round * 100_000, port * round * 100);
    let received = [0, octets, packets, 0, 0, 0, 0, 0];
    let mut records = words(&[1, 88, port, 6, 0, 1_000_000_000, 1, 3]);
    records.extend(words(&received));
    records.extend(words(&[0, octets, packets, 0, 0, 0, 0, 0]));
    records.extend(words(&[2, 52]));
    records.extend([0; 52]);
    let name = format!("Ethernet1/{port:02}");
    records.extend(words(&[1005, 16, name.len() as u32]));
    records.extend(name.as_bytes());
    let mut sample = words(&[2, records.len() as u32 + 12, round + 1, port, 3]);
    sample.extend(records);
    sample
}

/// Words in network byte order.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The first agent: 10.1.0.0.
const AGENT: u32 = 0x0a01_0000;
/// Ports in a datagram.
const PORTS: u32 = 6;
