//! What fuzz targets run of this interface. The unit tests run it too, with random input, because fuzzers
//! need a nightly compiler.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use clap::Parser;

use super::cloudwatch::{self, statsd};
use super::document::Document;
use super::logs;
use super::protocol::{self, Protocol, Target};
use super::service::Service;
use super::signature::{Caller, Keys, Message, Mode, Signatures};
use crate::args::{Arguments, Command};
use crate::export::Exports;
use crate::hub::Hub;
use crate::receive::Drops;
use crate::relay::Relay;
use crate::state::State;

/// An operation with arbitrary parameters. The first three bytes choose service, operation and protocol; the
/// others are the body itself, or a tree of members that operations read, which is written as the body.
/// Returns true if it succeeded.
///
/// # Panics
/// If the error is one of the server.
pub fn operation(input: &[u8]) -> bool {
    let Some(([service, operation, protocol], rest)) = input.split_first_chunk() else {
        return false;
    };
    let service = *pick(&SERVICES, *service);
    let operations = service.operations();
    let Some(operation) = operations.get(usize::from(*operation) % operations.len().max(1)) else {
        return false;
    };
    let tree = |rest| tree(&mut Input(rest), 0);
    let form = |rest| {
        let mut form = format!("Version={}&Action={}", version(service), operation.name);
        flatten(&tree(rest), String::new(), service, &mut form);
        form.into_bytes()
    };
    let (protocol, body) = match protocol % 6 {
        0 => (Protocol::Query, rest.to_vec()),
        1 => (Protocol::Json, rest.to_vec()),
        2 => (Protocol::Cbor, rest.to_vec()),
        3 => (Protocol::Query, form(rest)),
        4 => (Protocol::Json, protocol::encode(Protocol::Json, &tree(rest))),
        _ => (Protocol::Cbor, protocol::encode(Protocol::Cbor, &tree(rest))),
    };
    let named = ("GraniteServiceVersion20100801".to_owned(), operation.name.to_owned());
    let named = (protocol != Protocol::Query).then_some(named);
    let target = Target { protocol, operation: named, parameters: Vec::new() };
    let dialect = target.dialect(&body);
    let read = target.read(dialect, &body);
    let response = match read.and_then(|(_, document)| (operation.run)(&hub(), &document)) {
        Ok(document) => dialect.reply(operation.name, &document, "id"),
        Err(fault) => dialect.fault(&fault, "id"),
    };
    assert!(!response.status().is_server_error(), "{response:?}");
    response.status().is_success()
}

/// A request whose head is the text, a line for each part. It has no right signature.
///
/// # Panics
/// If one is right.
pub fn signature(input: &[u8]) {
    let mut lines = input.splitn(20, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let (path, query, body) = (text(), text(), text());
    let mut headers = HeaderMap::new();
    for line in lines {
        let at = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (name, value) = line.split_at(at);
        let value = HeaderValue::from_bytes(value.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            headers.append(name, value);
        }
    }
    let signed = headers.contains_key("authorization") || query.contains("X-Amz-Signature");
    let (method, body) = (&Method::POST, body.as_bytes());
    let message = Message { method, path: &path, query: &query, headers: &headers, body };
    let checked = SIGNATURES.check(&message, Caller::Anyone, 1_440_938_160);
    assert!(checked.is_err(), "{signed}: {input:?}");
}

/// Datagrams of StatsD, each after a zero byte.
///
/// # Panics
/// If a point is no number, or there are more than values.
pub fn statsd(input: &[u8]) {
    let mut table = statsd::Table::new(16 << 10);
    let counters = statsd::Counters::default();
    for payload in input.split(|byte| *byte == 0) {
        counters.read(&mut table, payload);
    }
    let count = |counter: &core::sync::atomic::AtomicU64| {
        counter.load(core::sync::atomic::Ordering::Relaxed) as usize
    };
    let data = table.collect(0);
    let points = data.iter().map(cloudwatch::checked_points).sum::<usize>();
    assert!(points <= count(&counters.values), "{points}");
}

/// A log event in the embedded metric format.
///
/// # Panics
/// If a point is no number, or there are too many.
pub fn embedded(message: &str) {
    if let Ok(data) = cloudwatch::embedded(message, 0, 0) {
        let points: usize = data.iter().map(cloudwatch::checked_points).sum();
        assert!(data.len() <= 1000 && points <= 100_000, "{}", data.len());
    }
}

/// A text as a query of Logs Insights, and as a filter pattern; true if it is one of them.
///
/// # Panics
/// If the query takes seconds.
pub fn query(text: &str) -> bool {
    logs::arbitrary(text)
}

static SIGNATURES: LazyLock<Signatures> = LazyLock::new(|| {
    let keys = Keys::parse("AKIDEXAMPLE secret").unwrap_or_default();
    Signatures { mode: Mode::Required, keys }
});

/// A hub without agents.
fn hub() -> Hub {
    hub_of(1, 16 << 20)
}

/// The same with so many receiving threads and bytes of memory.
pub(in crate::aws) fn hub_of(threads: usize, memory: usize) -> Hub {
    let arguments = Arguments::parse_from(["flowmote-analyzer", "serve"]);
    let Command::Serve(arguments) = arguments.command else { unreachable!("it is `serve`") };
    let state = State::open(None).expect("no directory is opened");
    let relay = Relay::new(([127, 0, 0, 1], 6343).into());
    let (drops, flow_logs) = (Drops::default(), arguments.flow_logs.options(None));
    Hub::new(threads, memory, state, drops, relay, flow_logs, Exports::default())
}

fn version(service: Service) -> &'static str {
    match service {
        Service::Ec2 => "2016-11-15",
        Service::Sts => "2011-06-15",
        _ => "2010-08-01",
    }
}

