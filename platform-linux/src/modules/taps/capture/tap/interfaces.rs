//! The interfaces of a tap, and what can change while it is open.

use core::num::NonZeroU32;
use std::io;

use super::Tap;
use super::open::explain;
use crate::modules::taps::capture::options::{TapOptions, check_rate};
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

    /// Ends the sampling of an interface of this tap. Its samples in the ring can still be read.
    ///
    /// # Errors
    /// Those of [`stop`](Self::stop), if the tap is not shared.
    pub fn stop_one(&self, if_index: u32) -> io::Result<()> {
        match &self.table {
            Some(table) => table.stop(if_index),
            None => self.stop()?,
        }
        Ok(())
    }

    /// Ends the sampling of an interface that had joined, and forgets its samples in the ring.
    pub fn leave(&mut self, if_index: u32) {
        if let Some(table) = &mut self.table {
            table.remove(if_index);
        }
        self.readers.remove(&if_index);
        // EADDRNOTAVAIL if it was not promiscuous.
        let _ = self.socket.set_promiscuous(if_index, false);
    }

    /// Returns true if the packets of this interface are sampled.
    #[must_use]
    pub fn has(&self, if_index: u32) -> bool {
        self.readers.contains_key(&if_index)
    }

    /// The interfaces whose packets are sampled.
    pub fn interfaces(&self) -> impl Iterator<Item = u32> {
        self.readers.keys().copied()
    }

    /// Samples 1 in `rate` of an interface from now on. Samples of packets that were chosen before
    /// keep their rate. The ring keeps its size; see [`RingShape::for_rate`].
    ///
    /// # Errors
    /// `InvalidInput` above 2^31; with [`Method::Classic`] those of SO_ATTACH_FILTER.
    pub fn set_sampling_rate(&mut self, if_index: u32, rate: NonZeroU32) -> io::Result<()> {
        check_rate(rate)?;
        let Some(reader) = self.readers.get_mut(&if_index) else { return Ok(()) };
        match &mut reader.sampling {
            Sampling::Counted(counters) => counters.set_rate(rate),
            Sampling::Estimated { draw, .. } => {
                let new = draw.at_rate(rate.get());
                self.socket.attach_classic(&new.program(self.keep))?;
                *draw = new;
            }
        }
        reader.set_rate(rate, self.ring.end());
        Ok(())
    }

    /// Holds the interface in promiscuous mode, or ends that.
    ///
    /// # Errors
    /// Those of the socket option; ENODEV.
    pub fn set_promiscuous(&self, options: &TapOptions, on: bool) -> io::Result<()> {
        self.socket
            .set_promiscuous(options.if_index, on)
            .map_err(|error| explain(&options.name, "promiscuous mode", error))
    }
}
