//! Prices with their sources. Sources disagree, so an item can have several.

use core::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The content of a file of prices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Prices {
    pub(crate) currency: Name,
    pub(super) prices: Vec<Quote>,
}

/// The price of an item by one source.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Quote {
    pub(super) item: Item,
    pub(super) region: Name,
    pub(super) source: Name,
    /// `None` for a source without a date.
    pub(super) date: Option<Date>,
    /// The quantity each month that costs nothing.
    #[serde(default)]
    pub(super) free: Amount,
    pub(super) tiers: Tiers,
}

/// What has a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Item {
    /// A custom metric, or one of detailed monitoring, for a month.
    Metric,
    /// A metric in a request of `GetMetricData`.
    MetricRead,
    /// A GB of flow logs that is delivered to CloudWatch Logs.
    FlowLogIngest,
    /// A GB that is kept for a month.
    LogStorage,
    /// A GB that Logs Insights reads.
    InsightsScan,
    /// A minute of Live Tail.
    LiveTail,
}

/// A price for each unit of a quantity up to a limit; the last one has none.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Tier {
    /// The end of the tier, as a quantity of a month.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = f64, required = false, nullable = false)]
    up_to: Option<Amount>,
    #[schema(value_type = f64)]
    price: Amount,
}

/// Tiers with ascending limits.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Tier>")]
pub(super) struct Tiers(pub(super) Vec<Tier>);

/// A number from 0 to [`MAX_AMOUNT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Deserialize, Serialize)]
#[serde(try_from = "f64")]
pub(super) struct Amount(pub(super) f64);

/// A short text without control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(pub(crate) String);

/// A year, a month or a day: `2026-06`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Date(pub(super) String);

impl Prices {
    /// The prices of this version.
    pub(crate) fn own() -> Self {
        // A test reads them.
        Self::parse(OWN)
            .unwrap_or_else(|_| Self { currency: Name(String::new()), prices: Vec::new() })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// The file, the line and column, and what is wrong there.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        let named = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
        let mut text = String::new();
        let file = File::open(path).map_err(|error| named(&error))?;
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| named(&error))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(named(&format_args!("the file has more than {MAX_BYTES} bytes")));
        }
        Self::parse(&text).map_err(|error| named(&error))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let found: Self = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| format!("{}: {}", error.path(), error.inner()))?;
        deserializer.end().map_err(|error| error.to_string())?;
        Ok(found)
    }

    /// The regions that have prices, in order.
    pub(super) fn regions(&self) -> Vec<String> {
        let mut regions: Vec<_> = self.prices.iter().map(|it| it.region.0.clone()).collect();
        regions.sort();
        regions.dedup();
        regions
    }

    /// The prices of an item in a region.
    pub(super) fn of(&self, item: Item, region: &str) -> impl Iterator<Item = &Quote> {
        self.prices.iter().filter(move |it| it.item == item && it.region.0 == region)
    }
}

impl Quote {
    /// The price of a quantity.
    pub(super) fn cost(&self, quantity: f64) -> f64 {
        let mut begin = 0.0;
        let charged = (quantity - self.free.0).max(0.0);
        let parts = self.tiers.0.iter().map(|tier| {
            let end = tier.up_to.map_or(f64::INFINITY, |end| end.0);
            let part = (charged.min(end) - begin).max(0.0);
            begin = end;
            part * tier.price.0
        });
        parts.sum()
    }
}

impl TryFrom<Vec<Tier>> for Tiers {
    type Error = &'static str;

    fn try_from(tiers: Vec<Tier>) -> Result<Self, Self::Error> {
        let Some((last, others)) = tiers.split_last() else { return Err("no tier") };
        if last.up_to.is_some() || others.iter().any(|tier| tier.up_to.is_none()) {
            return Err("each tier but the last one needs upTo");
        }
        if !others.is_sorted_by(|a, b| a.up_to < b.up_to) {
            return Err("the values of upTo must ascend");
        }
        Ok(Self(tiers))
    }
}

impl TryFrom<f64> for Amount {
    type Error = String;

