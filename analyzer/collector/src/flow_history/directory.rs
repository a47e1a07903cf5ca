//! Where the files of a time are: `year=2026/month=11/day=30/hour=03`, below account and region.

use std::fs;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use crate::flow_logs::{hive_day, time_in};

/// A file with the records of a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryFile {
    /// The beginning of the minute, in seconds since 1970.
    pub(crate) minute: u64,
    pub(crate) path: PathBuf,
}

/// The files of the minutes that begin in a span, in order.
pub(super) fn files(root: &Path, from: u64, to: u64) -> Vec<HistoryFile> {
    let (regions, mut files) = (regions(root), Vec::new());
    for hour in from / HOUR..to.div_ceil(HOUR) {
        let Some(hour) = path_of(hour * HOUR) else { continue };
        for region in &regions {
            files.extend(in_directory(&region.join(&hour)));
        }
    }
    files.retain(|file: &HistoryFile| (from..to).contains(&file.minute));
    files.sort_by(|a, b| (a.minute, &a.path).cmp(&(b.minute, &b.path)));
    files
}

/// The beginning of the oldest file.
pub(super) fn oldest(root: &Path) -> Option<u64> {
    regions(root).iter().filter_map(|region| oldest_below(region, LEVELS)).min()
}

/// The beginning of the oldest file some levels below a directory, whose names are in the order of time.
fn oldest_below(directory: &Path, levels: usize) -> Option<u64> {
    match levels.checked_sub(1) {
        Some(levels) => {
            let mut below = directories(directory);
            below.sort();
            below.iter().find_map(|directory| oldest_below(directory, levels))
        }
        None => in_directory(directory).map(|file| file.minute).min(),
    }
}

/// The directories of all accounts and regions that there were.
fn regions(root: &Path) -> Vec<PathBuf> {
    let accounts = directories(&root.join("AWSLogs"));
    let services = accounts.iter().map(|account| account.join("aws-service=vpcflowlogs"));
    services.flat_map(|service| directories(&service)).collect()
}

fn directories(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let directories = entries.filter(|entry| entry.file_type().is_ok_and(|it| it.is_dir()));
    directories.map(|entry| entry.path()).take(MAX_DIRECTORIES).collect()
}

/// The files of a directory.
fn in_directory(directory: &Path) -> impl Iterator<Item = HistoryFile> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let (name, path) = (entry.file_name(), entry.path());
        let name = name.to_str().filter(|name| name.ends_with(".parquet"))?;
        Some(HistoryFile { minute: seconds(time_in(name)?)?, path })
    })
}

/// The directory of an hour.
fn path_of(time: u64) -> Option<PathBuf> {
    let time = OffsetDateTime::from_unix_timestamp(i64::try_from(time).ok()?).ok()?;
    Some(format!("{}/hour={:02}", hive_day(time), time.hour()).into())
}

/// The seconds since 1970 of `20261128T1210Z`.
fn seconds(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let month = time::Month::try_from(number(4, 6)?).ok()?;
    let date = time::Date::from_calendar_date(text.get(..4)?.parse().ok()?, month, number(6, 8)?);
    let time = time::Time::from_hms(number(9, 11)?, number(11, 13)?, 0).ok()?;
    u64::try_from(date.ok()?.with_time(time).assume_utc().unix_timestamp()).ok()
}

/// Year, month, day, hour.
const LEVELS: usize = 4;
const HOUR: u64 = 3600;
/// Directories that are looked at in one.
const MAX_DIRECTORIES: usize = 1000;
