//! The ledger: from what agents made to what is in the answers, as numbers that add up.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_engine::Tally;
use flowmote_engine::agents::Ledger;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/ledger", get(process))
}

/// Datagrams and samples of an agent, or of all agents together.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct Account {
    datagrams: Datagrams,
    samples: Samples,
    /// Flow samples.
    flow: Kind,
    /// Counter samples.
    counters: Kind,
    /// Notices of discarded packets.
    discards: Kind,
    /// Samples `rtmetric` and `rtflow`; part of `used`.
    custom: u64,
    /// Samples of data sources beyond the number that is kept; part of `used`.
    untracked: u64,
}

/// Datagrams. `sent` is the sum of `received` and `lost`.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
struct Datagrams {
    sent: u64,
    /// Numbers missing in the sequences, less those that arrived late.
    lost: u64,
    received: u64,
    /// Repetitions of datagrams that had arrived. Nothing in them counts twice.
    copies: u64,
    /// Received with a sample that cannot be read.
    cut: u64,
    /// Arrived after a later one.
    reordered: u64,
    /// Starts of a new sequence.
    restarts: u64,
    /// Received from streams beyond the number that is tracked.
    untracked: u64,
    bytes: u64,
}

/// Samples of all kinds. `made` is the sum of all other members.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
struct Samples {
    made: u64,
    /// Lost in the agent, by its own count.
    dropped: u64,
    /// Lost after they were sent.
    lost: u64,
    /// Declared by a datagram, but not readable.
    malformed: u64,
    /// Of a kind that the decoder does not know.
    unknown: u64,
    /// With values that no device can mean.
    implausible: u64,
    /// In the answers.
    used: u64,
}

/// Samples of one kind, by their numbers.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
struct Kind {
    received: u64,
    /// Numbers missing in the sequences; malformed ones are among them.
    missing: u64,
    /// Lost in the agent, by its own count.
    dropped: u64,
    /// With a number that had arrived, in datagrams that are no copies. They are in the answers.
    duplicates: u64,
    /// Arrived after a later one.
    reordered: u64,
    /// Starts of a new sequence.
    restarts: u64,
}

/// The ledger of the process.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProcessLedger {
    socket: Socket,
    /// Datagrams that are no sFlow, by reason.
    not_sflow: BTreeMap<&'static str, u64>,
    /// Faults inside datagrams, by kind.
    faults: BTreeMap<&'static str, u64>,
    /// Values that no device can mean, by kind.
    implausible: BTreeMap<&'static str, u64>,
    /// Agents now.
    agents: u64,
    /// Agents that others replaced; their numbers are in the sums.
    agents_replaced: u64,
    #[serde(flatten)]
    account: Account,
}

/// Datagrams at the socket. `arrived` is the sum of all other members.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Socket {
    /// Null if `dropped` is.
    arrived: Option<u64>,
    /// Dropped by the kernel because the receive buffer was full; null without /proc.
    dropped: Option<u64>,
    /// From senders that are not allowed.
    refused: u64,
    /// Other protocols and versions.
    not_sflow: u64,
    /// Analyzed.
    sflow: u64,
}

/// The ledger of the process: what happened at the socket, and the sums over all agents.
#[utoipa::path(
    get,
    path = "/api/v1/ledger",
    responses((status = 200, description = "The ledger", body = ProcessLedger)),
)]
pub(super) async fn process(State(hub): State<Arc<Hub>>) -> Reply {
    let (mut ledger, mut sum) = (ProcessLedger::default(), Ledger::default());
    hub.each(|analyzer| {
        let agents = analyzer.agents();
        ledger.add(analyzer.tally());
        ledger.agents += agents.iter().len() as u64;
        ledger.agents_replaced += agents.evicted;
        sum += agents.total();
    });
    ledger.account = Account::of(&sum);
    ledger.socket.close(hub.drops.count(), hub.drops.refused().unwrap_or(0));
    json(&ledger)
}

impl ProcessLedger {
    fn add(&mut self, tally: &Tally) {
        let add = |sums: &mut BTreeMap<_, u64>, (name, count)| {
            *sums.entry(name).or_default() += count;
        };
        let refused: u64 = tally.refused().map(|(_, count)| count).sum();
        self.socket.not_sflow += refused;
        self.socket.sflow += tally.datagrams.saturating_sub(refused);
        tally.refused().for_each(|count| add(&mut self.not_sflow, count));
        tally.malformed().for_each(|count| add(&mut self.faults, count));
        tally.implausible_kinds().for_each(|count| add(&mut self.implausible, count));
    }
}

impl Socket {
    fn close(&mut self, dropped: Option<u64>, refused: u64) {
        (self.dropped, self.refused) = (dropped, refused);
        self.arrived = dropped.map(|dropped| dropped + refused + self.not_sflow + self.sflow);
    }
}

impl Account {
    pub(super) fn of(ledger: &Ledger) -> Self {
        let kind = |it: &flowmote_engine::agents::Samples| Kind {
            received: it.received,
            missing: it.missing,
            dropped: it.dropped,
            duplicates: it.duplicates,
            reordered: it.reordered,
            restarts: it.restarts,
        };
        Self {
            datagrams: Datagrams::of(&ledger.datagrams),
            samples: Samples::of(&ledger.account()),
            flow: kind(&ledger.flow),
            counters: kind(&ledger.counters),
            discards: kind(&ledger.discards),
            custom: ledger.custom,
            untracked: ledger.untracked,
        }
    }
}

impl Datagrams {
    fn of(it: &flowmote_engine::agents::Datagrams) -> Self {
        Self {
            sent: it.sent(),
            lost: it.gaps.lost,
            received: it.received,
            copies: it.copies,
            cut: it.cut,
            reordered: it.gaps.reordered,
            restarts: it.gaps.restarts,
            untracked: it.gaps.untracked,
            bytes: it.bytes,
        }
    }
}

impl Samples {
    fn of(it: &flowmote_engine::agents::Account) -> Self {
        Self {
            made: it.made,
            dropped: it.dropped,
            lost: it.lost,
            malformed: it.malformed,
            unknown: it.unknown,
            implausible: it.implausible,
            used: it.used,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_at_the_socket_add_up() {
        let mut socket = Socket { not_sflow: 10, sflow: 90, ..Socket::default() };
        socket.close(Some(50), 5);
        assert_eq!((socket.arrived, socket.dropped, socket.refused), (Some(155), Some(50), 5));
        // Without /proc it is unknown how many arrived.
        socket.close(None, 5);
        assert_eq!((socket.arrived, socket.dropped, socket.refused), (None, None, 5));
    }
}
