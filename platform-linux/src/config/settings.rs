//! What each supported token does to the configuration.

use super::agent_address::CidrRule;
use super::collector::{Collector, Host};
use super::diagnostic::{Diagnostics, Position, quoted};
use super::rate::{RateSetting, SpeedRate};
use super::tap::{Pattern, Tap};
use super::tokens::{Key, Kind, Token};
use super::{Config, MIN_COMFORTABLE_DATAGRAM, value};

/// A setting as it stands in the file.
pub(super) struct Setting {
    pub(super) token: &'static Token,
    /// The name as it was written.
    pub(super) name: String,
    pub(super) at: Position,
    pub(super) value: String,
    pub(super) value_at: Position,
}

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
    at: Option<Position>,
    /// `ip` was written, be it right or wrong.
    has_ip: bool,
    host: Option<Host>,
    port: Option<u16>,
    device: Option<String>,
}

/// A `pcap` block in the making.
#[derive(Default)]
struct TapDraft {
    tap: Option<Tap>,
    /// A key that selects was written, be it right or wrong.
    has_selector: bool,
}

impl Settings {
    /// The defaults; with `collectors_elsewhere` a file without collectors is complete.
    pub(super) fn new(collectors_elsewhere: bool) -> Self {
        Self { collectors_elsewhere, ..Self::default() }
    }

    /// Enters the block of a collector or tap.
    pub(super) fn begin(&mut self, key: Key, at: Position) {
        self.seen_inside.clear();
        if key == Key::Collector {
            self.has_collector = true;
            self.collector = CollectorDraft { at: Some(at), ..CollectorDraft::default() };
        } else {
            let tap = Tap { position: Some(at), ..Tap::device("", None) };
            let selector = Default::default();
            self.tap = TapDraft { tap: Some(Tap { selector, ..tap }), has_selector: false };
        }
    }

    /// Leaves the block of a collector or tap.
    pub(super) fn end(&mut self, key: Key, problems: &mut Diagnostics) {
        if key == Key::Collector {
            self.end_collector(problems);
        } else {
            self.end_tap(problems);
        }
    }

    /// Takes note of a block that has no effect.
    pub(super) fn ignored_block(&mut self, name: &str) {
        self.has_dns_sd |= name == "dns-sd";
    }

    /// Checks what only the whole shows; `sflow` is where its block stands.
    pub(super) fn finish(&mut self, sflow: Position, problems: &mut Diagnostics) {
        let collectors_are_named = self.has_collector || self.collectors_elsewhere;
        if !collectors_are_named {
            let why = if self.has_dns_sd {
                "no collector remains without dns-sd"
            } else {
                "no collector"
            };
            problems.error(sflow, format!("{why}; add collector {{ ip = ADDRESS }}"));
        }
        let sampling = &self.config.sampling;
        if let (Some(rate), Some(ratio)) = (sampling.rate, sampling.bps_ratio)
            && ratio.value != 0
            && let (Some(rate_at), Some(ratio_at)) = (rate.position, ratio.position)
        {
            let line = rate_at.line;
            let message = format!(
                "\"sampling.bps_ratio\" has no effect: sampling = {} on line {line} is for every interface",
                rate.value
            );
            problems.warning(ratio_at, message);
        }
    }

    /// Takes note of a setting before its value is known to be right, so that a wrong value is one
    /// problem and not two.
    pub(super) fn attempt(&mut self, key: Key) {
        match key {
            Key::CollectorIp => self.collector.has_ip = true,
            Key::TapDevice | Key::TapPattern | Key::TapSpeed => self.tap.has_selector = true,
            _ => {}
        }
    }

