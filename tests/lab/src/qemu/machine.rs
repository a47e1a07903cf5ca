//! A running board.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;

use tempfile::TempDir;

use super::{Image, Link, Listener};
use crate::deadline::wait_until;
use crate::program::Program;

/// An emulated board with its serial console and links. Ends when dropped.
#[derive(Debug)]
pub struct Machine {
    program: Program,
    console: UnixStream,
    links: Vec<Arc<Link>>,
    _directory: TempDir,
}

/// Error that the firmware returned for a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl Machine {
    pub(super) fn start(image: &Image, ports: usize, arguments: &[&str]) -> Self {
        let directory = tempfile::Builder::new().prefix("flowmote-qemu-").tempdir();
        let directory = directory.expect("a directory for temporary files");
        let link = |port| Arc::new(Link::open(directory.path(), port));
        let links: Vec<Arc<Link>> = (0..ports).map(link).collect();
        let (console, input) = UnixStream::pair().expect("a pair of sockets");
        let mut command = limited(image.board.emulator);
        command.args(image.board.arguments).args(ALWAYS).args(arguments);
        for (number, link) in links.iter().enumerate() {
            let name = format!("net{number}");
            command.args(link.arguments(&name)).args((image.board.port)(number, &name));
        }
        command.arg("-kernel").arg(image.elf()).stdin(Stdio::from(OwnedFd::from(input)));
        Self { program: Program::start(command), console, links, _directory: directory }
    }

    /// Waits until the firmware prints that it is ready.
    pub fn ready(&self) {
        self.program.wait_for_line(0, "ready");
    }

    /// As [`ready`](Self::ready); returns the lines before it.
    #[must_use]
    pub fn until_ready(&self) -> Vec<String> {
        self.ready();
        self.log().lines().take_while(|line| *line != "ready").map(str::to_owned).collect()
    }

    /// Returns the link of a port, in the order of the command line.
    #[must_use]
    pub fn link(&self, port: usize) -> &Link {
        &self.links[port]
    }

    /// Starts a background reader of the link of a port.
    #[must_use]
    pub fn listen(&self, port: usize) -> Listener {
        Listener::start(Arc::clone(&self.links[port]))
    }

    /// Types a command on the console and returns the lines of the response.
    ///
    /// # Errors
    /// [`Refused`] with the firmware's reason.
    ///
    /// # Panics
    /// On timeout.
    pub fn command(&self, line: &str) -> Result<Vec<String>, Refused> {
        let mark = self.program.mark();
        (&self.console).write_all(format!("{line}\n").as_bytes()).expect("the board runs");
        wait_until(&format!("the answer to {line:?}"), || {
            let log = self.program.log_since(mark);
            let lines: Vec<String> = log.lines().map(str::to_owned).collect();
            let end = lines.iter().position(|line| line == "ok" || line.starts_with("error: "))?;
            Some(match lines[end].strip_prefix("error: ") {
                Some(reason) => Err(Refused(reason.to_owned())),
                None => Ok(lines[..end].to_vec()),
            })
        })
    }

    /// Returns the number after `word` in the line of `topic` of `show`.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn shown(&self, topic: &str, word: &str) -> u64 {
        let lines = self.command("show").expect("show is a command");
        shown(&lines, topic, word)
    }

    /// Checks that the firmware still runs and has not restarted.
    ///
    /// # Panics
    /// When the firmware panicked.
    pub fn is_running(&mut self) -> bool {
        let log = self.program.log();
        assert!(!log.contains("fatal: "), "{log}");
        self.program.is_running() && log.matches("ready").count() == 1
    }

    /// Returns the whole console output.
    #[must_use]
    pub fn log(&self) -> String {
        self.program.log()
    }

    /// Returns the process, for tests of the lab itself.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    /// Ends the board, and waits until none of its processes is left.
    ///
    /// # Panics
    /// When one remains.
    pub fn end(self) {
        let pid = self.pid();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        let children = children.expect("timeout(1) runs");
        let children: Vec<&str> = children.split_ascii_whitespace().collect();
        let [emulator] = children[..] else { panic!("one child, the emulator: {children:?}") };
        let line = format!("/proc/{emulator}/cmdline");
        assert!(std::fs::read_to_string(&line).expect("it runs").contains("qemu-system-"));
        drop(self);
        wait_until("the end of the emulator", || {
            std::fs::read(&line).map_or(true, |line| line.is_empty()).then_some(())
        });
    }
}

/// Returns the number after `word` in the line of `topic`.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn shown(lines: &[String], topic: &str, word: &str) -> u64 {
    let mut words = lines
        .iter()
        .filter_map(|line| line.strip_prefix(topic)?.strip_prefix(' '))
        .flat_map(str::split_ascii_whitespace)
        .skip_while(|found| *found != word)
        .skip(1);
    let number = words.next().and_then(|number| number.parse().ok());
    number.unwrap_or_else(|| panic!("no {topic} {word} in {lines:#?}"))
}

/// Returns a command that outlives neither this thread nor its time limit.
///
/// The first setpriv sets the parent-death signal of timeout(1), so that it dies with this thread;
/// the second one that of the emulator, so that it dies with timeout.
fn limited(emulator: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "timeout", "--signal=KILL", TIME_LIMIT]);
    command.args(["setpriv", "--pdeathsig", "KILL", emulator]);
    command
}

/// Time limit in seconds. A test takes a few, and many times that on a loaded host.
const TIME_LIMIT: &str = "300";

/// Ends the emulator on a reset, which is how the firmware reacts to a panic.
const ALWAYS: [&str; 7] =
    ["-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot"];
