//! Flows of the past minutes, of keys and a filter that the request chooses.

use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use flowmote_engine::flowcache::{ActiveFlow, Definition, Estimate};
use flowmote_engine::samples::{Course, PastQuery};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::flows::{Flow, Merge, Value};
use super::past_work::{FoundPast, FromHistory, find, find_held};
use super::span::{Named, Span, unix_ms};
use super::strict::Strict;
use crate::http::reply::{Failure, Problem, Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/flows", get(past))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PastParameters {
    /// Keys and key functions, separated by commas. One flow of all packets if absent.
    keys: Option<String>,
    /// `bytes`, `frames`, or another value of a flow definition. `bytes` if absent.
    value: Option<String>,
    /// Further values of each flow, separated by commas, at most 16: `frames,avg:bytes`.
    values: Option<String>,
    /// The packets that count. All if absent.
    filter: Option<String>,
    /// Separator of the fields of a key. A comma if absent.
    fs: Option<String>,
    /// The number of flows, the largest ones. 20 if absent.
    #[param(minimum = 1, maximum = 10_000)]
    n: Option<u32>,
    /// How several observers of a flow are merged. `max` if absent.
    #[param(inline)]
    agg_mode: Option<Merge>,
    /// True for flows of discarded packets instead of sampled ones.
    dropped: Option<bool>,
    /// `ALL`, a list of addresses or host names, `TOPOLOGY`, `EDGE` or `CORE`. All agents if absent.
    agent: Option<String>,
    /// The beginning: `-90s`, `-5m`, `-1h`, or milliseconds since 1970. `-5m` if absent.
    from: Option<String>,
    /// The end, in the same forms, or `now`, as if absent.
    to: Option<String>,
    /// Time between the values of the series: `500ms`, `10s`, `1m`. No series if absent.
    step: Option<String>,
}

/// Flows of a span of time.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Past {
    /// The beginning of the span that is covered, in milliseconds since 1970.
    from: u64,
    /// Its end.
    to: u64,
    /// Seconds of a step of the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    step: Option<f64>,
    /// The beginnings of the steps, in milliseconds since 1970.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    times: Vec<u64>,
    /// The part of the span that is from the history of flows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    history: Option<FromHistory>,
    /// What the query needs and the history of flows does not have, if the span begins later for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    not_in_history: Vec<String>,
    /// Samples in the span.
    scanned: u64,
    /// Samples in flows.
    matched: u64,
    /// Flows, also those that are not listed.
    found: u64,
    /// A flow without a sample has less, with a probability of 95 %; null if unknown.
    unseen_below: Option<f64>,
    /// All flows together.
    total: Sum,
    /// Those that are not listed.
    other: Sum,
    /// The largest flows, in order.
    flows: Vec<PastFlow>,
}

/// Several flows together.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Sum {
    #[serde(flatten)]
    value: Value,
    #[serde(flatten)]
    course: Steps,
}

/// A flow and its course.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PastFlow {
    #[serde(flatten)]
    flow: Flow,
    #[serde(flatten)]
    course: Steps,
}

/// A value in each step, with the ends of its 95 % interval. All three are null without a sample for a
/// value that is no sum.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Steps {
    /// The value in each step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    series: Vec<Option<f64>>,
    /// Lower end of the interval in each step; null if it is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    series_low: Vec<Option<f64>>,
    /// Upper end of the interval in each step; null if it is unknown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    series_high: Vec<Option<f64>>,
}

