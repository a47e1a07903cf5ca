//! `psample { }`: packets that the kernel's psample channel carries.

use super::super::Config;
use super::super::tokens::{Block, Kind, Settings, Token, supported};
use super::super::value;

/// Groups of samples from tc, Open vSwitch or a switch chip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PsampleRule {
    /// The group of packets that were sampled at their input, if these are received.
    pub ingress: Option<u32>,
    /// The group of packets that were sampled at their output, if these are received.
    pub egress: Option<u32>,
}

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "psample",
    "packets sampled by tc, Open vSwitch or a switch chip",
    &[GROUP, INGRESS, EGRESS],
    read,
);

/// The number of a group has 32 bits; that of egress is one more. Group 0 is excluded as in hsflowd.
const GROUP: Token = supported("group", Kind::Number(1..=4_294_967_294)).default("1").about(
    "group of packets sampled at their input: `action sample rate N group G` of tc. hsflowd \
     accepts 1..32",
);
const INGRESS: Token = supported("ingress", Kind::Switch)
    .default("on")
    .about("receive the group; the data source of its packets is the input interface");
const EGRESS: Token = supported("egress", Kind::Switch)
    .default("off")
    .about("receive group + 1; the data source of its packets is the output interface");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let group = settings.number(&GROUP).unwrap_or(1);
    let ingress = settings.value(&INGRESS, value::switch).unwrap_or(true);
    let egress = settings.value(&EGRESS, value::switch).unwrap_or(false);
    if !ingress && !egress {
        settings.warn("this psample block receives nothing: ingress and egress are off");
    }
    let rule = PsampleRule {
        ingress: ingress.then_some(group),
        egress: egress.then_some(group.saturating_add(1)),
    };
    if config.psample.replace(rule).is_some() {
        settings.warn("this psample block replaces the one before it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines, warned};

    #[test]
    fn groups_of_both_directions() {
        let rule = |ingress, egress| Some(PsampleRule { ingress, egress });
        assert_eq!(accepted("psample { }").psample, rule(Some(1), None));
        assert_eq!(accepted("psample { group = 5 egress = on }").psample, rule(Some(5), Some(6)));
        assert_eq!(accepted("psample { ingress=off egress=on }").psample, rule(None, Some(2)));
        assert_eq!(accepted("polling = 1").psample, None);
        assert_eq!(warned("psample { ingress = off }").psample, rule(None, None));
        assert_lines(&[
            (
                "psample { ingress = off }",
                "f:2:1: warning: this psample block receives nothing: ingress and egress are off",
            ),
            (
                "psample { group = 0 }",
                r#"f:2:19: error: "group" = 0 is out of range 1..=4294967294"#,
            ),
            (
                "psample { } psample { group = 2 }",
                "f:2:13: warning: this psample block replaces the one before it",
            ),
        ]);
    }
}
