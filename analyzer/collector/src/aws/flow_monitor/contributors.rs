//! The contributors of a query: pairs of hosts by the port of the service, with what is known of both.

use core::sync::atomic::AtomicBool;
use std::collections::{BTreeMap, HashMap, HashSet};

use flowmote_decoder::Address;
use flowmote_engine::flowcache::{ActiveFlow, Definition};
use flowmote_engine::metrics::{MetricFilter, MetricRequest};
use flowmote_engine::samples::PastQuery;
use flowmote_engine::source::AgentList;

use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::hub::Hub;

/// What a query is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Milliseconds since 1970.
    pub(super) from: i64,
    pub(super) to: i64,
    pub(super) metric: Metric,
    pub(super) category: Category,
    pub(super) limit: usize,
}

/// A metric of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    DataTransferred,
    Retransmissions,
    Timeouts,
    RoundTripTime,
}

/// Where the peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Category {
    IntraAz,
    InterAz,
    InterVpc,
    InterRegion,
    Unclassified,
    AmazonS3,
    AmazonDynamoDb,
}

/// What an agent reports of the cloud that it runs on.
type Identity = BTreeMap<&'static str, String>;

/// A pair of hosts, with the port of the service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pair {
    agent: String,
    local: String,
    remote: String,
    port: u32,
}

impl Metric {
    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "DATA_TRANSFERRED" => Self::DataTransferred,
            "RETRANSMISSIONS" => Self::Retransmissions,
            "TIMEOUTS" => Self::Timeouts,
            "ROUND_TRIP_TIME" => Self::RoundTripTime,
            _ => return None,
        })
    }

    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::DataTransferred => "Bytes",
            Self::Retransmissions | Self::Timeouts => "Count",
            Self::RoundTripTime => "Microseconds",
        }
    }

    /// The value of a definition, and further ones that are added to it.
    fn values(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::DataTransferred => ("rate:rtflow:bytes_sent", &["rate:rtflow:bytes_received"]),
            Self::Retransmissions => ("rate:rtflow:retransmissions", &[]),
            Self::Timeouts => ("rate:rtflow:timeouts", &[]),
            Self::RoundTripTime => ("avg:rtflow:rtt", &[]),
        }
    }
}

impl Category {
    const ALL: [(Self, &str); 7] = [
        (Self::IntraAz, "INTRA_AZ"),
        (Self::InterAz, "INTER_AZ"),
        (Self::InterVpc, "INTER_VPC"),
        (Self::InterRegion, "INTER_REGION"),
        (Self::Unclassified, "UNCLASSIFIED"),
        (Self::AmazonS3, "AMAZON_S3"),
        (Self::AmazonDynamoDb, "AMAZON_DYNAMODB"),
    ];

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own)| *own == name).map(|(category, _)| *category)
    }

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(own, _)| *own == self).map_or("", |(_, name)| name)
    }

    /// The category of a pair. What one of the two does not report is no difference.
    fn of(local: &Identity, remote: &Identity) -> Self {
        let same = |name: &str| Some(local.get(name)? == remote.get(name)?);
        match (same(REGION), same(VPC), same(ZONE_ID).or(same(ZONE))) {
            (Some(false), ..) => Self::InterRegion,
            (_, Some(false), _) => Self::InterVpc,
            (_, Some(true), Some(true)) => Self::IntraAz,
            (_, Some(true), Some(false)) => Self::InterAz,
            _ => Self::Unclassified,
        }
    }
}

/// The rows of a query, the largest value first.
pub(super) fn rows(hub: &Hub, wanted: &Wanted) -> Result<Vec<Document>, Fault> {
    let pairs = pairs(hub, wanted)?;
    let identities = identities(hub);
    // A host is known by the addresses of its own connections, and by that of its agent.
    let mut agents: HashMap<&str, &str> = HashMap::new();
    agents.extend(identities.keys().map(|agent| (agent.as_str(), agent.as_str())));
    agents.extend(pairs.iter().map(|(pair, _)| (pair.local.as_str(), pair.agent.as_str())));
    let none = Identity::new();
    let identity = |agent: Option<&str>| agent.and_then(|it| identities.get(it)).unwrap_or(&none);
    let rows = pairs.iter().filter_map(|(pair, value)| {
        let local = identity(Some(&pair.agent));
        let remote = identity(agents.get(pair.remote.as_str()).copied());
        let category = Category::of(local, remote);
        (category == wanted.category).then(|| row(pair, *value, category, local, remote))
    });
    Ok(rows.take(wanted.limit).collect())
}

