//! The counters of a connection, and what they have grown by.

use flowmote_core::{FlowValue, RtFlow};

use crate::kernel::netlink::sock_diag::{Found, Query};

/// The counters of a socket at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Totals {
    /// Which socket it is: another one can have the same addresses and ports later.
    cookie: u64,
    bytes_sent: u64,
    bytes_received: u64,
    retransmissions: u32,
    /// Modulo 2^16; `None` before Linux 6.7.
    timeouts: Option<u16>,
    /// Microseconds.
    rtt: u32,
}

/// What happened on a connection between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    bytes_sent: u64,
    bytes_received: u64,
    retransmissions: u32,
    timeouts: Option<u16>,
    /// At the end, in microseconds.
    rtt: u32,
}

impl Totals {
    /// The counters of a TCP socket; `None` if it has no state.
    pub(super) fn of(found: &Found) -> Option<Self> {
        let tcp = found.tcp?;
        Some(Self {
            cookie: found.cookie,
            // Not counted before Linux 4.1.
            bytes_sent: tcp.bytes_acked.unwrap_or(0),
            bytes_received: tcp.bytes_received.unwrap_or(0),
            retransmissions: tcp.total_retrans,
            timeouts: tcp.total_rto,
            rtt: tcp.rtt,
        })
    }

    /// The difference to an earlier moment; `None` if nothing has changed, or for another socket.
    pub(super) fn since(&self, before: &Self) -> Option<Difference> {
        let timeouts = self.timeouts.zip(before.timeouts);
        let difference = Difference {
            bytes_sent: self.bytes_sent.wrapping_sub(before.bytes_sent),
            bytes_received: self.bytes_received.wrapping_sub(before.bytes_received),
            retransmissions: self.retransmissions.wrapping_sub(before.retransmissions),
            timeouts: timeouts.map(|(now, before)| now.wrapping_sub(before)),
            rtt: self.rtt,
        };
        (self.cookie == before.cookie && difference.has_changed()).then_some(difference)
    }
}

impl Difference {
    fn has_changed(&self) -> bool {
        let Self { bytes_sent, bytes_received, retransmissions, timeouts, .. } = *self;
        let is_zero = (bytes_sent, bytes_received, retransmissions) == (0, 0, 0);
        !is_zero || timeouts.is_some_and(|timeouts| timeouts > 0)
    }

    /// Passes the `rtflow` sample to `emit`.
    pub(super) fn with_rt_flow(&self, query: &Query, emit: impl FnOnce(&RtFlow<'_>)) {
        let long = |bytes: u64| FlowValue::Int64(bytes.cast_signed());
        let fields = [
            ("local", FlowValue::Address(query.local.0)),
            ("remote", FlowValue::Address(query.remote.0)),
            ("local_port", FlowValue::Int32(query.local.1.into())),
            ("remote_port", FlowValue::Int32(query.remote.1.into())),
            ("bytes_sent", long(self.bytes_sent)),
            ("bytes_received", long(self.bytes_received)),
            // More than an Int32 has.
            ("retransmissions", long(self.retransmissions.into())),
            ("rtt", long(self.rtt.into())),
            ("timeouts", FlowValue::Int32(self.timeouts.unwrap_or(0).into())),
        ];
        // An unknown number is left out.
        let known = fields.len() - usize::from(self.timeouts.is_none());
        emit(&RtFlow {
            datasource: DATA_SOURCE,
            // Each is exact, and stands for itself only.
            sampling_rate: 1,
            sample_pool: 0,
            fields: fields.get(..known).unwrap_or_default(),
        });
    }
}

const DATA_SOURCE: &str = "tcp";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::netlink::sock_diag::TcpInfo;

    fn totals(cookie: u64, bytes: (u64, u64), retransmissions: u32, rto: Option<u16>) -> Totals {
        let tcp = TcpInfo {
            rtt: 900,
            bytes_acked: Some(bytes.0),
            bytes_received: Some(bytes.1),
            total_retrans: retransmissions,
            total_rto: rto,
            ..TcpInfo::default()
        };
        let end = ("10.0.0.1".parse().unwrap(), 1);
        let found = Found { local: end, remote: end, cookie, tcp: Some(tcp), cgroup: None };
        assert_eq!(Totals::of(&Found { tcp: None, ..found }), None);
        Totals::of(&found).unwrap()
    }

    #[test]
    fn difference_is_that_of_the_counters_of_one_socket() {
        let before = totals(1, (1000, 70), 3, Some(u16::MAX));
        let after = totals(1, (1500, 70), 5, Some(1));
        let difference = after.since(&before).unwrap();
        assert_eq!((difference.bytes_sent, difference.bytes_received), (500, 0));
        assert_eq!((difference.retransmissions, difference.timeouts), (2, Some(2)));
        assert_eq!(totals(2, (1500, 70), 5, Some(1)).since(&before), None, "another socket");
        assert_eq!(before.since(&before), None, "nothing has happened");
        let received = totals(1, (1000, 71), 3, Some(u16::MAX));
        assert_eq!(received.since(&before).unwrap().bytes_received, 1);
        assert!(totals(1, (1000, 70), 4, Some(u16::MAX)).since(&before).is_some());
        assert!(totals(1, (1000, 70), 3, Some(0)).since(&before).is_some());
    }

    #[test]
    fn rt_flow_leaves_unknown_timeouts_out() {
        let [local, remote] = ["10.0.0.1", "fd00::2"].map(|ip| ip.parse().unwrap());
        let query = Query {
            protocol: 6,
            local: (local, 443),
            remote: (remote, 50_000),
            device: 0,
            namespace: None,
        };
        let fields = |difference: Difference| {
            let mut fields = Vec::new();
            difference.with_rt_flow(&query, |flow| {
                assert_eq!((flow.datasource, flow.sampling_rate), ("tcp", 1));
                fields = flow.fields.iter().map(|field| format!("{field:?}")).collect();
            });
            fields.join(" ")
        };
        let difference = totals(1, (7, 8), 9, Some(10)).since(&totals(1, (0, 0), 0, Some(0)));
        assert_eq!(
            fields(difference.unwrap()),
            "(\"local\", Address(10.0.0.1)) (\"remote\", Address(fd00::2)) \
             (\"local_port\", Int32(443)) (\"remote_port\", Int32(50000)) \
             (\"bytes_sent\", Int64(7)) (\"bytes_received\", Int64(8)) \
             (\"retransmissions\", Int64(9)) (\"rtt\", Int64(900)) (\"timeouts\", Int32(10))"
        );
        let old = totals(1, (7, 8), 9, None).since(&totals(1, (0, 0), 0, None)).unwrap();
        assert!(fields(old).ends_with("(\"rtt\", Int64(900))"));
    }
}
