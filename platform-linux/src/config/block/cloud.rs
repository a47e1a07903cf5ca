//! `cloud { }`: identity of the instance from the metadata service of its cloud.

use core::net::{IpAddr, SocketAddr};

use super::super::Config;
use super::super::diagnostic::quoted;
use super::super::tokens::{Block, Kind, Settings, Token, supported};
use super::super::value;

/// Identity of an instance, and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloudRule {
    /// The cloud whose metadata service is queried.
    pub provider: CloudChoice,
    /// True if tags are queried too.
    pub tags: bool,
    /// Seconds between two queries, 60..=86,400.
    pub refresh_secs: u32,
    /// Address of the metadata service; `None`: that of the provider.
    pub endpoint: Option<SocketAddr>,
}

/// `provider` of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudChoice {
    /// The one that the firmware of the machine names, if any.
    Auto,
    /// This one, whatever the firmware names.
    Only(CloudProvider),
    /// None: nothing is queried or sent.
    Off,
}

/// A cloud with a metadata service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloudProvider {
    /// Amazon EC2.
    Ec2,
    /// Google Compute Engine.
    Gcp,
    /// Microsoft Azure.
    Azure,
}

impl CloudProvider {
    /// The name, as in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
        }
    }
}

impl Default for CloudRule {
    fn default() -> Self {
        Self { provider: CloudChoice::Auto, tags: true, refresh_secs: 300, endpoint: None }
    }
}

/// The block.
pub(in crate::config) static BLOCK: Block = Block::new(
    "cloud",
    "identity of the instance; on without this block where the firmware names a cloud",
    &[PROVIDER, TAGS, REFRESH, ENDPOINT],
    read,
);

const PROVIDER: Token = supported("provider", Kind::Word("auto, ec2, gcp, azure or off"))
    .default("auto")
    .about("the cloud; `auto` is the one that the firmware (DMI) names");
const TAGS: Token =
    supported("tags", Kind::Switch).default("on").about("also query and send the tags");
const REFRESH: Token = supported("refresh", Kind::Number(60..=86_400))
    .default("300")
    .about("seconds between two queries; changes of interfaces cause another one");
const ENDPOINT: Token = supported("endpoint", Kind::Word("http://address[:port]"))
    .default("of the provider")
    .about("the metadata service, by IPv4 or IPv6 address");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let default = CloudRule::default();
    let rule = CloudRule {
        provider: settings.value(&PROVIDER, provider).unwrap_or(default.provider),
        tags: settings.value(&TAGS, value::switch).unwrap_or(default.tags),
        refresh_secs: settings.number(&REFRESH).unwrap_or(default.refresh_secs),
        endpoint: settings.value(&ENDPOINT, endpoint),
    };
    if config.cloud != default {
        settings.warn("this cloud block replaces the one before it");
    }
    config.cloud = rule;
}

fn provider(text: &str) -> Result<CloudChoice, String> {
    let all = [CloudProvider::Ec2, CloudProvider::Gcp, CloudProvider::Azure];
    let named = |provider: &&CloudProvider| provider.name().eq_ignore_ascii_case(text);
    match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(CloudChoice::Auto),
        "off" => Ok(CloudChoice::Off),
        _ => (all.iter().find(named).map(|provider| CloudChoice::Only(*provider)))
            .ok_or_else(|| format!("{} is not auto, ec2, gcp, azure or off", quoted(text))),
    }
}

/// Parses `http://ADDRESS[:PORT]`, an IPv6 address in brackets. The port is 80 by default.
///
/// # Errors
/// A message for anything else. Names are refused, because a name server could then choose the service.
pub(crate) fn endpoint(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix("http://").unwrap_or(text);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    let without_port = || {
        let inner = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        inner.unwrap_or(bare).parse::<IpAddr>().map(|address| SocketAddr::new(address, 80))
    };
    bare.parse::<SocketAddr>()
        .or_else(|_| without_port())
        .map_err(|_| format!("{} is not http://ADDRESS or http://ADDRESS:PORT", quoted(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(block: &str) -> (Option<CloudRule>, Vec<String>) {
        let text = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {block} }}");
        let parsed = Config::parse(&text);
        let problems = parsed.diagnostics.iter().map(|problem| problem.in_file("f").to_string());
        (parsed.config.map(|config| config.cloud), problems.collect())
    }

    #[test]
    fn all_settings_are_read() {
        let text =
            "cloud { provider = GCP tags = off refresh = 600 endpoint = http://127.0.0.1:81 }";
        let rule = CloudRule {
            provider: CloudChoice::Only(CloudProvider::Gcp),
            tags: false,
            refresh_secs: 600,
            endpoint: Some("127.0.0.1:81".parse().unwrap()),
        };
        assert_eq!(parse(text), (Some(rule), Vec::new()));
        assert_eq!(parse("cloud { }"), (Some(CloudRule::default()), Vec::new()));
        let off = CloudRule { provider: CloudChoice::Off, ..CloudRule::default() };
        assert_eq!(parse("cloud { provider = off }"), (Some(off), Vec::new()));
    }

    #[test]
    fn wrong_values_are_errors() {
        for (block, message) in [
            ("cloud { provider = aws }", "\"aws\" is not auto, ec2, gcp, azure or off"),
            ("cloud { refresh = 10 }", "\"refresh\" = 10 is out of range 60..=86400"),
            ("cloud { endpoint = metadata }", "is not http://ADDRESS or http://ADDRESS:PORT"),
            ("cloud { tags = yes }", "\"yes\" is neither on nor off"),
        ] {
            let (rule, problems) = parse(block);
            assert!(rule.is_none() && problems[0].contains(message), "{problems:?}");
        }
    }

    #[test]
    fn endpoint_is_an_address_with_an_optional_port() {
        for (text, expected) in [
            ("http://169.254.169.254", "169.254.169.254:80"),
            ("http://169.254.169.254/", "169.254.169.254:80"),
            ("169.254.169.254:8080", "169.254.169.254:8080"),
            ("http://[fd00:ec2::254]", "[fd00:ec2::254]:80"),
            ("http://[fd00:ec2::254]:81/", "[fd00:ec2::254]:81"),
        ] {
            assert_eq!(endpoint(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in
            ["", "http://", "https://169.254.169.254", "http://a.example", "http://1.2.3.4/x"]
        {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
