//! The collector as a process.
#![allow(dead_code, reason = "each test file uses its part")]

use core::net::SocketAddr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// One that listens on a port of its own.
pub(crate) struct Listening {
    child: Child,
    stderr: Option<BufReader<ChildStderr>>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: UdpSocket,
}

/// How one ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// What came out of it, as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }
}

impl Listening {
    /// With arguments that make it listen on port 0 of 127.0.0.1.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").expect(&line).parse().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        Self { child, stderr: Some(stderr), address, socket }
    }

    pub(crate) fn send(&self, payload: &[u8]) {
        self.socket.send_to(payload, self.address).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        signal::kill(self.pid(), signal).unwrap();
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// The next line on standard error.
    pub(crate) fn said(&mut self) -> String {
        let mut line = String::new();
        self.stderr.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// Closes the pipe that its standard error goes to.
    pub(crate) fn deafen(&mut self) {
        self.stderr = None;
    }

    /// Closes the pipe that its standard output goes to.
    pub(crate) fn stop_reading(&mut self) {
        self.child.stdout = None;
    }

    /// Reads `len` bytes of standard output, as they come.
    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0xa5; len];
        self.child.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Waits for its end without reading what it writes.
    pub(crate) fn end_unread(mut self) -> Ended {
        let mut stderr = String::new();
        if let Some(said) = &mut self.stderr {
            said.read_to_string(&mut stderr).unwrap();
        }
        Ended { code: self.child.wait().unwrap().code(), stdout: Vec::new(), stderr }
    }

    pub(crate) fn end(mut self) -> Ended {
        let (mut stdout, mut stderr) = (Vec::new(), String::new());
        if let Some(mut output) = self.child.stdout.take() {
            output.read_to_end(&mut stdout).unwrap();
        }
        if let Some(said) = &mut self.stderr {
            said.read_to_string(&mut stderr).unwrap();
        }
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr: without_buffer(&stderr) }
    }
}

/// Runs to the end with `input` on standard input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // it may end before it has read all
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    Ended {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmote-analyzer"));
    command.args(arguments);
    command
}

/// What was said, but for the size of the receive buffer: an unprivileged user gets a smaller one.
fn without_buffer(said: &str) -> String {
    let lines = said.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("flowmote-analyzer: receive buffer of ")).collect()
}
