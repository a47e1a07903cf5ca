//! The way to the analyzer, on which datagrams are lost, cut, repeated and late; and what became of each.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use flowmote_core::Random;
use flowmote_decoder::Address;
use flowmote_engine::agents::{Account, Ledger};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::{Arrival, Instant};

use crate::agent::{ADDRESS, Datagram, Kind};

/// How often something happens to a datagram, in 1 of 1000.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Faults {
    pub(crate) lost: u32,
    pub(crate) cut: u32,
    pub(crate) repeated: u32,
    pub(crate) late: u32,
}

/// What became of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) samples: Account,
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) copies: u64,
    /// Samples that are in flows, and notices that are in flows of discarded packets.
    pub(crate) in_flows: u64,
    pub(crate) in_discards: u64,
}

pub(crate) struct Network {
    pub(crate) analyzer: Analyzer,
    pub(crate) truth: Truth,
    pub(crate) now: u64,
    random: Random,
    /// Datagrams on the way: how many others overtake them, and if they are copies.
    held: Vec<(u32, Datagram, bool)>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        let mut analyzer = Analyzer::new(16 << 20);
        for (name, dropped) in [("sampled", false), ("discarded", true)] {
            let value = "frames".to_owned();
            let definition = Definition { value, dropped, ..Definition::default() };
            analyzer.define(Instant::default(), name, definition).expect("a definition");
        }
        let (truth, random) = (Truth::default(), Random::new(seed));
        Self { analyzer, truth, now: 0, random, held: Vec::new() }
    }

    /// Sends datagrams.
    pub(crate) fn send(&mut self, datagrams: Vec<Datagram>, faults: Option<Faults>) {
        for datagram in datagrams {
            self.truth.sent += 1;
            match faults {
                Some(faults) => self.pass(datagram, faults),
                None => self.arrive(&datagram.bytes.clone(), &datagram, false),
            }
        }
    }

    /// Lets everything on the way arrive.
    pub(crate) fn drain(&mut self) {
        for (_, datagram, copy) in core::mem::take(&mut self.held) {
            self.arrive(&datagram.bytes.clone(), &datagram, copy);
        }
    }

    /// What the analyzer counts.
    pub(crate) fn found(&self) -> Truth {
        let Ledger { datagrams, .. } = self.ledger();
        let samples = |name: &str| {
            let mut all = self.analyzer.flows().samples();
            all.find(|(it, _)| ***it == *name).map_or(0, |(_, samples)| samples)
        };
        Truth {
            samples: self.ledger().account(),
            sent: datagrams.sent(),
            lost: datagrams.gaps.lost,
            copies: datagrams.copies,
            in_flows: samples("sampled"),
            in_discards: samples("discarded"),
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.analyzer.agents().get(Address::V4(ADDRESS)).expect("an agent").ledger
    }

    fn pass(&mut self, datagram: Datagram, faults: Faults) {
        let mut happens = |chance| self.random.below(1000) < chance;
        if happens(faults.lost) {
            self.truth.lost += 1;
            self.truth.samples.lost += datagram.samples.len() as u64;
        } else if happens(faults.cut) {
            let bytes = datagram.cut(&mut self.random);
            self.arrive(&bytes, &datagram, false);
        } else if happens(faults.repeated) {
            self.arrive(&datagram.bytes.clone(), &datagram, false);
            self.held.push((self.random.below(4), datagram, true));
        } else if happens(faults.late) {
            self.held.push((1 + self.random.below(3), datagram, false));
        } else {
            self.arrive(&datagram.bytes.clone(), &datagram, false);
        }
        self.overtake();
    }

    /// Lets those arrive that enough others have overtaken.
    fn overtake(&mut self) {
        let held = core::mem::take(&mut self.held);
        for (wait, datagram, copy) in held {
            match wait.checked_sub(1) {
                Some(wait) => self.held.push((wait, datagram, copy)),
                None => self.arrive(&datagram.bytes.clone(), &datagram, copy),
            }
        }
    }

    fn arrive(&mut self, bytes: &[u8], datagram: &Datagram, copy: bool) {
        let time = Instant::after_start(Duration::from_millis(self.now));
        let sender = Some(IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)));
        self.analyzer.ingest(&Arrival { time, sender }, bytes);
        let Truth { samples, lost, copies, in_flows, in_discards, .. } = &mut self.truth;
        if copy {
            *copies += 1;
        } else if bytes.len() < HEADER {
            // It names no agent: nobody can count it but as missing.
            *lost += 1;
            samples.lost += datagram.samples.len() as u64;
        } else {
            for (kind, end) in &datagram.samples {
                match kind {
                    _ if *end > bytes.len() => samples.malformed += 1,
                    Kind::Unknown => samples.unknown += 1,
                    Kind::Absurd => samples.implausible += 1,
                    _ => samples.used += 1,
                }
                let read = *end <= bytes.len();
                *in_flows += u64::from(read && *kind == Kind::Flow);
                *in_discards += u64::from(read && *kind == Kind::Notice);
            }
        }
    }
}

/// Bytes of the header of a datagram of an agent with an IPv4 address.
const HEADER: usize = 28;
