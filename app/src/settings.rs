//! The settings that the agent publishes: `/etc/hsflowd.auto`.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// The settings of the agent that concern applications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The port on the loopback addresses where the agent receives messages.
    pub(crate) port: u16,
    sampling: Rate,
    /// Seconds; 0: off.
    polling: u32,
    /// `sampling.app` (the empty name) and `sampling.app.NAME`.
    sampling_of: BTreeMap<String, Rate>,
    /// `polling.app` and `polling.app.NAME`.
    polling_of: BTreeMap<String, u32>,
}

/// How many operations are reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// 1 in N; 0: none.
    Fixed(u32),
    /// About so many per second, never 0.
    PerSecond(u32),
}

impl Default for Settings {
    /// Those of hsflowd and of Flowmote without any configuration.
    fn default() -> Self {
        Self {
            port: 36_343,
            sampling: Rate::Fixed(400),
            polling: 30,
            sampling_of: BTreeMap::new(),
            polling_of: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Returns `None` if the text is not that of one moment: hsflowd writes the file in place, and
    /// its first and its last line have the same number only when it is complete.
    fn parse(text: &str) -> Option<Self> {
        let mut settings = Self::default();
        let (mut start, mut end) = (None, None);
        for line in text.lines() {
            // The name of an application may have any character.
            let Some((name, value)) = line.rsplit_once('=') else { continue };
            match name {
                "rev_start" => start = Some(value),
                "rev_end" => end = Some(value),
                _ => settings.apply(name, value),
            }
        }
        (start.is_some() && start == end).then_some(settings)
    }

    /// Applies a line, unless it concerns no application or its value is of another kind.
    fn apply(&mut self, name: &str, value: &str) {
        match name {
            "sampling" => self.sampling = Rate::parse(value).unwrap_or(self.sampling),
            "polling" => self.polling = value.parse().unwrap_or(self.polling),
            "jsonPort" => {
                self.port = value.parse().ok().filter(|&port| port != 0).unwrap_or(self.port);
            }
            _ => {
                if let (Some(name), Some(rate)) = (below("sampling", name), Rate::parse(value)) {
                    self.sampling_of.insert(name.to_owned(), rate);
                } else if let (Some(name), Ok(secs)) = (below("polling", name), value.parse()) {
                    self.polling_of.insert(name.to_owned(), secs);
                }
            }
        }
    }

    /// How many operations of an application are reported.
    pub(crate) fn sampling_of(&self, application: &str) -> Rate {
        deepest(&self.sampling_of, application).unwrap_or(self.sampling)
    }

    /// The time between two reports of the counters of an application; `None`: off.
    pub(crate) fn polling_of(&self, application: &str) -> Option<Duration> {
        let seconds = deepest(&self.polling_of, application).unwrap_or(self.polling);
        (seconds > 0).then(|| Duration::from_secs(seconds.into()))
    }
}

impl Rate {
    /// `400`, or `50/s`.
    fn parse(text: &str) -> Option<Self> {
        match text.strip_suffix("/s") {
            Some(text) => text.parse().ok().filter(|&number| number > 0).map(Self::PerSecond),
            None => text.parse().ok().map(Self::Fixed),
        }
    }
}

/// The application that `what.app` or `what.app.NAME` names.
fn below<'a>(what: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(what)?.strip_prefix(".app")?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('.') }
}

/// The value of the longest name that is the application's, or one above it: `shop` also is the name
/// of `shop.cart`.
fn deepest<T: Copy>(settings: &BTreeMap<String, T>, application: &str) -> Option<T> {
    let mut name = application;
    loop {
        if let Some(found) = settings.get(name) {
            return Some(*found);
        }
        match name.rsplit_once('.') {
            Some((above, _)) => name = above,
            None => return settings.get("").copied(),
        }
    }
}

/// The file, read again only when it has changed.
#[derive(Debug)]
pub(crate) struct SettingsFile {
    path: PathBuf,
    /// Of the file that was read last.
    identity: Option<Identity>,
}

/// What differs between two versions of a file: device, inode, modification time, size.
type Identity = (u64, u64, i64, i64, u64);

impl SettingsFile {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, identity: None }
    }

    /// The settings, if they may have changed since the last call. A file that is not there, cannot
    /// be read or is incomplete changes nothing.
    pub(crate) fn changed(&mut self) -> Option<Settings> {
        let identity = identity(&std::fs::metadata(&self.path).ok().filter(Metadata::is_file)?);
        if self.identity == Some(identity) {
            return None;
        }
        let settings = Settings::parse(&self.read().ok()?)?;
        // Of before the read: a change meanwhile is seen at the next call.
        self.identity = Some(identity);
        Some(settings)
    }

    fn read(&self) -> io::Result<String> {
        let mut text = String::new();
        File::open(&self.path)?.take(MAX_BYTES).read_to_string(&mut text)?;
        Ok(text)
    }
}

