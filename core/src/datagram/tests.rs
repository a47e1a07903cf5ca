//! Whole datagrams against the bytes of the synthetic vectors.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::{vec, vec::Vec};

use super::*;
use crate::data_source::{Interface, SourceClass};
use crate::drop_reason::DropReason;
use crate::record::counter::{HostDescr, MachineType, OsName, PortName};
use crate::record::flow::{
    AclDirection, ExtendedAcl, ExtendedEgressQueue, ExtendedFunction, ExtendedHwTrap,
    ExtendedLinuxDropReason, ExtendedSwitch, HeaderProtocol, SampledHeader,
};
use crate::record::testing::{IF_COUNTERS, word};
use crate::sample::{FlowValue, MetricValue};
use crate::sampler::SampleMeta;

macro_rules! vector {
    ($name:literal) => {
        flowmote_vectors::unhex(include_str!(concat!(
            "../../../tests/vectors/synthetic/",
            $name,
            ".hex"
        )))
    };
}

/// The head of the synthetic vectors.
pub(crate) const HEAD: DatagramHead = DatagramHead {
    address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
    sub_agent_id: 0,
    encoding: Encoding::Compact,
    max_bytes: 1400,
};
const EXPANDED: DatagramHead = DatagramHead {
    address: IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    encoding: Encoding::Expanded,
    ..HEAD
};
const PORT: DataSource = DataSource::interface(5);
const FRAME: [u8; 45] = [
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 0x20, 0, 1, 0, 0, 0x40, 0x11, 0xf6, 0xb8,
    192, 0, 2, 1, 192, 0, 2, 2, 0, 0x35, 0, 0x35, 0, 0x0c, 0xff, 0xff, 0x41, 0x42, 0x43,
];
const HEADER: SampledHeader<'_> = SampledHeader {
    protocol: HeaderProtocol::ETHERNET,
    frame_length: 50,
    stripped: 4,
    header: &FRAME,
};
const FLOW: FlowSample<'_> = FlowSample {
    source: PORT,
    meta: SampleMeta { sampling_rate: 100, sample_pool: 100, drops: 0 },
    input: Interface::Index(5),
    output: Interface::Index(6),
    header: Some(HEADER),
    records: &[],
};
const METRIC: RtMetric<'_> = RtMetric {
    datasource: "web1",
    metrics: &[
        ("a", MetricValue::String("hello")),
        ("b", MetricValue::Counter32(7)),
        ("cc", MetricValue::Counter64(0x0000_0002_0000_0000)),
        ("d", MetricValue::Gauge32(9)),
        ("e", MetricValue::Gauge64(10)),
        ("f", MetricValue::GaugeFloat(1.5)),
        ("g", MetricValue::GaugeDouble(2.25)),
    ],
};
const RT_FLOW: RtFlow<'_> = RtFlow {
    datasource: "web1",
    sampling_rate: 10,
    sample_pool: 0,
    fields: &[
        ("s", FlowValue::String("xyz")),
        ("m", FlowValue::Mac([2, 0, 0, 0, 0, 1])),
        ("i", FlowValue::Address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9)))),
        ("j", FlowValue::Address(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9)))),
        ("k", FlowValue::Int32(5)),
        ("l", FlowValue::Int64(6)),
        ("n", FlowValue::Float(0.5)),
        ("o", FlowValue::Double(0.125)),
    ],
};
const DISCARD_RECORDS: &[&dyn crate::record::FlowRecord] = &[
    &ExtendedEgressQueue { queue: word(1) },
    &ExtendedAcl { number: word(1), name: "s2xy", direction: AclDirection::new(word(3)) },
    &ExtendedFunction { symbol: "s1x" },
    &ExtendedHwTrap { group: "s1x", trap: "s2xy" },
];
const DISCARD: DiscardedPacket<'_> = DiscardedPacket {
    source: PORT,
    input: 5,
    output: 0,
    reason: DropReason::ACL,
    header: HEADER,
    records: DISCARD_RECORDS,
};

