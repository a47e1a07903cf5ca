//! Table of hosts: processor, load and memory.

use flowmote_engine::metrics::Metrics;
use flowmote_engine::source::Source;

use super::metric::{numbers, sources};
use super::{Content, Line, Sort, View, section};
use crate::commands::top::units::{bytes, fit, known};

/// A host, with what it is sorted by.
pub(super) struct Host {
    source: Source,
    name: Option<String>,
    busy: Option<f64>,
}

impl View {
    /// The hosts with counters or a name, sorted.
    pub(super) fn hosts(&self, content: &Content<'_>) -> Vec<Host> {
        let metrics = content.analyzer.metrics();
        let found = sources(metrics, &["host_name", "vir_host_name", "cpu_num", "mem_total"]);
        let mut hosts: Vec<Host> =
            found.into_iter().map(|source| Host::of(metrics, source)).collect();
        hosts.sort_by(|a, b| {
            let order = match self.sort {
                Sort::Name => a.name.cmp(&b.name),
                // Hosts have neither bits nor packets: both sort by processor.
                _ => b.busy.unwrap_or(0.0).total_cmp(&a.busy.unwrap_or(0.0)),
            };
            order.then(a.source.cmp(&b.source))
        });
        hosts
    }

    /// The table of hosts, in `height` lines.
    pub(super) fn host_table(
        &self,
        content: &Content<'_>,
        hosts: &[Host],
        height: usize,
    ) -> Vec<Line> {
        let name = (self.width.saturating_sub(53)).clamp(12, 40);
        let row = |cells: [&str; 6]| {
            let [host, busy, cpus, load, memory, used] = cells;
            format!(
                "{:name$} {busy:>6} {cpus:>5} {load:>17} {memory:>15} {used:>5}",
                fit(host, name)
            )
        };
        let header = row(["HOST", "cpu", "cpus", "load 1/5/15 min", "memory used", "share"]);
        let metrics = content.analyzer.metrics();
        section(header, height, hosts.iter(), |host| {
            row(host.cells(metrics).each_ref().map(|cell| &**cell))
        })
    }
}

impl Host {
    fn of(metrics: &Metrics, source: Source) -> Self {
        let text = |name| metrics.get(&source, name).map(|name| name.to_string());
        let name = text("host_name").or_else(|| text("vir_host_name"));
        Self { source, name, busy: numbers(metrics, &source, ["cpu_utilization"]) }
    }

    fn cells(&self, metrics: &Metrics) -> [String; 6] {
        let Source { agent, data_source } = self.source;
        let number = |name| numbers(metrics, &self.source, [name]);
        let percent = |value: f64| format!("{value:.0}%");
        let total = number("mem_total");
        let share = number("mem_utilization");
        let used = total.zip(share).map(|(total, share)| total * share / 100.0);
        let memory =
            used.zip(total).map(|(used, total)| format!("{} / {}", bytes(used), bytes(total)));
        [
            self.name.clone().unwrap_or_else(|| format!("{agent} {data_source}")),
            known(self.busy, |busy| format!("{busy:.1}%")),
            known(number("cpu_num"), |cpus| cpus.to_string()),
            load(metrics, &self.source),
            memory.unwrap_or_else(|| "-".to_owned()),
            known(share, percent),
        ]
    }
}

/// The load averages; one hyphen if the host sends none.
fn load(metrics: &Metrics, source: &Source) -> String {
    if numbers(metrics, source, ["cpu_num"]).is_none() {
        return "-".to_owned();
    }
    let load = ["load_one", "load_five", "load_fifteen"];
    let load = load.map(|name| numbers(metrics, source, [name]));
    load.map(|load| known(load, |load| format!("{load:.2}"))).join(" ")
}
