//! `tcp { }`: the state of the sockets of sampled packets.

use super::super::Config;
use super::super::tokens::{Block, Kind, Settings, Token, supported, unneeded};
use super::super::value;

/// What is looked up about sampled packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SocketLookup {
    /// Also for the packet within a tunnel packet.
    pub tunnel: bool,
    /// Also for packets of UDP.
    pub udp: bool,
}

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "tcp",
    "round-trip times and losses of sampled connections",
    &[TUNNEL, UDP, DUMP],
    read,
);

const TUNNEL: Token = supported("tunnel", Kind::Switch)
    .default("off")
    .about("look into packets of IP in IP, GRE, VXLAN and Geneve");
const UDP: Token =
    supported("udp", Kind::Switch).default("off").about("look up the sockets of UDP packets, too");
const DUMP: Token =
    unneeded("dump", Kind::Switch, "the kernel finds each socket by its addresses and ports")
        .default("off");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let tunnel = settings.value(&TUNNEL, value::switch).unwrap_or(false);
    let udp = settings.value(&UDP, value::switch).unwrap_or(false);
    if config.tcp.replace(SocketLookup { tunnel, udp }).is_some() {
        settings.warn("this tcp block replaces the one before it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines, warned};

    #[test]
    fn block_switches_lookups_on() {
        assert_eq!(accepted("").tcp, None);
        let lookup = |tunnel, udp| Some(SocketLookup { tunnel, udp });
        assert_eq!(accepted("tcp { }").tcp, lookup(false, false));
        assert_eq!(accepted("tcp { tunnel = on }").tcp, lookup(true, false));
        assert_eq!(accepted("tcp { udp = on tunnel = off }").tcp, lookup(false, true));
    }

    #[test]
    fn what_has_no_effect_is_a_warning() {
        assert!(warned("tcp { dump = on }").tcp.is_some());
        let twice = "tcp { udp = on } tcp { }";
        assert_eq!(warned(twice).tcp, Some(SocketLookup::default()));
        assert_lines(&[
            (twice, "f:2:18: warning: this tcp block replaces the one before it"),
            (
                "tcp { dump = on }",
                "f:2:7: warning: \"dump\" is ignored: the kernel finds each socket by its addresses \
                 and ports",
            ),
        ]);
    }
}
