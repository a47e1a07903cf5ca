//! `sflow { }`, the outermost block.

use core::net::{IpAddr, Ipv4Addr};
use core::num::NonZeroU32;

use super::super::Config;
use super::super::agent_address::{AgentChoice, CidrRule};
use super::super::diagnostic::{Diagnostics, Position, quoted};
use super::super::rate::{RateSetting, Sampling, SpeedRate};
use super::super::settings::push_bounded;
use super::super::tokens::{DEVICE, Kind, RATE, Setting, Settings, Token, supported};
use super::super::value;
use super::{collector, dns_sd, entities, json};

/// The settings of the block that have an effect.
pub(in crate::config) const TOKENS: &[Token] = &[
    SAMPLING,
    SAMPLING_SPEED,
    BPS_RATIO,
    BUDGET,
    POLLING,
    HEADER_BYTES,
    DATAGRAM_BYTES,
    AGENT_DEVICE,
    AGENT_IP,
    AGENT_CIDR,
    SUB_AGENT_ID,
    UUID,
];

const SAMPLING: Token = supported("sampling", RATE)
    .alias("packetSamplingRate")
    .default("from the speed")
    .about("sample 1 in N packets on every interface; 0 disables sampling");
const SAMPLING_SPEED: Token = supported("sampling.<speed>", RATE)
    .about("N for links of one speed: `sampling.10G`, `sampling.2.5G`");
const BPS_RATIO: Token = supported("sampling.bps_ratio", Kind::Number(0..=4_294_967_295))
    .default("1000000")
    .about("without `sampling`, N is the speed in bit/s divided by this; with 0, N is 400");
const BUDGET: Token = supported("budget", Kind::Number(1..=1_000_000)).default("none").about(
    "packet samples of all interfaces per second; with more, N is multiplied by 2, 4, 8, ...",
);
const POLLING: Token = supported("polling", Kind::Number(0..=300))
    .alias("counterPollingInterval")
    .default("30")
    .about("seconds between counter samples; 0 disables them");
const HEADER_BYTES: Token = supported("headerBytes", Kind::Number(14..=256))
    .default("128")
    .about("bytes to send of each sampled packet");
const DATAGRAM_BYTES: Token = supported("datagramBytes", Kind::Number(200..=8192))
    .default("1400")
    .about("largest UDP payload; below 1024 a host counter sample may not fit");
const AGENT_DEVICE: Token =
    supported("agent", DEVICE).about("take the agent address from this device (any of its names)");
const AGENT_IP: Token = supported("agentIP", Kind::Word("an address"))
    .about("the agent address, whether or not this host has it");
const AGENT_CIDR: Token = supported("agent.cidr", Kind::Word("[!]address/bits"))
    .about("prefer these addresses, or with `!` never use them; repeatable");
const SUB_AGENT_ID: Token = supported("subAgentId", Kind::Number(0..=199_999))
    .default("100000")
    .about("distinguishes agents that share an address");
const UUID: Token = supported("uuid", Kind::Word("a UUID"))
    .default("from the host")
    .about("UUID of the host in its counter samples");

/// Applies the block. A setting that is not there leaves the configuration as it is.
pub(in crate::config) fn read(settings: &mut Settings<'_>, config: &mut Config) {
    read_sampling(settings, &mut config.sampling);
    read_agent(settings, &mut config.agent);
    json::read_outer(settings, config);
    dns_sd::read_outer(settings, config);
    for (token, field) in [
        (POLLING, &mut config.polling_secs),
        (HEADER_BYTES, &mut config.header_bytes),
        (SUB_AGENT_ID, &mut config.sub_agent_id),
    ] {
        *field = settings.number(&token).unwrap_or(*field);
    }
    config.budget = settings.number(&BUDGET).and_then(NonZeroU32::new).or(config.budget);
    let datagram_bytes = settings.last(&DATAGRAM_BYTES, datagram_bytes);
    config.datagram_bytes = datagram_bytes.unwrap_or(config.datagram_bytes);
    config.uuid = settings.value(&UUID, value::uuid).or(config.uuid);
    entities::read_times(settings, config);
}

