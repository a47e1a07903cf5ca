//! A network namespace per test: the test starts itself again under `unshare`, so that its
//! interfaces disappear with the process, even if it is killed.

pub(crate) mod sampling;
pub(crate) mod traffic;

use std::env;
use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// The privileges that a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum As {
    /// Root: `bpf(2)` works.
    Root,
    /// Root of an unprivileged user namespace: AF_PACKET works, `bpf(2)` does not.
    UserNamespace,
}

/// Runs `body` in a new network namespace; `test` is the name of the calling test.
pub(crate) fn inside(test: &str, rights: As, body: fn()) {
    if is_inside() {
        ip("link set lo up");
        return body();
    }
    let flags = match rights {
        As::Root => "-n",
        As::UserNamespace => "-Urn",
    };
    let probe = Command::new("unshare").args([flags, "ip", "link"]).output();
    match probe {
        Ok(output) if output.status.success() => {}
        Ok(output) => return skip(test, flags, &String::from_utf8_lossy(&output.stderr)),
        Err(error) => return skip(test, flags, &error.to_string()),
    }
    let output = Command::new("unshare")
        .arg(flags)
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert!(out.contains("1 passed"), "no test of this name ran: {out}");
}

/// Returns true in the process that [`inside`] started.
pub(crate) fn is_inside() -> bool {
    env::var_os(INSIDE).is_some()
}

/// Runs `ip` with the words of `words` and returns its output.
pub(crate) fn ip(words: &str) -> String {
    let output = Command::new("ip").args(words.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The ifIndex of an interface, from `ip`: /sys shows the namespace in which it was mounted.
pub(crate) fn if_index(name: &str) -> u32 {
    ip(&format!("-o link show dev {name}")).split(':').next().unwrap().parse().unwrap()
}

/// Creates the veth pair `v0`, `v1`, both up and without packets other than those of the test.
pub(crate) fn veth() {
    ip("link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02");
    for name in ["v0", "v1"] {
        // No link-local address, so no router solicitation and no multicast report.
        ip(&format!("link set {name} addrgenmode none"));
    }
    ip("addr add 10.0.0.1/24 dev v0");
    ip("neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0");
    ip("link set v0 up");
    ip("link set v1 up");
}

/// A process in a second network namespace that runs the ignored test `peer` of the same binary.
pub(crate) struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the process.
    pub(crate) fn start() -> Self {
        let mut child = Command::new("unshare")
            .arg("-n")
            .arg(env::current_exe().unwrap())
            .args(["--exact", "peer", "--ignored", "--nocapture"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let mut peer = Self { child, input, output };
        // Once it prints this line it is in its own namespace.
        peer.wait_for("peer started");
        peer
    }

    /// The process id, for `ip link set .. netns`.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a line to its standard input.
    pub(crate) fn send(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Waits for a line of output that contains `text` and returns it.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the peer died");
        }
        line
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reports a skipped test directly on stderr, which the test harness does not capture.
pub(crate) fn skip(test: &str, needs: &str, why: &str) {
    let _ = writeln!(io::stderr(), "SKIPPED: {test} (unshare {needs}): {}", why.trim());
}

const INSIDE: &str = "FLOWMOTE_TEST_INSIDE_NAMESPACE";
