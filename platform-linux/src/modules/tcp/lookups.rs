//! The records that the sockets of sampled packets add to the samples.

use std::io;
use std::rc::Rc;

use flowmote_core::record::flow::{ExtendedEntities, ExtendedTcpInfo, PacketDirection};
use flowmote_core::{DataSource, Instant};

use crate::entities::Entities;
use crate::headers::TCP;
use crate::kernel::netlink::sock_diag::{ClosedSockets, Found, Query, Reply, SocketDiag, TcpInfo};
use crate::modules::tcp::elsewhere::Elsewhere;
use crate::modules::tcp::follow::REPORT_INTERVAL;
use crate::modules::tcp::sockets::Sockets;
use crate::modules::tcp::subject::{Subject, Subjects};
use crate::output::waiting::{Annotator, Notes, ROOM, Waiting};

/// Looks up the sockets of sampled packets, all of a batch together.
#[derive(Debug)]
pub(super) struct Lookups {
    diag: SocketDiag,
    /// For other network namespaces.
    elsewhere: Option<Rc<Elsewhere>>,
    pub(super) closed: Option<ClosedSockets>,
    pub(super) subjects: Subjects,
    /// The state of connections is sent, not only their services and containers.
    pub(super) adds_state: bool,
    pub(super) sockets: Sockets,
    /// The samples of the batch, each with the place of its socket.
    batch: Vec<(Option<Subject>, Option<usize>)>,
    /// Places of the sockets to look up.
    pub(super) pending: Vec<usize>,
    /// When to report what has changed on the connections; `None`: there are none.
    pub(super) next_report: Option<Instant>,
    pub(super) counts: Counts,
    /// The last errno of the netlink socket, until the module logs it.
    pub(super) failed: Option<io::Error>,
}

/// What happened, since the daemon started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Samples with `extended_tcp_info`.
    pub(super) annotated: u64,
    /// Samples of a local address for which there is none.
    pub(super) without: u64,
    /// Requests to the kernel.
    pub(super) lookups: u64,
    /// Requests without a reply that could be used.
    pub(super) failed: u64,
    /// Replies that contradict their type or their request.
    pub(super) malformed: u64,
    /// `rtflow` samples.
    pub(super) changes: u64,
    /// Connections that gave up their place in the table while they were followed.
    pub(super) displaced: u64,
    /// Overruns of the notifications of closed sockets.
    pub(super) overruns: u64,
}

impl Lookups {
    pub(super) fn new(diag: SocketDiag, closed: Option<ClosedSockets>, counts: Counts) -> Self {
        Self {
            diag,
            elsewhere: None,
            closed,
            subjects: Subjects::default(),
            adds_state: true,
            sockets: Sockets::new(),
            batch: Vec::with_capacity(ROOM),
            pending: Vec::with_capacity(ROOM),
            next_report: None,
            counts,
            failed: None,
        }
    }

    /// Has sockets of other network namespaces looked up, or not.
    pub(super) fn look_elsewhere(&mut self, elsewhere: Option<Rc<Elsewhere>>) {
        self.subjects.looks_elsewhere = elsewhere.is_some();
        self.elsewhere = elsewhere;
    }

    fn find_places(&mut self, now: Instant, entities: &Entities, samples: &[Waiting]) {
        self.batch.clear();
        self.pending.clear();
        for sample in samples {
            let subject = self.subjects.of(sample, entities);
            let socket = subject.and_then(|subject| subject.socket);
            let place = socket.and_then(|socket| self.sockets.place_of(now, &socket.query));
            self.batch.push((subject, place));
            let slot = place.and_then(|place| self.sockets.get_mut(place));
            if let Some(slot) = slot.filter(|slot| slot.is_stale(now)) {
                // Another packet of the connection in this batch shares the reply.
                slot.ask(now);
                self.pending.extend(place);
            }
        }
    }

