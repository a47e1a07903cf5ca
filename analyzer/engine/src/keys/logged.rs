//! Records of flow logs that were written to files, as keys read them.
//!
//! A record has many packets. So it has the keys that all of them share, and no others: those of the
//! outermost IP packet, of its Ethernet header, and of the data source.

use core::net::IpAddr;

use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::{Address, DataSource, MacAddress};

use super::buffer::KeyBuffer;
use super::catalogue::KeyInfo;
use super::common::Common;
use super::context::Context;
use super::expression::Expression;
use super::subject::{Bearer, Subject};
use super::traffic::Direction;
use super::value::{Value, address};
use crate::flowcache::Sums;
use crate::source::Source;

/// A record of a flow log: packets of a 5-tuple at a data source in a window of time.
///
/// What a query does not [read](crate::samples::PastQuery::logged) may have any value.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    /// The data source of the samples.
    pub source: Source,
    /// The way through its interface.
    pub direction: Direction,
    /// Addresses, protocol and ports of the outermost IP packet.
    pub tuple: FiveTuple,
    /// Source and destination in the Ethernet header.
    pub macs: Option<(MacAddress, MacAddress)>,
    /// The VLAN.
    pub vlan: Option<u16>,
    /// Sampled packets.
    pub samples: u64,
    /// Variance of the sampling rate, relative to its square.
    pub rate_error: f64,
    pub(crate) frames: Sums,
    pub(crate) bytes: Sums,
}

/// A sum over the samples of a record, with what its error follows from. With N packets for each sample,
/// and w = N·value: the sums of w, of w², and of w²·(1 - 1/N).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "said above")]
pub struct LoggedSum {
    pub total: f64,
    pub squares: f64,
    pub variance: f64,
}

impl Logged {
    /// A record without samples.
    pub fn new() -> Self {
        let unspecified = IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED);
        let tuple =
            FiveTuple { src: unspecified, dst: unspecified, protocol: 0, src_port: 0, dst_port: 0 };
        let data_source = DataSource { class: 0, index: 0 };
        let source = Source { agent: Address::Unknown, data_source };
        Self {
            source,
            direction: Direction::Unknown,
            tuple,
            macs: None,
            vlan: None,
            samples: 0,
            rate_error: 0.0,
            frames: Sums::default(),
            bytes: Sums::default(),
        }
    }

    /// The same with numbers of packets, and of bytes of frames.
    #[must_use]
    pub fn with_sums(self, frames: LoggedSum, bytes: LoggedSum) -> Self {
        Self { frames: frames.sums(), bytes: bytes.sums(), ..self }
    }

    /// The ports, if the record has some: later fragments have none.
    fn ports(&self) -> Option<(u16, u16)> {
        let FiveTuple { protocol, src_port, dst_port, .. } = self.tuple;
        let ports = matches!(protocol, 6 | 17 | 132).then_some((src_port, dst_port));
        ports.filter(|ports| *ports != (0, 0))
    }

    fn ports_of(&self, protocol: u8) -> Option<(u16, u16)> {
        self.ports().filter(|_| self.tuple.protocol == protocol)
    }

    #[inline]
    fn common<'p>(&self, common: Common) -> Option<Value<'p>> {
        let FiveTuple { src, dst, protocol, .. } = self.tuple;
        let (v4, v6) = (src.is_ipv4(), src.is_ipv6());
        Some(match common {
            Common::Agent => return address(self.source.agent),
            Common::DataSource => return Some(data_source(self.source.data_source)),
            Common::Src => src.into(),
            Common::Dst => dst.into(),
            Common::V4Src => v4.then_some(src)?.into(),
            Common::V4Dst => dst.is_ipv4().then_some(dst)?.into(),
            Common::V6Src => v6.then_some(src)?.into(),
            Common::V6Dst => dst.is_ipv6().then_some(dst)?.into(),
            Common::Protocol => protocol.into(),
            Common::V4Protocol => v4.then_some(protocol)?.into(),
            Common::Sport => self.ports()?.0.into(),
            Common::Dport => self.ports()?.1.into(),
            Common::TcpSport => self.ports_of(TCP)?.0.into(),
            Common::TcpDport => self.ports_of(TCP)?.1.into(),
            Common::UdpSport => self.ports_of(UDP)?.0.into(),
            Common::UdpDport => self.ports_of(UDP)?.1.into(),
            // Of each packet; the sums are what is read.
            Common::Frames => 1_u8.into(),
            Common::Bytes => (self.bytes.total / self.frames.total.max(1.0)).into(),
            Common::Input | Common::Output => return None,
        })
    }

    fn rare<'p>(&self, name: &str) -> Option<Value<'p>> {
        Some(match name {
            "direction" => match self.direction {
                Direction::Ingress => "ingress".into(),
                Direction::Egress => "egress".into(),
                Direction::Unknown => return None,
            },
            "macsource" => self.macs?.0.into(),
            "macdestination" => self.macs?.1.into(),
            "vlan" => self.vlan?.into(),
            "sctpsourceport" => self.ports_of(SCTP)?.0.into(),
            "sctpdestinationport" => self.ports_of(SCTP)?.1.into(),
            _ => return None,
        })
    }
}

impl Default for Logged {
    fn default() -> Self {
        Self::new()
    }
}

impl LoggedSum {
    fn sums(self) -> Sums {
        let Self { total, squares, variance } = self;
        Sums { total, squares, variance }
    }
}

fn data_source<'p>(DataSource { class, index }: DataSource) -> Value<'p> {
    if class == 0 { index.into() } else { format!("{class}.{index}").into() }
}

impl Bearer for Logged {
    #[inline]
    fn key<'p>(&'p self, info: &KeyInfo, _: u8, common: Option<Common>) -> Option<Value<'p>> {
        match common {
            Some(common) => self.common(common),
            None => self.rare(info.name),
        }
    }

    fn agent(&self) -> &Address {
        &self.source.agent
    }

    fn attribute<'p>(&'p self, _: &str) -> Option<Value<'p>> {
        None
    }
}

/// A record as a subject.
#[derive(Clone, Copy)]
pub(crate) struct LoggedSubject<'a> {
    pub(crate) flow: &'a Logged,
    pub(crate) context: &'a Context<'a>,
}

impl Subject for LoggedSubject<'_> {
    #[inline]
    fn value<'s>(&'s self, of: &'s Expression) -> Option<Value<'s>> {
        of.eval_of(self.flow, self.context)
    }

    #[inline]
    fn write(&self, of: &Expression, buffer: &mut KeyBuffer) -> bool {
        self.value(of).map(|value| buffer.push(&value)).is_some()
    }
}

/// The keys that all packets of a record share.
pub(crate) const LOGGED_KEYS: [&str; 22] = [
    "agent",
    "datasource",
    "direction",
    "src",
    "dst",
    "ipproto",
    "sport",
    "dport",
    "ipsource",
    "ipdestination",
    "ipprotocol",
    "ip6source",
    "ip6destination",
    "tcpsourceport",
    "tcpdestinationport",
    "udpsourceport",
    "udpdestinationport",
    "sctpsourceport",
    "sctpdestinationport",
    "macsource",
    "macdestination",
    "vlan",
];
const TCP: u8 = 6;
const UDP: u8 = 17;
const SCTP: u8 = 132;
