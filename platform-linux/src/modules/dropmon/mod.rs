//! Packets that the kernel or a switch chip drops, as discard notifications.

mod breaker;
mod discard;
mod monitor;
mod reasons;
mod source;
mod tracepoint;

use caps::Capability;
use flowmote_core::record::flow::SampledHeader;
use flowmote_core::{DataSource, Duration, Instant};
use log::{info, warn};

use crate::config::{Config, DropmonRule, Monitored};
use crate::headers::{flow, ip_packet};
use crate::kernel::netlink::ReceiveError;
use crate::kernel::netlink::drop_monitor::DroppedPacket;
use crate::links::Links;
use crate::modules::dropmon::breaker::Breaker;
use crate::modules::dropmon::discard::{SOURCE, header, with_discard};
use crate::modules::dropmon::reasons::{function, reason_of};
use crate::modules::dropmon::source::Source;
use crate::modules::module::{Findings, Line, Module, Receiver, Statistics, World};
use crate::output::Output;
use crate::output::collectors::Collectors;
use crate::throttle::Throttle;

/// The monitoring that the `dropmon { }` block requests, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Dropmon {
    rule: Option<DropmonRule>,
    source: Option<Source>,
    breaker: Breaker,
    /// The end of the pause after the breaker has tripped.
    resume: Option<Instant>,
    /// The next time at which losses are counted.
    next_count: Instant,
    counts: Counts,
    throttle: Throttle,
}

/// Dropped packets by what became of them.
#[derive(Debug, Default)]
struct Counts {
    /// Passed to the agent.
    reported: u64,
    /// By the rule: an origin that is not reported, a freed buffer that was no packet.
    ignored: u64,
    /// Matched by `hide`.
    hidden: u64,
    /// Datagrams of the agent. The report of one would be in the next one, without end while nobody
    /// receives them.
    own: u64,
    /// With a header that sFlow has no number for.
    unsupported: u64,
    /// Without room in a queue.
    lost: u64,
    malformed: u64,
}

impl Module for Dropmon {
    /// Newer kernels require CAP_SYS_ADMIN to subscribe, receiving requires nothing. That capability
    /// is never kept after the start, whether it succeeded or not. CAP_NET_ADMIN is kept only if
    /// this process has to stop the monitoring that it starts.
    fn capabilities(&self, config: &Config) -> &'static [Capability] {
        let starts = config.dropmon.as_ref().is_some_and(|rule| rule.start);
        let needs = match &self.source {
            Some(source) => source.needs_privileges(),
            // For `check`, which asks before anything is opened.
            None => self.rule.is_none() && Source::is_monitor(),
        };
        if starts && needs { &[Capability::CAP_NET_ADMIN] } else { &[] }
    }

    fn samples_packets(&self, config: &Config) -> bool {
        config.dropmon.is_some()
    }

    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        // What waits was dropped under the old settings.
        self.read(now, output);
        let rule = world.config.dropmon.as_ref();
        if rule != self.rule.as_ref() {
            self.rule = rule.cloned();
            self.configure(world);
            self.resume = None;
        } else if self.resume.is_some_and(|resume| resume <= now) {
            self.resume(now, world);
        }
    }

    fn data_sources(&self, config: &Config, _links: &Links, add: &mut dyn FnMut(DataSource)) {
        if config.dropmon.is_some() {
            add(SOURCE);
        }
    }

    fn ready(&mut self, now: Instant, _token: u32, world: &World<'_>, output: &mut Output<'_>) {
        self.read(now, output);
        let Some(rule) = &self.rule else { return };
        if self.breaker.trips(now, rule) {
            self.pause(now, world);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.resume
    }

    fn drain(&mut self, now: Instant, _config: &Config, output: &mut Output<'_>) -> bool {
        self.read(now, output)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let Counts { reported, ignored, hidden, own, unsupported, lost, malformed } = self.counts;
        statistics.lines.push(Line {
            subject: match (&self.source, self.resume) {
                (Some(_), None) => "dropmon".to_owned(),
                (Some(_), Some(_)) => "dropmon, paused".to_owned(),
                (None, _) => "dropmon, not subscribed".to_owned(),
            },
            counters: vec![(reported, "dropped packets"), (lost, "lost")],
            exceptions: vec![
                (hidden, "hidden"),
                (own, "own datagrams to collectors"),
                (ignored, "not to be reported"),
            ],
            optional: self.rule.is_none(),
        });
        statistics.exceptions.extend([
            (unsupported, "dropped packets with a header that sFlow does not support"),
            (malformed, "malformed dropmon messages"),
        ]);
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(rule) = &config.dropmon else { return };
        match Source::try_out(rule) {
            Ok(way) => findings.line("dropmon", format_args!("{}, {way}", described(rule))),
            Err(reason) => findings.problems.push(format!("dropmon: not subscribed: {reason}")),
        }
    }
}

impl Dropmon {
    /// Subscribes, and starts or stops the monitoring, after a change of the rule.
    fn configure(&mut self, world: &World<'_>) {
        if self.rule.is_none() {
            if self.source.take().is_some() {
                info!("dropmon: dropped packets are no longer reported");
            }
            return;
        }
        if self.source.is_none() {
            self.open(world);
        } else if self.resume.is_some() {
            self.watch(world);
        }
        if let (Some(source), Some(rule)) = (&mut self.source, &self.rule) {
            source.follow(rule);
            info!("dropmon: reporting {}", described(rule));
        }
    }

    fn open(&mut self, world: &World<'_>) {
        let Some(rule) = &self.rule else { return };
        let watched = |source| match world.watch(&source, 0) {
            Ok(()) => Ok(source),
            Err(error) => Err(error.to_string()),
        };
        match Source::open(rule).and_then(watched) {
            Ok(source) => self.source = Some(source),
            Err(reason) => warn!("dropmon: not subscribed: {reason}"),
        }
    }

