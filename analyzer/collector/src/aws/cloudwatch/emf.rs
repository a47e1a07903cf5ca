//! The embedded metric format: a log event in JSON that names those of its members that are metrics.
//! Source: the specification in the user guide of Amazon CloudWatch.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::datum::{Datum, MAX_DATA, check_namespace, check_time, point, unit};
use super::metric::{Dimension, MAX_DIMENSIONS, Metric, check_dimension, check_name};
use super::period::Point;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::protocol::read_json;

/// The metrics of a log event at a time; none if it has another format. What it names and has not is no
/// error, as programs name all that they may measure.
///
/// # Errors
/// It has this format, and a part of it that cannot be used. All or nothing.
pub(in crate::aws) fn embedded(message: &str, time: i64, now: i64) -> Result<Vec<Datum>, Fault> {
    // Most log events are other texts, which need no parser.
    if !message.starts_with(|first: char| first == '{' || first.is_ascii_whitespace())
        || !message.contains("\"_aws\"")
    {
        return Ok(Vec::new());
    }
    let Ok(Document::Members(members)) = read_json(message.as_bytes()) else {
        return Ok(Vec::new());
    };
    let root: Root<'_> = members.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let Some(metadata @ Document::Members(_)) = root.get("_aws") else { return Ok(Vec::new()) };
    let metadata = Members::of(metadata)?;
    let time = metadata.number("Timestamp")?.map_or(time, |number| number as i64);
    let (mut data, mut pairs) = (BTreeMap::new(), 0);
    for directive in metadata.structures("CloudWatchMetrics")? {
        check_time("_aws.Timestamp", time, now)?;
        add(&directive, &root, time, &mut pairs, &mut data)?;
    }
    let datum = |((metric, unit), points)| Datum { metric, unit, points };
    Ok(data.into_iter().map(datum).collect())
}

/// The members that directives name.
type Root<'a> = HashMap<&'a str, &'a Document>;

/// A metric that is named twice has the values of its member once.
type Data = BTreeMap<(Metric, &'static str), Vec<Point>>;

/// A metric without its dimensions.
struct Values<'a> {
    name: &'a str,
    unit: &'static str,
    points: Vec<Point>,
}

/// Adds the metrics of a directive, each with each set of dimensions.
fn add(
    directive: &Members<'_>,
    root: &Root<'_>,
    time: i64,
    pairs: &mut usize,
    data: &mut Data,
) -> Result<(), Fault> {
    let space = directive.required("Namespace")?;
    check_name(&directive.name("Namespace"), space)?;
    check_namespace(&directive.name("Namespace"), space)?;
    let metrics = directive.structures("Metrics")?;
    if metrics.len() > MAX_METRICS {
        let reason = format!("has more than {MAX_METRICS} items");
        return Err(Fault::value(&directive.name("Metrics"), &reason));
    }
    let mut found = Vec::new();
    for metric in &metrics {
        found.extend(read_metric(metric, root, time)?);
    }
    if found.is_empty() {
        return Ok(());
    }
    let sets = sets(directive, root)?;
    // Those that are named twice are work too.
    *pairs += found.len() * sets.len();
    if *pairs > MAX_DATA {
        let text = format!("The event has more than {MAX_DATA} metrics.");
        return Err(Fault::new(Kind::InvalidValue, text));
    }
    for dimensions in sets {
        for Values { name, unit, points } in &found {
            let metric = Metric::new(space, name, dimensions.clone());
            data.entry((metric, unit)).or_insert_with(|| points.clone());
        }
    }
    Ok(())
}

/// The values of a metric, if the event has it.
fn read_metric<'a>(
    metric: &Members<'a>,
    root: &Root<'_>,
    time: i64,
) -> Result<Option<Values<'a>>, Fault> {
    let name = metric.required("Name")?;
    check_name(&metric.name("Name"), name)?;
    let unit = unit(&metric.name("Unit"), metric.text("Unit")?.unwrap_or("None"))?;
    if !matches!(metric.integer("StorageResolution")?, None | Some(1 | 60)) {
        return Err(Fault::value(&metric.name("StorageResolution"), "must be 1 or 60"));
    }
    let values = match root.get(name) {
        None | Some(Document::Null) => return Ok(None),
        Some(Document::List(list)) if list.len() > MAX_VALUES => {
            return Err(Fault::value(name, &format!("has more than {MAX_VALUES} values")));
        }
        Some(Document::List(list)) => list.as_slice(),
        Some(value) => core::slice::from_ref(*value),
    };
    let points = values.iter().map(|value| match value {
        Document::Number(number) => point(name, time, *number, 1.0),
        _ => Err(Fault::value(name, "is neither a number nor a list of numbers")),
    });
    Ok(Some(Values { name, unit, points: points.collect::<Result<_, _>>()? }))
}