    /// Looks up the pending sockets.
    pub(super) fn look_up(&mut self, now: Instant) {
        let Self { diag, elsewhere, sockets, pending, counts, .. } = self;
        let query = |place: &usize| sockets.get(*place).map(|slot| &slot.query);
        let is_elsewhere =
            |place: &usize| query(place).is_some_and(|query| query.namespace.is_some());
        pending.sort_unstable_by_key(is_elsewhere);
        let (own, others) = pending.split_at(pending.partition_point(|place| !is_elsewhere(place)));
        let mut results = [None; ROOM];
        let (own_results, other_results) = results.split_at_mut(own.len());
        let outcome = diag.look_up(own.iter().filter_map(query), &mut put_in(own_results));
        let others = others.iter().filter_map(query);
        let outcome_elsewhere = match elsewhere {
            Some(elsewhere) => elsewhere.look_up(others, &mut put_in(other_results)),
            None => Ok(()),
        };
        counts.lookups += pending.len() as u64;
        self.failed = outcome.and(outcome_elsewhere).err().or(self.failed.take());
        for (number, reply) in results.into_iter().enumerate() {
            let Some(place) = self.pending.get(number).copied() else { break };
            self.take_reply(now, place, reply);
        }
    }

    fn take_reply(&mut self, now: Instant, place: usize, reply: Option<Reply>) {
        let Some(slot) = self.sockets.get_mut(place) else { return };
        let fault = match usable(&slot.query, reply) {
            Ok(found) => {
                slot.set_found(found);
                let first = found.filter(|_| self.adds_state).map(|_| now + REPORT_INTERVAL);
                self.next_report = self.next_report.or(first);
                return;
            }
            Err(fault) => fault,
        };
        slot.asked = None;
        slot.is_gone = fault == Problem::NotConnected;
        self.counts.failed += u64::from(fault != Problem::NotConnected);
        self.counts.malformed += u64::from(fault == Problem::Malformed);
        if let Problem::Refused(errno) = fault {
            self.failed = Some(io::Error::from_raw_os_error(errno));
        }
    }

    fn notes(&mut self, subject: &Subject, place: Option<usize>, entities: &Entities) -> Notes {
        let found = place.and_then(|place| self.sockets.get(place)).and_then(|slot| slot.found);
        let direction = subject.socket.map(|socket| socket.direction);
        let state = found.and_then(|found| found.tcp).filter(|_| self.adds_state);
        let tcp = state.zip(direction);
        let is_without = tcp.is_none() && direction.is_some() && self.adds_state;
        self.counts.annotated += u64::from(tcp.is_some());
        self.counts.without += u64::from(is_without);
        Notes {
            tcp: tcp.map(|(info, direction)| record(&info, direction)),
            entities: extended_entities(subject, found.and_then(|found| found.cgroup), entities),
        }
    }
}

impl Annotator for Lookups {
    fn annotate(&mut self, now: Instant, entities: &Entities, samples: &mut [Waiting]) {
        self.find_places(now, entities, samples);
        if !self.pending.is_empty() {
            self.look_up(now);
        }
        for (number, sample) in samples.iter_mut().enumerate() {
            if let Some((Some(subject), place)) = self.batch.get(number).copied() {
                sample.notes = self.notes(&subject, place, entities);
            }
        }
    }
}

/// Keeps the replies by the position of their queries.
fn put_in(results: &mut [Option<Reply>]) -> impl FnMut(usize, Reply) {
    |number, reply| {
        if let Some(result) = results.get_mut(number) {
            *result = Some(reply);
        }
    }
}

/// The entities between which a packet passes: that of the socket by its cgroup, any other by the
/// address.
fn extended_entities(
    subject: &Subject,
    cgroup: Option<u64>,
    entities: &Entities,
) -> Option<ExtendedEntities> {
    let of_socket = |end| {
        let is_end = subject.socket.is_some_and(|socket| socket.direction == end);
        cgroup.filter(|_| is_end).and_then(|cgroup| entities.of_cgroup(cgroup))
    };
    let source = of_socket(PacketDirection::SENT).or_else(|| entities.of_address(subject.source));
    let destination =
        of_socket(PacketDirection::RECEIVED).or_else(|| entities.of_address(subject.destination));
    let words = |entity: Option<DataSource>| {
        entity.map_or((0, 0), |entity| (entity.class() as u32, entity.index()))
    };
    let ((src_ds_class, src_ds_index), (dst_ds_class, dst_ds_index)) =
        (words(source), words(destination));
    source.or(destination)?;
    Some(ExtendedEntities { src_ds_class, src_ds_index, dst_ds_class, dst_ds_index })
}

