//! `nflog { }`: packets that a firewall rule samples and logs to a netlink group.

use super::super::Config;
use super::super::diagnostic::{Diagnostics, quoted};
use super::super::rate::MAX_SAMPLING;
use super::super::tokens::{Block, FRACTION, Kind, Setting, Settings, Token, supported};

/// Packets sampled by the firewall and delivered by the kernel's `nfnetlink_log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NflogRule {
    /// The group of the firewall's log statement, 1..=65535.
    pub group: u16,
    /// N of the 1 in N packets that the firewall logs, 1..=[`MAX_SAMPLING`]: the `sampling_rate`
    /// of the flow samples. 1 unless `probability` is set.
    pub sampling_rate: u32,
}

/// The block.
pub(in crate::config) static BLOCK: Block =
    Block::new("nflog", "packets sampled by the firewall", &[GROUP, PROBABILITY], read);

/// `nfnetlink_log` has 16-bit groups (`nfgenmsg.res_id`). Group 0 is excluded as in hsflowd, where
/// it means that there is no group.
const GROUP: Token = supported("group", Kind::Number(1..=65_535)).alias("nflogGroup").about(
    "group of the firewall rule: `log group N` in nftables, `-j NFLOG --nflog-group N` in \
     iptables; required. hsflowd accepts 1..32",
);
const PROBABILITY: Token = supported("probability", FRACTION)
    .alias("nflogProbability")
    .default("1")
    .about("fraction of packets that the rule logs, 0.0025 for 1 in 400; reported, not applied");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    if !settings.has(GROUP.name) {
        settings.error("this nflog block has no group");
    }
    let group = settings.number(&GROUP).and_then(|group| u16::try_from(group).ok());
    let sampling_rate = settings.last(&PROBABILITY, sampling_rate).unwrap_or(1);
    let Some(group) = group else { return };
    if config.nflog.replace(NflogRule { group, sampling_rate }).is_some() {
        settings.warn("this nflog block replaces the one before it");
    }
}

/// Reads `probability` as N of 1 in N, the whole number nearest to its reciprocal.
fn sampling_rate(setting: &Setting, problems: &mut Diagnostics) -> Option<u32> {
    let probability = setting.parse(probability, problems)?;
    let exact = probability.recip();
    let rate = exact.round();
    // Smaller differences come from values with few digits, such as 0.0033 for 1 in 300.
    if (rate - exact).abs() > exact / 100.0 {
        let text = &setting.value.as_ref()?.text;
        setting.warn(
            format!("1 in {exact:.2} packets is reported as 1 in {rate}; {text} is not 1 / N"),
            problems,
        );
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the probability is in a range whose reciprocals fit"
    )]
    Some(rate as u32)
}

/// Parses a fraction like strtod(3), which hsflowd uses, but without `inf`, `nan`, hexadecimal
/// digits and trailing text.
fn probability(text: &str) -> Result<f64, String> {
    let is_decimal = text.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    let number = text.parse::<f64>().ok().filter(|number| is_decimal && number.is_finite());
    let number = number.ok_or_else(|| format!("{} is not a decimal fraction", quoted(text)))?;
    let lowest = f64::from(MAX_SAMPLING).recip();
    if !(lowest..=1.0).contains(&number) {
        return Err(format!("{} is out of range {lowest}..=1", quoted(text)));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines, warned};

    #[test]
    fn probability_is_a_decimal_fraction() {
        for (text, value) in
            [("1", 1.0), ("1.0", 1.0), ("0.0025", 0.0025), (".5", 0.5), ("1e-2", 0.01)]
        {
            assert_eq!(probability(text), Ok(value), "{text}");
        }
        assert_eq!(probability("0.0000001"), Ok(1e-7));
        for text in ["0", "0.0", "1.1", "2", "0.00000009", "1e-300"] {
            assert_eq!(probability(text), Err(format!("{text:?} is out of range 0.0000001..=1")));
        }
        for text in ["", "-0.5", "+0.5", "0,5", "1/400", "inf", "nan", "NaN", "0.5K", "1e999"] {
            assert_eq!(probability(text), Err(format!("{text:?} is not a decimal fraction")));
        }
    }

    #[test]
    fn groups_and_probabilities() {
        let rule = |group, sampling_rate| Some(NflogRule { group, sampling_rate });
        assert_eq!(accepted("nflog { group = 5 probability = 0.0025 }").nflog, rule(5, 400));
        assert_eq!(accepted("NFLOG{GROUP=65535}").nflog, rule(65_535, 1), "every packet");
        assert_eq!(accepted("nflog { group 1 probability 1e-2 }").nflog, rule(1, 100));
        assert_eq!(accepted("nflog { group = 1 probability = 0.0033 }").nflog, rule(1, 303));
        assert_eq!(accepted("polling = 1").nflog, None);
        assert_eq!(warned("nflog { group = 1 probability = 0.3 }").nflog, rule(1, 3));
        assert_eq!(warned("nflog { group = 1 probability = 0.7 }").nflog, rule(1, 1));
        assert_lines(&[
            (
                "nflog { group = 1 probability = 0.3 }",
                "f:2:33: warning: 1 in 3.33 packets is reported as 1 in 3; 0.3 is not 1 / N",
            ),
            ("nflog { }", "f:2:1: error: this nflog block has no group"),
            ("nflog { group = 0 }", r#"f:2:17: error: "group" = 0 is out of range 1..=65535"#),
            (
                "nflog { group = 65536 }",
                r#"f:2:17: error: "group" = 65536 is out of range 1..=65535"#,
            ),
            (
                "nflog { group = 1 probability = 0 }",
                r#"f:2:33: error: "0" is out of range 0.0000001..=1"#,
            ),
            (
                "nflog { group = 1 probability = 1.5 }",
                r#"f:2:33: error: "1.5" is out of range 0.0000001..=1"#,
            ),
            (
                "nflog { group = 1 probability = often }",
                r#"f:2:33: error: "often" is not a decimal fraction"#,
            ),
            (
                "nflogGroup = 5",
                "f:2:1: warning: \"nflogGroup\" is deprecated and ignored: \
                 use nflog { group = ... }",
            ),
            (
                "nflogProbability = 0.5",
                "f:2:1: warning: \"nflogProbability\" is deprecated and ignored: \
                 use nflog { probability = ... }",
            ),
        ]);
        let twice = "nflog { group = 1 probability = 0.1 } nflog { group = 2 }";
        assert_eq!(warned(twice).nflog, rule(2, 1));
        assert_lines(&[(twice, "f:2:39: warning: this nflog block replaces the one before it")]);
    }
}
