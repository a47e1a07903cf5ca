//! The part of `flowmote check` that concerns packet samples.

use crate::config::Config;
use crate::links::{Link, Links};
use crate::modules::module::Findings;
use crate::modules::taps::blocks;
use crate::modules::taps::capture::{Method, Tap};
use crate::modules::taps::port::{method, tap_options};
use crate::modules::taps::sample::is_supported;
use crate::selection::{require_device, traits};

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
    // Open together as in `run`: what the kernel limits is what all of them need, locked memory for
    // example.
    let mut open = Vec::new();
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
            findings.line("interface", format_args!("{name}: 1 in {rate}, {reason}"));
            open.extend(describe_tap(config, link, findings));
        }
    }
    blocks::describe(config, links, findings);
    if config.taps.is_empty() && config.nflog.is_none() {
        findings.line("interfaces", format_args!("no packet samples: no block selects interfaces"));
    }
}

/// Opens a tap: only an attempt shows what the kernel refuses.
fn describe_tap(config: &Config, link: &Link, findings: &mut Findings) -> Option<Tap> {
    let options = tap_options(config, link)?;
    let tap = Tap::open(&options);
    match &tap {
        Ok(tap) => {
            let effect = match tap.method() {
                Method::Ebpf => "packets are counted and selected in the kernel",
                Method::Classic => "packets are selected in the kernel",
            };
            findings.line("", format_args!("by the {}: {effect}", method(tap.method())));
            let warning = |text| format!("warning: {}: {text}", link.name);
            findings.warnings.extend(tap.shortfalls().iter().map(warning));
        }
        Err(error) => findings.problems.push(error.to_string()),
    }
    if !link.admin_up {
        findings.line("", format_args!("the interface is down; sampling starts when it is up"));
    }
    tap.ok()
}
