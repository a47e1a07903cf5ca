//! The bound of the memory of all tables.

/// Bytes in use, and their bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: usize,
    /// Requests that did not fit since the last call of [`take_refused`](Budget::take_refused).
    refused: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: 0 }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// True if `bytes` more fit now.
    pub(crate) fn fits(&mut self, bytes: usize) -> bool {
        let fits = self.used.saturating_add(bytes) <= self.limit;
        self.refused += usize::from(!fits);
        fits
    }

    /// Accounts memory that is now `after` bytes and was `before`.
    pub(crate) fn account(&mut self, before: usize, after: usize) {
        self.used = self.used.saturating_sub(before).saturating_add(after);
    }

    /// True if a request did not fit since the last call.
    pub(crate) fn take_refused(&mut self) -> bool {
        core::mem::take(&mut self.refused) != 0
    }
}
