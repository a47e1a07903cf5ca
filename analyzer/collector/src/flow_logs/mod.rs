//! VPC Flow Logs: lines about who sent how much to whom, in log groups and files.
//!
//! [`FlowLogs`] has the definitions: those that are there without a setting, and those that users make by
//! `CreateFlowLogs`. A [`Worker`](worker) reads the newest samples of the analyzers a few times a second, on a thread
//! of its own, and the engine's [`Meter`](flowmote_engine::records::Meter) makes records of them. When a window has ended, each record becomes
//! a line in the [format](format) of each flow log that it belongs to.

mod batches;
mod definition;
mod field;
mod files;
mod format;
mod interface;
#[cfg(test)]
mod tests;
mod worker;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

pub(crate) use definition::{ALL, Destination, FileSetting, FlowLogSetting, Traffic, WINDOWS};
use files::FileLog;
#[cfg(test)]
pub(crate) use files::tests::write_history;
pub(crate) use files::{FileCounts, FileOptions, RUN, hive_day, sum_in, time_in};
pub(crate) use format::{DEFAULT, Format};
pub(crate) use worker::{make_groups, start};

/// The flow logs.
#[derive(Debug)]
pub(crate) struct FlowLogs {
    pub(crate) options: Options,
    active: Mutex<Arc<Vec<Active>>>,
    /// VPCs with a log group of their own.
    vpcs: Mutex<BTreeMap<String, Vpc>>,
    pub(crate) counts: Counts,
    pub(crate) file_counts: Arc<FileCounts>,
    /// Of the history of flows.
    pub(crate) history_counts: Arc<FileCounts>,
    ends: AtomicBool,
}

/// What the user has chosen.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The account of what has none: 12 digits.
    pub(crate) account: String,
    pub(crate) region: String,
    /// Seconds of a window of the flow logs that are always there.
    pub(crate) window: u32,
    /// Where files are; `None` for none.
    pub(crate) files: Option<FileOptions>,
    /// Where the history of flows is; `None` for none.
    pub(crate) history: Option<FileOptions>,
    /// True for a line about each interface without data.
    pub(crate) no_data: bool,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) lines: AtomicU64,
    /// Samples for whose record there was no room.
    pub(crate) refused: AtomicU64,
    /// Samples that were gone before they were read.
    pub(crate) missed: AtomicU64,
    /// Records in windows that have not ended.
    pub(crate) open: AtomicU64,
    /// Lines that are in no log group of their VPC, because there are too many of these.
    pub(crate) without_group: AtomicU64,
}

/// When the log group of a VPC was made, and when it had its last line, in milliseconds since 1970.
#[derive(Clone, Copy, Debug)]
struct Vpc {
    created: u64,
    last: u64,
}

/// A flow log in force.
#[derive(Clone, Debug)]
pub(crate) struct Active {
    pub(crate) id: String,
    pub(crate) setting: FlowLogSetting,
    pub(crate) format: Format,
    /// If it has files.
    files: Option<Arc<FileLog>>,
}

impl FlowLogs {
    /// The flow logs that are always there. `now` is in milliseconds since 1970.
    pub(crate) fn new(options: Options, now: u64) -> Self {
        let logs = Self {
            options,
            active: Mutex::default(),
            vpcs: Mutex::default(),
            counts: Counts::default(),
            file_counts: Arc::default(),
            history_counts: Arc::default(),
            ends: AtomicBool::new(false),
        };
        *logs.active.lock() = Arc::new(logs.standing(now));
        logs
    }

    /// The flow logs that are always there.
    fn standing(&self, now: u64) -> Vec<Active> {
        let window = self.options.window;
        let all = FlowLogSetting::to_group(GROUP, window, now);
        let discards = FlowLogSetting {
            traffic: Traffic::Discards,
            format: Format::default_with("${flowmote-drop-reason}").to_string(),
            ..FlowLogSetting::to_group(DISCARDS, window, now)
        };
        let files = self.options.files.as_ref().map(|files| FlowLogSetting {
            destination: Destination::Files(FileSetting::below(files.parquet)),
            ..all.clone()
        });
        let settings = [all, discards].into_iter().chain(files).zip(1..);
        let active = settings
            .map(|(setting, number)| Active::new(&self.options, standing_id(number), setting));
        active.filter_map(Result::ok).chain(self.history(now)).collect()
    }

    /// The flow log that is the history of flows.
    fn history(&self, now: u64) -> Option<Active> {
        self.options.history.as_ref()?;
        let setting = FlowLogSetting {
            traffic: Traffic::Accept,
            format: format::HISTORY.to_owned(),
            destination: Destination::Files(FileSetting::of_history()),
            ..FlowLogSetting::to_group(GROUP, HISTORY_WINDOW, now)
        };
        let id = standing_id(HISTORY_NUMBER);
        let active = Active::new(&self.options, id, setting).ok()?;
        let files = active
            .files
            .map(|files| Arc::new(FileLog { run: Some(now), ..Arc::unwrap_or_clone(files) }));
        Some(Active { files, ..active })
    }

