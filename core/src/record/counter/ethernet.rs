//! Counter records of an Ethernet port.

use super::table::{Counter32, counter_record};

counter_record! {
    /// `ethernet_counters` (0:2): `dot3StatsTable` of the EtherLike-MIB (RFC 2358), in frames.
    EthernetCounters = 0:2 {
        /// Received with a bad FCS and a length that is not a whole number of octets.
        dot3_stats_alignment_errors: Counter32,
        /// Received with a bad FCS.
        dot3_stats_fcs_errors: Counter32,
        /// Sent after exactly one collision.
        dot3_stats_single_collision_frames: Counter32,
        /// Sent after more than one collision.
        dot3_stats_multiple_collision_frames: Counter32,
        /// SQE test errors.
        dot3_stats_sqe_test_errors: Counter32,
        /// Sent late because the medium was busy.
        dot3_stats_deferred_transmissions: Counter32,
        /// Collisions more than one slot time into the frame.
        dot3_stats_late_collisions: Counter32,
        /// Not sent because of too many collisions.
        dot3_stats_excessive_collisions: Counter32,
        /// Not sent because of an error within the MAC.
        dot3_stats_internal_mac_transmit_errors: Counter32,
        /// Carrier lost or missing while sending.
        dot3_stats_carrier_sense_errors: Counter32,
        /// Received with more than the permitted length.
        dot3_stats_frame_too_longs: Counter32,
        /// Not received because of an error within the MAC.
        dot3_stats_internal_mac_receive_errors: Counter32,
        /// Received with an invalid symbol.
        dot3_stats_symbol_errors: Counter32,
    }
}

counter_record! {
    /// `pfc_counters` (0:11): priority flow control (IEEE 802.1Qbb) of a port, all priorities
    /// together. Sent with [`IfCounters`](super::IfCounters) (rule A17).
    ///
    /// The direction of the first two fields is ambiguous: requests are frames sent in the MIB and
    /// frames received in Host sFlow.
    PfcCounters = 0:11 {
        /// `ieee8021PfcRequests`, frames.
        requests: Counter32,
        /// `ieee8021PfcIndications`, frames.
        indications: Counter32,
        /// Time paused, microseconds.
        pause_duration: Counter32,
        /// Storms of pause frames that the watchdog detected.
        storm_detected: Counter32,
        /// Storms that ended.
        storm_restored: Counter32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, word};

    #[test]
    fn ethernet_counters() {
        let record = EthernetCounters {
            dot3_stats_alignment_errors: word(1),
            dot3_stats_fcs_errors: word(2),
            dot3_stats_single_collision_frames: word(3),
            dot3_stats_multiple_collision_frames: word(4),
            dot3_stats_sqe_test_errors: word(5),
            dot3_stats_deferred_transmissions: word(6),
            dot3_stats_late_collisions: word(7),
            dot3_stats_excessive_collisions: word(8),
            dot3_stats_internal_mac_transmit_errors: word(9),
            dot3_stats_carrier_sense_errors: word(10),
            dot3_stats_frame_too_longs: word(11),
            dot3_stats_internal_mac_receive_errors: word(12),
            dot3_stats_symbol_errors: word(13),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2.hex"),
        );
    }

    #[test]
    fn pfc_counters() {
        let record = PfcCounters {
            requests: word(1),
            indications: word(2),
            pause_duration: word(3),
            storm_detected: word(4),
            storm_restored: word(5),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-11.hex"),
        );
    }

    #[test]
    fn ethernet_counters_unknown() {
        let format = crate::record::DataFormat::standard(2);
        testing::counter_bytes(&EthernetCounters::default(), format, &[0xff; 52]);
    }
}
