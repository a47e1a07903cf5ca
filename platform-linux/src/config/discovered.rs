//! Settings that DNS publishes for all agents of a domain, in place of those of the file.

use super::block::sflow;
use super::collector_host;
use super::diagnostic::{Diagnostic, Diagnostics, Position, Severity, quoted};
use super::grammar::SFLOW;
use super::settings::push_bounded;
use super::tokens::{Kind, Setting, Settings, Value};
use super::{Collector, Config};

/// What was found, not checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovered {
    /// Host and port of the collectors.
    pub collectors: Vec<(String, u16)>,
    /// Names of settings, as in a file, with their values.
    pub settings: Vec<(String, String)>,
}

impl Config {
    /// This configuration with what was discovered: its collectors are added, its settings replace
    /// those of the file. What is wrong is left out, with a message.
    #[must_use]
    pub fn with_discovered(&self, discovered: &Discovered) -> (Self, Vec<String>) {
        let (mut config, mut problems) = (self.clone(), Diagnostics::default());
        add_collectors(discovered, &mut config, &mut problems);
        let pairs = discovered.settings.iter().zip(1..).filter(|((name, _), _)| !is_ignored(name));
        let list =
            pairs.filter_map(|(pair, number)| setting(pair, number, &mut problems)).collect();
        let mut settings = Settings { at: Position::DNS, list, problems: &mut problems };
        sflow::read(&mut settings, &mut config);
        let messages = problems.into_list().into_iter();
        let wrong = messages.filter(|found| found.severity == Severity::Error);
        (config, wrong.map(|found| discovered.in_place(found)).collect())
    }
}

impl Discovered {
    /// The message of a problem, after the string of the TXT record that has it.
    fn in_place(&self, Diagnostic { column, message, .. }: Diagnostic) -> String {
        let place = usize::try_from(column).ok().and_then(|number| number.checked_sub(1));
        match place.and_then(|place| self.settings.get(place)) {
            Some((name, value)) => format!("TXT {}: {message}", quoted(&format!("{name}={value}"))),
            None => message,
        }
    }
}

fn add_collectors(discovered: &Discovered, config: &mut Config, problems: &mut Diagnostics) {
    for (host, port) in &discovered.collectors {
        match collector_host(host) {
            Ok(host) if *port != 0 => {
                let collector = Collector { port: *port, ..Collector::new(host) };
                if !config.collectors.contains(&collector) {
                    push_bounded(&mut config.collectors, collector, Position::DNS, problems);
                }
            }
            Ok(_) => problems.error(Position::DNS, format!("{}: the port is 0", quoted(host))),
            Err(message) => problems.error(Position::DNS, message),
        }
    }
}

/// The setting as the parser makes it of a line `name = value`.
fn setting(
    (name, text): &(String, String),
    number: u32,
    problems: &mut Diagnostics,
) -> Option<Setting> {
    let at = Position::in_dns(number);
    let token = SFLOW
        .find(name)
        .filter(|token| !matches!(token.kind, Kind::Block(_)) && PUBLISHED.contains(&token.name));
    let Some(token) = token else {
        problems.error(at, format!("{} cannot be set by DNS", quoted(name)));
        return None;
    };
    let value = Value { text: text.clone(), at };
    Some(Setting { token, name: name.clone(), at, value: Some(value) })
}

/// `txtvers` is the version of the record (RFC 6763, section 6.7).
fn is_ignored(name: &str) -> bool {
    name.eq_ignore_ascii_case("txtvers")
}

/// The settings that every host of a domain can share, by the names of their tokens.
const PUBLISHED: &[&str] = &[
    "sampling",
    "sampling.<speed>",
    "sampling.bps_ratio",
    "sampling.app.<application>",
    "polling",
    "polling.app.<application>",
    "budget",
    "headerBytes",
    "datagramBytes",
    "agent",
    "agentIP",
    "agent.cidr",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(settings: &[(&str, &str)]) -> Discovered {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Discovered {
            collectors: vec![("c.example".into(), 6344), ("192.0.2.7".into(), 6343)],
            settings: settings.iter().map(owned).collect(),
        }
    }

    fn file() -> Config {
        let text = "sflow { sampling = 7 polling = 5 subAgentId = 3 uuid = \
            00000000-0000-0000-0000-000000000001 collector { ip = 192.0.2.7 } pcap { dev = eth0 } }";
        Config::parse(text).config.unwrap()
    }

    #[test]
    fn settings_replace_those_of_the_file_and_the_rest_stays() {
        let (config, problems) = file().with_discovered(&found(&[
            ("sampling", "400"),
            ("Sampling.10G", "5000"),
            ("headerBytes", "64"),
            ("txtvers", "1"),
        ]));
        assert_eq!(problems, [""; 0]);
        assert_eq!(config.sampling.rate.unwrap().to_string(), "400 from DNS");
        assert_eq!(config.sampling.by_speed[0].rate.value, 5000);
        assert_eq!((config.header_bytes, config.polling_secs, config.sub_agent_id), (64, 5, 3));
        assert_eq!((config.uuid, config.taps.len()), (file().uuid, 1));
        let collectors: Vec<String> = config.collectors.iter().map(ToString::to_string).collect();
        assert_eq!(collectors, ["192.0.2.7:6343", "c.example:6344"], "no collector twice");
        let (config, _) = file().with_discovered(&Discovered::default());
        assert_eq!(config, file());
    }

    #[test]
    fn what_is_wrong_is_left_out_and_reported() {
        let hostile = [
            ("sampling", "400 } pcap { dev = lo"),
            ("headerBytes", "13"),
            ("polling", "99999999999999999999"),
            ("agent.cidr", "::1/100000"),
            ("uuid", "00000000-0000-0000-0000-000000000002"),
            ("collector", "x"),
            ("smapling", "1"),
            ("", ""),
        ];
        let mut discovered = found(&hostile);
        discovered.collectors = vec![("a b".into(), 1), ("c.example".into(), 0)];
        let (config, problems) = file().with_discovered(&discovered);
        assert_eq!(config, file());
        assert_eq!(problems.len(), 10, "{problems:#?}");
        for (place, message) in [
            ("sampling=400 } pcap { dev = lo", "\"400 } pcap { dev = lo\" is not a whole number"),
            ("headerBytes=13", "\"headerBytes\" = 13 is out of range 14..=256"),
            ("smapling=1", "\"smapling\" cannot be set by DNS"),
        ] {
            let problem = format!("TXT \"{place}\": {message}");
            assert!(problems.contains(&problem), "{problem}: {problems:#?}");
        }
        assert!(problems.contains(&"\"c.example\": the port is 0".to_owned()), "{problems:#?}");
    }
}
