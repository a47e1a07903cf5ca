//! The configuration of the agent: the grammar of `hsflowd.conf`, read strictly.
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
//! A file that hsflowd accepts is accepted; tokens without a meaning here are named in warnings.
//! What hsflowd misreads or crashes on is an error. `docs/configuration.md` has it all for users.

mod agent_address;
mod block;
mod diagnostic;
mod grammar;
mod lexer;
mod parser;
mod rate;
mod reference;
mod settings;
#[cfg(any(test, feature = "_testing"))]
pub mod testing;
mod tokens;
mod value;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use self::diagnostic::Diagnostics;

pub use self::agent_address::{
    AddressClass, AgentChoice, Candidate, CidrRule, Elected, Reason, elect,
};
pub use self::block::collector::{Collector, Host, ParseCollectorError};
pub use self::block::nflog::NflogRule;
pub use self::block::pcap::{LinkKind, LinkTraits, Pattern, Selector, TapRule};
pub use self::diagnostic::{Diagnostic, Position, Severity};
pub use self::rate::{
    Bound, DEFAULT_SAMPLING, MAX_SAMPLING, RateReason, RateSetting, Sampling, Speed, SpeedRate,
};
pub use self::reference::reference;
pub use self::value::{Cidr, SpeedRange};

/// Where the configuration is looked for, the first that exists.
pub const DEFAULT_PATHS: [&str; 2] = ["/etc/flowmote.conf", "/etc/hsflowd.conf"];

/// What the agent does.
///
/// Every number that [`Config::parse`] gives is in the range of its field. The command line adds
/// to `collectors` and `taps` and sets `sampling.rate` and `polling_secs`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where datagrams go, at least one unless the command line brings them.
    pub collectors: Vec<Collector>,
    /// Sampling rates, beside those of single taps; see [`Config::sampling_rate`].
    pub sampling: Sampling,
    /// Seconds between two counter samples of a data source, 0..=300; 0 is off. Default 30.
    pub polling_secs: u32,
    /// Bytes of a sampled packet that are sent, 14..=256. Default 128.
    pub header_bytes: u32,
    /// Largest UDP payload, 200..=8192. Default 1400.
    pub datagram_bytes: u32,
    /// How the agent address is elected; see [`elect`].
    pub agent: AgentChoice,
    /// 0..=199,999; the same whatever else is configured. Default 100,000 as in hsflowd.
    pub sub_agent_id: u32,
    /// UUID of the host, in the order of its text; `None`: ask the host.
    pub uuid: Option<[u8; 16]>,
    /// Interfaces with packet samples; see [`Config::tap_for`]. None: counters alone.
    pub taps: Vec<TapRule>,
    /// Packets sampled by the firewall; `None`: none.
    pub nflog: Option<NflogRule>,
}

/// The outcome of parsing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The configuration; `None` if one of `diagnostics` is an error.
    pub config: Option<Config>,
    /// All problems in the order of the text; after 100 a last one says that there are more.
    pub diagnostics: Vec<Diagnostic>,
}

impl Config {
    /// Parses the text of a configuration file.
    pub fn parse(text: &str) -> Parsed {
        parse(text, true)
    }

    /// The same for a file whose collectors the command line replaces: none is needed.
    pub fn parse_without_collectors(text: &str) -> Parsed {
        parse(text, false)
    }

    /// Reads the text of a configuration file, never more than can be parsed.
    ///
    /// Bytes that are not UTF-8, as in an old comment in Latin-1, become U+FFFD.
    ///
    /// # Errors
    /// Those of opening and reading the file.
    pub fn read(path: &Path) -> io::Result<String> {
        let mut bytes = Vec::new();
        // One byte more, so that parsing sees a file that is too large as such.
        File::open(path)?.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            collectors: Vec::new(),
            sampling: Sampling::default(),
            polling_secs: 30,
            header_bytes: 128,
            datagram_bytes: 1400,
            agent: AgentChoice::default(),
            sub_agent_id: 100_000,
            uuid: None,
            taps: Vec::new(),
            nflog: None,
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

/// Largest file; a configuration of hundreds of interfaces has a tenth of it.
const MAX_BYTES: usize = 1 << 20;
