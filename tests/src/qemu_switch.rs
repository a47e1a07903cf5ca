//! The `virt-switch` image under QEMU, with a test at each of its four ports.
//!
//! A port is a pair of unix datagram sockets in a directory of its own: one datagram is one frame,
//! and neither side loses any. A thread at each port keeps what comes out; the one at
//! [`COLLECTOR_PORT`] also answers to ARP for the collector. QEMU runs under timeout(1), so it
//! ends even if the test is killed.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::lab::{DEADLINE, skip, wait_until};

/// Where the collector is: the only port in the management VLAN.
pub const COLLECTOR_PORT: usize = 4;
/// MAC address of the switch itself.
pub const SWITCH: [u8; 6] = [2, 0xf1, 0, 0, 0, 1];
/// MAC address of the collector 192.0.2.99.
pub const COLLECTOR: [u8; 6] = [2, 0, 0, 0, 0, 99];

/// A running switch.
#[derive(Debug)]
pub struct Switch {
    qemu: Child,
    console: ChildStdin,
    /// What it printed; the lock lets several threads send at once.
    lines: Mutex<Receiver<String>>,
    ports: Vec<TestPort>,
    directory: TempDir,
}

/// How a switch is started.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The port where nobody reads what comes out; 0: none.
    pub unread: usize,
    /// One tick of the clock for each instruction, so that costs can be compared.
    pub count_instructions: bool,
}

/// What `show` said: by the name of a line, its values by their names.
#[derive(Clone, Debug)]
pub struct Shown(HashMap<String, HashMap<String, u64>>);

#[derive(Debug)]
struct TestPort {
    socket: Arc<UnixDatagram>,
    /// QEMU's end.
    path: PathBuf,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
    answers_arp: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
}

impl Switch {
    /// Starts a switch and waits until it is ready; `None`, and a line among the skipped, where
    /// it cannot be built or run.
    #[must_use]
    pub fn start(options: Options) -> Option<Self> {
        let image = match image() {
            Ok(image) => image,
            Err(reason) => {
                skip(reason);
                return None;
            }
        };
        let directory = tempfile::Builder::new().prefix("flowmote-switch-").tempdir();
        let directory = directory.expect("a directory for sockets");
        let ports = (1..=4).map(|port| TestPort::open(directory.path(), port, options)).collect();
        let mut qemu = qemu(directory.path(), image, options).spawn().expect("timeout(1)");
        let console = qemu.stdin.take().expect("a pipe was asked for");
        let stdout = BufReader::new(qemu.stdout.take().expect("a pipe was asked for"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let switch = Self { qemu, console, lines: Mutex::new(lines), ports, directory };
        switch.wait_for_line("virt-switch ready: 4 ports");
        Some(switch)
    }

    /// Types a command and returns the answer without its last line.
    ///
    /// # Errors
    /// What the switch complains about.
    ///
    /// # Panics
    /// When there is no answer in time.
    pub fn command(&mut self, command: &str) -> Result<Vec<String>, String> {
        writeln!(self.console, "{command}").expect("QEMU reads its console");
        self.wait_for_line(command);
        let mut answer = Vec::new();
        loop {
            let line = self.line();
            if let Some(error) = line.strip_prefix("error: ") {
                return Err(error.to_owned());
            }
            if line == "ok" {
                return Ok(answer);
            }
            answer.push(line);
        }
    }

    /// Types commands that must succeed.
    ///
    /// # Panics
    /// When one does not.
    pub fn commands(&mut self, commands: &[&str]) {
        for command in commands {
            self.command(command).unwrap_or_else(|error| panic!("{command}: {error}"));
        }
    }

    /// The statistics of the switch.
    pub fn show(&mut self) -> Shown {
        Shown::read(&self.command("show").expect("statistics"))
    }

    /// Gives the switch the collector at port 4 and waits until it knows its MAC address.
    pub fn connect_collector(&mut self) {
        self.answer_arp(true);
        self.commands(&["collector 192.0.2.99"]);
        wait_until("the collector to be found", || {
            let answer = self.command("show").expect("statistics");
            answer.iter().any(|line| line.starts_with("collector: 192.0.2.99 at")).then_some(())
        });
    }

    /// Whether the collector answers to ARP.
    pub fn answer_arp(&self, answer: bool) {
        self.ports[COLLECTOR_PORT - 1].answers_arp.store(answer, Ordering::SeqCst);
    }

    /// Sends a frame into a port; waits while the switch is busy.
    ///
    /// # Panics
    /// When the switch is gone.
    pub fn send(&self, port: usize, frame: &[u8]) {
        let port = &self.ports[port - 1];
        while let Err(error) = port.socket.send_to(frame, &port.path) {
            assert!(error.kind() == ErrorKind::Interrupted, "the switch takes no frames: {error}");
        }
    }

    /// What came out of a port since the last call.
    #[must_use]
    pub fn received(&self, port: usize) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.ports[port - 1].received.lock().expect("nobody panics with it"))
    }

