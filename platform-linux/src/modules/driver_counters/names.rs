//! Which of a driver's counters are worth sending, and under which names.

use std::collections::BTreeMap;

use flowmote_core::MetricValue;

use crate::config::Pattern;
use crate::output::custom::metric_name;

/// Metrics of an interface: sums over its queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters(BTreeMap<String, u64>);

impl Counters {
    /// Counts a counter of the driver if its name is selected.
    pub(super) fn add(&mut self, name: &str, value: u64, pattern: Option<&Pattern>) {
        let selected = match pattern {
            Some(pattern) => pattern.matches(name),
            None => is_loss_or_limit(name),
        };
        let name = metric_name("ethtool_", &without_queue(name));
        if selected && (self.0.len() < MAX_METRICS || self.0.contains_key(&name)) {
            let sum = self.0.entry(name).or_default();
            *sum = sum.wrapping_add(value);
        }
    }

    /// Names and values. What is left of a limit can fall, everything else only counts up.
    pub(super) fn metrics(&self) -> impl Iterator<Item = (&str, MetricValue<'_>)> {
        self.0.iter().map(|(name, value)| {
            let gauge = name.ends_with("_available");
            let value =
                if gauge { MetricValue::Gauge64(*value) } else { MetricValue::Counter64(*value) };
            (name.as_str(), value)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// True for counters of lost packets, of what causes losses, and of limits of the instance.
fn is_loss_or_limit(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// The name without the number of a queue, under which the queues are summed up: `queue_0_rx_drops`,
/// `rx0_drops`, `rx_queue_0_drops`, `tx-0.dropped`, `rx_dropped_pkt[0]`, `[0]: rx_discards`.
fn without_queue(name: &str) -> String {
    let Some(start) = name.find(|c: char| c.is_ascii_digit()) else { return name.to_owned() };
    let (before, rest) = name.split_at(start);
    let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    if let (Some(before), Some(after)) = (before.strip_suffix('['), after.strip_prefix(']')) {
        return before.to_owned() + after.trim_start_matches([':', ' ']);
    }
    let stem = before.trim_end_matches(['_', '-']);
    // `rx_1024_to_1518` is a size.
    let is_queue = match before.ends_with('_') {
        true => stem.ends_with("queue"),
        false => QUEUES.iter().any(|queue| stem.ends_with(queue)),
    };
    if is_queue { stem.to_owned() + after } else { name.to_owned() }
}

/// Parts of names, with the drivers that have them.
const WORDS: [&str; 12] = [
    // ena: limits of the instance, enforced outside of it
    "_allowance_",
    // veth, virtio_net, gve, mana, hv_netvsc, i40e, ice, mlx5 and most others
    "drop",
    // bnxt_en, mlx5, hns3
    "discard",
    // mlx5
    "out_of_buffer",
    // igb, ixgbe, gve, ena
    "no_buf",
    "alloc_fail",
    "skb_alloc",
    // ixgbe, igb, e1000e
    "missed",
    "no_dma",
    // e1000e, r8169, tg3
    "fifo",
    // ena, mlx5: a full ring
    "queue_stop",
    // virtio_net, ena, gve
    "timeout",
];
/// What stands before the number of a queue.
const QUEUES: [&str; 6] = ["rx", "tx", "queue", "rxq", "txq", "ch"];
/// For drivers with hundreds of selected counters that are not of queues.
const MAX_METRICS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(statistics: &[(&str, u64)], pattern: Option<&str>) -> Vec<(String, u64, bool)> {
        let pattern = pattern.map(|text| {
            let text =
                format!("sflow {{ collector {{ ip = ::1 }} ethtool {{ counters = {text} }} }}");
            crate::config::Config::parse(&text).config.unwrap().driver_counters.counters.unwrap()
        });
        let mut counters = Counters::default();
        for (name, value) in statistics {
            counters.add(name, *value, pattern.as_ref());
        }
        let metrics = counters.metrics().map(|(name, value)| match value {
            MetricValue::Counter64(value) => (name.to_owned(), value, true),
            MetricValue::Gauge64(value) => (name.to_owned(), value, false),
            _ => panic!("{value:?}"),
        });
        metrics.collect()
    }

    /// As `ethtool -S` prints them on an instance with two queues.
    #[test]
    fn limits_of_ena_keep_the_names_of_cloudwatch() {
        let ena = [
            ("tx_timeout", 0),
            ("suspend", 0),
            ("bw_in_allowance_exceeded", 1),
            ("bw_out_allowance_exceeded", 2),
            ("pps_allowance_exceeded", 3),
            ("conntrack_allowance_exceeded", 4),
            ("linklocal_allowance_exceeded", 5),
            ("conntrack_allowance_available", 136_812),
            ("queue_0_tx_cnt", 900),
            ("queue_0_tx_queue_stop", 6),
            ("queue_1_tx_queue_stop", 7),
            ("queue_0_rx_skb_alloc_fail", 1),
            ("queue_1_rx_skb_alloc_fail", 1),
        ];
        let expected = [
            ("ethtool_bw_in_allowance_exceeded", 1, true),
            ("ethtool_bw_out_allowance_exceeded", 2, true),
            ("ethtool_conntrack_allowance_available", 136_812, false),
            ("ethtool_conntrack_allowance_exceeded", 4, true),
            ("ethtool_linklocal_allowance_exceeded", 5, true),
            ("ethtool_pps_allowance_exceeded", 3, true),
            ("ethtool_queue_rx_skb_alloc_fail", 2, true),
            ("ethtool_queue_tx_queue_stop", 13, true),
            ("ethtool_tx_timeout", 0, true),
        ];
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value, counts)| ((*name).to_owned(), *value, *counts))
            .collect();
        assert_eq!(metrics(&ena, None), expected);
    }

    #[test]
    fn queues_of_each_driver_are_summed_up() {
        for (name, expected) in [
            ("rx_queue_12_drops", "rx_queue_drops"),
            ("rx0_drops", "rx_drops"),
            ("tx-7.dropped", "tx.dropped"),
            ("rx_dropped_pkt[3]", "rx_dropped_pkt"),
            ("[0]: rx_discards", "rx_discards"),
            ("ch0_events", "ch_events"),
            ("rx_prio0_discards", "rx_prio0_discards"),
            ("rx_1024_to_1518", "rx_1024_to_1518"),
            ("vf_tx_dropped", "vf_tx_dropped"),
            ("", ""),
        ] {
            assert_eq!(without_queue(name), expected, "{name}");
        }
    }

    #[test]
    fn pattern_replaces_the_list() {
        let statistics = [("rx_kicks", 5), ("rx_drops", 1), ("tx_kicks", 6)];
        let names = |metrics: Vec<(String, u64, bool)>| {
            metrics.into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
        };
        let kicks = ["ethtool_rx_kicks", "ethtool_tx_kicks"];
        assert_eq!(names(metrics(&statistics, Some("kicks"))), kicks);
        assert_eq!(names(metrics(&statistics, None)), ["ethtool_rx_drops"]);
        let many: Vec<String> = (0..1000).map(|number| format!("a{number}_drops")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), 1)).collect();
        assert_eq!(metrics(&many, None).len(), MAX_METRICS);
    }
}
