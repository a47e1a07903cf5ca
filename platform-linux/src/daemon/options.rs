//! Where the configuration comes from: a file, options, or a file and options that override it.

use std::fmt;
use std::path::PathBuf;

use crate::config::{Collector, Config, DEFAULT_PATHS, RateSetting, Tap};

/// What the command line says of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The file, if one is named.
    pub file: Option<PathBuf>,
    /// Interfaces to sample, instead of those that the file selects.
    pub interfaces: Vec<String>,
    /// N of 1-in-N for every interface.
    pub sampling: Option<u32>,
    /// Seconds between polls of counters.
    pub polling: Option<u32>,
    /// Collectors, instead of those of the file.
    pub collectors: Vec<Collector>,
}

/// A configuration that can be used, and what is odd about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file with the options applied.
    pub config: Config,
    /// The file it came from; `None`: options alone.
    pub file: Option<PathBuf>,
    /// Warnings, one a line, with file, line and column.
    pub warnings: Vec<String>,
}

/// Why there is no configuration: one problem a line, errors and warnings in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable(pub Vec<String>);

impl Source {
    /// Reads the file, if there is one, and applies the options.
    ///
    /// # Errors
    /// All that is wrong with file and options.
    pub fn load(&self) -> Result<Loaded, Unusable> {
        let mut loaded = match self.path()? {
            Some(path) => self.read(path)?,
            None => Loaded { config: Config::default(), file: None, warnings: Vec::new() },
        };
        self.apply(&mut loaded.config);
        if loaded.config.collectors.is_empty() {
            return Err(Unusable::of("no collector: name one with --collector ADDRESS"));
        }
        Ok(loaded)
    }

    fn path(&self) -> Result<Option<PathBuf>, Unusable> {
        if let Some(file) = &self.file {
            return Ok(Some(file.clone()));
        }
        if !self.interfaces.is_empty() || !self.collectors.is_empty() {
            return Ok(None);
        }
        let found = DEFAULT_PATHS.into_iter().map(PathBuf::from).find(|path| path.exists());
        let [first, second] = DEFAULT_PATHS;
        let none = || {
            Unusable::of(&format!(
                "no configuration: there is neither {first} nor {second}; name a file with --config, or use --interface and --collector"
            ))
        };
        found.map(Some).ok_or_else(none)
    }

    fn read(&self, path: PathBuf) -> Result<Loaded, Unusable> {
        let name = path.display().to_string();
        let text = Config::read(&path)
            .map_err(|error| Unusable::of(&format!("{name}: cannot be read: {error}")))?;
        let parsed = if self.collectors.is_empty() {
            Config::parse(&text)
        } else {
            Config::parse_without_collectors(&text)
        };
        let lines = parsed.diagnostics.iter().map(|found| found.in_file(&name).to_string());
        let warnings = lines.collect();
        match parsed.config {
            Some(config) => Ok(Loaded { config, file: Some(path), warnings }),
            None => Err(Unusable(warnings)),
        }
    }

    fn apply(&self, config: &mut Config) {
        if !self.collectors.is_empty() {
            config.collectors.clone_from(&self.collectors);
        }
        if !self.interfaces.is_empty() {
            config.taps = self.interfaces.iter().map(|name| Tap::device(name, None)).collect();
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

impl Unusable {
    fn of(problem: &str) -> Self {
        Self(vec![problem.to_owned()])
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Unusable {}
