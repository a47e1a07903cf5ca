//! The command that runs while `top` shows its view.

use core::time::Duration;
use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Instant;

use flowmote_engine::is_printable;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running command. Dropping it sends SIGTERM.
pub(super) struct Child {
    name: String,
    process: std::process::Child,
    /// Ends the command if this process is killed.
    watcher: Option<std::process::Child>,
    status: Option<ExitStatus>,
    /// The pipe of its output; `None` if the output is not captured, and after its end.
    output: Option<PipeReader>,
    log: Log,
}

impl Child {
    /// Starts `command` and captures its output if `capture` is set. An empty command is `None`.
    ///
    /// The command runs in the process group of the watcher, so that Ctrl-C reaches only the view, which then
    /// ends the command and shows its last output. Its standard input is a pipe that ends with this
    /// process or with [`stop`](Child::stop): a command that runs under sudo takes no signal from us.
    pub(super) fn start(command: &[OsString], capture: bool) -> io::Result<Option<Self>> {
        let Some((program, arguments)) = command.split_first() else { return Ok(None) };
        let name = program.to_string_lossy().into_owned();
        let mut starting = Command::new(program);
        starting.args(arguments).stdin(Stdio::piped());
        let mut output = None;
        if capture {
            let (reader, writer) = io::pipe()?;
            starting.stdout(writer.try_clone()?).stderr(writer);
            output = Some(reader);
        } else {
            // Standard output is reserved for the tables.
            starting.stdout(io::stderr());
        }
        // The watcher first, so that the command never runs without it.
        let watcher = watcher().ok();
        let group = watcher.as_ref().map_or(0, |watcher| watcher.id().cast_signed());
        starting.process_group(group);
        let process = starting
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("cannot run {name}: {error}")))?;
        Ok(Some(Self { name, process, watcher, status: None, output, log: Log::default() }))
    }

    /// The name of the program as on the command line.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The descriptor to poll before [`read`](Child::read); `None` without captured output.
    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.output.as_ref().map(AsFd::as_fd)
    }

    /// Reads captured output. Blocks if there is none.
    pub(super) fn read(&mut self) {
        let Some(output) = &mut self.output else { return };
        let mut buffer = [0; 4096];
        match output.read(&mut buffer) {
            Ok(0) => self.output = None,
            Ok(len) => self.log.write(buffer.get(..len).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => self.output = None,
        }
    }

    /// The last complete lines of captured output, at most `count`.
    pub(super) fn last_lines(&self, count: usize) -> impl Iterator<Item = &str> {
        let skip = self.log.lines.len().saturating_sub(count);
        self.log.lines.iter().skip(skip).map(String::as_str)
    }

    /// True if the command has ended without being stopped.
    pub(super) fn ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.process.try_wait().ok().flatten();
        }
        self.status.is_some()
    }

    /// Sends SIGTERM, waits for the end, and returns the output written meanwhile. For a command that
    /// had ended before, returns the last lines.
    ///
    /// # Errors
    ///
    /// The command failed, or did not end in time and was killed.
    pub(super) fn stop(mut self) -> (Vec<String>, Result<(), String>) {
        let ended_before = self.ended();
        let before = self.log.total;
        if !ended_before {
            self.signal(Signal::SIGTERM);
        }
        drop(self.process.stdin.take());
        let killed = !self.wait(END_LIMIT);
        if killed {
            self.signal(Signal::SIGKILL);
            self.wait(END_LIMIT);
        }
        let lines = if ended_before { MAX_LINES } else { (self.log.total - before) as usize };
        let last: Vec<String> = self.last_lines(lines).map(str::to_owned).collect();
        let ended = match self.status {
            _ if killed => {
                Err(format!("{} did not end within {END_LIMIT:?} and was killed", self.name))
            }
            Some(status) if !status.success() => Err(format!("{}: {status}", self.name)),
            _ => Ok(()),
        };
        (last, ended)
    }

    /// Waits until the command has ended, and reads its output meanwhile so that a full pipe does
    /// not block it. Returns false after `patience`.
    fn wait(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(output) = &self.output {
                let mut fds = [PollFd::new(output.as_fd(), PollFlags::POLLIN)];
                if poll(&mut fds, PollTimeout::from(20u8)).is_ok_and(|ready| ready > 0) {
                    self.read();
                    continue;
                }
            } else {
                thread::sleep(Duration::from_millis(20));
            }
            if self.ended() {
                return true;
            }
        }
        self.ended()
    }

    fn signal(&self, signal: Signal) {
        // ESRCH: the command has just ended. Its id cannot be reused before `try_wait` reaps it.
        let _ = kill(Pid::from_raw(self.process.id().cast_signed()), signal);
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended() {
            self.signal(Signal::SIGTERM);
        }
        if let Some(mut watcher) = self.watcher.take() {
            // Before its input ends: by then the process group may be another's.
            let _ = watcher.kill();
            let _ = watcher.wait();
        }
    }
}