/// A reply that cannot be used for other packets of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// A socket that listens. The next packet may belong to a connection.
    NotConnected,
    /// The reply was lost.
    Missing,
    /// Not what was requested.
    Malformed,
    /// Errno of the kernel.
    Refused(i32),
}

/// The socket in a reply; `None` if there is none in this network namespace.
fn usable(query: &Query, reply: Option<Reply>) -> Result<Option<Found>, Problem> {
    match reply {
        Some(Reply::Found(found)) if found.local.1 != query.local.1 => Err(Problem::Malformed),
        Some(Reply::Found(found)) if !is_connected(query, &found) => Err(Problem::NotConnected),
        Some(Reply::Found(found)) => Ok(Some(found)),
        Some(Reply::NoSocket) => Ok(None),
        Some(Reply::Refused(errno)) => Err(Problem::Refused(errno)),
        Some(Reply::Malformed) => Err(Problem::Malformed),
        None => Err(Problem::Missing),
    }
}

/// Returns true if the socket belongs to the peer of the packet, or receives from any peer by UDP. For a
/// connection that does not exist, the kernel returns the socket that listens.
fn is_connected(query: &Query, found: &Found) -> bool {
    let is_peer = found.remote == query.remote;
    match query.protocol {
        TCP => is_peer,
        _ => is_peer || found.remote.1 == 0,
    }
}

