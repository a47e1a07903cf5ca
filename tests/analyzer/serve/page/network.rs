//! Agents for the page: one with a connection, one that discards, one on a host, and many that only exist.

use flowmote_core::record::counter::{HostCpu, HostDescr, HostMemory, OsName};
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DiscardedPacket, DropReason, SourceClass,
};

use crate::traffic::{INTERVAL, connection, frame, head, sampled};

/// The agent that discards packets, and the port at which they arrive.
pub(super) const DISCARDING: &str = "192.0.2.2";
pub(super) const DISCARDING_PORT: u32 = 3;
/// The agent on a host, and the name of the host.
pub(super) const HOST: &str = "192.0.2.11";
pub(super) const HOST_NAME: &str = "web1";

/// The datagrams of a small network after `number` intervals.
pub(super) fn small(number: u32) -> Vec<Vec<u8>> {
    vec![connection(number), discards(number), host(HOST, HOST_NAME, number)]
}

/// The datagrams of `count` hosts after `number` intervals. Each sends once a second.
pub(super) fn hosts(count: u32, number: u32) -> Vec<Vec<u8>> {
    let turns = 1000 / INTERVAL.as_millis() as u32;
    let due = (0..count).filter(|host| host % turns == number % turns);
    due.map(|it| {
        let address = format!("10.1.{}.{}", it / 250, it % 250 + 1);
        host(&address, &format!("host{it:04}"), number / turns)
    })
    .collect()
}

/// Two packets that an access list discards, and one whose TTL is exceeded.
fn discards(number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(DISCARDING));
    let denied = frame("198.51.100.66", "203.0.113.2");
    let late = frame("198.51.100.77", "203.0.113.3");
    let reasons =
        [(DropReason::ACL, &denied), (DropReason::ACL, &denied), (DropReason::TTL_EXCEEDED, &late)];
    for (sequence, (reason, frame)) in (3 * number + 1..).zip(reasons) {
        let packet = DiscardedPacket {
            source: DataSource::interface(DISCARDING_PORT),
            input: DISCARDING_PORT,
            output: 0,
            reason,
            header: sampled(frame),
            records: &[],
        };
        datagram.discarded_packet(sequence, 0, &packet).expect("room for a packet");
    }
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}

/// The counters of a host with a load of 1.5, half of whose memory is free.
fn host(address: &str, name: &str, number: u32) -> Vec<u8> {
    let mut buffer = [0; 1400];
    let mut datagram = DatagramBuilder::new(&mut buffer, head(address));
    let descr = HostDescr { hostname: name, os_name: OsName::LINUX, ..HostDescr::UNKNOWN };
    let cpu = HostCpu { load_one: 1.5, cpu_num: 4, uptime: 3600, ..HostCpu::UNKNOWN };
    let memory = HostMemory { mem_total: 8 << 30, mem_free: 4 << 30, ..HostMemory::UNKNOWN };
    let counters = CounterSample { records: &[&descr, &cpu, &memory] };
    let source = DataSource::new(SourceClass::PhysicalEntity, 1);
    datagram.counter_sample(source, number + 1, &counters).expect("room for counters");
    datagram.finish(number + 1, number * INTERVAL.as_millis() as u32).to_vec()
}
