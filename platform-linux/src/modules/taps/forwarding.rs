//! Whether this host forwards packets between its interfaces.

use std::fs;

/// Returns true if the host is a router of IPv4 or IPv6, as one with containers is. The switches are
/// those of the network namespace of this process.
pub(super) fn is_on() -> bool {
    SWITCHES.iter().any(|switch| fs::read_to_string(switch).is_ok_and(|value| is_set(&value)))
}

fn is_set(value: &str) -> bool {
    value.trim() != "0"
}

const SWITCHES: [&str; 2] =
    ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"];
