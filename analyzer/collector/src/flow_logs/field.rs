//! The fields of flow logs: versions 2 to 11 of AWS, and those that only sFlow has.

use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr};

use flowmote_decoder::{DataSource, MacAddress, drop_reason_name};
use flowmote_engine::records::{Action, Direction, Frames, Key, Record};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::interface::Interface;

/// A field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// The version of the format that has it first; `None` for those that AWS does not have.
    pub(crate) version: Option<u8>,
    pub(crate) kind: Kind,
    /// Writes the value; `None` if it is unknown, and then writes nothing.
    pub(super) write: fn(&Line<'_>, &mut String) -> Option<()>,
}

/// The type of the values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Int32,
    Int64,
    Double,
}

/// What a line is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    /// The version of the format.
    pub(super) version: u8,
    pub(super) account: &'a str,
    pub(super) interface: &'a Interface,
    /// Keys of the tags of the instance.
    pub(super) tag_keys: &'a [String],
    /// First and last second, since 1970.
    pub(super) start: u64,
    pub(super) end: u64,
    /// A record; `None` for the status of an interface without one.
    pub(super) record: Option<(&'a Key, &'a Record)>,
    /// Its frames, if the format has fields of them.
    pub(super) frames: Option<&'a Frames>,
    pub(super) status: &'static str,
}

impl<'a> Line<'a> {
    /// The interface, if there is a record: else its identity is not logged.
    fn place(&self) -> Option<&'a Interface> {
        self.record.map(|_| self.interface)
    }

    fn key(&self) -> Option<&'a Key> {
        self.record.map(|(key, _)| key)
    }

    fn numbers(&self) -> Option<&'a Record> {
        self.record.map(|(_, record)| record)
    }
}

/// The field of this name.
pub(super) fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

macro_rules! field {
    ($version:expr, $kind:ident, $name:literal, |$line:ident, $to:ident| $write:expr) => {
        Field {
            name: $name,
            version: $version,
            kind: Kind::$kind,
            write: |$line: &Line<'_>, $to: &mut String| $write,
        }
    };
}

/// A field that is always unknown here.
const fn unknown(version: u8, kind: Kind, name: &'static str) -> Field {
    Field { name, version: Some(version), kind, write: |_, _| None }
}