/// Reports an error if the file has no collector block. One with an error counts, so that it
/// is reported once.
pub(in crate::config) fn require_collector(settings: &mut Settings<'_>, config: &Config) {
    if settings.has(collector::BLOCK.name) {
        return;
    }
    if config.discovery.is_some() {
        return;
    }
    settings.error("no collector; add collector { ip = ADDRESS }");
}

fn read_sampling(settings: &mut Settings<'_>, sampling: &mut Sampling) {
    sampling.rate = settings.last(&SAMPLING, rate).or(sampling.rate);
    sampling.bps_ratio = settings.last(&BPS_RATIO, rate).or(sampling.bps_ratio);
    settings.each(&SAMPLING_SPEED, |setting, problems| {
        read_speed(setting, &mut sampling.by_speed, problems);
    });
    // A ratio of 0 disables the ratio, as `sampling` does.
    let ratio = sampling.bps_ratio.filter(|ratio| ratio.value != 0);
    if let (Some(rate), Some(at)) = (sampling.rate, ratio.and_then(|ratio| ratio.position)) {
        let what = "\"sampling.bps_ratio\" has no effect";
        settings
            .problems
            .warning(at, format!("{what}: sampling = {rate} applies to every interface"));
    }
}

fn rate(setting: &Setting, problems: &mut Diagnostics) -> Option<RateSetting> {
    Some(RateSetting { value: setting.number(problems)?, position: Some(setting.at) })
}

/// Reads `sampling.10G = N`. The last one of a speed counts.
fn read_speed(setting: &Setting, by_speed: &mut Vec<SpeedRate>, problems: &mut Diagnostics) {
    let rate = rate(setting, problems);
    let Some(name) = setting.token.wildcard(&setting.name) else { return };
    let Some(speed) = value::speed_name(name) else {
        let message = format!("{} is not a speed such as 100M, 2.5G or 10G", quoted(name));
        return problems.error(setting.at, message);
    };
    let Some(rate) = rate else { return };
    if let Some(old) = by_speed.iter().find(|entry| entry.speed == speed) {
        setting.warn_replaced(old.rate.position.unwrap_or(Position::START), problems);
    }
    by_speed.retain(|entry| entry.speed != speed);
    let rate = SpeedRate { name: name.into(), speed, rate };
    push_bounded(by_speed, rate, setting.at, problems);
}

fn read_agent(settings: &mut Settings<'_>, agent: &mut AgentChoice) {
    agent.device = settings.last(&AGENT_DEVICE, agent_device).or(agent.device.take());
    agent.ip = settings.value(&AGENT_IP, agent_ip).or(agent.ip);
    settings.each(&AGENT_CIDR, |setting, problems| {
        if let Some(rule) = setting.parse(cidr_rule, problems) {
            push_bounded(&mut agent.cidrs, rule, setting.at, problems);
        }
    });
}

fn agent_device(setting: &Setting, problems: &mut Diagnostics) -> Option<String> {
    let device = setting.parse(value::device, problems)?;
    if device.parse::<IpAddr>().is_ok() {
        setting.warn(
            format!("{device} is an address, not a device; use agentIP = {device}"),
            problems,
        );
    }
    Some(device)
}

fn agent_ip(text: &str) -> Result<IpAddr, String> {
    let address = value::address(text)?;
    if address.is_multicast() {
        return Err("an agent address cannot be a multicast address".into());
    }
    if address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return Err("an agent address cannot be the broadcast address".into());
    }
    Ok(address)
}

fn cidr_rule(text: &str) -> Result<CidrRule, String> {
    let (veto, cidr) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    Ok(CidrRule { cidr: value::cidr(cidr)?, veto })
}

fn datagram_bytes(setting: &Setting, problems: &mut Diagnostics) -> Option<u32> {
    let bytes = setting.number(problems)?;
    if bytes < MIN_COMFORTABLE_DATAGRAM {
        let message = format!(
            "host counter samples may need more than {bytes} bytes and are lost then; hsflowd \
             ignores this setting"
        );
        setting.warn(message, problems);
    }
    Some(bytes)
}

/// A host counter sample with all records has about 700 bytes, and 16 more per network adaptor.
const MIN_COMFORTABLE_DATAGRAM: u32 = 1024;
