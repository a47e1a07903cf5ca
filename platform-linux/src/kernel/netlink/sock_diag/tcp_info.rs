//! Parser of `struct tcp_info` (linux/tcp.h), which grows with each few kernels.

/// The state of a TCP connection. Field names are those of the kernel without `tcpi_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct TcpInfo {
    /// Bytes.
    pub(crate) snd_mss: u32,
    /// Bytes.
    pub(crate) rcv_mss: u32,
    /// Segments sent and not yet acknowledged.
    pub(crate) unacked: u32,
    /// Segments considered lost.
    pub(crate) lost: u32,
    /// Bytes.
    pub(crate) pmtu: u32,
    /// Microseconds, smoothed.
    pub(crate) rtt: u32,
    /// Microseconds.
    pub(crate) rttvar: u32,
    /// Segments.
    pub(crate) snd_cwnd: u32,
    /// Segments.
    pub(crate) reordering: u32,
    /// Segments retransmitted since the connection was opened.
    pub(crate) total_retrans: u32,
    /// Microseconds; `None` before the first measurement and before Linux 4.6.
    pub(crate) min_rtt: Option<u32>,
    /// Bytes that the peer has acknowledged; `None` before Linux 4.1, as is `bytes_received`.
    pub(crate) bytes_acked: Option<u64>,
    /// Bytes received in order.
    pub(crate) bytes_received: Option<u64>,
    /// Expired retransmission timers, modulo 2^16; `None` before Linux 6.7.
    pub(crate) total_rto: Option<u16>,
}

impl TcpInfo {
    /// Reads what the kernel has of the structure; `None` if that is less than Linux 2.6 had.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let u32_at = |at: usize| Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let u64_at = |at: usize| Some(u64::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        let u16_at = |at: usize| Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        Some(Self {
            snd_mss: u32_at(16)?,
            rcv_mss: u32_at(20)?,
            unacked: u32_at(24)?,
            lost: u32_at(32)?,
            pmtu: u32_at(60)?,
            rtt: u32_at(68)?,
            rttvar: u32_at(72)?,
            snd_cwnd: u32_at(80)?,
            reordering: u32_at(88)?,
            total_retrans: u32_at(100)?,
            bytes_acked: u64_at(120),
            bytes_received: u64_at(128),
            // minmax_reset starts with the largest number (net/ipv4/tcp.c, tcp_init_sock).
            min_rtt: u32_at(148).filter(|&min_rtt| min_rtt != u32::MAX),
            total_rto: u16_at(240),
        })
    }
}

#[cfg(test)]
pub(super) mod testing {
    /// A structure whose every byte is its offset, as far as Linux 6.7 has it, except for the fields
    /// that are set.
    pub(crate) fn tcp_info(set: &[(usize, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..248_u32).map(|at| at as u8).collect();
        for (at, value) in set {
            bytes[*at..*at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::testing::tcp_info;
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn fields_are_where_the_kernel_has_them() {
        let info = TcpInfo::parse(&tcp_info(&[])).unwrap();
        let at = |offset: u32| offset * 0x0101_0101 + 0x0302_0100;
        assert_eq!((info.snd_mss, info.rcv_mss, info.unacked), (at(16), at(20), at(24)));
        assert_eq!((info.lost, info.pmtu, info.rtt, info.rttvar), (at(32), at(60), at(68), at(72)));
        assert_eq!((info.snd_cwnd, info.reordering, info.total_retrans), (at(80), at(88), at(100)));
        let long = |offset: u32| u64::from(at(offset)) | u64::from(at(offset + 4)) << 32;
        assert_eq!(info.bytes_acked, Some(long(120)));
        assert_eq!(info.bytes_received, Some(long(128)));
        assert_eq!((info.min_rtt, info.total_rto), (Some(at(148)), Some(0xf1f0)));
    }

    #[test]
    fn older_kernels_have_a_shorter_structure() {
        let whole = tcp_info(&[]);
        let of = |length: usize| TcpInfo::parse(&whole[..length]);
        assert_eq!(of(103), None);
        let linux_3 = of(104).unwrap();
        assert_eq!((linux_3.bytes_acked, linux_3.min_rtt, linux_3.total_rto), (None, None, None));
        let linux_4_19 = of(232).unwrap();
        assert!(linux_4_19.min_rtt.is_some() && linux_4_19.bytes_received.is_some());
        assert_eq!(linux_4_19.total_rto, None);
        let longer = [whole.as_slice(), &[0xa5; 200]].concat();
        assert_eq!(TcpInfo::parse(&longer), TcpInfo::parse(&whole));
    }

    #[test]
    fn round_trip_time_that_was_never_measured_is_unknown() {
        let info = TcpInfo::parse(&tcp_info(&[(148, u32::MAX)])).unwrap();
        assert_eq!(info.min_rtt, None);
    }
}
