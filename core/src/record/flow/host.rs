//! Records that only a host can add to a packet: the state of its TCP connection, and the entities
//! that sent and received it.

use crate::record::codes::codes;
use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// `extended_tcp_info` (0:2209): the state of the connection when the packet was sampled, from
/// `struct tcp_info` of Linux. In every field 0: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedTcpInfo {
    /// Direction of the packet.
    pub dir: PacketDirection,
    /// Send MSS, bytes.
    pub snd_mss: u32,
    /// Receive MSS, bytes.
    pub rcv_mss: u32,
    /// Segments sent and not yet acknowledged.
    pub unacked: u32,
    /// Segments considered lost.
    pub lost: u32,
    /// Segments retransmitted since the connection was opened, as hsflowd reports it.
    pub retrans: u32,
    /// Path MTU, bytes.
    pub pmtu: u32,
    /// Smoothed round-trip time, microseconds.
    pub rtt: u32,
    /// Variation of the round-trip time, microseconds.
    pub rttvar: u32,
    /// Congestion window, segments.
    pub snd_cwnd: u32,
    /// Reordering distance, segments.
    pub reordering: u32,
    /// Minimum round-trip time, microseconds.
    pub min_rtt: u32,
}

impl FlowRecord for ExtendedTcpInfo {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2209)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([
            self.dir.code(),
            self.snd_mss,
            self.rcv_mss,
            self.unacked,
            self.lost,
            self.retrans,
            self.pmtu,
            self.rtt,
            self.rttvar,
            self.snd_cwnd,
            self.reordering,
            self.min_rtt,
        ]);
    }
}

codes! {
    /// `dir` of [`ExtendedTcpInfo`].
    PacketDirection {
        UNKNOWN = 0 "unknown",
        /// Received by the owner of the socket.
        RECEIVED = 1 "received",
        /// Sent by the owner of the socket.
        SENT = 2 "sent",
    }
}

/// `extended_entities` (0:2210): the data sources that sent and received the packet, such as
/// virtual machines or containers. Class 0 with index 0: unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedEntities {
    /// Data source class of the sender, see [`SourceClass`](crate::SourceClass).
    pub src_ds_class: u32,
    /// Index of the sender within its class.
    pub src_ds_index: u32,
    /// Data source class of the receiver.
    pub dst_ds_class: u32,
    /// Index of the receiver within its class.
    pub dst_ds_index: u32,
}

impl FlowRecord for ExtendedEntities {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2210)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([self.src_ds_class, self.src_ds_index, self.dst_ds_class, self.dst_ds_index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, word};

    #[test]
    fn extended_tcp_info() {
        let record = ExtendedTcpInfo {
            dir: PacketDirection::new(word(1)),
            snd_mss: word(2),
            rcv_mss: word(3),
            unacked: word(4),
            lost: word(5),
            retrans: word(6),
            pmtu: word(7),
            rtt: word(8),
            rttvar: word(9),
            snd_cwnd: word(10),
            reordering: word(11),
            min_rtt: word(12),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-2209.hex"),
        );
    }

    #[test]
    fn extended_entities() {
        let record = ExtendedEntities {
            src_ds_class: word(1),
            src_ds_index: word(2),
            dst_ds_class: word(3),
            dst_ds_index: word(4),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-2210.hex"),
        );
    }

    #[test]
    fn extended_entities_unknown() {
        let format = DataFormat::standard(2210);
        testing::flow_bytes(&ExtendedEntities::default(), format, &[0; 16]);
    }
}
