//! The program itself: what it received, holds and lost.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use flowmote_engine::analyzer::Analyzer;

use super::text::{Exposition, Kind, NONE, Value};
use super::{Shared, exported, flow_logs};
use crate::http::process;
use crate::hub::Hub;
use crate::receive::Drops;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/metrics", get(page))
}

/// Sums over all analyzers.
#[derive(Debug, Default)]
struct Sums {
    datagrams: u64,
    bytes: u64,
    samples: u64,
    records: u64,
    unknown: u64,
    implausible: u64,
    datagrams_lost: u64,
    faults: Vec<(&'static str, u64)>,
    agents: u64,
    agents_evicted: u64,
    sources: u64,
    sources_forgotten: u64,
    flows: u64,
    flows_evicted: u64,
    tables: [u64; 3],
}

impl Sums {
    fn add(&mut self, analyzer: &Analyzer) {
        let (tally, agents, usage) =
            (analyzer.tally(), analyzer.agents(), analyzer.flows().usage());
        self.datagrams += tally.datagrams;
        self.bytes += tally.bytes;
        self.samples += tally.samples;
        self.records += tally.records;
        self.unknown += tally.unknown;
        self.implausible += tally.implausible();
        self.datagrams_lost += tally.sequences.totals.lost;
        self.add_faults(tally.faults_by_kind());
        self.agents += agents.iter().len() as u64;
        self.agents_evicted += agents.evicted;
        self.sources += usage.sources as u64;
        self.sources_forgotten += usage.forgotten;
        self.flows += usage.flows as u64;
        self.flows_evicted += usage.evicted;
        let tables = [usage.bytes, analyzer.metrics().bytes(), agents.bytes()];
        for (sum, bytes) in self.tables.iter_mut().zip(tables) {
            *sum += bytes as u64;
        }
    }

    fn add_faults(&mut self, faults: impl Iterator<Item = (&'static str, u64)>) {
        for (kind, count) in faults {
            match self.faults.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, sum)) => *sum += count,
                None => self.faults.push((kind, count)),
            }
        }
    }
}

async fn page(State(hub): Shared) -> Response {
    metrics(&hub).reply()
}

/// All families of the program itself.
pub(crate) fn metrics(hub: &Hub) -> Exposition {
    let mut sums = Sums::default();
    hub.each(|analyzer| sums.add(analyzer));
    let mut text = Exposition::default();
    received(&mut text, hub, &sums);
    held(&mut text, hub, &sums);
    logs(&mut text, hub);
    alarms(&mut text, hub);
    flow_logs::add(&mut text, hub);
    forwarded(&mut text, hub);
    exported::add(&mut text, hub);
    http(&mut text, hub);
    statsd(&mut text, hub);
    history(&mut text, hub);
    program(&mut text, hub);
    text
}

/// Families of one series without labels.
pub(super) fn singles<V: Into<Value>, const N: usize>(
    text: &mut Exposition,
    families: [(&str, Kind, &str, V); N],
) {
    for (name, kind, help, value) in families {
        let name = format!("flowmote_{name}");
        text.family(&name, kind, help);
        text.series(NONE, value);
    }
}

fn received(text: &mut Exposition, hub: &Hub, sums: &Sums) {
    let dropped = hub.drops.count().unwrap_or(0);
    let refused = hub.drops.refused().unwrap_or(0);
    let counter = Kind::Counter;
    singles(
        text,
        [
            ("datagrams_total", counter, "UDP payloads received.", sums.datagrams),
            ("received_bytes_total", counter, "Bytes of these payloads.", sums.bytes),
            ("samples_total", counter, "Samples of all kinds.", sums.samples),
            ("records_total", counter, "Records of samples.", sums.records),
            ("unknown_total", counter, "Samples and records of unknown number.", sums.unknown),
            ("implausible_total", counter, "Values that no device can mean.", sums.implausible),
            (
                "socket_drops_total",
                counter,
                "Datagrams dropped by the kernel at the socket.",
                dropped,
            ),
            (
                "senders_refused_total",
                counter,
                "Datagrams of senders that are not allowed.",
                refused,
            ),
            // Those that arrive late are found again, so that it can decrease.
            (
                "datagrams_lost",
                Kind::Gauge,
                "Numbers missing in the sequences.",
                sums.datagrams_lost,
            ),
        ],
    );
    let name = "flowmote_faults_total";
    text.family(name, counter, "Refused datagrams and malformed parts, by kind.");
    for (kind, count) in &sums.faults {
        text.series([("kind", (*kind).to_owned())], *count);
    }
}

