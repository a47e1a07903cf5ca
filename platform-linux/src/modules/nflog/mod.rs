//! Packets that the firewall samples: a rule of nftables or iptables logs one in N of them to a
//! group of `nfnetlink_log`, and each message becomes a flow sample.

mod sample;

use caps::Capability;
use flowmote_core::{DataSource, Duration, Instant};
use log::info;

use crate::config::{Config, NflogRule};
use crate::kernel::netlink::ReceiveError;
use crate::kernel::netlink::nflog::{BindError, HOLD_MS, LogGroup, LogPacket};
use crate::links::Links;
use crate::modules::module::{Findings, Line, Module, Receiver, Statistics, World};
use crate::modules::nflog::sample::{data_source, sampled_header, with_flow_sample};
use crate::output::Output;
use crate::pools::{Pools, Sequence};
use crate::throttle::Throttle;

/// The group of the `nflog { }` block, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Nflog {
    group: Option<Group>,
    /// The group that could not be bound and the time of the next attempt.
    retry: Option<(u16, Instant)>,
    sampler: Sampler,
    throttle: Throttle,
    /// Datagrams lost on the receive queue, as often as the kernel reported it.
    overruns: u64,
    /// Messages that contradict their type.
    malformed: u64,
}

/// A bound group.
#[derive(Debug)]
struct Group {
    rule: NflogRule,
    socket: LogGroup,
    sequence: Sequence,
}

/// Counters that continue when the group changes, and the conversion of packets to samples.
#[derive(Debug, Default)]
struct Sampler {
    pools: Pools,
    samples: u64,
    drops: u64,
    /// Drops that no sample has carried yet.
    unreported_drops: u32,
    /// Packets without interface, or with a header that sFlow has no number for.
    unsupported: u64,
    /// Scratch space for the header of a sample.
    room: Vec<u8>,
    /// From the configuration in force.
    header_bytes: usize,
    polling: Duration,
}

impl Module for Nflog {
    /// Binding a group requires CAP_NET_ADMIN, receiving from it nothing. So the capability is kept
    /// after the start only if the group could not be bound, for the next attempts.
    fn capabilities(&self, config: &Config) -> &'static [Capability] {
        match (&config.nflog, &self.group) {
            (Some(_), None) => &[Capability::CAP_NET_ADMIN],
            _ => &[],
        }
    }

    fn samples_packets(&self, config: &Config) -> bool {
        config.nflog.is_some()
    }

    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        // The packets in the queue were sampled at the old rate.
        self.receive_some(now, output);
        self.sampler.header_bytes = world.config.header_bytes as usize;
        self.sampler.polling = Duration::from_secs(world.config.polling_secs);
        self.sampler.pools.retain(|if_index| world.links.get(if_index).is_some());
        match world.config.nflog {
            Some(rule) => self.bind_or_update(now, rule, world),
            None => {
                self.close();
                self.retry = None;
            }
        }
    }

    fn interface_removed(&mut self, if_index: u32) {
        self.sampler.pools.retain(|known| known != if_index);
    }

    /// The interfaces of the packets so far: which ones a rule selects, only its packets show.
    fn data_sources(&self, config: &Config, links: &Links, add: &mut dyn FnMut(DataSource)) {
        if config.nflog.is_some() {
            links
                .existing(self.sampler.pools.interfaces())
                .map(DataSource::interface)
                .for_each(add);
        }
    }

    fn ready(&mut self, now: Instant, _token: u32, _world: &World<'_>, output: &mut Output<'_>) {
        self.receive_some(now, output);
    }

    fn deadline(&self) -> Option<Instant> {
        self.retry.map(|(_, at)| at)
    }

    fn hold_time(&self) -> Duration {
        let hold = self.group.as_ref().map(|_| Duration::from_millis(HOLD_MS));
        hold.unwrap_or(Duration::ZERO)
    }

    fn drain(&mut self, now: Instant, _config: &Config, output: &mut Output<'_>) -> bool {
        self.receive_some(now, output)
    }

    fn report(&mut self, statistics: &mut Statistics) {
        let Sampler { samples, drops, unsupported, .. } = self.sampler;
        let bound = self.group.as_ref().map(|bound| bound.rule);
        statistics.lines.push(Line {
            subject: match bound {
                Some(NflogRule { group, sampling_rate }) => {
                    format!("nflog group {group} (1 in {sampling_rate})")
                }
                None => "nflog, not bound".to_owned(),
            },
            counters: vec![(samples, "samples"), (drops, "drops")],
            exceptions: Vec::new(),
            optional: bound.is_none(),
        });
        statistics.exceptions.extend([
            (self.overruns, "overruns of the nflog receive queue"),
            (self.malformed, "malformed nflog messages"),
            (unsupported, "logged packets without an interface or a header that sFlow supports"),
        ]);
    }

    fn check(&self, config: &Config, _links: &Links, findings: &mut Findings) {
        let Some(NflogRule { group, sampling_rate }) = config.nflog else { return };
        findings
            .line("nflog", format_args!("group {group}: 1 in {sampling_rate}, by the firewall"));
        match LogGroup::bind(group, COPY_BYTES) {
            Ok(_) => {}
            // Most probably the daemon that is to be reloaded.
            Err(error @ BindError::InUse) => {
                findings.warnings.push(format!("warning: nflog group {group}: {error}"));
            }
            Err(error) => {
                let advice = advice(&error);
                findings.problems.push(format!("nflog group {group}: {error}{advice}"));
            }
        }
    }
}

