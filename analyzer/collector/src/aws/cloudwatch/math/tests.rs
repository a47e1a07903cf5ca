use super::*;
use crate::aws::fault::Kind;

fn periods() -> Periods {
    Periods::new(0, 300_000, 60, "Period").unwrap()
}

/// A series of values at whole minutes; `None` is no value.
fn line(values: &[Option<f64>]) -> Line {
    let times = (0..).map(|minute| minute * 60_000).zip(values);
    let values = times.filter_map(|(time, value)| Some((time, (*value)?)));
    let (name, periods) = ("".into(), periods());
    Line { name, metric: None, statistic: None, periods, values: values.collect() }
}

fn some(values: &[f64]) -> Line {
    line(&values.iter().map(|value| Some(*value)).collect::<Vec<_>>())
}

fn evaluate_within(text: &str, budget: usize) -> Result<Value, Fault> {
    let known = [
        ("m1", some(&[10.0, 20.0, 30.0])),
        ("m2", some(&[1.0, 2.0, 3.0])),
        ("gap", line(&[Some(4.0), None, None, Some(10.0), None])),
        ("zero", some(&[0.0, 1.0, 0.0])),
    ];
    let found = |wanted: &str, statistic: &str, period: Option<u32>, budget: &mut usize| {
        assert_eq!((wanted, statistic, period), ("{N}", "Sum", Some(60)));
        spend(budget, 100)?;
        Ok(vec![some(&[1.0]), some(&[])])
    };
    let metrics = known.each_ref().map(|(id, _)| *id);
    let known = known.map(|(id, line)| (id, Value::Line(line))).into();
    let (known, metrics) = (&known, &metrics);
    let mut scope = Scope { known, metrics, periods: periods(), search: &found, budget };
    scope.evaluate(&Expression::parse(text)?)
}

fn evaluate(text: &str) -> Result<Value, Fault> {
    evaluate_within(text, 10_000)
}

/// The values at the first minutes.
fn values(text: &str) -> Vec<Option<f64>> {
    let lines = evaluate(text).unwrap().into_lines().unwrap();
    let [line] = &lines[..] else { panic!("{text}: {} series", lines.len()) };
    let last = line.values.last().map_or(-1, |(time, _)| time / 60_000);
    let value = |minute| line.values.iter().find(|(time, _)| *time == minute * 60_000);
    (0..=last).map(|minute| value(minute).map(|(_, value)| *value)).collect()
}

fn number(text: &str) -> f64 {
    evaluate(text).unwrap().into_number().unwrap()
}

#[test]
fn operators_have_the_usual_precedence() {
    for (text, expected) in [
        ("1 + 2 * 3", 7.0),
        ("(1+2)*3", 9.0),
        ("10 - 4 - 3", 3.0),
        ("100/10/2", 5.0),
        ("-2 * 3", -6.0),
        ("2 * -3", -6.0),
        ("2 ^ 3 * 2", 16.0),
        ("1.5e1 + 2e-1", 15.2),
        ("1 < 2", 1.0),
        ("2 <= 1 || 3 != 4 && 1 == 1", 1.0),
        ("1 > 0 AND 0 > 1 OR 0", 0.0),
    ] {
        assert_eq!(number(text), expected, "{text}");
    }
}

#[test]
fn series_are_computed_at_each_time() {
    let some = |values: &[f64]| values.iter().map(|value| Some(*value)).collect::<Vec<_>>();
    for (text, expected) in [
        ("m1 / m2", vec![10.0, 10.0, 10.0]),
        ("m1 - 2 * m2 + 1", vec![9.0, 17.0, 25.0]),
        ("100 / m1", vec![10.0, 5.0, 100.0 / 30.0]),
        ("m1 >= 20", vec![0.0, 1.0, 1.0]),
        ("-m2", vec![-1.0, -2.0, -3.0]),
        ("SUM(METRICS(\"m\"))", vec![11.0, 22.0, 33.0]),
        ("sum([m1, m2])", vec![11.0, 22.0, 33.0]),
        ("MAX([m1, m2, zero])", vec![10.0, 20.0, 30.0]),
        ("STDDEV([m1, m2])", vec![4.5, 9.0, 13.5]),
        ("RUNNING_SUM(m1)", vec![10.0, 30.0, 60.0]),
        ("CEIL(m1 / 7)", vec![2.0, 3.0, 5.0]),
        ("ABS(m2 - 2)", vec![1.0, 0.0, 1.0]),
        ("IF(m1 > 15, m1, m2)", vec![1.0, 20.0, 30.0]),
        ("IF(m1 > 15, 1, 0)", vec![0.0, 1.0, 1.0]),
        ("TIME_SERIES(7)", vec![7.0; 5]),
        ("FIRST([m1, m2])", vec![10.0, 20.0, 30.0]),
        ("LAST([m1, m2])", vec![1.0, 2.0, 3.0]),
        ("SLICE(METRICS(), 1, 2)", vec![1.0, 2.0, 3.0]),
        ("SORT(METRICS(), AVG, DESC, 1)", vec![10.0, 20.0, 30.0]),
        ("SORT(METRICS(\"m\"), SUM, ASC, 1)", vec![1.0, 2.0, 3.0]),
        ("REMOVE_EMPTY(SEARCH('{N}', 'Sum', 60))", vec![1.0]),
        ("FILL(gap, 0)", vec![4.0, 0.0, 0.0, 10.0, 0.0]),
        ("FILL(gap, REPEAT)", vec![4.0, 4.0, 4.0, 10.0, 10.0]),
        ("FILL(gap, LINEAR)", vec![4.0, 6.0, 8.0, 10.0]),
    ] {
        assert_eq!(values(text), some(&expected), "{text}");
    }
}

