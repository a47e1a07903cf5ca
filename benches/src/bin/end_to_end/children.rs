//! Child processes, none of which outlives this program.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, alarm};

/// A child process; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts `command`.
    ///
    /// # Errors
    ///
    /// As `Command::spawn`.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let process = Self(child);
        running(|pids| pids.push(process.pid()));
        Ok(process)
    }

    /// Process ID.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }

    /// The child itself, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    /// Sends SIGTERM and waits; kills the process after `patience`.
    ///
    /// # Errors
    ///
    /// As `Child::try_wait`.
    pub(crate) fn end(mut self, patience: Duration) -> io::Result<ExitStatus> {
        // ESRCH is impossible: the process has not been waited for.
        let _ = kill(self.pid(), Signal::SIGTERM);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.0.kill()?;
        self.0.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        running(|pids| pids.retain(|pid| *pid != self.pid()));
        // Both fail if the process has ended, which is fine.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ends the whole program with its children on SIGINT, SIGTERM, or after `limit`, and removes
/// `directory`.
///
/// Call this before the first other thread starts: threads inherit the blocked signals.
///
/// # Errors
///
/// As `pthread_sigmask(3)`.
pub(crate) fn guard(limit: Duration, directory: PathBuf) -> nix::Result<()> {
    let mut signals = SigSet::empty();
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGALRM] {
        signals.add(signal);
    }
    signals.thread_block()?;
    alarm::set(u32::try_from(limit.as_secs()).unwrap_or(u32::MAX));
    thread::spawn(move || {
        let signal = signals.wait();
        running(|pids| {
            for pid in pids {
                let _ = kill(*pid, Signal::SIGKILL);
            }
        });
        // On failure the directory remains until the temporary directory is cleaned.
        let _ = fs::remove_dir_all(&directory);
        if signal == Ok(Signal::SIGALRM) {
            eprintln!("end_to_end: aborted, not finished after {limit:?}");
        }
        std::process::exit(1);
    });
    Ok(())
}

fn running<T>(action: impl FnOnce(&mut Vec<Pid>) -> T) -> T {
    action(&mut RUNNING.lock().unwrap_or_else(PoisonError::into_inner))
}

static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());
