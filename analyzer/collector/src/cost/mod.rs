//! What the same visibility would cost as CloudWatch and VPC Flow Logs.
//!
//! Quantities are [measured](Seen), or [assumed](Assumed) where nothing here measures them; each one has
//! its factors, so that a user can follow the arithmetic. [`prices`] have sources, which disagree.

mod prices;

use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use prices::{Item, Prices};
use prices::{Quote, Tier};

/// What was measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Agents with the identity of an instance, and agents on hosts.
    pub(crate) instances: u64,
    pub(crate) hosts: u64,
    /// Metrics by namespace: `CWAgent`, `Flowmote`, and those that programs report.
    pub(crate) of_hosts: u64,
    pub(crate) of_agents: u64,
    pub(crate) of_programs: u64,
    /// Metrics in requests of `GetMetricData`, each minute.
    pub(crate) reads: f64,
    /// Flow records of windows of a minute, each second.
    pub(crate) records: f64,
}

/// What nothing measures, and what replaces a measured value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Assumed {
    pub(crate) instances: Option<f64>,
    /// Metrics of detailed monitoring of an instance.
    pub(crate) detailed: Option<f64>,
    pub(crate) reads: Option<f64>,
    /// Of an instance, each second.
    pub(crate) records: Option<f64>,
    pub(crate) record_bytes: Option<f64>,
    pub(crate) months: Option<f64>,
    pub(crate) scans: Option<f64>,
    pub(crate) tail_minutes: Option<f64>,
}

/// What a month would cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cost {
    currency: String,
    region: String,
    /// Regions that have prices.
    regions: Vec<String>,
    lines: Vec<Line>,
    /// The sum of the lowest prices of all lines.
    low: f64,
    /// The sum of the highest prices.
    high: f64,
    /// Items that have no price in this region. They are not in the sums.
    unpriced: Vec<Item>,
}

/// An item of the bill of a month.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Line {
    item: Item,
    /// The unit of the quantity.
    unit: &'static str,
    /// The sum of the parts.
    quantity: f64,
    parts: Vec<Part>,
    /// The prices of each source.
    prices: Vec<Price>,
    /// The cost by the cheapest source; null without a price.
    low: Option<f64>,
    /// The cost by the dearest source; null without a price.
    high: Option<f64>,
}

/// A part of a quantity.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Part {
    name: &'static str,
    /// The product of the factors.
    quantity: f64,
    factors: Vec<Factor>,
}

/// A factor of a quantity.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Factor {
    name: &'static str,
    value: f64,
    basis: Basis,
    /// The parameter that replaces the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    parameter: Option<&'static str>,
}

/// Where a factor comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Basis {
    /// Counted by this program.
    Measured,
    /// An assumption of this program, or of the request.
    Assumed,
    /// A conversion of units.
    Defined,
}

/// The cost of a line by one source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Price {
    source: String,
    /// The day, month or year of the source; null without a date.
    date: Option<String>,
    /// The quantity of a month that costs nothing.
    free: f64,
    /// The price of what is beyond it.
    tiers: Vec<Tier>,
    cost: f64,
}

impl Cost {
    /// The cost in a region; `None` if no price is of this region.
    pub(crate) fn of(
        prices: &Prices,
        region: &str,
        seen: &Seen,
        assumed: &Assumed,
    ) -> Option<Self> {
        let regions = prices.regions();
        if !regions.iter().any(|it| it == region) {
            return None;
        }
        let quantities = quantities(seen, assumed).into_iter();
        let lines: Vec<Line> = quantities
            .map(|(item, unit, parts)| Line::new(item, unit, parts, prices.of(item, region)))
            .collect();
        let unpriced = lines.iter().filter(|line| line.low.is_none()).map(|line| line.item);
        Some(Self {
            currency: prices.currency.0.clone(),
            region: region.to_owned(),
            regions,
            unpriced: unpriced.collect(),
            low: lines.iter().filter_map(|line| line.low).sum(),
            high: lines.iter().filter_map(|line| line.high).sum(),
            lines,
        })
    }
}

impl Line {
    fn new<'a>(
        item: Item,
        unit: &'static str,
        parts: Vec<Part>,
        quotes: impl Iterator<Item = &'a Quote>,
    ) -> Self {
        let quantity = parts.iter().map(|part| part.quantity).sum();
        let prices: Vec<Price> = quotes.map(|quote| Price::of(quote, quantity)).collect();
        let costs = || prices.iter().map(|price| price.cost);
        let (low, high) = (costs().reduce(f64::min), costs().reduce(f64::max));
        Self { item, unit, quantity, parts, prices, low, high }
    }
}

impl Price {
    fn of(quote: &Quote, quantity: f64) -> Self {
        Self {
            source: quote.source.0.clone(),
            date: quote.date.as_ref().map(|date| date.0.clone()),
            free: quote.free.0,
            tiers: quote.tiers.0.clone(),
            cost: quote.cost(quantity),
        }
    }
}

