//! What a tap has in common with tc hooks.

use core::num::NonZeroU32;
use std::io;

use flowmote_core::SampleMeta;

use super::open::explain;
use super::{Drained, Method, Tap, TapStats};
use crate::modules::taps::capture::Capture;
use crate::modules::taps::capture::options::{TapOptions, check_rate};
use crate::modules::taps::capture::packet::Packet;
use crate::modules::taps::capture::reader::{Reader, Sampling};

impl Capture for Tap {
    /// Stops after the skb that reaches the budget, and one super-packet may be several samples. Makes
    /// no system call unless a block carries TP_STATUS_LOSING. Allocates nothing.
    fn drain(&mut self, budget: usize, visit: &mut dyn FnMut(&Packet<'_>)) -> io::Result<Drained> {
        let mut drained = Drained::default();
        while drained.samples < budget {
            match self.read_block(budget - drained.samples, visit) {
                Some(samples) => drained.samples += samples,
                None => return self.follow_losses().map(|()| drained),
            }
        }
        drained.more = self.ring.ready().map(|block| block.keep()).is_some();
        self.follow_losses().map(|()| drained)
    }

    fn has(&self, if_index: u32) -> bool {
        self.readers.contains_key(&if_index)
    }

    fn is_shared(&self) -> bool {
        self.table.is_some()
    }

    fn method(&self) -> Method {
        let is_classic = |reader: &Reader| matches!(reader.sampling, Sampling::Estimated { .. });
        if self.readers.values().any(is_classic) { Method::Classic } else { Method::Ebpf }
    }

    fn shortfalls(&self) -> &[String] {
        &self.shortfalls
    }

    fn meta(&mut self, if_index: u32) -> SampleMeta {
        self.readers.get_mut(&if_index).map_or(SampleMeta::default(), |reader| {
            reader.refresh_pool();
            reader.meta
        })
    }

    fn totals(&mut self, if_index: u32) -> TapStats {
        // Ring entries that cannot be read belong to no interface in particular.
        let malformed = if self.is_shared() { 0 } else { self.malformed };
        let Some(reader) = self.readers.get_mut(&if_index) else { return TapStats::default() };
        reader.refresh_pool();
        TapStats {
            seen: reader.seen(),
            chosen: reader.chosen(),
            delivered: reader.losses.delivered,
            lost: reader.losses.lost(),
            malformed,
        }
    }

    fn update_losses(&mut self) -> io::Result<()> {
        let lost = self.socket.lost_skbs()?;
        self.shared_losses.lost += u64::from(lost);
        if self.is_shared() {
            self.attribute();
            return Ok(());
        }
        for reader in self.readers.values_mut() {
            if lost > 0 {
                reader.add_lost_skbs(lost);
            }
            // The filter's counters only after that: `Losses::reconcile` relies on this order.
            reader.reconcile();
        }
        Ok(())
    }

    /// Samples of packets that were chosen before keep their rate. The ring keeps its size.
    fn set_sampling_rate(&mut self, if_index: u32, rate: NonZeroU32) -> io::Result<()> {
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

    fn set_header_bytes(&mut self, _if_index: u32, _header_bytes: u32) -> bool {
        // The filter is made for one number.
        false
    }

    fn set_promiscuous(&mut self, options: &TapOptions, on: bool) -> io::Result<()> {
        self.socket
            .set_promiscuous(options.if_index, on)
            .map_err(|error| explain(&options.name, "promiscuous mode", error))
    }

    fn stop_one(&self, if_index: u32) -> io::Result<()> {
        match &self.table {
            Some(table) => table.stop(if_index),
            None => self.stop()?,
        }
        Ok(())
    }

    fn leave(&mut self, if_index: u32) {
        if let Some(table) = &mut self.table {
            table.remove(if_index);
        }
        self.readers.remove(&if_index);
        // EADDRNOTAVAIL if it was not promiscuous.
        let _ = self.socket.set_promiscuous(if_index, false);
    }
}
