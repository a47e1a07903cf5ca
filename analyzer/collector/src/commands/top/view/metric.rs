//! Metrics of counters, by name.

use std::collections::BTreeSet;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::lookup::Topology;
use flowmote_engine::metrics::{MetricFilter, Metrics, Search};
use flowmote_engine::source::{AgentList, Source};

/// The name of the interface if known, else its index; after the agent address if there are several
/// agents.
pub(super) fn label(analyzer: &Analyzer, source: &Source) -> String {
    let Source { agent, data_source } = source;
    let name = analyzer.metrics().get(source, "ifname");
    let port = name.map(|name| name.to_string()).unwrap_or_else(|| match data_source.class {
        0 => format!("ifIndex {}", data_source.index),
        _ => data_source.to_string(),
    });
    if analyzer.tally().sequences.several_agents() { format!("{agent} {port}") } else { port }
}

/// The data sources that have one of these metrics.
pub(super) fn sources(metrics: &Metrics, names: &[&str]) -> BTreeSet<Source> {
    let (agents, filter) = (&AgentList::All, &MetricFilter::default());
    let find = |name: &&str| {
        let search = Search { agents, pin: None, name: Some(*name), filter };
        metrics.find(&search, &Topology::default())
    };
    names.iter().flat_map(find).map(|found| found.source).collect()
}

/// The sum of the metrics that are known; `None` if none is.
pub(super) fn numbers<const N: usize>(
    metrics: &Metrics,
    source: &Source,
    names: [&str; N],
) -> Option<f64> {
    let known = names.into_iter().filter_map(|name| metrics.get(source, name)?.number());
    known.reduce(|sum, number| sum + number)
}
