//! `host-metrics { }`: metrics of the host beside the standard structures.

use super::super::Config;
use super::super::tokens::{Block, Kind, Settings, Token, supported};
use super::super::value;

/// Groups of metrics that are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the user")]
pub struct HostMetrics {
    /// Pressure of processors, memory and disks, `/proc/pressure`.
    pub psi: bool,
    /// Open files, `/proc/sys/fs/file-nr`.
    pub files: bool,
    /// Tracked connections, `/proc/sys/net/netfilter`.
    pub conntrack: bool,
    /// IPv6, ICMPv6 and UDP over IPv6, `/proc/net/snmp6`.
    pub ipv6: bool,
    /// Each processor, `/proc/stat`.
    pub per_cpu: bool,
}

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "host-metrics",
    "metrics of the host beside the standard counters",
    &[PSI, FILES, CONNTRACK, IPV6, PER_CPU],
    read,
);

const PSI: Token = supported("psi", Kind::Switch)
    .default("on")
    .about("pressure stalls of processors, memory and disks");
const FILES: Token = supported("files", Kind::Switch).default("on").about("open files");
const CONNTRACK: Token = supported("conntrack", Kind::Switch)
    .default("on")
    .about("connections that the firewall tracks");
const IPV6: Token = supported("ipv6", Kind::Switch)
    .default("on")
    .about("counters of IPv6, ICMPv6 and UDP over IPv6");
const PER_CPU: Token =
    supported("percpu", Kind::Switch).default("off").about("busy time of each processor");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let mut switch = |token, default| settings.value(token, value::switch).unwrap_or(default);
    let metrics = HostMetrics {
        psi: switch(&PSI, true),
        files: switch(&FILES, true),
        conntrack: switch(&CONNTRACK, true),
        ipv6: switch(&IPV6, true),
        per_cpu: switch(&PER_CPU, false),
    };
    if config.host_metrics.replace(metrics).is_some() {
        settings.warn("this host-metrics block replaces the one before it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_on_except_single_processors() {
        let parse = |block: &str| {
            let text = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {block} }}");
            Config::parse(&text).config.unwrap().host_metrics
        };
        let usual =
            HostMetrics { psi: true, files: true, conntrack: true, ipv6: true, per_cpu: false };
        assert_eq!((parse(""), parse("host-metrics { }")), (None, Some(usual)));
        let text = "host-metrics { psi = off files = off conntrack = off ipv6 = off percpu = on }";
        let other =
            HostMetrics { psi: false, files: false, conntrack: false, ipv6: false, per_cpu: true };
        assert_eq!(parse(text), Some(other));
    }
}
