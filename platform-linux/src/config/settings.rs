//! What each supported token does to the configuration.

use core::net::IpAddr;

use super::agent_address::CidrRule;
use super::collector::{Collector, Host};
use super::diagnostic::{Diagnostics, Position, quoted};
use super::rate::{RateSetting, SpeedRate};
use super::reader::{Reader, Setting};
use super::tap::{Pattern, Selector, TapRule};
use super::tokens::{CollectorKey, Key, TapKey};
use super::{Config, value};

/// A configuration in the making.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) config: Config,
    /// The command line names the collectors, so the file need not.
    collectors_elsewhere: bool,
    /// A collector block was seen, be it right or wrong.
    has_collector: bool,
    has_dns_sd: bool,
    collector: CollectorDraft,
    tap: TapDraft,
    /// What was set in the sflow block, and in the block inside of it.
    seen: Vec<(Key, Position)>,
    seen_inside: Vec<(Key, Position)>,
}

/// A `collector` block in the making.
#[derive(Default)]
struct CollectorDraft {
    /// `ip` was written, be it right or wrong.
    has_ip: bool,
    host: Option<Host>,
    port: Option<u16>,
    device: Option<String>,
}

/// A `pcap` block in the making.
#[derive(Default)]
struct TapDraft {
    /// The block waits for k8s.
    is_dynamic: bool,
    selector: Selector,
    sampling: Option<u32>,
    promiscuous: bool,
}

impl Settings {
    /// The defaults; with `collectors_elsewhere` a file without collectors is complete.
    pub(super) fn new(collectors_elsewhere: bool) -> Self {
        Self { collectors_elsewhere, ..Self::default() }
    }

    /// Enters the block of a collector or tap.
    pub(super) fn begin(&mut self, key: Key) {
        self.has_collector |= key == Key::Collector;
        self.collector = CollectorDraft::default();
        self.tap = TapDraft::default();
        self.seen_inside.clear();
    }

    /// Leaves the block of a collector or tap, whose name stands at `at`.
    pub(super) fn end(&mut self, key: Key, at: Position, problems: &mut Diagnostics) {
        match key {
            Key::Collector => self.end_collector(at, problems),
            _ => self.end_tap(at, problems),
        }
    }

    /// Takes note of a block that has no effect.
    pub(super) fn ignored_block(&mut self, name: &str) {
        self.has_dns_sd |= name == "dns-sd";
    }

    /// Takes note of a setting that has no effect in itself.
    pub(super) fn ignored_setting(&mut self, setting: &Setting) {
        let is_on = value::switch(&setting.value) == Ok(true);
        self.tap.is_dynamic |= setting.token.name == "dynamic" && is_on;
    }

    /// Takes note of a setting before its value is known to be right, so that a wrong value is one
    /// problem and not two.
    pub(super) fn attempt(&mut self, key: Key) {
        self.collector.has_ip |= key == Key::InCollector(CollectorKey::Ip);
    }

    /// Applies a setting.
    pub(super) fn set(&mut self, key: Key, setting: &Setting, problems: &mut Diagnostics) {
        let mut reader = Reader { setting, problems };
        self.note_repetition(key, &mut reader);
        let config = &mut self.config;
        match key {
            // Blocks have no value.
            Key::Collector | Key::Tap => {}
            Key::InCollector(key) => self.collector.set(key, &mut reader),
            Key::InTap(key) => self.tap.set(key, &mut reader),
            Key::Sampling | Key::SamplingSpeed | Key::BpsRatio => self.sampling(key, &mut reader),
            Key::AgentDevice | Key::AgentIp | Key::AgentCidr => self.agent(key, &mut reader),
            Key::Polling => reader.number_into(&mut config.polling_secs),
            Key::HeaderBytes => reader.number_into(&mut config.header_bytes),
            Key::DatagramBytes => {
                reader.number_into(&mut config.datagram_bytes);
                reader.check_datagram_bytes(config.datagram_bytes);
            }
            Key::SubAgentId => reader.number_into(&mut config.sub_agent_id),
            Key::Uuid => config.uuid = reader.read(value::uuid).or(config.uuid),
        }
    }

    /// Checks what only the whole shows; `sflow` is where its block stands.
    pub(super) fn finish(&mut self, sflow: Position, problems: &mut Diagnostics) {
        if !self.has_collector && !self.collectors_elsewhere {
            let why = match self.has_dns_sd {
                true => "no collector remains without dns-sd",
                false => "no collector",
            };
            problems.error(sflow, format!("{why}; add collector {{ ip = ADDRESS }}"));
        }
        let sampling = &self.config.sampling;
        // A ratio of 0 asks for what happens anyway.
        let ratio = sampling.bps_ratio.filter(|ratio| ratio.value != 0);
        if let (Some(rate), Some(at)) = (sampling.rate, ratio.and_then(|ratio| ratio.position)) {
            let what = "\"sampling.bps_ratio\" has no effect";
            problems.warning(at, format!("{what}: sampling = {rate} is for every interface"));
        }
    }

