//! Ports, each with the check of its samples by its own counters.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_decoder::{Address, DataSource};
use flowmote_engine::metrics::{MetricValue, Metrics};
use flowmote_engine::selfcheck::{Checked, Diagnosis, Estimates};
use flowmote_engine::source::Source;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
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

/// Ports in the order of agents and ifIndex.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PortPage {
    ports: Vec<PortCheck>,
    /// The parameters for the next page; null on the last one.
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
    fn of(source: Source, [received, sent]: &[Checked; 2], metrics: &Metrics) -> Self {
        let number = |name| metrics.get(&source, name).and_then(|value| value.number());
        let name = metrics.get(&source, "ifname").and_then(|name| match name {
            MetricValue::Text(text) => Some(text.to_string()),
            MetricValue::Number(_) => None,
        });
        Self {
            agent: source.agent.to_string(),
            if_index: source.data_source.index,
            name,
            speed: number("ifspeed"),
            in_utilization: number("ifinutilization"),
            out_utilization: number("ifoututilization"),
            in_errors: number("ifinerrors"),
            out_errors: number("ifouterrors"),
            in_discards: number("ifindiscards"),
            out_discards: number("ifoutdiscards"),
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
    let PortParameters { agent, diagnosis, limit, after, after_index } = parameters;
    let limit = limit.unwrap_or(paging::ENTRIES);
    let after = after.map(|agent| {
        let index = after_index.unwrap_or(u32::MAX);
        Source { agent, data_source: DataSource { class: 0, index } }
    });
    let agents = hub.agents(agent.as_deref().unwrap_or("ALL"));
    let topology = hub.topology();
    let wanted = |source: &Source, found: [Diagnosis; 2]| {
        agents.contains(source, &topology)
            && diagnosis.is_none_or(|wanted| found.map(Cause::of).contains(&wanted))
    };
    let rows = hub.each(|analyzer| {
        let page = analyzer.checks().page(after, limit + 1, wanted);
        let of = |(source, checked)| (source, PortCheck::of(source, &checked, analyzer.metrics()));
        page.into_iter().map(of).collect::<Vec<_>>()
    });
    let (ports, next) = paging::page(rows.into_iter().flatten().collect(), limit);
    let next = next.map(|Source { agent, data_source }| After {
        after: agent.to_string(),
        after_index: data_source.index,
    });
    json(&PortPage { ports, next })
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
