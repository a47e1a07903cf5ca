//! Labels: `${PROP('Dim.InstanceId')} max ${MAX}`.

use super::metric::Metric;

/// What a label can name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// The label without one.
    pub(super) name: &'a str,
    pub(super) metric: Option<&'a Metric>,
    pub(super) statistic: Option<&'a str>,
    pub(super) period: u32,
    /// The values in the order of time.
    pub(super) values: &'a [f64],
}

/// The label with its placeholders replaced. One that is unknown stays. A longer label is cut.
pub(super) fn expand(label: &str, subject: &Subject<'_>) -> String {
    let mut expanded = String::with_capacity(label.len());
    let mut rest = label;
    while let Some((before, after)) = rest.split_once("${")
        && expanded.len() < MAX_BYTES
    {
        expanded.push_str(before);
        let Some((placeholder, after)) = after.split_once('}') else {
            rest = rest.get(before.len()..).unwrap_or_default();
            break;
        };
        match subject.value(placeholder.trim()) {
            Some(value) => expanded.push_str(&value),
            None => expanded.extend(["${", placeholder, "}"]),
        }
        rest = after;
    }
    expanded.push_str(rest);
    expanded.truncate(expanded.floor_char_boundary(MAX_BYTES));
    expanded
}

impl Subject<'_> {
    fn value(&self, placeholder: &str) -> Option<String> {
        let values = || self.values.iter().copied();
        let number =
            |number: Option<f64>| Some(number.map_or("--".to_owned(), |it| it.to_string()));
        match placeholder {
            "LABEL" => Some(self.name.to_owned()),
            "DATAPOINT_COUNT" => Some(self.values.len().to_string()),
            "MIN" => number(values().reduce(f64::min)),
            "MAX" => number(values().reduce(f64::max)),
            "SUM" => number(Some(values().sum())),
            "AVG" => number(values().reduce(|a, b| a + b).map(|it| it / self.values.len() as f64)),
            "FIRST" => number(values().next()),
            "LAST" => number(values().next_back()),
            _ => self.property(placeholder.strip_prefix("PROP(")?.strip_suffix(')')?.trim()),
        }
    }

    fn property(&self, name: &str) -> Option<String> {
        let name = name.strip_prefix(['\'', '"'])?.strip_suffix(['\'', '"'])?;
        let text = match name {
            "MetricName" => &self.metric?.name,
            "Namespace" => &self.metric?.namespace,
            "Stat" => self.statistic?,
            "Period" => return Some(self.period.to_string()),
            _ => {
                let value = self.metric?.dimension(name.strip_prefix("Dim.")?);
                value.unwrap_or("--")
            }
        };
        Some(text.to_owned())
    }
}

/// Bytes of a label: those of a search have the values of all dimensions.
const MAX_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_replaced() {
        let dimensions = vec![("InstanceId".to_owned(), "i-1".to_owned())];
        let metric = Metric::new("AWS/EC2", "NetworkIn", dimensions);
        let subject = Subject {
            name: "in",
            metric: Some(&metric),
            statistic: Some("Sum"),
            period: 60,
            values: &[3.0, 1.0, 2.5],
        };
        for (label, expected) in [
            ("plain", "plain"),
            ("${LABEL}|&|${PROP('Dim.InstanceId')}", "in|&|i-1"),
            ("${PROP('MetricName')} ${PROP(\"Stat\")} ${PROP('Period')}", "NetworkIn Sum 60"),
            ("${PROP('Dim.None')}", "--"),
            ("${MIN} ${MAX} ${SUM} ${FIRST} ${LAST}", "1 3 6.5 3 2.5"),
            ("${DATAPOINT_COUNT} ${ LABEL }", "3 in"),
            (
                "${WHAT} ${PROP('x')} ${PROP(y)} $5 ${LABEL",
                "${WHAT} ${PROP('x')} ${PROP(y)} $5 ${LABEL",
            ),
            ("}{${}", "}{${}"),
        ] {
            assert_eq!(expand(label, &subject), expected, "{label}");
        }
        let empty = Subject { metric: None, values: &[], ..subject };
        assert_eq!(expand("${AVG} ${PROP('MetricName')}", &empty), "-- ${PROP('MetricName')}");
    }
    #[test]
    fn long_label_is_cut() {
        let name = "é".repeat(1000);
        let subject =
            Subject { name: &name, metric: None, statistic: None, period: 60, values: &[] };
        let long = expand(&format!("a{}", "${LABEL}".repeat(100)), &subject);
        assert_eq!((long.len(), long.chars().count()), (4095, 2048));
        assert_eq!(expand(&"b".repeat(5000), &subject), "b".repeat(4096));
    }
}
