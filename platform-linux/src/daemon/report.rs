//! The numbers of the daemon in words: at the end, on SIGUSR1, and every --stats-interval.

use std::fmt;

use flowmote_core::{AgentStats, Duration};

use crate::capture::TapStats;
use crate::counters::HostStats;
use crate::daemon::collectors::{Collectors, Destination};
use crate::daemon::ports::PortStats;
use crate::links::LinksStats;

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
    /// What could not be read in /proc and /sys.
    pub(crate) counters: HostStats,
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
        self.collectors.iter().try_for_each(|destination| collector(f, destination))?;
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
        let troubles = [
            (self.agent.send_errors, "datagrams that no collector can have got"),
            (self.agent.too_large, "samples or records larger than a datagram"),
            (self.agent.unknown_source, "samples of interfaces that are not data sources"),
            (self.links.overruns, "overruns of rtnetlink notifications"),
            (self.links.malformed, "rtnetlink messages that made no sense"),
            (self.counters.unreadable_files, "files of /proc or /sys that could not be read"),
            (self.counters.unreadable_filesystems, "file systems without a size"),
            (self.counters.unreadable_adapters, "adapters without counters"),
        ];
        for (count, what) in troubles.into_iter().filter(|&(count, _)| count > 0) {
            write!(f, "\n  trouble: {count} {what}")?;
        }
        Ok(())
    }
}

fn tap(f: &mut fmt::Formatter<'_>, name: &str, totals: &TapStats) -> fmt::Result {
    let TapStats { seen, delivered, lost, malformed, .. } = totals;
    write!(f, "  {name}: {seen} packets seen, {delivered} samples, {lost} drops")?;
    if *malformed > 0 {
        write!(f, " ({malformed} of them unreadable)")?;
    }
    writeln!(f)
}

fn collector(f: &mut fmt::Formatter<'_>, destination: &Destination) -> fmt::Result {
    let stats = destination.stats();
    write!(f, "\n  collector {}: {} datagrams", destination.collector(), stats.sent)?;
    if stats.errors + stats.unresolved > 0 {
        write!(f, ", {} lost", stats.errors.saturating_add(stats.unresolved))?;
    }
    if stats.refused > 0 {
        write!(f, ", told {} times that nobody listens", stats.refused)?;
    }
    Ok(())
}
