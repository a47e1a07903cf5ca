//! Ports, each with the check of its samples by its own counters.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_decoder::{Address, DataSource};
use flowmote_engine::Instant;
use flowmote_engine::metrics::Metrics;
use flowmote_engine::selfcheck::{Checked, Diagnosis, Estimates};
use flowmote_engine::source::Source;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::selected_ports::{busiest, matching, name, read};
use super::strict::Strict;
use crate::http::reply::{Problem, Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/ports", get(ports))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PortParameters {
    /// `ALL`, a list of addresses or host names, `TOPOLOGY`, `EDGE` or `CORE`. All agents if absent.
    agent: Option<String>,
    /// Ports with this diagnosis in one of the directions only.
    #[param(inline)]
    diagnosis: Option<Cause>,
    /// The number of ports. 100 if absent.
    #[serde(default, deserialize_with = "paging::limit")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Ports after this agent only: `after` in `next` of the page before.
    #[serde(default, deserialize_with = "paging::address")]
    #[param(schema_with = paging::address_schema)]
    after: Option<Address>,
    /// And those of the agent `after` with a greater ifIndex: `afterIndex` in `next`.
    #[param(maximum = 4_294_967_295_u32)]
    after_index: Option<u32>,
    /// A part of the address of the agent or of the name, in any case, or the ifIndex. All ports if absent.
    search: Option<String>,
    /// The order, `port` if absent.
    #[param(inline)]
    order: Option<Order>,
    /// The number of ports to leave out at the beginning, for pages in the order of utilization.
    #[param(maximum = 4_294_967_295_u32)]
    offset: Option<u32>,
}

/// The order of ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Order {
    /// By agent and ifIndex.
    #[default]
    Port,
    /// The busiest direction of each, the highest first.
    Utilization,
}

/// The result of the check of a direction of a port.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Cause {
    Agreement,
    TooFewSamples,
    WrongRate,
    OneDirection,
    BothEnds,
    SamplesLost,
    CountersStuck,
    Unsampled,
    Differs,
}

/// A page of ports.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortPage {
    ports: Vec<PortCheck>,
    /// The number of ports on all pages.
    found: usize,
    /// The parameters for the next page in the order of ports; null on the last one, and in another order.
    next: Option<After>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct After {
    after: String,
    after_index: u32,
}

/// A port. Values that its agent does not send are null.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct PortCheck {
    agent: String,
    if_index: u32,
    name: Option<String>,
    /// In bit/s.
    speed: Option<f64>,
    /// Bytes per second.
    in_octets: Option<f64>,
    /// Bytes per second.
    out_octets: Option<f64>,
    /// In percent.
    in_utilization: Option<f64>,
    /// In percent.
    out_utilization: Option<f64>,
    /// Per second.
    in_errors: Option<f64>,
    /// Per second.
    out_errors: Option<f64>,
    /// Per second.
    in_discards: Option<f64>,
    /// Per second.
    out_discards: Option<f64>,
    /// Age of the last counters, in ms; null if they are forgotten.
    last_seen: Option<u64>,
    /// Packets that the port receives.
    r#in: SideCheck,
    /// Packets that the port sends.
    out: SideCheck,
}

/// Samples against counters in one direction.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SideCheck {
    diagnosis: Cause,
    /// The diagnosis in words.
    text: String,
    /// The time that the following numbers are about.
    seconds: f64,
    /// Samples in it.
    samples: f64,
    /// N of 1 in N, as the samples state it; null without samples.
    rate: Option<f64>,
    /// N of 1 in N by the counters, if it is another one.
    actual_rate: Option<f64>,
    /// Share of the samples of the port that were lost, 0 to 1.
    lost: f64,
    packets: Rates,
    octets: Rates,
}

/// Per second.
#[derive(Debug, Serialize, ToSchema)]
struct Rates {
    /// By the counters; null if they are unknown.
    counted: Option<f64>,
    /// By the samples.
    value: f64,
    /// Lower end of the 95 % interval of `value`.
    low: f64,
    /// Upper end; null if there is no sample.
    high: Option<f64>,
}

impl Cause {
    fn of(diagnosis: Diagnosis) -> Self {
        match diagnosis {
            Diagnosis::Agreement => Self::Agreement,
            Diagnosis::TooFewSamples => Self::TooFewSamples,
            Diagnosis::WrongRate => Self::WrongRate,
            Diagnosis::OneDirection => Self::OneDirection,
            Diagnosis::BothEnds => Self::BothEnds,
            Diagnosis::SamplesLost => Self::SamplesLost,
            Diagnosis::CountersStuck => Self::CountersStuck,
            Diagnosis::Unsampled => Self::Unsampled,
            Diagnosis::Differs => Self::Differs,
        }
    }
}