/// Starts a process that ends its process group when its input ends, that is when this process has
/// ended in a way that it cannot handle. A command that is being started holds the other end of that
/// input until it is in the group and `exec` closes it, so that it is not missed. `PR_SET_PDEATHSIG`
/// would not do: the kernel clears it when the command changes its user, as an agent started as
/// root does (kernel/cred.c, `commit_creds`).
fn watcher() -> io::Result<std::process::Child> {
    Command::new("sh")
        .args(["-c", "trap '' TERM; read -r _; kill -s TERM -- \"-$$\""])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
}

/// The last lines of a stream, without characters that a terminal interprets.
#[derive(Debug, Default)]
struct Log {
    lines: VecDeque<String>,
    /// All lines so far, including those discarded.
    total: u64,
    partial: Vec<u8>,
}

impl Log {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.partial.len() < MAX_LINE => self.partial.push(*byte),
                _ => {}
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.partial);
        let line = line.chars().filter(|c| is_printable(*c)).collect();
        self.partial.clear();
        if self.lines.len() >= MAX_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        self.total += 1;
    }
}

/// Bytes kept of a line.
const MAX_LINE: usize = 1024;
/// Lines kept.
const MAX_LINES: usize = 100;
/// Time that a command has to end, before SIGKILL and again after it.
const END_LIMIT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_are_bounded_and_without_control_characters() {
        let mut log = Log::default();
        log.write(b"one\ntw");
        log.write(b"o\x1b[2J\r\n");
        assert_eq!(log.lines, ["one", "two[2J"]);
        for _ in 0..1000 {
            log.write(&[b'x'; 5000]);
            log.write(b"\n");
        }
        assert_eq!((log.lines.len(), log.total), (MAX_LINES, 1002));
        assert!(log.lines.iter().all(|line| line.len() <= MAX_LINE));
    }

    fn start(script: &str) -> Child {
        let command = ["sh", "-c", script].map(OsString::from);
        Child::start(&command, true).unwrap().unwrap()
    }

    #[test]
    fn stop_sends_sigterm_and_returns_the_last_output() {
        let mut child =
            start("trap 'echo summary; exit 0' TERM; echo ready; while :; do sleep 0.01; done");
        child.read();
        assert_eq!(child.last_lines(5).collect::<Vec<_>>(), ["ready"]);
        let (last, ended) = child.stop();
        assert_eq!((last, ended), (vec!["summary".to_owned()], Ok(())));
    }

    #[test]
    fn failed_command_returns_its_output_and_status() {
        let mut child = start("echo no such interface >&2; exit 2");
        while !child.ended() {
            thread::yield_now();
        }
        let (last, ended) = child.stop();
        assert_eq!(last, ["no such interface"]);
        assert_eq!(ended, Err("sh: exit status: 2".to_owned()));
    }

    #[test]
    fn command_ends_when_the_watcher_loses_its_input() {
        let mut child = start("echo ready; exec sleep 1000");
        child.read();
        drop(child.watcher.as_mut().unwrap().stdin.take());
        while !child.ended() {
            thread::yield_now();
        }
        assert_eq!(child.stop().1, Err("sh: signal: 15 (SIGTERM)".to_owned()));
    }

    #[test]
    fn command_under_another_user_ends_with_its_input() {
        // Takes no SIGTERM, as if the kernel refused it.
        let mut child = start("trap '' TERM; echo ready; cat; echo end");
        child.read();
        assert_eq!(child.stop(), (vec!["end".to_owned()], Ok(())));
    }

    #[test]
    fn missing_command_is_named() {
        let error = Child::start(&["/nonexistent".into()], true).err().unwrap();
        assert!(error.to_string().starts_with("cannot run /nonexistent: "), "{error}");
    }
}
