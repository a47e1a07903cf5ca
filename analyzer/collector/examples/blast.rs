//! A load generator: sends flow samples to a collector at a steady rate.
//!
//! `cargo run --release -p flowmote-analyzer --example blast -- ADDR:PORT SAMPLES_PER_SECOND SECONDS [FROM] [AGENTS]`
//!
//! Each datagram has 1,324 bytes and six flow samples with `sampled_header` (1), 128 bytes of an IPv4
//! TCP packet over Ethernet, and `extended_switch` (1001), as an agent sends them. Sequence numbers
//! increase, so that the collector counts losses. There are 98,304 flows. FROM is the source address, such
//! as 127.0.0.2, and the address of the agent; AGENTS (1) is the number of agents, whose addresses
//! follow. Each flow passes one of them.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::net::UdpSocket;
use std::thread;
use std::time::Instant;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut argument = || arguments.next().expect("ADDR:PORT SAMPLES_PER_SECOND SECONDS");
    let address = argument();
    let rate: f64 = argument().parse().expect("samples a second");
    let seconds: f64 = argument().parse().expect("seconds");
    let from: Option<Ipv4Addr> = arguments.next().map(|from| from.parse().expect("an address"));
    let agents = arguments.next().map_or(1, |agents| agents.parse().expect("a number of agents"));
    let socket = UdpSocket::bind((from.unwrap_or(Ipv4Addr::LOCALHOST), 0)).expect("a socket");
    socket.connect(&address).expect("an address");
    let mut datagram = Datagram::new(from.unwrap_or(AGENT), agents);
    let interval = Duration::from_secs_f64(SAMPLES as f64 / rate);
    let (start, mut sent, mut refused) = (Instant::now(), 0_u32, 0_u32);
    let mut latest = Duration::ZERO;
    while start.elapsed().as_secs_f64() < seconds {
        let due = interval * sent;
        latest = latest.max(wait_until(start, due));
        refused += u32::from(socket.send(datagram.next()).is_err());
        sent += 1;
    }
    let elapsed = start.elapsed().as_secs_f64();
    println!(
        "{sent} datagrams of {} bytes, {} samples in {elapsed:.2} s: {:.0} samples/s; \
         {refused} refused, up to {:.1} ms late",
        datagram.bytes.len(),
        u64::from(sent) * SAMPLES as u64,
        f64::from(sent) * SAMPLES as f64 / elapsed,
        latest.as_secs_f64() * 1e3,
    );
}

/// Waits until `due` after `start`. Returns the delay beyond it.
fn wait_until(start: Instant, due: Duration) -> Duration {
    loop {
        let elapsed = start.elapsed();
        match due.checked_sub(elapsed) {
            None => return elapsed - due,
            // Takes up to 0.1 ms longer than requested; the datagrams due meanwhile follow as a burst.
            // Waiting without a sleep would take a processor from the program that is measured.
            Some(left) => thread::sleep(left),
        }
    }
}

/// A datagram that is changed in place.
struct Datagram {
    bytes: Vec<u8>,
    number: u32,
    first_agent: Ipv4Addr,
    /// Datagrams of each agent so far.
    sent: Vec<u32>,
}

impl Datagram {
    fn new(agent: Ipv4Addr, agents: usize) -> Self {
        let mut bytes = words(&[5, 1, agent.to_bits(), 0, 0, 0, SAMPLES]);
        for sample in 0..SAMPLES {
            let header = packet(sample as u8);
            let mut records = words(&[1001, 16, 10, 0, 20, 0, 1, 16 + 128, 1, 1518, 4, 128]);
            records.extend(&header);
            let body = words(&[sample, 3 + sample, 4096, 4096 * sample, 0, 3 + sample, 7, 2]);
            bytes.extend(words(&[1, (body.len() + records.len()) as u32]));
            bytes.extend(body);
            bytes.extend(records);
        }
        Self { bytes, number: 0, first_agent: agent, sent: vec![0; agents.max(1)] }
    }

    /// The next datagram: with other flows, of the agent that they pass.
    fn next(&mut self) -> &[u8] {
        self.number += 1;
        let flow = self.number.wrapping_mul(7919) as usize % FLOWS;
        let agent = flow % self.sent.len();
        self.sent[agent] += 1;
        let words =
            [self.first_agent.to_bits() + agent as u32, 0, self.sent[agent], self.number / 50];
        for (word, at) in words.iter().zip([8, 12, 16, 20]) {
            self.bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
        }
        for sample in 0..SAMPLES as usize {
            let port = 28 + sample * SAMPLE + 8 + 32 + 24 + 24 + 34;
            self.bytes[port..port + 2].copy_from_slice(&(flow as u16).to_be_bytes());
        }
        &self.bytes
    }
}

/// The first 128 bytes of a TCP packet.
fn packet(host: u8) -> Vec<u8> {
    let mut packet = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    packet.extend([0x45, 0, 0x05, 0xdc, 0x1c, 0x46, 0x40, 0, 64, 6, 0xb1, 0xe6]);
    packet.extend([192, 0, 2, 10 + host, 198, 51, 100, 200]);
    packet.extend([0, 0, 1, 187, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 0x50, 0x10]);
    packet.extend([0xff, 0xff, 0, 0, 0, 0]);
    packet.extend((0..128).map(|byte: u8| byte.wrapping_mul(167)));
    packet.truncate(128);
    packet
}

/// Words in network byte order.
fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// Address of the agent.
const AGENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Datagrams with different flows.
const FLOWS: usize = 16_384;
/// Samples per datagram.
const SAMPLES: u32 = 6;
/// Bytes of a sample with its header.
const SAMPLE: usize = 216;
