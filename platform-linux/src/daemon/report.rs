//! The numbers of the daemon in words: at the end, on SIGUSR1, and every --stats-interval.

use std::fmt;

use flowmote_core::{AgentStats, Duration};

use crate::daemon::collectors::{Collectors, DestinationStats};
use crate::daemon::counters::CounterStats;
use crate::links::LinksStats;
use crate::modules::host::HostStats;
use crate::modules::interfaces::InterfaceStats;
use crate::modules::taps::PortStats;
use crate::modules::taps::capture::TapStats;

/// Everything that was counted, as a text of several lines.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// How long the daemon has run.
    pub(crate) uptime: Duration,
    /// Sampled interfaces, and the totals of those that are no more.
    pub(crate) ports: (Vec<PortStats>, TapStats),
    /// What the agent did.
    pub(crate) agent: AgentStats,
    /// How the collectors fare.
    pub(crate) collectors: &'a Collectors,
    /// What went wrong on rtnetlink.
    pub(crate) links: LinksStats,
    /// What could not be read of host and interfaces.
    pub(crate) counters: CounterStats,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "statistics after {} s", self.uptime.as_millis() / 1000)?;
        let (ports, closed) = &self.ports;
        for port in ports {
            let name =
                format!("{} (ifIndex {}, 1 in {})", port.name, port.if_index, port.sampling_rate);
            tap(f, &name, &port.totals)?;
        }
        if *closed != TapStats::default() {
            tap(f, "interfaces no longer sampled", closed)?;
        }
        self.agent(f)?;
        for destination in self.collectors.iter() {
            let name = format!("collector {}", destination.collector());
            collector(f, &name, destination.stats())?;
        }
        let former = self.collectors.former();
        if former != DestinationStats::default() {
            collector(f, &"collectors no longer configured", former)?;
        }
        self.trouble(f)
    }
}

impl Report<'_> {
    fn agent(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AgentStats { datagrams, datagram_bytes, flow_samples, counter_samples, .. } =
            self.agent;
        write!(
            f,
            "  agent: {flow_samples} flow samples, {counter_samples} counter samples, \
             {datagrams} datagrams ({datagram_bytes} bytes)"
        )
    }

    /// What is usually zero is told only when it is not.
    fn trouble(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let troubles = agent_troubles(&self.agent)
            .into_iter()
            .chain(links_troubles(self.links))
            .chain(counter_troubles(self.counters));
        for (count, what) in troubles.filter(|&(count, _)| count > 0) {
            write!(f, "\n  besides: {count} {what}")?;
        }
        Ok(())
    }
}

// Each takes its counters apart by name, so that none can be forgotten here.

fn agent_troubles(stats: &AgentStats) -> [(u64, &'static str); 8] {
    let AgentStats {
        datagrams: _,
        datagram_bytes: _,
        send_errors,
        flow_samples: _,
        counter_samples: _,
        discarded_packets,
        discards_suppressed,
        discards_lost,
        rt_samples,
        unknown_source,
        too_large,
        invalid_name,
    } = *stats;
    [
        (send_errors, "datagrams that no collector can have got"),
        (too_large, "samples or records larger than a datagram"),
        (unknown_source, "samples of interfaces that are not data sources"),
        (discarded_packets, "discarded packets"),
        (discards_suppressed, "discarded packets beyond the rate limit"),
        (discards_lost, "discarded packets whose notices were lost"),
        (rt_samples, "samples of user metrics"),
        (invalid_name, "user metrics with an invalid name"),
    ]
}

fn links_troubles(stats: LinksStats) -> [(u64, &'static str); 3] {
    let LinksStats { overruns, malformed, dumps } = stats;
    [
        (overruns, "overruns of rtnetlink notifications"),
        (malformed, "rtnetlink messages that made no sense"),
        (dumps, "dumps of all links to make up for lost notifications"),
    ]
}

fn counter_troubles(stats: CounterStats) -> [(u64, &'static str); 6] {
    let CounterStats { host, interfaces, unreadable_interfaces } = stats;
    let HostStats { unreadable_files, unreadable_filesystems, unreadable_adapters } = host;
    let InterfaceStats { without_ethernet, without_lag_port } = interfaces;
    [
        (unreadable_files, "files of /proc or /sys that could not be read"),
        (unreadable_filesystems, "file systems without a size"),
        (unreadable_adapters, "adapters without counters"),
        (unreadable_interfaces, "interfaces whose counters could not be read"),
        (without_ethernet, "readings of interfaces whose driver has no dot3 counters"),
        (without_lag_port, "readings of bond members without LACP counters"),
    ]
}

fn tap(f: &mut fmt::Formatter<'_>, name: &str, totals: &TapStats) -> fmt::Result {
    let TapStats { seen, chosen, delivered, lost, malformed } = totals;
    write!(f, "  {name}: {seen} packets seen, {delivered} samples, {lost} drops")?;
    if *malformed > 0 {
        write!(f, " ({malformed} of them unreadable)")?;
    }
    match chosen.saturating_sub(delivered.saturating_add(*lost)) {
        0 => writeln!(f),
        waiting => writeln!(f, ", {waiting} on their way"),
    }
}

fn collector(
    f: &mut fmt::Formatter<'_>,
    name: &dyn fmt::Display,
    stats: DestinationStats,
) -> fmt::Result {
    let DestinationStats { sent, unresolved, errors, refused } = stats;
    write!(f, "\n  {name}: {sent} datagrams")?;
    let more = [
        (unresolved, "lost without an address or a route"),
        (errors, "lost in sending"),
        (refused, "answered by ICMP as not delivered"),
    ];
    for (count, what) in more.into_iter().filter(|&(count, _)| count > 0) {
        write!(f, ", {count} {what}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Collector;

    fn report(collectors: &Collectors) -> Report<'_> {
        Report {
            uptime: Duration::from_secs(61),
            ports: (Vec::new(), TapStats::default()),
            agent: AgentStats::default(),
            collectors,
            links: LinksStats::default(),
            counters: CounterStats::default(),
        }
    }

    #[test]
    fn what_is_zero_is_not_told() {
        let collector: Collector = "192.0.2.1".parse().unwrap();
        let expected = "statistics after 61 s\n  \
            agent: 0 flow samples, 0 counter samples, 0 datagrams (0 bytes)\n  \
            collector 192.0.2.1:6343: 0 datagrams";
        assert_eq!(report(&Collectors::new(&[collector])).to_string(), expected);
    }

    #[test]
    fn every_loss_is_told() {
        let collectors = Collectors::new(&[]);
        let totals = TapStats { seen: 90, chosen: 9, delivered: 5, lost: 3, malformed: 2 };
        let name = "eth0".to_owned();
        let port = PortStats { if_index: 2, name, sampling_rate: 10, totals };
        let mut report = report(&collectors);
        report.ports = (vec![port], TapStats { seen: 1, ..TapStats::default() });
        report.agent.invalid_name = 11;
        report.links.dumps = 12;
        report.counters.interfaces.without_lag_port = 13;
        let text = report.to_string();
        for line in [
            "  eth0 (ifIndex 2, 1 in 10): 90 packets seen, 5 samples, 3 drops (2 of them unreadable), 1 on their way",
            "  interfaces no longer sampled: 1 packets seen, 0 samples, 0 drops",
            "  besides: 11 user metrics with an invalid name",
            "  besides: 12 dumps of all links to make up for lost notifications",
            "  besides: 13 readings of bond members without LACP counters",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
