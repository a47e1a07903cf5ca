//! The samples of the last seconds, and the flows in them.

use core::sync::atomic::AtomicBool;
use core::time::Duration;

use flowmote_engine::Instant;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::{AggMode, Definition};
use flowmote_engine::lookup::Lookup;
use flowmote_engine::samples::{Held, PastQuery, PastResult};

/// The samples of the window.
pub(super) struct Recent {
    held: Held,
    from: Instant,
    to: Instant,
}

/// What a view needs of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// The value that the largest flows have most of, and another one: `bytes` and `frames`.
    pub(super) values: [&'static str; 2],
    /// The number of flows; 0 if none is shown.
    pub(super) flows: usize,
    /// The number of pairs of addresses.
    pub(super) pairs: usize,
}

/// The flows in the window. Those that are not wanted are `None`.
pub(super) struct Flows {
    /// All packets as one flow: bytes and packets per second, each packet counted once by each agent.
    pub(super) total: Option<PastResult>,
    /// The 5-tuples of IP packets, the MAC addresses of all others.
    pub(super) flows: Option<PastResult>,
    /// The pairs of addresses, in the direction of the packets.
    pub(super) pairs: Option<PastResult>,
    /// Seconds that rates are averages over.
    pub(super) seconds: f64,
    /// The time that all samples are held of, if it is shorter than the window.
    pub(super) shortened: Option<Duration>,
}

impl Recent {
    /// The samples of the last `window` until `now`.
    pub(super) fn new(analyzer: &Analyzer, now: Instant, window: Duration) -> Self {
        // Samples that arrive at the end of a span are not in it. At least 0.1 s, so that the first sample
        // does not give an absurd rate.
        let to = (now + Duration::from_millis(1)).max(Instant::after_start(SHORTEST));
        let from = to.since(Instant::default()).saturating_sub(window);
        let from = Instant::after_start(from);
        Self { held: analyzer.history().held(from, to), from, to }
    }

    /// The flows in the window. Takes as long as there are samples.
    pub(super) fn flows(&self, wanted: &Wanted) -> Flows {
        let Wanted { values, flows, pairs } = *wanted;
        let begin = self.held.begin();
        // The keys contain the data source: its maximum is the sum over both directions.
        let by_source = |keys, n| (n != 0).then(|| self.result(keys, values, n, AggMode::Max));
        Flows {
            total: self.result("", ["bytes", "frames"], 1, AggMode::Sum),
            flows: by_source(&FLOW_KEYS.join(","), flows).flatten(),
            pairs: by_source(PAIR_KEYS, pairs).flatten(),
            seconds: self.to.since(self.from.max(begin)).as_secs_f64(),
            shortened: (begin > self.from).then(|| self.to.since(begin)),
        }
    }

    fn result(
        &self,
        keys: &str,
        [value, further]: [&str; 2],
        n: usize,
        agg_mode: AggMode,
    ) -> Option<PastResult> {
        let definition = Definition {
            keys: keys.to_owned(),
            value: value.to_owned(),
            values: vec![further.to_owned()],
            n: u32::try_from(n).unwrap_or(u32::MAX),
            agg_mode,
            ..Definition::default()
        };
        let query = PastQuery::new(definition, Lookup::default(), self.from, self.to).ok()?;
        let (query, stop) = (query.within(&self.held), AtomicBool::new(false));
        query.result(&[query.scan(&self.held, TABLE, &stop)?], &stop)
    }
}

/// The shortest time over which rates are averages.
const SHORTEST: Duration = Duration::from_millis(100);
/// Bytes of the flows of a query.
const TABLE: usize = 32 << 20;
/// The data source, because a packet that passes two of them is sampled by both: the sum would count it
/// twice. Then the addresses: IP wherever it is, else MAC.
const PAIR_KEYS: &str = "null:agent:,null:datasource:,or:src:macsource,or:dst:macdestination";
/// The protocol of IP, else the EtherType, and ports; 0 if there are none.
const FLOW_KEYS: [&str; 4] =
    [PAIR_KEYS, "or:ipproto:ethernetprotocol:0", "null:sport:0", "null:dport:0"];
