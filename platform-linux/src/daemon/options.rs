//! The configuration in effect: a file, command-line options, or a file that options override.

use std::fmt;
use std::io::ErrorKind::PermissionDenied;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::Args;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, eaccess};

use crate::config::value;
use crate::config::{Collector, Config, DEFAULT_PATHS, MAX_SAMPLING, RateSetting, TapRule};

/// The configuration options of the command line.
#[derive(Args, Clone, Debug, Default)]
pub struct ConfigSource {
    /// Configuration file; - is standard input. Default, unless --interface or --collector is given: the first of
    /// /etc/flowmote.conf and /etc/hsflowd.conf that exists.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Sample packets on this interface instead of those selected in the file: its name, an
    /// alternative name or its alias. Repeatable.
    #[arg(short = 'i', long = "interface", value_name = "NAME", value_parser = value::device)]
    pub interfaces: Vec<String>,
    /// Sample 1 in N packets on every interface, as in 400 or 10K; 1 samples all packets, 0 none.
    /// Default by link speed: 1000 at 1 Gbit/s, 10000 at 10 Gbit/s, 400 if the speed is unknown.
    #[arg(short = 'n', long, value_name = "N", value_parser = whole_number(0..=MAX_SAMPLING))]
    pub sampling: Option<u32>,
    /// Interval between counter samples, 0 to 300 seconds; 0 disables them. Default 30, or as set in
    /// the file.
    #[arg(short, long, value_name = "SECONDS", value_parser = whole_number(0..=300))]
    pub polling: Option<u32>,
    /// Send to this collector instead of those in the file: an address or a host name, optionally
    /// followed by :PORT; an IPv6 address is then in brackets. ADDRESS%DEVICE sends through a device,
    /// which fe80::/10 needs. The default port is 6343. Repeatable.
    #[arg(short = 'o', long = "collector", value_name = "COLLECTOR")]
    pub collectors: Vec<Collector>,
}

/// A usable configuration and the warnings for it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration of the file, with the options applied.
    pub config: Config,
    /// The file; `None` if the configuration consists of options only.
    pub file: Option<PathBuf>,
    /// True if the file can be read again: standard input and pipes cannot.
    pub is_regular: bool,
    /// Warnings, each with file, line and column.
    pub warnings: Vec<String>,
}

/// The problems of an unusable configuration, errors and warnings in the order of the file.
///
/// Displayed with one problem per line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(pub Vec<String>);

