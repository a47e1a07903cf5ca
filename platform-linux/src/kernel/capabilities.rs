//! The capabilities of a thread, capabilities(7).

use caps::CapSet;

/// Gives up all capabilities of the calling thread for the rest of its life.
///
/// Each thread has its own, inherited from the one that started it: a thread that blocks in a name
/// service would keep what the daemon gives up meanwhile. Errors are ignored: a thread may always
/// reduce its sets.
pub(crate) fn give_up_all() {
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        let _ = caps::clear(None, set);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_without_capabilities_leaves_those_of_others() {
        let sets = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let sets = status.lines().filter(|line| {
                ["CapInh:", "CapPrm:", "CapEff:"].iter().any(|set| line.starts_with(set))
            });
            sets.map(str::to_owned).collect::<Vec<_>>()
        };
        let before = sets();
        let of_thread = std::thread::spawn(move || {
            give_up_all();
            sets()
        });
        let none = ["CapInh:", "CapPrm:", "CapEff:"].map(|set| format!("{set}\t0000000000000000"));
        assert_eq!(of_thread.join().unwrap(), none);
        assert_eq!(sets(), before);
    }
}
