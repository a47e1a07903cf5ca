//! The UDP sockets on the loopback addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use log::{info, warn};
use nix::sys::socket::{setsockopt, sockopt};

use super::inbox::{BATCH, Inbox};
use super::intake::{Intake, Scene};
use super::pause::Pause;
use crate::kernel::sys::udp::{ReceiveQueue, receive_queue};
use crate::modules::module::{Findings, World};
use crate::throttle::Throttle;

/// The sockets of a port, and when they are read.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// 0: none.
    port: u16,
    /// In the order of [`ADDRESSES`].
    endpoints: [Endpoint; 2],
    /// Allocated with the first socket.
    inbox: Option<Inbox>,
    pause: Pause,
    /// Datagrams that did not fit the receive queues.
    lost: u64,
    /// Those of them that a log line has reported, or a suppressed one.
    reported: u64,
    throttle: Throttle,
    losses: Throttle,
}

/// A socket, unless it could not be bound.
#[derive(Debug, Default)]
struct Endpoint {
    socket: Option<UdpSocket>,
    /// That it could not be bound was reported.
    reported: bool,
    /// The kernel's count of lost datagrams, as far as it was added to the total.
    lost: u32,
}

/// An attempt that is to be repeated after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Outcome {
    Settled,
    Retry,
}

impl Sockets {
    /// Opens and closes sockets, so that they are those of `port`.
    pub(super) fn update(
        &mut self,
        port: u16,
        world: &World<'_>,
        intake: &mut Intake,
        scene: &mut Scene<'_, '_>,
    ) -> Outcome {
        if port != self.port {
            self.read(intake, scene);
            if self.are_open() {
                info!("json: no longer receiving on port {}", self.port);
            }
            (self.port, self.endpoints) = (port, Default::default());
        }
        if port == 0 {
            return Outcome::Settled;
        }
        self.inbox.get_or_insert_with(Inbox::new);
        let mut outcome = Outcome::Settled;
        for ((endpoint, address), token) in self.endpoints.iter_mut().zip(ADDRESSES).zip(0..) {
            if endpoint.bind(SocketAddr::new(address, port), token, world) == Outcome::Retry {
                outcome = Outcome::Retry;
            }
        }
        outcome
    }

    /// Handles what has arrived, after the descriptor of `token` was ready.
    ///
    /// While datagrams come quickly, the sockets are read after [pauses](Pause), so that one wake-up
    /// and one system call handle many.
    pub(super) fn ready(
        &mut self,
        token: u32,
        world: &World<'_>,
        intake: &mut Intake,
        scene: &mut Scene<'_, '_>,
    ) -> Outcome {
        let is_timer = token == TIMER;
        if is_timer {
            self.pause.over();
            self.pause.follow(self.endpoints.iter().filter_map(Endpoint::queue));
        }
        let count = self.read(intake, scene);
        let open = self.endpoints.iter().filter_map(|endpoint| endpoint.socket.as_ref());
        if is_timer && count == 0 {
            self.pause.end();
            // A socket that was bound meanwhile is watched already.
            open.zip(0..).for_each(|(socket, token)| drop(world.watch(socket, token)));
        } else if !is_timer
            && self.pause.is_worth_it(scene.now)
            && self.pause.begin(world, TIMER).is_ok()
        {
            open.for_each(|socket| world.unwatch(socket));
        }
        // One that failed was closed.
        let is_missing = |endpoint: &Endpoint| endpoint.socket.is_none() && !endpoint.reported;
        match self.endpoints.iter().any(is_missing) {
            true => Outcome::Retry,
            false => Outcome::Settled,
        }
    }

    /// Handles at most [`BATCHES`] batches of datagrams of each socket. Returns their number.
    pub(super) fn read(&mut self, intake: &mut Intake, scene: &mut Scene<'_, '_>) -> usize {
        let Some(inbox) = &mut self.inbox else { return 0 };
        let (now, mut total) = (scene.now, 0);
        for endpoint in &mut self.endpoints {
            let Some(socket) = &endpoint.socket else { continue };
            let count = read_socket(socket, inbox, intake, scene).unwrap_or_else(|error| {
                self.throttle.warn(
                    now,
                    format_args!("json: UDP port {}: {error}; opening it again", self.port),
                );
                endpoint.socket = None;
                0
            });
            // A queue that has overflowed has more than one batch.
            if count >= BATCH {
                self.lost = self.lost.saturating_add(endpoint.new_losses());
            }
            total += count;
        }
        if self.lost > self.reported {
            let lost = self.lost - core::mem::replace(&mut self.reported, self.lost);
            self.losses.warn(
                now,
                format_args!(
                    "json: UDP port {}: {lost} datagrams lost, the receive queue was full; raise \
                     net.core.rmem_max",
                    self.port
                ),
            );
        }
        total
    }