    /// Applies a setting.
    pub(super) fn set(&mut self, key: Key, setting: &Setting, problems: &mut Diagnostics) {
        self.note_repetition(key, setting, problems);
        let mut reader = Reader { setting, problems };
        match key {
            // Blocks have no value.
            Key::Collector | Key::Tap => {}
            Key::CollectorIp | Key::CollectorPort | Key::CollectorDevice => {
                self.collector.set(key, &mut reader);
            }
            Key::TapDevice
            | Key::TapPattern
            | Key::TapSpeed
            | Key::TapPromiscuous
            | Key::TapSampling => {
                self.tap.set(key, &mut reader);
            }
            Key::Sampling | Key::SamplingSpeed | Key::BpsRatio => {
                self.set_sampling(key, &mut reader)
            }
            Key::AgentDevice | Key::AgentIp | Key::AgentCidr => self.set_agent(key, &mut reader),
            Key::Polling => reader.number_into(&mut self.config.polling_secs),
            Key::HeaderBytes => reader.number_into(&mut self.config.header_bytes),
            Key::DatagramBytes => {
                reader.number_into(&mut self.config.datagram_bytes);
                reader.check_datagram_bytes(self.config.datagram_bytes);
            }
            Key::SubAgentId => reader.number_into(&mut self.config.sub_agent_id),
            Key::Uuid => self.config.uuid = reader.read(value::uuid).or(self.config.uuid),
        }
    }

    fn set_sampling(&mut self, key: Key, reader: &mut Reader<'_>) {
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
                reader.push(&mut sampling.by_speed, SpeedRate { name, speed, rate });
            }
        }
    }

    fn set_agent(&mut self, key: Key, reader: &mut Reader<'_>) {
        let agent = &mut self.config.agent;
        match key {
            Key::AgentDevice => agent.device = reader.read(value::device).or(agent.device.take()),
            Key::AgentIp => {
                let address = reader.read(value::address);
                if address.is_some_and(|address| address.is_multicast()) {
                    reader.fail("an agent address cannot be a multicast address");
                }
                agent.ip = address.or(agent.ip);
            }
            _ => {
                if let Some(rule) = reader.read(cidr_rule) {
                    reader.push(&mut agent.cidrs, rule);
                }
            }
        }
    }

    fn end_collector(&mut self, problems: &mut Diagnostics) {
        let CollectorDraft { at, has_ip, host, port, device } =
            core::mem::take(&mut self.collector);
        let at = at.unwrap_or(Position::START);
        let Some(host) = host else {
            if !has_ip {
                problems.error(at, "this collector has no ip");
            }
            return;
        };
        let port = port.unwrap_or(Collector::DEFAULT_PORT);
        let collector = Collector { host, port, device };
        if self.config.collectors.contains(&collector) {
            problems.warning(at, format!("{collector} is given twice and gets everything twice"));
        }
        if is_link_local(&collector.host) && collector.device.is_none() {
            problems.warning(at, "a link-local address is reached only by a device; add dev = ...");
        }
        push_bounded(&mut self.config.collectors, collector, at, problems);
    }

    fn end_tap(&mut self, problems: &mut Diagnostics) {
        let TapDraft { tap, has_selector } = core::mem::take(&mut self.tap);
        let Some(tap) = tap else { return };
        let at = tap.position.unwrap_or(Position::START);
        if !has_selector {
            let message = "this block selects no interface; add dev, dev.pattern or speed";
            return problems.error(at, message);
        }
        let same = |other: &&Tap| other.selector == tap.selector;
        if let Some(line) = self.config.taps.iter().find(same).and_then(|tap| tap.position) {
            let message = format!(
                "the block on line {} has selected the same already; this one has no effect",
                line.line
            );
            problems.warning(at, message);
        }
        push_bounded(&mut self.config.taps, tap, at, problems);
    }

    /// Warns when a setting that is there once is set again; the last one counts, as in hsflowd.
    fn note_repetition(&mut self, key: Key, setting: &Setting, problems: &mut Diagnostics) {
        if matches!(key, Key::AgentCidr | Key::SamplingSpeed) {
            return;
        }
        let seen = if key.is_inside() { &mut self.seen_inside } else { &mut self.seen };
        if let Some((_, before)) = seen.iter_mut().find(|(known, _)| *known == key) {
            let first = core::mem::replace(before, setting.at);
            Reader { setting, problems }.warn_replaced(Some(first));
        } else {
            seen.push((key, setting.at));
        }
    }
}

impl CollectorDraft {
    fn set(&mut self, key: Key, reader: &mut Reader<'_>) {
        match key {
            Key::CollectorIp => {
                self.host = reader.read(Host::parse).or(self.host.take());
            }
            Key::CollectorPort => {
                let port = reader.number().and_then(|port| u16::try_from(port).ok());
                self.port = port.or(self.port);
            }
            _ => self.device = reader.read(value::device).or(self.device.take()),
        }
    }
}