    /// The same once there are so many frames, or more.
    ///
    /// # Panics
    /// When there are not in time.
    #[must_use]
    pub fn receive(&self, port: usize, count: usize) -> Vec<Vec<u8>> {
        let received = &self.ports[port - 1].received;
        wait_until(&format!("{count} frames at port {port}"), || {
            (received.lock().expect("nobody panics with it").len() >= count).then_some(())
        });
        self.received(port)
    }

    /// Sends frames into port `from`, all of which leave by port `to` among others, with less on
    /// their way than a transmit ring holds: so that none is lost to a full one.
    ///
    /// # Panics
    /// When they do not arrive in time.
    pub fn send_paced(&self, (from, to): (usize, usize), frames: impl Iterator<Item = Vec<u8>>) {
        let received = &self.ports[to - 1].received;
        let arrived = || received.lock().expect("nobody panics with it").len();
        let before = arrived();
        for (number, frame) in frames.enumerate() {
            let begin = Instant::now();
            while before + number > arrived() + WINDOW {
                assert!(begin.elapsed() < DEADLINE, "frame {number} is missing at port {to}");
                std::thread::yield_now();
            }
            self.send(from, &frame);
        }
    }

    /// Reads so many frames at a port that nobody reads.
    ///
    /// # Panics
    /// When they do not come in time.
    #[must_use]
    pub fn read_unread(&self, port: usize, count: u64) -> Vec<Vec<u8>> {
        let socket = &self.ports[port - 1].socket;
        socket.set_read_timeout(Some(DEADLINE)).expect("a time");
        let mut buffer = [0; 65536];
        let mut read = || loop {
            match socket.recv(&mut buffer) {
                Ok(length) => return buffer[..length].to_vec(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("one more frame at port {port}: {error}"),
            }
        };
        (0..count).map(|_| read()).collect()
    }

    /// Waits until the switch has taken this many frames from all its ports together.
    ///
    /// # Panics
    /// When it has not in time.
    pub fn settle(&mut self, frames: u64) -> Shown {
        wait_until(&format!("{frames} frames"), || {
            let shown = self.show();
            let taken: u64 = (1..=4).map(|port| shown.taken(port)).sum();
            assert!(taken <= frames, "{taken} frames of {frames}");
            (taken == frames).then_some(shown)
        })
    }

    /// Whether the machine still runs.
    ///
    /// # Panics
    /// When it cannot be asked.
    pub fn is_running(&mut self) -> bool {
        self.qemu.try_wait().expect("our own child").is_none()
    }

    /// Where its files are.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn line(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = lines.recv_timeout(DEADLINE).unwrap_or_else(|error| {
            let log = std::fs::read_to_string(self.path().join(LOG)).unwrap_or_default();
            panic!("nothing on the console: {error}; QEMU says: {log}")
        });
        line.trim_end().to_owned()
    }

    fn wait_for_line(&self, expected: &str) {
        while self.line() != expected {}
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        for port in &self.ports {
            port.stop.store(true, Ordering::SeqCst);
        }
        // timeout(1) passes it on to QEMU and waits for it.
        let _ = kill(Pid::from_raw(self.qemu.id().cast_signed()), Signal::SIGTERM);
        let _ = self.qemu.wait();
    }
}

impl Shown {
    /// A value, for instance `port 1` `sampled`.
    ///
    /// # Panics
    /// When it is not there.
    #[must_use]
    pub fn value(&self, line: &str, name: &str) -> u64 {
        let value = self.0.get(line).and_then(|values| values.get(name));
        *value.unwrap_or_else(|| panic!("no {line}: {name} in {self:?}"))
    }

    /// A value of a port.
    #[must_use]
    pub fn port(&self, port: usize, name: &str) -> u64 {
        self.value(&format!("port {port}"), name)
    }

    /// All frames that a port took: forwarded or not.
    #[must_use]
    pub fn taken(&self, port: usize) -> u64 {
        ["received", "discarded", "errors"].iter().map(|name| self.port(port, name)).sum()
    }

    fn read(answer: &[String]) -> Self {
        let line = |line: &String| {
            let (name, rest) = line.split_once(": ")?;
            let words: Vec<&str> = rest.split(' ').collect();
            let value = |pair: &[&str]| Some((pair[0].to_owned(), pair.get(1)?.parse().ok()?));
            Some((name.to_owned(), words.chunks(2).filter_map(value).collect()))
        };
        Self(answer.iter().filter_map(line).collect())
    }
}

impl TestPort {
    fn open(directory: &Path, port: usize, options: Options) -> Self {
        let socket = UnixDatagram::bind(directory.join(format!("test{port}")));
        let port_ = Self {
            socket: Arc::new(socket.expect("a socket")),
            path: directory.join(format!("switch{port}")),
            received: Arc::default(),
            answers_arp: Arc::default(),
            stop: Arc::default(),
        };
        if options.unread != port {
            port_.read();
        }
        port_
    }

