//! The numbers of a record.

use core::time::Duration;

use super::key::Key;
use crate::keys::Connection;

/// A sample, as far as records need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Microseconds since 1970.
    pub(super) time: u64,
    /// Packets that it stands for.
    pub(super) packets: f64,
    pub(super) key: Key,
    /// Bytes of the IP packet with its header.
    pub(super) bytes: u64,
    pub(super) tcp_flags: u8,
    pub(super) connection: Option<Connection>,
}

/// The packets of a [`Key`] in a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Estimated packets.
    pub packets: f64,
    /// Estimated bytes of IP packets, with their headers.
    pub bytes: f64,
    /// Sampled packets.
    pub samples: u32,
    /// The first and the last sample, microseconds since 1970.
    first: u64,
    last: u64,
    /// All flags together: FIN 1, SYN 2, RST 4, SYN with ACK 18.
    pub tcp_flags: u8,
    /// Variance of the packets.
    variance: f32,
    measured: u32,
    /// Sum of the round-trip times, microseconds.
    rtt: u64,
    /// Least and largest count of retransmissions.
    retransmissions: Option<(u32, u32)>,
}

impl Record {
    /// A record without packets, from a time on.
    pub(super) fn new(first: u64) -> Self {
        Self {
            packets: 0.0,
            bytes: 0.0,
            samples: 0,
            first,
            last: first,
            tcp_flags: 0,
            variance: 0.0,
            measured: 0,
            rtt: 0,
            retransmissions: None,
        }
    }

    /// A record of one sample, of a packet with so many bytes and these flags.
    pub fn of(time: Duration, packets: f64, bytes: u64, tcp_flags: u8) -> Self {
        let micros = micros(time);
        let mut record = Self::new(micros);
        record.add_packet(micros, packets, bytes, tcp_flags);
        record
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        let Sample { time, packets, bytes, tcp_flags, connection, .. } = *sample;
        self.add_packet(time, packets, bytes, tcp_flags);
        let Some(Connection { rtt, retransmissions }) = connection else { return };
        if let Some(rtt) = rtt {
            self.rtt += u64::from(rtt);
            self.measured = self.measured.saturating_add(1);
        }
        if let Some(count) = retransmissions {
            let (least, most) = self.retransmissions.unwrap_or((count, count));
            self.retransmissions = Some((least.min(count), most.max(count)));
        }
    }

    fn add_packet(&mut self, time: u64, packets: f64, bytes: u64, tcp_flags: u8) {
        self.packets += packets;
        self.bytes += packets * bytes as f64;
        self.samples = self.samples.saturating_add(1);
        self.variance += (packets * (packets - 1.0)) as f32;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.tcp_flags |= tcp_flags;
    }

    /// The first sample, since 1970.
    pub fn first(&self) -> Duration {
        Duration::from_micros(self.first)
    }

    /// The last sample, since 1970.
    pub fn last(&self) -> Duration {
        Duration::from_micros(self.last)
    }

    /// Packets for each sample.
    pub fn sampling_rate(&self) -> f64 {
        self.packets / f64::from(self.samples.max(1))
    }

    /// The error of the packets at a confidence of 95 %, in percent of them: of c samples 196/√c, less
    /// if many of the packets were sampled.
    pub fn error(&self) -> f64 {
        if self.packets > 0.0 {
            196.0 * f64::from(self.variance).sqrt() / self.packets
        } else {
            0.0
        }
    }

    /// The average of the smoothed round-trip times that samples had, microseconds.
    pub fn rtt(&self) -> Option<u64> {
        self.rtt.checked_div(self.measured.into())
    }

    /// Segments sent again between the first and the last sample.
    pub fn retransmissions(&self) -> Option<u32> {
        self.retransmissions.map(|(least, most)| most - least)
    }
}

/// The unit of times here: they are compared for each sample.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