impl TapDraft {
    fn set(&mut self, key: Key, reader: &mut Reader<'_>) {
        let Some(tap) = &mut self.tap else { return };
        let selector = &mut tap.selector;
        match key {
            Key::TapDevice => selector.device = reader.read(value::device),
            Key::TapPattern => selector.pattern = reader.read(Pattern::new),
            Key::TapSpeed => selector.speed = reader.read(value::speed_range),
            Key::TapPromiscuous => tap.promiscuous = reader.read(value::switch).unwrap_or(false),
            _ => tap.sampling = reader.number(),
        }
    }
}

impl Key {
    /// Whether the token is in a block inside the sflow block.
    fn is_inside(self) -> bool {
        matches!(
            self,
            Self::CollectorIp
                | Self::CollectorPort
                | Self::CollectorDevice
                | Self::TapDevice
                | Self::TapPattern
                | Self::TapSpeed
                | Self::TapPromiscuous
                | Self::TapSampling
        )
    }
}

/// Reads the value of one setting and reports what is wrong with it.
struct Reader<'a> {
    setting: &'a Setting,
    problems: &'a mut Diagnostics,
}

impl Reader<'_> {
    fn fail(&mut self, message: impl Into<String>) {
        self.problems.error(self.setting.value_at, message);
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.problems.warning(self.setting.value_at, message);
    }

    fn read<T>(&mut self, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.setting.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fail(message);
                None
            }
        }
    }

    /// A whole number in the range of its token.
    fn number(&mut self) -> Option<u32> {
        let number = self.read(|text| value::number(text, value::NUMBER_SUFFIXES))?;
        let Kind::Number(range) = &self.setting.token.kind else { return None };
        let text = &self.setting.value;
        if !range.contains(&number.value) {
            let name = quoted(&self.setting.name);
            let (low, high) = (range.start(), range.end());
            self.fail(format!("{name} = {} is out of range {low}..={high}", text.escape_debug()));
            return None;
        }
        if number.octal {
            let decimal = text.trim_start_matches('0');
            let value = number.value;
            self.warn(format!("{text} is octal and means {value}; write {value} or {decimal}"));
        }
        u32::try_from(number.value).ok()
    }

    fn number_into(&mut self, field: &mut u32) {
        *field = self.number().unwrap_or(*field);
    }

    /// The speed in the name `sampling.10G`.
    fn speed_in_name(&mut self) -> Option<(String, u64)> {
        let name = self.setting.token.wildcard(&self.setting.name)?;
        let Some(speed) = value::speed_name(name) else {
            let message = format!("{} is not a speed such as 100M, 2.5G or 10G", quoted(name));
            self.problems.error(self.setting.at, message);
            return None;
        };
        Some((name.into(), speed))
    }

    fn push<T>(&mut self, list: &mut Vec<T>, item: T) {
        push_bounded(list, item, self.setting.at, self.problems);
    }

    fn check_datagram_bytes(&mut self, bytes: u32) {
        if bytes < MIN_COMFORTABLE_DATAGRAM {
            self.warn(format!(
                "datagramBytes below {MIN_COMFORTABLE_DATAGRAM} may be too few for the counters of \
                 the host, which are lost then; hsflowd ignores this setting"
            ));
        }
    }

    fn warn_replaced(&mut self, first: Option<Position>) {
        let line = first.map_or(0, |at| at.line);
        let name = quoted(&self.setting.name);
        let message = format!("{name} is set again and replaces the one on line {line}");
        self.problems.warning(self.setting.at, message);
    }
}

fn push_bounded<T>(list: &mut Vec<T>, item: T, at: Position, problems: &mut Diagnostics) {
    if list.len() >= MAX_REPETITIONS {
        return problems.error(at, format!("more than {MAX_REPETITIONS} of these"));
    }
    list.push(item);
}

fn cidr_rule(text: &str) -> Result<CidrRule, String> {
    let (veto, cidr) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    Ok(CidrRule { cidr: value::cidr(cidr)?, veto })
}

fn is_link_local(host: &Host) -> bool {
    matches!(host, Host::Address(core::net::IpAddr::V6(address)) if address.is_unicast_link_local())
}

/// Collectors, taps, speeds, address blocks: each datagram, link or address meets them all.
const MAX_REPETITIONS: usize = 256;
