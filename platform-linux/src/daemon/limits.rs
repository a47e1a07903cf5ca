//! The limit of open files, RLIMIT_NOFILE.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the soft limit of open files to the hard one. The soft limit is 1024 by default, for the
/// sake of programs that use select(2).
pub(super) fn raise_open_files() {
    let limit = Resource::RLIMIT_NOFILE;
    if let Ok((_, hard)) = getrlimit(limit) {
        // Cannot fail: no right is needed up to the hard limit.
        let _ = setrlimit(limit, hard, hard);
    }
}
