//! Prometheus remote write 1.0: `prometheus.WriteRequest` as protocol buffer, in the block format of
//! snappy. <https://prometheus.io/docs/specs/prw/remote_write_spec/>

use std::collections::BTreeMap;

use prost::Message;

use super::series::{Encode, Metric, Series};
use crate::http::prometheus::Kind;

/// A request in the making.
#[derive(Default)]
pub(super) struct RemoteWrite {
    series: Vec<TimeSeries>,
    metadata: BTreeMap<String, Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    metadata: Vec<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Sample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    /// COUNTER or GAUGE.
    #[prost(int32, tag = "1")]
    kind: i32,
    #[prost(string, tag = "2")]
    family: String,
    #[prost(string, tag = "4")]
    help: String,
    #[prost(string, tag = "5")]
    unit: String,
}

impl Encode for RemoteWrite {
    fn add(&mut self, series: &Series<'_>) {
        let samples = series.points.iter().map(|point| Sample {
            value: point.value.unwrap_or(f64::from_bits(STALE)),
            timestamp: i64::try_from(point.time).unwrap_or(i64::MAX),
        });
        let samples = samples.collect();
        self.series.push(TimeSeries { labels: labels(series), samples });
        let metric = series.metric;
        if !self.metadata.contains_key(&metric.name) {
            self.metadata.insert(metric.name.clone(), metadata(metric));
        }
    }

    fn finish(&mut self) -> Vec<u8> {
        let Self { series, metadata } = core::mem::take(self);
        let metadata = metadata.into_values().collect();
        let body = WriteRequest { timeseries: series, metadata }.encode_to_vec();
        // Only a body of 4 GiB has no compressed form.
        snap::raw::Encoder::new().compress_vec(&body).unwrap_or_default()
    }
}

/// All labels, sorted by name, each name once.
fn labels(series: &Series<'_>) -> Vec<Label> {
    let of = |(name, value): &(String, String)| Label { name: name.clone(), value: value.clone() };
    let name = ("__name__".to_owned(), series.metric.name.clone());
    let all = series.labels.iter().chain(&series.subject.labels).chain([&name]);
    let mut labels: Vec<Label> = all.filter(|(_, value)| !value.is_empty()).map(of).collect();
    labels.sort_by(|a, b| a.name.cmp(&b.name));
    labels.dedup_by(|a, b| a.name == b.name);
    labels
}

fn metadata(metric: &Metric) -> Metadata {
    let kind = match metric.kind {
        Kind::Counter => 1,
        Kind::Gauge => 2,
    };
    let (family, help) = (metric.name.clone(), metric.help.clone());
    Metadata { kind, family, help, unit: String::new() }
}

/// The NaN that ends a series.
const STALE: u64 = 0x7ff0_0000_0000_0002;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::series::{Point, Subject};

    #[test]
    fn request_has_the_bytes_of_the_specification() {
        let metric = Metric {
            name: "a_total".to_owned(),
            kind: Kind::Counter,
            unit: "",
            help: "h".to_owned(),
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let subject =
            Subject { labels: vec![pair("b", "1"), pair("A", "2")], ..Subject::default() };
        let points = [Point { time: 1, value: Some(0.5) }, Point { time: 2, value: None }];
        let labels = [pair("b", "3"), pair("empty", "")];
        let series = Series {
            metric: &metric,
            subject: &subject,
            labels: &labels,
            start: 0,
            points: &points,
        };
        let mut request = RemoteWrite::default();
        request.add(&series);
        let body = snap::raw::Decoder::new().decompress_vec(&request.finish()).unwrap();
        let mut expected = vec![0x0a, 67 - 18];
        expected.extend(b"\x0a\x06\x0a\x01A\x12\x012");
        expected.extend(b"\x0a\x13\x0a\x08__name__\x12\x07a_total");
        expected.extend(b"\x0a\x06\x0a\x01b\x12\x013");
        expected.extend(b"\x12\x0b\x09\0\0\0\0\0\0\xe0\x3f\x10\x01");
        expected.extend(b"\x12\x0b\x09\x02\0\0\0\0\0\xf0\x7f\x10\x02");
        expected[1] = (expected.len() - 2) as u8;
        expected.extend(b"\x1a\x0e\x08\x01\x12\x07a_total\x22\x01h");
        assert_eq!(body, expected);
        assert_eq!(request.finish(), [0], "the next request is empty");
    }
}