impl ConfigSource {
    /// Reads the file, if any, and applies the options.
    ///
    /// # Errors
    /// All problems of the file and the options.
    pub fn load(&self) -> Result<Loaded, LoadError> {
        self.load_from(DEFAULT_PATHS)
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// Those of [`load`](Self::load), and a source that can be read once only: a second attempt
    /// could wait for ever, or find nothing.
    pub(super) fn reload(&self) -> Result<Loaded, LoadError> {
        let is_stream =
            |file: &PathBuf| is_standard_input(file) || file.exists() && !file.is_file();
        match self.path(DEFAULT_PATHS)? {
            Some(file) if is_stream(&file) => {
                let name = file.display();
                Err(LoadError::of(&format!("{name}: not a regular file, so it is read once only")))
            }
            _ => self.load(),
        }
    }

    fn load_from(&self, defaults: [&str; 2]) -> Result<Loaded, LoadError> {
        let mut loaded = match self.path(defaults)? {
            Some(path) => self.read(path)?,
            None => Loaded {
                config: Config::default(),
                file: None,
                is_regular: false,
                warnings: Vec::new(),
            },
        };
        self.apply(&mut loaded.config);
        if loaded.config.collectors.is_empty() && loaded.config.discovery.is_none() {
            return Err(LoadError::of("no collector; add --collector ADDRESS"));
        }
        Ok(loaded)
    }

    fn path(&self, defaults: [&str; 2]) -> Result<Option<PathBuf>, LoadError> {
        if let Some(file) = &self.file {
            return Ok(Some(file.clone()));
        }
        if !self.interfaces.is_empty() || !self.collectors.is_empty() {
            return Ok(None);
        }
        let found = defaults.into_iter().map(PathBuf::from).find(|path| path.exists());
        let [first, second] = defaults;
        let none = || {
            LoadError::of(&format!(
                "no configuration: neither {first} nor {second} exists; use --config FILE, or --interface and --collector"
            ))
        };
        found.map(Some).ok_or_else(none)
    }

    fn read(&self, path: PathBuf) -> Result<Loaded, LoadError> {
        let name = path.display().to_string();
        let text = read_text(&path)?;
        let parsed = if self.collectors.is_empty() {
            Config::parse(&text)
        } else {
            Config::parse_without_collectors(&text)
        };
        let lines = parsed.diagnostics.iter().map(|found| found.in_file(&name).to_string());
        let lines = lines.collect();
        match parsed.config {
            Some(config) => {
                let is_regular = path.is_file();
                Ok(Loaded { config, file: Some(path), is_regular, warnings: lines })
            }
            None => Err(LoadError(lines)),
        }
    }

    /// Has the options override the settings of a file.
    pub(super) fn apply(&self, config: &mut Config) {
        if !self.collectors.is_empty() {
            config.collectors.clone_from(&self.collectors);
        }
        if !self.interfaces.is_empty() {
            config.taps = self.interfaces.iter().map(|name| TapRule::device(name, None)).collect();
        }
        if let Some(polling) = self.polling {
            config.polling_secs = polling;
        }
        if let Some(value) = self.sampling {
            config.sampling.rate = Some(RateSetting { value, position: None });
            config.sampling.by_speed.clear();
            config.taps.iter_mut().for_each(|tap| tap.sampling = None);
        }
    }
}

impl Loaded {
    /// Describes why this process, which is `who`, cannot read the file again, if that is so.
    #[must_use]
    pub(super) fn unreadable_to(&self, who: &dyn fmt::Display) -> Option<String> {
        let file = self.file.as_deref().filter(|_| self.is_regular)?;
        let errno =
            eaccess(file, AccessFlags::R_OK).err().filter(|errno| *errno == Errno::EACCES)?;
        // The first directory on the way that cannot be searched, else the file itself.
        let hides =
            |child: &&Path| child.symlink_metadata().is_err_and(|e| e.kind() == PermissionDenied);
        let hidden = file.ancestors().filter(hides).last();
        let (place, mode) = match hidden.and_then(Path::parent) {
            Some(directory) => (directory, "o+x"),
            None => (file, "o+r"),
        };
        let (file, place, error) = (file.display(), place.display(), errno.desc());
        let problem = format!(
            "{file}: {who} cannot read it, so that SIGHUP and the systemd unit fail: {error}; \
             \"chmod {mode} {place}\" allows it"
        );
        Some(problem)
    }
}

/// Reads a configuration file, or standard input for `-`.
///
/// # Errors
/// Those of reading.
pub fn read_text(file: &Path) -> Result<String, LoadError> {
    let read = match is_standard_input(file) {
        true => Config::read_standard_input(),
        false => Config::read(file),
    };
    let name = file.display();
    read.map_err(|error| LoadError::of(&format!("{name}: cannot be read: {error}")))
}

fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// A parser of whole numbers in a range, in the notation of the configuration file.
pub fn whole_number(
    range: RangeInclusive<u32>,
) -> impl Fn(&str) -> Result<u32, String> + Clone + Send + Sync + 'static {
    move |text| {
        let number = value::number(text, value::NUMBER_SUFFIXES)?;
        if number.octal {
            return Err(format!("a leading 0 makes it octal, {}", number.value));
        }
        let value = u32::try_from(number.value).ok().filter(|value| range.contains(value));
        value.ok_or_else(|| format!("not in {}..={}", range.start(), range.end()))
    }
}

