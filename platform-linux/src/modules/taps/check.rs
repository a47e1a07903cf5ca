//! The part of `flowmote check` that concerns packet samples.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Config;
use crate::links::{Link, Links};
use crate::modules::module::Findings;
use crate::modules::taps::blocks;
use crate::modules::taps::budget::Budget;
use crate::modules::taps::capture::{Attachment, Capture, Method, Tap, TapOptions};
use crate::modules::taps::descriptors;
use crate::modules::taps::hooking::{Choice, INSTEAD, open};
use crate::modules::taps::port::{method, tap_options};
use crate::modules::taps::sample::is_supported;
use crate::modules::taps::shared::SharedShape;
use crate::selection::{list, require_device, traits};

/// Lists what the configuration requests for packet samples and this host lacks.
pub(super) fn problems(config: &Config, links: &Links, problems: &mut Vec<String>) {
    for device in config.taps.iter().filter_map(|rule| rule.selector.device.as_deref()) {
        require_device(links, device, problems);
    }
    blocks::problems(config, links, problems);
    let selected = links.iter().filter(|link| config.tap_for(&traits(link)).is_some());
    for Link { name, hardware, .. } in selected {
        if !is_supported(*hardware) {
            problems.push(format!("{name}: sFlow has no header protocol for link type {hardware}"));
        }
    }
}

/// Lists the interfaces with their rates and how their packets would be sampled.
pub(super) fn describe(config: &Config, links: &Links, findings: &mut Findings) {
    let trial = trial(config, links, findings);
    for link in links.iter() {
        let Some(rule) = config.tap_for(&traits(link)) else { continue };
        let (rate, reason) = config.sampling_rate(rule, link.speed_bps);
        let name = &link.name;
        if !is_supported(link.hardware) {
            // Listed with the problems.
            continue;
        }
        if rate == 0 {
            findings.line("interface", format_args!("{name}: packet sampling off, {reason}"));
        } else {
            findings
                .line("interface", format_args!("{name}: 1 in {rate}, {reason}{}", rule.direction));
            describe_tap(link, &trial, findings);
        }
    }
    if let Some(budget) = config.budget {
        findings.line("budget", format_args!("{budget} packet samples/s, then less than 1 in N"));
    }
    warn_of_shortfalls(config, links, &trial, findings);
    blocks::describe(config, links, findings);
    if config.taps.is_empty() && config.nflog.is_none() {
        findings.line("interfaces", format_args!("no packet samples: no block selects interfaces"));
    }
}

/// Taps as `run` would open them: only an attempt shows what the kernel refuses.
struct Trial {
    hooked: BTreeSet<u32>,
    shared: Option<Tap>,
    own: BTreeMap<u32, Tap>,
}

impl Trial {
    /// The tap of an interface. One that was not tried would have a tap like that of the last one.
    fn tap_of(&self, if_index: u32) -> Option<&Tap> {
        let own = self.own.get(&if_index).or(self.shared.as_ref());
        own.or_else(|| self.own.values().next_back())
    }
}

/// Opens taps, all together: what the kernel limits is what all of them need, locked memory for
/// example. Only some, if each of many interfaces needs one: opening hundreds takes seconds.
fn trial(config: &Config, links: &Links, findings: &mut Findings) -> Trial {
    let mut wanted: BTreeMap<u32, TapOptions> = links
        .iter()
        .filter_map(|link| Some((link.index, tap_options(config, link, &Budget::default())?)))
        .collect();
    let hooked = hooked(config, links, &wanted, findings);
    wanted.retain(|if_index, _| !hooked.contains(if_index));
    let wanted: Vec<TapOptions> = wanted.into_values().collect();
    let candidates = SharedShape::candidates(wanted.iter());
    let shared = SharedShape::of(&candidates, false).and_then(|shape| {
        let opened = Tap::open_shared(shape.table, shape.keep, shape.ring);
        let refused = |error| format!("warning: {error}: each interface has a tap of its own");
        opened.map_err(|error| findings.warnings.push(refused(error))).ok()
    });
    let shares = |options: &TapOptions| {
        let is_candidate = candidates.iter().any(|other| other.if_index == options.if_index);
        let tap = shared.as_ref().filter(|_| is_candidate);
        tap.is_some_and(|tap| tap.has_room_for(options.if_index))
    };
    let own: Vec<&TapOptions> = wanted.iter().filter(|options| !shares(options)).collect();
    let allowed = descriptors::taps_allowed(config);
    if own.len() > allowed {
        let (refused, shortage) = (own.len() - allowed, descriptors::shortage(own.len(), config));
        findings.problems.push(format!("{refused} interfaces not sampled: {shortage}"));
    }
    let mut trial = Trial { hooked, shared, own: BTreeMap::new() };
    for options in own.iter().take(TRIALS) {
        match Tap::open(options) {
            Ok(tap) => drop(trial.own.insert(options.if_index, tap)),
            Err(error) => findings.problems.push(error.to_string()),
        }
    }
    trial
}

/// The interfaces that would be sampled at tc hooks. Loads the programs and attaches none.
fn hooked(
    config: &Config,
    links: &Links,
    wanted: &BTreeMap<u32, TapOptions>,
    findings: &mut Findings,
) -> BTreeSet<u32> {
    let choice = Choice::of(wanted, config, links);
    if choice.with(Attachment::Tcx, wanted).is_empty() {
        return BTreeSet::new();
    }
    let (table, ring) = SharedShape::for_hooks(&wanted.values().collect::<Vec<_>>());
    match open(&choice, table, ring) {
        Ok(hooks) => return choice.with(hooks.attachment(), wanted),
        Err(error) if choice.is_explicit() => {
            findings.warnings.push(format!("warning: tc hooks: {error}: {INSTEAD}"));
        }
        Err(error) => findings.line("tc hooks", format_args!("{error}: {INSTEAD}")),
    }
    BTreeSet::new()
}

fn describe_tap(link: &Link, trial: &Trial, findings: &mut Findings) {
    let used = match &trial.hooked {
        hooked if hooked.contains(&link.index) => Method::Hooks,
        _ => trial.tap_of(link.index).map_or(Method::Ebpf, Capture::method),
    };
    let effect = match used {
        Method::Ebpf => "packets are counted and selected in the kernel",
        Method::Classic => "packets are selected in the kernel",
        Method::Hooks => "as by a filter, with the input of forwarded packets",
    };
    findings.line("", format_args!("by the {}: {effect}", method(used)));
    if !link.admin_up {
        findings.line("", format_args!("the interface is down; sampling starts when it is up"));
    }
}

/// Adds a warning for each thing that the kernel refuses, with the interfaces that are affected.
fn warn_of_shortfalls(config: &Config, links: &Links, trial: &Trial, findings: &mut Findings) {
    let mut affected: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for link in links.iter().filter(|link| tap_options(config, link, &Budget::default()).is_some())
    {
        for shortfall in trial.tap_of(link.index).map_or(&[][..], Capture::shortfalls) {
            affected.entry(shortfall).or_default().push(&link.name);
        }
    }
    let warning =
        |(text, names): (_, Vec<&str>)| format!("warning: {}: {text}", list(names.into_iter()));
    findings.warnings.extend(affected.into_iter().map(warning));
}

/// Taps that are opened at most: as many as interfaces have one of their own.
const TRIALS: usize = 17;
