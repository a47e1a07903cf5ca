//! The parts of the snapshot: the counters of the statistics, and the state of the process.

use std::fs;

use caps::CapSet;
use nix::unistd::{SysconfVar, sysconf};

use crate::daemon::report::{Report, agent_line, collector_line};
use crate::modules::module::{Line, SampledInterface};
use crate::output::destination::{Destination, DestinationState};
use crate::status::snapshot::{Collector, Counted, Interface, Module, Snapshot};

/// The counters of the statistics. Everything else has its default.
pub(in crate::daemon) fn counters(report: &Report<'_>) -> Snapshot {
    let mut collectors: Vec<Collector> = report.collectors.iter().map(collector).collect();
    collectors.extend(former(report));
    Snapshot {
        uptime_ms: report.uptime.as_millis().into(),
        interfaces: report.modules.interfaces.iter().map(interface).collect(),
        modules: report.modules.lines.iter().filter(|line| !line.is_hidden()).map(module).collect(),
        collectors,
        totals: totals(report),
        ..Snapshot::default()
    }
}

fn interface(sampled: &SampledInterface) -> Interface {
    Interface {
        name: sampled.name.clone(),
        if_index: sampled.if_index,
        sampling_rate: sampled.sampling_rate,
        reason: sampled.reason.clone(),
        filter: sampled.filter.to_owned(),
        counted: counted(&sampled.line),
    }
}

fn module(line: &Line) -> Module {
    Module { subject: line.subject.clone(), counted: counted(line) }
}

fn collector(destination: &Destination) -> Collector {
    Collector {
        collector: destination.collector().to_string(),
        address: destination.address().map(|address| address.to_string()),
        state: state(destination.state()).to_owned(),
        counted: counted(&collector_line(destination)),
    }
}

/// All collectors that a reload has removed, if there were any.
fn former(report: &Report<'_>) -> Option<Collector> {
    let line = report.former_collectors();
    (!line.is_hidden()).then(|| Collector {
        counted: counted(&line),
        collector: line.subject,
        address: None,
        state: "removed".to_owned(),
    })
}

fn counted(line: &Line) -> Counted {
    let mut counted = Counted::default();
    line.counters.iter().for_each(|counter| counted.push(*counter, false));
    line.exceptions.iter().for_each(|counter| counted.push(*counter, true));
    counted
}

fn totals(report: &Report<'_>) -> Counted {
    let mut totals = counted(&agent_line(&report.agent));
    report.exceptions().iter().for_each(|counter| totals.push(*counter, true));
    totals
}

/// The words of `docs/operations.md`.
fn state(state: DestinationState) -> &'static str {
    match state {
        DestinationState::NameNotResolved => "name not resolved",
        DestinationState::NoSocket => "no socket",
        DestinationState::LosingDatagrams => "losing datagrams",
        DestinationState::Sending => "sending",
    }
}

/// The effective capabilities now: modules give some up after the start.
pub(in crate::daemon) fn capabilities() -> Vec<String> {
    let held = caps::read(None, CapSet::Effective).unwrap_or_default();
    let mut names: Vec<String> = held.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

/// Resident memory of this process; 0 if /proc/self/statm cannot be read, as without procfs.
pub(in crate::daemon) fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok().and_then(|text| resident_pages(&text));
    let page = sysconf(SysconfVar::PAGE_SIZE).ok().flatten().and_then(|size| size.try_into().ok());
    pages.unwrap_or_default().saturating_mul(page.unwrap_or_default())
}

/// The second number of /proc/PID/statm, proc_pid_statm(5).
fn resident_pages(text: &str) -> Option<u64> {
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use flowmote_core::{AgentStats, Duration};

    use super::*;
    use crate::config::Config;
    use crate::daemon::visitors::VisitorStats;
    use crate::links::LinksStats;
    use crate::modules::Modules;
    use crate::output::collectors::Collectors;
    use crate::status::prometheus::render;

    /// A snapshot with every counter that there is.
    fn everything() -> Snapshot {
        let mut modules = Modules::open(&Config::default()).unwrap().statistics();
        modules.lines.iter_mut().for_each(|line| line.optional = false);
        let line = modules.lines.iter().find(|line| line.subject.starts_with("interfaces"));
        modules.interfaces.push(SampledInterface {
            name: "eth0".to_owned(),
            if_index: 2,
            sampling_rate: 400,
            reason: String::new(),
            filter: "",
            line: line.unwrap().clone(),
        });
        let collectors = Collectors::new(&["192.0.2.1".parse().unwrap()]);
        counters(&Report {
            uptime: Duration::ZERO,
            modules,
            agent: AgentStats::default(),
            collectors: &collectors,
            links: LinksStats::default(),
            auto_file_failures: 0,
            visitors: VisitorStats::default(),
            lost_log_lines: 0,
        })
    }

    /// What `promtool check metrics` reports of a metric: the rules of promlint in client_golang.
    fn complaint(name: &str, kind: &str, help: &str) -> Option<&'static str> {
        let words: Vec<&str> = name.split('_').collect();
        let has = |list: &[&str]| words.iter().any(|word| list.contains(word));
        let rules = [
            (help.is_empty(), "no help text"),
            ((kind == "counter") != name.ends_with("_total"), "_total is for counters"),
            (has(&["counter", "gauge", "histogram", "summary", "untyped"]), "a type in the name"),
            (["bucket", "count", "sum"].iter().any(|it| words.last() == Some(it)), "is reserved"),
            (name.chars().any(|c| c == ':' || c.is_ascii_uppercase()), "characters"),
            (
                has(&["s", "ms", "us", "ns", "sec", "b", "kb", "mb", "gb", "m", "h", "d"]),
                "a short unit",
            ),
            (has(&["milliseconds", "minutes", "hours", "days", "bits", "percent"]), "no base unit"),
        ];
        rules.into_iter().find_map(|(is_broken, rule)| is_broken.then_some(rule))
    }

    #[test]
    fn names_of_all_metrics_keep_the_rules_of_promtool() {
        let page = render(&everything());
        let (mut helps, mut names) = (page.lines(), BTreeSet::new());
        while let Some(line) = helps.next() {
            let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|it| it.split_once(' '))
            else {
                assert!(!line.starts_with('#'), "{line}");
                continue;
            };
            let kind = helps.next().and_then(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            assert_eq!(complaint(name, kind.unwrap(), help), None, "{name}");
            assert!(names.insert(name), "{name} is there twice");
        }
        assert!(names.len() > 70, "{names:#?}");
        assert!(names.contains("flowmote_counters_samples_total"));
        assert_eq!(
            complaint("flowmote_counter_samples_total", "counter", "x"),
            Some("a type in the name")
        );
    }

    #[test]
    fn resident_memory_is_the_second_number() {
        assert_eq!(resident_pages("1480 823 670 4 0 179 0\n"), Some(823));
        assert_eq!(resident_pages(""), None);
        assert!(resident_bytes() > 1 << 20, "of this process");
    }
}
