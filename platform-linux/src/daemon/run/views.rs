//! What the daemon shows of itself: statistics in the log, snapshots to visitors, and the published
//! settings.

use std::sync::Arc;

use flowmote_core::{DataSource, Instant, SourceClass};
use log::{info, warn};

use super::Daemon;
use crate::config::Config;
use crate::daemon::auto_file::{AutoFile, Content};
use crate::daemon::report::Report;
use crate::daemon::runtime_dir::RuntimeDirectory;
use crate::daemon::user::User;
use crate::daemon::visitors::gather;
use crate::logging;
use crate::status::SOCKET;
use crate::status::snapshot::Snapshot;

impl Daemon<'_> {
    /// Publishes the settings in force, if they have changed.
    pub(super) fn publish_settings(&mut self, now: Instant) {
        let Self { auto_file: Some(file), config, links, host, output, .. } = self else { return };
        let (links, agent, collectors) = (links.links(), host.address(), &output.collectors);
        file.publish(now, &Content { config, links, agent, collectors });
    }

    /// Opens the directory for what exists only while the agent runs. To be called before privileges
    /// are dropped.
    pub(super) fn open_runtime_directory(&mut self, user: &User) {
        match RuntimeDirectory::open(user) {
            Ok(directory) => {
                let directory = Arc::new(directory);
                self.auto_file = AutoFile::open(Arc::clone(&directory), &self.options.auto);
                self.runtime = Some(directory);
            }
            Err(unavailable) => info!("no runtime directory: {unavailable}"),
        }
    }

    /// Opens the status socket where the command line names it, else in the runtime directory. Without
    /// it the agent does everything else.
    pub(super) fn open_status(&mut self) {
        let (path, is_locked) = match (&self.options.status_socket, &self.runtime) {
            (Some(path), _) => (path.clone(), false),
            (None, Some(directory)) => (directory.path().join(SOCKET), true),
            // Logged when the directory was opened.
            (None, None) => return,
        };
        if let Err(error) = self.visitors.open_status(&path, is_locked, &self.events) {
            warn!("{}: {error}; flowmote status does not work", path.display());
        }
    }

    /// Handles a wake-up of a visitor.
    pub(super) fn visited(&mut self, now: Instant, token: u32) {
        if let Some(visit) = self.visitors.ready(now, token, &self.events) {
            let snapshot = self.snapshot(now);
            self.visitors.reply(&visit, &snapshot, &self.events);
        }
    }

    /// The state in a line, for `systemctl status`.
    pub(super) fn status(&self) -> String {
        let sources = self.modules.data_sources(&self.config, self.links.links());
        let is_interface = |source: &&DataSource| source.class() == SourceClass::Interface;
        let interfaces = sources.iter().filter(is_interface).count();
        let collectors = self.config.collectors.len();
        format!("configuration in force: {interfaces} interfaces, {collectors} collectors")
    }

    /// Logs the statistics.
    pub(super) fn print_report(&mut self, now: Instant) {
        let report = self.report(now);
        info!(target: logging::REQUESTED, "{report}");
    }

    /// The statistics, gathered anew.
    fn report(&mut self, now: Instant) -> Report<'_> {
        self.output.collectors.read_errors(now);
        Report {
            uptime: now.since(self.started),
            modules: self.modules.statistics(),
            agent: *self.output.agent.stats(),
            collectors: &self.output.collectors,
            links: self.links.links().stats(),
            auto_file_failures: self.auto_file.as_ref().map_or(0, AutoFile::failures),
            visitors: self.visitors.stats(),
            lost_log_lines: logging::lost_lines(),
        }
    }

    /// When to log the statistics again without a request.
    pub(super) fn following_report(&self, now: Instant) -> Option<Instant> {
        let interval = self.options.stats_interval;
        (!interval.is_zero()).then_some(now + interval)
    }

    fn snapshot(&mut self, now: Instant) -> Snapshot {
        let counters = gather::counters(&self.report(now));
        let identity = self.host.identity();
        let Config { sub_agent_id, polling_secs, .. } = self.config;
        Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            runs_as: self.runs_as.clone(),
            capabilities: gather::capabilities(),
            configuration: self.file.as_ref().map(|file| file.display().to_string()),
            agent_address: identity.address().to_string(),
            agent_address_reason: identity.reason().to_owned(),
            sub_agent_id,
            polling_seconds: polling_secs,
            data_sources: self.host.sources().iter().map(source).collect(),
            wake_ups: self.wake_ups,
            resident_bytes: gather::resident_bytes(),
            ..counters
        }
    }
}

fn source(source: &DataSource) -> String {
    format!("{}:{}", source.class() as u32, source.index())
}
