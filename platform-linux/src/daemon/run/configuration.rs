//! The configuration in force: that of the file and the options, with what was discovered.

use flowmote_core::Instant;
use log::{error, info, warn};

use super::Daemon;
use crate::daemon::options::Loaded;
use crate::daemon::problems::problems;
use crate::daemon::service_manager;

impl Daemon<'_> {
    /// Reads the configuration again. One that cannot be used changes nothing.
    pub(super) fn reload(&mut self, now: Instant) {
        service_manager::reloading();
        match self.options.source.reload() {
            Ok(loaded) => {
                log_loaded(&loaded);
                self.file_config = loaded.config;
                self.file = loaded.file;
                self.discoverer.reconfigure(now, &self.file_config);
                self.put_in_force(now);
                service_manager::ready(&self.status());
            }
            Err(unusable) => {
                unusable.0.iter().for_each(|line| error!("{line}"));
                error!("configuration not reloaded: the previous one stays in force");
                let first = unusable.0.first().map_or("", String::as_str);
                service_manager::ready(&format!("configuration not reloaded: {first}"));
            }
        }
    }

    /// Applies the configuration of the file together with what was discovered.
    pub(super) fn put_in_force(&mut self, now: Instant) {
        self.config = self.discoverer.apply(now, &self.file_config);
        self.options.source.apply(&mut self.config);
        self.log_problems();
        self.visitors.configure(now, &self.config, &self.events);
        self.output.collectors.reconfigure(&self.config.collectors);
        let links = self.links.links();
        self.host.reconfigure(&mut self.output.agent, &self.config, links);
        self.reconcile(now);
        self.publish_settings(now);
    }

    /// Logs as warnings what `flowmote check` reports as errors, in the same words.
    pub(super) fn log_problems(&self) {
        for problem in problems(&self.config, self.links.links(), &self.modules) {
            warn!("{problem}");
        }
        if self.config.polling_secs > 0 && !self.modules.sample_packets(&self.config) {
            info!("counters only: no block of the configuration samples packets");
        }
    }
}

pub(super) fn log_loaded(loaded: &Loaded) {
    if let Some(file) = &loaded.file {
        info!("configuration {}", file.display());
    }
    // The log adds the severity itself.
    loaded.warnings.iter().for_each(|line| warn!("{}", line.replacen(" warning:", "", 1)));
}
