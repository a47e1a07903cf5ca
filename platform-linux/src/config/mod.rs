//! The configuration of the agent: a strict parser for the syntax of `hsflowd.conf`.
//!
//! ```
//! use flowmote::config::Config;
//!
//! let parsed = Config::parse("sflow { smapling = 400 collector { ip = 192.0.2.1 } }");
//! assert!(parsed.config.is_none());
//! assert_eq!(
//!     parsed.diagnostics[0].in_file("flowmote.conf").to_string(),
//!     r#"flowmote.conf:1:9: error: unknown token "smapling"; did you mean "sampling"?"#
//! );
//! ```
//!
//! A file that hsflowd accepts is accepted, with a warning for each token that has no effect in
//! Flowmote. Input that hsflowd misreads or crashes on is an error. The documentation for users is
//! `docs/configuration.md`.

mod agent_address;
mod block;
mod diagnostic;
mod discovered;
mod grammar;
mod lexer;
mod migrate;
mod parser;
mod rate;
mod reference;
mod settings;
mod source;
#[cfg(any(test, feature = "_testing"))]
pub mod testing;
mod tokens;
pub(crate) mod value;

#[cfg(test)]
mod tests;

use core::num::NonZeroU32;

use core::net::SocketAddr;

use self::diagnostic::Diagnostics;

pub use self::agent_address::{
    AddressClass, AddressState, AgentChoice, Candidate, CidrRule, Elected, Reason, Standing, Way,
    elect, standing,
};
pub(crate) use self::block::cloud::endpoint as metadata_endpoint;
pub use self::block::cloud::{CloudChoice, CloudProvider, CloudRule};
use self::block::collector::host_of as collector_host;
pub(crate) use self::block::collector::needs_device;
pub use self::block::collector::{Collector, Host, ParseCollectorError, Source};
pub use self::block::dns_sd::Discovery;
pub use self::block::dropmon::{DropmonRule, Monitored};
pub use self::block::entities::{EntityRule, EntityRules};
pub use self::block::ethtool::{DriverCounters, Drivers};
pub use self::block::host_metrics::HostMetrics;
pub use self::block::json::{AppSampling, AppSetting, AppSettings, JsonInput, MAX_BUDGET};
pub use self::block::nflog::NflogRule;
pub use self::block::pcap::{
    Captured, Direction, LinkKind, LinkTraits, Mismatch, Pattern, Selector, TapRule,
};
pub use self::block::psample::PsampleRule;
pub use self::block::tcp::SocketLookup;
pub use self::diagnostic::{Diagnostic, Position, Severity};
pub use self::discovered::Discovered;
pub use self::migrate::migrate;
pub use self::rate::{
    Bound, DEFAULT_SAMPLING, MAX_SAMPLING, RateReason, RateSetting, Sampling, Speed, SpeedRate,
};
pub use self::reference::{BlockReference, TokenReference, blocks, reference};
pub use self::value::{Cidr, SpeedRange};

/// Default paths of the configuration file; the first that exists is used.
pub const DEFAULT_PATHS: [&str; 2] = ["/etc/flowmote.conf", "/etc/hsflowd.conf"];

