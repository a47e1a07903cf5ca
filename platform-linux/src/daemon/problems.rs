//! Requests of the configuration that this host cannot meet now.

use crate::config::{Config, Drivers, EntityRules};
use crate::links::Links;
use crate::modules::Modules;
use crate::selection::require_device;

/// The problems of modules, agent address and collectors, each once: errors of `flowmote check`,
/// warnings of `flowmote run`, which waits for the devices to appear.
#[must_use]
pub(super) fn problems(config: &Config, links: &Links, modules: &Modules) -> Vec<String> {
    let mut problems = Vec::new();
    modules.problems(config, links, &mut problems);
    if let Some(device) = config.agent.device.as_deref() {
        require_device(links, device, &mut problems);
    }
    // The devices of another namespace are not known here.
    for collector in config.collectors.iter().filter(|collector| collector.namespace.is_none()) {
        if let Some(device) = collector.device.as_deref() {
            require_device(links, device, &mut problems);
        }
    }
    let samples_packets = modules.sample_packets(config);
    if config.polling_secs == 0 && config.json.is_none() && !samples_packets {
        problems.push("nothing is ever sent: polling is 0 and no block samples packets".to_owned());
    }
    problems.extend(without_effect(config, samples_packets));
    problems
}

/// The blocks and settings that need others, which are not there.
fn without_effect(config: &Config, samples_packets: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let polled: Vec<_> = polled_blocks(config).collect();
    if config.polling_secs == 0 && !polled.is_empty() {
        problems.push(format!("polling = 0: no counters of {} are sent", polled.join(", ")));
    }
    if config.tcp.is_some() && !samples_packets {
        problems.push("tcp: no block samples packets for it to look up".to_owned());
    }
    if config.budget.is_some() && config.taps.is_empty() {
        problems.push("budget: no pcap block samples packets".to_owned());
    }
    problems
}

/// The blocks whose only purpose is what is sent at each polling interval.
fn polled_blocks(config: &Config) -> impl Iterator<Item = &'static str> {
    let EntityRules { systemd, docker, containerd, k8s, .. } = &config.entities;
    let blocks = [
        ("ethtool", config.driver_counters.drivers == Drivers::All),
        ("host-metrics", config.host_metrics.is_some()),
        ("nvml", config.nvml),
        ("optics", config.optics_secs.is_some()),
        ("systemd", systemd.is_some_and(|rule| !rule.marks_traffic)),
        ("docker", docker.is_some_and(|rule| !rule.marks_traffic)),
        ("containerd", containerd.is_some_and(|rule| !rule.marks_traffic)),
        ("k8s", k8s.is_some_and(|rule| !rule.marks_traffic)),
    ];
    blocks.into_iter().filter_map(|(name, is_there)| is_there.then_some(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Collector, Host, JsonInput, RateSetting, TapRule};

    /// With the links of this machine, which are only read.
    #[test]
    fn missing_device_is_listed_once_with_those_that_exist() {
        let links = Links::open().unwrap();
        let modules = Modules::open(&Config::default()).unwrap();
        let problems = |config: &Config| problems(config, &links, &modules);
        assert_eq!(problems(&Config::default()), [""; 0]);
        let mut config = Config::default();
        config.agent.device = Some("no-such-1".to_owned());
        config.taps = vec![TapRule::device("no-such-1", None)];
        let collector = Collector::new(Host::Name("localhost".to_owned()));
        config.collectors = vec![Collector { device: Some("no-such-2".to_owned()), ..collector }];
        let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
        let line =
            |name| format!("there is no interface \"{name}\"; there are: {}", names.join(", "));
        assert_eq!(problems(&config), [line("no-such-1"), line("no-such-2")]);
    }

    #[test]
    fn blocks_that_need_others_are_problems_without_them() {
        let problems = |text: &str| {
            let file = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {text} }}");
            let config = Config::parse(&file).config.unwrap();
            let samples_packets = config.samples_packets() || config.nflog.is_some();
            without_effect(&config, samples_packets).join("; ")
        };
        let all = "nvml { } optics { } ethtool { } host-metrics { } systemd { } k8s { }";
        assert_eq!(problems(all), "");
        assert_eq!(
            problems(&format!("polling = 0 {all}")),
            "polling = 0: no counters of ethtool, host-metrics, nvml, optics, systemd, k8s are sent"
        );
        assert_eq!(problems("polling = 0 docker { markTraffic = on } pcap { }"), "");
        assert!(problems("tcp { }").starts_with("tcp: no block samples packets"));
        assert_eq!(problems("tcp { } nflog { group = 1 }"), "");
        assert_eq!(
            problems("budget = 9 nflog { group = 1 }"),
            "budget: no pcap block samples packets"
        );
        assert_eq!(problems("budget = 9 pcap { }"), "");
    }

    #[test]
    fn agent_that_can_send_nothing_is_a_problem() {
        let links = Links::open().unwrap();
        let modules = Modules::open(&Config::default()).unwrap();
        let silent = |config: &Config| {
            problems(config, &links, &modules)
                .iter()
                .any(|text| text.starts_with("nothing is ever"))
        };
        let mut config = Config { polling_secs: 0, ..Config::default() };
        assert!(silent(&config));
        config.json = Some(JsonInput { port: 1, fifo: None });
        assert!(!silent(&config), "applications may send something");
        config.json = None;
        config.taps = vec![TapRule::device("lo", None)];
        assert!(!silent(&config));
        config.sampling.rate = Some(RateSetting { value: 0, position: None });
        assert!(silent(&config), "every rate is 0");
        config.polling_secs = 1;
        assert!(!silent(&config));
    }
}