    /// Handles what waits, and counts losses once per second. Returns true if there was anything.
    fn read(&mut self, now: Instant, output: &mut Output<'_>) -> bool {
        let any = self.receive_some(now, output);
        if now >= self.next_count {
            self.count_losses(output);
            self.next_count = now + Duration::from_secs(1);
        }
        any
    }

    /// Adds the drops that no message has reported to `drops` of the next notification.
    fn count_losses(&mut self, output: &mut Output<'_>) {
        let Some(source) = &mut self.source else { return };
        let lost = source.lost();
        if lost > 0 {
            self.breaker.count(lost);
            self.counts.lost = self.counts.lost.saturating_add(lost);
            let lost = u32::try_from(lost).unwrap_or(u32::MAX);
            output.agent.discards_lost(SOURCE, lost);
        }
    }

    /// Stops the monitoring if this process has started it, and reads no more of that of others.
    fn pause(&mut self, now: Instant, world: &World<'_>) {
        let (Some(source), Some(rule)) = (&mut self.source, &self.rule) else { return };
        let DropmonRule { max, max_trip, .. } = rule;
        let what = if source.has_started() { "the monitoring is stopped" } else { "none is read" };
        self.throttle.warn(
            now,
            format_args!(
                "dropmon: more than {max} drops per second for {max_trip} s: {what} for 60 s"
            ),
        );
        source.stop();
        world.unwatch(source);
        self.resume = Some(now + PAUSE);
    }

    fn resume(&mut self, now: Instant, world: &World<'_>) {
        self.resume = None;
        self.breaker = Breaker::default();
        self.watch(world);
        if let (Some(source), Some(rule)) = (&mut self.source, &self.rule) {
            source.follow(rule);
        }
        self.next_count = now;
    }

    /// Registers the subscription again after a pause.
    fn watch(&mut self, world: &World<'_>) {
        let Some(source) = &self.source else { return };
        if let Err(error) = world.watch(source, 0) {
            warn!("dropmon: {error}; dropped packets are no longer reported");
            self.source = None;
        }
    }
}

impl Receiver for Dropmon {
    const BUDGET: usize = BUDGET;

    fn receive(&mut self, now: Instant, output: &mut Output<'_>) -> Result<bool, ReceiveError> {
        let (Some(source), Some(rule)) = (&mut self.source, &self.rule) else { return Ok(false) };
        let (counts, breaker) = (&mut self.counts, &mut self.breaker);
        source.receive(&mut |packet| {
            breaker.count(1);
            match packet {
                Ok(packet) => counts.handle(now, &packet, rule, output),
                Err(_) => counts.malformed = counts.malformed.saturating_add(1),
            }
        })
    }

    fn receive_failed(&mut self, now: Instant, error: ReceiveError) {
        match error {
            ReceiveError::Overrun | ReceiveError::TooLong => {
                // The losses are counted immediately.
                self.next_count = now;
                self.throttle.warn(
                    now,
                    format_args!("dropmon: the receive queue overflowed (ENOBUFS), drops are lost"),
                );
            }
            ReceiveError::Io(error) => {
                self.throttle.warn(
                    now,
                    format_args!("dropmon: {error}; dropped packets are no longer reported"),
                );
                self.source = None;
            }
        }
    }
}

impl Counts {
    fn handle(
        &mut self,
        now: Instant,
        packet: &DroppedPacket<'_>,
        rule: &DropmonRule,
        output: &mut Output<'_>,
    ) {
        let Some(reason) = reason_of(packet, rule) else {
            self.ignored = self.ignored.saturating_add(1);
            return;
        };
        if is_hidden(packet, rule) {
            self.hidden = self.hidden.saturating_add(1);
            return;
        }
        let Some(header) = header(packet) else {
            self.unsupported = self.unsupported.saturating_add(1);
            return;
        };
        if is_own(&header, &output.collectors) {
            self.own = self.own.saturating_add(1);
            return;
        }
        self.reported = self.reported.saturating_add(1);
        with_discard(packet, header, reason, |discard| output.discard(now, discard));
    }
}

/// Returns true for a datagram of the agent to a collector.
fn is_own(header: &SampledHeader<'_>, collectors: &Collectors) -> bool {
    let flow = ip_packet(header.protocol, header.header).and_then(flow);
    flow.is_some_and(|flow| collectors.send_flow(&flow))
}

fn is_hidden(packet: &DroppedPacket<'_>, rule: &DropmonRule) -> bool {
    let Some(hide) = &rule.hide else { return false };
    let names = [packet.symbol.map(function), packet.reason, packet.trap];
    names.into_iter().flatten().any(|name| hide.matches(name))
}

/// `drops of the kernel and of devices, at most 100 per second`.
fn described(rule: &DropmonRule) -> String {
    let is_reported = |origin: Monitored| origin.reported;
    let origins = match (is_reported(rule.software), is_reported(rule.hardware)) {
        (true, true) => "drops of the kernel and of devices",
        (true, false) => "drops of the kernel",
        (false, true) => "drops of devices",
        (false, false) => "no drops",
    };
    let start = if rule.start { "" } else { ", while another program monitors them" };
    format!("{origins}, at most {} per second{start}", rule.limit)
}

/// Datagrams, of one drop each, handled before other descriptors, timers and signals get their turn:
/// about a millisecond.
const BUDGET: usize = 256;
/// How long nothing is monitored after the breaker has tripped.
const PAUSE: Duration = Duration::from_secs(60);
