//! The settings in force, published for other programs as hsflowd does it (`/etc/hsflowd.auto`):
//! applications learn their sampling rate from it, Open vSwitch and web servers the collectors.

mod content;
mod link;

use core::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowmote_core::{Duration, Instant};
use log::info;

pub(super) use self::content::Content;
pub use self::link::AutoLink;
use crate::aside::Aside;
use crate::daemon::auto_file::link::Found;
use crate::daemon::runtime_dir::{DEFAULT_PATH, RuntimeDirectory};
use crate::modules::module::Findings;
use crate::throttle::Throttle;

/// Keeps the file in step with the settings. A thread writes it, so that a file system that blocks
/// delays nothing.
#[derive(Debug)]
pub(super) struct AutoFile {
    path: PathBuf,
    writer: Aside<Writer>,
    /// The settings that the file is to have.
    settings: String,
    /// They have changed since the last write was started.
    has_changed: bool,
    next: Option<(Instant, Step)>,
    revision: u32,
    failures: u64,
    throttle: Throttle,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Write,
    /// Take the outcome of the write in progress.
    Look,
}

/// What moves into the thread.
#[derive(Debug)]
struct Writer {
    directory: Arc<RuntimeDirectory>,
    text: String,
    outcome: io::Result<()>,
}

impl AutoFile {
    /// Makes the link, if this process may, so to be called before privileges are dropped. `None` if
    /// nothing is to be published.
    pub(super) fn open(directory: Arc<RuntimeDirectory>, link: &AutoLink) -> Option<Self> {
        if *link == AutoLink::Off {
            return None;
        }
        let path = directory.path().join(NAME);
        if let Some(link) = link_path(link, directory.path())
            && let Err(error) = link::establish(link, &path)
        {
            let (path, link) = (path.display(), link.display());
            info!("settings are published in {path} only; {link}: {error}");
        }
        Some(Self {
            path,
            writer: Aside::new(Writer { directory, text: String::new(), outcome: Ok(()) }),
            settings: String::new(),
            has_changed: false,
            next: None,
            revision: 0,
            failures: 0,
            throttle: Throttle::default(),
        })
    }

    /// Publishes the settings, if they have changed. To be called after every event that can change
    /// them.
    pub(super) fn publish(&mut self, now: Instant, settings: &impl Display) {
        let settings = settings.to_string();
        if settings == self.settings {
            return;
        }
        (self.settings, self.has_changed) = (settings, true);
        if self.next.is_none_or(|(_, step)| step == Step::Write) {
            self.next = Some((now, Step::Write));
        }
    }

    /// When to call [`run_due`](Self::run_due).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    /// Starts a write, or takes the outcome of the last one, if that is due.
    pub(super) fn run_due(&mut self, now: Instant) {
        match self.next {
            Some((at, Step::Write)) if at <= now => self.start(now),
            Some((at, Step::Look)) if at <= now => self.look(now),
            _ => {}
        }
    }

    /// Writes that failed.
    pub(super) fn failures(&self) -> u64 {
        self.failures
    }

    /// Removes the file, unless the file system blocks.
    pub(super) fn remove(&mut self) {
        self.writer.wait(PATIENCE);
        if self.writer.value().is_some() {
            self.writer.start(Writer::remove);
            self.writer.wait(PATIENCE);
        }
    }

    fn start(&mut self, now: Instant) {
        self.revision = self.revision.wrapping_add(1);
        let (revision, settings) = (self.revision, &self.settings);
        if let Some(writer) = self.writer.value_mut() {
            writer.text = format!("{WARNING}rev_start={revision}\n{settings}rev_end={revision}\n");
        }
        if self.writer.start(Writer::write) {
            (self.has_changed, self.next) = (false, Some((now + SOON, Step::Look)));
        } else {
            self.failed(now, &io::Error::other("no thread could be started"));
        }
    }

    fn look(&mut self, now: Instant) {
        let Some(writer) = self.writer.value_mut() else {
            let path = self.path.display();
            self.throttle.warn(now, format_args!("{path}: writing it has not ended"));
            self.next = Some((now + LATER, Step::Look));
            return;
        };
        match core::mem::replace(&mut writer.outcome, Ok(())) {
            Ok(()) if self.has_changed => self.start(now),
            Ok(()) => self.next = None,
            Err(error) => self.failed(now, &error),
        }
    }

    fn failed(&mut self, now: Instant, error: &io::Error) {
        self.failures = self.failures.saturating_add(1);
        let path = self.path.display();
        self.throttle.warn(now, format_args!("{path}: {error}; trying again every 30 s"));
        self.next = Some((now + LATER, Step::Write));
    }
}

impl Writer {
    fn write(&mut self) {
        self.outcome = self.directory.replace(NAME, &self.text);
    }

    fn remove(&mut self) {
        self.outcome = self.directory.remove(NAME);
    }
}

