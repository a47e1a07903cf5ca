//! `ethtool { }`: counters of the drivers of network adapters.

use super::super::Config;
use super::super::block::pcap::Pattern;
use super::super::diagnostic::quoted;
use super::super::tokens::{Block, Kind, PATTERN, Settings, Token, supported};

/// Which counters of which drivers are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriverCounters {
    /// The drivers.
    pub drivers: Drivers,
    /// Names of interfaces; `None`: all.
    pub interfaces: Option<Pattern>,
    /// Names of counters; `None`: those of losses and limits.
    pub counters: Option<Pattern>,
}

/// `drivers` of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drivers {
    /// Those of clouds, whose devices drop what the kernel does not see.
    Cloud,
    /// All.
    All,
    /// None: nothing is read or sent.
    Off,
}

impl Default for DriverCounters {
    fn default() -> Self {
        Self { drivers: Drivers::Cloud, interfaces: None, counters: None }
    }
}

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "ethtool",
    "counters of the drivers of network adapters; without this block those of ENA, gVNIC and MANA",
    &[DRIVERS, DEV_PATTERN, COUNTERS],
    read,
);

const DRIVERS: Token = supported("drivers", Kind::Word("cloud, all or off"))
    .default("all")
    .about("`cloud`: only `ena`, `gve` and `mana`, as without the block; `off`: none");
const DEV_PATTERN: Token =
    supported("dev.pattern", PATTERN).default("all").about("adapters whose names match");
const COUNTERS: Token = supported("counters", PATTERN)
    .default("losses and limits")
    .about("counters whose names match, as `ethtool -S` prints them");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let rule = DriverCounters {
        drivers: settings.value(&DRIVERS, drivers).unwrap_or(Drivers::All),
        interfaces: settings.value(&DEV_PATTERN, Pattern::new),
        counters: settings.value(&COUNTERS, Pattern::new),
    };
    if config.driver_counters != DriverCounters::default() {
        settings.warn("this ethtool block replaces the one before it");
    }
    config.driver_counters = rule;
}

fn drivers(text: &str) -> Result<Drivers, String> {
    match text.to_ascii_lowercase().as_str() {
        "cloud" => Ok(Drivers::Cloud),
        "all" => Ok(Drivers::All),
        "off" => Ok(Drivers::Off),
        _ => Err(format!("{} is not cloud, all or off", quoted(text))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(block: &str) -> Option<DriverCounters> {
        let text = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {block} }}");
        Config::parse(&text).config.map(|config| config.driver_counters)
    }

    #[test]
    fn block_selects_all_drivers_and_its_absence_those_of_clouds() {
        assert_eq!(parse("").unwrap().drivers, Drivers::Cloud);
        assert_eq!(parse("ethtool { }").unwrap().drivers, Drivers::All);
        assert_eq!(parse("ethtool { drivers = off }").unwrap().drivers, Drivers::Off);
        assert_eq!(parse("ethtool { drivers = cloud }").unwrap().drivers, Drivers::Cloud);
        assert_eq!(parse("ethtool { drivers = ena }"), None);
        let rule = parse("ethtool { counters = \"_drops$\" dev.pattern = ^ens }").unwrap();
        assert!(rule.counters.unwrap().matches("rx0_drops"));
        assert!(!rule.interfaces.unwrap().matches("eth0"));
    }
}
