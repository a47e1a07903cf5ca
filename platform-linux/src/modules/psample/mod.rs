//! Packets that tc, Open vSwitch or a switch chip samples and the kernel passes on by its psample
//! channel.

mod sample;
mod thinning;

use std::io;

use caps::Capability;
use flowmote_core::{DataSource, Duration, Instant};
use log::info;

use crate::config::{Config, PsampleRule};
use crate::kernel::netlink::ReceiveError;
use crate::kernel::netlink::psample::{SampleChannel, SampledPacket};
use crate::links::Links;
use crate::modules::module::{Findings, Line, Module, Receiver, Statistics, World};
use crate::modules::psample::sample::with_flow_sample;
use crate::modules::psample::thinning::Thinning;
use crate::output::Output;
use crate::pools::Sequence;
use crate::throttle::Throttle;

/// The groups of the `psample { }` block, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Psample {
    channel: Option<SampleChannel>,
    /// The time of the next attempt to join.
    retry: Option<Instant>,
    groups: Groups,
    throttle: Throttle,
    /// Datagrams lost on the receive queue, as often as the kernel reported it.
    overruns: u64,
    /// Messages that contradict their type.
    malformed: u64,
}

/// The groups and what was counted of them.
#[derive(Debug, Default)]
struct Groups {
    rule: Option<PsampleRule>,
    ingress: Sequence,
    egress: Sequence,
    thinning: Thinning,
    polling: Duration,
    samples: u64,
    drops: u64,
    /// Drops that no sample has carried yet.
    unreported_drops: u32,
    /// Packets without interface, or with a header that sFlow has no number for.
    unsupported: u64,
}

/// The side of the host on which a packet was sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Ingress,
    Egress,
}

impl Module for Psample {
    /// Newer kernels require CAP_NET_ADMIN to join, receiving requires nothing. So the capability is
    /// kept after the start only if the channel could not be joined, for the next attempts.
    fn capabilities(&self, config: &Config) -> &'static [Capability] {
        match (&config.psample, &self.channel) {
            (Some(_), None) => &[Capability::CAP_NET_ADMIN],
            _ => &[],
        }
    }

    fn samples_packets(&self, config: &Config) -> bool {
        config.psample.is_some()
    }

    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        // The packets in the queue belong to the old settings.
        self.receive_some(now, output);
        self.groups.reconfigure(world);
        match world.config.psample {
            Some(rule) => self.join(now, rule, world),
            None => {
                self.retry = None;
                if self.channel.take().is_some() {
                    info!("psample: no longer sampled");
                }
            }
        }
    }

    fn interface_removed(&mut self, if_index: u32) {
        self.groups.thinning.retain(|known| known != if_index);
    }

    /// The interfaces of the packets so far: which ones a rule selects, only its packets show.
    fn data_sources(&self, config: &Config, links: &Links, add: &mut dyn FnMut(DataSource)) {
        if config.psample.is_some() {
            links
                .existing(self.groups.thinning.interfaces())
                .map(DataSource::interface)
                .for_each(add);
        }
    }

    fn ready(&mut self, now: Instant, _token: u32, _world: &World<'_>, output: &mut Output<'_>) {
        self.receive_some(now, output);
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry
    }

    fn drain(&mut self, now: Instant, _config: &Config, output: &mut Output<'_>) -> bool {
        self.receive_some(now, output)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let Groups { samples, drops, unsupported, rule, .. } = self.groups;
        statistics.lines.push(Line {
            subject: match rule.filter(|_| self.channel.is_some()) {
                Some(rule) => format!("psample {}", described(rule)),
                None => "psample, not joined".to_owned(),
            },
            counters: vec![(samples, "samples"), (drops, "drops")],
            exceptions: Vec::new(),
            optional: rule.is_none(),
        });
        statistics.exceptions.extend([
            (self.overruns, "overruns of the psample receive queue"),
            (self.malformed, "malformed psample messages"),
            (unsupported, "psample packets without an interface or a header that sFlow supports"),
        ]);
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(rule) = config.psample else { return };
        findings.line("psample", format_args!("{}", described(rule)));
        if let Err(error) = SampleChannel::join() {
            findings.problems.push(format!("psample: not joined: {}", reason(&error)));
        }
    }
}

impl Receiver for Psample {
    const BUDGET: usize = BUDGET;

    fn receive(&mut self, now: Instant, output: &mut Output<'_>) -> Result<bool, ReceiveError> {
        let Some(channel) = &mut self.channel else { return Ok(false) };
        let (groups, malformed) = (&mut self.groups, &mut self.malformed);
        channel.receive(&mut |packet| match packet {
            Ok(packet) => groups.handle(now, &packet, output),
            Err(_) => *malformed = malformed.saturating_add(1),
        })
    }

