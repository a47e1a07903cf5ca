//! Where the kernel has the fields of a TCP socket.

use std::io;

use crate::kernel::assembler::Width;
use crate::kernel::btf::Btf;
use crate::kernel::netlink::sock_diag::TcpInfo;
use crate::modules::tcp::elsewhere::program::Word;

/// The fields that the program copies.
#[derive(Debug)]
pub(super) struct Fields {
    /// The helper that returns the structure of the fields for a socket.
    pub(super) helper: i32,
    pub(super) list: Vec<Field>,
}

/// A field of the structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) word: Word,
    pub(super) offset: i16,
    pub(super) width: Width,
}

impl Fields {
    /// All fields, of the kernel's own `struct tcp_sock`. To read them takes CAP_PERFMON and Linux
    /// 5.10 (kernel/bpf/btf.c, `btf_struct_access`).
    ///
    /// # Errors
    /// `Unsupported` if the types lack one.
    pub(super) fn of(btf: &Btf) -> io::Result<Self> {
        Self::find(btf).ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    fn find(btf: &Btf) -> Option<Self> {
        let at = |path: &[&str]| i16::try_from(btf.offset("tcp_sock", path)?).ok();
        let field = |word, width, path: &[&str]| Some(Field { word, offset: at(path)?, width });
        let word = |word, name: &str| field(word, Width::Word, &[name]);
        let connection =
            |word, width, path: &[&str]| field(word, width, &[&["inet_conn"], path].concat());
        // struct minmax: the first of its samples, which are a time and a value.
        let min_rtt = at(&["rtt_min"])?.checked_add(4)?;
        let mut list = vec![
            word(Word::SndUna, "snd_una")?,
            field(Word::BytesAcked, Width::Double, &["bytes_acked"])?,
            field(Word::BytesReceived, Width::Double, &["bytes_received"])?,
            word(Word::SndMss, "mss_cache")?,
            connection(Word::RcvMss, Width::Half, &["icsk_ack", "rcv_mss"])?,
            word(Word::Unacked, "packets_out")?,
            word(Word::Lost, "lost_out")?,
            connection(Word::Pmtu, Width::Word, &["icsk_pmtu_cookie"])?,
            word(Word::Srtt, "srtt_us")?,
            word(Word::Mdev, "mdev_us")?,
            word(Word::SndCwnd, "snd_cwnd")?,
            word(Word::Reordering, "reordering")?,
            word(Word::TotalRetrans, "total_retrans")?,
            Field { word: Word::MinRtt, offset: min_rtt, width: Width::Word },
        ];
        // Linux 6.7
        list.extend(field(Word::TotalRto, Width::Half, &["total_rto"]));
        Some(Self { helper: HELPER_SKC_TO_TCP_SOCK, list })
    }

    /// The fields of `struct bpf_tcp_sock` (include/uapi/linux/bpf.h), which every program may read.
    pub(super) fn stable() -> Self {
        let word = |word, offset| Field { word, offset, width: Width::Word };
        let list = vec![
            word(Word::SndCwnd, 0),
            word(Word::Srtt, 4),
            word(Word::MinRtt, 8),
            word(Word::SndUna, 24),
            word(Word::SndMss, 28),
            word(Word::Unacked, 44),
            word(Word::TotalRetrans, 52),
            word(Word::Lost, 72),
            Field { word: Word::BytesReceived, offset: 80, width: Width::Double },
            Field { word: Word::BytesAcked, offset: 88, width: Width::Double },
        ];
        Self { helper: HELPER_TCP_SOCK, list }
    }

    /// The state of a connection, as `tcp_get_info` (net/ipv4/tcp.c) derives it, and a number by which
    /// the socket differs from an earlier one of the same addresses. An unknown field is 0.
    pub(super) fn read(&self, value: &dyn Fn(Word) -> u64) -> (TcpInfo, u64) {
        let word = |word| value(word) as u32;
        let bytes_acked = value(Word::BytesAcked);
        let has = |word| self.list.iter().any(|field| field.word == word);
        let info = TcpInfo {
            snd_mss: word(Word::SndMss),
            rcv_mss: word(Word::RcvMss),
            unacked: word(Word::Unacked),
            lost: word(Word::Lost),
            pmtu: word(Word::Pmtu),
            rtt: word(Word::Srtt) >> 3,
            rttvar: word(Word::Mdev) >> 2,
            snd_cwnd: word(Word::SndCwnd),
            reordering: word(Word::Reordering),
            total_retrans: word(Word::TotalRetrans),
            min_rtt: Some(word(Word::MinRtt)).filter(|min_rtt| *min_rtt != u32::MAX),
            bytes_acked: Some(bytes_acked),
            bytes_received: Some(value(Word::BytesReceived)),
            total_rto: has(Word::TotalRto).then(|| value(Word::TotalRto) as u16),
        };
        // The sequence number with which it began: both grow together (tcp_snd_una_update). Sockets have
        // a cookie only once somebody has requested it.
        (info, word(Word::SndUna).wrapping_sub(bytes_acked as u32).into())
    }
}

const HELPER_TCP_SOCK: i32 = 96;
const HELPER_SKC_TO_TCP_SOCK: i32 = 137;
