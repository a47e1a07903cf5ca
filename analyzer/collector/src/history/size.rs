//! The size of the file.
//!
//! What is removed becomes room for others within the file, which does not become shorter by it. So what is
//! in use decides what is removed, and not the length.

use super::History;
use super::store::{Result, Store};
use super::tier::{DAY, Tier};

impl History {
    /// Removes the oldest slots, relative to how long their tier is kept, while too much is in use.
    pub(super) fn keep_size(&self, store: &Store, now: i64) -> Result<()> {
        let log: usize = self.upkeep.lock().logged.values().sum();
        let most = most(self.limit, log as u64 + store.catalogue()?.bytes);
        let mut sizes = store.sizes()?;
        // Rows go when minutes are made of them, which is soon if they are many: chunks do not go for them.
        let rows: u64 = sizes.extract_if(.., |it| it.0 == Tier::Rows).map(|it| it.2).sum();
        let mut used = sizes.iter().map(|it| it.2).sum::<u64>() + rows.min(self.limit / 4);
        sizes.sort_by(|a, b| age(a.0, a.1, now).total_cmp(&age(b.0, b.1, now)));
        while used > most
            && let Some((tier, slot, bytes)) = sizes.pop()
        {
            store.remove(tier, slot)?;
            store.removed(tier, slot)?;
            used = used.saturating_sub(bytes);
        }
        Ok(())
    }

    /// Makes a file shorter that is longer than its limit allows, as after `--history` with fewer bytes.
    pub(super) fn fit(&self, store: &mut Store, now: i64) -> Result<()> {
        if self.length() > longest(self.limit) {
            self.keep_size(store, now)?;
            store.compact()?;
        }
        Ok(())
    }
}

/// Bytes that chunks may have beside others of so many bytes. Half of it is always for chunks.
fn most(limit: u64, others: u64) -> u64 {
    let all = limit / PAGES.0 * PAGES.1;
    all.saturating_sub(others).max(all / 2)
}

/// The length of a file of which so many bytes are in use: redb doubles it up to 4 GiB, and adds as much at
/// a time from there on.
pub(super) fn longest(limit: u64) -> u64 {
    let length = limit.saturating_add(limit.min(STEP));
    // Its own pages.
    length.saturating_add(length / 64 + (1 << 16))
}

/// The age of a slot in relation to the time for which its tier is kept. What is far ahead was written with
/// a wrong clock.
fn age(tier: Tier, slot: u32, now: i64) -> f64 {
    let age = now - tier.begin(slot) - tier.slot();
    if tier.begin(slot) > now + DAY {
        return f64::INFINITY;
    }
    age as f64 / tier.keep() as f64
}

/// Bytes of pages for so many bytes of content.
const PAGES: (u64, u64) = (2, 1);
/// Bytes by which redb makes a long file longer.
const STEP: u64 = 4 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_has_a_longest_length() {
        assert_eq!([2, 3].map(|it| longest(it << 30) >> 20), [4160, 6240]);
        assert_eq!(longest(64 << 30) >> 20, 70_720);
        assert_eq!(longest(u64::MAX), u64::MAX);
    }

    #[test]
    fn half_is_for_chunks() {
        assert_eq!(most(300, 0), 150);
        assert_eq!(most(300, 50), 100);
        assert_eq!(most(300, 1000), 75);
    }
}
