//! A receiver that replies as a test wants.

use core::net::{Ipv4Addr, SocketAddr};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use flowmote_lab::wait_until;

/// A request.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

/// Accepts one connection after the other, until the test ends.
pub(super) struct Receiver {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Receiver {
    /// Replies to request `number` with the bytes of `reply`; closes the connection if there are none.
    pub(super) fn start(reply: impl Fn(usize) -> String + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a TCP socket");
        let address = listener.local_addr().expect("its address");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = requests.clone();
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                while let Some(request) = read(&mut stream) {
                    let number = {
                        let mut kept = kept.lock().expect("no panic");
                        kept.push(request);
                        kept.len() - 1
                    };
                    let reply = reply(number);
                    if reply.is_empty() || stream.write_all(reply.as_bytes()).is_err() {
                        break;
                    }
                }
            }
        });
        Self { address, requests }
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// The first requests, once there are so many.
    pub(super) fn wait_for(&self, count: usize) -> Vec<Request> {
        wait_until(&format!("{count} requests"), || {
            let requests = self.requests();
            (requests.len() >= count).then_some(requests)
        })
    }
}

/// A reply with a status, further lines of its head, and a body.
pub(super) fn status(status: u16, head: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).expect("UTF-8").to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    stream.read_exact(&mut body).ok()?;
    Some(Request { head, body })
}
