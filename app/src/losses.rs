//! What did not reach the agent.

use core::sync::atomic::{AtomicU64, Ordering};

/// Messages of an application that did not reach the agent. Operations that were not chosen are no
/// losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// No agent receives messages (ECONNREFUSED): it is not running, or has no `json { }` block.
    pub refused: u64,
    /// The send buffer of the socket was full.
    pub full: u64,
    /// Other errors of the socket, for example that there is none, because the limit of open files
    /// was reached.
    pub failed: u64,
    /// Metrics that cannot be expressed: a value that is not finite, or a datasource or a name that
    /// is no name; and all messages of an application without a name.
    pub invalid: u64,
}

/// The kinds of losses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    Refused,
    Full,
    Failed,
    Invalid,
}

/// The counters behind [`Losses`].
#[derive(Debug, Default)]
pub(crate) struct LossCounters {
    refused: AtomicU64,
    full: AtomicU64,
    failed: AtomicU64,
    invalid: AtomicU64,
}

impl LossCounters {
    pub(crate) fn count(&self, loss: Loss) {
        let counter = match loss {
            Loss::Refused => &self.refused,
            Loss::Full => &self.full,
            Loss::Failed => &self.failed,
            Loss::Invalid => &self.invalid,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn totals(&self) -> Losses {
        let value = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Losses {
            refused: value(&self.refused),
            full: value(&self.full),
            failed: value(&self.failed),
            invalid: value(&self.invalid),
        }
    }
}
