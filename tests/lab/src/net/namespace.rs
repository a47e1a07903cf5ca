//! A network namespace, and commands that run in it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// A network namespace, held by a process that ends at the end of its input: when this value is
/// dropped, or when the test ends.
#[derive(Debug)]
pub struct Namespace {
    holder: Child,
    /// True if the holder also has a user namespace of its own.
    in_user_namespace: bool,
}

impl Namespace {
    pub(super) fn of_root() -> Result<Self, String> {
        Self::hold(Command::new("unshare").arg("-n"), false)
            .map_err(|error| format!("root cannot create a network namespace: {error}"))
    }

    pub(super) fn of_user() -> Result<Self, String> {
        Self::hold(Command::new("unshare").arg("-Urn"), true)
            .map_err(|error| format!("unshare -Urn is refused: {error}"))
    }

    /// Another network namespace in the same user namespace.
    pub(super) fn sibling(&self) -> Self {
        let mut command = self.command("unshare");
        Self::hold(command.arg("-n"), self.in_user_namespace).expect("one more network namespace")
    }

    fn hold(command: &mut Command, in_user_namespace: bool) -> Result<Self, String> {
        // The line "up" guarantees that the loopback interface is up before any test uses it. A new
        // namespace forwards if the host does, as one with containers.
        let script =
            "echo 0 >/proc/sys/net/ipv4/ip_forward; ip link set lo up && echo up && exec cat";
        let mut holder = command
            .args(["sh", "-c", script])
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let mut line = String::new();
        let stdout = holder.stdout.take().expect("stdio is piped");
        let _ = BufReader::new(stdout).read_line(&mut line);
        if line != "up\n" {
            let _ = holder.kill();
            let output = holder.wait_with_output().map_err(|error| error.to_string())?;
            return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
        }
        Ok(Self { holder, in_user_namespace })
    }

    pub(super) fn is_in_user_namespace(&self) -> bool {
        self.in_user_namespace
    }

    /// The process that holds the namespace; /proc/PID/net belongs to it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    /// A command that runs a program in this namespace. nsenter executes it, so the child is the program.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        // An agent never gets the runtime directory of the machine.
        command.env("PATH", PATH).env("RUNTIME_DIRECTORY", "/dev/null/run").args([
            "-t",
            &self.pid().to_string(),
            "-n",
        ]);
        if self.in_user_namespace {
            command.args(["-U", "--preserve-credentials"]);
        }
        command.arg("--").arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a command line, split at spaces, and returns what it prints.
    ///
    /// # Panics
    /// If it fails.
    pub fn run(&self, line: &str) -> String {
        let mut words = line.split_whitespace();
        let output = self.command(words.next().expect("a program")).args(words).output();
        let output = output.expect("nsenter");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "`{line}`: {} {text}{error}", output.status);
        text
    }

    /// Runs commands of ip(8), one a line.
    ///
    /// # Panics
    /// If one of them fails.
    pub fn ip(&self, lines: &str) {
        let mut child = self
            .command("ip")
            .args(["-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("ip");
        child.stdin.take().expect("stdio is piped").write_all(lines.as_bytes()).expect("ip");
        let output = child.wait_with_output().expect("ip");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ip: {error} in\n{lines}");
    }

    /// Sets a parameter of the kernel for this namespace, by its path below /proc/sys.
    ///
    /// # Panics
    /// If it cannot be set.
    pub fn set(&self, path: &str, value: u8) {
        let script = format!("echo {value} >/proc/sys/{path}");
        let status = self.command("sh").args(["-c", &script]).status().expect("sh");
        assert!(status.success(), "{script}");
    }

    /// Content of a file of /proc/net of this namespace.
    #[must_use]
    pub fn proc_net(&self, file: &str) -> String {
        let path = format!("/proc/{}/net/{file}", self.pid());
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// The ifIndex of an interface.
    #[must_use]
    pub fn if_index(&self, name: &str) -> u32 {
        let line = self.run(&format!("ip -o link show dev {name}"));
        let (index, _) = line.split_once(':').expect("ip -o link begins with the index");
        index.parse().expect("ifIndex")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Includes the sbin directories, which hold ip(8), for normal users.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
