//! `flowmote check`: the effect of a configuration on this machine, in words.

use flowmote_core::SourceClass;

use crate::config::{Config, Host};
use crate::daemon::agent_address::AgentAddress;
use crate::daemon::limits;
use crate::daemon::options::{ConfigSource, LoadError, Loaded};
use crate::daemon::privileges;
use crate::daemon::problems::problems;
use crate::links::Links;
use crate::modules::Modules;
use crate::modules::module::Findings;
use crate::output::resolver::lookup;
use crate::selection::candidates;

/// Checks a configuration against this machine without sending or sampling anything.
///
/// # Errors
/// A configuration that cannot be used at all. Everything else is among the findings.
pub fn check(source: &ConfigSource) -> Result<Findings, LoadError> {
    let loaded = source.load()?;
    // As `run` does, so that both get the same filters.
    privileges::raise_locked_memory();
    limits::raise_open_files();
    let mut findings = Findings { warnings: loaded.warnings.clone(), ..Findings::default() };
    let opened = Links::open().and_then(|links| Ok((links, Modules::open(&loaded.config)?)));
    match opened {
        Ok((links, modules)) => describe(&loaded, &links, &modules, &mut findings),
        Err(error) => findings.problems.push(format!("rtnetlink: {error}")),
    }
    Ok(findings)
}

fn describe(loaded: &Loaded, links: &Links, modules: &Modules, findings: &mut Findings) {
    let config = &loaded.config;
    match &loaded.file {
        Some(file) => findings.line("configuration", format_args!("{}", file.display())),
        None => findings.line("configuration", format_args!("from the command line")),
    }
    agent(config, links, findings);
    findings.problems.extend(problems(config, links, modules));
    let (header, datagram) = (config.header_bytes, config.datagram_bytes);
    findings.line(
        "samples",
        format_args!("{header} header bytes, datagrams of at most {datagram} bytes"),
    );
    modules.check(config, links, findings);
    polling(config, links, modules, findings);
    collectors(config, findings);
}

fn agent(config: &Config, links: &Links, findings: &mut Findings) {
    let AgentAddress { address, reason, missing } = AgentAddress::elect(config, &candidates(links));
    findings.line("agent address", format_args!("{address}: {reason}"));
    findings.line("sub-agent id", format_args!("{}", config.sub_agent_id));
    if let Some(device) = missing {
        let device = device.escape_debug();
        findings.problems.push(format!("agent = {device}: this device has no usable address"));
    }
}

fn polling(config: &Config, links: &Links, modules: &Modules, findings: &mut Findings) {
    let seconds = config.polling_secs;
    if seconds == 0 {
        return findings.line("counters", format_args!("off"));
    }
    let sources = modules.data_sources(config, links);
    let polled = sources.iter().filter_map(|source| match source.class() {
        SourceClass::Interface => links.get(source.index()),
        _ => None,
    });
    let names: Vec<&str> = polled.map(|link| link.name.as_str()).collect();
    let names = if names.is_empty() { "no interface".to_owned() } else { names.join(", ") };
    findings.line("counters", format_args!("every {seconds} s of the host and of {names}"));
}

fn collectors(config: &Config, findings: &mut Findings) {
    for collector in &config.collectors {
        let Host::Name(name) = &collector.host else {
            findings.line("collector", format_args!("{collector}"));
            continue;
        };
        match lookup(name, collector.port).as_deref() {
            Ok([first, ..]) => {
                findings.line("collector", format_args!("{collector}: {}", first.ip()));
            }
            // `lookup` returns at least one address.
            Ok([]) => {}
            Err(error) => {
                findings.problems.push(format!("collector {collector}: name not resolved: {error}"))
            }
        }
    }
}
