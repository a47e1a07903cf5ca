//! Lines of StatsD as the CloudWatch agent reads them: `NAME:VALUE|TYPE|@RATE|#TAG:VALUE,TAG`.
//! Source: its documentation and `plugins/inputs/statsd/statsd.go`.

use std::collections::BTreeMap;

use crate::aws::cloudwatch::datum::point;
use crate::aws::cloudwatch::metric::{MAX_DIMENSIONS, Metric, check_dimension, check_name};

/// A value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// So many events.
    Counter(f64),
    Gauge(f64),
    /// A gauge is so much more.
    Change(f64),
    /// A time or another number, and how often it was seen.
    Number(f64, f64),
    /// A member of a set.
    Member(&'a str),
}

/// The values of a line, of one metric for each type among them.
///
/// # Errors
/// The line has another form.
pub(super) fn read(line: &str) -> Result<Vec<(Metric, Value<'_>)>, ()> {
    let (name, rest) = line.split_once(':').ok_or(())?;
    let (name, mut tags) = named(name)?;
    // A tag has colons too, but ends with the next bar.
    let (parts, given): (Vec<&str>, Vec<&str>) =
        rest.split('|').partition(|it| !it.starts_with('#'));
    for tag in given
        .iter()
        .flat_map(|tags| tags.trim_start_matches('#').split(','))
        .filter(|tag| !tag.is_empty())
    {
        let (key, value) = tag.split_once(':').unwrap_or((tag, ""));
        // A dimension has a value; the agent gives it this one.
        tags.insert(key, if value.is_empty() { "<empty>" } else { value });
    }
    let mut values = Vec::new();
    let mut parts = parts.into_iter().peekable();
    let mut number = parts.next();
    while let Some(text) = number {
        let kind = parts.next().ok_or(())?;
        // `1|c:200|ms`: the next value follows the type or the rate.
        let (kind, mut next) = cut(kind);
        let mut rate = 1.0;
        if next.is_none()
            && let Some(part) = parts.next()
        {
            let (part, after) = cut(part);
            rate = part.strip_prefix('@').and_then(|rate| rate.parse().ok()).ok_or(())?;
            next = after;
        }
        if next.is_none() && parts.peek().is_some() || !RATES.contains(&rate) {
            return Err(());
        }
        if values.len() >= MAX_VALUES {
            return Err(());
        }
        let (word, value) = value(text, kind, rate)?;
        values.push((metric(&name, &tags, word)?, value));
        number = next;
    }
    Ok(values)
}

/// Values of a line: each has all tags.
const MAX_VALUES: usize = 400;
/// Rates at which a value stands for at most as many samples as a count of `PutMetricData` can.
const RATES: core::ops::RangeInclusive<f64> = 1e-15..=1.0;

fn cut(part: &str) -> (&str, Option<&str>) {
    part.split_once(':').map_or((part, None), |(part, next)| (part, Some(next)))
}

/// The name of a metric and its tags before the values: `users,service=payroll`.
fn named(text: &str) -> Result<(String, BTreeMap<&str, &str>), ()> {
    let mut parts = text.split(',');
    let name = parts.next().unwrap_or_default().replace('.', "_");
    check_name("name", &name).map_err(drop)?;
    let tags = parts
        .map(|tag| tag.split_once('=').filter(|(key, value)| !key.is_empty() && !value.is_empty()));
    Ok((name, tags.collect::<Option<_>>().ok_or(())?))
}

fn metric(name: &str, tags: &BTreeMap<&str, &str>, kind: &str) -> Result<Metric, ()> {
    let mut dimensions = vec![("metric_type".to_owned(), kind.to_owned())];
    for (key, value) in tags.iter().filter(|(key, _)| **key != "metric_type") {
        check_name("tag", key).and_then(|()| check_dimension("tag", value)).map_err(drop)?;
        dimensions.push(((*key).to_owned(), (*value).to_owned()));
    }
    if dimensions.len() > MAX_DIMENSIONS {
        return Err(());
    }
    Ok(Metric::new("CWAgent", name, dimensions))
}

