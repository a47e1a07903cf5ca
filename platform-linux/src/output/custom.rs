//! Custom metrics of the agent: names that collectors accept, and samples that fit a datagram.

use flowmote_core::{Instant, MetricValue, RtMetric};

use super::Output;

impl Output<'_> {
    /// Encodes metrics as one `rtmetric` sample, or as several if they do not fit a datagram of
    /// `datagram_bytes`. A metric that the agent cannot take is counted in its statistics.
    pub(crate) fn rt_metrics(
        &mut self,
        now: Instant,
        datasource: &str,
        metrics: &[(&str, MetricValue<'_>)],
        datagram_bytes: u32,
    ) {
        let room = (datagram_bytes as usize).saturating_sub(OVERHEAD);
        for metrics in portions(metrics, room) {
            // The agent counts a refusal.
            let _ = self.rt_metric(now, &RtMetric { datasource, metrics });
        }
    }
}

/// Splits metrics into portions of at most `room` bytes, and at least one metric.
fn portions<'a, 'b>(
    mut metrics: &'a [(&'b str, MetricValue<'b>)],
    room: usize,
) -> impl Iterator<Item = &'a [(&'b str, MetricValue<'b>)]> {
    core::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |(name, value): &&(&str, MetricValue<'_>)| {
            bytes += encoded_bytes(name, value);
            bytes <= room
        };
        let count = metrics.iter().take_while(fits).count().max(1);
        let (portion, rest) = metrics.split_at_checked(count)?;
        metrics = rest;
        Some(portion)
    })
}

/// Bytes of a metric: length and text of the name, type, value; texts are padded to four bytes.
fn encoded_bytes(name: &str, value: &MetricValue<'_>) -> usize {
    let value = match value {
        MetricValue::String(text) => 4 + text.len().min(MAX_TEXT).next_multiple_of(4),
        _ => 8,
    };
    8 + name.len().next_multiple_of(4) + value
}

/// A text as part of a name of metrics or data sources: characters other than ASCII letters, digits,
/// `-` and `_` become `_`. A name is cut at 64 bytes and must not begin with a digit, which the
/// caller's prefix prevents.
pub(crate) fn metric_name(prefix: &str, text: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain = text.chars().map(|c| if allowed(c) { c } else { '_' });
    let mut name: String = prefix.chars().chain(plain).collect();
    // All characters have one byte.
    name.truncate(MAX_NAME);
    name
}

/// Datagram header with an IPv6 address (40 bytes), sample header (8), data source and number of metrics.
const OVERHEAD: usize = 40 + 8 + 4 + MAX_NAME + 4;
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_has_only_characters_that_collectors_accept() {
        assert_eq!(metric_name("nic-", "eth0"), "nic-eth0");
        assert_eq!(
            metric_name("cloud_tag_", "aws:Cost Center/ä.1"),
            "cloud_tag_aws_Cost_Center___1"
        );
        assert_eq!(metric_name("x", &"é".repeat(100)), format!("x{}", "_".repeat(63)));
    }

    #[test]
    fn portions_fit_and_lose_nothing() {
        let text = "t".repeat(255);
        let metrics: Vec<_> = (0..7).map(|_| ("name", MetricValue::String(&text))).collect();
        let one = 8 + 4 + 4 + 256;
        for (room, expected) in [(one * 7, vec![7]), (one * 3, vec![3, 3, 1]), (10, vec![1; 7])] {
            let counts: Vec<_> = portions(&metrics, room).map(<[_]>::len).collect();
            assert_eq!(counts, expected, "{room}");
        }
        assert_eq!(portions(&[], 100).count(), 0);
    }
}
