//! Lines of comma-separated values: the columns of `sflowtool -l`, in its spelling.

use std::io::Write as _;

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::{Address, CountersSample, FlowSample, MacAddress, Sample};

use super::flow_line::FlowLine;
use super::numbers::Put;
use super::{Format, Received, count_records};
use crate::tally::Tally;

/// Writes a line for each flow sample and each counters sample.
#[derive(Debug, Default)]
pub(super) struct Csv {
    out: Vec<u8>,
}

impl Format for Csv {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        let Some(datagram) = received.open(tally) else { return };
        for sample in datagram.samples() {
            match sample {
                Ok(sample) => {
                    tally.samples += 1;
                    self.sample(datagram.agent_address, &sample, tally);
                }
                Err(fault) => tally.malformed(fault),
            }
        }
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

impl Csv {
    fn sample(&mut self, agent: Address, sample: &Sample<'_>, tally: &mut Tally) {
        match sample {
            Sample::Flow(flow) => {
                count_records(flow.records(), tally);
                self.flow(agent, flow);
            }
            Sample::Counters(counters) => {
                count_records(counters.records(), tally);
                self.counters(agent, counters);
            }
            Sample::Discarded(packet) => count_records(packet.records(), tally),
            Sample::Unknown(_) => tally.unknown += 1,
            _ => {}
        }
    }

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
        self.signed([line.packet_size, line.ip_size(), sample.sampling_rate]);
        self.out.push(b'\n');
    }

    /// A line of zeros where the counters are others than those of an interface.
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

    /// Numbers from 2^31 on come out negative, as `sflowtool` prints them.
    fn signed<const N: usize>(&mut self, numbers: [u32; N]) {
        for number in numbers {
            self.out.push(b',');
            self.out.put_decimal(number.cast_signed());
        }
    }

    fn put(&mut self, text: core::fmt::Arguments<'_>) {
        // writing to memory does not fail
        let _ = self.out.write_fmt(text);
    }
}

/// In the order of the structure.
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