    fn sampling(&mut self, key: Key, reader: &mut Reader<'_>) {
        let position = Some(reader.setting.at);
        let rate = reader.number().map(|value| RateSetting { value, position });
        let sampling = &mut self.config.sampling;
        match key {
            Key::Sampling => sampling.rate = rate.or(sampling.rate),
            Key::BpsRatio => sampling.bps_ratio = rate.or(sampling.bps_ratio),
            _ => {
                let Some((name, speed)) = reader.speed_in_name() else { return };
                let Some(rate) = rate else { return };
                if let Some(old) = sampling.by_speed.iter().find(|entry| entry.speed == speed) {
                    reader.warn_replaced(old.rate.position);
                }
                sampling.by_speed.retain(|entry| entry.speed != speed);
                let rate = SpeedRate { name, speed, rate };
                push_bounded(&mut sampling.by_speed, rate, reader.setting.at, reader.problems);
            }
        }
    }

    fn agent(&mut self, key: Key, reader: &mut Reader<'_>) {
        let agent = &mut self.config.agent;
        match key {
            Key::AgentDevice => agent.device = reader.read(value::device).or(agent.device.take()),
            Key::AgentIp => agent.ip = reader.read(agent_ip).or(agent.ip),
            _ => {
                let Some(rule) = reader.read(cidr_rule) else { return };
                push_bounded(&mut agent.cidrs, rule, reader.setting.at, reader.problems);
            }
        }
    }

    fn end_collector(&mut self, at: Position, problems: &mut Diagnostics) {
        let CollectorDraft { has_ip, host, port, device } = core::mem::take(&mut self.collector);
        if !has_ip {
            problems.error(at, "this collector has no ip");
        }
        let Some(host) = host else { return };
        if is_link_local(&host) && device.is_none() {
            problems.warning(at, "a link-local address is reached only by a device; add dev = ...");
        }
        let collector = Collector { host, port: port.unwrap_or(Collector::DEFAULT_PORT), device };
        if self.config.collectors.contains(&collector) {
            problems.warning(at, format!("{collector} is given twice and gets everything twice"));
        }
        push_bounded(&mut self.config.collectors, collector, at, problems);
    }

    fn end_tap(&mut self, at: Position, problems: &mut Diagnostics) {
        let TapDraft { is_dynamic, selector, sampling, promiscuous } =
            core::mem::take(&mut self.tap);
        if is_dynamic {
            // hsflowd samples nothing by this block either until k8s asks for it.
            return problems.warning(at, "this block is left out, because nothing asks for it");
        }
        let mut same = self.config.taps.iter().filter(|tap| tap.selector == selector);
        if let Some(first) = same.next().and_then(|tap| tap.position) {
            let message = format!("the block on line {} selects the same already", first.line);
            problems.warning(at, message + "; this one has no effect");
        }
        let tap = TapRule { selector, sampling, promiscuous, position: Some(at) };
        push_bounded(&mut self.config.taps, tap, at, problems);
    }

    /// Warns when a setting that is there once is set again; the last one counts, as in hsflowd.
    fn note_repetition(&mut self, key: Key, reader: &mut Reader<'_>) {
        let seen = match key {
            Key::AgentCidr | Key::SamplingSpeed => return,
            Key::InCollector(_) | Key::InTap(_) => &mut self.seen_inside,
            _ => &mut self.seen,
        };
        let at = reader.setting.at;
        match seen.iter_mut().find(|(known, _)| *known == key) {
            Some((_, first)) => reader.warn_replaced(Some(core::mem::replace(first, at))),
            None => seen.push((key, at)),
        }
    }
}

impl CollectorDraft {
    fn set(&mut self, key: CollectorKey, reader: &mut Reader<'_>) {
        match key {
            CollectorKey::Ip => self.host = reader.read(collector_host).or(self.host.take()),
            CollectorKey::Port => {
                let port = reader.number().and_then(|port| u16::try_from(port).ok());
                self.port = port.or(self.port);
            }
            CollectorKey::Device => {
                self.device = reader.read(value::device).or(self.device.take());
            }
        }
    }
}

impl TapDraft {
    fn set(&mut self, key: TapKey, reader: &mut Reader<'_>) {
        match key {
            TapKey::Device => self.selector.device = reader.read(value::device),
            TapKey::Pattern => self.selector.pattern = reader.read(Pattern::new),
            TapKey::Speed => self.selector.speed = reader.read(value::speed_range),
            TapKey::Promiscuous => self.promiscuous = reader.read(value::switch).unwrap_or(false),
            TapKey::Sampling => self.sampling = reader.number(),
        }
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, at: Position, problems: &mut Diagnostics) {
    if list.len() >= MAX_REPETITIONS {
        return problems.error(at, format!("more than {MAX_REPETITIONS} of these"));
    }
    list.push(item);
}

fn collector_host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|why| match text.parse::<Collector>() {
        Ok(_) => format!("{} holds a port; write it as udpport = ...", quoted(text)),
        Err(_) => why,
    })
}

fn agent_ip(text: &str) -> Result<IpAddr, String> {
    let address = value::address(text)?;
    if address.is_multicast() {
        return Err("an agent address cannot be a multicast address".into());
    }
    Ok(address)
}

fn cidr_rule(text: &str) -> Result<CidrRule, String> {
    let (veto, cidr) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    Ok(CidrRule { cidr: value::cidr(cidr)?, veto })
}

fn is_link_local(host: &Host) -> bool {
    matches!(host, Host::Address(IpAddr::V6(address)) if address.is_unicast_link_local())
}

/// Collectors, taps, speeds, address blocks: each datagram, link or address meets them all.
const MAX_REPETITIONS: usize = 256;
