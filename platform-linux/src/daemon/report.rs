//! The statistics: logged at the end, on SIGUSR1 and every `--stats-interval`.

use std::fmt;

use flowmote_core::{AgentStats, Duration};

use crate::daemon::visitors::VisitorStats;
use crate::links::LinksStats;
use crate::modules::module::{Line, Statistics};
use crate::output::collectors::Collectors;
use crate::output::destination::{Destination, DestinationStats};

/// Everything that the daemon counts, as a text of several lines.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Time since the daemon started.
    pub(crate) uptime: Duration,
    pub(crate) modules: Statistics,
    pub(crate) agent: AgentStats,
    pub(crate) collectors: &'a Collectors,
    pub(crate) links: LinksStats,
    pub(crate) auto_file_failures: u64,
    pub(crate) visitors: VisitorStats,
    pub(crate) lost_log_lines: u64,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "statistics after {} s", self.uptime.as_millis() / 1000)?;
        let Statistics { lines, exceptions, .. } = self.all();
        for line in lines.iter().filter(|line| !line.is_hidden()) {
            write!(f, "\n  {line}")?;
        }
        for (count, what) in exceptions.iter().filter(|(count, _)| *count > 0) {
            write!(f, "\n  also: {count} {what}")?;
        }
        Ok(())
    }
}

impl Report<'_> {
    /// All lines and counters, printed or left out.
    pub(crate) fn all(&self) -> Statistics {
        let mut all = Statistics::default();
        all.lines.extend(self.modules.interfaces.iter().map(|interface| interface.line.clone()));
        all.lines.extend_from_slice(&self.modules.lines);
        all.lines.push(agent_line(&self.agent));
        for destination in self.collectors.iter() {
            all.lines.push(collector_line(destination));
        }
        all.lines.push(self.former_collectors());
        all.exceptions = self.exceptions();
        all
    }

    /// The line of the collectors that a reload has removed.
    pub(crate) fn former_collectors(&self) -> Line {
        let subject = "collectors no longer configured".to_owned();
        datagrams_line(subject, self.collectors.former(), true)
    }

    /// The counters that usually are 0.
    pub(crate) fn exceptions(&self) -> Vec<(u64, &'static str)> {
        let mut all = Vec::new();
        all.extend(agent_exceptions(&self.agent));
        all.extend(links_exceptions(self.links));
        all.extend(&self.modules.exceptions);
        all.push((self.auto_file_failures, "failed writes of the published settings"));
        all.extend(visitor_exceptions(self.visitors));
        all.push((self.lost_log_lines, "log lines lost"));
        all
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

fn visitor_exceptions(stats: VisitorStats) -> [(u64, &'static str); 2] {
    let VisitorStats { status, metrics } = stats;
    [
        (status, "clients of the status socket without a complete reply"),
        (metrics, "clients of the metrics without a complete reply"),
    ]
}

/// The line of the agent.
pub(crate) fn agent_line(stats: &AgentStats) -> Line {
    let AgentStats { datagrams, datagram_bytes, flow_samples, counter_samples, .. } = *stats;
    Line {
        subject: "agent".to_owned(),
        counters: vec![
            (flow_samples, "flow samples"),
            (counter_samples, "counter samples"),
            (datagrams, "datagrams"),
            (datagram_bytes, "bytes"),
        ],
        exceptions: Vec::new(),
        optional: false,
    }
}

/// The line of a collector.
pub(crate) fn collector_line(destination: &Destination) -> Line {
    let subject = format!("collector {}", destination.collector());
    datagrams_line(subject, destination.stats(), false)
}

fn datagrams_line(subject: String, stats: DestinationStats, optional: bool) -> Line {
    let DestinationStats { sent, unresolved, errors, refused } = stats;
    Line {
        subject,
        counters: vec![(sent, "datagrams")],
        exceptions: vec![
            (unresolved, "lost without an address or a route"),
            (errors, "lost to send errors"),
            (refused, "reported undeliverable by ICMP"),
        ],
        optional,
    }
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
            auto_file_failures: 0,
            visitors: VisitorStats::default(),
            lost_log_lines: 0,
        }
    }

    #[test]
    fn counters_that_are_zero_are_left_out() {
        let collector: Collector = "192.0.2.1".parse().unwrap();
        let expected = "statistics after 61 s\n  \
            agent: 0 flow samples, 0 counter samples, 0 datagrams, 0 bytes\n  \
            collector 192.0.2.1:6343: 0 datagrams";
        assert_eq!(report(&Collectors::new(&[collector])).to_string(), expected);
    }

    #[test]
    fn counters_that_are_not_zero_have_a_line_each() {
        let collectors = Collectors::new(&[]);
        let mut report = report(&collectors);
        report.modules = Statistics {
            lines: vec![Line {
                subject: "eth0".to_owned(),
                counters: vec![(90, "packets seen")],
                exceptions: Vec::new(),
                optional: false,
            }],
            interfaces: Vec::new(),
            exceptions: vec![(0, "adapters without counters"), (13, "file systems")],
        };
        report.agent.invalid_name = 11;
        report.links.dumps = 12;
        report.lost_log_lines = 14;
        let expected = "statistics after 61 s\n  \
            eth0: 90 packets seen\n  \
            agent: 0 flow samples, 0 counter samples, 0 datagrams, 0 bytes\n  \
            also: 11 user metrics with an invalid name\n  \
            also: 12 dumps of all interfaces after lost notifications\n  \
            also: 13 file systems\n  \
            also: 14 log lines lost";
        assert_eq!(report.to_string(), expected);
    }
}
