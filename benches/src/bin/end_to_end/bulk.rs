//! Bulk TCP to another network namespace with all offloads: one skb holds many packets.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;

use crate::accounts::snmp;
use crate::children::Process;
use crate::namespace::{ip, silence_ipv6};

/// The interface whose traffic is sampled.
pub(crate) const INTERFACE: &str = "bulk0";

/// A receiver in a namespace of its own; ends when dropped.
#[derive(Debug)]
pub(crate) struct Receiver {
    _process: Process,
    _lines: BufReader<ChildStdout>,
}

/// Traffic of the interface in both directions, as counted by the protocol stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    /// Packets on the wire.
    pub(crate) packets: u64,
    /// Bytes on the wire with Ethernet header and frame check sequence.
    pub(crate) octets: u64,
    /// Payload over time.
    pub(crate) bits_per_second: f64,
}

impl Receiver {
    /// Starts the child, gives it one end of a new veth pair, and waits until it listens.
    ///
    /// # Errors
    ///
    /// No permission for a namespace, or `ip` is missing.
    pub(crate) fn start() -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(SUBCOMMAND).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command)?;
        let mut lines = BufReader::new(process.child().stdout.take().context("pipe")?);
        expect(&mut lines, "namespace")?;
        ip(&format!("link add {INTERFACE} type veth peer name {FAR} netns {}", process.pid()))?;
        ip(&format!("address add {NEAR_ADDRESS}/24 dev {INTERFACE}"))?;
        ip(&format!("link set {INTERFACE} up"))?;
        writeln!(process.child().stdin.as_mut().context("pipe")?, "linked")?;
        expect(&mut lines, "listening")?;
        Ok(Self { _process: process, _lines: lines })
    }

    /// Sends for `duration`; returns the traffic from the counters of the TCP layer, which counts
    /// segments, not super-packets.
    ///
    /// # Errors
    ///
    /// As `connect(2)`, `write(2)`.
    pub(crate) fn transfer(&self, duration: Duration) -> Result<Passed> {
        let payload = vec![0x55; 256 << 10];
        let before = segments()?;
        let mut stream = TcpStream::connect((FAR_ADDRESS, PORT))?;
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < duration {
            sent += stream.write(&payload)? as u64;
        }
        stream.shutdown(std::net::Shutdown::Write)?;
        // The far end closes after it has read everything.
        stream.read_to_end(&mut Vec::new())?;
        let seconds = start.elapsed().as_secs_f64();
        let packets = segments()? - before;
        Ok(Passed {
            packets,
            octets: sent + packets * HEADERS,
            bits_per_second: sent as f64 * 8.0 / seconds,
        })
    }
}

impl Drop for Receiver {
    /// The namespace of the child disappears with its last connection only, later than the next
    /// receiver may start.
    fn drop(&mut self) {
        let _ = ip(&format!("link delete {INTERFACE}"));
    }
}

/// Connections to a receiver that stay open.
#[derive(Debug)]
pub(crate) struct Connections(Vec<TcpStream>);

impl Connections {
    /// Opens them.
    ///
    /// # Errors
    ///
    /// As `connect(2)`.
    pub(crate) fn open(_to: &Receiver, count: usize) -> Result<Self> {
        Self::connect(count)
    }

    /// Opens them in a network namespace of their own, from which this one forwards.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); no permission for a namespace, or `ip` is missing.
    pub(crate) fn of_container(_to: &Receiver, count: usize) -> Result<Self> {
        fs::write("/proc/sys/net/ipv4/ip_forward", "1")?;
        let (entered, thread_id) = mpsc::channel();
        let (linked, is_linked) = mpsc::channel();
        // A thread has a network namespace of its own, and its sockets stay in it.
        let container = thread::spawn(move || -> Result<Self> {
            unshare(CloneFlags::CLONE_NEWNET)?;
            silence_ipv6()?;
            entered.send(gettid())?;
            is_linked.recv()?;
            ip(&format!("address add {CONTAINER_ADDRESS}/24 dev eth0"))?;
            ip("link set eth0 up")?;
            ip(&format!("route add default via {GATEWAY}"))?;
            Self::connect(count)
        });
        let thread_id = thread_id.recv().context("the thread of the container has ended")?;
        ip(&format!("link add container0 type veth peer name eth0 netns {thread_id}"))?;
        ip(&format!("address add {GATEWAY}/24 dev container0"))?;
        ip("link set container0 up")?;
        linked.send(())?;
        container.join().map_err(|_| anyhow!("the thread of the container panicked"))?
    }

    fn connect(count: usize) -> Result<Self> {
        let connect = |_| {
            let stream = TcpStream::connect((FAR_ADDRESS, PORT))?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        Ok(Self((0..count).map(connect).collect::<std::io::Result<_>>()?))
    }

    /// Sends short messages on one connection after the other.
    ///
    /// # Errors
    ///
    /// As `write(2)`.
    pub(crate) fn talk(&mut self, duration: Duration) -> Result<()> {
        let start = Instant::now();
        while start.elapsed() < duration {
            for stream in &mut self.0 {
                stream.write_all(&[0x55; 200])?;
            }
        }
        Ok(())
    }
}

/// The child: enters a namespace, then reads from all connections until it is killed.
///
/// # Errors
///
/// No permission for a namespace, `ip` is missing, or as `accept(2)`.
pub(crate) fn run() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    silence_ipv6()?;
    println!("namespace");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    ensure!(line == "linked\n", "the parent has ended");
    ip("link set lo up")?;
    ip(&format!("address add {FAR_ADDRESS}/24 dev {FAR}"))?;
    ip(&format!("link set {FAR} up"))?;
    ip(&format!("route add default via {NEAR_ADDRESS}"))?;
    let listener = TcpListener::bind((FAR_ADDRESS, PORT))?;
    println!("listening");
    for stream in listener.incoming() {
        let mut stream = stream?;
        thread::Builder::new().stack_size(64 << 10).spawn(move || {
            // Untouched beyond what a message needs.
            let mut buffer = vec![0; 1 << 20];
            while stream.read(&mut buffer).is_ok_and(|length| length > 0) {}
        })?;
    }
    Ok(())
}

fn expect(lines: &mut impl BufRead, word: &str) -> Result<()> {
    let mut line = String::new();
    lines.read_line(&mut line)?;
    ensure!(line.trim() == word, "the receiver of bulk TCP has ended");
    Ok(())
}

fn segments() -> Result<u64> {
    let columns = ["InSegs", "OutSegs", "RetransSegs"];
    columns.into_iter().map(|column| snmp("Tcp", column)).sum()
}

/// Argument that makes `main` run the child.
pub(crate) const SUBCOMMAND: &str = "bulk-receiver";
const FAR: &str = "bulk1";
const NEAR_ADDRESS: &str = "198.51.100.1";
const GATEWAY: &str = "203.0.113.1";
const CONTAINER_ADDRESS: &str = "203.0.113.2";
const FAR_ADDRESS: &str = "198.51.100.2";
const PORT: u16 = 9;
/// Ethernet, IPv4, TCP with timestamps, frame check sequence.
const HEADERS: u64 = 14 + 20 + 32 + 4;
