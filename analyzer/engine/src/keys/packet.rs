//! A sample as keys see it: headers decoded once, records listed, the rest read on demand.

use core::cell::OnceCell;

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::structure::Numbered;
use flowmote_decoder::{
    Address, DataSource, DiscardedPacket, Flow, FlowSample, Interface, Port, RtFlow,
};

use super::header::{Header, Headers, Protocol};
use super::records::Records;
use super::text::ShortText;

/// A sampled or discarded packet, or an rtflow sample. Built once, then read by any number of keys.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub(super) agent: Address,
    /// `None` for rtflow, whose data source is a name.
    pub(super) source: Option<DataSource>,
    /// `None` for rtflow.
    pub(super) interfaces: Option<(Interface, Interface)>,
    /// Reason in the notification of a discard.
    pub(super) discarded: Option<u32>,
    pub(super) sampled: Option<SampledHeader<'a>>,
    pub(super) headers: Headers<'a>,
    pub(super) rtflow: Option<RtFlow<'a>>,
    pub(super) records: Records<'a>,
    /// Text that is composed at the first use.
    pub(super) composed: Composed,
}

/// Texts that are in no field of the packet, kept so that keys can borrow them.
#[derive(Clone, Debug, Default)]
pub(super) struct Composed {
    pub(super) stack: OnceCell<ShortText<128>>,
    pub(super) dns_name: OnceCell<Option<ShortText<256>>>,
}

impl<'a> Packet<'a> {
    /// A packet that `agent` sampled, or a transaction of an application.
    #[inline]
    pub fn flow(agent: Address, sample: &FlowSample<'a>) -> Self {
        let (source, interfaces) = (Some(sample.source_id), Some((sample.input, sample.output)));
        let records = Records(Some(sample.records()));
        Self::new(agent, source, interfaces, None, None, records)
    }

    /// A packet that the device discarded.
    pub fn discarded(agent: Address, sample: &DiscardedPacket<'a>) -> Self {
        let interface = |value| Interface { format: 0, value };
        let interfaces =
            Some((interface(sample.input_if_index), interface(sample.output_if_index)));
        let records = Records(Some(sample.records()));
        let (source, reason) = (Some(sample.source_id), Some(sample.reason));
        Self::new(agent, source, interfaces, reason, None, records)
    }

    /// A custom flow. The function `rtflow:` reads its attributes.
    pub fn rtflow(agent: Address, sample: &RtFlow<'a>) -> Self {
        Self::new(agent, None, None, None, Some(*sample), Records(None))
    }

    /// In one expression, so that the packet is built in place: it is too large to be moved.
    #[inline(always)]
    pub(super) fn new(
        agent: Address,
        source: Option<DataSource>,
        interfaces: Option<(Interface, Interface)>,
        discarded: Option<u32>,
        rtflow: Option<RtFlow<'a>>,
        records: Records<'a>,
    ) -> Self {
        let sampled = records.read::<SampledHeader<'_>>();
        Self {
            headers: sampled.as_ref().map_or(Headers::EMPTY, Headers::decode),
            agent,
            source,
            interfaces,
            discarded,
            sampled,
            rtflow,
            records,
            composed: Composed::default(),
        }
    }

    /// Bytes of the frame on the wire; 0 if the sample is of no packet.
    pub fn frame_bytes(&self) -> u64 {
        super::catalogue::frame_bytes(self).unwrap_or(0)
    }

    /// Bytes of the frame that are no part of the sampled header, at either end.
    pub(crate) fn stripped(&self) -> u32 {
        self.sampled.as_ref().map_or(0, |header| header.stripped)
    }

    /// Input and output port.
    pub(super) fn ports(&self) -> Option<(Port, Port)> {
        self.interfaces.map(|(input, output)| (input.port(), output.port()))
    }

    /// Reason of a discard, in a notification or in place of the output port of a sample.
    pub(super) fn reason(&self) -> Option<u32> {
        match self.ports() {
            Some((_, Port::Discarded(reason))) => Some(reason),
            _ => self.discarded,
        }
    }

    /// The header number `instance` of a protocol, counted from 0.
    #[inline]
    pub(super) fn header(&self, protocol: Protocol, instance: u8) -> Option<Header<'a>> {
        self.headers.get(protocol, instance)
    }

    /// A flow record of the sample.
    #[inline]
    pub(super) fn record<T: Numbered<'a, Flow>>(&self) -> Option<T> {
        self.records.read()
    }

    /// A record that stands for the header number `instance`, where there are no header bytes.
    pub(super) fn fields<T: Numbered<'a, Flow>>(&self, instance: u8) -> Option<T> {
        if instance == 0 && self.headers.is_empty() { self.records.read() } else { None }
    }
}
