//! Tests of `top` on a terminal, which script(1) provides.

use core::time::Duration;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A shell on a terminal of 24 rows and 80 columns, which runs `top`.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    output: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// Runs `script` in a shell with job control; `TOP` in it is the command. `None` without script(1).
    fn start(script: &str) -> Option<Self> {
        let top = concat!(env!("CARGO_BIN_EXE_flowmote-analyzer"), " top 127.0.0.1:0 --allow ::1");
        let script = format!("stty rows 24 cols 80; set -m; {}", script.replace("TOP", top));
        let mut child = Command::new("script")
            .args(["-qec", &script, "/dev/null"])
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (keys, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let output = Arc::new(Mutex::new(Vec::new()));
        let sink = output.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(len @ 1..) = stdout.read(&mut buffer) {
                sink.lock().unwrap().extend_from_slice(&buffer[..len]);
            }
        });
        Some(Self { child, keys, output })
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` has been shown since the last call, and forgets what was shown up to it.
    /// ratatui draws cells that changed, so only single words stay together.
    fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let mut output = self.output.lock().unwrap();
            let found = output.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                output.drain(..at + text.len());
                return;
            }
            let shown = String::from_utf8_lossy(&output).into_owned();
            drop(output);
            assert!(Instant::now() < deadline, "{text:?} is not in {shown:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn keys_show_help_and_pause() {
    let Some(mut terminal) = Terminal::start("TOP; echo ended $?") else { return };
    terminal.wait_for("--allow");
    terminal.wait_for("INTERFACE");
    terminal.press("?");
    terminal.wait_for("implausible");
    terminal.press("x");
    terminal.wait_for("INTERFACE");
    terminal.press(" ");
    terminal.wait_for("PAUSED");
    terminal.press("p");
    terminal.wait_for("packets");
    terminal.press("q");
    terminal.wait_for("ended 0");
}

#[test]
fn screen_is_cleared_at_the_start_and_by_control_l() {
    let Some(mut terminal) = Terminal::start("TOP") else { return };
    for key in ["", "\x0c"] {
        terminal.press(key);
        terminal.wait_for("\x1b[2J");
        terminal.wait_for("INTERFACE");
    }
}

#[test]
fn control_z_stops_and_fg_continues() {
    // 148 is 128 + SIGTSTP.
    let Some(mut terminal) = Terminal::start("TOP; echo stopped $?; fg; echo ended $?") else {
        return;
    };
    terminal.wait_for("INTERFACE");
    terminal.press("\x1a");
    terminal.wait_for("stopped 148");
    terminal.wait_for("INTERFACE");
    terminal.press("q");
    terminal.wait_for("ended 0");
}

#[test]
fn top_ends_when_its_terminal_is_closed() {
    // Without SIGHUP, as under nohup(1): the signal can also come after the terminal is gone.
    let Some(mut terminal) = Terminal::start("trap '' HUP; exec TOP") else { return };
    terminal.wait_for("INTERFACE");
    let script = terminal.child.id();
    let children = fs::read_to_string(format!("/proc/{script}/task/{script}/children")).unwrap();
    let top = Path::new("/proc").join(children.trim()).join("exe");
    let program = fs::read_link(&top).unwrap();
    assert_eq!(program, Path::new(env!("CARGO_BIN_EXE_flowmote-analyzer")));
    drop(terminal);
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::read_link(&top).is_ok() {
        assert!(Instant::now() < deadline, "top goes on without its terminal");
        thread::sleep(Duration::from_millis(5));
    }
}
