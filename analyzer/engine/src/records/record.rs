//! The numbers of a record.

use core::time::Duration;

use super::key::Key;
use super::meter::Window;
use crate::keys::{Connection, LoggedSum};

/// A sample, as far as records need it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Microseconds since 1970.
    pub(super) time: u64,
    /// Packets that it stands for.
    pub(super) packets: f64,
    pub(super) key: Key,
    /// The number of the interface; `None` if there are too many.
    pub(super) interface: Option<u32>,
    /// Bytes of the IP packet with its header.
    pub(super) bytes: u64,
    pub(super) tcp_flags: u8,
    /// Bytes of the frame.
    pub(super) frame: u64,
    /// Variance of the sampling rate, relative to its square.
    pub(super) rate_error: f64,
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
    /// The first and the last sample, milliseconds since the start of the window.
    first: u32,
    last: u32,
    /// All flags together: FIN 1, SYN 2, RST 4, SYN with ACK 18.
    pub tcp_flags: u8,
    /// Variance of the packets.
    variance: f32,
    measured: u32,
    /// Sum of the round-trip times, microseconds.
    rtt: u64,
    /// Least and largest count of retransmissions; the least is larger without one.
    least: u32,
    most: u32,
}

impl Record {
    /// A record without packets, from a time after the start of the window on.
    pub(super) fn new(first: u32) -> Self {
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
            least: u32::MAX,
            most: 0,
        }
    }

    /// A record of one sample, milliseconds after the start of the window, of a packet with so many bytes and
    /// these flags.
    pub fn of(time: u32, packets: f64, bytes: u64, tcp_flags: u8) -> Self {
        let mut record = Self::new(time);
        record.add_packet(time, packets, bytes, tcp_flags);
        record
    }

    /// Adds a sample of a time after the start of the window.
    #[inline]
    pub(super) fn add(&mut self, time: u32, sample: &Sample) {
        let Sample { packets, bytes, tcp_flags, connection, .. } = *sample;
        self.add_packet(time, packets, bytes, tcp_flags);
        let Some(Connection { rtt, retransmissions }) = connection else { return };
        if let Some(rtt) = rtt {
            self.rtt += u64::from(rtt);
            self.measured = self.measured.saturating_add(1);
        }
        if let Some(count) = retransmissions {
            (self.least, self.most) = (self.least.min(count), self.most.max(count));
        }
    }

    fn add_packet(&mut self, time: u32, packets: f64, bytes: u64, tcp_flags: u8) {
        self.packets += packets;
        self.bytes += packets * bytes as f64;
        self.samples = self.samples.saturating_add(1);
        self.variance += (packets * (packets - 1.0)) as f32;
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        self.tcp_flags |= tcp_flags;
    }

    /// The first sample, since 1970, of a record in a window.
    pub fn first(&self, window: Window) -> Duration {
        Duration::from_secs(window.start) + Duration::from_millis(self.first.into())
    }

    /// The last sample, since 1970.
    pub fn last(&self, window: Window) -> Duration {
        Duration::from_secs(window.start) + Duration::from_millis(self.last.into())
    }

    /// The packets, as [`Logged`](crate::samples::Logged) has them.
    pub fn frames(&self) -> LoggedSum {
        let variance = self.variance.into();
        LoggedSum { total: self.packets, squares: variance + self.packets, variance }
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
        self.most.checked_sub(self.least)
    }
}

/// The bytes of the frames of a record, as the key `bytes` has them, with what their error follows from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frames {
    bytes: f64,
    squares: f32,
    variance: f32,
    rate_error: f32,
}

impl Frames {
    pub(super) fn add(&mut self, sample: &Sample) {
        let Sample { packets, frame, rate_error, .. } = *sample;
        let amount = packets * frame as f64;
        self.bytes += amount;
        self.squares += (amount * amount) as f32;
        self.variance += (amount * amount * (1.0 - packets.recip())) as f32;
        self.rate_error = self.rate_error.max(rate_error as f32);
    }

    /// Bytes of frames with their FCS.
    pub fn bytes(&self) -> LoggedSum {
        let (squares, variance) = (self.squares.into(), self.variance.into());
        LoggedSum { total: self.bytes, squares, variance }
    }

    /// Variance of the sampling rate, relative to its square.
    pub fn rate_error(&self) -> f64 {
        self.rate_error.into()
    }
}