type Build<'b> = &'b dyn Fn(&mut DatagramBuilder<'_>) -> Result<(), DoesNotFit>;

/// Returns the datagram with sequence 1 at uptime 1000, from a buffer of 0xa5.
fn datagram(head: DatagramHead, build: Build<'_>) -> Vec<u8> {
    let mut buffer = [0xa5; 1400];
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    build(&mut builder).unwrap();
    builder.finish(1, 1000).to_vec()
}

/// Appends a sample to another one in buffers with room for none to all of its bytes: it is written
/// whole or not at all.
fn whole_or_not_at_all(head: DatagramHead, build: Build<'_>) {
    let before = |builder: &mut DatagramBuilder<'_>| {
        builder.counter_sample(PORT, 1, &CounterSample { records: &[] })
    };
    let alone = datagram(head, &before);
    let whole = datagram(head, &|builder| before(builder).and_then(|()| build(builder)));
    for max_bytes in alone.len()..whole.len() {
        let mut buffer = vec![0xa5; whole.len()];
        let mut builder = DatagramBuilder::new(&mut buffer, DatagramHead { max_bytes, ..head });
        before(&mut builder).unwrap();
        assert_eq!(build(&mut builder), Err(DoesNotFit), "{max_bytes} bytes");
        assert!(builder.is_first() && !builder.is_empty());
        assert_eq!(builder.len(), alone.len());
        assert_eq!(builder.remaining(), max_bytes - alone.len());
        assert_eq!(builder.finish(1, 1000), alone);
        let beyond = &buffer[max_bytes..];
        assert!(beyond.iter().all(|&byte| byte == 0xa5), "written beyond {max_bytes}");
    }
    let mut buffer = vec![0xa5; whole.len() + 7];
    let head = DatagramHead { max_bytes: whole.len(), ..head };
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    before(&mut builder).unwrap();
    build(&mut builder).unwrap();
    assert_eq!(builder.remaining(), 0);
    assert_eq!(builder.finish(1, 1000), whole);
    assert_eq!(buffer[whole.len()..], [0xa5; 7]);
}

#[test]
fn flow_sample() {
    assert_eq!(datagram(HEAD, &|to| to.flow_sample(1, &FLOW)), vector!("flow-0-1"));
    whole_or_not_at_all(HEAD, &|to| to.flow_sample(1, &FLOW));
}

#[test]
fn flow_sample_without_a_header() {
    let record = ExtendedEgressQueue { queue: word(1) };
    let sample = FlowSample { header: None, records: &[&record], ..FLOW };
    assert_eq!(datagram(HEAD, &|to| to.flow_sample(1, &sample)), vector!("flow-0-1036"));
}

#[test]
fn flow_sample_expanded() {
    let vlan = ExtendedSwitch {
        src_vlan: Some(word(1)),
        src_priority: Some(word(2)),
        dst_vlan: Some(word(3)),
        dst_priority: Some(word(4)),
    };
    let sample = FlowSample {
        source: DataSource::interface(0x0100_0005),
        meta: SampleMeta { sampling_rate: 1000, sample_pool: 5000, drops: 0 },
        input: Interface::Index(0x0100_0005),
        output: Interface::Internal,
        records: &[&vlan],
        ..FLOW
    };
    let vector = vector!("expanded-flow-internal");
    assert_eq!(datagram(EXPANDED, &|to| to.flow_sample(1, &sample)), vector);
    whole_or_not_at_all(EXPANDED, &|to| to.flow_sample(1, &sample));
}

#[test]
fn flow_samples_with_every_form_of_output() {
    let outputs = [
        Interface::Unknown,
        Interface::Index(2),
        Interface::Internal,
        Interface::Discarded(DropReason::ACL),
        Interface::Multiple(7),
        Interface::Multiple(0),
    ];
    let build: Build<'_> = &|to| {
        for (sequence, output) in (1..).zip(outputs) {
            let meta = SampleMeta { sample_pool: 100 * sequence, ..FLOW.meta };
            to.flow_sample(sequence, &FlowSample { output, meta, ..FLOW })?;
        }
        Ok(())
    };
    assert_eq!(datagram(HEAD, build), vector!("flow-output-forms"));
}

