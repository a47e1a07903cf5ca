//! Metrics of any name: `rtmetric` samples.

use core::fmt::Display;

use crate::application::Application;
use crate::json::{Bounded, Object};
use crate::losses::Loss;

/// Metrics that belong to one datasource, sent together by [`send`](Self::send). Their names have
/// letters, digits, `_` and `-`, at most 64.
///
/// ```no_run
/// let app = flowmote_app::Application::new("shop.cart");
/// app.metrics("shop_cache").gauge("hit_ratio", 0.93).counter("evictions", 1207).send();
/// ```
#[derive(Debug)]
#[must_use = "metrics are sent by send()"]
pub struct Metrics {
    application: Application,
    datasource: String,
    /// Members of the `rtmetric` object, each with a comma in front.
    members: String,
}

impl Metrics {
    pub(crate) fn new(application: Application, datasource: &str) -> Self {
        Self { application, datasource: datasource.to_owned(), members: String::new() }
    }

    /// A value that goes up and down (`gaugeDouble`). One that is not finite is left out.
    pub fn gauge(self, name: &str, value: f64) -> Self {
        if value.is_finite() {
            // With an exponent, unlike `Display`: 1e300 has 301 digits.
            return self.number(name, "gaugeDouble", format_args!("{value:?}"));
        }
        self.application.lose(Loss::Invalid);
        self
    }

    /// A whole number that goes up and down (`gauge64`).
    pub fn level(self, name: &str, value: u64) -> Self {
        self.number(name, "gauge64", value)
    }

    /// A total that only grows (`counter64`): a collector shows its rate.
    pub fn counter(self, name: &str, total: u64) -> Self {
        self.number(name, "counter64", total)
    }

    /// A text, cut at 255 bytes.
    pub fn text(self, name: &str, value: impl Display) -> Self {
        let value = Bounded::new(value, MAX_TEXT);
        self.add(name, "string", |metric| metric.string("value", value.as_str()))
    }

    /// Sends the metrics. Never waits, like everything here.
    pub fn send(mut self) {
        self.flush();
    }

    fn number(self, name: &str, kind: &str, value: impl Display) -> Self {
        self.add(name, kind, |metric| metric.plain("value", value))
    }

    fn add(mut self, name: &str, kind: &str, value: impl FnOnce(&mut Object<'_>)) -> Self {
        if !is_name(name) || name == "datasource" {
            self.application.lose(Loss::Invalid);
            return self;
        }
        let mut member = String::new();
        Object::write(&mut member, |object| {
            object.object(name, |metric| {
                metric.string("type", kind);
                value(metric);
            });
        });
        // Without the braces.
        let member = member.get(1..member.len() - 1).unwrap_or_default();
        if self.members.len() + member.len() > MAX_MEMBERS {
            self.flush();
        }
        self.members.push(',');
        self.members.push_str(member);
        self
    }

    fn flush(&mut self) {
        if self.members.is_empty() {
            return;
        }
        if !is_datasource(&self.datasource) {
            self.members.clear();
            return self.application.lose(Loss::Invalid);
        }
        let message =
            format!("{{\"rtmetric\":{{\"datasource\":\"{}\"{}}}}}", self.datasource, self.members);
        self.members.clear();
        self.application.send(&message);
    }
}

/// A name of a metric as the agent accepts it: letters, digits, `_` and `-`, at most 64 bytes.
fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(is_part)
}

/// A name of a datasource, which no digit begins.
fn is_datasource(name: &str) -> bool {
    is_name(name) && !name.starts_with(|first: char| first.is_ascii_digit())
}

const MAX_TEXT: usize = 255;
/// Bytes of JSON in a message. The sample is shorter, so that it fits into a datagram of sFlow, of
/// 1400 bytes; metrics beyond that go into another message.
const MAX_MEMBERS: usize = 1100;

#[cfg(test)]
mod tests {
    use crate::testing::Lab;

    #[test]
    fn metrics_have_their_types() {
        let (lab, app) = Lab::with_application("shop");
        let metrics = app
            .metrics("shop_cache")
            .gauge("ratio", 0.5)
            .gauge("huge", 1e300)
            .level("entries", u64::MAX);
        metrics.counter("evictions", 7).text("mode", "a\"b").send();
        let expected = serde_json::json!({ "rtmetric": {
            "datasource": "shop_cache",
            "ratio": { "type": "gaugeDouble", "value": 0.5 },
            "huge": { "type": "gaugeDouble", "value": 1e300 },
            "entries": { "type": "gauge64", "value": u64::MAX },
            "evictions": { "type": "counter64", "value": 7 },
            "mode": { "type": "string", "value": "a\"b" },
        }});
        assert_eq!(lab.received(), expected);
        app.metrics("shop_cache").send();
        assert!(lab.is_silent(), "there is nothing to send");
    }

    #[test]
    fn many_metrics_are_sent_in_several_messages() {
        let (lab, app) = Lab::with_application("shop");
        let mut metrics = app.metrics("shop");
        for number in 0..100 {
            metrics = metrics.text(&format!("m{number}"), "x".repeat(300));
        }
        metrics.send();
        let mut found = 0;
        while found < 100 {
            let message = lab.received();
            let members = message["rtmetric"].as_object().unwrap();
            assert_eq!(members["datasource"], "shop");
            let length = |value: &serde_json::Value| value["value"].as_str().unwrap().len();
            assert!(
                members.iter().all(|(name, value)| name == "datasource" || length(value) == 255)
            );
            found += members.len() - 1;
        }
        assert_eq!((found, lab.is_silent()), (100, true));
    }

    #[test]
    fn what_cannot_be_sent_is_counted() {
        let (lab, app) = Lab::with_application("shop");
        for datasource in ["", "1shop", "a b", "a.b", "ä", &"x".repeat(65)] {
            app.metrics(datasource).gauge("x", 1.0).send();
        }
        let metrics = app.metrics("shop").gauge("x", f64::NAN).gauge("y", f64::INFINITY);
        let metrics = metrics.gauge("", 1.0).gauge("datasource", 1.0).gauge(&"n".repeat(65), 1.0);
        metrics.gauge("a.b", 1.0).gauge("ä", 1.0).gauge("a\"", 1.0).send();
        assert_eq!((app.losses().invalid, lab.is_silent()), (14, true));
    }
}
