//! The program, and a client that sends exactly the bytes of a test.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use flowmote_lab::net::analyzer;
use flowmote_lab::{DEADLINE, Program};
use serde_json::Value;

/// `flowmote-analyzer serve` on free ports.
pub(crate) struct Server {
    pub(crate) program: Program,
    pub(crate) http: SocketAddr,
    pub(crate) sflow: SocketAddr,
}

/// The reply to a request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// Starts the program with further options.
pub(crate) fn serve(options: &[&str]) -> Command {
    let mut command = Command::new(analyzer());
    command.args(["serve", "--listen", "127.0.0.1:0", "--memory", "64M"]).args(options);
    command.stdin(Stdio::null());
    command
}

impl Server {
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut command = serve(options);
        command.args(["--http", "127.0.0.1:0"]);
        let program = Program::start(command);
        let address = |line: String, before: &str| {
            let rest = line.split_once(before).expect("the words waited for").1;
            let end = rest.find(|c: char| !c.is_ascii_digit() && !".:".contains(c));
            rest[..end.unwrap_or(rest.len())].parse().expect("an address")
        };
        let sflow = address(program.wait_for_line(0, "listening on "), "listening on ");
        let http = address(program.wait_for_line(0, "serving http://"), "http://");
        Self { program, http, sflow }
    }

    /// A server that keeps its settings in a directory.
    pub(crate) fn with_state(directory: &Path) -> Self {
        Self::start(&["--state", directory.to_str().expect("a path of plain characters")])
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.http).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
        stream
    }

    /// Sends bytes on a connection of their own, and reads the reply.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Reply {
        let mut stream = self.connect();
        // The server may refuse before it has read all of it.
        let _ = stream.write_all(bytes);
        reply(&mut stream)
    }

    /// Sends a request with further lines in its head.
    pub(crate) fn send(&self, method: &str, path: &str, head: &str, body: &str) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{head}Content-Length: {length}\r\n\r\n{body}"
        );
        self.raw(request.as_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes())
    }

    /// The value of a reply with status 200.
    pub(crate) fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {reply:?}");
        reply.json()
    }

    /// Puts an object, which must succeed.
    pub(crate) fn put(&self, path: &str, body: &str) {
        let reply = self.send("PUT", path, "", body);
        assert_eq!((reply.status, reply.body.as_str()), (204, ""), "{path}: {reply:?}");
    }

    pub(crate) fn delete(&self, path: &str) -> u16 {
        self.send("DELETE", path, "", "").status
    }
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        let found = serde_json::from_str(&self.body);
        found.unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Checks that it is an error as JSON.
    pub(crate) fn fails(&self, status: u16) {
        assert_eq!(self.status, status, "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], status, "{self:?}");
        assert!(json["error"].as_str().is_some_and(|text| !text.is_empty()), "{self:?}");
    }
}

/// Reads one reply, which has a length or comes in chunks unless its status is 204.
pub(crate) fn reply(stream: &mut TcpStream) -> Reply {
    let head = read_until(stream, b"\r\n\r\n");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let value = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim().to_owned())
        })
    };
    let length = value("content-length").and_then(|length| length.parse().ok());
    let body = match value("transfer-encoding").as_deref() {
        Some("chunked") => chunks(stream),
        _ => read(stream, length.unwrap_or(0)),
    };
    let status = status.unwrap_or_else(|| panic!("no status: {head:?}"));
    Reply { status, head, body: String::from_utf8(body).expect("UTF-8") }
}

fn chunks(stream: &mut TcpStream) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let length = read_until(stream, b"\r\n");
        let length = usize::from_str_radix(length.trim(), 16).expect("the length of a chunk");
        body.extend(read(stream, length));
        assert_eq!(read(stream, 2), b"\r\n");
        if length == 0 {
            return body;
        }
    }
}

fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("the body of the reply");
    bytes
}

fn read_until(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap_or_else(|error| {
            panic!("{error} after {:?}", String::from_utf8_lossy(&bytes));
        });
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).expect("UTF-8")
}

/// True if a reply, or the end of the connection, waits to be read.
pub(crate) fn is_readable(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a time limit");
    let readable = stream.peek(&mut [0]).is_ok();
    stream.set_read_timeout(Some(DEADLINE)).expect("a time limit");
    readable
}
