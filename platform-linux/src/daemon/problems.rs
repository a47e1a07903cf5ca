//! Requests of the configuration that this host cannot meet now.

use crate::config::Config;
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
    let is_silent = config.polling_secs == 0 && config.json.is_none();
    if is_silent && !modules.sample_packets(config) {
        problems.push("nothing is ever sent: polling is 0 and no block samples packets".to_owned());
    }
    problems
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
