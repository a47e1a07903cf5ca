//! The same walk with each decoder: rate, ports, frame length and 5-tuple of flow samples, octets of
//! each interface from counters.
//!
//! The other decoders return the bytes of the packet. Our decoder of packets reads the 5-tuple from
//! them, so that no other decoder is charged for a slower one.

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::{FiveTuple, Layers};
use flowmote_decoder::{CounterRecords, Datagram, FlowRecords, Interface, Sample};
use flowparser_sflow::{self as flowparser, SflowSample};
use sflow_parser::SampleData;
use sflow_parser::models::{self as sflow_parser_models, CounterData, FlowData};

/// A decoder under test.
pub(crate) struct Walk {
    pub(crate) name: &'static str,
    pub(crate) walk: fn(&[u8], &mut Seen),
}

/// The decoders; that of this project comes first.
pub(crate) const WALKS: [Walk; 3] = [
    Walk { name: "flowmote-decoder", walk: ours },
    Walk { name: "sflow-parser", walk: sflow_parser },
    Walk { name: "flowparser-sflow", walk: flowparser_sflow },
];

/// Counts and digest of the values read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) flow_samples: u64,
    pub(crate) counter_samples: u64,
    /// Datagrams that the decoder rejects.
    pub(crate) refused: u64,
    pub(crate) digest: u64,
}

impl Seen {
    fn flow(&mut self, rate: u32, input: (u32, u32), output: (u32, u32)) {
        self.flow_samples += 1;
        for word in [rate, input.0, input.1, output.0, output.1] {
            self.add(word.into());
        }
    }

    #[inline]
    fn packet(&mut self, frame_length: u32, tuple: Option<FiveTuple>) {
        self.add(frame_length.into());
        let Some(tuple) = tuple else { return };
        for address in [tuple.src, tuple.dst] {
            match address {
                core::net::IpAddr::V4(address) => self.add(address.to_bits().into()),
                core::net::IpAddr::V6(address) => self.add(address.to_bits() as u64),
            }
        }
        self.add(u64::from(tuple.src_port) << 32 | u64::from(tuple.dst_port));
        self.add(tuple.protocol.into());
    }

    fn interface(&mut self, index: u32, octets_in: u64, octets_out: u64) {
        self.add(index.into());
        self.add(octets_in);
        self.add(octets_out);
    }

    #[inline]
    fn add(&mut self, value: u64) {
        self.digest = self.digest.rotate_left(5) ^ value;
    }
}

fn ours(payload: &[u8], seen: &mut Seen) {
    let Ok(datagram) = Datagram::parse(payload) else {
        seen.refused += 1;
        return;
    };
    for sample in datagram.samples().flatten() {
        match sample {
            Sample::Flow(flow) => {
                let port = |interface: Interface| (interface.format, interface.value);
                seen.flow(flow.sampling_rate, port(flow.input), port(flow.output));
                our_packet(flow.records(), seen);
            }
            Sample::Counters(counters) => {
                seen.counter_samples += 1;
                our_counters(counters.records(), seen);
            }
            _ => {}
        }
    }
}

fn our_packet(records: FlowRecords<'_>, seen: &mut Seen) {
    for record in records.flatten() {
        if let Some(header) = record.read::<SampledHeader<'_>>() {
            seen.packet(header.frame_length, header.five_tuple());
        }
    }
}

fn our_counters(records: CounterRecords<'_>, seen: &mut Seen) {
    for record in records.flatten() {
        if let Some(counters) = record.read::<IfCounters>() {
            seen.interface(counters.if_index, counters.if_in_octets, counters.if_out_octets);
        }
    }
}

fn sflow_parser(payload: &[u8], seen: &mut Seen) {
    let Ok(datagram) = sflow_parser::parse_datagram(payload) else {
        seen.refused += 1;
        return;
    };
    for sample in &datagram.samples {
        match &sample.sample_data {
            SampleData::FlowSample(flow) => {
                let port = |interface: sflow_parser_models::Interface| {
                    (u32::from(interface.format()), interface.value())
                };
                seen.flow(flow.sampling_rate, port(flow.input), port(flow.output));
                sflow_parser_packet(&flow.flow_records, seen);
            }
            SampleData::FlowSampleExpanded(flow) => {
                let (input, output) = (&flow.input, &flow.output);
                let (input, output) = ((input.format, input.value), (output.format, output.value));
                seen.flow(flow.sampling_rate, input, output);
                sflow_parser_packet(&flow.flow_records, seen);
            }
            SampleData::CountersSample(counters) => sflow_parser_counters(&counters.counters, seen),
            SampleData::CountersSampleExpanded(counters) => {
                sflow_parser_counters(&counters.counters, seen);
            }
            _ => {}
        }
    }
}

fn sflow_parser_packet(records: &[sflow_parser_models::FlowRecord], seen: &mut Seen) {
    for record in records {
        if let FlowData::SampledHeader(header) = &record.flow_data {
            let layers = Layers::new(header.protocol as u32, &header.header);
            seen.packet(header.frame_length, FiveTuple::from_layers(layers));
        }
    }
}

fn sflow_parser_counters(records: &[sflow_parser_models::CounterRecord], seen: &mut Seen) {
    seen.counter_samples += 1;
    for record in records {
        if let CounterData::GenericInterface(counters) = &record.counter_data {
            seen.interface(counters.if_index, counters.if_in_octets, counters.if_out_octets);
        }
    }
}

fn flowparser_sflow(payload: &[u8], seen: &mut Seen) {
    let result = flowparser::SflowParser::default().parse_bytes(payload);
    if result.error.is_some() || result.datagrams.is_empty() {
        seen.refused += 1;
    }
    for sample in result.datagrams.iter().flat_map(|datagram| &datagram.samples) {
        match sample {
            SflowSample::Flow(flow) => {
                let port = |word: u32| (word >> 30, word & 0x3fff_ffff);
                seen.flow(flow.sampling_rate, port(flow.input), port(flow.output));
                flowparser_packet(&flow.records, seen);
            }
            SflowSample::ExpandedFlow(flow) => {
                let input = (flow.input_format, flow.input_value);
                seen.flow(flow.sampling_rate, input, (flow.output_format, flow.output_value));
                flowparser_packet(&flow.records, seen);
            }
            SflowSample::Counter(counters) => flowparser_counters(&counters.records, seen),
            SflowSample::ExpandedCounter(counters) => flowparser_counters(&counters.records, seen),
            _ => {}
        }
    }
}

fn flowparser_packet(records: &[flowparser::FlowRecord], seen: &mut Seen) {
    for record in records {
        if let flowparser::FlowRecord::RawPacketHeader(header) = record {
            let layers = Layers::new(header.header_protocol, &header.header);
            seen.packet(header.frame_length, FiveTuple::from_layers(layers));
        }
    }
}

fn flowparser_counters(records: &[flowparser::CounterRecord], seen: &mut Seen) {
    seen.counter_samples += 1;
    for record in records {
        if let flowparser::CounterRecord::GenericInterface(counters) = record {
            seen.interface(counters.if_index, counters.if_in_octets, counters.if_out_octets);
        }
    }
}
