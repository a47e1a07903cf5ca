//! Descriptors for taps: all that RLIMIT_NOFILE allows, except those of the rest of the daemon.

use nix::sys::resource::{Resource, getrlimit};

use crate::config::Config;

/// The number of taps for which there are descriptors.
pub(super) fn taps_allowed(config: &Config) -> usize {
    limit().saturating_sub(reserved(config))
}

/// What is missing for `taps` taps, and how to provide it.
pub(super) fn shortage(taps: usize, config: &Config) -> String {
    let needed = taps.saturating_add(reserved(config));
    format!(
        "the limit of open files (RLIMIT_NOFILE) is {}, and {needed} are needed: set LimitNOFILE= in \
         the systemd unit, or \"ulimit -n {needed}\"",
        limit()
    )
}

fn limit() -> usize {
    let soft = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
    usize::try_from(soft).unwrap_or(usize::MAX)
}

/// Standard streams, netlink, signals, epoll, resolver, files of /proc, and a socket a collector.
fn reserved(config: &Config) -> usize {
    config.collectors.len().saturating_add(24)
}
