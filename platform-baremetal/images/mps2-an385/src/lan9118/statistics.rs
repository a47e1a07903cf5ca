//! What the controller has counted.

/// Frames and bytes since the start. Octets include the FCS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Received and good.
    pub rx: Traffic,
    /// Sent.
    pub tx: Traffic,
    /// Good frames that found no room in the FIFO (RX_DROP) or in the buffer of the caller.
    pub rx_dropped: u32,
    /// All received in error.
    pub rx_errors: u32,
    /// Received with a bad FCS.
    pub rx_fcs_errors: u32,
    /// Received with a bad FCS and a length that is no whole number of octets.
    pub rx_alignment_errors: u32,
    /// Received and longer than permitted.
    pub rx_too_long: u32,
    /// Received with an error of the MII.
    pub rx_symbol_errors: u32,
    /// Frames that were not sent: no room in the FIFO, or too long.
    pub tx_dropped: u32,
    /// All that an error kept from being sent.
    pub tx_errors: u32,
    /// Sent after exactly one collision.
    pub tx_single_collision: u32,
    /// Sent after more than one collision.
    pub tx_multiple_collisions: u32,
    /// Sent late because the medium was busy.
    pub tx_deferred: u32,
    /// Collisions too late.
    pub tx_late_collisions: u32,
    /// Given up after 16 collisions.
    pub tx_excessive_collisions: u32,
    /// Carrier lost or missing while sending.
    pub tx_carrier_errors: u32,
}

/// Frames in one direction by the kind of their destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes with FCS.
    pub octets: u64,
    /// Frames to one station.
    pub unicast: u32,
    /// Frames to a group.
    pub multicast: u32,
    /// Frames to all.
    pub broadcast: u32,
}

impl Statistics {
    pub(super) const NONE: Self = {
        let none = Traffic { octets: 0, unicast: 0, multicast: 0, broadcast: 0 };
        Self {
            rx: none,
            tx: none,
            rx_dropped: 0,
            rx_errors: 0,
            rx_fcs_errors: 0,
            rx_alignment_errors: 0,
            rx_too_long: 0,
            rx_symbol_errors: 0,
            tx_dropped: 0,
            tx_errors: 0,
            tx_single_collision: 0,
            tx_multiple_collisions: 0,
            tx_deferred: 0,
            tx_late_collisions: 0,
            tx_excessive_collisions: 0,
            tx_carrier_errors: 0,
        }
    };

    /// Counts what the status of a sent frame says.
    pub(super) fn count_sent(&mut self, status: u32) {
        let count = |bits: u32, counter: &mut u32| {
            if status & bits != 0 {
                increment(counter);
            }
        };
        count(TX_STATUS_ERROR, &mut self.tx_errors);
        count(TX_STATUS_CARRIER, &mut self.tx_carrier_errors);
        count(TX_STATUS_LATE, &mut self.tx_late_collisions);
        count(TX_STATUS_EXCESSIVE, &mut self.tx_excessive_collisions);
        count(TX_STATUS_DEFERRED, &mut self.tx_deferred);
        match (status >> 3) & 0xf {
            0 => {}
            1 => increment(&mut self.tx_single_collision),
            _ => increment(&mut self.tx_multiple_collisions),
        }
    }
}

impl Traffic {
    /// Frames of every destination.
    #[must_use]
    pub fn frames(&self) -> u32 {
        self.unicast.wrapping_add(self.multicast).wrapping_add(self.broadcast)
    }

    /// Counts a frame that begins like this.
    pub(super) fn count(&mut self, frame: &[u8], octets: u32) {
        self.octets = self.octets.wrapping_add(u64::from(octets));
        increment(match frame {
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..] => &mut self.broadcast,
            [first, ..] if first & 1 != 0 => &mut self.multicast,
            _ => &mut self.unicast,
        });
    }
}

/// Adds one, modulo 2^32.
pub(super) fn increment(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}

/// TX status, section 3.12.4.
const TX_STATUS_ERROR: u32 = 1 << 15;
const TX_STATUS_CARRIER: u32 = 1 << 11 | 1 << 10;
const TX_STATUS_LATE: u32 = 1 << 9;
const TX_STATUS_EXCESSIVE: u32 = 1 << 8;
const TX_STATUS_DEFERRED: u32 = 1 << 0;
