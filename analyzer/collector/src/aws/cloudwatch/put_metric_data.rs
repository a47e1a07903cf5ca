//! `PutMetricData`: points of a program's own metrics.

use super::datum::{Datum, MAX_DATA, check_namespace, check_time, point, report, unit};
use super::metric::{Metric, namespace};
use super::period::Point;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let now = hub.unix_ms(hub.now()).cast_signed();
    // All or nothing.
    report(hub, &read(&members, now)?);
    Ok(Document::new())
}

fn read(members: &Members<'_>, now: i64) -> Result<Vec<Datum>, Fault> {
    let space = namespace(members)?.ok_or_else(|| Fault::missing("Namespace"))?;
    check_namespace("Namespace", space)?;
    let mut list = members.structures("MetricData")?;
    for entity in members.structures("EntityMetricData")? {
        list.extend(entity.structures("MetricData")?);
    }
    if list.is_empty() {
        return Err(Fault::missing("MetricData"));
    }
    if list.len() > MAX_DATA {
        return Err(Fault::value("MetricData", &format!("has more than {MAX_DATA} items")));
    }
    list.iter().map(|members| datum(members, space, now)).collect()
}

fn datum(members: &Members<'_>, space: &str, now: i64) -> Result<Datum, Fault> {
    let metric = Metric::read_in(space, members)?;
    let time = members.time("Timestamp")?.unwrap_or(now);
    check_time(&members.name("Timestamp"), time, now)?;
    let unit = unit(&members.name("Unit"), members.text("Unit")?.unwrap_or("None"))?;
    if !matches!(members.integer("StorageResolution")?, None | Some(1 | 60)) {
        return Err(Fault::value(&members.name("StorageResolution"), "must be 1 or 60"));
    }
    Ok(Datum { metric, unit, points: points(members, time)? })
}

/// The points in one of the three forms.
fn points(members: &Members<'_>, time: i64) -> Result<Vec<Point>, Fault> {
    let value = members.number("Value")?;
    let values = members.numbers("Values")?;
    let set = members.structure("StatisticValues")?;
    match (value, values.is_empty(), set) {
        (Some(value), true, None) => Ok(vec![point(&members.name("Value"), time, value, 1.0)?]),
        (None, false, None) => several(members, time, &values),
        (None, true, Some(set)) => Ok(vec![statistics(&set, time)?]),
        (None, true, None) => Err(Fault::missing(&members.name("Value"))),
        _ => Err(Fault::new(
            Kind::InvalidCombination,
            format!("{} exclude each other.", members.name("Value, Values and StatisticValues")),
        )),
    }
}

/// Values, and how often each was seen.
fn several(members: &Members<'_>, time: i64, values: &[f64]) -> Result<Vec<Point>, Fault> {
    if values.len() > MAX_VALUES {
        let reason = format!("has more than {MAX_VALUES} items");
        return Err(Fault::value(&members.name("Values"), &reason));
    }
    let mut counts = members.numbers("Counts")?;
    if counts.is_empty() {
        counts = vec![1.0; values.len()];
    }
    if counts.len() != values.len() || counts.iter().any(|count| !(0.0..1e15).contains(count)) {
        let reason = "must have a number of samples, 0 or more, for each of the values";
        return Err(Fault::value(&members.name("Counts"), reason));
    }
    let name = members.name("Values");
    let pairs = values.iter().zip(counts).filter(|(_, count)| *count > 0.0);
    pairs.map(|(value, count)| point(&name, time, *value, count)).collect()
}

/// Samples that are known together only.
fn statistics(set: &Members<'_>, time: i64) -> Result<Point, Fault> {
    let number = |name: &str| {
        let number = set.number(name)?.ok_or_else(|| Fault::missing(&set.name(name)))?;
        point(&set.name(name), time, number, 1.0).map(|_| number)
    };
    let (count, sum) = (number("SampleCount")?, number("Sum")?);
    let (min, max) = (number("Minimum")?, number("Maximum")?);
    if count <= 0.0 || min > max {
        let name = set.name(if min > max { "Minimum" } else { "SampleCount" });
        let reason = if min > max { "is more than the maximum" } else { "must be more than 0" };
        return Err(Fault::value(&name, reason));
    }
    Ok(Point { end: time, over: 0, sum, min, max, count })
}

