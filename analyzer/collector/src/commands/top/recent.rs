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

    /// The time that all samples are held of, if it is shorter than the window.
    pub(super) fn shortened(&self) -> Option<Duration> {
        let begin = self.held.begin();
        (begin > self.from).then(|| self.to.since(begin))
    }

    /// Seconds that rates are averages over.
    pub(super) fn seconds(&self) -> f64 {
        self.to.since(self.from.max(self.held.begin())).as_secs_f64()
    }

    /// The `n` largest flows by a value, each with a further value. The sum over both directions of each
    /// data source that the keys tell apart.
    pub(super) fn flows(&self, keys: &str, values: [&str; 2], n: usize) -> Option<PastResult> {
        self.result(keys, values, n, AggMode::Max)
    }

    /// All packets as one flow: bytes and packets per second, each packet counted once by each agent.
    pub(super) fn total(&self) -> Option<PastResult> {
        self.result("", ["bytes", "frames"], 1, AggMode::Sum)
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