/// All fields, in the order of their versions.
pub(crate) const FIELDS: &[Field] = &[
    field!(Some(2), Int32, "version", |line, to| put(to, line.version)),
    field!(Some(2), Text, "account-id", |line, to| put_text(to, line.account)),
    field!(Some(2), Text, "interface-id", |line, to| put_text(to, &line.interface.id)),
    field!(Some(2), Text, "srcaddr", |line, to| put(to, ends(line)?.0)),
    field!(Some(2), Text, "dstaddr", |line, to| put(to, ends(line)?.1)),
    field!(Some(2), Int32, "srcport", |line, to| put(to, line.key()?.tuple.src_port)),
    field!(Some(2), Int32, "dstport", |line, to| put(to, line.key()?.tuple.dst_port)),
    field!(Some(2), Int32, "protocol", |line, to| put(to, line.key()?.tuple.protocol)),
    field!(Some(2), Int64, "packets", |line, to| put(to, whole(line.numbers()?.packets))),
    field!(Some(2), Int64, "bytes", |line, to| put(to, whole(line.numbers()?.bytes))),
    field!(Some(2), Int64, "start", |line, to| put(to, line.start)),
    field!(Some(2), Int64, "end", |line, to| put(to, line.end)),
    field!(Some(2), Text, "action", |line, to| put(to, action(line.key()?))),
    field!(Some(2), Text, "log-status", |line, to| put(to, line.status)),
    field!(Some(3), Text, "vpc-id", |line, to| put_some(to, &line.place()?.vpc)),
    field!(Some(3), Text, "subnet-id", |line, to| put_some(to, &line.place()?.subnet)),
    field!(Some(3), Text, "instance-id", |line, to| put_some(to, &line.place()?.instance)),
    field!(Some(3), Int32, "tcp-flags", |line, to| put(to, line.numbers()?.tcp_flags)),
    field!(Some(3), Text, "type", |line, to| put(to, version_of_ip(line.key()?))),
    field!(Some(3), Text, "pkt-srcaddr", |line, to| put(to, line.key()?.tuple.src)),
    field!(Some(3), Text, "pkt-dstaddr", |line, to| put(to, line.key()?.tuple.dst)),
    field!(Some(4), Text, "region", |line, to| put_some(to, &line.place()?.region)),
    field!(Some(4), Text, "az-id", |line, to| put_some(to, &line.place()?.zone)),
    unknown(4, Kind::Text, "sublocation-type"),
    unknown(4, Kind::Text, "sublocation-id"),
    unknown(5, Kind::Text, "pkt-src-aws-service"),
    unknown(5, Kind::Text, "pkt-dst-aws-service"),
    field!(Some(5), Text, "flow-direction", |line, to| put(to, direction(line.key()?)?)),
    unknown(5, Kind::Int32, "traffic-path"),
    unknown(7, Kind::Text, "ecs-cluster-arn"),
    unknown(7, Kind::Text, "ecs-cluster-name"),
    unknown(7, Kind::Text, "ecs-container-instance-arn"),
    unknown(7, Kind::Text, "ecs-container-instance-id"),
    unknown(7, Kind::Text, "ecs-container-id"),
    unknown(7, Kind::Text, "ecs-second-container-id"),
    unknown(7, Kind::Text, "ecs-service-name"),
    unknown(7, Kind::Text, "ecs-task-definition-arn"),
    unknown(7, Kind::Text, "ecs-task-arn"),
    unknown(7, Kind::Text, "ecs-task-id"),
    unknown(8, Kind::Text, "reject-reason"),
    unknown(9, Kind::Text, "resource-id"),
    unknown(10, Kind::Int32, "encryption-status"),
    field!(Some(11), Text, "instance-tag", |line, to| put_tag(to, line, 0)),
    field!(Some(11), Text, "instance-tag-2", |line, to| put_tag(to, line, 1)),
    unknown(11, Kind::Text, "interface-tag"),
    unknown(11, Kind::Text, "interface-tag-2"),
    unknown(11, Kind::Text, "asg-tag"),
    unknown(11, Kind::Text, "asg-tag-2"),
    unknown(11, Kind::Text, "interface-type"),
    unknown(11, Kind::Text, "next-hop-interface-id"),
    unknown(11, Kind::Text, "next-hop-subnet-id"),
    unknown(11, Kind::Text, "next-hop-az-id"),
    unknown(11, Kind::Text, "next-hop-vpc-id"),
    unknown(11, Kind::Text, "next-hop-interface-type"),
    field!(None, Text, "flowmote-agent", |line, to| put(to, &line.interface.agent)),
    field!(None, Text, "flowmote-datasource", |line, to| {
        let DataSource { class, index } = line.key()?.interface.data_source;
        if class == 0 { put(to, index) } else { put(to, format_args!("{class}.{index}")) }
    }),
    field!(None, Text, "flowmote-host", |line, to| put_some(to, &line.place()?.host)),
    field!(None, Int64, "flowmote-ifindex", |line, to| put(to, line.interface.index?)),
    field!(None, Text, "flowmote-ifname", |line, to| put_some(to, &line.place()?.name)),
    field!(None, Text, "flowmote-srcmac", |line, to| put_mac(to, line.key()?.link?.src)),
    field!(None, Text, "flowmote-dstmac", |line, to| put_mac(to, line.key()?.link?.dst)),
    field!(None, Int32, "flowmote-vlan-id", |line, to| put(to, line.key()?.link?.vlan?)),
    field!(None, Int64, "flowmote-samples", |line, to| put(to, line.numbers()?.samples)),
    field!(None, Double, "flowmote-sampling-rate", |line, to| {
        put_rounded(to, line.numbers()?.sampling_rate())
    }),
    field!(None, Double, "flowmote-error", |line, to| put_rounded(to, line.numbers()?.error())),
    field!(None, Double, "flowmote-frames", |line, to| put(to, line.numbers()?.frames().total)),
    field!(None, Double, "flowmote-frames-variance", |line, to| {
        put(to, line.numbers()?.frames().variance)
    }),
    field!(None, Double, "flowmote-frame-bytes", |line, to| {
        put(to, line.frames?.bytes().total)
    }),
    field!(None, Double, "flowmote-frame-bytes-squares", |line, to| {
        put(to, line.frames?.bytes().squares)
    }),
    field!(None, Double, "flowmote-frame-bytes-variance", |line, to| {
        put(to, line.frames?.bytes().variance)
    }),
    field!(None, Double, "flowmote-rate-error", |line, to| put(to, line.frames?.rate_error())),
    field!(None, Int64, "flowmote-tcp-rtt", |line, to| put(to, line.numbers()?.rtt()?)),
    field!(None, Int64, "flowmote-tcp-retransmissions", |line, to| {
        put(to, line.numbers()?.retransmissions()?)
    }),
    field!(None, Text, "flowmote-drop-reason", |line, to| put_reason(to, line.key()?.reason?)),
];

