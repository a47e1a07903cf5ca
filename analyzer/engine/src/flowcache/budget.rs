//! The bound of the memory of all tables.

/// Bytes in use, and their bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    limit: usize,
    used: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }

    pub(crate) fn used(&self) -> usize {
        self.used
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// True if `bytes` more fit now.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        self.used.saturating_add(bytes) <= self.limit
    }

    /// Accounts memory that is now `after` bytes and was `before`.
    pub(crate) fn account(&mut self, before: usize, after: usize) {
        self.used = self.used.saturating_sub(before).saturating_add(after);
    }
}

/// Bytes that the allocator adds to a part of memory; a matter only where the parts are small.
pub(crate) const ALLOCATION: usize = 16;