#[test]
fn missing_values_are_zero_in_arithmetic_and_what_is_no_number_is_left_out() {
    assert_eq!(values("m1 + gap"), [Some(14.0), Some(20.0), Some(30.0), Some(10.0)]);
    assert_eq!(values("AVG([m1, gap])"), [Some(7.0), Some(10.0), Some(15.0), Some(5.0)]);
    assert_eq!(values("MIN([m1, gap])"), [Some(4.0), Some(20.0), Some(30.0), Some(10.0)]);
    assert_eq!(values("m1 / zero"), [None, Some(20.0)]);
    assert_eq!(values("IF(m1 > 15, m1)"), [None, Some(20.0), Some(30.0)]);
}

#[test]
fn steps_are_between_neighbours() {
    assert_eq!(values("RATE(m1)"), [None, Some(10.0 / 60.0), Some(10.0 / 60.0)]);
    assert_eq!(values("DIFF(gap)"), [None, None, None, Some(6.0)]);
    assert_eq!(values("DIFF_TIME(gap)"), [None, None, None, Some(180.0)]);
    assert_eq!(values("RATE(gap)"), [None, None, None, Some(6.0 / 180.0)]);
}

#[test]
fn one_series_has_a_number() {
    for (text, expected) in [
        ("SUM(m1)", 60.0),
        ("AVG(m1)", 20.0),
        ("MIN(m1)", 10.0),
        ("MAX(m1)", 30.0),
        ("METRIC_COUNT(METRICS())", 4.0),
        ("PERIOD(m1)", 60.0),
        ("IF(1 > 2, 5, 6)", 6.0),
    ] {
        assert_eq!(number(text), expected, "{text}");
    }
    assert!((number("STDDEV(m1)") - (200.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    // No number at all, and so at no time of a series.
    assert_eq!(values("m1 + AVG(REMOVE_EMPTY(m1 / 0))"), []);
}

#[test]
fn lists_are_computed_one_by_one() {
    let lines = |text: &str| {
        let lines = evaluate(text).unwrap().into_lines().unwrap();
        lines.iter().map(|line| line.values.iter().map(|it| it.1).sum::<f64>()).collect::<Vec<_>>()
    };
    assert_eq!(lines("METRICS() * 2"), [120.0, 12.0, 28.0, 2.0]);
    assert_eq!(lines("METRICS(\"m\") / m2"), [30.0, 3.0]);
    assert_eq!(lines("m1 - METRICS(\"m\")"), [0.0, 54.0]);
    assert_eq!(lines("[m1, m2] - [m2, m1]"), [54.0, -54.0]);
    assert_eq!(lines("SUM(METRICS(\"none\"))"), [0.0; 0]);
}

#[test]
fn wrong_expressions_are_errors_with_a_place() {
    let deep = format!("{}1{}", "(".repeat(33), ")".repeat(33));
    for (text, part) in [
        ("", "at character 1"),
        ("m1 +", "at character 5"),
        ("m1 m2", "at character 4"),
        ("(m1", "`)`"),
        ("ABS(m1", "`,` or `)`"),
        ("'a", "'"),
        ("1.2.3", "a number"),
        ("m1 ? 2", "at character 4"),
        ("é", "at character 1"),
        (&deep, "parentheses"),
        ("m9", "no query with the id m9"),
        ("NOTHING(m1)", "NOTHING"),
        ("ABS(m1, m2)", "1 arguments"),
        ("SORT(METRICS(), x, DESC)", "AVG"),
        ("SLICE(METRICS(), -1)", "whole"),
        ("m1 + 'a'", "text"),
        ("[m1] + [m1, m2]", "lengths"),
        ("METRICS(1)", "text"),
        ("IF(METRICS(), 1, 2)", "condition"),
        ("SUM(1)", "time series"),
    ] {
        let fault = evaluate(text).unwrap_err();
        assert_eq!(fault.kind, Kind::Validation);
        assert!(fault.message.contains(part), "{text}: {}", fault.message);
    }
}

#[test]
fn long_chains_and_deep_signs_need_no_deep_stack() {
    assert_eq!(number(&vec!["1"; 1000].join("+")), 1000.0);
    assert_eq!(number(&format!("{}1", "-".repeat(30))), 1.0);
    assert!(evaluate(&format!("{}1", "-".repeat(10_000))).is_err());
}

#[test]
fn work_is_bounded() {
    // A series is as much as 6 values.
    let one = some(&[]).len();
    assert_eq!(one, 6);
    let least = |text: &str, budget: usize| {
        assert!(evaluate_within(text, budget).is_ok(), "{text}");
        let fault = evaluate_within(text, budget - 1).unwrap_err();
        assert!(fault.message.contains("too many values"), "{text}: {}", fault.message);
    };
    least("m1 + m1", 3 * (3 + one));
    least("TIME_SERIES(1)", 5 + 5 + one);
    least("FILL(gap, 0)", 2 + one + 5 + 5 + one);
    // Searches that find nothing are work too.
    least("SEARCH('{N}', 'Sum', 60)", 100 + 1 + 2 * one);
}
