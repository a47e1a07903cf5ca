//! Notifications to the service manager, sd_notify(3), if it started the daemon.

use core::time::Duration;
use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use log::warn;
use nix::time::{ClockId, clock_gettime};

use crate::printable::printable;

/// The start is complete. `status` is the line that `systemctl status` shows.
pub(super) fn ready(status: &str) {
    notify(&format!("READY=1\n{}", status_line(status)));
}

/// A reload begins, which [`ready`] ends. The time is required by `Type=notify-reload` (systemd
/// 253) and ignored by `Type=notify`.
pub(super) fn reloading() {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(core::time::Duration::from);
    let now = now.unwrap_or_default().as_micros();
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
}

/// The daemon ends after SIGTERM or SIGINT.
pub(super) fn stopping() {
    notify("STOPPING=1");
}

/// The start failed.
pub(super) fn failed(error: &str, errno: i32) {
    notify(&format!("{}\nERRNO={errno}", status_line(error)));
}

fn status_line(text: &str) -> String {
    format!("STATUS={}", printable(text))
}

fn notify(state: &str) {
    let Some(socket) = env::var_os("NOTIFY_SOCKET") else { return };
    if let Err(error) = send(&socket, state) {
        warn!("systemd notification: {error}");
    }
}

/// Sends within [`LIMIT`]: the queue of the socket is full while the service manager is stopped.
fn send(path: &OsStr, state: &str) -> io::Result<()> {
    let address = match path.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(path)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(LIMIT))?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}

const LIMIT: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn received(manager: &UnixDatagram) -> String {
        let mut buffer = [0xa5; 256];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[test]
    fn notification_reaches_a_path_and_an_abstract_name() {
        let name = format!("flowmote-notify-{}", std::process::id());
        let path = env::temp_dir().join(&name);
        let manager = UnixDatagram::bind(&path).unwrap();
        send(path.as_os_str(), "READY=1").unwrap();
        assert_eq!(received(&manager), "READY=1");
        std::fs::remove_file(&path).unwrap();
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        send(OsStr::new(&format!("@{name}")), "STOPPING=1").unwrap();
        assert_eq!(received(&manager), "STOPPING=1");
    }

    #[test]
    fn stopped_service_manager_does_not_block() {
        let name = format!("flowmote-stopped-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let _manager = UnixDatagram::bind_addr(&address).unwrap();
        let socket = format!("@{name}");
        let error = (0..100_000).find_map(|_| send(OsStr::new(&socket), "READY=1").err());
        assert_eq!(error.unwrap().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn status_is_one_line() {
        assert_eq!(status_line("a\nREADY=1"), "STATUS=a\\nREADY=1");
    }
}
