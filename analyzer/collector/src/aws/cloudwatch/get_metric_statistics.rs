//! `GetMetricStatistics`: statistics of one metric.

use super::metric::Metric;
use super::period::{Period, Periods, rounded};
use super::series::Series;
use super::statistic::Statistic;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;

/// A request.
#[derive(Debug)]
struct Request<'a> {
    metric: Metric,
    periods: Periods,
    statistics: Vec<(&'a str, Statistic)>,
    extended: Vec<(&'a str, Statistic)>,
    unit: Option<&'a str>,
}

pub(super) fn run(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let now = hub.unix_ms(hub.now()).cast_signed();
    let request = Request::read(&Members::of(document)?, now)?;
    let directory = hub.aws.directory.get(hub);
    let series =
        Series::find(hub, &directory, &request.metric, request.unit, request.periods.span().0);
    let points = series.iter().flat_map(|series| {
        let values = !request.extended.is_empty();
        let filled = request.periods.fill(series.points(hub, &request.periods), values);
        filled.into_iter().filter_map(|(begin, it)| request.datapoint(begin, &it, &series.unit))
    });
    let label = request.metric.name.as_str();
    Ok(Document::new().with("Label", label).with("Datapoints", points.collect::<Vec<_>>()))
}

impl<'a> Request<'a> {
    fn read(members: &Members<'a>, now: i64) -> Result<Self, Fault> {
        let metric = Metric::read(members)?;
        let (start, end) = (members.required_time("StartTime")?, members.required_time("EndTime")?);
        if start >= end {
            return Err(Fault::value("StartTime", "must be before the parameter EndTime"));
        }
        let period = members.integer("Period")?.ok_or_else(|| Fault::missing("Period"))?;
        let periods = Periods::new(rounded(start, now), end, period, "Period")?;
        if periods.count() > MAX_POINTS {
            let text = format!(
                "You have requested up to {} datapoints, which exceeds the limit of {MAX_POINTS}. \
                 You may reduce the datapoints requested by increasing Period, or decreasing the \
                 time range.",
                periods.count()
            );
            return Err(Fault::new(Kind::InvalidCombination, text));
        }
        let (statistics, extended) = read_statistics(members)?;
        Ok(Self { metric, periods, statistics, extended, unit: members.text("Unit")? })
    }

    /// The statistics of a period; `None` if all of them are unknown.
    fn datapoint(&self, begin: i64, period: &Period, unit: &str) -> Option<Document> {
        let numbers = |statistics: &[(&str, Statistic)]| -> Vec<(String, Document)> {
            let known = statistics
                .iter()
                .filter_map(|(name, statistic)| Some(((*name).to_owned(), statistic.of(period)?)));
            known.map(|(name, number)| (name, number.into())).collect()
        };
        let (statistics, extended) = (numbers(&self.statistics), numbers(&self.extended));
        if statistics.is_empty() && extended.is_empty() {
            return None;
        }
        let mut point = Document::new().with("Timestamp", Document::Time(begin as f64 / 1000.0));
        for (name, number) in statistics {
            point = point.with(&name, number);
        }
        let extended = (!extended.is_empty()).then_some(Document::Map(extended));
        Some(point.with("Unit", unit).with_some("ExtendedStatistics", extended))
    }
}

type Named<'a> = Vec<(&'a str, Statistic)>;

/// The statistics of a request: those of any samples, or those of samples whose values are known.
fn read_statistics<'a>(members: &Members<'a>) -> Result<(Named<'a>, Named<'a>), Fault> {
    let read = |name: &str, extended: bool, limit: usize| {
        let texts = members.texts(name)?;
        if texts.len() > limit {
            return Err(Fault::value(name, &format!("has more than {limit} items")));
        }
        let named = texts.into_iter().map(|text| {
            let statistic = Statistic::parse(text).filter(|it| it.needs_values() == extended);
            let fault = || Fault::value(name, &format!("has {text:?}, which is none of them"));
            statistic.map(|statistic| (text, statistic)).ok_or_else(fault)
        });
        named.collect::<Result<Named<'_>, Fault>>()
    };
    let statistics = read("Statistics", false, 5)?;
    let extended = read("ExtendedStatistics", true, 10)?;
    match (statistics.is_empty(), extended.is_empty()) {
        (true, true) => Err(Fault::missing("Statistics or ExtendedStatistics")),
        (false, false) => Err(Fault::new(
            Kind::InvalidCombination,
            "The parameters Statistics and ExtendedStatistics exclude each other.",
        )),
        _ => Ok((statistics, extended)),
    }
}

const MAX_POINTS: i64 = 1440;
