//! The agent under test.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use nix::sys::signal::Signal;

use super::{Lab, Namespace, flowmote};
use crate::deadline::{DEADLINE, wait_until};
use crate::program::Program;

/// A running `flowmote run` that has notified its service manager that it is ready.
#[derive(Debug)]
pub struct Agent {
    program: Program,
    runtime_directory: PathBuf,
    manager: UnixDatagram,
}

impl Agent {
    /// Starts `flowmote run` with `arguments`, split at spaces, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready in time.
    #[must_use]
    pub fn start(lab: &Lab, namespace: &Namespace, arguments: &str) -> Self {
        let mut command = namespace.command(flowmote());
        command.arg("run").args(arguments.split_whitespace());
        Self::start_command(lab, command)
    }

    /// Starts a command that executes `flowmote run`, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready in time.
    #[must_use]
    pub fn start_command(lab: &Lab, mut command: Command) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = lab.path().join(format!("manager-{count}"));
        let manager = UnixDatagram::bind(&path).expect("the service manager's socket");
        std::fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        manager.set_nonblocking(true).unwrap();
        command.env("NOTIFY_SOCKET", &path);
        let runtime_directory = lab.path().join(format!("run-{count}"));
        command.env("RUNTIME_DIRECTORY", &runtime_directory);
        let mut agent = Self { program: Program::start(command), runtime_directory, manager };
        agent.wait_notified("READY=1");
        agent
    }

    /// Starts `flowmote run` with a configuration file as the systemd unit does: never root, with these
    /// ambient capabilities, as `+net_raw,+bpf`.
    ///
    /// # Panics
    /// If it does not become ready in time.
    #[must_use]
    pub fn start_as_unit(lab: &Lab, namespace: &Namespace, caps: &str, file: &Path) -> Self {
        let setpriv = format!(
            "--reuid=65534 --regid=65534 --clear-groups --no-new-privs --inh-caps=-all,{caps} \
             --ambient-caps=-all,{caps} --bounding-set=-all,{caps} --"
        );
        let mut command = namespace.command("setpriv");
        command.args(setpriv.split_whitespace()).arg(flowmote());
        command.args(["run", "--config"]).arg(file);
        Self::start_command(lab, command)
    }

    /// Starts `flowmote run` with this text as its configuration file.
    #[must_use]
    pub fn start_with(lab: &Lab, namespace: &Namespace, configuration: &str) -> Self {
        let path = lab.file("flowmote.conf", configuration);
        Self::start(lab, namespace, &format!("--config {}", path.display()))
    }

    /// Waits until the agent sends a notification that begins with `what` (sd_notify(3)) to its
    /// service manager.
    pub fn wait_notified(&mut self, what: &str) {
        wait_until(&format!("the notification {what}"), || {
            assert!(self.program.is_running(), "the agent ended:\n{}", self.program.log());
            let mut text = [0; 512];
            let length = self.manager.recv(&mut text).ok()?;
            String::from_utf8_lossy(&text[..length])
                .lines()
                .any(|line| line.starts_with(what))
                .then_some(())
        });
    }

    /// The process and its log.
    #[must_use]
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// The directory that takes the place of `/run/flowmote`.
    #[must_use]
    pub fn runtime_directory(&self) -> &Path {
        &self.runtime_directory
    }

    /// Sends SIGUSR1 and returns the statistics that the agent prints. They are complete once they
    /// hold one line for each of its `collectors`.
    #[must_use]
    pub fn statistics(&self, collectors: usize) -> String {
        let mark = self.program.mark();
        self.program.signal(Signal::SIGUSR1);
        wait_until("the statistics", || {
            let log = self.program.log_since(mark);
            let text = &log[log.find("statistics after")?..];
            (text.matches("\n  collector ").count() == collectors).then(|| text.to_owned())
        })
    }

    /// The path of the status socket.
    #[must_use]
    pub fn status_socket(&self) -> PathBuf {
        self.runtime_directory.join("status.sock")
    }

    /// The number of open files of the agent.
    #[must_use]
    pub fn open_files(&self, namespace: &Namespace) -> usize {
        namespace.run(&format!("ls /proc/{}/fd", self.program.pid())).lines().count()
    }

    /// Ends the agent with SIGTERM, requires exit status 0, and returns its whole log.
    pub fn stop(self) -> String {
        self.stop_with(Signal::SIGTERM)
    }

    /// Ends the agent with `signal`, requires exit status 0, and returns its whole log.
    pub fn stop_with(mut self, signal: Signal) -> String {
        self.program.signal(signal);
        let status = self.wait();
        assert!(status.success(), "{signal}: {status}, within {DEADLINE:?}");
        self.program.log()
    }

    /// Waits for the end of the agent.
    pub fn wait(&mut self) -> ExitStatus {
        self.program.wait()
    }
}

/// Packet counts in the statistics of an interface, or of all removed interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Packets seen by the filter.
    pub seen: u64,
    /// Samples taken.
    pub samples: u64,
    /// Samples lost.
    pub drops: u64,
}

impl Totals {
    /// The counts of the last statistics line in `log` that begins with `name`.
    ///
    /// # Panics
    /// If there is no such line.
    #[must_use]
    pub fn last_of(log: &str, name: &str) -> Self {
        let line = log.lines().rev().find_map(|line| {
            let rest = line.trim_start().strip_prefix(name)?;
            rest.contains(" packets seen, ").then_some(rest)
        });
        let line = line.unwrap_or_else(|| panic!("no statistics of {name} in\n{log}"));
        let (_, numbers) = line.rsplit_once(": ").expect("name: numbers");
        let mut numbers = numbers.split_whitespace().filter_map(|word| word.parse().ok());
        let [seen, samples, drops] = [(); 3].map(|()| numbers.next().expect("three numbers"));
        Self { seen, samples, drops }
    }
}