/// The settings of the agent.
///
/// [`Config::parse`] guarantees the range of each number. Options of the command line replace
/// `collectors`, `taps`, `sampling.rate` and `polling_secs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Receivers of datagrams: at least one, except with `discovery` and after
    /// [`Config::parse_without_collectors`].
    pub collectors: Vec<Collector>,
    /// Where further collectors and settings are looked up; `None`: nowhere.
    pub discovery: Option<Discovery>,
    /// Sampling rates for all interfaces; a tap can override them. See [`Config::sampling_rate`].
    pub sampling: Sampling,
    /// Seconds between two counter samples of a data source, 0..=300; 0 disables them. Default 30.
    pub polling_secs: u32,
    /// Bytes to send of each sampled packet, 14..=256. Default 128.
    pub header_bytes: u32,
    /// Largest UDP payload in bytes, 200..=8192. Default 1400.
    pub datagram_bytes: u32,
    /// Preferences for the agent address; see [`elect`].
    pub agent: AgentChoice,
    /// Sub-agent id, 0..=199,999. Default 100,000 as in hsflowd, which adds 1 if there are only
    /// counters; Flowmote does not, so that the id is stable.
    pub sub_agent_id: u32,
    /// UUID of the host, in the byte order of its text; `None`: the UUID from DMI or machine-id.
    pub uuid: Option<[u8; 16]>,
    /// Interfaces to sample packets on; see [`Config::tap_for`]. Empty: counters only.
    pub taps: Vec<TapRule>,
    /// Packet samples of all interfaces together, per second: when there are more, sampling rates
    /// rise. `None`: the rates are those of the configuration.
    pub budget: Option<NonZeroU32>,
    /// Packets sampled by the firewall; `None`: no such source.
    pub nflog: Option<NflogRule>,
    /// Where the agent's own counters are served over HTTP; `None`: nowhere.
    pub metrics: Option<SocketAddr>,
    /// Services, containers and pods with counters of their own.
    pub entities: EntityRules,
    /// Samples from applications; `None`: no such source.
    pub json: Option<JsonInput>,
    /// Settings of single applications; see [`Config::app_sampling`].
    pub applications: AppSettings,
    /// The sockets of sampled packets are looked up; `None`: they are not.
    pub tcp: Option<SocketLookup>,
    /// Identity of the instance in its cloud.
    pub cloud: CloudRule,
    /// Packets sampled by tc, Open vSwitch or a switch chip; `None`: no such source.
    pub psample: Option<PsampleRule>,
    /// Dropped packets; `None`: these are not reported.
    pub dropmon: Option<DropmonRule>,
    /// Counters of the drivers of adapters.
    pub driver_counters: DriverCounters,
    /// Metrics of the host beside the standard counters; `None`: none.
    pub host_metrics: Option<HostMetrics>,
    /// True if counters of NVIDIA GPUs are sent.
    pub nvml: bool,
    /// Seconds between two reads of optical modules, 30..=86,400; `None`: they are not read.
    pub optics_secs: Option<u32>,
}

/// The outcome of parsing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The configuration; `None` if one of `diagnostics` is an error.
    pub config: Option<Config>,
    /// All problems in the order of the text, at most 100 and one that reports that there are more.
    pub diagnostics: Vec<Diagnostic>,
}

impl Config {
    /// Parses the text of a configuration file.
    pub fn parse(text: &str) -> Parsed {
        parse(text, true)
    }

    /// Parses a file that needs no collector, because the command line supplies them.
    pub fn parse_without_collectors(text: &str) -> Parsed {
        parse(text, false)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            collectors: Vec::new(),
            discovery: None,
            sampling: Sampling::default(),
            polling_secs: 30,
            header_bytes: 128,
            datagram_bytes: 1400,
            agent: AgentChoice::default(),
            sub_agent_id: 100_000,
            uuid: None,
            taps: Vec::new(),
            budget: None,
            nflog: None,
            metrics: None,
            entities: EntityRules::default(),
            json: None,
            applications: AppSettings::default(),
            tcp: None,
            cloud: CloudRule::default(),
            psample: None,
            dropmon: None,
            driver_counters: DriverCounters::default(),
            host_metrics: None,
            nvml: false,
            optics_secs: None,
        }
    }
}

fn parse(text: &str, needs_collector: bool) -> Parsed {
    if text.len() > MAX_BYTES {
        let mut problems = Diagnostics::default();
        problems.error(Position::START, format!("the file is larger than {MAX_BYTES} bytes"));
        return Parsed { config: None, diagnostics: problems.into_list() };
    }
    let (config, diagnostics) = parser::parse(text, needs_collector);
    Parsed { config, diagnostics }
}

/// Largest file. A configuration with a block for each of hundreds of interfaces has a tenth.
const MAX_BYTES: usize = 1 << 20;
