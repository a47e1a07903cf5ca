//! Values and defaults of all settings.

use core::net::Ipv6Addr;

use super::accepted;
use crate::config::{Config, SpeedRange};

#[test]
fn all_settings_are_applied() {
    let config = accepted(
        "polling = 0 headerBytes = 256 datagramBytes = 8192 subAgentId = 0 agent = ens5
         agentIP = 2001:db8::5 agent.cidr = 10.0.0.0/8 agent.cidr = !10.9.0.0/16
         uuid = 00112233-4455-6677-8899-aabbccddeeff
         sampling.100M = 5 sampling.2.5G = 6 sampling.bps_ratio = 2M
         collector { ip = 2001:db8::1 udpport = 99 dev = eth1 }
         pcap { dev = eth0 sampling = 9 promisc = on }
         epcap { dev.pattern = ^en speed = 1G-10G }",
    );
    assert_eq!((config.polling_secs, config.header_bytes), (0, 256));
    assert_eq!((config.datagram_bytes, config.sub_agent_id), (8192, 0));
    let agent = &config.agent;
    assert_eq!(agent.device.as_deref(), Some("ens5"));
    let address: Ipv6Addr = "2001:db8::5".parse().unwrap();
    assert_eq!(agent.ip, Some(address.into()));
    let rules: Vec<_> = agent.cidrs.iter().map(|rule| (rule.cidr.to_string(), rule.veto)).collect();
    assert_eq!(rules, [("10.0.0.0/8".into(), false), ("10.9.0.0/16".into(), true)]);
    assert_eq!(config.uuid.unwrap()[..3], [0x00, 0x11, 0x22]);
    let speeds: Vec<_> =
        config.sampling.by_speed.iter().map(|entry| (entry.speed, entry.rate.value)).collect();
    assert_eq!(speeds, [(100_000_000, 5), (2_500_000_000, 6)]);
    assert_eq!(config.sampling.bps_ratio.unwrap().value, 2_000_000);
    assert_eq!(config.collectors[1].to_string(), "[2001:db8::1]:99 by eth1");
    assert_eq!(config.taps.len(), 2);
    let selector = &config.taps[1].selector;
    assert_eq!(selector.speed, Some(SpeedRange { min: 10_u64.pow(9), max: 10_u64.pow(10) }));
    assert!(selector.pattern.is_some() && selector.device.is_none());
}

#[test]
fn collectors_of_the_command_line_suffice() {
    let parsed = Config::parse_without_collectors("sflow { polling = 5 }");
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.config.unwrap().polling_secs, 5);
}