impl Part {
    fn new(name: &'static str, factors: Vec<Factor>) -> Self {
        let quantity = factors.iter().map(|factor| factor.value).product();
        Self { name, quantity, factors }
    }
}

impl Factor {
    fn measured(name: &'static str, value: f64) -> Self {
        Self { name, value, basis: Basis::Measured, parameter: None }
    }

    fn defined(name: &'static str, value: f64) -> Self {
        Self { name, value, basis: Basis::Defined, parameter: None }
    }

    /// A value of the request, or one of this program.
    fn assumed(name: &'static str, parameter: &'static str, value: f64) -> Self {
        Self { name, value, basis: Basis::Assumed, parameter: Some(parameter) }
    }

    /// A measured value, unless the request replaces it.
    fn either(
        [measured_name, assumed_name]: [&'static str; 2],
        parameter: &'static str,
        measured: f64,
        assumed: Option<f64>,
    ) -> Self {
        match assumed {
            Some(value) => Self::assumed(assumed_name, parameter, value),
            None => Self { parameter: Some(parameter), ..Self::measured(measured_name, measured) },
        }
    }
}

/// The items, their units, and the parts of their quantities in a month.
fn quantities(seen: &Seen, assumed: &Assumed) -> [(Item, &'static str, Vec<Part>); 6] {
    let instances = instances(seen, assumed);
    let stored = flow_logs(seen, assumed, &instances);
    let of_gigabytes = |name, factor: Factor| {
        let gigabytes = Factor { name: "GB of flow logs a month", ..product(&stored) };
        vec![Part::new(name, vec![gigabytes, factor])]
    };
    let months = Factor::assumed("months kept", "months", assumed.months.unwrap_or(MONTHS));
    let scans = Factor::assumed("times each GB is read", "scans", assumed.scans.unwrap_or(SCANS));
    let tail = assumed.tail_minutes.unwrap_or(TAIL_MINUTES);
    let tail = vec![
        Factor::assumed("minutes a day", "tailMinutes", tail),
        Factor::defined("days a month", HOURS / 24.0),
    ];
    let reads = vec![
        Factor::either(
            ["metrics in requests of GetMetricData here, a minute", "metrics read, a minute"],
            "reads",
            seen.reads,
            assumed.reads,
        ),
        Factor::defined("minutes a month", HOURS * 60.0),
    ];
    [
        (Item::Metric, "metrics", metrics(seen, assumed, instances)),
        (Item::MetricRead, "metrics read", vec![Part::new("polls of metrics", reads)]),
        (Item::FlowLogIngest, "GB", vec![Part::new("flow records", stored.clone())]),
        (Item::LogStorage, "GB-months", of_gigabytes("flow logs kept", months)),
        (Item::InsightsScan, "GB", of_gigabytes("flow logs searched", scans)),
        (Item::LiveTail, "minutes", vec![Part::new("sessions of Live Tail", tail)]),
    ]
}

/// Hosts count as instances if none has the identity of one.
fn instances(seen: &Seen, assumed: &Assumed) -> Factor {
    let (name, count) = match seen.instances {
        0 => ("hosts, each as an instance", seen.hosts),
        instances => ("instances", instances),
    };
    Factor::either([name, "instances"], "instances", count as f64, assumed.instances)
}

fn metrics(seen: &Seen, assumed: &Assumed, instances: Factor) -> Vec<Part> {
    let detailed = assumed.detailed.unwrap_or(DETAILED);
    let detailed = Factor::assumed("metrics of detailed monitoring", "detailed", detailed);
    let counted =
        |name, count: u64| Part::new(name, vec![Factor::measured("metrics", count as f64)]);
    vec![
        Part::new("detailed monitoring (AWS/EC2)", vec![instances, detailed]),
        counted("metrics of hosts (CWAgent)", seen.of_hosts),
        counted("metrics of ports and applications (Flowmote)", seen.of_agents),
        counted("metrics that programs report", seen.of_programs),
    ]
}

/// The factors of the GB of a month.
fn flow_logs(seen: &Seen, assumed: &Assumed, instances: &Factor) -> Vec<Factor> {
    let mut factors = match assumed.records {
        Some(records) => vec![
            instances.clone(),
            Factor::assumed("records of an instance a second", "records", records),
        ],
        None => vec![Factor {
            parameter: Some("records"),
            ..Factor::measured("records a second, of flows that were sampled", seen.records)
        }],
    };
    let bytes = assumed.record_bytes.unwrap_or(RECORD_BYTES);
    factors.extend([
        Factor::assumed("bytes of a record", "recordBytes", bytes),
        Factor::defined("seconds a month", HOURS * 3600.0),
        Factor::defined("GB of a byte", 1e-9),
    ]);
    factors
}

/// Several factors as one. It is assumed if one of them is.
fn product(factors: &[Factor]) -> Factor {
    let is_assumed = factors.iter().any(|factor| factor.basis == Basis::Assumed);
    Factor {
        name: "",
        value: factors.iter().map(|factor| factor.value).product(),
        basis: if is_assumed { Basis::Assumed } else { Basis::Measured },
        parameter: None,
    }
}

/// The hours of a month, as in the examples of AWS.
const HOURS: f64 = 730.0;
/// Metrics of detailed monitoring of an instance, by ryuzoji.com.
const DETAILED: f64 = 7.0;
/// A record of version 2 has 100 to 150 bytes.
const RECORD_BYTES: f64 = 140.0;
const MONTHS: f64 = 1.0;
const SCANS: f64 = 1.0;
const TAIL_MINUTES: f64 = 60.0;

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Seen = Seen {
        instances: 2,
        hosts: 3,
        of_hosts: 120,
        of_agents: 300,
        of_programs: 5,
        reads: 10.0,
        records: 50.0,
    };

    fn cost(seen: &Seen, assumed: &Assumed) -> Cost {
        Cost::of(&Prices::own(), "us-east-1", seen, assumed).unwrap()
    }

    fn line(cost: &Cost, item: Item) -> &Line {
        cost.lines.iter().find(|line| line.item == item).unwrap()
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-9 * expected.abs()
    }

    #[test]
    fn quantities_are_sums_of_products() {
        let cost = cost(&SEEN, &Assumed::default());
        let quantity = |item| line(&cost, item).quantity;
        assert!(near(quantity(Item::Metric), 2.0 * 7.0 + 120.0 + 300.0 + 5.0));
        assert!(near(quantity(Item::MetricRead), 10.0 * 60.0 * 730.0));
        let gigabytes = 50.0 * 140.0 * 730.0 * 3600.0 / 1e9;
        assert!(near(quantity(Item::FlowLogIngest), gigabytes));
        assert!(near(quantity(Item::LogStorage), gigabytes));
        assert!(near(quantity(Item::LiveTail), 60.0 * 730.0 / 24.0));
        // 25 minutes are not free.
        assert!(near(line(&cost, Item::LiveTail).high.unwrap(), 0.25));
        let [low, high] = [cost.low, cost.high];
        assert!(near(low, cost.lines.iter().filter_map(|line| line.low).sum()));
        assert!(low < high, "{low} {high}");
        assert_eq!(cost.unpriced, []);
    }

    /// Prices of metrics have four tiers.
    #[test]
    fn very_many_metrics_have_a_low_price() {
        let metrics = |of_hosts| {
            let seen =
                Seen { instances: 0, hosts: 0, of_hosts, of_agents: 0, of_programs: 0, ..SEEN };
            line(&cost(&seen, &Assumed::default()), Item::Metric).low.unwrap()
        };
        assert!(near(metrics(600_010), 10_000.0 * 0.3 + 240_000.0 * 0.1 + 350_000.0 * 0.05));
        assert!(near(metrics(3_000_010), 3000.0 + 24_000.0 + 37_500.0 + 2_000_000.0 * 0.02));
    }

    #[test]
    fn sources_make_a_range() {
        let cost = cost(&SEEN, &Assumed::default());
        let line = line(&cost, Item::FlowLogIngest);
        assert!(line.prices.len() > 1);
        assert!(near(line.low.unwrap(), 0.25 * line.quantity));
        assert!(near(line.high.unwrap(), 0.5 * line.quantity));
    }

    #[test]
    fn assumptions_replace_what_was_measured() {
        let assumed = Assumed {
            instances: Some(1000.0),
            detailed: Some(8.0),
            records: Some(20.0),
            record_bytes: Some(100.0),
            months: Some(3.0),
            scans: Some(0.0),
            ..Assumed::default()
        };
        let cost = cost(&SEEN, &assumed);
        let gigabytes = 1000.0 * 20.0 * 100.0 * 730.0 * 3600.0 / 1e9;
        assert!(near(line(&cost, Item::FlowLogIngest).quantity, gigabytes));
        assert!(near(line(&cost, Item::LogStorage).quantity, 3.0 * gigabytes));
        assert!(near(line(&cost, Item::InsightsScan).quantity, 0.0));
        assert!(near(line(&cost, Item::Metric).quantity, 8000.0 + 425.0));
        let factors = &line(&cost, Item::FlowLogIngest).parts[0].factors;
        assert!(factors.iter().all(|factor| factor.basis != Basis::Measured));
        assert_eq!(factors[1].parameter, Some("records"));
    }

    #[test]
    fn hosts_are_instances_if_none_has_an_identity() {
        let instances = |seen| instances(&seen, &Assumed::default()).value;
        assert_eq!(instances(SEEN), 2.0);
        assert_eq!(instances(Seen { instances: 0, ..SEEN }), 3.0);
    }

    #[test]
    fn items_without_a_price_in_a_region_are_named() {
        let assumed = Assumed::default();
        let cost = Cost::of(&Prices::own(), "ap-northeast-1", &SEEN, &assumed).unwrap();
        assert!(cost.unpriced.contains(&Item::Metric));
        assert!(!cost.unpriced.contains(&Item::FlowLogIngest));
        assert_eq!(Some(cost.high), line(&cost, Item::FlowLogIngest).high);
        assert!(Cost::of(&Prices::own(), "mars", &SEEN, &assumed).is_none());
    }
}
