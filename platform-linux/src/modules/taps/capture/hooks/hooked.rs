//! An interface with its hooks.

use core::num::NonZeroU32;
use std::io;
use std::os::fd::OwnedFd;

use flowmote_core::SampleMeta;

use super::super::conversion::Conversion;
use super::super::filter::{Counters, Event};
use super::super::frame::Frame;
use super::super::options::{TapOptions, check_rate};
use super::super::packet::{Origin, Packet, PacketKind};
use super::super::segments::Segments;
use super::super::tap::TapStats;
use crate::kernel::sys::bpf::Hook;

/// An interface whose packets are sampled.
#[derive(Debug)]
pub(super) struct Hooked {
    counters: Counters,
    /// Closing them detaches the programs.
    pub(super) links: Vec<OwnedFd>,
    /// Hooks with a filter of clsact.
    pub(super) filters: Vec<Hook>,
    conversion: Conversion,
    /// ARPHRD_*.
    hardware_type: u16,
    rate: NonZeroU32,
    /// Samples read.
    delivered: u64,
    /// The numbers of the batch that is read.
    meta: SampleMeta,
    batch: u64,
}

impl Hooked {
    /// An interface without hooks yet.
    pub(super) fn new(counters: Counters, options: &TapOptions) -> Self {
        Self {
            counters,
            links: Vec::new(),
            filters: Vec::new(),
            conversion: Conversion::new(options),
            hardware_type: options.hardware_type,
            rate: options.sampling_rate,
            delivered: 0,
            meta: SampleMeta::default(),
            batch: 0,
        }
    }

    /// Passes each sample of an event to `visit` and returns their number. The pool and the drops
    /// are those at its first event of a batch.
    pub(super) fn read(
        &mut self,
        event: &Event<'_>,
        (batch, start_ns): (u64, u64),
        visit: &mut dyn FnMut(&Packet<'_>),
    ) -> usize {
        if self.batch != batch {
            self.batch = batch;
            self.meta = self.meta();
        }
        let frame = self.frame(event, start_ns);
        let Event { choices, packets, gso_size, header, length, .. } = *event;
        let segments = Segments::counted(packets, gso_size, header, length);
        let meta = SampleMeta { sampling_rate: event.rate, ..self.meta };
        self.conversion.samples(&frame, (segments, choices), meta, &mut |packet| visit(packet));
        self.delivered += u64::from(choices);
        choices as usize
    }

    fn frame<'a>(&self, event: &Event<'a>, start_ns: u64) -> Frame<'a> {
        Frame {
            bytes: event.header,
            length: event.length,
            timestamp_ns: start_ns.saturating_add(event.time_ns),
            stripped_tag: event.stripped_tag,
            kind: event.kind,
            origin: match (event.kind, event.input) {
                (PacketKind::Outgoing, 0) => Origin::Host,
                (PacketKind::Outgoing, input) => Origin::Interface(input),
                _ => Origin::Unknown,
            },
            if_index: event.if_index,
            hardware_type: self.hardware_type,
            offload: None,
        }
    }

    /// The numbers of a flow sample now.
    pub(super) fn meta(&mut self) -> SampleMeta {
        SampleMeta {
            sampling_rate: self.rate.get(),
            sample_pool: self.counters.seen() as u32,
            drops: self.counters.lost() as u32,
        }
    }

    pub(super) fn totals(&self) -> TapStats {
        let totals = self.counters.totals();
        TapStats {
            seen: totals.seen,
            chosen: totals.chosen,
            delivered: self.delivered,
            lost: totals.lost,
            malformed: 0,
        }
    }

    pub(super) fn set_rate(&mut self, rate: NonZeroU32) -> io::Result<()> {
        check_rate(rate)?;
        self.counters.set_rate(rate);
        self.rate = rate;
        Ok(())
    }

    pub(super) fn set_header_bytes(&mut self, header_bytes: u32) {
        self.conversion.set_header_bytes(header_bytes);
    }
}