impl LoadError {
    pub(super) fn of(problem: &str) -> Self {
        Self(vec![problem.to_owned()])
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for LoadError {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// A directory for one test, deleted at its end.
    struct Directory(PathBuf);

    impl Directory {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("flowmote-{test}-{}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) -> String {
            fs::write(self.0.join(name), text).unwrap();
            self.path(name)
        }

        fn path(&self, name: &str) -> String {
            self.0.join(name).display().to_string()
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const FILE: &str =
        "sflow { polling = 7 sampling.10G = 9 collector { ip = 192.0.2.1 } pcap { dev = eth0 } }";

    #[test]
    fn first_existing_default_file_is_read() {
        let directory = Directory::new("defaults");
        let paths = [directory.path("flowmote.conf"), directory.path("hsflowd.conf")];
        let load = || ConfigSource::default().load_from([&paths[0], &paths[1]]);
        let none = load().unwrap_err().to_string();
        assert!(none.starts_with("no configuration: neither"), "{none}");
        assert!(none.contains(&paths[0]) && none.contains(&paths[1]), "{none}");
        directory.write("hsflowd.conf", FILE);
        assert_eq!(load().unwrap().file, Some(PathBuf::from(&paths[1])));
        directory.write("flowmote.conf", FILE);
        assert_eq!(load().unwrap().file, Some(PathBuf::from(&paths[0])));
    }

    #[test]
    fn options_override_the_file() {
        let directory = Directory::new("override");
        let file = Some(PathBuf::from(directory.write("a.conf", FILE)));
        let source = ConfigSource {
            file,
            interfaces: vec!["eth7".to_owned()],
            sampling: Some(5),
            polling: Some(0),
            collectors: vec!["198.51.100.1:99".parse().unwrap()],
        };
        let Loaded { config, .. } = source.load().unwrap();
        assert_eq!(config.collectors, source.collectors);
        assert_eq!((config.taps.len(), config.polling_secs), (1, 0));
        let tap = config.taps.first().unwrap();
        assert_eq!(tap.selector.device.as_deref(), Some("eth7"));
        assert_eq!(config.sampling_rate(tap, Some(10_000_000_000)).0, 5, "for every speed");
    }

    #[test]
    fn numbers_have_the_notation_of_the_file() {
        let number = whole_number(0..=10_000);
        for (text, value) in [("0", 0), ("7", 7), ("1k", 1000), ("10K", 10_000), ("0x10", 16)] {
            assert_eq!(number(text), Ok(value), "{text}");
        }
        for text in ["11K", "4G", "99999999999", "010", "-1", "1.5", "", "k"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn pipe_is_not_read_again() {
        let again = |file: &str| {
            ConfigSource { file: Some(file.into()), ..ConfigSource::default() }
                .reload()
                .unwrap_err()
        };
        for file in ["-", "/dev/null"] {
            assert!(again(file).to_string().ends_with("read once only"), "{file}");
        }
        assert!(again("/nonexistent").to_string().contains("cannot be read"));
    }

    #[test]
    fn options_without_a_file_need_a_collector() {
        let collectors = vec!["192.0.2.1".parse().unwrap()];
        let loaded = ConfigSource { collectors, ..ConfigSource::default() }.load().unwrap();
        assert_eq!((loaded.file, loaded.config.polling_secs), (None, 30));
        let interfaces = vec!["eth0".to_owned()];
        let error = ConfigSource { interfaces, ..ConfigSource::default() }.load().unwrap_err();
        assert_eq!(error.to_string(), "no collector; add --collector ADDRESS");
    }

    #[test]
    fn errors_start_with_the_name_of_the_file() {
        let directory = Directory::new("wrong");
        let wrong =
            directory.write("wrong.conf", "sflow { smapling = 400 collector { ip = 192.0.2.1 } }");
        let error =
            ConfigSource { file: Some(wrong.clone().into()), ..ConfigSource::default() }.load();
        assert!(error.unwrap_err().to_string().starts_with(&format!("{wrong}:1:9: error:")));
        let missing = directory.path("missing.conf");
        let error =
            ConfigSource { file: Some(missing.clone().into()), ..ConfigSource::default() }.load();
        let expected = format!("{missing}: cannot be read: ");
        assert!(error.unwrap_err().to_string().starts_with(&expected));
    }
}
