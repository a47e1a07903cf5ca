//! OpenTelemetry metrics over HTTP: `ExportMetricsServiceRequest` as JSON, compressed by gzip.
//! <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>

use std::collections::BTreeMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Value, json};

use super::series::{Encode, Metric, Series, Subject};
use crate::http::prometheus::Kind;

/// A request in the making: the metrics of resources, in the order in which they came.
#[derive(Default)]
pub(super) struct Otlp {
    resources: Vec<Resource>,
}

struct Resource {
    attributes: Vec<(&'static str, String)>,
    metrics: BTreeMap<String, (Metric, Vec<DataPoint>)>,
}

/// 64-bit numbers are texts in the JSON of protocol buffers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DataPoint {
    attributes: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time_unix_nano: Option<String>,
    time_unix_nano: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_double: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flags: Option<u32>,
}

impl Otlp {
    fn resource(&mut self, subject: &Subject) -> Option<&mut Resource> {
        let attributes = &subject.resource;
        if self.resources.last().is_none_or(|last| last.attributes != *attributes) {
            let metrics = BTreeMap::new();
            self.resources.push(Resource { attributes: attributes.clone(), metrics });
        }
        self.resources.last_mut()
    }
}

impl Encode for Otlp {
    fn add(&mut self, series: &Series<'_>) {
        let points = points(series);
        let Some(resource) = self.resource(series.subject) else { return };
        let metric = resource.metrics.entry(series.metric.name.clone());
        metric.or_insert_with(|| (series.metric.clone(), Vec::new())).1.extend(points);
    }

    fn finish(&mut self) -> Vec<u8> {
        let resources: Vec<Value> =
            core::mem::take(&mut self.resources).into_iter().map(document).collect();
        let mut body = GzEncoder::new(Vec::new(), Compression::fast());
        // Writing to memory cannot fail.
        let _ = body.write_all(json!({"resourceMetrics": resources}).to_string().as_bytes());
        body.finish().unwrap_or_default()
    }
}

fn points(series: &Series<'_>) -> impl Iterator<Item = DataPoint> {
    let all = series.labels.iter().chain(&series.subject.labels);
    // Those of the resource have their own attributes.
    let own =
        all.filter(|(name, value)| !value.is_empty() && !["instance", "job"].contains(&&**name));
    let attributes: Vec<Value> = own.map(|(name, value)| attribute(name, value)).collect();
    let nanoseconds = |milliseconds: u64| format!("{milliseconds}000000");
    let counts = series.metric.kind == Kind::Counter;
    series.points.iter().map(move |point| DataPoint {
        attributes: attributes.clone(),
        start_time_unix_nano: counts.then(|| nanoseconds(series.start)),
        time_unix_nano: nanoseconds(point.time),
        as_double: point.value,
        // DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
        flags: point.value.is_none().then_some(1),
    })
}

fn attribute(name: &str, value: &str) -> Value {
    json!({"key": name, "value": {"stringValue": value}})
}

fn document(resource: Resource) -> Value {
    let attributes = resource.attributes.iter().map(|(name, value)| attribute(name, value));
    let attributes: Vec<Value> = attributes.collect();
    let metrics = resource.metrics.into_values().map(|(metric, points)| {
        let mut document =
            json!({"name": metric.name, "description": metric.help, "unit": metric.unit});
        match metric.kind {
            // AGGREGATION_TEMPORALITY_CUMULATIVE
            Kind::Counter => {
                document["sum"] = json!({"dataPoints": points, "aggregationTemporality": 2,
                    "isMonotonic": true});
            }
            Kind::Gauge => document["gauge"] = json!({"dataPoints": points}),
        }
        document
    });
    let metrics: Vec<Value> = metrics.collect();
    let scope = json!({"name": "flowmote-analyzer", "version": env!("CARGO_PKG_VERSION")});
    json!({"resource": {"attributes": attributes},
        "scopeMetrics": [{"scope": scope, "metrics": metrics}]})
}

/// Data points that a collector did not accept, from its reply: `partialSuccess`.
pub(super) fn rejected(reply: &str) -> u64 {
    let reply: Value = serde_json::from_str(reply).unwrap_or_default();
    let count = &reply["partialSuccess"]["rejectedDataPoints"];
    count.as_u64().or_else(|| count.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::export::series::Point;

    #[test]
    fn series_of_a_resource_are_one_metric() {
        let metric = |name: &str, kind| Metric {
            name: name.to_owned(),
            kind,
            unit: "By",
            help: String::new(),
        };
        let subject = |port: &str| Subject {
            resource: vec![("host.name", "web1".to_owned())],
            labels: vec![
                ("ifname".to_owned(), port.to_owned()),
                ("job".to_owned(), "x".to_owned()),
            ],
        };
        let (octets, free) = (metric("octets", Kind::Counter), metric("free", Kind::Gauge));
        let (eth0, eth1) = (subject("eth0"), subject("eth1"));
        let mut request = Otlp::default();
        for (metric, subject, value) in
            [(&octets, &eth0, Some(7.0)), (&free, &eth0, Some(2.5)), (&octets, &eth1, None)]
        {
            let points = [Point { time: 1500, value }];
            request.add(&Series { metric, subject, labels: &[], start: 1000, points: &points });
        }
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*request.finish()).read_to_string(&mut text).unwrap();
        let body: Value = serde_json::from_str(&text).unwrap();
        let resources = body["resourceMetrics"].as_array().unwrap();
        assert_eq!(resources.len(), 1, "{body}");
        let metrics = &resources[0]["scopeMetrics"][0]["metrics"];
        let attributes = |port| json!([{"key": "ifname", "value": {"stringValue": port}}]);
        let expected = json!([
            {"name": "free", "description": "", "unit": "By", "gauge": {"dataPoints": [
                {"attributes": attributes("eth0"), "timeUnixNano": "1500000000", "asDouble": 2.5}]}},
            {"name": "octets", "description": "", "unit": "By", "sum": {
                "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
                {"attributes": attributes("eth0"), "startTimeUnixNano": "1000000000",
                    "timeUnixNano": "1500000000", "asDouble": 7.0},
                {"attributes": attributes("eth1"), "startTimeUnixNano": "1000000000",
                    "timeUnixNano": "1500000000", "flags": 1}]}},
        ]);
        assert_eq!(*metrics, expected);
    }

    #[test]
    fn rejected_points_are_read() {
        assert_eq!(rejected(r#"{"partialSuccess":{"rejectedDataPoints":"5"}}"#), 5);
        assert_eq!(rejected(r#"{"partialSuccess":{"rejectedDataPoints":5}}"#), 5);
        assert_eq!(rejected("{}") + rejected("") + rejected(r#"{"partialSuccess":null}"#), 0);
    }
}
