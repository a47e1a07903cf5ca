//! The numbers that data sources of an analyzer have since they were read the last time.

use core::time::Duration;
use std::sync::Arc;

use flowmote_engine::Instant;
use flowmote_engine::metrics::{Metrics, PastRecord};
use flowmote_engine::points::{Points, Row};
use flowmote_engine::source::{Source, SourceNames};

use super::catalogue::Name;
use super::names::further;
use super::series::Subject;
use crate::http::prometheus::Kind;

/// New numbers of a data source.
#[derive(Debug)]
pub(super) struct Fresh {
    pub(super) source: Source,
    pub(super) texts: Texts,
    pub(super) runs: Vec<Run>,
}

/// New numbers of a metric, in the order of time.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: Name,
    pub(super) numbers: Vec<Number>,
}

/// A number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    pub(super) time: Instant,
    /// The time over which a difference is.
    pub(super) over: Duration,
    /// The difference of a counter, or the value of a gauge.
    pub(super) value: f64,
}

/// What describes a data source.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Texts {
    host: Option<Arc<str>>,
    ifname: Option<Arc<str>>,
    cloud: [Option<Arc<str>>; CLOUD.len()],
}

impl Fresh {
    /// The numbers of a data source after a time.
    pub(super) fn of(metrics: &Metrics, source: Source, after: Instant) -> Self {
        let mut runs = Vec::new();
        for record in metrics.past_records(&source) {
            let rows: Vec<Row<'_>> = record.after(after).collect();
            if !rows.is_empty() {
                add_record(&mut runs, record, &rows);
            }
        }
        for custom in metrics.past_customs(&source) {
            let kind = if custom.counter { Kind::Counter } else { Kind::Gauge };
            let numbers = custom.after(after);
            let numbers = numbers.map(|(time, over, value)| Number { time, over, value }).collect();
            add(&mut runs, Name::Custom(custom.name.clone(), kind), numbers);
        }
        Self { source, texts: Texts::of(metrics.points(), &source), runs }
    }
}

fn add_record(runs: &mut Vec<Run>, record: PastRecord<'_>, rows: &[Row<'_>]) {
    for (name, metric) in record.published() {
        let kind = if metric.rate { Kind::Counter } else { Kind::Gauge };
        let value = |row: &Row<'_>| match kind {
            Kind::Counter => record.difference(row, metric),
            Kind::Gauge => record.value(row, metric),
        };
        let name = Name::Published(name, kind, record.name(), record.field(metric));
        add(runs, name, numbers(rows, value));
    }
    for further in further(record.name()) {
        add(runs, Name::further(further), numbers(rows, further.value));
    }
}

fn numbers(rows: &[Row<'_>], value: impl Fn(&Row<'_>) -> Option<f64>) -> Vec<Number> {
    let number = |row: &Row<'_>| {
        let value = value(row).filter(|value| value.is_finite())?;
        Some(Number { time: row.time, over: row.over, value })
    };
    rows.iter().filter_map(number).collect()
}

fn add(runs: &mut Vec<Run>, name: Name, numbers: Vec<Number>) {
    if !numbers.is_empty() {
        runs.push(Run { name, numbers });
    }
}

impl Texts {
    fn of(points: &Points, source: &Source) -> Self {
        let text = |name| points.text_of_agent(source.agent, name).cloned();
        // Virtual machines have host names too.
        let host = Source { agent: source.agent, data_source: HOST };
        let host = points.text(&host, "host_name").cloned().or_else(|| text("host_name"));
        let ifname = points.text(source, "ifname").cloned();
        Self { host, ifname, cloud: CLOUD.map(|(name, _)| text(name)) }
    }

    /// The subject of the series of a data source.
    pub(super) fn subject(&self, source: &Source, names: &SourceNames) -> Subject {
        let agent = source.agent.to_string();
        let host = self.host.as_deref().unwrap_or(&agent);
        let [instance, ..] = &self.cloud;
        let labels = [
            ("agent", Some(&*agent)),
            ("datasource", Some(&*names.label(source.data_source).to_string())),
            ("host", Some(host)),
            ("ifname", self.ifname.as_deref()),
            ("cloud_instance_id", instance.as_deref()),
            ("job", Some(JOB)),
            ("instance", Some(&*agent)),
        ];
        let labels = labels.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let mut resource = vec![
            ("service.name", JOB.to_owned()),
            ("service.instance.id", agent.clone()),
            ("host.name", host.to_owned()),
        ];
        let cloud = CLOUD.iter().zip(&self.cloud);
        resource.extend(
            cloud.filter_map(|((_, name), text)| Some((*name, value(name, text.as_deref()?)))),
        );
        Subject { resource, labels }
    }
}

/// The value of an attribute of a cloud, in the words of the semantic conventions.
fn value(attribute: &str, text: &str) -> String {
    match (attribute, text) {
        ("cloud.provider", "ec2") => "aws".to_owned(),
        _ => text.to_owned(),
    }
}

/// The names of an agent's identity, and those of the semantic conventions of OpenTelemetry.
const CLOUD: [(&str, &str); 7] = [
    ("cloud_instance_id", "host.id"),
    ("cloud_instance_type", "host.type"),
    ("cloud_image", "host.image.id"),
    ("cloud_provider", "cloud.provider"),
    ("cloud_region", "cloud.region"),
    ("cloud_zone", "cloud.availability_zone"),
    ("cloud_account", "cloud.account.id"),
];
const JOB: &str = "sflow";
const HOST: flowmote_decoder::DataSource = flowmote_decoder::DataSource { class: 2, index: 1 };
