//! The statistics: logged at the end, on SIGUSR1 and every `--stats-interval`.

use std::fmt;

use flowmote_core::{AgentStats, Duration};

use crate::links::LinksStats;
use crate::modules::module::Statistics;
use crate::output::collectors::Collectors;
use crate::output::destination::DestinationStats;

/// Everything that the daemon counts, as a text of several lines.
#[derive(Debug)]
pub(super) struct Report<'a> {
    /// Time since the daemon started.
    pub(super) uptime: Duration,
    pub(super) modules: Statistics,
    pub(super) agent: AgentStats,
    pub(super) collectors: &'a Collectors,
    pub(super) links: LinksStats,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statistics after {} s", self.uptime.as_millis() / 1000)?;
        for line in &self.modules.lines {
            write!(f, "\n  {line}")?;
        }
        self.agent(f)?;
        for destination in self.collectors.iter() {
            let subject = format_args!("collector {}", destination.collector());
            collector(f, subject, destination.stats())?;
        }
        let former = self.collectors.former();
        if former != DestinationStats::default() {
            collector(f, format_args!("collectors no longer configured"), former)?;
        }
        self.exceptions(f)
    }
}

impl Report<'_> {
    fn agent(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AgentStats { datagrams, datagram_bytes, flow_samples, counter_samples, .. } =
            self.agent;
        write!(
            f,
            "\n  agent: {flow_samples} flow samples, {counter_samples} counter samples, \
             {datagrams} datagrams ({datagram_bytes} bytes)"
        )
    }

    /// Counters that are usually 0 and are left out then.
    fn exceptions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exceptions = agent_exceptions(&self.agent)
            .into_iter()
            .chain(links_exceptions(self.links))
            .chain(self.modules.exceptions.iter().copied());
        for (count, what) in exceptions.filter(|&(count, _)| count > 0) {
            write!(f, "\n  also: {count} {what}")?;
        }
        Ok(())
    }
}

// Each names the counters one by one, so that a new one cannot be forgotten here.

fn agent_exceptions(stats: &AgentStats) -> [(u64, &'static str); 8] {
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
        (send_errors, "datagrams not delivered to any collector"),
        (too_large, "samples or records larger than a datagram"),
        (unknown_source, "samples of interfaces that are not data sources"),
        (discarded_packets, "discarded packets"),
        (discards_suppressed, "discarded packets beyond the rate limit"),
        (discards_lost, "discarded packets whose notifications were lost"),
        (rt_samples, "samples of user metrics"),
        (invalid_name, "user metrics with an invalid name"),
    ]
}

fn links_exceptions(stats: LinksStats) -> [(u64, &'static str); 3] {
    let LinksStats { overruns, malformed, dumps } = stats;
    [
        (overruns, "overruns of the rtnetlink socket"),
        (malformed, "malformed rtnetlink messages"),
        (dumps, "dumps of all interfaces after lost notifications"),
    ]
}

fn collector(
    f: &mut fmt::Formatter<'_>,
    subject: fmt::Arguments<'_>,
    stats: DestinationStats,
) -> fmt::Result {
    let DestinationStats { sent, unresolved, errors, refused } = stats;
    write!(f, "\n  {subject}: {sent} datagrams")?;
    let more = [
        (unresolved, "lost without an address or a route"),
        (errors, "lost to send errors"),
        (refused, "reported undeliverable by ICMP"),
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
            modules: Statistics::default(),
            agent: AgentStats::default(),
            collectors,
            links: LinksStats::default(),
        }
    }

    #[test]
    fn counters_that_are_zero_are_left_out() {
        let collector: Collector = "192.0.2.1".parse().unwrap();
        let expected = "statistics after 61 s\n  \
            agent: 0 flow samples, 0 counter samples, 0 datagrams (0 bytes)\n  \
            collector 192.0.2.1:6343: 0 datagrams";
        assert_eq!(report(&Collectors::new(&[collector])).to_string(), expected);
    }

    #[test]
    fn counters_that_are_not_zero_have_a_line_each() {
        let collectors = Collectors::new(&[]);
        let mut report = report(&collectors);
        report.modules = Statistics {
            lines: vec!["eth0 (ifIndex 2, 1 in 10): 90 packets seen".to_owned()],
            exceptions: vec![(0, "adapters without counters"), (13, "file systems")],
        };
        report.agent.invalid_name = 11;
        report.links.dumps = 12;
        let expected = "statistics after 61 s\n  \
            eth0 (ifIndex 2, 1 in 10): 90 packets seen\n  \
            agent: 0 flow samples, 0 counter samples, 0 datagrams (0 bytes)\n  \
            also: 11 user metrics with an invalid name\n  \
            also: 12 dumps of all interfaces after lost notifications\n  \
            also: 13 file systems";
        assert_eq!(report.to_string(), expected);
    }
}