/// The largest flows of a span of the past, by keys and a filter that need not have been defined before.
#[utoipa::path(
    get,
    path = "/api/v1/flows",
    params(PastParameters),
    responses(
        (status = 200, description = "The flows, the largest first", body = Past),
        (status = 400, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(super) async fn past(
    State(hub): State<Arc<Hub>>,
    Strict(parameters): Strict<PastParameters>,
) -> Reply {
    let PastParameters { from, to, step, .. } = &parameters;
    let named = Named::read(&hub, [from, to, step].map(Option::as_deref))?;
    // What is wrong with it is reported without a wait.
    query(&hub, &parameters, &Span { step: None, ..named.span(0) })?;
    let work = move |hub: &Hub, stop: &AtomicBool| {
        let query = |span: &Span| query(hub, &parameters, span);
        let found = find(hub, &named, query, stop)?;
        Ok(Past::of(hub, found))
    };
    json(&run(hub, work).await?)
}

/// The number of flows of these keys from a time on.
pub(super) async fn count(hub: &Arc<Hub>, keys: &str, from: &str) -> Result<u64, Failure> {
    let named = Named::read(hub, [Some(from), None, None])?;
    let definition = Definition {
        keys: keys.to_owned(),
        value: "frames".to_owned(),
        n: 1,
        ..Definition::default()
    };
    let work = move |hub: &Hub, stop: &AtomicBool| {
        let query = |span: &Span| {
            let query = PastQuery::new(definition.clone(), hub.lookup(), span.from, span.to);
            query.map(|query| query.since(hub.start_unix())).map_err(Failure::bad)
        };
        Ok(find_held(hub, &named, query, stop)?.result.found)
    };
    run(hub.clone(), work).await
}

/// Does the work of a query in its turn.
async fn run<T: Send + 'static>(
    hub: Arc<Hub>,
    work: impl FnOnce(&Hub, &AtomicBool) -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let closed = |_| Failure::new(StatusCode::SERVICE_UNAVAILABLE, "the program ends");
    let place = hub.queries.clone().acquire_owned().await.map_err(closed)?;
    let stop = Stop::default();
    let flag = stop.0.clone();
    let work = tokio::task::spawn_blocking(move || {
        let result = work(&hub, &flag);
        // Only now, even if the client left before: the work counts.
        drop(place);
        result
    });
    work.await.unwrap_or_else(|_| Err(failed()))
}

pub(super) fn failed() -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the query failed")
}

/// The values of a list; none in an empty one.
fn list(text: &str) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { text.split(',').map(str::to_owned).collect() }
}

fn query(hub: &Hub, parameters: &PastParameters, span: &Span) -> Result<PastQuery, Failure> {
    let n = parameters.n.unwrap_or(20);
    if !(1..=10_000).contains(&n) {
        return Err(Failure::bad("n: expected 1 to 10000"));
    }
    let definition = Definition {
        keys: parameters.keys.clone().unwrap_or_default(),
        value: parameters.value.clone().unwrap_or_else(|| "bytes".to_owned()),
        values: parameters.values.as_deref().map_or_else(Vec::new, list),
        filter: parameters.filter.clone(),
        fs: parameters.fs.clone().unwrap_or_else(|| ",".to_owned()),
        n,
        agg_mode: parameters.agg_mode.map(Merge::mode).unwrap_or_default(),
        dropped: parameters.dropped.unwrap_or(false),
        ..Definition::default()
    };
    let agents = hub.agents(parameters.agent.as_deref().unwrap_or("ALL"));
    let query = PastQuery::new(definition, hub.lookup(), span.from, span.to);
    let query = query.map_err(Failure::bad)?.since(hub.start_unix());
    let query = query.of(agents).steps_from(span.first);
    let query = match query.reads_ports() {
        true => query.with_ports(hub.port_names().into_iter().collect()),
        false => query,
    };
    match span.step {
        Some(step) => query.in_steps(step).map_err(Failure::bad),
        None => Ok(query),
    }
}

impl Past {
    fn of(hub: &Hub, found: FoundPast) -> Self {
        let FoundPast { result, step, history, not_in_history } = found;
        let flow = |(flow, series): (ActiveFlow, Vec<_>)| PastFlow {
            flow: Flow::of(hub, flow),
            course: Steps::of(&series),
        };
        Self {
            from: unix_ms(result.from),
            to: unix_ms(result.to),
            step: step.map(|step| step.as_secs_f64()),
            times: result.steps.iter().map(|time| unix_ms(*time)).collect(),
            history,
            not_in_history,
            scanned: result.scanned,
            matched: result.matched,
            found: result.found,
            unseen_below: result.unseen,
            total: Sum::of(result.total),
            other: Sum::of(result.other),
            flows: result.flows.into_iter().map(flow).collect(),
        }
    }
}

impl Sum {
    fn of(course: Course) -> Self {
        Self { value: Value::of(&course.estimate), course: Steps::of(&course.series) }
    }
}

impl Steps {
    fn of(series: &[Option<Estimate>]) -> Self {
        let each = |number: fn(&Estimate) -> f64| {
            let numbers = series.iter().map(|step| step.as_ref().map(number));
            numbers.map(|number| number.filter(|number| number.is_finite())).collect()
        };
        Self {
            series: each(|step| step.value),
            series_low: each(|step| step.low),
            series_high: each(|step| step.high),
        }
    }
}

/// Ends the work for a request that was given up: its client left.
#[derive(Debug, Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
