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

/// A sampled or discarded packet, or an rtflow sample. Built once, then asked for any number of keys.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub(super) agent: Address,
    /// `None` for rtflow, whose data source is a name.
    pub(super) source: Option<DataSource>,
    /// `None` for rtflow.
    pub(super) ports: Option<(Port, Port)>,
    /// Reason of a discard.
    pub(super) reason: Option<u32>,
    pub(super) sampled: Option<SampledHeader<'a>>,
    pub(super) headers: Headers<'a>,
    pub(super) rtflow: Option<RtFlow<'a>>,
    records: Records<'a>,
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
        let (input, output) = (sample.input.port(), sample.output.port());
        let records = Records::list(sample.records());
        Self {
            source: Some(sample.source_id),
            ports: Some((input, output)),
            reason: if let Port::Discarded(reason) = output { Some(reason) } else { None },
            ..Self::new(agent, records)
        }
    }

    /// A packet that the device discarded.
    pub fn discarded(agent: Address, sample: &DiscardedPacket<'a>) -> Self {
        let port = |value| Interface { format: 0, value }.port();
        let records = Records::list(sample.records());
        Self {
            source: Some(sample.source_id),
            ports: Some((port(sample.input_if_index), port(sample.output_if_index))),
            reason: Some(sample.reason),
            ..Self::new(agent, records)
        }
    }

    /// A custom flow: its attributes are keys by their own names.
    pub fn rtflow(agent: Address, sample: &RtFlow<'a>) -> Self {
        Self { rtflow: Some(*sample), ..Self::new(agent, Records::EMPTY) }
    }

    #[inline(always)]
    fn new(agent: Address, records: Records<'a>) -> Self {
        let sampled = records.read::<SampledHeader<'_>>();
        Self {
            agent,
            source: None,
            ports: None,
            reason: None,
            sampled,
            headers: sampled.as_ref().map_or(Headers::EMPTY, Headers::decode),
            rtflow: None,
            records,
            composed: Composed::default(),
        }
    }

    /// Bytes of the frame on the wire; 0 if the sample is of no packet.
    pub fn frame_bytes(&self) -> u64 {
        super::catalogue::frame_bytes(self).unwrap_or(0)
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
