//! A snapshot in the text format of Prometheus.

use std::fmt::{self, Write};

use super::counters::{is_gauge, without_details};
use super::snapshot::{Collector, Counted, Interface, Module, Snapshot};

/// The metrics of a snapshot, of the text format 0.0.4.
pub(crate) fn render(snapshot: &Snapshot) -> String {
    let mut families = Families::default();
    agent(snapshot, &mut families);
    for Interface { name, sampling_rate, counted, .. } in &snapshot.interfaces {
        let labels = [("interface", name.as_str())];
        let help = "N of 1 in N packets of an interface";
        families.add(("flowmote_sampling_rate", "gauge", help), &labels, (*sampling_rate).into());
        families.add_counted(("", "of an interface"), &labels, counted);
    }
    for (at, Collector { collector, state, counted, .. }) in snapshot.collectors.iter().enumerate()
    {
        let listed = snapshot.collectors.iter().take(at).filter(|it| it.collector == *collector);
        // No two samples of a metric may have the same labels.
        let label = match listed.count() {
            0 => collector.clone(),
            before => format!("{collector} ({})", before + 1),
        };
        let labels = [("collector", label.as_str())];
        let help = "1: nothing indicates that datagrams for the collector are lost";
        let is_sending = u64::from(state == "sending");
        families.add(("flowmote_collector_sending", "gauge", help), &labels, is_sending);
        families.add_counted(("collector_", "for a collector"), &labels, counted);
    }
    for Module { subject, counted } in &snapshot.modules {
        let labels = [("subject", without_details(subject))];
        families.add_counted(("module_", "of a module"), &labels, counted);
    }
    families.add_counted(("", "of the agent"), &[], &snapshot.totals);
    families.to_string()
}

fn agent(snapshot: &Snapshot, families: &mut Families) {
    let sub_agent = snapshot.sub_agent_id.to_string();
    let identity = [
        ("version", snapshot.version.as_str()),
        ("agent_address", &snapshot.agent_address),
        ("sub_agent_id", &sub_agent),
    ];
    families.add(("flowmote_info", "gauge", "Version and identity of the agent"), &identity, 1);
    for (name, kind, help, value) in [
        ("flowmote_uptime_seconds", "gauge", "Time since the start", snapshot.uptime_ms / 1000),
        ("flowmote_wake_ups_total", "counter", "Wake-ups of the event loop", snapshot.wake_ups),
        ("flowmote_data_sources", "gauge", "Data sources", snapshot.data_sources.len() as u64),
        ("process_resident_memory_bytes", "gauge", "Resident memory", snapshot.resident_bytes),
    ] {
        families.add((name, kind, help), &[], value);
    }
}

/// All samples of a name are printed together, after its description.
#[derive(Default)]
struct Families(Vec<Family>);

struct Family {
    name: String,
    kind: &'static str,
    help: String,
    samples: String,
}

impl Families {
    fn add(
        &mut self,
        (name, kind, help): (&str, &'static str, &str),
        labels: &[(&str, &str)],
        value: u64,
    ) {
        let at = self.0.iter().position(|family| family.name == name).unwrap_or_else(|| {
            let (name, help, samples) = (name.to_owned(), help.to_owned(), String::new());
            self.0.push(Family { name, kind, help, samples });
            self.0.len() - 1
        });
        if let Some(family) = self.0.get_mut(at) {
            // Writing to a string cannot fail.
            let _ = writeln!(family.samples, "{name}{} {value}", Labels(labels));
        }
    }

    /// Adds counters and losses under names with a prefix.
    fn add_counted(
        &mut self,
        (prefix, of): (&str, &str),
        labels: &[(&str, &str)],
        counted: &Counted,
    ) {
        for (name, value) in counted.counters.iter().chain(counted.losses.iter()) {
            let (kind, suffix) = if is_gauge(name) { ("gauge", "") } else { ("counter", "_total") };
            let help = format!("{} {of}", name.replace('_', " "));
            // The type of a metric is to be no part of its name. The structure of the specification
            // is `counters_sample`.
            let name = name.replace("counter_", "counters_");
            let name = format!("flowmote_{prefix}{name}{suffix}");
            self.add((&name, kind, &help), labels, value);
        }
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Family { name, kind, help, samples } in &self.0 {
            write!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}")?;
        }
        Ok(())
    }
}

struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = '{';
        for (name, value) in self.0 {
            write!(f, "{separator}{name}=\"")?;
            value.chars().try_for_each(|c| match c {
                '\\' => f.write_str("\\\\"),
                '"' => f.write_str("\\\""),
                '\n' => f.write_str("\\n"),
                other => f.write_char(other),
            })?;
            f.write_char('"')?;
            separator = ',';
        }
        if self.0.is_empty() { Ok(()) } else { f.write_char('}') }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::counters::Counters;

    fn counters(list: &[(&str, u64)]) -> Counters {
        Counters(list.iter().map(|&(name, count)| (name.to_owned(), count)).collect())
    }

    fn interface(name: &str, seen: u64) -> Interface {
        let counters_of = counters(&[("packets_seen", seen), ("samples_in_the_ring", 1)]);
        let counted = Counted { counters: counters_of, losses: counters(&[("drops", 2)]) };
        Interface { name: name.to_owned(), sampling_rate: 400, counted, ..Interface::default() }
    }

    const TEXT: &str = "\
# HELP flowmote_info Version and identity of the agent
# TYPE flowmote_info gauge
flowmote_info{version=\"0.1.0\",agent_address=\"192.0.2.1\",sub_agent_id=\"7\"} 1
# HELP flowmote_uptime_seconds Time since the start
# TYPE flowmote_uptime_seconds gauge
flowmote_uptime_seconds 61
# HELP flowmote_wake_ups_total Wake-ups of the event loop
# TYPE flowmote_wake_ups_total counter
flowmote_wake_ups_total 5
# HELP flowmote_data_sources Data sources
# TYPE flowmote_data_sources gauge
flowmote_data_sources 1
# HELP process_resident_memory_bytes Resident memory
# TYPE process_resident_memory_bytes gauge
process_resident_memory_bytes 4096
# HELP flowmote_sampling_rate N of 1 in N packets of an interface
# TYPE flowmote_sampling_rate gauge
flowmote_sampling_rate{interface=\"eth0\"} 400
flowmote_sampling_rate{interface=\"a\\\"\\\\b\\n\"} 400
# HELP flowmote_packets_seen_total packets seen of an interface
# TYPE flowmote_packets_seen_total counter
flowmote_packets_seen_total{interface=\"eth0\"} 18446744073709551615
flowmote_packets_seen_total{interface=\"a\\\"\\\\b\\n\"} 3
# HELP flowmote_samples_in_the_ring samples in the ring of an interface
# TYPE flowmote_samples_in_the_ring gauge
flowmote_samples_in_the_ring{interface=\"eth0\"} 1
flowmote_samples_in_the_ring{interface=\"a\\\"\\\\b\\n\"} 1
# HELP flowmote_drops_total drops of an interface
# TYPE flowmote_drops_total counter
flowmote_drops_total{interface=\"eth0\"} 2
flowmote_drops_total{interface=\"a\\\"\\\\b\\n\"} 2
# HELP flowmote_collector_sending 1: nothing indicates that datagrams for the collector are lost
# TYPE flowmote_collector_sending gauge
flowmote_collector_sending{collector=\"192.0.2.9:6343\"} 1
# HELP flowmote_collector_datagrams_total datagrams for a collector
# TYPE flowmote_collector_datagrams_total counter
flowmote_collector_datagrams_total{collector=\"192.0.2.9:6343\"} 8
# HELP flowmote_module_samples_total samples of a module
# TYPE flowmote_module_samples_total counter
flowmote_module_samples_total{subject=\"nflog group 5\"} 6
# HELP flowmote_datagrams_total datagrams of the agent
# TYPE flowmote_datagrams_total counter
flowmote_datagrams_total 9
# HELP flowmote_counters_samples_total counter samples of the agent
# TYPE flowmote_counters_samples_total counter
flowmote_counters_samples_total 4
";

    #[test]
    fn families_are_together_and_labels_escaped() {
        let snapshot = Snapshot {
            version: "0.1.0".to_owned(),
            uptime_ms: 61_999,
            agent_address: "192.0.2.1".to_owned(),
            sub_agent_id: 7,
            data_sources: vec!["2:1".to_owned()],
            wake_ups: 5,
            resident_bytes: 4096,
            interfaces: vec![interface("eth0", u64::MAX), interface("a\"\\b\n", 3)],
            modules: vec![Module {
                subject: "nflog group 5 (1 in 400)".to_owned(),
                counted: Counted { counters: counters(&[("samples", 6)]), ..Counted::default() },
            }],
            collectors: vec![Collector {
                collector: "192.0.2.9:6343".to_owned(),
                state: "sending".to_owned(),
                counted: Counted { counters: counters(&[("datagrams", 8)]), ..Counted::default() },
                ..Collector::default()
            }],
            totals: Counted {
                counters: counters(&[("datagrams", 9), ("counter_samples", 4)]),
                ..Counted::default()
            },
            ..Snapshot::default()
        };
        assert_eq!(render(&snapshot), TEXT);
    }

    #[test]
    fn collector_that_is_listed_again_has_labels_of_its_own() {
        let collector =
            |name: &str| Collector { collector: name.to_owned(), ..Collector::default() };
        let collectors = ["a", "b", "a", "a"].map(collector).into();
        let text = render(&Snapshot { collectors, ..Snapshot::default() });
        let mut samples: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = ["a", "b", "a (2)", "a (3)"]
            .map(|name| format!("flowmote_collector_sending{{collector=\"{name}\"}} 0"));
        assert!(expected.iter().all(|line| samples.contains(&line.as_str())), "{samples:#?}");
        let all = samples.len();
        samples.sort_unstable();
        samples.dedup();
        assert_eq!(samples.len(), all, "{samples:#?}");
    }
}
