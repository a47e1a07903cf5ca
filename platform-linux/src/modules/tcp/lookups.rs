//! The records that the sockets of sampled packets add to the samples.

use std::io;

use flowmote_core::Instant;
use flowmote_core::record::flow::{ExtendedTcpInfo, PacketDirection};

use crate::headers::TCP;
use crate::kernel::netlink::sock_diag::{Found, Query, Reply, SocketDiag, TcpInfo};
use crate::modules::tcp::sockets::Sockets;
use crate::modules::tcp::subject::Subjects;
use crate::output::waiting::{Annotator, Notes, ROOM, Waiting};

/// Looks up the sockets of sampled packets, all of a batch together.
#[derive(Debug)]
pub(super) struct Lookups {
    diag: SocketDiag,
    pub(super) subjects: Subjects,
    sockets: Sockets,
    /// The place of the socket of each sample of the batch, and the direction of its packet.
    places: Vec<Option<(usize, PacketDirection)>>,
    /// Places of the sockets to look up.
    pending: Vec<usize>,
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
}

impl Lookups {
    pub(super) fn new(diag: SocketDiag, counts: Counts) -> Self {
        Self {
            diag,
            subjects: Subjects::default(),
            sockets: Sockets::new(),
            places: Vec::with_capacity(ROOM),
            pending: Vec::with_capacity(ROOM),
            counts,
            failed: None,
        }
    }

    fn find_places(&mut self, now: Instant, samples: &[Waiting]) {
        self.places.clear();
        self.pending.clear();
        for sample in samples {
            let subject = self.subjects.of(sample);
            let place = subject.and_then(|subject| {
                let place = self.sockets.place_of(now, &subject.query)?;
                Some((place, subject.direction))
            });
            self.places.push(place);
            let slot = place.and_then(|(place, _)| self.sockets.get_mut(place));
            if let Some(slot) = slot.filter(|slot| slot.is_stale(now)) {
                // Until the reply is there. Another packet of the connection in this batch shares it.
                (slot.asked, slot.found) = (Some(now), None);
                self.pending.extend(place.map(|(place, _)| place));
            }
        }
    }

    /// Looks up the pending sockets.
    fn look_up(&mut self) {
        let Self { diag, sockets, pending, counts, .. } = self;
        let mut results = [None; ROOM];
        let queries =
            pending.iter().filter_map(|place| sockets.get(*place)).map(|slot| &slot.query);
        let outcome = diag.look_up(queries, &mut |number, reply| {
            if let Some(result) = results.get_mut(number) {
                *result = Some(reply);
            }
        });
        counts.lookups += pending.len() as u64;
        self.failed = outcome.err().or(self.failed.take());
        for (place, reply) in pending.iter().zip(results) {
            let Some(slot) = sockets.get_mut(*place) else { continue };
            match usable(&slot.query, reply) {
                Ok(found) => slot.found = found,
                Err(problem) => {
                    slot.asked = None;
                    counts.failed += 1;
                    counts.malformed += u64::from(problem == Problem::Malformed);
                    if let Problem::Refused(errno) = problem {
                        self.failed = Some(io::Error::from_raw_os_error(errno));
                    }
                }
            }
        }
    }

    fn notes(&mut self, place: usize, direction: PacketDirection) -> Notes {
        let found = self.sockets.get(place).and_then(|slot| slot.found);
        let tcp = found.and_then(|found| found.tcp);
        match tcp {
            Some(_) => self.counts.annotated += 1,
            None => self.counts.without += 1,
        }
        Notes { tcp: tcp.map(|info| record(&info, direction)), entities: None }
    }
}

impl Annotator for Lookups {
    fn annotate(&mut self, now: Instant, samples: &mut [Waiting]) {
        self.find_places(now, samples);
        if !self.pending.is_empty() {
            self.look_up();
        }
        for (number, sample) in samples.iter_mut().enumerate() {
            if let Some((place, direction)) = self.places.get(number).copied().flatten() {
                sample.notes = self.notes(place, direction);
            }
        }
    }
}

/// A reply that cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    /// The reply was lost.
    Missing,
    /// Not what was requested.
    Malformed,
    /// Errno of the kernel.
    Refused(i32),
}

/// The socket in a reply; `None` if there is none that the packet belongs to.
fn usable(query: &Query, reply: Option<Reply>) -> Result<Option<Found>, Problem> {
    match reply {
        Some(Reply::Found(found)) if found.local.1 != query.local.1 => Err(Problem::Malformed),
        Some(Reply::Found(found)) => Ok(Some(found).filter(|found| is_peer(query, found))),
        Some(Reply::NoSocket) => Ok(None),
        Some(Reply::Refused(errno)) => Err(Problem::Refused(errno)),
        Some(Reply::Malformed) => Err(Problem::Malformed),
        None => Err(Problem::Missing),
    }
}

/// Returns true if the socket is connected to the peer of the packet, or receives from any peer by UDP.
/// For a connection that does not exist, the kernel returns the socket that listens.
fn is_peer(query: &Query, found: &Found) -> bool {
    found.remote == query.remote || query.protocol != TCP && found.remote.1 == 0
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
