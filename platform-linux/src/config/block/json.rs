//! `json { }`: samples that applications send as JSON, and the settings of single applications.

use super::super::Config;
use super::super::diagnostic::{Diagnostics, Position, quoted};
use super::super::rate::{DEFAULT_SAMPLING, MAX_SAMPLING};
use super::super::settings::push_bounded;
use super::super::tokens::{Block, Kind, Setting, Settings, Token, older, supported};
use super::super::value;

/// The ways by which applications send JSON messages to the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonInput {
    /// UDP port on 127.0.0.1 and ::1; 0: no socket.
    pub port: u16,
    /// Path of a FIFO.
    pub fifo: Option<String>,
}

/// Settings of applications, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppSettings {
    /// `sampling.app.<application>` and `sampling.app`.
    pub sampling: Vec<AppSetting<AppSampling>>,
    /// `polling.app.<application>` and `polling.app`, in seconds; 0: no counters.
    pub polling: Vec<AppSetting<u32>>,
}

/// A setting of one application and those below it: `shop` also applies to `shop.cart`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSetting<T> {
    /// The application; empty: all of them.
    pub application: String,
    /// The value of the setting.
    pub value: T,
    /// Position of the setting in the file.
    pub position: Position,
}

/// The sampling rate of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppSampling {
    /// 1 in N operations; 0: none.
    Fixed(u32),
    /// As many that about this number of samples a second results, 1..=[`MAX_BUDGET`]: N is a
    /// power of two and follows the number of operations.
    PerSecond(u32),
}

impl Config {
    /// The sampling rate of an application: that of the longest name that is the application's or
    /// one above it, else `sampling`, else 1 in 400.
    pub fn app_sampling(&self, application: &str) -> AppSampling {
        let default = self.sampling.rate.map_or(DEFAULT_SAMPLING, |rate| rate.value);
        let found = deepest(&self.applications.sampling, application);
        found.unwrap_or(AppSampling::Fixed(default))
    }

    /// Seconds between two counter samples of an application, 0..=300, found like its
    /// [sampling rate](Self::app_sampling), else `polling`.
    pub fn app_polling(&self, application: &str) -> u32 {
        deepest(&self.applications.polling, application).unwrap_or(self.polling_secs)
    }
}

impl<T> AppSetting<T> {
    fn applies_to(&self, application: &str) -> bool {
        let rest = application.strip_prefix(self.application.as_str());
        let is_above = |rest: &str| rest.is_empty() || rest.starts_with('.');
        self.application.is_empty() || rest.is_some_and(is_above)
    }
}

/// The same search as hsflowd's.
fn deepest<T: Copy>(settings: &[AppSetting<T>], application: &str) -> Option<T> {
    let matching = settings.iter().filter(|setting| setting.applies_to(application));
    matching.max_by_key(|setting| setting.application.len()).map(|setting| setting.value)
}

/// The block.
pub(in crate::config) static BLOCK: Block =
    Block::new("json", "samples from applications", &[PORT, FIFO], read);

/// The tokens of `sflow { }` that concern applications.
pub(in crate::config) const TOKENS: &[Token] = &[SAMPLING, POLLING, OLD_PORT, OLD_FIFO];

const PORT: Token = supported("udpport", UDP_PORT)
    .alias("jsonPort")
    .default("36343")
    .about("UDP port on 127.0.0.1 and ::1; 0: none, which is the default of a block with `fifo`");
const FIFO: Token = supported("fifo", PATH).alias("jsonFIFO").about(
    "read messages from this FIFO; it must exist, and the daemon's user may read and write it",
);
const SAMPLING: Token =
    supported("sampling.app.<application>", APP_RATE).alias("sampling.app").about(
        "sample 1 in N operations of the application, 0: none; or as many that about N samples a \
         second result: `sampling.app.web = 50/s`. `sampling.app`: of each other application",
    );
const POLLING: Token = supported("polling.app.<application>", SECONDS).alias("polling.app").about(
    "seconds between counter samples of the application, which the agent makes from its \
         operations if it sends none; 0: none. `polling.app`: of each other application",
);
const OLD_PORT: Token = older("jsonPort", UDP_PORT, "use json { udpport = ... }");
const OLD_FIFO: Token = older("jsonFIFO", PATH, "use json { fifo = ... }");

