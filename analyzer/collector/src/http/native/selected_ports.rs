//! Ports by what the analyzers hold of them: found by a word, and ordered.

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::metrics::{MetricValue, Metrics};
use flowmote_engine::source::Source;

use crate::hub::Hub;

/// The ports whose address or name contains `search`, or whose ifIndex it is.
pub(super) fn matching(hub: &Hub, sources: Vec<Source>, search: &str) -> Vec<Source> {
    let names = read(hub, &sources, |analyzer, source| name(source, analyzer.metrics()));
    let named = sources.into_iter().zip(names).filter(|(source, name)| {
        source.agent.to_string().contains(search)
            || source.data_source.index.to_string() == search
            || name.as_ref().is_some_and(|name| name.to_lowercase().contains(search))
    });
    named.map(|(source, _)| source).collect()
}

/// The ports by the utilization of their busier direction.
pub(super) fn busiest(hub: &Hub, sources: Vec<Source>) -> Vec<Source> {
    let used = read(hub, &sources, |analyzer, source| {
        let of = |name| analyzer.metrics().get(source, name)?.number();
        [of("ifinutilization"), of("ifoututilization")].into_iter().flatten().reduce(f64::max)
    });
    let mut ranked: Vec<_> = sources.into_iter().zip(used).collect();
    ranked.sort_by(|(_, a), (_, b)| b.unwrap_or(-1.0).total_cmp(&a.unwrap_or(-1.0)));
    ranked.into_iter().map(|(source, _)| source).collect()
}

/// What the analyzers hold of each port; `None` if no analyzer holds it.
pub(super) fn read<T>(
    hub: &Hub,
    sources: &[Source],
    read: impl Fn(&Analyzer, &Source) -> Option<T>,
) -> Vec<Option<T>> {
    let mut found = Vec::with_capacity(sources.len());
    // Samples wait for a part of them only.
    for part in sources.chunks(PORTS_AT_ONCE) {
        let start = found.len();
        found.resize_with(start + part.len(), || None);
        hub.each(|analyzer| {
            let places = found.iter_mut().skip(start).zip(part);
            places.for_each(|(place, source)| {
                *place = place.take().or_else(|| read(analyzer, source));
            });
        });
    }
    found
}

/// Ports that are read while samples wait.
const PORTS_AT_ONCE: usize = 500;

/// The name of a port.
pub(super) fn name(source: &Source, metrics: &Metrics) -> Option<String> {
    match metrics.get(source, "ifname")? {
        MetricValue::Text(text) => Some(text.to_string()),
        MetricValue::Number(_) => None,
    }
}
