//! The text of the file: lines `name=value`, as hsflowd writes them.

use core::fmt::{self, Display};
use core::net::{IpAddr, SocketAddr};

use nix::sys::utsname::uname;

use crate::config::{AppSampling, AppSetting, Collector, Config, DEFAULT_SAMPLING};
use crate::links::Links;
use crate::output::collectors::Collectors;
use crate::printable::printable;

/// The settings in force. Displayed as the lines between the two revisions.
pub(in crate::daemon) struct Content<'a> {
    pub(in crate::daemon) config: &'a Config,
    pub(in crate::daemon) links: &'a Links,
    /// The agent address in use.
    pub(in crate::daemon) agent: IpAddr,
    pub(in crate::daemon) collectors: &'a Collectors,
}

impl Content<'_> {
    /// The interface that has the agent address, else the one that the configuration names.
    fn device(&self) -> Option<&str> {
        let has = |link: &&crate::links::Link| {
            link.addresses.iter().any(|address| address.ip == self.agent)
        };
        let found = self.links.iter().find(has).map(|link| link.name.as_str());
        found.or(self.config.agent.device.as_deref())
    }

    /// `address`, `address port` or `address/port/device/namespace`, sorted. A collector whose name
    /// has no address yet has no line.
    fn collectors(&self) -> Vec<String> {
        let mut lines: Vec<_> = self
            .collectors
            .iter()
            .filter_map(|destination| {
                let namespace = destination.collector().namespace.as_deref();
                Some(collector(destination.address()?, (destination.device(), namespace)))
            })
            .collect();
        lines.sort_unstable();
        lines
    }

    fn write_rates(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let config = self.config;
        line(f, "sampling", config.sampling.rate.map_or(DEFAULT_SAMPLING, |rate| rate.value))?;
        line(f, "header", config.header_bytes)?;
        line(f, "datagram", config.datagram_bytes)?;
        line(f, "polling", config.polling_secs)?;
        for speed in &config.sampling.by_speed {
            line(f, &format!("sampling.{}", speed.name), speed.rate.value)?;
        }
        applications(
            f,
            "sampling.app",
            &config.applications.sampling,
            |sampling| match sampling {
                AppSampling::Fixed(rate) => rate.to_string(),
                AppSampling::PerSecond(number) => format!("{number}/s"),
            },
        )?;
        applications(f, "polling.app", &config.applications.polling, u32::to_string)
    }
}

impl Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Fails only with EFAULT, which nix's buffer cannot cause.
        if let Ok(uname) = uname() {
            line(f, "hostname", uname.nodename().to_string_lossy())?;
        }
        self.write_rates(f)?;
        for collector in self.collectors() {
            line(f, "collector", collector)?;
        }
        line(f, "agentIP", self.agent)?;
        if let Some(device) = self.device() {
            line(f, "agent", device)?;
        }
        if let Some(json) = self.config.json.as_ref().filter(|json| json.port != 0) {
            line(f, "jsonPort", json.port)?;
        }
        line(f, "ds_index", 1)
    }
}

/// Writes a line. A value with a line feed, which an alias of an interface may have, stays one.
fn line(f: &mut fmt::Formatter<'_>, name: &str, value: impl Display) -> fmt::Result {
    writeln!(f, "{}", printable(&format!("{name}={value}")))
}

fn collector(address: SocketAddr, way: (Option<&str>, Option<&str>)) -> String {
    let (ip, port) = (address.ip(), address.port());
    match way {
        (None, None) if port == Collector::DEFAULT_PORT => ip.to_string(),
        (None, None) => format!("{ip} {port}"),
        (device, namespace) => {
            let (device, namespace) = (device.unwrap_or_default(), namespace.unwrap_or_default());
            format!("{ip}/{port}/{device}/{namespace}")
        }
    }
}

/// Writes the settings of applications, `sampling.app.NAME`.
fn applications<T>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    settings: &[AppSetting<T>],
    value: impl Fn(&T) -> String,
) -> fmt::Result {
    settings.iter().try_for_each(|setting| {
        let point = if setting.application.is_empty() { "" } else { "." };
        let name = format!("{name}{point}{}", setting.application);
        line(f, &name, value(&setting.value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmote_core::Instant;

    /// With the links of this machine, which are only read.
    #[test]
    fn every_setting_in_force_has_a_line() {
        let text = "sflow { sampling = 50 sampling.10G = 7 polling = 20 headerBytes = 100
            datagramBytes = 1200 agent = missing0 json { udpport = 4000 }
            sampling.app = 9 sampling.app.shop = 50/s polling.app.shop.cart = 5
            collector { ip = 192.0.2.9 } collector { ip = 192.0.2.1 udpport = 7 }
            collector { ip = 2001:db8::1 dev = eth0 }
            collector { ip = 192.0.2.2 namespace = blue } collector { ip = unresolved.invalid } }";
        let mut config = Config::parse(text).config.unwrap();
        config.collectors[2].device = Some("l\no".to_owned());
        let mut collectors = Collectors::new(&config.collectors);
        collectors.set_time(Instant::ZERO);
        let links = Links::open().unwrap();
        let agent = "192.0.2.77".parse().unwrap();
        let lines = |config, agent| {
            Content { config, links: &links, agent, collectors: &collectors }.to_string()
        };
        let rest = lines(&config, agent);
        let (hostname, rest) = rest.split_once('\n').unwrap();
        assert!(hostname.starts_with("hostname="), "{hostname}");
        assert_eq!(
            rest,
            "sampling=50\nheader=100\ndatagram=1200\npolling=20\nsampling.10G=7\n\
             sampling.app=9\nsampling.app.shop=50/s\npolling.app.shop.cart=5\n\
             collector=192.0.2.1 7\ncollector=192.0.2.2/6343//blue\ncollector=192.0.2.9\ncollector=2001:db8::1/6343/l\\no/\n\
             agentIP=192.0.2.77\nagent=missing0\njsonPort=4000\nds_index=1\n"
        );
        let of_loopback = lines(&Config::default(), "127.0.0.1".parse().unwrap());
        assert!(of_loopback.contains("\nsampling=400\n"), "{of_loopback}");
        assert!(of_loopback.contains("\nagentIP=127.0.0.1\nagent=lo\n"), "{of_loopback}");
    }
}
