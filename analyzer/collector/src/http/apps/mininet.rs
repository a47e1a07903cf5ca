//! mininet-dashboard: the largest flows, interfaces and protocols in bits per second, and the diameter
//! of the topology.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_engine::flowcache::{Definition, DefinitionError};
use flowmote_engine::lookup::Topology;
use flowmote_engine::metrics::{Found, MetricFilter, MetricRequest};
use flowmote_engine::source::AgentList;
use serde_json::{Map, Value};

use super::top::largest;
use super::trend::Trends;
use crate::http::query::Query;
use crate::http::reply::{Failure, Reply, json};
use crate::hub::Hub;

pub(super) fn routes(trends: Arc<Trends>) -> Router<Arc<Hub>> {
    let trend = async move |State(hub): State<Arc<Hub>>, query: Query| -> Reply {
        json(&trends.read(&hub, "mininet", &NAMES, query.get("after"), sample)?)
    };
    Router::new()
        .route("/app/mininet-dashboard/scripts/metrics.js/metric/json", get(metric))
        .route("/app/mininet-dashboard/scripts/metrics.js/trend/json", get(trend))
}

/// The flows that the dashboard defines, and that other programs read without a definition.
pub(crate) fn presets() -> [(&'static str, Definition); 2] {
    let preset = |keys: &str| Definition {
        keys: keys.to_owned(),
        value: "bytes".to_owned(),
        t: 2.0,
        ..Definition::default()
    };
    [("mn_flow", preset(FLOW)), ("mn_bytes", preset(""))]
}

async fn metric(State(hub): State<Arc<Hub>>) -> Reply {
    let members = NAMES.into_iter().map(str::to_owned).zip(sample(&hub)?);
    json(&members.collect::<Map<_, _>>())
}

/// The current values, in the order of [`NAMES`].
fn sample(hub: &Hub) -> Result<Vec<Value>, Failure> {
    let temporary = |keys: &str| {
        let value = "bytes".to_owned();
        let definition = Definition { keys: keys.to_owned(), value, ..Definition::default() };
        hub.temporary(&definition, KEEP)
    };
    let name = |keys| temporary(keys).map_err(|error: DefinitionError| Failure::bad(error));
    let topology = hub.topology();
    Ok(vec![
        largest(hub, &name(FLOW)?, 5, 8.0)?,
        interfaces(hub),
        largest(hub, &name("stack")?, 5, 8.0)?,
        diameter(&topology).into(),
    ])
}

/// The interfaces that receive most.
fn interfaces(hub: &Hub) -> Value {
    let request = MetricRequest::parse("ifinoctets", &hub.names);
    let mut found = hub.find_all(&AgentList::All, Some(&request), &MetricFilter::default());
    let value = |found: &Found| found.value.number().unwrap_or(0.0);
    found.sort_by(|a, b| value(b).total_cmp(&value(a)));
    found.truncate(5);
    let members = found.iter().map(|found| {
        let source = &found.source;
        let names = hub.each(|analyzer| analyzer.metrics().get(source, "ifname"));
        let name = names.into_iter().flatten().next().map(|name| name.to_string());
        let number = || format!("{}-{}", source.agent, hub.names.label(source.data_source));
        (name.unwrap_or_else(number), (value(found) * 8.0).into())
    });
    Value::Object(members.collect())
}

/// Links on the longest of the shortest ways between two nodes; 0 without links or for a topology of
/// more than [`MAX_NODES`].
fn diameter(topology: &Topology) -> usize {
    let mut neighbours: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for link in topology.links().values() {
        neighbours.entry(&link.node1).or_default().insert(&link.node2);
        neighbours.entry(&link.node2).or_default().insert(&link.node1);
    }
    match neighbours.len() > MAX_NODES {
        true => 0,
        false => neighbours.keys().map(|start| farthest(start, &neighbours)).max().unwrap_or(0),
    }
}

/// Links on the way to the node that is the farthest from `start`.
fn farthest<'t>(start: &'t str, neighbours: &BTreeMap<&'t str, BTreeSet<&'t str>>) -> usize {
    let mut distances = BTreeMap::from([(start, 0)]);
    let mut next = VecDeque::from([(start, 0)]);
    let mut last = 0;
    while let Some((node, distance)) = next.pop_front() {
        last = distance;
        for neighbour in neighbours.get(node).into_iter().flatten() {
            if !distances.contains_key(neighbour) {
                distances.insert(neighbour, distance + 1);
                next.push_back((neighbour, distance + 1));
            }
        }
    }
    last
}

/// Names of the values.
const NAMES: [&str; 4] = ["top-5-flows", "top-5-interfaces", "top-5-protocols", "diameter"];
/// Keys of `mn_flow`.
const FLOW: &str = "ipsource,ipdestination,ipprotocol,or:tcpsourceport:udpsourceport:icmptype,\
                    or:tcpdestinationport:udpdestinationport:icmpcode";
/// Time after the last request for which the flows are kept.
const KEEP: Duration = Duration::from_secs(60);
/// Nodes of which a diameter is computed.
const MAX_NODES: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use flowmote_engine::lookup::Link;

    fn topology(links: &[(&str, &str)]) -> Topology {
        let links = links.iter().map(|(a, b)| {
            let link = Link {
                node1: (*a).to_owned(),
                port1: format!("to-{b}"),
                node2: (*b).to_owned(),
                port2: format!("to-{a}"),
            };
            (format!("{a}-{b}"), link)
        });
        Topology::new(BTreeMap::new(), links.collect()).unwrap()
    }

    #[test]
    fn diameter_is_the_longest_shortest_way() {
        assert_eq!(diameter(&Topology::default()), 0);
        assert_eq!(diameter(&topology(&[("a", "b")])), 1);
        assert_eq!(diameter(&topology(&[("a", "b"), ("b", "c"), ("c", "d")])), 3);
        // The ring is shorter the other way.
        assert_eq!(diameter(&topology(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")])), 2);
    }
}