fn held(text: &mut Exposition, hub: &Hub, sums: &Sums) {
    let definitions = hub.first(|analyzer| analyzer.flows().definitions().len()).unwrap_or(0);
    let thresholds = hub.settings(|settings| settings.thresholds.len());
    let (counter, gauge) = (Kind::Counter, Kind::Gauge);
    singles(
        text,
        [
            ("agents", gauge, "Agents.", sums.agents),
            ("agents_evicted_total", counter, "Agents replaced by others.", sums.agents_evicted),
            ("data_sources", gauge, "Data sources of flow samples.", sums.sources),
            (
                "data_sources_forgotten_total",
                counter,
                "Silent data sources replaced by others.",
                sums.sources_forgotten,
            ),
            ("flow_definitions", gauge, "Flow definitions.", definitions as u64),
            ("thresholds", gauge, "Thresholds.", thresholds as u64),
            ("flows", gauge, "Flows in all tables.", sums.flows),
            ("flows_evicted_total", counter, "Flows evicted from full tables.", sums.flows_evicted),
            ("memory_limit_bytes", gauge, "Memory for tables: --memory.", hub.memory as u64),
        ],
    );
    let name = "flowmote_memory_bytes";
    text.family(name, gauge, "Memory of tables.");
    for (table, bytes) in ["flows", "metrics", "agents"].into_iter().zip(sums.tables) {
        text.series([("table", table.to_owned())], bytes);
    }
}

fn logs(text: &mut Exposition, hub: &Hub) {
    let counts = hub.counts();
    let counter = Kind::Counter;
    singles(
        text,
        [
            ("events_total", counter, "Events of thresholds.", counts.events),
            ("flow_records_total", counter, "Records of the flow log.", counts.flows),
            (
                "flow_records_lost_total",
                counter,
                "Records lost before they were in the flow log.",
                counts.flows_lost,
            ),
        ],
    );
    log_groups(text, hub);
}

/// The events of CloudWatch Logs.
fn log_groups(text: &mut Exposition, hub: &Hub) {
    let usage = hub.aws.logs.usage();
    let (counts, counter, gauge) = (usage.counts, Kind::Counter, Kind::Gauge);
    let dropped = "Events of log groups dropped because the memory was full.";
    let refused = "Events not stored because there were too many groups or streams.";
    let wrong = "Events in the embedded metric format whose metrics are wrong.";
    let slow = "Sessions of Live Tail that ended because the client did not read.";
    singles(
        text,
        [
            ("log_events_total", counter, "Events of log groups.", counts.events),
            ("log_bytes_total", counter, "Bytes of their messages.", counts.bytes),
            ("log_events_dropped_total", counter, dropped, counts.dropped),
            ("log_events_refused_total", counter, refused, counts.refused),
            ("log_embedded_metrics_wrong_total", counter, wrong, usage.wrong_metrics),
            ("log_memory_bytes", gauge, "Memory of log groups.", usage.bytes),
            ("live_tail_sessions", gauge, "Sessions of Live Tail.", usage.sessions),
            ("live_tail_slow_total", counter, slow, usage.slow_sessions),
        ],
    );
}

/// The alarms of CloudWatch.
fn alarms(text: &mut Exposition, hub: &Hub) {
    let counts = hub.aws.alarm_counts();
    let family = "flowmote_alarms";
    text.family(family, Kind::Gauge, "Alarms, by state.");
    for (state, count) in counts.states {
        text.series([("state", state.to_owned())], count);
    }
    let counter = Kind::Counter;
    let late = "Evaluations that began later than they should.";
    singles(
        text,
        [
            ("alarm_evaluations_total", counter, "Evaluations of alarms.", counts.evaluated),
            ("alarm_evaluations_late_total", counter, late, counts.late),
        ],
    );
    text.family("flowmote_alarm_actions_total", counter, "Actions of alarms, by result.");
    for (result, count) in counts.actions {
        text.series([("result", result.to_owned())], count);
    }
}

/// Routes on which datagrams are sent on.
fn forwarded(text: &mut Exposition, hub: &Hub) {
    let family = "flowmote_forwarded_datagrams";
    // An error that arrives late makes one of those that were sent a failed one: it can decrease.
    text.family(family, Kind::Gauge, "Datagrams sent to other collectors, or failed.");
    for (kind, name, counts) in hub.relay.all() {
        for (result, count) in
            [("sent", counts.datagrams_sent), ("failed", counts.datagrams_failed)]
        {
            let labels = [("kind", kind.word()), ("name", &name), ("result", result)];
            let labels = labels.map(|(label, value)| (label, value.to_owned()));
            text.series(labels, count);
        }
    }
}