    /// Datagrams that did not fit the receive queues.
    pub(super) fn lost(&mut self) -> u64 {
        let new: u64 = self.endpoints.iter_mut().map(Endpoint::new_losses).sum();
        self.lost = self.lost.saturating_add(new);
        self.lost
    }

    /// Returns true if a socket is open.
    pub(super) fn are_open(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.socket.is_some())
    }

    /// Describes the port for `flowmote check`.
    pub(super) fn check(port: u16, findings: &mut Findings) {
        if port == 0 {
            return;
        }
        findings.line("json", format_args!("UDP port {port} of 127.0.0.1 and ::1"));
        for address in ADDRESSES.map(|address| SocketAddr::new(address, port)) {
            if let Err(error) = bind(address) {
                let reason = reason(&error);
                let reason = reason.trim_end_matches(RETRYING);
                findings.warnings.push(format!("warning: json: {address}: {reason}"));
            }
        }
    }
}

impl Endpoint {
    /// Binds the socket, unless it is bound. Logs the reason why it cannot be, once.
    fn bind(&mut self, address: SocketAddr, token: u32, world: &World<'_>) -> Outcome {
        if self.socket.is_some() {
            return Outcome::Settled;
        }
        let watched = |socket: UdpSocket| world.watch(&socket, token).map(|()| socket);
        match bind(address).and_then(watched) {
            Ok(socket) => {
                info!("json: receiving on {address}");
                *self = Self { socket: Some(socket), ..Self::default() };
                Outcome::Settled
            }
            Err(error) => {
                if !core::mem::replace(&mut self.reported, true) {
                    warn!("json: {address}: {}", reason(&error));
                }
                match error.kind() {
                    // It comes with a change of addresses, after which this is called anyway.
                    ErrorKind::AddrNotAvailable => Outcome::Settled,
                    _ => Outcome::Retry,
                }
            }
        }
    }

    /// The receive queue, if there is one and the kernel describes it.
    fn queue(&self) -> Option<ReceiveQueue> {
        self.socket.as_ref().and_then(|socket| receive_queue(socket.as_fd()).ok())
    }

    fn new_losses(&mut self) -> u64 {
        let before = self.lost;
        self.lost = self.queue().map_or(before, |queue| queue.losses);
        self.lost.wrapping_sub(before).into()
    }
}

/// Binds a socket that does not block.
fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_nonblocking(true)?;
    // As much as /proc/sys/net/core/rmem_max allows; never an error.
    let _ = setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER);
    Ok(socket)
}

fn read_socket(
    socket: &UdpSocket,
    inbox: &mut Inbox,
    intake: &mut Intake,
    scene: &mut Scene<'_, '_>,
) -> io::Result<usize> {
    let (mut total, mut bytes) = (0, 0);
    for _ in 0..BATCHES {
        let count = inbox.receive(socket, |datagram| {
            bytes += datagram.map_or(0, <[u8]>::len);
            intake.input(datagram, scene);
        })?;
        total += count;
        if count < BATCH || bytes >= MAX_BYTES {
            break;
        }
    }
    Ok(total)
}

/// The reason why an address cannot be bound, and what follows.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        // In `check` most probably the daemon that is to be reloaded.
        ErrorKind::AddrInUse => format!("another process receives there{RETRYING}"),
        ErrorKind::AddrNotAvailable => "this host does not have the address".into(),
        _ => format!("{error}{RETRYING}"),
    }
}

/// What the daemon does about it.
const RETRYING: &str = "; retrying every 5 s";
/// The tokens of the sockets are their positions in this list.
const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
/// The token of the timer.
const TIMER: u32 = 2;
/// System calls per wake-up and socket, of [`BATCH`] datagrams each: less than a millisecond for
/// messages of usual length.
const BATCHES: usize = 16;
/// Bytes after which no further batch is read: the time of a message depends on its length.
const MAX_BYTES: usize = 128 * 1024;
/// The request of hsflowd.
const RECEIVE_BUFFER: usize = 2_000_000;

#[cfg(test)]
mod tests {
    use flowmote_core::Instant;

    use super::*;
    use crate::modules::json::testing::with_scene;

    #[test]
    fn long_datagrams_leave_the_rest_to_the_next_wakeup() {
        let socket = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let read = |length, expected: [usize; 2]| {
            for _ in 0..BATCH + 4 {
                sender.send_to(&vec![b' '; length], socket.local_addr().unwrap()).unwrap();
            }
            let (mut inbox, mut intake) = (Inbox::new(), Intake::default());
            with_scene(Instant::ZERO, |scene| {
                let mut read = || read_socket(&socket, &mut inbox, &mut intake, scene).unwrap();
                assert_eq!([read(), read()], expected, "{length} bytes");
            });
        };
        read(MAX_BYTES / BATCH, [BATCH, 4]);
        read(MAX_BYTES / BATCH - 1, [BATCH + 4, 0]);
    }
}