/// Applies the block. A second one replaces the first.
fn read(settings: &mut Settings<'_>, config: &mut Config) {
    let fifo = settings.value(&FIFO, path);
    let default = if fifo.is_some() { 0 } else { DEFAULT_PORT };
    let port = settings.last(&PORT, port).unwrap_or(default);
    if port == 0 && fifo.is_none() {
        settings.warn("this json block has neither a port nor a FIFO and receives nothing");
    }
    if config.json.replace(JsonInput { port, fifo }).is_some() {
        settings.warn("this json block replaces the one before it");
    }
}

/// Applies the settings of `sflow { }` that concern applications.
pub(super) fn read_outer(settings: &mut Settings<'_>, config: &mut Config) {
    let (port, fifo) = (settings.last(&OLD_PORT, port), settings.value(&OLD_FIFO, path));
    if port.is_some() || fifo.is_some() {
        let json = config.json.get_or_insert(JsonInput { port: 0, fifo: None });
        json.port = port.unwrap_or(json.port);
        json.fifo = fifo.or(json.fifo.take());
    }
    let applications = &mut config.applications;
    settings.each(&SAMPLING, |setting, problems| {
        let value = setting.parse(sampling, problems);
        put(&mut applications.sampling, setting, value, problems);
    });
    settings.each(&POLLING, |setting, problems| {
        let value = setting.number(problems);
        put(&mut applications.polling, setting, value, problems);
    });
}

/// Adds a setting of an application. The last one of each counts.
fn put<T>(
    list: &mut Vec<AppSetting<T>>,
    setting: &Setting,
    value: Option<T>,
    problems: &mut Diagnostics,
) {
    let Some(value) = value else { return };
    let application = setting.token.wildcard(&setting.name).unwrap_or_default();
    if let Some(old) = list.iter().find(|old| old.application == application) {
        setting.warn_replaced(old.position, problems);
    }
    list.retain(|old| old.application != application);
    let entry = AppSetting { application: application.into(), value, position: setting.at };
    push_bounded(list, entry, setting.at, problems);
}

fn port(setting: &Setting, problems: &mut Diagnostics) -> Option<u16> {
    setting.number(problems).and_then(|port| u16::try_from(port).ok())
}

fn path(text: &str) -> Result<String, String> {
    match text.starts_with('/') {
        true => Ok(text.into()),
        // The daemon's working directory depends on who starts it.
        false => Err(format!("{} is not an absolute path", quoted(text))),
    }
}

fn sampling(text: &str) -> Result<AppSampling, String> {
    let malformed = |_| format!("{} is neither N nor N/s, such as 400 or 50/s", quoted(text));
    let (digits, range, kind): (_, _, fn(u32) -> AppSampling) = match text.strip_suffix("/s") {
        Some(digits) => (digits, 1..=MAX_BUDGET, AppSampling::PerSecond),
        None => (text, 0..=MAX_SAMPLING, AppSampling::Fixed),
    };
    let number = value::number(digits, value::NUMBER_SUFFIXES).map_err(malformed)?;
    if number.octal {
        return Err(format!("{} is octal; remove the leading 0", quoted(text)));
    }
    let value = u32::try_from(number.value).ok().filter(|value| range.contains(value));
    let (low, high) = (range.start(), range.end());
    value.map(kind).ok_or_else(|| format!("{} is out of range {low}..={high}", quoted(text)))
}

