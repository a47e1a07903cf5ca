//! CSV with the columns and the spelling of `sflowtool -l`.

use std::io::Write as _;

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::{Address, CountersSample, Datagram, FlowSample, MacAddress, Sample};
use flowmote_engine::{Sink, Tally, walk};

use super::flow_line::FlowLine;
use super::format::{Format, Received};
use super::numbers::Put;

/// Writes a line for each flow sample and each counter sample.
#[derive(Debug)]
pub(super) struct Csv {
    out: Vec<u8>,
    /// The agent address of the current datagram, a column of every line.
    agent: Address,
}

impl Default for Csv {
    fn default() -> Self {
        Self { out: Vec::new(), agent: Address::Unknown }
    }
}

impl Format for Csv {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        walk(&received.arrival(), received.payload, tally, self);
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

impl Sink for Csv {
    fn datagram(&mut self, datagram: &Datagram<'_>) {
        self.agent = datagram.agent_address;
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        match sample {
            Sample::Flow(flow) => self.flow(self.agent, flow),
            Sample::Counters(counters) => self.counters(self.agent, counters),
            _ => {}
        }
    }
}

impl Csv {
    fn flow(&mut self, agent: Address, sample: &FlowSample<'_>) {
        let line = FlowLine::of(sample);
        self.out.extend_from_slice(b"FLOW");
        self.address(agent);
        self.signed([sample.input.value, sample.output.value]);
        self.mac(line.src_mac);
        self.mac(line.dst_mac);
        self.put(format_args!(",{:#06x}", line.ether_type));
        self.signed([line.in_vlan, line.out_vlan]);
        self.address(line.src);
        self.address(line.dst);
        self.signed([line.protocol]);
        self.put(format_args!(",{:#04x}", line.tos));
        self.signed([line.ttl, line.src_port, line.dst_port]);
        self.put(format_args!(",{:#04x}", line.tcp_flags));
        self.signed([line.packet_size(), line.ip_size(), sample.sampling_rate]);
        self.out.push(b'\n');
    }

    /// Writes a line of counters. Like `sflowtool`, writes zeros for a sample without `if_counters` (1),
    /// and uses the last of several.
    fn counters(&mut self, agent: Address, sample: &CountersSample<'_>) {
        let read = sample.records().flatten().filter_map(|record| record.read::<IfCounters>());
        let columns = read.last().map_or([0; 19], |counters| columns(&counters));
        self.out.extend_from_slice(b"CNTR");
        self.address(agent);
        for column in columns {
            self.out.push(b',');
            self.out.put_decimal(column);
        }
        self.out.push(b'\n');
    }

    fn address(&mut self, address: Address) {
        self.out.push(b',');
        match address {
            Address::Unknown => self.out.push(b'-'),
            Address::V4(address) => self.out.put_ipv4(address),
            // Like `sflowtool`, all eight groups with leading zeros.
            Address::V6(address) => {
                for (at, group) in address.octets().as_chunks::<2>().0.iter().enumerate() {
                    if at != 0 {
                        self.out.push(b':');
                    }
                    self.out.put_hex(group);
                }
            }
        }
    }

    fn mac(&mut self, address: MacAddress) {
        self.out.push(b',');
        self.out.put_hex(&address.0);
    }

    /// Writes columns that `sflowtool` prints with %d: values from 2^31 on are negative.
    fn signed<const N: usize>(&mut self, numbers: [u32; N]) {
        for number in numbers {
            self.out.push(b',');
            self.out.put_decimal(number.cast_signed());
        }
    }

    fn put(&mut self, text: core::fmt::Arguments<'_>) {
        // Writing to memory does not fail.
        let _ = self.out.write_fmt(text);
    }
}

/// The columns of a CNTR line, in the field order of `if_counters` (1).
fn columns(counters: &IfCounters) -> [u64; 19] {
    [
        counters.if_index.into(),
        counters.if_type.into(),
        counters.if_speed,
        counters.if_direction.into(),
        counters.if_status.into(),
        counters.if_in_octets,
        counters.if_in_ucast_pkts.into(),
        counters.if_in_multicast_pkts.into(),
        counters.if_in_broadcast_pkts.into(),
        counters.if_in_discards.into(),
        counters.if_in_errors.into(),
        counters.if_in_unknown_protos.into(),
        counters.if_out_octets,
        counters.if_out_ucast_pkts.into(),
        counters.if_out_multicast_pkts.into(),
        counters.if_out_broadcast_pkts.into(),
        counters.if_out_discards.into(),
        counters.if_out_errors.into(),
        counters.if_promiscuous_mode.into(),
    ]
}