    fn try_from(number: f64) -> Result<Self, Self::Error> {
        let valid = (0.0..=MAX_AMOUNT).contains(&number);
        valid
            .then_some(Self(number))
            .ok_or_else(|| format!("expected 0 to {MAX_AMOUNT}, not {number}"))
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let valid = (1..=MAX_NAME).contains(&text.len()) && !text.contains(char::is_control);
        valid.then_some(Self(text)).ok_or_else(|| {
            format!("expected a text of 1 to {MAX_NAME} bytes without control characters")
        })
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_number = |part: &str, digits| {
            part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let mut parts = text.split('-');
        let valid = parts.next().is_some_and(|year| is_number(year, 4))
            && parts.by_ref().take(2).all(|part| is_number(part, 2))
            && parts.next().is_none();
        let expected =
            || format!("expected a date such as 2026-06-30 or 2026-06, or null, not {text:?}");
        if valid { Ok(Self(text)) } else { Err(expected()) }
    }
}

const OWN: &str = include_str!("prices.json");
const MAX_AMOUNT: f64 = 1e12;
const MAX_BYTES: u64 = 1 << 20;
const MAX_NAME: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn quote(text: &str) -> Result<Prices, String> {
        let rest = r#""region":"r","source":"s","date":null"#;
        Prices::parse(&format!("{{\"currency\":\"USD\",\n\"prices\":[\n{{{rest},{text}}}]}}"))
    }

    #[test]
    fn own_prices_can_be_read_and_cover_all_items() {
        let own = Prices::parse(OWN).unwrap();
        let items = [
            Item::Metric,
            Item::MetricRead,
            Item::FlowLogIngest,
            Item::LogStorage,
            Item::InsightsScan,
            Item::LiveTail,
        ];
        for item in items {
            assert!(own.of(item, "us-east-1").next().is_some(), "{item:?}");
        }
        assert_eq!(own.regions(), ["ap-northeast-1", "us-east-1"]);
        assert_eq!(Prices::own(), own);
    }

    #[test]
    fn tiers_are_added_after_what_is_free() {
        let found = quote(
            r#""item":"metric","free":10,"tiers":[{"upTo":100,"price":2},{"upTo":200,"price":1},{"price":0.5}]"#,
        );
        let cost = |quantity| found.as_ref().unwrap().prices[0].cost(quantity);
        assert_eq!(cost(0.0), 0.0);
        assert_eq!(cost(10.0), 0.0);
        assert_eq!(cost(11.0), 2.0);
        assert_eq!(cost(110.0), 200.0);
        assert_eq!(cost(160.0), 250.0);
        assert_eq!(cost(310.0), 350.0);
    }

    #[test]
    fn errors_have_the_field_and_the_line() {
        for (text, expected) in [
            (
                r#""item":"metrics","tiers":[{"price":1}]"#,
                "prices[0].item: unknown variant `metrics`",
            ),
            (r#""item":"metric""#, "missing field `tiers`"),
            (r#""item":"metric","tiers":[]"#, "prices[0].tiers: no tier"),
            (
                r#""item":"metric","tiers":[{"price":-1}]"#,
                "prices[0].tiers[0].price: expected 0 to",
            ),
            (r#""item":"metric","tiers":[{"price":1},{"price":1}]"#, "but the last one needs upTo"),
            (
                r#""item":"metric","tiers":[{"upTo":2,"price":1},{"upTo":2,"price":1},{"price":1}]"#,
                "must ascend",
            ),
            (r#""item":"metric","tiers":[{"price":1}],"cost":1"#, "unknown field `cost`"),
        ] {
            let error = quote(text).unwrap_err();
            assert!(error.contains(expected) && error.contains("at line 3"), "{text}: {error}");
        }
    }

    #[test]
    fn dates_are_those_of_a_day_month_or_year() {
        for date in ["2026", "2026-06", "2026-06-30"] {
            assert!(Date::try_from(date.to_owned()).is_ok(), "{date}");
        }
        for date in ["", "26", "2026-6", "2026-06-30-1", "june", "2026-06-3x"] {
            assert!(Date::try_from(date.to_owned()).is_err(), "{date}");
        }
    }
}