    /// Reads until told to stop.
    fn read(&self) {
        let (socket, path) = (Arc::clone(&self.socket), self.path.clone());
        let (received, stop) = (Arc::clone(&self.received), Arc::clone(&self.stop));
        let answers_arp = Arc::clone(&self.answers_arp);
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            while !stop.load(Ordering::SeqCst) {
                let frame = match socket.recv(&mut buffer) {
                    Ok(length) => &buffer[..length],
                    // A wait with a limit also ends when the process was stopped for a while.
                    Err(error) if is_passing(&error) => continue,
                    Err(error) => panic!("{}: {error}", path.display()),
                };
                if frame.get(12..14) == Some(&[8, 6]) {
                    if answers_arp.load(Ordering::SeqCst) && frame[38..42] == [192, 0, 2, 99] {
                        // A switch that is gone needs no answer.
                        let _ = socket.send_to(&arp_reply(), &path);
                    }
                    continue;
                }
                received.lock().expect("nobody panics with it").push(frame.to_vec());
            }
        });
    }
}

/// Whether to try again.
fn is_passing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn arp_reply() -> Vec<u8> {
    let head = [8, 6, 0, 1, 8, 0, 6, 4, 0, 2];
    let (theirs, ours) = ([192, 0, 2, 1], [192, 0, 2, 99]);
    [&SWITCH[..], &COLLECTOR, &head, &COLLECTOR, &ours, &SWITCH, &theirs, &[0; 18]].concat()
}

fn qemu(directory: &Path, image: &Path, options: Options) -> Command {
    let mut command = Command::new("timeout");
    command.args(["-k", "2", "120", QEMU, "-M", "virt", "-cpu", "cortex-a53", "-m", "64"]);
    command.args(["-display", "none", "-monitor", "none", "-serial", "stdio"]);
    command.args(["-global", "virtio-mmio.force-legacy=false"]);
    if options.count_instructions {
        // 2^4 ns an instruction, which is one tick of the 62.5 MHz counter.
        command.args(["-icount", "shift=4"]);
    }
    for port in 1..=4 {
        let (ours, theirs) = (format!("switch{port}"), format!("test{port}"));
        command.arg("-netdev").arg(format!(
            "dgram,id=n{port},local.type=unix,local.path={},remote.type=unix,remote.path={}",
            directory.join(ours).display(),
            directory.join(theirs).display()
        ));
        let mac = format!("02:f1:00:00:00:{port:02x}");
        command.arg("-device").arg(format!("virtio-net-device,netdev=n{port},mac={mac}"));
    }
    command.arg("-kernel").arg(image);
    let log = File::create(directory.join(LOG)).expect("a file");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
    command
}

/// Frames on their way at most; a ring holds 64.
const WINDOW: usize = 32;
/// What QEMU has to say.
const LOG: &str = "qemu.log";
const QEMU: &str = "qemu-system-aarch64";
const TARGET: &str = "aarch64-unknown-none";

/// The image, built once; or why it cannot be run here.
fn image() -> Result<&'static Path, &'static str> {
    static IMAGE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let image = IMAGE.get_or_init(|| {
        let version = Command::new(QEMU).arg("--version").output();
        version.map_err(|error| format!("{QEMU} (package qemu-system-arm): {error}"))?;
        let mut rustc = Command::new("rustc");
        let libraries = rustc.args(["--print", "target-libdir", "--target", TARGET]).output();
        let libraries = libraries.map_err(|error| format!("rustc: {error}"))?.stdout;
        if !Path::new(String::from_utf8_lossy(&libraries).trim()).is_dir() {
            return Err(format!("rustup target add {TARGET}"));
        }
        images_cargo(&["build", "--profile", "fast", "--target", TARGET]);
        Ok(target_directory().join(TARGET).join("fast/virt-switch"))
    });
    image.as_deref().map_err(String::as_str)
}

/// Runs cargo on the image's package, which has a workspace and a target directory of its own.
///
/// # Panics
/// When it fails.
pub fn images_cargo(arguments: &[&str]) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../platform-baremetal/images/Cargo.toml");
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    command.args(arguments).args(["--locked", "-p", "virt-switch", "--manifest-path", manifest]);
    let output = command.arg("--target-dir").arg(target_directory()).output().expect("cargo");
    let error = String::from_utf8_lossy(&output.stderr);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "cargo {arguments:?}: {told}{error}");
}

/// Beside the profiles of the workspace: this test is in target/debug/deps.
fn target_directory() -> PathBuf {
    let test = env::current_exe().expect("the path of this test");
    test.ancestors().nth(3).expect("target/debug/deps/test").join("images")
}
