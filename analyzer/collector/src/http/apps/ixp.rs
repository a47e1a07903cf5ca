//! ixp-metrics: traffic of an exchange point, for Prometheus.
//!
//! Members are the labels of the map `ixp`, such as `{"64500 Example":["020000000001"]}`, by MAC address.
//! Without that map they are the autonomous systems of the addresses.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_engine::flowcache::{ActiveFlow, Definition};
use flowmote_engine::metrics::{MetricFilter, MetricRequest};
use flowmote_engine::source::AgentList;

use crate::http::SEPARATOR;
use crate::http::active::{Selection, active_flows};
use crate::http::prometheus::joined;
use crate::http::reply::{Failure, Reply, text};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/app/ixp-metrics/scripts/metrics.js/prometheus/txt", get(metrics))
}

async fn metrics(State(hub): State<Arc<Hub>>) -> Reply {
    let mut body = String::new();
    peering(&mut body, &hub)?;
    for flow in flows(&hub, "ethernetprotocol", "bytes", None)? {
        let ethtype = flow.key.parse().map_or(flow.key, |number: u16| format!("0x{number:04x}"));
        line(&mut body, "bps", [("ethtype", ethtype)], flow.estimate.value * 8.0);
    }
    for (direction, metric) in [("in", "ifinoctets"), ("out", "ifoutoctets")] {
        let bits = sum(&hub, metric) * 8.0;
        line(&mut body, "bps_total", [("direction", direction.to_owned())], bits);
    }
    packet_sizes(&mut body, &hub)?;
    let _ = writeln!(body, "sflow_ixp_bgp_connections {}", bgp_connections(&hub)?);
    Ok(text(body))
}

fn line<const N: usize>(
    body: &mut String,
    name: &str,
    labels: [(&'static str, String); N],
    value: f64,
) {
    let _ = writeln!(body, "sflow_ixp_{name}{{{}}} {value}", joined(labels));
}

/// The flows of a definition that is removed some minutes after the last request.
fn flows(
    hub: &Hub,
    keys: &str,
    value: &str,
    filter: Option<&str>,
) -> Result<Vec<ActiveFlow>, Failure> {
    let definition = Definition {
        keys: keys.to_owned(),
        value: value.to_owned(),
        filter: filter.map(str::to_owned),
        fs: SEPARATOR.to_owned(),
        t: 15.0,
        ..Definition::default()
    };
    let name = hub.temporary(&definition, KEEP).map_err(Failure::bad)?;
    active_flows(hub, "ALL", &name, Selection { max_flows: MAX_FLOWS, ..Selection::default() })
}

/// Traffic between members.
fn peering(body: &mut String, hub: &Hub) -> Result<(), Failure> {
    let mapped = hub.settings(|settings| settings.maps.contains_key("ixp"));
    let keys = match mapped {
        true => "map:macsource:ixp,map:macdestination:ixp",
        false => "asn:ipsource:number,asn:ipdestination:number",
    };
    for flow in flows(hub, keys, "bytes", None)? {
        let Some((source, destination)) = flow.key.split_once(SEPARATOR) else { continue };
        let ([src_asn, src_name], [dst_asn, dst_name]) = (member(source), member(destination));
        let labels = [
            ("src_asn", src_asn),
            ("src_name", src_name),
            ("dst_asn", dst_asn),
            ("dst_name", dst_name),
        ];
        line(body, "peering_bps", labels, flow.estimate.value * 8.0);
    }
    Ok(())
}

/// Number and name of a member; the number is also the name of one without.
fn member(label: &str) -> [String; 2] {
    let (number, name) = label.split_once(' ').unwrap_or((label, label));
    [number.to_owned(), name.to_owned()]
}

/// Packets per second by size.
fn packet_sizes(body: &mut String, hub: &Hub) -> Result<(), Failure> {
    let keys = SIZES.map(|(low, high)| format!("range:bytes:{low}:{high}")).join(",");
    let mut sizes: BTreeMap<usize, f64> = BTreeMap::new();
    for flow in flows(hub, &keys, "frames", None)? {
        if let Some(bin) = flow.key.split(SEPARATOR).position(|inside| inside == "true") {
            *sizes.entry(bin).or_default() += flow.estimate.value;
        }
    }
    for (bin, (low, high)) in SIZES.into_iter().enumerate() {
        let labels = [("bin", bin.to_string()), ("size", format!("{low}-{high}"))];
        line(body, "pktdist", labels, sizes.get(&bin).copied().unwrap_or(0.0));
    }
    Ok(())
}

/// Pairs of addresses with a BGP connection.
fn bgp_connections(hub: &Hub) -> Result<usize, Failure> {
    let filter = "tcpsourceport=179|tcpdestinationport=179";
    let pairs = flows(hub, "src,dst", "frames", Some(filter))?;
    let pairs = pairs.iter().filter_map(|flow| flow.key.split_once(SEPARATOR));
    let pairs: BTreeSet<_> = pairs.map(|(a, b)| if a < b { (a, b) } else { (b, a) }).collect();
    Ok(pairs.len())
}

fn sum(hub: &Hub, metric: &str) -> f64 {
    let request = MetricRequest::parse(metric, &hub.names);
    let found = hub.find_all(&AgentList::All, Some(&request), &MetricFilter::default());
    found.iter().filter_map(|found| found.value.number()).sum()
}

/// Bytes of packets.
const SIZES: [(u32, u32); 7] =
    [(0, 64), (65, 127), (128, 255), (256, 511), (512, 1023), (1024, 1518), (1519, 65_535)];
/// Flows of a definition.
const MAX_FLOWS: usize = 10_000;
/// Time after the last request for which definitions are kept.
const KEEP: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn member_has_number_and_name() {
        assert_eq!(member("64500 Example Net"), ["64500", "Example Net"]);
        assert_eq!(member("64500"), ["64500", "64500"]);
    }
}
