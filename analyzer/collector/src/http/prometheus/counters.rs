//! Flows as counters: sums that never decrease, of which Prometheus makes rates.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use flowmote_engine::flowcache::{Counters, Definition};
use flowmote_engine::source::SourceNames;

use super::Shared;
use super::text::{Exposition, Kind, name, split_keys};
use crate::http::reply::{Failure, Reply};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/metrics/flows", get(every)).route("/metrics/flows/{name}", get(one))
}

async fn every(hub: Shared) -> Reply {
    Ok(all(&hub).reply())
}

/// The counters of all definitions with `counter`.
pub(crate) fn all(hub: &Hub) -> Exposition {
    exposition(hub, counting(hub))
}

/// The counters of one definition.
async fn one(hub: Shared, Path(wanted): Path<String>) -> Reply {
    let mut found = counting(&hub);
    found.retain(|(name, _)| *name == wanted);
    if found.is_empty() {
        return Err(Failure::missing("flow with counter: true", &wanted));
    }
    Ok(exposition(&hub, found).reply())
}

/// The definitions with `counter`, by name.
fn counting(hub: &Hub) -> Vec<(String, Definition)> {
    let found = hub.first(|analyzer| {
        let counting = analyzer.flows().definitions().filter(|(_, it)| it.counter);
        counting.map(|(name, it)| (name.to_owned(), it.clone())).collect()
    });
    found.unwrap_or_default()
}

/// A family for each value, with the series of all definitions that have it.
fn exposition(hub: &Hub, definitions: Vec<(String, Definition)>) -> Exposition {
    let mut families: BTreeMap<String, Vec<(String, Definition)>> = BTreeMap::new();
    for (flow, definition) in definitions {
        families.entry(definition.value.clone()).or_default().push((flow, definition));
    }
    let mut text = Exposition::default();
    for (value, definitions) in families {
        let family = format!("flowmote_flow_{}_total", name(&value));
        let help = format!("Sum of {value} of all packets, estimated from samples.");
        text.family(&family, Kind::Counter, &help.replace('\n', " "));
        for (flow, definition) in definitions {
            let read = hub.each(|analyzer| analyzer.counters(&flow));
            let read = read.into_iter().flatten().collect();
            series(&mut text, &hub.names, (&flow, &definition), read);
        }
    }
    text
}

/// The series of a definition. The sum of all flows without room has `other` in the place of each key.
fn series(
    text: &mut Exposition,
    sources: &SourceNames,
    (flow, definition): (&str, &Definition),
    read: Vec<Counters>,
) {
    let names = label_names(&definition.keys);
    let other: f64 = read.iter().map(|counters| counters.other).sum();
    for counter in read.iter().flat_map(|counters| &counters.sets) {
        let fixed = [
            ("flow", flow.to_owned()),
            ("agent", counter.source.agent.to_string()),
            ("datasource", sources.label(counter.source.data_source).to_string()),
        ];
        let keys = names.iter().map(String::as_str).zip(counter.fields());
        text.series(fixed.into_iter().chain(keys), counter.total);
    }
    let others = names.iter().map(|name| (name.as_str(), "other".to_owned()));
    let flow = [("flow", flow.to_owned())].into_iter();
    text.series(flow.chain(others), other);
}

/// A label name for each key, different from each other and from those that each series has.
fn label_names(keys: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for key in split_keys(keys).into_iter().map(str::trim).filter(|key| !key.is_empty()) {
        let plain = name(key);
        let taken = |it: &String| names.contains(it) || FIXED.contains(&it.as_str());
        let mut number = 1;
        let mut unique = plain.clone();
        while taken(&unique) {
            number += 1;
            unique = format!("{plain}_{number}");
        }
        names.push(unique);
    }
    names
}

/// Labels of each series.
const FIXED: [&str; 3] = ["flow", "agent", "datasource"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_are_unique() {
        assert_eq!(label_names(""), [""; 0]);
        assert_eq!(label_names("ipsource, country:ipsource"), ["ipsource", "country_ipsource"]);
        assert_eq!(
            label_names("agent,vlan,vlan,vlan_2"),
            ["agent_2", "vlan", "vlan_2", "vlan_2_2"]
        );
    }
}