/// A value, and the word for its type.
fn value<'a>(text: &'a str, kind: &str, rate: f64) -> Result<(&'static str, Value<'a>), ()> {
    let number = || {
        let number: f64 = text.parse().map_err(drop)?;
        // As of all points, so that a sum of them is finite.
        let is_possible = |number: f64| point("value", 0, number, 1.0).is_ok();
        (is_possible(number) && is_possible(number / rate)).then_some(number).ok_or(())
    };
    let is_signed = text.starts_with(['+', '-']);
    Ok(match kind {
        "c" => ("counter", Value::Counter(number()? / rate)),
        "g" if is_signed => ("gauge", Value::Change(number()?)),
        "g" => ("gauge", Value::Gauge(number()?)),
        "ms" | "h" if is_signed => return Err(()),
        "ms" => ("timing", Value::Number(number()?, 1.0 / rate)),
        "h" => ("histogram", Value::Number(number()?, 1.0 / rate)),
        "s" if !text.is_empty() => ("set", Value::Member(text)),
        _ => return Err(()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dimensions(tags: &[(&str, &str)]) -> Vec<(String, String)> {
        tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn types_have_their_values() {
        for (line, kind, value) in [
            ("m:5|c", "counter", Value::Counter(5.0)),
            ("m:1.5|c|@0.1", "counter", Value::Counter(15.0)),
            ("m:-2|c", "counter", Value::Counter(-2.0)),
            ("m:32|g", "gauge", Value::Gauge(32.0)),
            ("m:+10|g", "gauge", Value::Change(10.0)),
            ("m:-10|g", "gauge", Value::Change(-10.0)),
            ("m:320|ms", "timing", Value::Number(320.0, 1.0)),
            ("m:320|ms|@0.5", "timing", Value::Number(320.0, 2.0)),
            ("m:1e3|h", "histogram", Value::Number(1000.0, 1.0)),
            ("m:user 7|s", "set", Value::Member("user 7")),
        ] {
            let metric = Metric::new("CWAgent", "m", dimensions(&[("metric_type", kind)]));
            assert_eq!(read(line), Ok(vec![(metric, value)]), "{line}");
        }
    }

    #[test]
    fn tags_are_dimensions() {
        for line in [
            "users.online:1|c|#country:china,env:a:b,flag",
            "users.online:1|c|#country:china,env:a:b|@1|#flag:,metric_type:x",
            "users.online,country=china:1|c|#env:a:b,flag",
        ] {
            let tags = [
                ("metric_type", "counter"),
                ("country", "china"),
                ("env", "a:b"),
                ("flag", "<empty>"),
            ];
            let metric = Metric::new("CWAgent", "users_online", dimensions(&tags));
            // The rate comes after tags too.
            assert_eq!(read(line), Ok(vec![(metric, Value::Counter(1.0))]), "{line}");
        }
    }

    #[test]
    fn line_may_have_several_values() {
        let values: Vec<_> = read("m:1|c:5|c|@0.5:200|ms|#a:b").unwrap();
        let kinds: Vec<_> =
            values.iter().map(|(metric, _)| metric.dimension("metric_type").unwrap()).collect();
        assert_eq!(kinds, ["counter", "counter", "timing"]);
        let values: Vec<_> = values.into_iter().map(|(_, value)| value).collect();
        assert_eq!(values, [Value::Counter(1.0), Value::Counter(10.0), Value::Number(200.0, 1.0)]);
    }

    #[test]
    fn other_lines_are_errors() {
        let tags: Vec<_> = (0..30).map(|number| format!("t{number}:x")).collect();
        for line in [
            "",
            "m",
            "m:",
            "m:1",
            ":1|c",
            "m:|c",
            "m:x|c",
            "m:NaN|g",
            "m:inf|g",
            "m:1e109|g",
            "m:1e100|c|@1e-100",
            "m:1|k",
            "m:1|c|0.5",
            "m:1|c|@0",
            "m:0|ms|@5e-324",
            "m:0|h|@1e-16",
            "m:1|c|@1.1",
            "m:1|c|@NaN",
            "m:1|c|@0.5|x",
            "m:1|c:",
            "m:-1|ms",
            "m:|s",
            "m,a:1|c",
            "a\u{1}b:1|c",
            &format!("{}:1|c", "m".repeat(256)),
            &format!("m:1|c|#{}:x", "k".repeat(256)),
            &format!("m:1|c|#k:{}", "v".repeat(1025)),
            &format!("m:1|c|#{}", tags.join(",")),
            "_e{5,4}:title|text",
        ] {
            assert_eq!(read(line), Err(()), "{line}");
        }
        assert!(read(&format!("m:1|c|#{}", tags[1..].join(","))).is_ok());
    }

    #[test]
    fn line_has_a_limit_of_values() {
        let line = |values: usize| format!("m:{}", vec!["1|c"; values].join(":"));
        assert_eq!(read(&line(400)).map(|values| values.len()), Ok(400));
        assert!(read(&line(401)).is_err());
    }
}
