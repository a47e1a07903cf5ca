//! `flowmote-analyzer` as a child process.
#![allow(dead_code, reason = "each test file uses a part")]

use core::net::SocketAddr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::UdpSocket;
use std::process::{Child, ChildStderr, Command, Stdio};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// A process that listens on a free port.
pub(crate) struct Listening {
    child: Child,
    stderr: Option<BufReader<ChildStderr>>,
    pub(crate) address: SocketAddr,
    pub(crate) socket: UdpSocket,
}

/// Exit status and output of a process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ended {
    /// Standard output as text.
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).unwrap()
    }
}

impl Listening {
    /// Starts a process, which must listen on port 0 of 127.0.0.1, and reads its address.
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

    /// The next line on standard error, without the warning about the receive buffer; empty at the end.
    pub(crate) fn stderr_line(&mut self) -> String {
        let mut line = String::new();
        let length = self.stderr.as_mut().unwrap().read_line(&mut line).unwrap();
        if length > 0 && without_buffer(&line).is_empty() { self.stderr_line() } else { line }
    }

    /// Closes the pipe of standard error.
    pub(crate) fn close_stderr(&mut self) {
        self.stderr = None;
    }

    /// Closes the pipe of standard output.
    pub(crate) fn stop_reading(&mut self) {
        self.child.stdout = None;
    }

    /// Waits for `len` bytes of standard output.
    pub(crate) fn read(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0xa5; len];
        self.child.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Waits for the end without reading standard output.
    pub(crate) fn end_unread(mut self) -> Ended {
        let mut stderr = String::new();
        if let Some(pipe) = &mut self.stderr {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        Ended { code: self.child.wait().unwrap().code(), stdout: Vec::new(), stderr }
    }

    /// Reads all output and waits for the end.
    pub(crate) fn end(mut self) -> Ended {
        let (mut stdout, mut stderr) = (Vec::new(), String::new());
        if let Some(mut output) = self.child.stdout.take() {
            output.read_to_end(&mut stdout).unwrap();
        }
        if let Some(pipe) = &mut self.stderr {
            pipe.read_to_string(&mut stderr).unwrap();
        }
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr: without_buffer(&stderr) }
    }
}

/// Runs a process to its end, with `input` on standard input.
pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Ended {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        // An error is expected if the process ends before it has read all input.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    Ended {
        code: output.status.code(),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmote-analyzer"));
    command.args(arguments);
    command
}

/// Removes the warning about the receive buffer, which only unprivileged users get.
fn without_buffer(stderr: &str) -> String {
    let lines = stderr.split_inclusive('\n');
    lines.filter(|line| !line.starts_with("flowmote-analyzer: receive buffer of ")).collect()
}