/// The rest of the input.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

fn pick<T>(all: &[T], number: u8) -> &T {
    &all[usize::from(number) % all.len()]
}

/// A structure, list or value as the bytes choose.
fn tree(input: &mut Input<'_>, depth: usize) -> Document {
    let mut members = Vec::new();
    while let Some(name) = input.byte().filter(|name| *name != u8::MAX && members.len() < 100) {
        members.push(((*pick(NAMES, name)).to_owned(), value(input, depth + 1)));
    }
    Document::Members(members)
}

fn value(input: &mut Input<'_>, depth: usize) -> Document {
    let (kind, number) = (input.byte().unwrap_or_default(), input.byte().unwrap_or_default());
    match kind % 8 {
        0 | 1 => Document::from(*pick(TEXTS, number)),
        2 => Document::Number(*pick(NUMBERS, number)),
        3 => Document::Time(*pick(NUMBERS, number)),
        4 => Document::Bool(number % 2 == 0),
        _ if depth > 5 => Document::Null,
        5 => tree(input, depth),
        _ => {
            let items = usize::from(number % 4);
            Document::List((0..items).map(|_| value(input, depth + 1)).collect())
        }
    }
}

/// Writes the members as parameters of a form.
fn flatten(document: &Document, name: String, service: Service, form: &mut String) {
    let below =
        |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    let text = match document {
        Document::Members(members) | Document::Map(members) => {
            members.iter().for_each(|(part, it)| flatten(it, below(part), service, form));
            return;
        }
        Document::List(items) => {
            let list = if service.has_plain_lists() { String::new() } else { "member.".to_owned() };
            for (number, item) in (1..).zip(items) {
                flatten(item, below(&format!("{list}{number}")), service, form);
            }
            return;
        }
        Document::Text(text) => text.clone(),
        Document::Number(number) | Document::Time(number) => number.to_string(),
        Document::Bool(value) => value.to_string(),
        _ => String::new(),
    };
    let text: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
    form.push_str(&format!("&{name}={text}"));
}

