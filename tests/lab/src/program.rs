//! A child process whose output is kept.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deadline::wait_until;

/// A running program whose lines are kept; killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    /// Starts `command`; its standard output and standard error go into one log.
    ///
    /// # Panics
    /// If the program cannot be started.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let lines = Arc::default();
        let readers = vec![
            keep(child.stdout.take().expect("stdio is piped"), &lines),
            keep(child.stderr.take().expect("stdio is piped"), &lines),
        ];
        Self { child, lines, readers }
    }

    /// The process ID.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All lines printed so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.lines.lock().expect("no thread panics while it holds the lock").join("\n")
    }

    /// All lines printed so far except the first `mark`.
    #[must_use]
    pub fn log_since(&self, mark: usize) -> String {
        self.lines.lock().expect("no thread panics while it holds the lock")[mark..].join("\n")
    }

    /// The number of lines printed so far, for [`wait_for_line`](Self::wait_for_line).
    #[must_use]
    pub fn mark(&self) -> usize {
        self.lines.lock().expect("no thread panics while it holds the lock").len()
    }

    /// Waits for a line after the first `mark` that contains `text`, and returns it.
    ///
    /// # Panics
    /// If none comes in time; dropping the program then prints its log.
    pub fn wait_for_line(&self, mark: usize, text: &str) -> String {
        let find = || {
            let lines = self.lines.lock().expect("no thread panics while it holds the lock");
            lines.iter().skip(mark).find(|line| line.contains(text)).cloned()
        };
        wait_until(&format!("the line {text:?}"), find)
    }

    /// Writes a line to the standard input of the program, which must be a pipe.
    ///
    /// # Panics
    /// If the program has closed it.
    pub fn write_line(&mut self, line: &str) {
        let input = self.child.stdin.as_mut().expect("a pipe");
        writeln!(input, "{line}").expect("the program reads its input");
    }

    /// Ends the standard input of the program.
    pub fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill(self.nix_pid(), signal).expect("the program has not been waited for");
    }

    /// Returns true if the program has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_none()
    }

    /// Waits for the end of the program. Afterwards its log is complete.
    pub fn wait(&mut self) -> ExitStatus {
        let status =
            wait_until("the end of the program", || self.child.try_wait().expect("our own child"));
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
        status
    }

    fn nix_pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.pid()).expect("a process id"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- log of the program:");
            self.log().lines().for_each(|line| eprintln!("{line:.300}"));
            eprintln!("---");
        }
    }
}

fn keep(
    output: impl std::io::Read + Send + 'static,
    lines: &Arc<Mutex<Vec<String>>>,
) -> JoinHandle<()> {
    let lines = Arc::clone(lines);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            lines.lock().expect("no thread panics while it holds the lock").push(line);
        }
    })
}
