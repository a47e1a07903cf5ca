//! Clients of the status socket that do what they should not.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use flowmote_core::Instant;

use super::*;
use crate::events::Wakeup;

/// An agent that has nothing but the socket, in a directory of its own.
struct Agent {
    directory: PathBuf,
    visitors: Visitors,
    events: Events,
    snapshot: Snapshot,
    wake_ups: usize,
}

impl Agent {
    fn new(test: &str) -> Self {
        let name = format!("flowmote-visitors-{test}-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        let (mut visitors, events) = (Visitors::new(), Events::new().unwrap());
        visitors.open_status(&directory.join("status.sock"), false, &events).unwrap();
        Self { directory, visitors, events, snapshot: Snapshot::default(), wake_ups: 0 }
    }

    fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(self.directory.join("status.sock")).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream
    }

    /// Handles wake-ups at this moment, at most `most`, as the event loop does.
    fn turn(&mut self, now: Instant, most: usize) {
        for _ in 0..most {
            self.visitors.run_due(now, &self.events);
            let woken = self.events.wait(now, Some(now)).unwrap();
            if woken == 0 {
                return;
            }
            self.wake_ups += woken;
            for number in 0..woken {
                let Some(Wakeup::Visitor { token }) = self.events.woken(number) else { panic!() };
                if let Some(visit) = self.visitors.ready(now, token, &self.events) {
                    self.visitors.reply(&visit, &self.snapshot, &self.events);
                }
            }
        }
    }

    /// Handles everything at this moment.
    fn settle(&mut self, now: Instant) {
        self.turn(now, 1000);
    }