#[test]
fn flow_sample_of_a_locally_generated_packet() {
    let output = Interface::Index(5);
    let sample = FlowSample { input: Interface::Internal, output, ..FLOW };
    assert_eq!(datagram(HEAD, &|to| to.flow_sample(1, &sample)), vector!("flow-input-internal"));
}

#[test]
fn sequence_pool_and_uptime_wrap() {
    let mut buffer = [0xa5; 1400];
    let mut builder = DatagramBuilder::new(&mut buffer, HEAD);
    for (sequence, sample_pool) in [(u32::MAX, 0xFFFF_FFC0), (0, 0x24)] {
        let meta = SampleMeta { sample_pool, ..FLOW.meta };
        builder.flow_sample(sequence, &FlowSample { meta, ..FLOW }).unwrap();
    }
    assert_eq!(builder.finish(u32::MAX, 0xFFFF_FFFE), vector!("seq-wrap"));
}

#[test]
fn counter_sample() {
    let sample = CounterSample { records: &[&IF_COUNTERS] };
    let build: Build<'_> = &|to| to.counter_sample(PORT, 1, &sample);
    assert_eq!(datagram(HEAD, build), vector!("ctr-0-1"));
    whole_or_not_at_all(HEAD, build);
}

#[test]
fn counter_sample_with_several_records() {
    let sample = CounterSample { records: &[&IF_COUNTERS, &PortName { name: "eth0" }] };
    whole_or_not_at_all(HEAD, &|to| to.counter_sample(PORT, 1, &sample));
    let bytes = datagram(HEAD, &|to| to.counter_sample(PORT, 1, &sample));
    let mut expected = vector!("ctr-0-1");
    expected[32..36].copy_from_slice(&(0x6c + 16_u32).to_be_bytes());
    expected[44..48].copy_from_slice(&2_u32.to_be_bytes());
    expected.extend([0, 0, 3, 0xed, 0, 0, 0, 8, 0, 0, 0, 4, b'e', b't', b'h', b'0']);
    assert_eq!(bytes, expected);
}

#[test]
fn counter_sample_expanded() {
    let source = DataSource::interface(0x0100_0005);
    let sample = CounterSample { records: &[&IF_COUNTERS] };
    let build: Build<'_> = &|to| to.counter_sample(source, 1, &sample);
    assert_eq!(datagram(EXPANDED, build), vector!("expanded-counters"));
    whole_or_not_at_all(EXPANDED, build);
}

#[test]
fn counter_samples_of_every_class() {
    let classes = [
        SourceClass::Interface,
        SourceClass::Vlan,
        SourceClass::PhysicalEntity,
        SourceClass::LogicalEntity,
    ];
    let sample = CounterSample { records: &[&IF_COUNTERS] };
    let build: Build<'_> = &|to| {
        classes
            .into_iter()
            .try_for_each(|class| to.counter_sample(DataSource::new(class, 7), 1, &sample))
    };
    assert_eq!(datagram(HEAD, build), vector!("ds-classes"));
}

#[test]
fn counter_sample_of_a_host_with_every_field_unknown() {
    let descr = HostDescr {
        machine_type: MachineType::UNKNOWN,
        os_name: OsName::UNKNOWN,
        ..HostDescr::UNKNOWN
    };
    let sample = CounterSample { records: &[&descr] };
    let build: Build<'_> = &|to| to.counter_sample(DataSource::HOST, 1, &sample);
    assert_eq!(datagram(HEAD, build), vector!("empty-strings"));
}

