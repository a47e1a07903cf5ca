//! `dropmon { }`: packets that the kernel or a switch chip drops, with the reason.

use super::super::Config;
use super::super::tokens::{Block, Kind, PATTERN, Settings, Token, deprecated, supported};
use super::super::value;
use super::pcap::Pattern;

/// What to report of dropped packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropmonRule {
    /// Start the kernel's monitoring, and stop it at the end.
    pub start: bool,
    /// Most notifications per second, 1..=10,000.
    pub limit: u32,
    /// Drops of the kernel: whether they are reported, and whether their monitoring is started.
    pub software: Monitored,
    /// The same for drops of a device.
    pub hardware: Monitored,
    /// Use the reasons that kernels from 6.1 on report.
    pub reasons: bool,
    /// Report drops of a device by traps that sFlow has no reason for.
    pub hardware_unknown: bool,
    /// Restart monitoring that another program has started.
    pub force: bool,
    /// Drops per second above which monitoring ends.
    pub max: u32,
    /// Seconds in a row above `max` after which it ends.
    pub max_trip: u32,
    /// Drops whose function, reason or trap matches are not reported.
    pub hide: Option<Pattern>,
}

/// The part that one origin of drops has in the monitoring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitored {
    /// `start = on` starts it.
    pub started: bool,
    /// Its drops are reported, also if another program has started it.
    pub reported: bool,
}

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "dropmon",
    "packets that the kernel or a switch chip drops, with reasons",
    &[
        START,
        LIMIT,
        SW,
        HW,
        RN,
        HW_UNKNOWN,
        SW_PASSIVE,
        HW_PASSIVE,
        FORCE,
        MAX,
        MAX_TRIP,
        HIDE,
        GROUP,
        HW_FUNCTION,
    ],
    read,
);

const START: Token = supported("start", Kind::Switch)
    .default("off")
    .about("start the monitoring and stop it at the end; off: another program does");
const LIMIT: Token = supported("limit", Kind::Number(1..=10_000))
    .default("100")
    .about("most notifications per second; the others are counted in `drops`");
const SW: Token = supported("sw", Kind::Switch)
    .default("on")
    .about("report drops of the kernel; with `start`, monitor them");
const HW: Token = supported("hw", Kind::Switch)
    .default("on")
    .about("report drops of devices; with `start`, monitor them");
const RN: Token = supported("rn", Kind::Switch)
    .default("on")
    .about("use the reason that kernels from 6.1 on report; off: the function only");
const HW_UNKNOWN: Token = supported("hw_unknown", Kind::Switch)
    .default("off")
    .about("report drops by traps of devices that sFlow has no reason for");
const SW_PASSIVE: Token = supported("sw_passive", Kind::Switch)
    .default("off")
    .about("with `sw = off`: report drops of the kernel that another program monitors");
const HW_PASSIVE: Token = supported("hw_passive", Kind::Switch)
    .default("off")
    .about("with `hw = off`: report drops of devices that another program monitors");
const FORCE: Token = supported("force", Kind::Switch).default("on").about(
    "with `start`: restart monitoring that another program has begun; off: leave it as it is",
);
const MAX: Token = supported("max", Kind::Number(1..=4_294_967_295))
    .default("100000")
    .about("drops per second above which nothing is monitored for 60 s");
const MAX_TRIP: Token = supported("max_trip", Kind::Number(1..=4_294_967_295))
    .default("2")
    .about("seconds in a row above `max` after which that begins");
const HIDE: Token = supported("hide", PATTERN)
    .about("drops whose function, reason or trap matches are not reported");
const GROUP: Token = deprecated(
    "group",
    Kind::Number(1..=4_294_967_295),
    "the kernel gives the number of the group",
);
const HW_FUNCTION: Token =
    deprecated("hw_function", Kind::Switch, "it has no effect in hsflowd either");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let rule = rule(settings);
    if !rule.software.reported && !rule.hardware.reported {
        settings.warn("this dropmon block reports nothing: sw and hw are off");
    }
    if config.dropmon.replace(rule).is_some() {
        settings.warn("this dropmon block replaces the one before it");
    }
}

fn rule(settings: &mut Settings<'_>) -> DropmonRule {
    let mut switch = |token: &Token| {
        let value = settings.value(token, value::switch);
        value.unwrap_or(token.default == "on")
    };
    let start = switch(&START);
    let mut origin = |active: &Token, passive: &Token| {
        let (active, passive) = (switch(active), switch(passive));
        Monitored { started: active, reported: active || passive }
    };
    let (software, hardware) = (origin(&SW, &SW_PASSIVE), origin(&HW, &HW_PASSIVE));
    let (reasons, hardware_unknown, force) = (switch(&RN), switch(&HW_UNKNOWN), switch(&FORCE));
    DropmonRule {
        start,
        limit: settings.number(&LIMIT).unwrap_or(100),
        software,
        hardware,
        reasons,
        hardware_unknown,
        force,
        max: settings.number(&MAX).unwrap_or(100_000),
        max_trip: settings.number(&MAX_TRIP).unwrap_or(2),
        hide: settings.value(&HIDE, Pattern::new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines, warned};

    fn dropmon(text: &str) -> DropmonRule {
        accepted(text).dropmon.unwrap()
    }

    #[test]
    fn defaults_are_those_of_hsflowd() {
        let both = Monitored { started: true, reported: true };
        let expected = DropmonRule {
            start: false,
            limit: 100,
            software: both,
            hardware: both,
            reasons: true,
            hardware_unknown: false,
            force: true,
            max: 100_000,
            max_trip: 2,
            hide: None,
        };
        assert_eq!(dropmon("dropmon { }"), expected);
        assert_eq!(accepted("polling = 1").dropmon, None);
    }

    #[test]
    fn every_token_has_its_effect() {
        let text = "dropmon { start=on limit=50 sw=off sw_passive=on hw=off rn=off hw_unknown=on \
                    force=off max=1000 max_trip=5 hide=^ip6 }";
        let expected = DropmonRule {
            start: true,
            limit: 50,
            software: Monitored { started: false, reported: true },
            hardware: Monitored { started: false, reported: false },
            reasons: false,
            hardware_unknown: true,
            force: false,
            max: 1000,
            max_trip: 5,
            hide: Some(Pattern::new("^ip6").unwrap()),
        };
        assert_eq!(dropmon(text), expected);
    }

    #[test]
    fn mistakes_are_reported() {
        assert!(!warned("dropmon { sw = off hw = off }").dropmon.unwrap().hardware.reported);
        assert_lines(&[
            (
                "dropmon { sw = off hw = off }",
                "f:2:1: warning: this dropmon block reports nothing: sw and hw are off",
            ),
            ("dropmon { limit = 0 }", r#"f:2:19: error: "limit" = 0 is out of range 1..=10000"#),
            (
                "dropmon { group = 1 }",
                "f:2:11: warning: \"group\" is deprecated and ignored: the kernel gives the number \
                 of the group",
            ),
            (
                "dropmon { } dropmon { }",
                "f:2:13: warning: this dropmon block replaces the one before it",
            ),
        ]);
    }
}
