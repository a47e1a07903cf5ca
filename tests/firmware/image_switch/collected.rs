//! The sFlow datagrams received by the collector.

use flowmote_decoder::counter::{EthernetCounters, IfCounters};
use flowmote_decoder::{Datagram, DiscardedPacket, FlowSample, Sample};
use flowmote_lab::qemu::packet;
use flowmote_lab::wait_until;

use super::switch::{COLLECTOR, COLLECTOR_PORT, PORTS, SWITCH, Switch};

/// Their frames.
#[derive(Default)]
pub(crate) struct Collected(Vec<Vec<u8>>);

impl Collected {
    pub(crate) fn take(&mut self, switch: &Switch) {
        let frames = switch.received(COLLECTOR_PORT).into_iter();
        self.0.extend(frames.filter(|frame| frame.get(12..14) == Some(&[8, 0])));
    }

    /// Waits until the collected datagrams satisfy `condition`.
    pub(crate) fn wait_for(
        &mut self,
        switch: &Switch,
        what: &str,
        condition: impl Fn(&Self) -> bool,
    ) {
        wait_until(what, || {
            self.take(switch);
            condition(self).then_some(())
        });
    }

    /// Waits for this many flow samples, without those in datagrams lost to a full ring; then
    /// decodes all datagrams with tshark as well.
    pub(crate) fn wait_for_samples(&mut self, switch: &Switch, told: u64) {
        self.wait_for(switch, &format!("{told} samples"), |all| {
            let lost = switch.show().value("datagrams", "lost");
            all.flow_samples().len() as u64 + MOST_SAMPLES * lost >= told
        });
        self.check_read(switch);
    }

    /// Returns the decoded payloads, after checking addresses and checksums.
    pub(crate) fn datagrams(&self) -> Vec<Datagram<'_>> {
        let check = |frame: &Vec<u8>| {
            assert_eq!(frame[..12], [COLLECTOR.mac, SWITCH.mac].concat());
            assert_eq!(frame[26..34], [SWITCH.ip.octets(), COLLECTOR.ip.octets()].concat());
        };
        self.0.iter().for_each(check);
        let payloads = self.0.iter().map(|frame| packet::udp_payload(frame, 6343));
        let payloads = payloads.map(|payload| payload.expect("a datagram with right checksums"));
        payloads.map(|payload| Datagram::parse(payload).expect("an sFlow datagram")).collect()
    }

    pub(crate) fn samples(&self) -> Vec<Sample<'_>> {
        let datagrams = self.datagrams().into_iter();
        datagrams.flat_map(|one| one.samples().map(|one| one.expect("a whole sample"))).collect()
    }

    pub(crate) fn flow_samples(&self) -> Vec<FlowSample<'_>> {
        let flow = |sample| if let Sample::Flow(flow) = sample { Some(flow) } else { None };
        self.samples().into_iter().filter_map(flow).collect()
    }

    pub(crate) fn notices(&self) -> Vec<DiscardedPacket<'_>> {
        let notice = |one| if let Sample::Discarded(notice) = one { Some(notice) } else { None };
        self.samples().into_iter().filter_map(notice).collect()
    }

    /// Returns the last counters of a port.
    pub(crate) fn counters(&self, port: u32) -> Option<(IfCounters, EthernetCounters)> {
        let last = |sample| match sample {
            Sample::Counters(one) if (one.source_id.class, one.source_id.index) == (0, port) => {
                let interface = one.records().flatten().find_map(|record| record.read());
                let ethernet = one.records().flatten().find_map(|record| record.read());
                Some((interface.expect("if_counters"), ethernet.expect("ethernet_counters")))
            }
            _ => None,
        };
        self.samples().into_iter().filter_map(last).next_back()
    }

    /// Checks the invariants of a stream of one agent, and that tshark decodes the same.
    pub(crate) fn check(&self, switch: &Switch) {
        self.check_behind(switch, 0);
    }

    /// As above, for a stream whose first `lost` datagrams were lost.
    pub(crate) fn check_behind(&self, switch: &Switch, lost: u32) {
        let datagrams = self.datagrams();
        for (datagram, sequence) in datagrams.iter().zip(lost + 1..) {
            assert_eq!(datagram.sequence_number, sequence);
            assert_eq!(datagram.samples().flatten().count(), datagram.num_samples as usize);
        }
        for port in PORTS.map(|port| port as u32) {
            let samples = self.flow_samples();
            let of_port = samples.iter().filter(|sample| sample.source_id.index == port);
            consecutive(of_port.map(|sample| sample.sequence_number), lost);
            let notices = self.notices();
            let of_port = notices.iter().filter(|notice| notice.source_id.index == port);
            consecutive(of_port.map(|notice| notice.sequence_number), lost);
        }
        for sample in self.flow_samples() {
            let mut records = sample.records();
            assert!(records.all(|record| record.expect("a whole record").check() == Ok(0)));
            assert!(!sample.expanded);
        }
        self.check_read(switch);
    }

    /// Checks that tshark decodes the same datagrams and finds none malformed. Some may be missing.
    pub(crate) fn check_read(&self, switch: &Switch) {
        switch.link(COLLECTOR_PORT).check_dissected(self.datagrams());
    }
}

/// Checks that a sequence has no gap, and starts at 1 if no datagram was lost.
fn consecutive(mut sequence: impl Iterator<Item = u32>, lost: u32) {
    let Some(first) = sequence.next() else { return };
    assert!(first == 1 || lost > 0, "begins with {first}");
    for (number, expected) in sequence.zip(first + 1..) {
        assert_eq!(number, expected);
    }
}

/// Maximum samples in a datagram: a flow sample here has at least 92 bytes, and 1372 are available.
const MOST_SAMPLES: u64 = 14;
