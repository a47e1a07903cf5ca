//! The interfaces of a tap, and what can change while it is open.

use std::io;

use super::Tap;
use crate::modules::taps::capture::Capture;
use crate::modules::taps::capture::options::TapOptions;
use crate::modules::taps::capture::reader::{Reader, Sampling};

impl Tap {
    /// Returns true if the interface can [`join`](Self::join): the tap is shared, and its table has a
    /// place for it.
    #[must_use]
    pub fn has_room_for(&self, if_index: u32) -> bool {
        self.table.as_ref().is_some_and(|table| table.has_room_for(if_index))
    }

    /// Prepares the sampling of one more interface, which begins with
    /// [`start_one`](Self::start_one). Not the loopback: its packets would be seen twice.
    ///
    /// # Errors
    /// Those of promiscuous mode. `InvalidInput` for options out of range, and without
    /// [room](Self::has_room_for).
    pub fn join(&mut self, options: &TapOptions) -> io::Result<()> {
        options.check()?;
        let table = self.table.as_mut();
        let counters =
            table.and_then(|table| table.insert(options.if_index, options.sampling_rate));
        let counters = counters.ok_or(io::ErrorKind::InvalidInput)?;
        let reader = Reader::new(Sampling::Counted(counters), options);
        self.readers.insert(options.if_index, reader);
        if options.promiscuous
            && let Err(error) = self.set_promiscuous(options, true)
        {
            self.leave(options.if_index);
            return Err(error);
        }
        Ok(())
    }

    /// Samples an interface in place of `other`. Both are shared, so that the filters see the change
    /// between the same two packets: it takes two stores to memory.
    ///
    /// # Errors
    /// Those of [`join`](Self::join); `other` still samples it then.
    pub fn take_over(&mut self, options: &TapOptions, other: &Self) -> io::Result<()> {
        self.join(options)?;
        other.stop_one(options.if_index)?;
        self.start_one(options.if_index);
        Ok(())
    }

    /// Starts to sample an interface that has joined.
    pub fn start_one(&self, if_index: u32) {
        if let Some(table) = &self.table {
            table.start(if_index);
        }
    }

    /// The interfaces whose packets are sampled.
    pub fn interfaces(&self) -> impl Iterator<Item = u32> {
        self.readers.keys().copied()
    }
}