fn record(info: &TcpInfo, dir: PacketDirection) -> ExtendedTcpInfo {
    ExtendedTcpInfo {
        dir,
        snd_mss: info.snd_mss,
        rcv_mss: info.rcv_mss,
        unacked: info.unacked,
        lost: info.lost,
        retrans: info.total_retrans,
        pmtu: info.pmtu,
        rtt: info.rtt,
        rttvar: info.rttvar,
        snd_cwnd: info.snd_cwnd,
        reordering: info.reordering,
        min_rtt: info.min_rtt.unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    use flowmote_core::Duration;

    use crate::kernel::netlink::sock_diag::testing::query_of;
    use crate::modules::tcp::elsewhere::testing;

    fn query(protocol: u8) -> Query {
        let [local, remote] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        Query { protocol, local: (local, 443), remote: (remote, 9), device: 1, namespace: None }
    }

    fn found(remote: &str, port: u16) -> Found {
        Found {
            local: query(TCP).local,
            remote: (remote.parse().unwrap(), port),
            cookie: 1,
            tcp: Some(TcpInfo::default()),
            cgroup: Some(5),
        }
    }

    /// hsflowd does not check replies.
    #[test]
    fn reply_of_another_socket_is_not_used() {
        let (connected, listens) = (found("10.0.0.2", 9), found("0.0.0.0", 0));
        let of = |protocol, found| usable(&query(protocol), Some(Reply::Found(found)));
        assert_eq!(of(TCP, connected), Ok(Some(connected)));
        let unconnected = Err(Problem::NotConnected);
        assert_eq!(of(TCP, listens), unconnected);
        assert_eq!(of(TCP, found("10.0.0.3", 9)), unconnected);
        assert_eq!(of(17, listens), Ok(Some(listens)), "a UDP socket without peer");
        assert_eq!(of(17, found("10.0.0.3", 9)), unconnected);
        let elsewhere = Found { local: (connected.local.0, 444), ..connected };
        assert_eq!(of(TCP, elsewhere), Err(Problem::Malformed));
    }

    #[test]
    fn lookup_without_a_good_reply_is_repeated_for_the_next_packet() {
        let of = |reply| usable(&query(TCP), reply);
        assert_eq!(of(Some(Reply::NoSocket)), Ok(None));
        assert_eq!(of(Some(Reply::Malformed)), Err(Problem::Malformed));
        assert_eq!(of(Some(Reply::Refused(1))), Err(Problem::Refused(1)));
        assert_eq!(of(None), Err(Problem::Missing));
    }

    #[test]
    fn record_has_all_retransmissions_and_zero_for_what_is_unknown() {
        let info = TcpInfo { total_retrans: 7, rtt: 250, min_rtt: None, ..TcpInfo::default() };
        let record = record(&info, PacketDirection::SENT);
        assert_eq!((record.dir, record.retrans), (PacketDirection::SENT, 7));
        assert_eq!((record.rtt, record.min_rtt), (250, 0));
    }

    #[test]
    fn sockets_of_both_kinds_of_namespaces_share_a_batch() {
        let Ok(elsewhere) = Elsewhere::open().inspect_err(|error| println!("SKIPPED: {error}"))
        else {
            return;
        };
        let mut lookups = Lookups::new(SocketDiag::open().unwrap(), None, Counts::default());
        lookups.look_elsewhere(Some(Rc::new(elsewhere)));
        let connections: Vec<_> = (0..5).map(|_| testing::connection("127.0.0.1")).collect();
        let mut expected = Vec::new();
        for (number, (client, _)) in connections.iter().enumerate() {
            // No network namespace has this id, so that its sockets are not found.
            let namespace = (number % 2 == 0).then_some(1_000_000);
            let query = Query { namespace, ..query_of(client) };
            let place = lookups.sockets.place_of(Instant::ZERO, &query).unwrap();
            lookups.pending.push(place);
            expected.push((place, namespace.is_none().then_some(query.local)));
        }
        lookups.look_up(Instant::ZERO);
        assert_eq!((lookups.counts.lookups, lookups.counts.failed), (5, 0));
        for (place, local) in expected {
            let found = lookups.sockets.get(place).unwrap().found;
            assert_eq!(found.filter(|found| found.tcp.is_some()).map(|found| found.local), local);
        }
    }

    #[test]
    fn entities_are_found_by_cgroup_and_by_address() {
        let mut entities = Entities::new();
        let container = |name: &str, cgroup, addresses: &[&str]| crate::entities::Found {
            kind: crate::entities::Kind::Container,
            id: name.into(),
            name: name.into(),
            cgroup,
            sockets: vec![cgroup],
            addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
            namespace: None,
        };
        let found = [container("a", 5, &[]), container("b", 6, &["10.0.0.9"])];
        let places = entities.update(Instant::ZERO, &found, Duration::ZERO);
        let [a, b] = [0, 1].map(|number| places[number].unwrap().source);
        let subject = |direction, source: &str, destination: &str| Subject {
            source: source.parse::<IpAddr>().unwrap(),
            destination: destination.parse().unwrap(),
            socket: Some(crate::modules::tcp::subject::Socket { query: query(TCP), direction }),
        };
        let ends = |subject: &Subject, cgroup| {
            let found = extended_entities(subject, cgroup, &entities)?;
            Some((found.src_ds_index, found.dst_ds_index))
        };
        let sent = subject(PacketDirection::SENT, "10.0.0.1", "10.0.0.9");
        assert_eq!(ends(&sent, Some(5)), Some((a.index(), b.index())));
        assert_eq!(ends(&sent, Some(7)), Some((0, b.index())), "another cgroup");
        let received = subject(PacketDirection::RECEIVED, "10.0.0.2", "10.0.0.1");
        assert_eq!(ends(&received, Some(5)), Some((0, a.index())));
        assert_eq!(ends(&received, None), None);
        let forwarded =
            Subject { socket: None, ..subject(PacketDirection::SENT, "10.0.0.9", "10.0.0.2") };
        assert_eq!(ends(&forwarded, None), Some((b.index(), 0)));
    }
}