impl Receiver for Nflog {
    const BUDGET: usize = BUDGET;

    fn receive(&mut self, now: Instant, output: &mut Output<'_>) -> Result<bool, ReceiveError> {
        let Some(Group { rule, socket, sequence }) = &mut self.group else { return Ok(false) };
        let (sampler, malformed) = (&mut self.sampler, &mut self.malformed);
        socket.receive(&mut |packet| match packet {
            Ok(packet) => {
                let lost = packet.sequence.map_or(0, |number| sequence.lost_before(number));
                sampler.handle(now, &packet, rule.sampling_rate, lost, output);
            }
            Err(_) => *malformed = malformed.saturating_add(1),
        })
    }

    fn receive_failed(&mut self, now: Instant, error: ReceiveError) {
        let Some(group) = self.group.as_ref().map(|open| open.rule.group) else { return };
        match error {
            // Longer datagrams than were configured are lost as well.
            ReceiveError::Overrun | ReceiveError::TooLong => {
                self.overruns = self.overruns.saturating_add(1);
                self.throttle.warn(
                    now,
                    format_args!(
                        "nflog group {group}: the receive queue overflowed (ENOBUFS), samples are \
                         lost"
                    ),
                );
            }
            ReceiveError::Io(error) => {
                self.throttle
                    .warn(now, format_args!("nflog group {group}: {error}; binding again"));
                self.group = None;
                self.retry = Some((group, now + RETRY));
            }
        }
    }
}

impl Nflog {
    fn bind_or_update(&mut self, now: Instant, rule: NflogRule, world: &World<'_>) {
        let NflogRule { group, sampling_rate } = rule;
        if let Some(open) = self.group.as_mut().filter(|open| open.rule.group == group) {
            if open.rule != rule {
                info!("nflog group {group}: sampling 1 in {sampling_rate}");
                open.rule = rule;
            }
            return;
        }
        self.close();
        if self.retry.is_some_and(|(failed, at)| failed == group && now < at) {
            return;
        }
        let bound = LogGroup::bind(group, COPY_BYTES)
            .and_then(|socket| Ok((world.watch(&socket, 0)?, socket)));
        match bound {
            Ok(((), socket)) => {
                // Binding starts the numbers of the group. Not numbered, and therefore not known
                // here, are packets for which the kernel had no memory (`nfulnl_log_packet`,
                // `alloc_failure`).
                let sequence = Sequence::from_zero();
                self.group = Some(Group { rule, socket, sequence });
                self.retry = None;
                info!("nflog group {group}: sampling 1 in {sampling_rate}");
            }
            Err(error) => {
                self.retry = Some((group, now + RETRY));
                let advice = advice(&error);
                self.throttle.warn(
                    now,
                    format_args!("nflog group {group}: {error}; retrying every 5 s{advice}"),
                );
            }
        }
    }

    fn close(&mut self) {
        if let Some(Group { rule, .. }) = self.group.take() {
            info!("nflog group {}: no longer sampled", rule.group);
        }
    }
}

impl Sampler {
    fn handle(
        &mut self,
        now: Instant,
        packet: &LogPacket<'_>,
        sampling_rate: u32,
        lost: u32,
        output: &mut Output<'_>,
    ) {
        self.drops = self.drops.saturating_add(u64::from(lost));
        self.unreported_drops = self.unreported_drops.wrapping_add(lost);
        let header = sampled_header(packet, &mut self.room, self.header_bytes);
        let Some((if_index, header)) = data_source(packet).zip(header) else {
            self.unsupported = self.unsupported.saturating_add(1);
            return;
        };
        if !self.pools.contains(if_index) {
            // The agent refuses samples of unknown data sources. An error (the table is full, the
            // index needs expanded encoding) is logged when the sources are reconciled.
            let _ = output.agent.add_source(now, DataSource::interface(if_index), self.polling);
        }
        // The kernel does not report the interfaces of lost packets: the next sample has them.
        let lost = core::mem::take(&mut self.unreported_drops);
        let meta = self.pools.count(if_index, sampling_rate, lost);
        self.samples = self.samples.saturating_add(1);
        with_flow_sample(packet, if_index, header, meta, |sample| output.flow_sample(now, sample));
    }
}

/// A remedy to end a line with.
fn advice(error: &BindError) -> &'static str {
    match error {
        BindError::NotPermitted => {
            ". Start as root or add the capability to the unit; the daemon gives it up when a group \
             is bound, so that another group takes a restart"
        }
        _ => "",
    }
}

/// The largest `headerBytes` that the configuration accepts. Independent of the configured value,
/// so that a reload does not have to configure the group again, which requires CAP_NET_ADMIN.
const COPY_BYTES: u32 = 256;
/// Datagrams handled before other descriptors, timers and signals get their turn: some thousand
/// samples, about a millisecond.
const BUDGET: usize = 64;
const RETRY: Duration = Duration::from_secs(5);
