//! The columns of a file that a query reads.

use core::net::{IpAddr, Ipv4Addr};
use std::collections::BTreeSet;

use flowmote_decoder::{DataSource, MacAddress};
use flowmote_engine::records::Direction;
use flowmote_engine::samples::{Logged, LoggedSum};

/// A record in the making: the sums have numbers of several columns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) flow: Logged,
    pub(super) frames: LoggedSum,
    pub(super) bytes: LoggedSum,
    macs: [Option<MacAddress>; 2],
}

/// Sets what a column has in a row.
#[derive(Clone, Copy)]
pub(super) enum Setter {
    /// The text is parsed once for many rows; `None` if it is none that the program writes.
    Address(fn(&mut Row, IpAddr)),
    Mac(fn(&mut Row, MacAddress)),
    DataSource(fn(&mut Row, DataSource)),
    Direction(fn(&mut Row, Direction)),
    Whole(fn(&mut Row, i64)),
    Number(fn(&mut Row, f64)),
}

/// Columns by name.
#[derive(Clone, Debug)]
pub(super) struct Columns(Vec<&'static Column>);

/// A column, and the keys that follow from it.
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) set: Setter,
    /// Empty for one that all queries read.
    keys: &'static [&'static str],
}

impl Columns {
    /// The columns that keys follow from, and those that tell data sources apart.
    pub(super) fn of(keys: &BTreeSet<&str>) -> Self {
        let is_read = |column: &&Column| {
            column.keys.is_empty() || column.keys.iter().any(|key| keys.contains(key))
        };
        Self(COLUMNS.iter().filter(is_read).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &'static Column> {
        self.0.iter().copied()
    }
}

impl Row {
    /// The record.
    pub(super) fn logged(&self) -> Logged {
        let mut frames = self.frames;
        frames.squares = frames.variance + frames.total;
        let ([src, dst], mut flow) = (self.macs, self.flow);
        flow.macs = src.zip(dst);
        flow.with_sums(frames, self.bytes)
    }
}

impl core::fmt::Debug for Column {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Column").field("name", &self.name).finish_non_exhaustive()
    }
}

const fn column(name: &'static str, keys: &'static [&'static str], set: Setter) -> Column {
    Column { name, set, keys }
}

const COLUMNS: &[Column] = &[
    column(
        "flowmote_agent",
        &[],
        Setter::Address(|row, address| row.flow.source.agent = address.into()),
    ),
    column(
        "flowmote_datasource",
        &[],
        Setter::DataSource(|row, source| row.flow.source.data_source = source),
    ),
    column(
        "flowmote_samples",
        &[],
        Setter::Whole(|row, number| row.flow.samples = u64::try_from(number).unwrap_or_default()),
    ),
    column("flowmote_frames", &[], Setter::Number(|row, number| row.frames.total = number)),
    column("flowmote_rate_error", &[], Setter::Number(|row, number| row.flow.rate_error = number)),
    column(
        "flow_direction",
        &[],
        Setter::Direction(|row, direction| row.flow.direction = direction),
    ),
    column(
        "flowmote_frames_variance",
        &["frames"],
        Setter::Number(|row, number| row.frames.variance = number),
    ),
    column(
        "flowmote_frame_bytes",
        &["bytes"],
        Setter::Number(|row, number| row.bytes.total = number),
    ),
    column(
        "flowmote_frame_bytes_squares",
        &["bytes"],
        Setter::Number(|row, number| row.bytes.squares = number),
    ),
    column(
        "flowmote_frame_bytes_variance",
        &["bytes"],
        Setter::Number(|row, number| row.bytes.variance = number),
    ),
    column(
        "pkt_srcaddr",
        // Those of one version of IP are absent in records of the other.
        &["src", "ipsource", "ip6source", "ipprotocol"],
        Setter::Address(|row, address| row.flow.tuple.src = address),
    ),
    column(
        "pkt_dstaddr",
        &["dst", "ipdestination", "ip6destination"],
        Setter::Address(|row, address| row.flow.tuple.dst = address),
    ),
    column(
        "protocol",
        &[
            "ipproto",
            "ipprotocol",
            "sport",
            "dport",
            "tcpsourceport",
            "tcpdestinationport",
            "udpsourceport",
            "udpdestinationport",
            "sctpsourceport",
            "sctpdestinationport",
        ],
        Setter::Whole(|row, number| {
            row.flow.tuple.protocol = u8::try_from(number).unwrap_or_default();
        }),
    ),
    column("srcport", PORTS, Setter::Whole(|row, number| row.flow.tuple.src_port = port(number))),
    column("dstport", PORTS, Setter::Whole(|row, number| row.flow.tuple.dst_port = port(number))),
    column("flowmote_srcmac", MACS, Setter::Mac(|row, mac| row.macs[0] = Some(mac))),
    column("flowmote_dstmac", MACS, Setter::Mac(|row, mac| row.macs[1] = Some(mac))),
    column(
        "flowmote_vlan_id",
        &["vlan"],
        Setter::Whole(|row, number| row.flow.vlan = u16::try_from(number).ok()),
    ),
];

/// Keys of ports need both: fragments without ports have neither.
const PORTS: &[&str] = &[
    "sport",
    "dport",
    "tcpsourceport",
    "tcpdestinationport",
    "udpsourceport",
    "udpdestinationport",
    "sctpsourceport",
    "sctpdestinationport",
];
const MACS: &[&str] = &["macsource", "macdestination"];

fn port(number: i64) -> u16 {
    u16::try_from(number).unwrap_or_default()
}

/// Reads an address. The usual ones are read without the parser of the standard library, which is slower.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    v4(text).map(IpAddr::V4).or_else(|| str::from_utf8(text).ok()?.parse().ok())
}

fn v4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut address, mut number, mut digits, mut dots) = (0_u32, 0_u32, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 => {
                number = number * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && dots < 3 && number < 256 => {
                address = address << 8 | number;
                (number, digits, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    let is_whole = digits > 0 && dots == 3 && number < 256;
    is_whole.then(|| Ipv4Addr::from_bits(address << 8 | number))
}

/// Reads a MAC address as the program writes it: `02:00:00:00:00:01`.
pub(super) fn mac(text: &[u8]) -> Option<MacAddress> {
    let mut bytes = [0; 6];
    let mut parts = str::from_utf8(text).ok()?.split(':');
    for byte in &mut bytes {
        *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
    }
    parts.next().is_none().then_some(MacAddress(bytes))
}

/// Reads a data source: `5`, or `2.7` of another class.
pub(super) fn data_source(text: &[u8]) -> Option<DataSource> {
    let text = str::from_utf8(text).ok()?;
    let (class, index) = text.split_once('.').unwrap_or(("0", text));
    Some(DataSource { class: class.parse().ok()?, index: index.parse().ok()? })
}

pub(super) fn direction(text: &[u8]) -> Direction {
    match text {
        b"ingress" => Direction::Ingress,
        b"egress" => Direction::Egress,
        _ => Direction::Unknown,
    }
}