    fn failed(&self) -> u64 {
        self.visitors.stats().status
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn read(stream: &mut UnixStream) -> String {
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Waits, because a process that another test is starting holds a copy of the other end until its exec.
fn is_closed(stream: &mut UnixStream) -> bool {
    let mut is_closed = || {
        matches!(stream.read(&mut [0]), Ok(0) | Err(_))
            && stream.write(b"x").is_err_and(|error| error.kind() == ErrorKind::BrokenPipe)
    };
    (0..1000).any(|_| {
        let result = is_closed();
        if !result {
            std::thread::sleep(PAUSE);
        }
        result
    })
}

const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

#[test]
fn request_in_pieces_gets_one_document() {
    let mut agent = Agent::new("pieces");
    let mut client = agent.connect();
    for piece in [&b"sta"[..], b"tus", b"\n"] {
        assert_eq!(read(&mut client), "");
        client.write_all(piece).unwrap();
        agent.settle(at(0));
    }
    let text = read(&mut client);
    assert_eq!(serde_json::from_str::<Snapshot>(&text).unwrap(), Snapshot::default());
    assert!(text.ends_with("}\n"));
    assert_eq!((agent.failed(), agent.visitors.deadline()), (0, None));
}

#[test]
fn unknown_request_gets_an_error_as_json() {
    let mut agent = Agent::new("unknown");
    let mut client = agent.connect();
    client.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    agent.settle(at(0));
    let reply: serde_json::Value = serde_json::from_str(&read(&mut client)).unwrap();
    assert_eq!(reply["error"], "the only request is the line status");
}

#[test]
fn socket_without_clients_never_wakes_the_loop() {
    let mut agent = Agent::new("idle");
    assert_eq!(agent.visitors.deadline(), None);
    agent.settle(at(1_000_000));
    assert_eq!(agent.wake_ups, 0);
}

#[test]
fn client_that_does_not_read_holds_one_place_until_its_time_is_over() {
    let mut agent = Agent::new("unread");
    agent.snapshot.version = "x".repeat(4 << 20);
    let mut client = agent.connect();
    client.write_all(b"status\n").unwrap();
    agent.settle(at(0));
    let wake_ups = agent.wake_ups;
    agent.settle(at(1999));
    assert_eq!(agent.wake_ups, wake_ups, "no room, no wake-up");
    assert_eq!(agent.visitors.deadline(), Some(at(2000)));
    agent.settle(at(2000));
    assert_eq!((agent.failed(), agent.visitors.deadline()), (1, None));
    assert!(read(&mut client).len() < 4 << 20);
}

#[test]
fn long_reply_is_written_as_the_client_reads_it() {
    let mut agent = Agent::new("long");
    agent.snapshot.version = "x".repeat(1 << 20);
    let mut client = agent.connect();
    client.write_all(b"status\n").unwrap();
    let (mut text, mut buffer) = (Vec::new(), [0; 65536]);
    while !text.ends_with(b"\n") {
        agent.settle(at(0));
        let length = client.read(&mut buffer).unwrap();
        text.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(serde_json::from_slice::<Snapshot>(&text).unwrap(), agent.snapshot);
    assert_eq!(agent.failed(), 0);
}

#[test]
fn silent_clients_take_all_places_for_a_bounded_time() {
    let mut agent = Agent::new("silent");
    let mut silent: Vec<_> = (0..4).map(|_| agent.connect()).collect();
    agent.settle(at(0));
    let mut client = agent.connect();
    client.write_all(b"status\n").unwrap();
    agent.settle(at(100));
    let wake_ups = agent.wake_ups;
    assert_eq!(agent.visitors.deadline(), Some(at(200)));
    agent.settle(at(199));
    assert_eq!(agent.wake_ups, wake_ups, "a client without a place causes no wake-up");
    assert_eq!(read(&mut client), "");
    agent.settle(at(200));
    assert!(read(&mut client).ends_with("}\n"));
    assert!(silent.iter_mut().all(is_closed));
    assert_eq!(agent.failed(), 4);
}

#[test]
fn silent_client_has_time_while_no_other_waits() {
    let mut agent = Agent::new("alone");
    let mut slow: Vec<_> = (0..4).map(|_| agent.connect()).collect();
    agent.settle(at(0));
    agent.settle(at(1999));
    slow.iter_mut().for_each(|client| client.write_all(b"status\n").unwrap());
    agent.settle(at(1999));
    assert!(slow.iter_mut().all(|client| read(client).ends_with("}\n")));
    assert_eq!(agent.failed(), 0);
}

#[test]
fn client_that_gets_its_reply_has_time_while_others_wait() {
    let mut agent = Agent::new("reply");
    agent.snapshot.version = "x".repeat(4 << 20);
    let mut clients: Vec<_> = (0..5).map(|_| agent.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"status\n").unwrap());
    agent.settle(at(0));
    assert_eq!(agent.visitors.deadline(), Some(at(2000)));
}

#[test]
fn hundred_clients_are_served_one_after_the_other() {
    let mut agent = Agent::new("hundred");
    let mut clients: Vec<_> = (0..100).map(|_| agent.connect()).collect();
    clients.iter_mut().for_each(|client| client.write_all(b"status\n").unwrap());
    agent.settle(at(0));
    assert!(clients.iter_mut().all(|client| read(client).ends_with("}\n")));
    assert_eq!((agent.failed(), agent.visitors.deadline()), (0, None));
}

#[test]
fn client_that_leaves_frees_its_place() {
    let mut agent = Agent::new("leaves");
    let mut client = agent.connect();
    client.write_all(b"stat").unwrap();
    agent.settle(at(0));
    drop(client);
    agent.settle(at(1));
    assert_eq!((agent.failed(), agent.visitors.deadline()), (1, None));
}

/// The metrics on a free port, or on this one.
fn metrics(agent: &mut Agent, now: Instant, port: Option<u16>) -> SocketAddr {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = SocketAddr::from(([127, 0, 0, 1], port.unwrap_or_else(free)));
    let config = Config { metrics: Some(address), ..Config::default() };
    agent.visitors.configure(now, &config, &agent.events);
    address
}

fn http(agent: &mut Agent, address: SocketAddr, request: &[u8]) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(request).unwrap();
    let mut reply = Vec::new();
    client.set_nonblocking(true).unwrap();
    // Loopback hands segments over in the system call of the sender, but not those of a close.
    for _ in 0..TURNS {
        match client.read_to_end(&mut reply) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => agent.settle(at(0)),
            _ => return String::from_utf8_lossy(&reply).into_owned(),
        }
    }
    panic!("the connection stays open after {reply:?}");
}

/// Far more turns of the loop than anything on loopback takes.
const TURNS: usize = 100_000;

#[test]
fn metrics_follow_the_configuration() {
    let mut agent = Agent::new("follow");
    let address = metrics(&mut agent, at(0), None);
    let reply = http(&mut agent, address, b"GET /metrics HTTP/1.1\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
    assert!(reply.contains("\r\n\r\n# HELP flowmote_info "), "{reply}");
    let other = metrics(&mut agent, at(0), None);
    assert!(http(&mut agent, other, b"HEAD /metrics HTTP/1.1\r\n\r\n").ends_with("\r\n\r\n"));
    assert!(TcpStream::connect(address).is_err(), "the first port is closed");
    agent.visitors.configure(at(0), &Config::default(), &agent.events);
    assert!(TcpStream::connect(other).is_err());
    assert_eq!(agent.visitors.deadline(), None);
}

#[test]
fn port_in_use_is_tried_again() {
    let mut agent = Agent::new("in-use");
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = metrics(&mut agent, at(0), Some(other.local_addr().unwrap().port()));
    assert_eq!(agent.visitors.deadline(), Some(at(5000)));
    drop(other);
    agent.settle(at(4999));
    assert!(TcpStream::connect(address).is_err());
    agent.settle(at(5000));
    assert_eq!(agent.visitors.deadline(), None);
    let reply = http(&mut agent, address, b"GET / HTTP/1.1\r\n\r\n");
    assert!(reply.starts_with("HTTP/1.1 404 "), "{reply}");
}

#[test]
fn endless_headers_and_silence_are_cut_off() {
    let mut agent = Agent::new("endless");
    let address = metrics(&mut agent, at(0), None);
    let mut silent = TcpStream::connect(address).unwrap();
    agent.settle(at(0));
    let endless = [b"GET /metrics HTTP/1.1\r\na: ", [b'x'; 9000].as_slice()].concat();
    assert_eq!(http(&mut agent, address, &endless), "");
    assert_eq!(agent.visitors.stats().metrics, 1);
    agent.settle(at(1999));
    assert_eq!(agent.visitors.stats().metrics, 1);
    agent.settle(at(2000));
    assert_eq!((agent.visitors.stats().metrics, agent.visitors.deadline()), (2, None));
    assert_eq!(silent.read(&mut [0]).unwrap(), 0);
}

#[test]
fn count_of_failed_clients_outlives_a_reload() {
    let mut agent = Agent::new("count");
    let address = metrics(&mut agent, at(0), None);
    drop(TcpStream::connect(address).unwrap());
    let mut turns = 0..TURNS;
    while agent.visitors.stats().metrics == 0 && turns.next().is_some() {
        agent.settle(at(0));
    }
    agent.visitors.configure(at(0), &Config::default(), &agent.events);
    metrics(&mut agent, at(0), None);
    assert_eq!(agent.visitors.stats().metrics, 1);
}