/// The pairs and their values, the largest first; without those of no value.
fn pairs(hub: &Hub, wanted: &Wanted) -> Result<Vec<(Pair, f64)>, Fault> {
    let (value, further) = wanted.metric.values();
    let definition = Definition {
        keys: KEYS.to_owned(),
        value: value.to_owned(),
        values: further.iter().map(|value| (*value).to_owned()).collect(),
        filter: Some("datasource=tcp".to_owned()),
        n: MAX_FLOWS,
        fs: SEPARATOR.to_owned(),
        ..Definition::default()
    };
    let time = |milliseconds: i64| hub.time(milliseconds.max(0).unsigned_abs());
    let (from, to) = (time(wanted.from), time(wanted.to).min(hub.now()));
    if from >= to {
        // Before the start, or in the future.
        return Ok(Vec::new());
    }
    let invalid = |error| Fault::validation(format!("The query cannot be made: {error}."));
    let query = PastQuery::new(definition, hub.lookup(), from, to).map_err(invalid)?;
    // Who waits here would hold a place that short requests need.
    let place = hub.queries.try_acquire().map_err(|_| {
        let text = "Too many queries of the past run. Send this one again later.";
        Fault::new(Kind::Throttled, text)
    })?;
    let held = hub.held(query.from(), query.to());
    let result = held.and_then(|held| {
        let (query, never) = (query.within(&held), AtomicBool::new(false));
        let scan = query.scan(&held, hub.query_memory, &never)?;
        query.result(&[scan], &never)
    });
    drop(place);
    let Some(result) = result else { return Ok(Vec::new()) };
    let seconds = result.to.since(result.from).as_secs_f64();
    let mut sums: HashMap<Pair, (f64, f64)> = HashMap::new();
    for (flow, _) in &result.flows {
        let Some(pair) = Pair::parse(&flow.key) else { continue };
        let entry = sums.entry(pair).or_default();
        entry.0 += sum(flow);
        entry.1 += 1.0;
    }
    let value = |(sum, connections): (f64, f64)| match wanted.metric {
        Metric::RoundTripTime => sum / connections,
        _ => sum * seconds,
    };
    let values = sums.into_iter().map(|(pair, sums)| (pair, value(sums).round()));
    let mut values: Vec<_> = values.filter(|(_, value)| *value > 0.0).collect();
    let order = |pair: &Pair| (pair.local.clone(), pair.remote.clone(), pair.port);
    values.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| order(a).cmp(&order(b))));
    Ok(values)
}

/// The value of a flow with all that is added to it.
fn sum(flow: &ActiveFlow) -> f64 {
    let further: f64 = flow.values.iter().map(|value| value.value).sum();
    flow.estimate.value + further
}

impl Pair {
    /// The port of the service is the smaller one of the two: that of a client is one above 1024.
    fn parse(key: &str) -> Option<Self> {
        let fields: Vec<&str> = key.split(SEPARATOR).collect();
        let [agent, local, remote, local_port, remote_port] = <[&str; 5]>::try_from(fields).ok()?;
        let port = local_port.parse::<u32>().ok()?.min(remote_port.parse().ok()?);
        let [agent, local, remote] = [agent, local, remote].map(str::to_owned);
        Some(Self { agent, local, remote, port })
    }
}