/// Describes for `flowmote check` where the settings are published, and what prevents it.
pub(super) fn describe(link: &AutoLink, findings: &mut Findings) {
    let directory = RuntimeDirectory::expected_path();
    if *link == AutoLink::Off {
        return findings.line("settings", format_args!("not published"));
    }
    let path = directory.join(NAME);
    let shown = path.display();
    let Some(link) = link_path(link, &directory) else {
        return findings.line("settings", format_args!("published in {shown}"));
    };
    let place = link.display();
    findings.line("settings", format_args!("published in {shown}, to which {place} is a link"));
    match link::examine(link, &path) {
        Ok(Found::Foreign) => findings.warnings.push(format!("{place}: {}", Found::Foreign)),
        Ok(_) => {}
        Err(error) => findings.warnings.push(format!("{place}: {error}")),
    }
}

/// The path of the link. Another directory than the usual one belongs to an agent beside the one of
/// the host.
fn link_path<'a>(link: &'a AutoLink, directory: &Path) -> Option<&'a Path> {
    match link {
        AutoLink::At(path) => Some(path),
        AutoLink::Usual if directory == Path::new(DEFAULT_PATH) => Some(Path::new(USUAL_LINK)),
        AutoLink::Usual | AutoLink::Off => None,
    }
}

const NAME: &str = "hsflowd.auto";
const USUAL_LINK: &str = "/etc/hsflowd.auto";
const WARNING: &str = "# Written by flowmote, which replaces it at every change: do not edit.\n";
/// A write takes less than a millisecond, unless the file system blocks.
const SOON: Duration = Duration::from_millis(100);
const LATER: Duration = Duration::from_secs(30);
/// How long the end of the daemon waits for a write and for the removal.
const PATIENCE: core::time::Duration = core::time::Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        directory: PathBuf,
        file: AutoFile,
        now: Instant,
    }

    impl Place {
        fn new(test: &str) -> Self {
            let directory =
                std::env::temp_dir().join(format!("flowmote-{test}-{}", std::process::id()));
            let runtime = Arc::new(RuntimeDirectory::for_test(directory.clone()));
            let file = AutoFile::open(runtime, &AutoLink::Usual).unwrap();
            Self { directory, file, now: Instant::ZERO }
        }

        /// Does what is due now, and waits for the thread.
        fn run(&mut self) {
            self.file.run_due(self.now);
            self.file.writer.wait(core::time::Duration::from_secs(60));
        }

        /// Does what is due at the deadline.
        fn run_next(&mut self) {
            self.now = self.file.deadline().unwrap();
            self.run();
        }

        fn read(&self) -> Option<String> {
            std::fs::read_to_string(self.directory.join(NAME)).ok()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.directory);
        }
    }

    fn published(revision: u32, settings: &str) -> Option<String> {
        Some(format!("{WARNING}rev_start={revision}\n{settings}rev_end={revision}\n"))
    }

    #[test]
    fn file_follows_the_settings_and_is_removed_at_the_end() {
        let mut place = Place::new("follows");
        assert_eq!(place.file.deadline(), None);
        place.file.publish(place.now, &"a=1\n");
        place.run();
        assert_eq!(place.read(), published(1, "a=1\n"));
        // While the outcome has not been taken.
        place.file.publish(place.now, &"a=2\n");
        place.run();
        assert_eq!(place.read(), published(1, "a=1\n"));
        place.run_next();
        assert_eq!(place.read(), published(2, "a=2\n"));
        place.run_next();
        assert_eq!(place.file.deadline(), None, "nothing wakes an idle agent");
        place.file.publish(place.now, &"a=2\n");
        assert_eq!(place.file.deadline(), None, "nothing has changed");
        place.file.remove();
        assert_eq!((place.read(), place.file.failures()), (None, 0));
    }

    #[test]
    fn write_that_fails_is_counted_and_repeated() {
        let mut place = Place::new("repeated");
        let obstacle = place.directory.join(NAME);
        std::fs::create_dir(&obstacle).unwrap();
        place.file.publish(place.now, &"a=1\n");
        for failures in 1..=2 {
            place.run_next();
            place.run_next();
            assert_eq!(place.file.failures(), failures);
            assert_eq!(place.file.next, Some((place.now + LATER, Step::Write)));
        }
        std::fs::remove_dir(&obstacle).unwrap();
        place.run_next();
        assert_eq!(place.read(), published(3, "a=1\n"));
        place.run_next();
        assert_eq!((place.file.deadline(), place.file.failures()), (None, 2));
    }

    #[test]
    fn usual_link_is_for_the_usual_directory() {
        let link = |link: &AutoLink, directory: &str| {
            link_path(link, Path::new(directory)).map(Path::to_owned)
        };
        assert_eq!(link(&AutoLink::Usual, DEFAULT_PATH), Some(USUAL_LINK.into()));
        assert_eq!(link(&AutoLink::Usual, "/run/other"), None);
        assert_eq!(link(&AutoLink::At("/x".into()), "/run/other"), Some("/x".into()));
        assert_eq!(link(&AutoLink::Off, DEFAULT_PATH), None);
    }
}
