//! The counter record of a port in a link aggregate.

use super::table::Counter32;
use crate::record::{CounterRecord, DataFormat};
use crate::xdr::Encoder;

/// `lag_port_stats` (0:7): `dot3adAggPortTable` of the IEEE8023-LAG-MIB for one member port.
///
/// Sent with [`IfCounters`](super::IfCounters). All members must have the same polling interval and
/// sampling rate, and the aggregate is a data source too (rule A17).
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LagPortStats {
    /// System id of this device; all zero: unknown.
    pub dot3ad_agg_port_actor_system_id: [u8; 6],
    /// System id of the partner; all zero: unknown.
    pub dot3ad_agg_port_partner_oper_system_id: [u8; 6],
    /// ifIndex of the aggregate; 0: none or unknown.
    pub dot3ad_agg_port_attached_agg_id: u32,
    /// LACP state of both ends.
    pub dot3ad_agg_port_state: LacpState,
    /// LACPDUs received.
    pub dot3ad_agg_port_stats_lacpdus_rx: Counter32,
    /// Marker PDUs received.
    pub dot3ad_agg_port_stats_marker_pdus_rx: Counter32,
    /// Marker responses received.
    pub dot3ad_agg_port_stats_marker_response_pdus_rx: Counter32,
    /// Frames of an unknown slow protocol received.
    pub dot3ad_agg_port_stats_unknown_rx: Counter32,
    /// Malformed frames of slow protocols received.
    pub dot3ad_agg_port_stats_illegal_rx: Counter32,
    /// LACPDUs sent.
    pub dot3ad_agg_port_stats_lacpdus_tx: Counter32,
    /// Marker PDUs sent.
    pub dot3ad_agg_port_stats_marker_pdus_tx: Counter32,
    /// Marker responses sent.
    pub dot3ad_agg_port_stats_marker_response_pdus_tx: Counter32,
}

impl LagPortStats {
    /// Every field unknown, to be completed with `..UNKNOWN`.
    pub const UNKNOWN: Self = Self {
        dot3ad_agg_port_actor_system_id: [0; 6],
        dot3ad_agg_port_partner_oper_system_id: [0; 6],
        dot3ad_agg_port_attached_agg_id: 0,
        dot3ad_agg_port_state: LacpState::UNKNOWN,
        dot3ad_agg_port_stats_lacpdus_rx: Counter32::MAX,
        dot3ad_agg_port_stats_marker_pdus_rx: Counter32::MAX,
        dot3ad_agg_port_stats_marker_response_pdus_rx: Counter32::MAX,
        dot3ad_agg_port_stats_unknown_rx: Counter32::MAX,
        dot3ad_agg_port_stats_illegal_rx: Counter32::MAX,
        dot3ad_agg_port_stats_lacpdus_tx: Counter32::MAX,
        dot3ad_agg_port_stats_marker_pdus_tx: Counter32::MAX,
        dot3ad_agg_port_stats_marker_response_pdus_tx: Counter32::MAX,
    };
}

impl Default for LagPortStats {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl CounterRecord for LagPortStats {
    fn format(&self) -> DataFormat {
        DataFormat::standard(7)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.mac(self.dot3ad_agg_port_actor_system_id);
        xdr.mac(self.dot3ad_agg_port_partner_oper_system_id);
        xdr.words([
            self.dot3ad_agg_port_attached_agg_id,
            self.dot3ad_agg_port_state.word(),
            self.dot3ad_agg_port_stats_lacpdus_rx,
            self.dot3ad_agg_port_stats_marker_pdus_rx,
            self.dot3ad_agg_port_stats_marker_response_pdus_rx,
            self.dot3ad_agg_port_stats_unknown_rx,
            self.dot3ad_agg_port_stats_illegal_rx,
            self.dot3ad_agg_port_stats_lacpdus_tx,
            self.dot3ad_agg_port_stats_marker_pdus_tx,
            self.dot3ad_agg_port_stats_marker_response_pdus_tx,
        ]);
    }
}

/// LACP state octets of a port (IEEE 802.1AX, 6.4.2.3): activity 0x01, timeout 0x02, aggregation
/// 0x04, synchronization 0x08, collecting 0x10, distributing 0x20, defaulted 0x40, expired 0x80.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LacpState {
    /// This device, as configured.
    pub actor_admin: u8,
    /// This device, in operation.
    pub actor_oper: u8,
    /// The partner, as assumed without LACPDUs from it.
    pub partner_admin: u8,
    /// The partner, in operation.
    pub partner_oper: u8,
}

impl LacpState {
    /// No state, all bits clear.
    pub const UNKNOWN: Self =
        Self { actor_admin: 0, actor_oper: 0, partner_admin: 0, partner_oper: 0 };

    /// Returns the four octets in the order of the specification, on machines of any byte order.
    const fn word(self) -> u32 {
        u32::from_be_bytes([
            self.actor_admin,
            self.actor_oper,
            self.partner_admin,
            self.partner_oper,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, mac, word};

    #[test]
    fn lag_port_stats() {
        let record = LagPortStats {
            dot3ad_agg_port_actor_system_id: mac(1),
            dot3ad_agg_port_partner_oper_system_id: mac(2),
            dot3ad_agg_port_attached_agg_id: word(3),
            dot3ad_agg_port_state: LacpState {
                actor_admin: 0x3d,
                actor_oper: 0x3c,
                partner_admin: 5,
                partner_oper: 4,
            },
            dot3ad_agg_port_stats_lacpdus_rx: word(4),
            dot3ad_agg_port_stats_marker_pdus_rx: word(5),
            dot3ad_agg_port_stats_marker_response_pdus_rx: word(6),
            dot3ad_agg_port_stats_unknown_rx: word(7),
            dot3ad_agg_port_stats_illegal_rx: word(8),
            dot3ad_agg_port_stats_lacpdus_tx: word(9),
            dot3ad_agg_port_stats_marker_pdus_tx: word(10),
            dot3ad_agg_port_stats_marker_response_pdus_tx: word(11),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-7.hex"),
        );
    }

    #[test]
    fn lag_port_stats_unknown() {
        let mut bytes = [0; 56];
        bytes[24..].fill(0xff);
        testing::counter_bytes(&LagPortStats::default(), DataFormat::standard(7), &bytes);
    }
}