const SERVICES: [Service; 4] = [Service::Monitoring, Service::Logs, Service::Ec2, Service::Sts];
/// Members that operations read.
const NAMES: &[&str] = &[
    "ActionPrefix",
    "ActionsEnabled",
    "AlarmActions",
    "AlarmConfigurationUpdatedTimestamp",
    "AlarmDescription",
    "AlarmName",
    "AlarmNamePrefix",
    "AlarmNames",
    "AlarmTypes",
    "CloudWatchMetrics",
    "ComparisonOperator",
    "Counts",
    "DatapointsToAlarm",
    "DestinationOptions",
    "Dimensions",
    "DryRun",
    "EndDate",
    "EndTime",
    "EntityMetricData",
    "EvaluationPeriods",
    "Expression",
    "ExtendedStatistic",
    "ExtendedStatistics",
    "FileFormat",
    "Filter",
    "FlowLogId",
    "HistorySummary",
    "HiveCompatiblePartitions",
    "Id",
    "Key",
    "Label",
    "LabelOptions",
    "LogDestination",
    "LogDestinationType",
    "LogGroupName",
    "MaxAggregationInterval",
    "MaxDatapoints",
    "MaxRecords",
    "MaxResults",
    "Maximum",
    "Metric",
    "MetricData",
    "MetricDataQueries",
    "MetricName",
    "MetricStat",
    "Metrics",
    "Minimum",
    "Name",
    "Namespace",
    "NextToken",
    "OKActions",
    "PerHourPartition",
    "Period",
    "RecentlyActive",
    "RegionName",
    "ResourceId",
    "ResourceType",
    "ReturnData",
    "SampleCount",
    "ScanBy",
    "StartDate",
    "StartTime",
    "Stat",
    "StateReason",
    "StateReasonData",
    "StateTransitionedTimestamp",
    "StateUpdatedTimestamp",
    "StateValue",
    "Statistic",
    "StatisticValues",
    "Statistics",
    "StorageResolution",
    "Sum",
    "Tag",
    "TagFieldSpecification",
    "TagKey",
    "TagSpecification",
    "Tags",
    "Threshold",
    "Timestamp",
    "Timezone",
    "TrafficType",
    "TreatMissingData",
    "Unit",
    "Value",
    "Values",
    "descending",
    "endTime",
    "filterPattern",
    "ifname",
    "interleaved",
    "limit",
    "logEventFilterPattern",
    "logEvents",
    "logGroupIdentifier",
    "logGroupName",
    "logGroupNamePattern",
    "logGroupNamePrefix",
    "logGroupNames",
    "logRecordPointer",
    "logStreamName",
    "logStreamNamePrefix",
    "logStreamNames",
    "maxResults",
    "message",
    "nextToken",
    "orderBy",
    "queryId",
    "queryLanguage",
    "queryString",
    "retentionInDays",
    "startFromHead",
    "startTime",
    "status",
    "timestamp",
];
const TEXTS: &[&str] = &[
    "",
    "a",
    "m1",
    "Sum",
    "Average",
    "p99",
    "TM(10%:90%)",
    "CPUUtilization",
    "AWS/EC2",
    "CWAgent",
    "Flowmote",
    "Shop",
    "InstanceId",
    "i-0abc",
    "2026-11-28T12:10:00Z",
    "60",
    "1e308",
    "-1",
    "NaN",
    "METRICS()",
    "SUM(METRICS())",
    "m1/m2",
    "IF(m1>1,m1)",
    "FILL(m1,REPEAT)",
    "RUNNING_SUM(m1)",
    "SEARCH('{AWS/EC2,InstanceId} MetricName=\"CPUUtilization\"','Sum',60)",
    "((((((((((1))))))))))",
    "TimestampAscending",
    "PT3H",
    "GreaterThanThreshold",
    "OK",
    "ALARM",
    "breaching",
    "Count",
    "http://127.0.0.1:1/x",
    "/flowmote/vpc",
    "eni-1",
    "ALL",
    "cloud-watch-logs",
    "${version} ${srcaddr}",
    "[a,b,c>1]",
    "fields @timestamp | sort @timestamp desc | limit 5",
    "stats count(*) by bin(1m)",
    "%",
    "\u{0}",
    "\u{1f600}",
    "{\"_aws\":{\"CloudWatchMetrics\":[]}}",
];
const NUMBERS: &[f64] = &[
    0.0,
    1.0,
    2.0,
    5.0,
    10.0,
    59.0,
    60.0,
    61.0,
    300.0,
    1440.0,
    1e9,
    1.8e9,
    1.8e12,
    4294967295.0,
    4294967296.0,
    9007199254740993.0,
    1e18,
    1e19,
    253402300799.0,
    1e300,
    f64::MAX,
    -1.0,
    -1e300,
    0.5,
    f64::MIN_POSITIVE,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers by xorshift, the same in each run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 32) as usize % bound
        }

        /// A text of the corpus with changes.
        fn changed(&mut self, texts: &[&str]) -> Vec<u8> {
            let mut text = texts[self.below(texts.len())].as_bytes().to_vec();
            for _ in 0..self.below(6) {
                let at = self.below(text.len());
                match self.below(3) {
                    0 => text[at] = self.below(256) as u8,
                    1 => text.insert(at, b"|:,;=/@#{}[]\"\n0"[self.below(15)]),
                    _ => drop(text.drain(at..text.len().min(at + 1 + self.below(4)))),
                }
                if text.is_empty() {
                    text.push(b'x');
                }
            }
            text
        }
    }

    #[test]
    fn arbitrary_parameters_have_a_reply() {
        let mut random = Random(1);
        let mut succeeded = 0;
        for _ in 0..2000 {
            let length = 3 + random.below(120);
            let input: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
            succeeded += usize::from(operation(&input));
        }
        assert!((20..1500).contains(&succeeded), "{succeeded}");
    }

    #[test]
    fn arbitrary_signatures_are_refused() {
        let mut random = Random(1);
        let header = "/\n\nbody\nhost:a\nx-amz-date:20150830T123600Z\n\
            authorization:AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
            SignedHeaders=host;x-amz-date, \
            Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        let url = "/a/../b\nAction=A&X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fiam%2Faws4_request\
            &X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\
            &X-Amz-Signature=37ac2f4fde00b0ac9bd9eadeb459b1bbee224158d66e7ae5fcadb70b2d181d02\n\nhost:a";
        (0..20_000).for_each(|_| signature(&random.changed(&[header, url])));
    }

    #[test]
    fn arbitrary_lines_of_statsd_have_points_that_are_numbers() {
        let mut random = Random(1);
        let lines = [
            "a.b:1|c|@0.1|#k:v,flag\nc:3|ms:4|ms",
            "g:+1e100|g\ng:-5|g\0s:x|s\ns:y|s",
            "m,tag=x:1|h|@1e-9|#a:b:c",
        ];
        (0..20_000).for_each(|_| statsd(&random.changed(&lines)));
    }

    #[test]
    fn arbitrary_log_events_have_points_that_are_numbers() {
        let mut random = Random(1);
        let event = "{\"_aws\":{\"Timestamp\":0,\"CloudWatchMetrics\":[{\"Namespace\":\"A\",\
            \"Dimensions\":[[\"d\"],[]],\"Metrics\":[{\"Name\":\"m\",\"Unit\":\"Count\"},{\"Name\":\"n\"}]}]},\
            \"d\":\"x\",\"m\":1,\"n\":[1,2.5,1e100]}";
        for _ in 0..20_000 {
            embedded(&String::from_utf8_lossy(&random.changed(&[event])));
        }
    }

    #[test]
    fn arbitrary_queries_and_patterns_have_an_end() {
        let mut random = Random(1);
        let texts = [
            "stats sum(bytes) as b, b / 2 as h, latest(action) by srcAddr, bin(5m) as t | sort t desc, b | limit 3",
            "fields @timestamp, concat(srcAddr, '-', n) as x | parse @message '* eni-* *' as a, e, r | dedup x, e",
            "filter a.b.1 = 'x' and not (n > 9007199254740992 or f in [-0.5, 1e300]) | display substr(x, 1, 2)",
            "filterIndex isIpv4InSubnet(srcAddr, '10.0.0.0/8') # c\n| sort strlen(@message) | stats pct(n, 90)",
            "parse @message /(?<k>\\w+) (?<v>\\d+)/ | fields datefloor(fromMillis(v ^ 9), 7d), replace(k, 'a', k)",
            "[v, account, eni != \"x*\", src = 10.0.*, ..., bytes >= 400 && bytes < 1e9, start, end, a = %A.C%, s]",
            "{ $.a.b[1] = \"x\" && ($.n >= 9007199254740993 || $.t IS TRUE) && $.z NOT EXISTS }",
            "ERROR -\"not found\" ?WARN %[a-z]+%",
        ];
        assert!(texts.iter().all(|text| query(text)));
        let mut succeeded = 0;
        for _ in 0..5000 {
            succeeded += usize::from(query(&String::from_utf8_lossy(&random.changed(&texts))));
        }
        assert!(succeeded > 100, "{succeeded}");
    }
}
