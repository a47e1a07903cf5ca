//! Keys of the way through the device: queues, discards, access lists, radio.

use flowmote_decoder::flow::{
    Extended80211Rx, Extended80211Tx, ExtendedAcl, ExtendedBstEgressQueue, ExtendedEgressQueue,
    ExtendedFunction, ExtendedHwTrap, ExtendedLinuxDropReason, ExtendedQueue, ExtendedQueueLength,
    ExtendedTimestamp, ExtendedTransit,
};
use flowmote_decoder::{MacAddress, drop_reason_name};

use super::{KeyInfo, Section, named, record, text};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { record(Section::Device, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("queueindex", Kind::Number, "number of the egress queue", |p, _| {
        let queue = p.record::<ExtendedEgressQueue>().map(|record| record.queue);
        let broadcom = || p.record::<ExtendedBstEgressQueue>().map(|record| record.queue);
        let length = || p.record::<ExtendedQueueLength>().map(|record| record.queue_index);
        queue.or_else(broadcom).or_else(length).map(Value::from)
    }),
    key!("queuedepth", Kind::Number, "bytes in the queue before the packet", |p, _| {
        Some(p.record::<ExtendedQueue>()?.depth.into())
    }),
    key!("queuelength", Kind::Number, "segments in the queue before the packet", |p, _| {
        Some(p.record::<ExtendedQueueLength>()?.queue_length.into())
    }),
    key!("transitdelay", Kind::Number, "nanoseconds in the device", |p, _| {
        Some(p.record::<ExtendedTransit>()?.delay.into())
    }),
    key!("timestamp", Kind::Number, "time of the packet, nanoseconds since 1970", |p, _| {
        Some(p.record::<ExtendedTimestamp>()?.nanoseconds.into())
    }),
    key!(
        "reason",
        Kind::Text,
        "reason of a discard: `acl`, `ttl_exceeded`; the code if it has no name",
        |p, _| {
            let code = p.reason()?;
            Some(drop_reason_name(code).map_or_else(|| code.into(), Value::from))
        }
    ),
    key!("reasoncode", Kind::Number, "code of `reason`", |p, _| p.reason().map(Value::from)),
    key!("function", Kind::Text, "function of the software that discarded the packet", |p, _| {
        text(p.record::<ExtendedFunction<'_>>()?.symbol)
    }),
    key!("linuxdropreason", Kind::Text, "reason of a discard in Linux: `TCP_CSUM`", |p, _| {
        text(p.record::<ExtendedLinuxDropReason<'_>>()?.reason)
    }),
    key!("hwtrap", Kind::Text, "devlink trap that discarded the packet", |p, _| {
        text(p.record::<ExtendedHwTrap<'_>>()?.trap)
    }),
    key!("hwtrapgroup", Kind::Text, "group of the devlink trap", |p, _| {
        text(p.record::<ExtendedHwTrap<'_>>()?.group)
    }),
    key!("aclnumber", Kind::Number, "number of the access list", |p, _| {
        Some(p.record::<ExtendedAcl<'_>>()?.number.into())
    }),
    key!("aclname", Kind::Text, "name of the access list", |p, _| {
        text(p.record::<ExtendedAcl<'_>>()?.name)
    }),
    key!("acldirection", Kind::Text, "`ingress`, `egress` or `unknown`", |p, _| {
        Some(named(&["unknown", "ingress", "egress"], p.record::<ExtendedAcl<'_>>()?.direction))
    }),
    key!("ssid", Kind::Text, "wireless network", |p, _| {
        let received = p.record::<Extended80211Rx<'_>>().map(|radio| radio.ssid);
        let sent = || p.record::<Extended80211Tx<'_>>().map(|radio| radio.ssid);
        text(received.or_else(sent)?)
    }),
    key!("bssid", Kind::Mac, "wireless base station", |p, _| bssid(p).map(Value::Mac)),
];

fn bssid(packet: &Packet<'_>) -> Option<MacAddress> {
    let received = packet.record::<Extended80211Rx<'_>>().map(|radio| radio.bssid);
    received.or_else(|| packet.record::<Extended80211Tx<'_>>().map(|radio| radio.bssid))
}
