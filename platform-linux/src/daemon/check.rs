//! `flowmote check`: the effect of a configuration on this machine, in words.

use std::io;

use clap::Args;
use flowmote_core::SourceClass;

use crate::config::Config;
use crate::daemon::agent_address::AgentAddress;
use crate::daemon::auto_file::{self, AutoLink};
use crate::daemon::discovery;
use crate::daemon::limits;
use crate::daemon::options::{ConfigSource, LoadError, Loaded};
use crate::daemon::privileges;
use crate::daemon::problems::problems;
use crate::daemon::reachability;
use crate::daemon::user::User;
use crate::daemon::visitors::metrics;
use crate::links::Links;
use crate::modules::Modules;
use crate::modules::module::Findings;
use crate::selection::{candidates, list};

/// Options of [`check`].
#[derive(Args, Clone, Debug, Default)]
pub struct CheckOptions {
    /// The origin of the configuration.
    #[command(flatten)]
    pub source: ConfigSource,
    /// User that `run` is given by --user.
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// What `run` is given by --auto.
    #[arg(long, value_name = "FILE")]
    auto: Option<AutoLink>,
}

/// Checks a configuration against this machine without sending or sampling anything.
///
/// # Errors
/// A configuration that cannot be used at all. Everything else is among the findings.
pub fn check(options: &CheckOptions) -> Result<Findings, LoadError> {
    let loaded = options.source.load()?;
    let user = User::find(options.user.as_deref()).map_err(|problem| LoadError::of(&problem))?;
    // As `run` does, so that both get the same filters.
    privileges::raise_locked_memory();
    limits::raise_open_files();
    let mut findings = Findings { warnings: loaded.warnings.clone(), ..Findings::default() };
    let opened = Links::open().and_then(|links| Ok((links, Modules::open(&loaded.config)?)));
    match opened {
        Ok((links, modules)) => {
            let config = discovery::check(&loaded.config, &mut findings);
            let loaded = Loaded { config, ..loaded };
            describe(&loaded, &links, &modules, &mut findings);
            auto_file::describe(options.auto.as_ref().unwrap_or(&AutoLink::Usual), &mut findings);
            become_user(&loaded, &modules, &user, &mut findings);
        }
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
    reachability::describe(config, links, findings);
    metrics(config, findings);
}

fn metrics(config: &Config, findings: &mut Findings) {
    let Some(address) = config.metrics else { return };
    findings.line("metrics", format_args!("http://{address}/metrics"));
    match metrics::bind(address) {
        Ok(_) => {}
        // Most probably the daemon that is to be reloaded.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            findings.warnings.push(format!("warning: http://{address}/metrics: {error}"));
        }
        Err(error) => findings.problems.push(format!("http://{address}/metrics: {error}")),
    }
}

/// Takes the step from root that `run` takes: only an attempt shows what the user may read then.
/// The last step, because there is no way back.
fn become_user(loaded: &Loaded, modules: &Modules, user: &User, findings: &mut Findings) {
    findings.problems.extend(user.without_effect());
    let needed = modules.capabilities(&loaded.config);
    match privileges::drop_all(user, &needed) {
        Ok(outcome) => findings.line("runs as", format_args!("{outcome}")),
        Err(error) => findings.problems.push(format!("privileges: {error}")),
    }
    findings.problems.extend(loaded.unreadable_to(user));
}

fn agent(config: &Config, links: &Links, findings: &mut Findings) {
    let AgentAddress { address, reason, missing, .. } =
        AgentAddress::elect(config, &candidates(links));
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
    let names = list(polled.map(|link| link.name.as_str()));
    let and_names = if names.is_empty() { names } else { format!(" and of {names}") };
    findings.line("counters", format_args!("every {seconds} s of the host{and_names}"));
}