    /// Puts the flow logs of users into force, beside those that are always there.
    ///
    /// # Errors
    /// The id of one that cannot be used, and why. The flow logs of before stay in force.
    pub(crate) fn set(
        &self,
        settings: &BTreeMap<String, FlowLogSetting>,
    ) -> Result<(), (String, String)> {
        let mut active = self.active.lock();
        let mut new: Vec<_> = active.iter().filter(|log| log.is_standing()).cloned().collect();
        for (id, setting) in settings {
            let log = Active::new(&self.options, id.clone(), setting.clone());
            new.push(log.map_err(|error| (id.clone(), error))?);
        }
        *active = Arc::new(new);
        Ok(())
    }

    /// All flow logs.
    pub(crate) fn active(&self) -> Arc<Vec<Active>> {
        self.active.lock().clone()
    }

    /// All flow logs, with one for each VPC that has a log group.
    pub(crate) fn all(&self) -> Vec<Active> {
        let active = self.active();
        let first = active.first().cloned();
        let vpcs = self.vpcs.lock().clone();
        let of_vpc = |(vpc, Vpc { created, .. }): (String, Vpc)| {
            let log = first.clone()?;
            let destination = Destination::Group(vpc_group(&vpc));
            let id = id_of(&vpc);
            let setting = FlowLogSetting { resource: vpc, created, destination, ..log.setting };
            Some(Active { id, setting, ..log })
        };
        let listed = active.iter().filter(|log| !log.is_history());
        listed.cloned().chain(vpcs.into_iter().filter_map(of_vpc)).collect()
    }

    /// Notes a VPC that has lines. False if there are too many. One that had none for an hour makes room.
    fn note_vpc(&self, vpc: &str, now: u64) -> bool {
        let mut vpcs = self.vpcs.lock();
        if let Some(known) = vpcs.get_mut(vpc) {
            known.last = now;
            return true;
        }
        if vpcs.len() >= MAX_VPCS {
            vpcs.retain(|_, known| now.saturating_sub(known.last) < MAX_SILENCE);
        }
        let has_room = vpcs.len() < MAX_VPCS && is_group_name(vpc);
        if has_room {
            vpcs.insert(vpc.to_owned(), Vpc { created: now, last: now });
        } else {
            self.counts.without_group.fetch_add(1, Ordering::Relaxed);
        }
        has_room
    }

    /// True if flow logs can have files.
    pub(crate) fn has_files(&self) -> bool {
        self.options.files.is_some()
    }

    fn ends(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }
}

impl Active {
    fn new(options: &Options, id: String, setting: FlowLogSetting) -> Result<Self, String> {
        if !WINDOWS.contains(&setting.window) {
            return Err(format!("a window of {} seconds is not possible", setting.window));
        }
        let format = setting.format()?;
        let files = match &setting.destination {
            Destination::Files(files) => Some(Arc::new(FileLog {
                id: id.clone(),
                account: options.account.clone(),
                region: options.region.clone(),
                setting: files.clone(),
                format: format.clone(),
                window: setting.window,
                run: None,
            })),
            Destination::Group(_) => None,
        };
        Ok(Self { id, setting, format, files })
    }

    /// True for the history of flows, which is no flow log of users.
    fn is_history(&self) -> bool {
        self.files.as_ref().is_some_and(|files| files.run.is_some())
    }

    /// True for that of all traffic, which VPCs have in groups of their own, too.
    fn is_first(&self) -> bool {
        self.id == standing_id(1)
    }

    /// True for one that is always there, or that a VPC has. Those of users begin with `fl-1`.
    pub(crate) fn is_standing(&self) -> bool {
        self.id.starts_with("fl-0")
    }
}

/// The log group of a VPC.
fn vpc_group(vpc: &str) -> String {
    format!("{GROUP}/{vpc}")
}

/// True for a text that can be a part of the name of a log group.
pub(crate) fn is_group_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-/.#".contains(&byte);
    (1..=400).contains(&name.len()) && name.bytes().all(allowed)
}

/// The id of a flow log that is always there.
fn standing_id(number: u32) -> String {
    format!("fl-{number:017x}")
}

/// An id that is the same for the same name: FNV-1a.
fn id_of(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("fl-{hash:017x}")
}

/// The log group of all traffic.
pub(crate) const GROUP: &str = "/flowmote/vpc";
/// Seconds of a record, and of a file, of the history of flows.
pub(crate) const HISTORY_WINDOW: u32 = 60;
/// The number of its id.
const HISTORY_NUMBER: u32 = 4;
/// The log group of discarded packets.
const DISCARDS: &str = "/flowmote/discards";
/// VPCs with a log group of their own.
const MAX_VPCS: usize = 500;
/// Milliseconds without a line after which another VPC may have the place.
const MAX_SILENCE: u64 = 3_600_000;