const UDP_PORT: Kind = Kind::Number(0..=65_535);
const SECONDS: Kind = Kind::Number(0..=300);
const PATH: Kind = Kind::Word("a path");
const APP_RATE: Kind = Kind::Word("0..10000000, or 1..10000/s");
/// The port that the examples of hsflowd use.
const DEFAULT_PORT: u16 = 36_343;
/// The most samples per second that an application can be given, as many as the whole of an agent
/// should send.
pub const MAX_BUDGET: u32 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{accepted, assert_lines, warned};

    fn input(text: &str) -> (u16, Option<String>) {
        let json = accepted(text).json.unwrap();
        (json.port, json.fifo)
    }

    #[test]
    fn ports_and_fifos() {
        assert_eq!(accepted("polling = 1").json, None);
        let fifo = || Some("/run/f".to_owned());
        assert_eq!(input("json { }"), (36_343, None));
        assert_eq!(input("json { udpport = 5000 }"), (5000, None));
        assert_eq!(input("json { jsonPort = 5000 }"), (5000, None));
        assert_eq!(input("json { fifo = /run/f }"), (0, fifo()), "no port was requested");
        assert_eq!(input("json { fifo = /run/f udpport = 7 }"), (7, fifo()));
        assert_eq!(input("jsonPort = 5000"), (5000, None));
        assert_eq!(input("jsonFIFO = /run/f"), (0, fifo()));
        assert_eq!(input("json { fifo = /run/f } jsonPort = 8"), (8, fifo()));
        let twice = "json { udpport = 1 } json { udpport = 2 }";
        assert_eq!(warned(twice).json.map(|json| json.port), Some(2));
        assert_lines(&[
            (twice, "f:2:22: warning: this json block replaces the one before it"),
            (
                "json { udpport = 0 }",
                "f:2:1: warning: this json block has neither a port nor a FIFO and receives \
                 nothing",
            ),
            (
                "json { udpport = 65536 }",
                r#"f:2:18: error: "udpport" = 65536 is out of range 0..=65535"#,
            ),
            ("json { fifo = f }", r#"f:2:15: error: "f" is not an absolute path"#),
        ]);
    }

    #[test]
    fn rate_of_an_application_is_that_of_the_longest_name() {
        let text = "sampling = 7 sampling.app.shop = 100 sampling.app.shop.cart = 50/s";
        let config = accepted(text);
        let rate = |application| config.app_sampling(application);
        assert_eq!(rate("shop"), AppSampling::Fixed(100));
        assert_eq!(rate("shop.cart"), AppSampling::PerSecond(50));
        assert_eq!(rate("shop.cart.add"), AppSampling::PerSecond(50));
        assert_eq!(rate("shop.carton"), AppSampling::Fixed(100));
        assert_eq!(rate("shopping"), AppSampling::Fixed(7), "another application");
        assert_eq!(rate("Shop"), AppSampling::Fixed(7), "names have case");
        let all = accepted("sampling.app = 0 sampling.app.a = 1K");
        assert_eq!(all.app_sampling("b"), AppSampling::Fixed(0));
        assert_eq!(all.app_sampling("a"), AppSampling::Fixed(1000));
        assert_eq!(accepted("polling = 1").app_sampling("a"), AppSampling::Fixed(400));
    }

    #[test]
    fn polling_of_an_application_is_that_of_the_longest_name() {
        let config = accepted("polling = 20 polling.app.a = 5 polling.app.b = 0");
        let polling = ["a", "a.x", "b", "c"].map(|application| config.app_polling(application));
        assert_eq!(polling, [5, 5, 0, 20]);
        assert_eq!(accepted("polling.app = 60").app_polling("c"), 60);
    }

    #[test]
    fn mistakes_in_rates_are_reported() {
        assert_eq!(
            warned("sampling.app.a = 1 sampling.app.a = 2").app_sampling("a"),
            AppSampling::Fixed(2)
        );
        assert_lines(&[
            (
                "sampling.app.a = 1\nsampling.app.a = 2",
                r#"f:3:1: warning: "sampling.app.a" overrides the value on line 2"#,
            ),
            (
                "sampling.app.a = often",
                r#"f:2:18: error: "often" is neither N nor N/s, such as 400 or 50/s"#,
            ),
            (
                "sampling.app.a = 50/m",
                r#"f:2:18: error: "50/m" is neither N nor N/s, such as 400 or 50/s"#,
            ),
            ("sampling.app.a = 0/s", r#"f:2:18: error: "0/s" is out of range 1..=10000"#),
            (
                "sampling.app.a = 10000001",
                r#"f:2:18: error: "10000001" is out of range 0..=10000000"#,
            ),
            ("sampling.app.a = 010", r#"f:2:18: error: "010" is octal; remove the leading 0"#),
            (
                "polling.app.a = 301",
                r#"f:2:17: error: "polling.app.a" = 301 is out of range 0..=300"#,
            ),
        ]);
    }
}