/// The sets of dimensions of a directive.
fn sets(directive: &Members<'_>, root: &Root<'_>) -> Result<BTreeSet<Vec<Dimension>>, Fault> {
    let name = directive.name("Dimensions");
    let mut sets = BTreeSet::new();
    for keys in directive.lists_of_texts("Dimensions")? {
        let keys: BTreeSet<&str> = keys.into_iter().collect();
        if keys.len() > MAX_DIMENSIONS {
            let reason = format!("has a set of more than {MAX_DIMENSIONS} dimensions");
            return Err(Fault::value(&name, &reason));
        }
        let dimension = |key: &str| match root.get(key) {
            Some(Document::Text(value)) => {
                check_name(&name, key)?;
                check_dimension(key, value)?;
                Ok((key.to_owned(), value.clone()))
            }
            Some(_) => Err(Fault::value(key, "is a dimension and no text")),
            None => Err(Fault::missing(key)),
        };
        sets.insert(keys.into_iter().map(dimension).collect::<Result<Vec<_>, _>>()?);
        if sets.len() > MAX_DATA {
            return Err(Fault::value(&name, &format!("has more than {MAX_DATA} sets")));
        }
    }
    if sets.is_empty() { Err(Fault::missing(&name)) } else { Ok(sets) }
}

/// Metrics of a directive.
const MAX_METRICS: usize = 100;
/// Values of a metric.
const MAX_VALUES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn read(message: &str) -> Result<Vec<Datum>, Fault> {
        embedded(message, NOW - 5000, NOW)
    }

    /// A document with these directives and members.
    fn event(directives: &str, members: &str) -> String {
        format!(
            "{{\"_aws\":{{\"Timestamp\":{},\"CloudWatchMetrics\":[{directives}]}}{members}}}",
            NOW - 1000
        )
    }

    fn directive(dimensions: &str, metrics: &str) -> String {
        format!("{{\"Namespace\":\"App\",\"Dimensions\":{dimensions},\"Metrics\":{metrics}}}")
    }

    fn of(dimensions: &str, metrics: &str, members: &str) -> Result<Vec<Datum>, Fault> {
        read(&event(&directive(dimensions, metrics), members))
    }

    fn metric(name: &str, dimensions: &[(&str, &str)]) -> Metric {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Metric::new("App", name, dimensions.iter().map(owned).collect())
    }

    #[test]
    fn example_of_the_specification_has_a_metric() {
        let message = "{\"_aws\":{\"Timestamp\":1574109732004,\"CloudWatchMetrics\":[{\
            \"Namespace\":\"lambda-function-metrics\",\"Dimensions\":[[\"functionVersion\"]],\
            \"Metrics\":[{\"Name\":\"time\",\"Unit\":\"Milliseconds\",\"StorageResolution\":60}]}]},\
            \"functionVersion\":\"$LATEST\",\"time\":100,\"requestId\":\"989ffbf8\"}";
        let dimensions = vec![("functionVersion".to_owned(), "$LATEST".to_owned())];
        let datum = Datum {
            metric: Metric::new("lambda-function-metrics", "time", dimensions),
            unit: "Milliseconds",
            points: vec![Point::value(1_574_109_732_004, 100.0)],
        };
        assert_eq!(embedded(message, 0, 1_574_109_740_000), Ok(vec![datum]));
        // Two weeks later it is too old, as of PutMetricData.
        assert_eq!(read(message).map_err(|fault| fault.kind), Err(Kind::InvalidValue));
    }

    #[test]
    fn each_set_of_dimensions_is_a_metric_of_its_own() {
        let members = ",\"a\":\"1\",\"b\":\"2\",\"m\":3,\"n\":[4,5.5]";
        let sets = "[[\"a\",\"b\"],[\"b\",\"a\",\"b\"],[\"a\"],[]]";
        let data = of(sets, "[{\"Name\":\"m\"},{\"Name\":\"n\",\"Unit\":\"Count\"}]", members);
        let m = vec![Point::value(NOW - 1000, 3.0)];
        let n = vec![Point::value(NOW - 1000, 4.0), Point::value(NOW - 1000, 5.5)];
        let mut expected = Vec::new();
        for (name, unit, points) in [("m", "None", m), ("n", "Count", n)] {
            for dimensions in [&[][..], &[("a", "1")], &[("a", "1"), ("b", "2")]] {
                let metric = metric(name, dimensions);
                expected.push(Datum { metric, unit, points: points.clone() });
            }
        }
        assert_eq!(data, Ok(expected));
    }

    #[test]
    fn directives_that_name_a_metric_twice_count_it_once() {
        let one = directive("[[]]", "[{\"Name\":\"m\"},{\"Name\":\"m\"}]");
        let data = read(&event(&format!("{one},{one}"), ",\"m\":3")).unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(data[0].points, [Point::value(NOW - 1000, 3.0)]);
    }

    #[test]
    fn members_that_are_absent_are_no_metrics() {
        let metrics = "[{\"Name\":\"m\"},{\"Name\":\"n\"},{\"Name\":\"A.a\"}]";
        let data = of("[[]]", metrics, ",\"m\":null,\"n\":1,\"A\":{\"a\":1}").unwrap();
        assert_eq!(data.len(), 1);
        assert_eq!(data[0].metric, metric("n", &[]));
        // A point that is the full name of a member is one.
        assert_eq!(of("[[]]", metrics, ",\"A.a\":1").map(|data| data.len()), Ok(1));
    }

    #[test]
    fn time_is_that_of_the_event_if_the_document_has_none() {
        let directive = directive("[[]]", "[{\"Name\":\"m\"}]");
        let message = format!("{{\"_aws\":{{\"CloudWatchMetrics\":[{directive}]}},\"m\":1}}");
        assert_eq!(read(&message).unwrap()[0].points, [Point::value(NOW - 5000, 1.0)]);
    }

    #[test]
    fn other_log_events_have_no_metrics() {
        for message in [
            "",
            "2 123 eni-1 192.0.2.1 - OK",
            "{\"level\":\"info\",\"message\":\"no \\\"_aws\\\" here\"}",
            "{\"_aws\": {\"CloudWatchMetrics\": [",
            "{\"_aws\": 1}",
            "{\"_aws\": {}}",
            "[\"_aws\"]",
            "{\"text\": {\"_aws\": {\"CloudWatchMetrics\": [{}]}}}",
        ] {
            assert_eq!(read(message), Ok(Vec::new()), "{message}");
        }
    }

    #[test]
    fn documents_beyond_the_specification_are_errors() {
        let list = |count: usize, item: &str| vec![item; count].join(",");
        let names = |count: usize| {
            let names: Vec<_> = (0..count).map(|number| format!("\"d{number}\"")).collect();
            names.join(",")
        };
        let values = |count: usize| {
            let values: Vec<_> = (0..count).map(|number| format!(",\"d{number}\":\"x\"")).collect();
            format!("{},\"m\":1", values.concat())
        };
        let m = "[{\"Name\":\"m\"}]";
        let sets = |sets: usize| {
            let sets: Vec<_> = (0..sets).map(|number| format!("[\"d{number}\"]")).collect();
            format!("[{}]", sets.join(","))
        };
        assert_eq!(
            of("[[]]", m, &format!(",\"m\":[{}]", list(100, "1"))).map(|it| it.len()),
            Ok(1)
        );
        assert_eq!(of(&format!("[[{}]]", names(30)), m, &values(30)).map(|it| it.len()), Ok(1));
        assert_eq!(of(&sets(1000), m, &values(1000)).map(|it| it.len()), Ok(1000));
        for (dimensions, metrics, members) in [
            ("[[]]", m, format!(",\"m\":[{}]", list(101, "1"))),
            ("[[]]", m, ",\"m\":\"1\"".to_owned()),
            ("[[]]", m, ",\"m\":[1,true]".to_owned()),
            ("[[]]", m, ",\"m\":1e109".to_owned()),
            ("[[]]", &format!("[{}]", list(101, "{\"Name\":\"m\"}")), ",\"m\":1".to_owned()),
            ("[[]]", "[{\"Name\":\"m\",\"Unit\":\"Parsecs\"}]", ",\"m\":1".to_owned()),
            ("[[]]", "[{\"Name\":\"m\",\"StorageResolution\":10}]", ",\"m\":1".to_owned()),
            ("[[]]", "[{\"Name\":\"\"}]", ",\"\":1".to_owned()),
            ("[[]]", "[{}]", ",\"m\":1".to_owned()),
            ("[]", m, ",\"m\":1".to_owned()),
            ("[\"d0\"]", m, values(1)),
            ("[[1]]", m, values(1)),
            ("[[\"none\"]]", m, values(1)),
            ("[[\"m\"]]", m, values(1)),
            ("[[\"d\"]]", m, ",\"m\":1,\"d\":\"\"".to_owned()),
            ("[[\"d\"]]", m, ",\"m\":1,\"d\":\"a\\nb\"".to_owned()),
            (&format!("[[{}]]", names(31)), m, values(31)),
            (&sets(1001), m, values(1001)),
        ] {
            let result = of(dimensions, metrics, &members);
            assert!(result.is_err(), "{dimensions} {metrics} {members}: {result:?}");
        }
        for space in ["AWS/EC2", "Flowmote", "", "a\\nb"] {
            let directive = directive("[[]]", m).replace("App", space);
            assert!(read(&event(&directive, ",\"m\":1")).is_err(), "{space}");
        }
    }

    #[test]
    fn many_members_and_names_of_them_need_little_time() {
        let count = 20_000;
        let members: String = (0..count).map(|number| format!(",\"d{number}\":\"x\"")).collect();
        let keys = vec!["\"d19999\""; count].join(",");
        let start = std::time::Instant::now();
        let data = of(&format!("[[{keys}]]"), "[{\"Name\":\"m\"}]", &format!("{members},\"m\":1"));
        assert_eq!(data.map(|data| data.len()), Ok(1));
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }
}
