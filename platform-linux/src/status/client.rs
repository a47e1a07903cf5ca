//! `flowmote status`: the client of the status socket.

use core::time::Duration;
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::snapshot::Snapshot;
use super::text::render;
use super::{DEFAULT_SOCKET, GROUP, REQUEST};

/// Options of [`status`].
#[derive(Args, Clone, Debug)]
pub struct StatusOptions {
    /// Print the state as a JSON document, without rates; with --watch as a line each time. The names
    /// in it are documented and stay.
    #[arg(long)]
    json: bool,
    /// Print again and again until Ctrl-C; on a terminal, on a screen of its own.
    #[arg(long)]
    watch: bool,
    /// Time over which rates are measured, and between two outputs of --watch, 1 to 3600 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=3600))]
    interval: u32,
    /// Socket of the agent, as given to `flowmote run`.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    status_socket: PathBuf,
}

/// Why there is no status to print.
#[derive(Debug)]
pub enum StatusError {
    /// No process listens on the socket.
    NoAgent(String),
    /// The agent did not reply, or the user may not connect.
    Unavailable(String),
    /// Standard output cannot be written.
    Output(io::Error),
}

/// Prints the state of the running agent to `output`, once or again and again until SIGINT or
/// SIGTERM.
///
/// # Errors
/// See [`StatusError`]. With `--watch`, only if the first attempt fails: an agent may be restarted.
pub fn status(options: &StatusOptions, output: &mut dyn Write) -> Result<(), StatusError> {
    let mut before = fetch(&options.status_socket)?;
    if options.watch {
        return watch(options, before, output).map_err(StatusError::Output);
    }
    if !options.json {
        std::thread::sleep(Duration::from_secs(options.interval.into()));
        let now = fetch(&options.status_socket)?;
        before.text = render(&now.snapshot, Some(&before.snapshot));
    }
    output.write_all(before.text.as_bytes()).map_err(StatusError::Output)
}

/// A reply of the agent.
struct Reply {
    text: String,
    snapshot: Snapshot,
}

fn fetch(path: &Path) -> Result<Reply, StatusError> {
    let text = request(path).map_err(|error| explain(path, &error))?;
    let snapshot = serde_json::from_str(&text).map_err(|error| {
        StatusError::Unavailable(format!("{}: not the status of an agent: {error}", path.display()))
    })?;
    Ok(Reply { text, snapshot })
}

fn request(path: &Path) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(REQUEST)?;
    let mut text = String::new();
    stream.take(MAX_REPLY).read_to_string(&mut text)?;
    Ok(text)
}

fn explain(path: &Path, error: &io::Error) -> StatusError {
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::ConnectionRefused => {
            StatusError::NoAgent(format!("no agent is running: {path}: {error}"))
        }
        ErrorKind::PermissionDenied => StatusError::Unavailable(format!(
            "{path}: {error}: root and the group {GROUP} may connect; \"usermod -aG {GROUP} USER\" \
             adds a user"
        )),
        ErrorKind::WouldBlock => {
            StatusError::Unavailable(format!("{path}: the agent did not reply within 5 s"))
        }
        _ => StatusError::Unavailable(format!("{path}: {error}")),
    }
}

fn watch(options: &StatusOptions, first: Reply, output: &mut dyn Write) -> io::Result<()> {
    // Blocked, so that they cannot end the program before the screen is restored.
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    signals.thread_block()?;
    let signals = SignalFd::with_flags(&signals, SfdFlags::SFD_CLOEXEC)?;
    let mut screen = Screen::open(output, io::stdout().is_terminal() && !options.json)?;
    let (mut before, mut now) = (None, Ok(first));
    loop {
        screen.show(&match &now {
            Ok(reply) if options.json => reply.text.clone(),
            Ok(reply) => render(&reply.snapshot, before.as_ref()),
            Err(error) => format!("flowmote status: {error}\n"),
        })?;
        before = now.ok().map(|reply| reply.snapshot);
        if is_signalled_within(&signals, options.interval)? {
            return screen.close();
        }
        now = fetch(&options.status_socket);
    }
}

fn is_signalled_within(signals: &SignalFd, seconds: u32) -> io::Result<bool> {
    let timeout = PollTimeout::try_from(seconds.saturating_mul(1000)).unwrap_or(PollTimeout::MAX);
    let mut signalled = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut signalled, timeout)? > 0)
}

/// The output of `--watch`: the alternate screen of a terminal, or one text after the other.
struct Screen<'a> {
    output: &'a mut dyn Write,
    is_terminal: bool,
}

impl<'a> Screen<'a> {
    fn open(output: &'a mut dyn Write, is_terminal: bool) -> io::Result<Self> {
        let mut screen = Self { output, is_terminal };
        screen.control(ENTER)?;
        Ok(screen)
    }

    fn show(&mut self, text: &str) -> io::Result<()> {
        self.control(CLEAR)?;
        self.output.write_all(text.as_bytes())?;
        self.output.flush()
    }

    fn close(mut self) -> io::Result<()> {
        self.control(LEAVE)?;
        self.output.flush()
    }

    fn control(&mut self, sequence: &str) -> io::Result<()> {
        let sequence = if self.is_terminal { sequence } else { "" };
        self.output.write_all(sequence.as_bytes())
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAgent(text) | Self::Unavailable(text) => f.write_str(text),
            Self::Output(error) => write!(f, "standard output: {error}"),
        }
    }
}

impl std::error::Error for StatusError {}

const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a reply; that of an agent with 1024 data sources has a twentieth.
const MAX_REPLY: u64 = 16 << 20;
/// The alternate screen of xterm, with a hidden cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const CLEAR: &str = "\x1b[H\x1b[J";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";