impl PortCheck {
    fn of(
        now: Instant,
        source: Source,
        [received, sent]: &[Checked; 2],
        metrics: &Metrics,
    ) -> Self {
        let number = |name| metrics.get(&source, name).and_then(|value| value.number());
        let updated = metrics.updated(&source);
        Self {
            agent: source.agent.to_string(),
            if_index: source.data_source.index,
            name: name(&source, metrics),
            speed: number("ifspeed"),
            in_octets: number("ifinoctets"),
            out_octets: number("ifoutoctets"),
            in_utilization: number("ifinutilization"),
            out_utilization: number("ifoututilization"),
            in_errors: number("ifinerrors"),
            out_errors: number("ifouterrors"),
            in_discards: number("ifindiscards"),
            out_discards: number("ifoutdiscards"),
            last_seen: updated.map(|updated| now.since(updated).as_millis() as u64),
            r#in: SideCheck::of(received),
            out: SideCheck::of(sent),
        }
    }
}

impl SideCheck {
    fn of(it: &Checked) -> Self {
        let rates = |it: &Estimates| Rates {
            counted: it.counted,
            value: it.value,
            low: it.low,
            high: it.high,
        };
        Self {
            diagnosis: Cause::of(it.finding.diagnosis),
            text: it.finding.to_string(),
            seconds: it.seconds,
            samples: it.samples,
            rate: it.stated,
            actual_rate: it.finding.actual,
            lost: it.finding.lost,
            packets: rates(&it.packets),
            octets: rates(&it.octets),
        }
    }
}

/// Ports that sent counters, each with the check of its samples.
#[utoipa::path(
    get,
    path = "/api/v1/ports",
    params(PortParameters),
    responses(
        (status = 200, description = "A page of ports", body = PortPage),
        (status = 400, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(super) async fn ports(
    State(hub): State<Arc<Hub>>,
    Strict(parameters): Strict<PortParameters>,
) -> Reply {
    let limit = parameters.limit.unwrap_or(paging::ENTRIES);
    let order = parameters.order.unwrap_or_default();
    let mut sources = wanted(&hub, &parameters);
    if let Some(search) = parameters.search.filter(|search| !search.is_empty()) {
        sources = matching(&hub, sources, &search.to_lowercase());
    }
    if order == Order::Utilization {
        sources = busiest(&hub, sources);
    }
    let found = sources.len();
    let after = parameters.after.map(|agent| {
        let index = parameters.after_index.unwrap_or(u32::MAX);
        Source { agent, data_source: DataSource { class: 0, index } }
    });
    let later = sources.into_iter().filter(|source| after.is_none_or(|after| *source > after));
    let mut page: Vec<Source> =
        later.skip(parameters.offset.unwrap_or(0) as usize).take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let next = page
        .last()
        .filter(|_| more && order == Order::Port)
        .map(|last| After { after: last.agent.to_string(), after_index: last.data_source.index });
    json(&PortPage { ports: checked(&hub, &page), found, next })
}

/// The ports of the agents, and with the diagnosis, that a request is for, in their order.
fn wanted(hub: &Hub, parameters: &PortParameters) -> Vec<Source> {
    let PortParameters { agent, diagnosis, .. } = parameters;
    let agents = hub.agents(agent.as_deref().unwrap_or("ALL"));
    let topology = hub.topology();
    let mut sources = hub
        .each(|analyzer| {
            let wanted = analyzer.checks().ports().filter(|(source, found)| {
                agents.contains(source, &topology)
                    && diagnosis.is_none_or(|wanted| found.map(Cause::of).contains(&wanted))
            });
            wanted.map(|(source, _)| *source).collect::<Vec<_>>()
        })
        .concat();
    sources.sort_unstable();
    sources.dedup();
    sources
}

/// The ports with their checks. One that was forgotten meanwhile is left out.
fn checked(hub: &Hub, sources: &[Source]) -> Vec<PortCheck> {
    let now = hub.now();
    let checked = read(hub, sources, |analyzer, source| {
        let checked = analyzer.checks().get(source)?;
        Some(PortCheck::of(now, *source, &checked, analyzer.metrics()))
    });
    checked.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_have_the_names_of_the_engine() {
        for diagnosis in Diagnosis::ALL {
            let name = serde_json::to_value(Cause::of(diagnosis)).unwrap();
            assert_eq!(name, diagnosis.name());
        }
    }
}
