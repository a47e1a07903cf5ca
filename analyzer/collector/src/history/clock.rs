//! Clocks that are wrong at the start.
//!
//! A machine without a battery starts in 1970 or in years to come, until it hears from a server of time. The
//! times of a run are those of its start. So with a clock far from the last write nothing is recorded or
//! removed until the clock has gone on for a while without being set.

use core::time::Duration;
use std::time::Instant;

use super::History;
use super::tier::{DAY, HOUR};
use crate::hub::system_time;
use crate::stderr::eprintln_lossy;

impl History {
    /// Compares the clock at an opening with the time of the last write.
    pub(super) fn compare(&self, written: i64, now: i64) {
        let mut doubt = self.doubt.lock();
        if is_plausible(written, now) || doubt.is_some() {
            return;
        }
        *doubt = Some(Instant::now());
        let (hours, word) =
            ((now - written) / HOUR, if now > written { "after" } else { "before" });
        eprintln_lossy(format_args!(
            "flowmote-analyzer: the clock is {} h {word} the last write of {}: the history records \
             and removes nothing for {} minutes, and then only if nobody sets the clock",
            hours.abs(),
            self.path.display(),
            PROOF.as_secs() / 60
        ));
    }

    /// True if the times of this run are right.
    pub(super) fn is_certain(&self) -> bool {
        self.doubt.lock().is_none()
    }

    /// True if the times of this run are right: the clock was plausible at the start, or has gone on
    /// for a while.
    pub(super) fn is_certain_at(&self, now: i64) -> bool {
        let Some(since) = *self.doubt.lock() else { return true };
        let system = i64::try_from(system_time().as_millis()).unwrap_or_default();
        self.resolve(now, since.elapsed(), system)
    }

    /// Ends the doubt if the clock of the system is as that of this run.
    pub(super) fn resolve(&self, now: i64, elapsed: Duration, system: i64) -> bool {
        if elapsed < PROOF || now.abs_diff(system) > NEAR {
            return false;
        }
        // What a run with a later clock has left must not be waited for.
        if self.with(|store| store.turn_back(now)).is_none() {
            return false;
        }
        *self.doubt.lock() = None;
        true
    }
}

fn is_plausible(written: i64, now: i64) -> bool {
    written == 0 || (-HOUR..7 * DAY).contains(&(now - written))
}

/// Time for which the clock must go on.
const PROOF: Duration = Duration::from_secs(600);
/// Milliseconds between two clocks that are the same.
const NEAR: u64 = 60_000;