fn identity(file: &Metadata) -> Identity {
    (file.dev(), file.ino(), file.mtime(), file.mtime_nsec(), file.size())
}

/// Many times a file with a line for each of hundreds of collectors and applications.
const MAX_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# comment\nrev_start=7\nhostname=a\nsampling=50\nsampling.10G=5000\n\
        sampling.app.shop=10\nsampling.app.shop.cart=30/s\nsampling.app.a=b=2\npolling=20\n\
        polling.app.shop=5\npolling.app=60\ncollector=192.0.2.1 7\njsonPort=4000\nds_index=1\n\
        rev_end=7\n";

    #[test]
    fn settings_of_an_application_precede_those_of_all() {
        let settings = Settings::parse(TEXT).unwrap();
        let fixed =
            |name, rate| assert_eq!(settings.sampling_of(name), Rate::Fixed(rate), "{name}");
        fixed("shop", 10);
        fixed("shop.search", 10);
        fixed("shopping", 50);
        fixed("a=b", 2);
        fixed("10G", 50);
        assert_eq!(settings.sampling_of("shop.cart.add"), Rate::PerSecond(30));
        let seconds = |name| settings.polling_of(name).map(|polling| polling.as_secs());
        assert_eq!(
            [seconds("shop"), seconds("shop.x"), seconds("y")].map(Option::unwrap),
            [5, 5, 60]
        );
        assert_eq!(settings.port, 4000);
        let all = Settings::parse("rev_start=1\nsampling.app=7\nsampling=50\nrev_end=1").unwrap();
        assert_eq!(all.sampling_of("shop"), Rate::Fixed(7));
    }

    #[test]
    fn file_of_two_moments_is_not_used() {
        assert_eq!(Settings::parse(&TEXT.replace("rev_end=7", "rev_end=6")), None);
        assert_eq!(Settings::parse(&TEXT.replace("rev_end=7\n", "")), None);
        assert_eq!(Settings::parse(&TEXT.replace("rev_start=7\n", "")), None);
        assert_eq!(Settings::parse(""), None);
    }

    #[test]
    fn values_that_are_no_numbers_change_nothing() {
        let text =
            "rev_start=1\nsampling=\njsonPort=0\npolling=-1\nsampling.app.x=0/s\nrev_end=1\n";
        assert_eq!(Settings::parse(text), Some(Settings::default()));
        let off = Settings::parse("rev_start=1\nsampling=0\npolling=0\nrev_end=1\n").unwrap();
        assert_eq!((off.sampling_of("x"), off.polling_of("x")), (Rate::Fixed(0), None));
    }

    #[test]
    fn file_is_read_again_only_after_a_change() {
        let path = std::env::temp_dir().join(format!("flowmote-app-{}.auto", std::process::id()));
        let mut file = SettingsFile::new(path.clone());
        assert_eq!(file.changed(), None, "there is none");
        std::fs::write(&path, TEXT.replace("rev_end=7", "rev_end=6")).unwrap();
        assert_eq!((file.changed(), file.identity), (None, None), "being written");
        std::fs::write(&path, TEXT).unwrap();
        assert_eq!(file.changed(), Settings::parse(TEXT));
        assert_eq!(file.changed(), None);
        // Of the same size, as after a rename(2).
        let new = path.with_extension("new");
        std::fs::write(&new, TEXT.replace("sampling=50", "sampling=60")).unwrap();
        std::fs::rename(&new, &path).unwrap();
        assert_eq!(file.changed().unwrap().sampling_of("x"), Rate::Fixed(60));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(file.changed(), None);
    }
}