/// Source and destination as AWS shows them: that of the interface itself is its primary address.
fn ends(line: &Line<'_>) -> Option<(IpAddr, IpAddr)> {
    let key = line.key()?;
    let own = |address: IpAddr| match (address, line.interface.addresses.split_first()) {
        (IpAddr::V4(v4), Some((primary, others))) if others.contains(&v4) => (*primary).into(),
        _ => address,
    };
    let (src, dst) = (key.tuple.src, key.tuple.dst);
    Some(match key.direction {
        Direction::Ingress => (src, own(dst)),
        Direction::Egress => (own(src), dst),
        Direction::Unknown => (src, dst),
    })
}

fn whole(estimate: f64) -> u64 {
    estimate.round() as u64
}

fn action(key: &Key) -> &'static str {
    match key.action() {
        Action::Accept => "ACCEPT",
        Action::Reject => "REJECT",
        Action::Discard => "DISCARD",
    }
}

fn version_of_ip(key: &Key) -> &'static str {
    if key.tuple.src.is_ipv4() { "IPv4" } else { "IPv6" }
}

fn direction(key: &Key) -> Option<&'static str> {
    match key.direction {
        Direction::Ingress => Some("ingress"),
        Direction::Egress => Some("egress"),
        Direction::Unknown => None,
    }
}

fn put(to: &mut String, value: impl core::fmt::Display) -> Option<()> {
    write!(to, "{value}").ok()
}

/// A text of a device, without spaces and control characters.
fn put_text(to: &mut String, text: &str) -> Option<()> {
    if text.is_empty() {
        return None;
    }
    put(to, utf8_percent_encode(text, ENCODED))
}

fn put_some(to: &mut String, text: &Option<String>) -> Option<()> {
    put_text(to, text.as_ref()?)
}

/// A tag of the instance.
fn put_tag(to: &mut String, line: &Line<'_>, number: usize) -> Option<()> {
    put_text(to, line.place()?.tag(line.tag_keys.get(number)?)?)
}

fn put_rounded(to: &mut String, number: f64) -> Option<()> {
    put(to, (number * 100.0).round() / 100.0)
}

fn put_mac(to: &mut String, MacAddress([a, b, c, d, e, f]): MacAddress) -> Option<()> {
    write!(to, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}").ok()
}

fn put_reason(to: &mut String, code: u32) -> Option<()> {
    match drop_reason_name(code) {
        Some(name) => put(to, name),
        None => put(to, code),
    }
}

/// Of texts: all but letters, digits and these.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/').remove(b':').remove(b'@');

/// An address among texts.
pub(super) fn addresses(text: &str) -> Vec<Ipv4Addr> {
    text.split(' ').filter_map(|address| address.parse().ok()).collect()
}