#[test]
fn discarded_packet() {
    let build: Build<'_> = &|to| to.discarded_packet(1, 3, &DISCARD);
    assert_eq!(datagram(HEAD, build), vector!("discarded"));
    whole_or_not_at_all(HEAD, build);
    let expanded = datagram(DatagramHead { encoding: Encoding::Expanded, ..HEAD }, build);
    assert_eq!(expanded, vector!("discarded"), "one layout only");
}

#[test]
fn discarded_packet_with_its_kernel_reason() {
    let reason = ExtendedLinuxDropReason { reason: "TCP_CSUM" };
    let packet = DiscardedPacket { records: &[&reason], ..DISCARD };
    whole_or_not_at_all(HEAD, &|to| to.discarded_packet(1, 3, &packet));
}

#[test]
fn rt_metric() {
    assert_eq!(datagram(HEAD, &|to| to.rt_metric(&METRIC)), vector!("rtmetric"));
    whole_or_not_at_all(HEAD, &|to| to.rt_metric(&METRIC));
}

#[test]
fn rt_flow() {
    assert_eq!(datagram(HEAD, &|to| to.rt_flow(&RT_FLOW)), vector!("rtflow"));
    whole_or_not_at_all(HEAD, &|to| to.rt_flow(&RT_FLOW));
}

#[test]
fn head_of_28_or_40_bytes() {
    let mut buffer = [0xa5; 64];
    let head = DatagramHead { sub_agent_id: 7, ..HEAD };
    let mut builder = DatagramBuilder::new(&mut buffer, head);
    assert!(builder.is_empty());
    let v4 = [0, 0, 0, 5, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0];
    assert_eq!(builder.finish(8, 9), v4);
    builder.restart(DatagramHead { sub_agent_id: 7, ..EXPANDED });
    let v6 = [
        0, 0, 0, 5, 0, 0, 0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0,
        7, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0,
    ];
    assert_eq!(builder.finish(8, 9), v6);
}

#[test]
fn buffer_smaller_than_the_head_refuses_samples() {
    let smallest = CounterSample { records: &[] };
    for head in [HEAD, EXPANDED] {
        for len in 0..60 {
            let mut buffer = vec![0xa5; len];
            let mut builder = DatagramBuilder::new(&mut buffer, head);
            let least = if head == HEAD { 28 + 20 } else { 40 + 24 };
            for _ in 0..3 {
                let fit = builder.counter_sample(PORT, 1, &smallest);
                assert_eq!(fit.is_ok(), len >= least, "{len} bytes");
                if fit.is_ok() {
                    break;
                }
            }
            assert!(builder.finish(1, 2).len() <= len);
        }
    }
}

#[test]
fn restart_removes_samples_and_applies_the_new_bound() {
    let mut buffer = [0xa5; 1400];
    let mut builder = DatagramBuilder::new(&mut buffer, HEAD);
    builder.flow_sample(1, &FLOW).unwrap();
    builder.restart(DatagramHead { max_bytes: 100, ..HEAD });
    assert!(builder.is_empty());
    assert_eq!((builder.len(), builder.remaining()), (28, 72));
    builder.restart(DatagramHead { max_bytes: usize::MAX, ..HEAD });
    assert_eq!(builder.remaining(), 1372, "the buffer is a bound, too");
    builder.flow_sample(1, &FLOW).unwrap();
    assert_eq!(builder.finish(1, 1000), vector!("flow-0-1"));
}

#[test]
fn compact_encoding_refuses_an_index_of_more_than_24_bits() {
    let mut buffer = [0xa5; 1400];
    let mut builder = DatagramBuilder::new(&mut buffer, HEAD);
    let source = DataSource::interface(0x0100_0000);
    assert_eq!(builder.flow_sample(1, &FlowSample { source, ..FLOW }), Err(DoesNotFit));
    let counters = CounterSample { records: &[&IF_COUNTERS] };
    assert_eq!(builder.counter_sample(source, 1, &counters), Err(DoesNotFit));
    assert!(builder.is_empty());
    builder.flow_sample(1, &FLOW).unwrap();
    assert_eq!(builder.finish(1, 1000), vector!("flow-0-1"));
}
