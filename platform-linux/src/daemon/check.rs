//! What a configuration does on this machine, in words.

use std::fmt::Write;

use crate::config::{Config, Host};
use crate::daemon::identity::Identity;
use crate::daemon::options::{ConfigSource, LoadError, Loaded};
use crate::daemon::resolver::lookup;
use crate::daemon::view;
use crate::links::{Link, Links};
use crate::modules::taps;
use crate::modules::taps::capture::{Method, Tap};
use crate::modules::taps::sample::is_supported;

/// The outcome of a check.
#[derive(Debug, Default)]
pub struct Checked {
    /// What the agent will do, for standard output.
    pub report: String,
    /// What is wrong, a line each, for standard error; `run` would warn of it and go on.
    pub problems: Vec<String>,
    /// What could be better.
    pub warnings: Vec<String>,
}

/// Checks a configuration against this machine, without sending or sampling anything.
///
/// # Errors
/// A configuration that cannot be used at all.
pub fn check(source: &ConfigSource) -> Result<Checked, LoadError> {
    let loaded = source.load()?;
    let mut checked = Checked { warnings: loaded.warnings.clone(), ..Checked::default() };
    match Links::open() {
        Ok(links) => checked.describe(&loaded, &links),
        Err(error) => checked.problems.push(format!("rtnetlink: {error}")),
    }
    Ok(checked)
}

impl Checked {
    fn describe(&mut self, loaded: &Loaded, links: &Links) {
        let config = &loaded.config;
        match &loaded.file {
            Some(file) => self.line(&format!("configuration   {}", file.display())),
            None => self.line("configuration   from the command line"),
        }
        self.identity(config, links);
        self.problems.extend(view::complaints(config, links));
        self.line(&format!(
            "samples         {} header bytes, datagrams of at most {} bytes",
            config.header_bytes, config.datagram_bytes
        ));
        self.interfaces(config, links);
        self.polling(config, links);
        self.collectors(config);
    }

    fn identity(&mut self, config: &Config, links: &Links) {
        let identity = Identity::elect(config, &view::candidates(links));
        self.line(&format!("agent address   {}: {}", identity.address, identity.reason));
        self.line(&format!("sub-agent id    {}", config.sub_agent_id));
        if let Some(device) = identity.missing {
            self.problems
                .push(format!("agent = {device}: this device has no address that can be used"));
        }
    }

    fn interfaces(&mut self, config: &Config, links: &Links) {
        for link in links.iter() {
            let Some(tap) = config.tap_for(&view::link(link)) else { continue };
            let (rate, reason) = config.sampling_rate(tap, link.speed_bps);
            if !is_supported(link.hardware) {
                // Told with all other complaints.
                continue;
            }
            if rate == 0 {
                self.line(&format!("interface       {}: packet sampling off, {reason}", link.name));
            } else {
                self.line(&format!("interface       {}: 1 in {rate}, {reason}", link.name));
                self.capture(config, link);
            }
        }
        if config.taps.is_empty() {
            self.line("interfaces      no packet samples: there is no pcap { } block");
        }
    }

    /// Opens a tap and closes it again: only the kernel knows what it will refuse.
    fn capture(&mut self, config: &Config, link: &Link) {
        let Some(options) = taps::options(config, link) else { return };
        match Tap::open(&options) {
            Ok(tap) => {
                let exact = match tap.method() {
                    Method::Ebpf => "packets are counted and chosen in the kernel",
                    Method::Classic => "packets are chosen in the kernel",
                };
                self.line(&format!(
                    "                by the {}: {exact}",
                    taps::method(tap.method())
                ));
                let warning = |text| format!("warning: {}: {text}", link.name);
                let lost = tap.shortfalls().iter().map(warning);
                self.warnings.extend(lost);
            }
            Err(error) => self.problems.push(error.to_string()),
        }
        if !link.admin_up {
            self.line("                it is down now; sampled as soon as it is up");
        }
    }

    fn polling(&mut self, config: &Config, links: &Links) {
        if config.polling_secs == 0 {
            self.line("counters        off");
            return;
        }
        let polled = |link: &&Link| link.is_real() || view::is_selected(config, link);
        let names: Vec<&str> = links.iter().filter(polled).map(|link| link.name.as_str()).collect();
        self.line(&format!(
            "counters        every {} s of the host and of {}",
            config.polling_secs,
            if names.is_empty() { "no interface".into() } else { names.join(", ") }
        ));
    }

    fn collectors(&mut self, config: &Config) {
        for collector in &config.collectors {
            match &collector.host {
                Host::Address(_) => self.line(&format!("collector       {collector}")),
                Host::Name(name) => match lookup(name, collector.port) {
                    Ok(addresses) => {
                        let first = addresses.iter().map(|address| address.ip()).take(1);
                        first.for_each(|ip| {
                            self.line(&format!("collector       {collector}: {ip}"))
                        });
                    }
                    Err(error) => self.problems.push(format!("collector {collector}: {error}")),
                },
            }
        }
    }

    fn line(&mut self, text: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.report, "{text}");
    }
}
