//! The keys that most questions have, whose values are stored beside a sample.

/// A key without a suffix whose value is among the [facts](super::stored::Facts) of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    Agent,
    DataSource,
    Input,
    Output,
    Bytes,
    Frames,
    Src,
    Dst,
    V4Src,
    V4Dst,
    V6Src,
    V6Dst,
    Protocol,
    V4Protocol,
    Sport,
    Dport,
    TcpSport,
    TcpDport,
    UdpSport,
    UdpDport,
}

impl Common {
    /// The key of this name, if it is one of these.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "agent" => Self::Agent,
            "datasource" => Self::DataSource,
            "inputifindex" => Self::Input,
            "outputifindex" => Self::Output,
            "bytes" => Self::Bytes,
            "frames" => Self::Frames,
            "src" => Self::Src,
            "dst" => Self::Dst,
            "ipsource" => Self::V4Src,
            "ipdestination" => Self::V4Dst,
            "ip6source" => Self::V6Src,
            "ip6destination" => Self::V6Dst,
            "ipproto" => Self::Protocol,
            "ipprotocol" => Self::V4Protocol,
            "sport" => Self::Sport,
            "dport" => Self::Dport,
            "tcpsourceport" => Self::TcpSport,
            "tcpdestinationport" => Self::TcpDport,
            "udpsourceport" => Self::UdpSport,
            "udpdestinationport" => Self::UdpDport,
            _ => return None,
        })
    }
}