/// What agents report of the cloud that they run on, by their addresses: of the instance, not of its
/// interfaces.
fn identities(hub: &Hub) -> HashMap<String, Identity> {
    let found = |name: &str| {
        let request = MetricRequest::parse(name, &hub.names);
        hub.find_all(&AgentList::All, Some(&request), &MetricFilter::default())
    };
    let mut sources = HashSet::new();
    let mut identities: HashMap<String, Identity> = HashMap::new();
    for found in found(INSTANCE) {
        sources.insert(found.source);
        let identity = identities.entry(text(found.source.agent)).or_default();
        identity.insert(INSTANCE, found.value.to_string());
    }
    for name in [REGION, VPC, SUBNET, ZONE, ZONE_ID] {
        for found in found(name) {
            if sources.contains(&found.source)
                && let Some(identity) = identities.get_mut(&text(found.source.agent))
            {
                identity.insert(name, found.value.to_string());
            }
        }
    }
    identities
}

fn text(agent: Address) -> String {
    agent.to_string()
}

fn row(
    pair: &Pair,
    value: f64,
    category: Category,
    local: &Identity,
    remote: &Identity,
) -> Document {
    let mut row = Document::new()
        .with("localIp", pair.local.as_str())
        .with("remoteIp", pair.remote.as_str())
        .with("targetPort", Document::Integer(pair.port.into()))
        .with("destinationCategory", category.name())
        .with("value", Document::Integer(value as i64));
    for (identity, names) in [(local, LOCAL), (remote, REMOTE)] {
        for (own, name) in names {
            row = row.with_some(name, identity.get(own).map(String::as_str));
        }
    }
    row
}

const LOCAL: [(&str, &str); 5] = [
    (INSTANCE, "localInstanceId"),
    (VPC, "localVpcId"),
    (SUBNET, "localSubnetId"),
    (ZONE, "localAz"),
    (REGION, "localRegion"),
];
const REMOTE: [(&str, &str); 5] = [
    (INSTANCE, "remoteInstanceId"),
    (VPC, "remoteVpcId"),
    (SUBNET, "remoteSubnetId"),
    (ZONE, "remoteAz"),
    (REGION, "remoteRegion"),
];
const INSTANCE: &str = "cloud_instance_id";
const REGION: &str = "cloud_region";
const VPC: &str = "cloud_vpc";
const SUBNET: &str = "cloud_subnet";
const ZONE: &str = "cloud_zone";
const ZONE_ID: &str = "cloud_zone_id";
const KEYS: &str = "agent,rtflow:local,rtflow:remote,rtflow:local_port,rtflow:remote_port";
const SEPARATOR: &str = "\u{1f}";
/// Connections that a query looks at, those with the largest values.
const MAX_FLOWS: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(list: &[(&'static str, &str)]) -> Identity {
        list.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
    }

    #[test]
    fn category_follows_from_both_identities() {
        let one = identity(&[(REGION, "a"), (VPC, "v1"), (ZONE, "a1"), (ZONE_ID, "z1")]);
        for (other, expected) in [
            (one.clone(), Category::IntraAz),
            // Names of zones differ between accounts, their ids do not.
            (
                identity(&[(REGION, "a"), (VPC, "v1"), (ZONE, "a2"), (ZONE_ID, "z1")]),
                Category::IntraAz,
            ),
            (identity(&[(REGION, "a"), (VPC, "v1"), (ZONE, "a2")]), Category::InterAz),
            (identity(&[(REGION, "a"), (VPC, "v2"), (ZONE_ID, "z1")]), Category::InterVpc),
            (identity(&[(REGION, "b"), (VPC, "v1"), (ZONE_ID, "z1")]), Category::InterRegion),
            (identity(&[(REGION, "a"), (VPC, "v1")]), Category::Unclassified),
            (Identity::new(), Category::Unclassified),
        ] {
            assert_eq!(Category::of(&one, &other), expected, "{other:?}");
        }
    }

    #[test]
    fn service_has_the_smaller_port() {
        let pair = |a: &str, b: &str| {
            Pair::parse(&["192.0.2.1", "10.0.0.1", "10.0.0.2", a, b].join(SEPARATOR))
        };
        assert_eq!(pair("50000", "443").map(|pair| pair.port), Some(443));
        assert_eq!(pair("22", "50000").map(|pair| pair.port), Some(22));
        assert_eq!(pair("x", "1"), None);
        assert_eq!(Pair::parse("10.0.0.1"), None);
    }
}