const MAX_VALUES: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::cloudwatch::datum::{MAX_FUTURE, MAX_PAST};

    const NOW: i64 = 1_800_000_000_000;

    fn put(datum: Document) -> Result<Vec<Point>, Fault> {
        let document = Document::new().with("Namespace", "Shop").with("MetricData", vec![datum]);
        let mut data = read(&Members::of(&document)?, NOW)?;
        Ok(data.remove(0).points)
    }

    fn named() -> Document {
        Document::new().with("MetricName", "m")
    }

    fn numbers(numbers: &[f64]) -> Document {
        Document::List(numbers.iter().map(|number| Document::Number(*number)).collect())
    }

    #[test]
    fn values_have_counts() {
        assert_eq!(put(named().with("Value", 3.0)), Ok(vec![Point::value(NOW, 3.0)]));
        let values = named().with("Values", numbers(&[2.0, 5.0, 7.0]));
        let counts = values.clone().with("Counts", numbers(&[3.0, 0.0, 1.0]));
        let twice = Point { sum: 6.0, count: 3.0, ..Point::value(NOW, 2.0) };
        assert_eq!(put(counts), Ok(vec![twice, Point::value(NOW, 7.0)]));
        assert_eq!(put(values.clone()).map(|points| points.len()), Ok(3));
        assert!(put(values.with("Counts", numbers(&[1.0]))).is_err());
        let set = Document::new()
            .with("SampleCount", 4.0)
            .with("Sum", 10.0)
            .with("Minimum", 1.0)
            .with("Maximum", 5.0);
        let expected = Point { end: NOW, over: 0, sum: 10.0, min: 1.0, max: 5.0, count: 4.0 };
        assert_eq!(put(named().with("StatisticValues", set)), Ok(vec![expected]));
    }

    #[test]
    fn values_that_the_service_refuses_are_errors() {
        let set = |count: f64, min: f64| {
            let set = Document::new().with("SampleCount", count).with("Sum", 1.0);
            named().with("StatisticValues", set.with("Minimum", min).with("Maximum", 1.0))
        };
        let value = || named().with("Value", 1.0);
        for (datum, kind) in [
            (named(), Kind::MissingParameter),
            (Document::new().with("Value", 1.0), Kind::MissingParameter),
            (value().with("Values", numbers(&[1.0])), Kind::InvalidCombination),
            (named().with("Value", f64::NAN), Kind::InvalidValue),
            (named().with("Value", f64::INFINITY), Kind::InvalidValue),
            (named().with("Value", 2.0_f64.powi(361)), Kind::InvalidValue),
            (named().with("Values", numbers(&[0.0; 151])), Kind::InvalidValue),
            (value().with("Unit", "Parsecs"), Kind::InvalidValue),
            (value().with("StorageResolution", 5.0), Kind::InvalidValue),
            (value().with("Timestamp", (NOW - MAX_PAST - 1) as f64 / 1e3), Kind::InvalidValue),
            (value().with("Timestamp", (NOW + MAX_FUTURE + 1) as f64 / 1e3), Kind::InvalidValue),
            (set(0.0, 0.0), Kind::InvalidValue),
            (set(1.0, 2.0), Kind::InvalidValue),
        ] {
            assert_eq!(put(datum.clone()).map_err(|fault| fault.kind), Err(kind), "{datum:?}");
        }
        assert!(put(named().with("Value", 2.0_f64.powi(360))).is_ok());
    }

    #[test]
    fn namespaces_of_the_service_are_its_own() {
        for (space, allowed) in [("AWS/EC2", false), ("Flowmote", false), ("Flowmote/Test", true)] {
            let data = vec![named().with("Value", 1.0)];
            let document = Document::new().with("Namespace", space).with("MetricData", data);
            assert_eq!(read(&Members::of(&document).unwrap(), NOW).is_ok(), allowed, "{space}");
        }
    }
}
