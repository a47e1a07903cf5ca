//! Taps that are replaced or closed, and their faults.

use std::io;

use flowmote_core::Instant;
use log::info;

use crate::modules::module::World;
use crate::modules::taps::capture::{LinkFault, Tap, TapStats};
use crate::modules::taps::hooking::capture;
use crate::modules::taps::leaving::Leaving;
use crate::modules::taps::{RETRY, SHARED_NAME, Taps};

/// A tap that another one replaces.
#[derive(Debug)]
pub(super) struct Stopped {
    tap: Tap,
    token: u32,
    /// What the kernel returned.
    result: io::Result<()>,
}

impl Taps {
    /// Handles a wake-up without samples, which is an error of the socket: most often the
    /// interface went down.
    pub(super) fn look_for_fault(&mut self, now: Instant, token: u32) {
        let Some(tap) = self.taps.get_mut(&token) else { return };
        let error = match tap.take_fault() {
            // The tap receives packets again when the interface is up.
            Ok(None | Some(LinkFault::Down)) => return,
            // RTM_DELLINK follows and removes the interface. The retry covers its loss.
            Ok(Some(LinkFault::Gone)) => {
                self.close(token);
                self.retries.insert(token, now + RETRY);
                return;
            }
            Ok(Some(LinkFault::Other(errno))) => io::Error::from_raw_os_error(errno),
            Err(error) => error,
        };
        self.warn_of_socket(now, token, &error);
    }

    /// Stops the tap of this token, so that another one can start in its place immediately: what
    /// passes between the two is not seen.
    pub(super) fn stop(&mut self, token: u32) -> Option<Stopped> {
        let tap = self.taps.remove(&token)?;
        let result = tap.stop();
        Some(Stopped { tap, token, result })
    }

    /// Keeps a tap that was replaced until its samples are read.
    pub(super) fn retire(&mut self, now: Instant, stopped: Option<Stopped>, world: &World<'_>) {
        let Some(Stopped { tap, token, result }) = stopped else { return };
        world.unwatch(&tap);
        let mut leaving = Leaving::new(now, tap);
        match result {
            Ok(()) => {
                self.add_to_ports(leaving.news());
                self.leaving.push(leaving);
            }
            Err(error) => {
                self.warn_of_socket(now, token, &error);
                self.add_to_ports(leaving.last_news());
                self.closer.close(leaving.tap);
            }
        }
    }

    pub(super) fn close(&mut self, if_index: u32) {
        if let Some(port) = self.ports.get(&if_index) {
            info!("{}: no longer sampled", port.options.name);
            self.end(if_index);
        }
    }

    /// Ends the sampling of an interface and keeps its totals.
    pub(super) fn end(&mut self, if_index: u32) {
        let Some(port) = self.ports.remove(&if_index) else { return };
        let mut totals = port.before;
        if let Some(tap) = capture(&mut self.taps, &mut self.hooking, port.tap) {
            // First, so that the counts are of one moment. After an error they may not be: the tap is
            // closed all the same.
            let _ = tap.stop_one(if_index);
            let _ = tap.update_losses();
            // Its samples that are still in the ring are lost; those of a tap that leaves are not.
            let own = tap.totals(if_index);
            totals += TapStats { lost: own.lost_at_end(), ..own };
        }
        self.ended.insert(if_index, totals);
        match capture(&mut self.taps, &mut self.hooking, port.tap) {
            Some(tap) if tap.is_shared() => tap.leave(if_index),
            Some(_) => self.deleted.extend(self.taps.remove(&port.tap)),
            None => {}
        }
    }

    /// Closes a tap. What is in its ring is not read.
    pub(super) fn discard(&mut self, tap: Tap, world: &World<'_>) {
        world.unwatch(&tap);
        self.closer.close(tap);
    }

    /// Closes the taps of interfaces that are no longer sampled.
    pub(super) fn discard_deleted(&mut self, world: &World<'_>) {
        std::mem::take(&mut self.deleted).into_iter().for_each(|tap| self.discard(tap, world));
        self.hooking.take_left().into_iter().for_each(|hook| self.closer.close(hook));
    }

    /// Logs an error of an open tap.
    pub(super) fn warn_of_socket(&mut self, now: Instant, token: u32, error: &io::Error) {
        let name = self.ports.get(&token).map_or(SHARED_NAME, |port| &port.options.name);
        self.throttle.warn(now, format_args!("{name}: packet socket: {error}"));
    }
}

/// At the end of the daemon: the taps are closed side by side, because one after the other takes
/// seconds for hundreds of them.
impl Drop for Taps {
    fn drop(&mut self) {
        let taps = std::mem::take(&mut self.taps).into_values();
        let leaving = self.leaving.drain(..).map(|leaving| leaving.tap);
        taps.chain(leaving).for_each(|tap| self.closer.close(tap));
        self.hooking.take_all().into_iter().for_each(|hook| self.closer.close(hook));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modules::taps::port::Port;
    use crate::modules::taps::testing::{options, tap_with_packets_in_its_ring};

    #[test]
    fn samples_in_the_ring_of_an_interface_that_is_no_longer_sampled_are_lost() {
        let (tap, _kernel) = tap_with_packets_in_its_ring(9);
        let mut taps = Taps::default();
        let before = TapStats { seen: 100, chosen: 3, delivered: 1, lost: 2, malformed: 0 };
        taps.ports.insert(7, Port { options: options(), tap: 7, before, reason: String::new() });
        taps.taps.insert(7, tap);
        taps.close(7);
        let totals = TapStats { seen: 109, chosen: 12, delivered: 1, lost: 11, malformed: 0 };
        assert_eq!(taps.ended.get(&7), Some(&totals));
    }
}