    fn receive_failed(&mut self, now: Instant, error: ReceiveError) {
        match error {
            ReceiveError::Overrun | ReceiveError::TooLong => {
                self.overruns = self.overruns.saturating_add(1);
                self.throttle.warn(
                    now,
                    format_args!(
                        "psample: the receive queue overflowed (ENOBUFS), samples are lost"
                    ),
                );
            }
            ReceiveError::Io(error) => {
                self.throttle.warn(now, format_args!("psample: {error}; joining again"));
                self.channel = None;
                self.retry = Some(now + RETRY);
            }
        }
    }
}

impl Psample {
    fn join(&mut self, now: Instant, rule: PsampleRule, world: &World<'_>) {
        if self.channel.is_some() || self.retry.is_some_and(|at| now < at) {
            return;
        }
        let joined =
            SampleChannel::join().and_then(|channel| Ok((world.watch(&channel, 0)?, channel)));
        match joined {
            Ok(((), channel)) => {
                self.channel = Some(channel);
                self.retry = None;
                info!("psample: sampling {}", described(rule));
            }
            Err(error) => {
                self.retry = Some(now + RETRY);
                let reason = reason(&error);
                self.throttle.warn(now, format_args!("psample: retrying every 5 s: {reason}"));
            }
        }
    }
}

impl Groups {
    /// Takes settings over. Another group starts with a sequence of its own.
    fn reconfigure(&mut self, world: &World<'_>) {
        let rule = world.config.psample;
        let of = |rule: Option<PsampleRule>| {
            rule.map_or((None, None), |rule| (rule.ingress, rule.egress))
        };
        let ((ingress, egress), (was_ingress, was_egress)) = (of(rule), of(self.rule));
        if ingress != was_ingress {
            self.ingress = Sequence::default();
        }
        if egress != was_egress {
            self.egress = Sequence::default();
        }
        if let Some(changed) = rule.filter(|_| self.rule.is_some() && self.rule != rule) {
            info!("psample: sampling {}", described(changed));
        }
        self.rule = rule;
        self.polling = Duration::from_secs(world.config.polling_secs);
        self.thinning.reconfigure(world.config, world.links);
    }

    fn handle(&mut self, now: Instant, packet: &SampledPacket<'_>, output: &mut Output<'_>) {
        let Some(side) = self.side(packet.group) else { return };
        let sequence = match side {
            Side::Ingress => &mut self.ingress,
            Side::Egress => &mut self.egress,
        };
        let lost = sequence.lost_before(packet.sequence);
        self.drops = self.drops.saturating_add(u64::from(lost));
        self.unreported_drops = self.unreported_drops.wrapping_add(lost);
        let Some((if_index, header)) =
            sample::data_source(packet, side).zip(sample::header(packet))
        else {
            self.unsupported = self.unsupported.saturating_add(1);
            return;
        };
        if !self.thinning.contains(if_index) {
            // The agent refuses samples of unknown data sources. An error (the table is full, the
            // index needs expanded encoding) is logged when the sources are reconciled.
            let _ = output.agent.add_source(now, DataSource::interface(if_index), self.polling);
        }
        // The kernel does not report the interfaces of lost packets: the next sample has them.
        let lost = core::mem::take(&mut self.unreported_drops);
        let Some(meta) = self.thinning.choose(if_index, packet.rate, lost) else { return };
        self.samples = self.samples.saturating_add(1);
        with_flow_sample(packet, side, if_index, header, meta, |sample| {
            output.flow_sample(now, sample);
        });
    }

    fn side(&self, group: u32) -> Option<Side> {
        let rule = self.rule?;
        match Some(group) {
            group if group == rule.ingress => Some(Side::Ingress),
            group if group == rule.egress => Some(Side::Egress),
            _ => None,
        }
    }
}

fn described(rule: PsampleRule) -> String {
    match (rule.ingress, rule.egress) {
        (Some(ingress), Some(egress)) => format!("group {ingress} (ingress) and {egress} (egress)"),
        (Some(ingress), None) => format!("group {ingress} (ingress)"),
        (None, Some(egress)) => format!("group {egress} (egress)"),
        (None, None) => "nothing".to_owned(),
    }
}

/// The error with its remedy.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        // Looking the family up does not load the module.
        Some(libc::ENOENT) => "this kernel has no psample, or its module is not loaded: the first \
             rule with `action sample` loads it, or `modprobe psample`"
            .to_owned(),
        Some(libc::EPERM) => {
            "CAP_NET_ADMIN is missing. Start as root or add the capability to the \
             unit; the daemon gives it up when it has joined"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

/// Datagrams, of one sample each, handled before other descriptors, timers and signals get their
/// turn: about a millisecond.
const BUDGET: usize = 256;
const RETRY: Duration = Duration::from_secs(5);