fn statsd(text: &mut Exposition, hub: &Hub) {
    let (counter, statsd) = (Kind::Counter, &hub.aws.statsd);
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let drops = |read: fn(&Drops) -> Option<u64>| statsd.drops.get().and_then(read).unwrap_or(0);
    singles(
        text,
        [
            ("statsd_datagrams_total", counter, "Datagrams of StatsD.", of(&statsd.datagrams)),
            ("statsd_values_total", counter, "Values of StatsD.", of(&statsd.values)),
            (
                "statsd_lines_malformed_total",
                counter,
                "Lines of StatsD that have another form.",
                of(&statsd.malformed),
            ),
            (
                "statsd_values_dropped_total",
                counter,
                "Values of StatsD for which there was no room.",
                of(&statsd.dropped),
            ),
            (
                "statsd_kernel_drops_total",
                counter,
                "Datagrams of StatsD that the kernel dropped.",
                drops(Drops::count),
            ),
            (
                "statsd_senders_refused_total",
                counter,
                "Datagrams of StatsD refused by --allow.",
                drops(Drops::refused),
            ),
        ],
    );
}

fn http(text: &mut Exposition, hub: &Hub) {
    let (counter, gauge, http) = (Kind::Counter, Kind::Gauge, &hub.http);
    let [signatures, throttled] = [&hub.aws.admission.refused, &hub.aws.admission.throttled]
        .map(|count| count.load(Ordering::Relaxed));
    singles(
        text,
        [
            ("http_connections", gauge, "Open connections.", http.open()),
            ("http_connections_total", counter, "Connections.", http.connections()),
            ("http_requests_total", counter, "Requests.", http.requests()),
            ("http_requests_refused_total", counter, "Requests refused unread.", http.refused()),
            (
                "aws_signatures_refused_total",
                counter,
                "Requests of AWS clients refused for their signature, or for having none.",
                signatures,
            ),
            (
                "aws_requests_throttled_total",
                counter,
                "Requests of AWS clients refused because too many others waited.",
                throttled,
            ),
            ("http_requests_waiting", gauge, "Long polls that wait.", hub.waiting_requests()),
        ],
    );
}

/// The history of metrics, if there is one.
fn history(text: &mut Exposition, hub: &Hub) {
    let Some(history) = hub.aws.history() else { return };
    let (counter, gauge, counts) = (Kind::Counter, Kind::Gauge, &history.counters);
    let get = |number: &AtomicU64| number.load(Ordering::Relaxed);
    singles(
        text,
        [
            ("history_metrics", gauge, "Metrics of the history.", get(&counts.metrics)),
            ("history_bytes", gauge, "Bytes of its file.", get(&counts.bytes)),
            ("history_points_total", counter, "Samples written.", get(&counts.points)),
            (
                "history_points_dropped_total",
                counter,
                "Samples not written: no room, too old, or an error.",
                get(&counts.dropped),
            ),
            (
                "history_errors_total",
                counter,
                "Times that it could not be written or read.",
                get(&counts.errors),
            ),
        ],
    );
    let written = counts.written.load(Ordering::Relaxed) as f64 / 1000.0;
    let help = "Time of the last write since 1970, 0 before the first one.";
    singles(text, [("history_written_timestamp_seconds", gauge, help, written)]);
}

/// The standard series of a process, and the version.
fn program(text: &mut Exposition, hub: &Hub) {
    let start = Duration::from_millis(hub.unix_ms(flowmote_engine::Instant::default()));
    let families = [
        (
            "process_start_time_seconds",
            Kind::Gauge,
            "Start of the process since 1970.",
            start.as_secs_f64(),
        ),
        (
            "process_cpu_seconds_total",
            Kind::Counter,
            "CPU time of user and system.",
            process::cpu_time().as_secs_f64(),
        ),
        (
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Resident memory.",
            process::resident_bytes() as f64,
        ),
    ];
    for (name, kind, help, value) in families {
        text.family(name, kind, help);
        text.series(NONE, value);
    }
    let name = "flowmote_build_info";
    text.family(name, Kind::Gauge, "The version of the program.");
    text.series([("version", env!("CARGO_PKG_VERSION").to_owned())], 1.0);
}
