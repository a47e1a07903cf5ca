//! Names and places of files, as flow logs of AWS have them in S3.

use core::hash::BuildHasher;
use std::hash::RandomState;
use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::FileLog;

/// Seconds of a file.
pub(super) const SLOT: u64 = 300;

/// The directory and the name of a new file of a slot.
pub(super) fn place(root: &Path, log: &FileLog, slot: u64) -> (PathBuf, String) {
    let time = i64::try_from(slot).ok().and_then(|it| OffsetDateTime::from_unix_timestamp(it).ok());
    let time = time.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute) = (time.hour(), time.minute());
    let FileLog { id, account, region, setting, .. } = log;
    let mut directory = match setting.hive {
        false => format!("AWSLogs/{account}/vpcflowlogs/{region}/{year:04}/{month:02}/{day:02}"),
        true => format!(
            "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/{}",
            hive_day(time)
        ),
    };
    if setting.per_hour {
        let name = if setting.hive { "/hour=" } else { "/" };
        directory.push_str(&format!("{name}{hour:02}"));
    }
    let time = format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z");
    let hash = RandomState::new().hash_one(slot) as u32;
    let ending = if setting.parquet { "parquet" } else { "gz" };
    let name = format!("{account}_vpcflowlogs_{region}_{id}_{time}_{hash:08x}.log.{ending}");
    let mut path = root.to_owned();
    if !setting.path.is_empty() {
        path.push(&setting.path);
    }
    (path.join(directory), name)
}

/// The directory of a day below that of a region, as Hive has it.
pub(crate) fn hive_day(time: OffsetDateTime) -> String {
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("year={year:04}/month={month:02}/day={day:02}")
}

/// The name of a file with its CRC-32 in place of a random number.
pub(super) fn with_sum(name: &str, sum: u32) -> String {
    match name.rsplit_once('_') {
        Some((before, _)) => format!("{before}_{sum:08x}.log.parquet"),
        None => name.to_owned(),
    }
}

/// The CRC-32 that such a name has.
pub(crate) fn sum_in(name: &str) -> Option<u32> {
    let (_, end) = name.rsplit_once('_')?;
    u32::from_str_radix(end.strip_suffix(".log.parquet")?, 16).ok()
}

/// The time in the name of a file of flow logs, `20261128T1210Z`; `None` for another file. In the order of
/// these texts the oldest is the first.
pub(crate) fn time_in(name: &str) -> Option<&str> {
    let stem = name.strip_suffix(".log.gz").or_else(|| name.strip_suffix(".log.parquet"))?;
    let (account, rest) = stem.split_once("_vpcflowlogs_")?;
    let mut parts = rest.rsplitn(3, '_');
    let (hash, time) = (parts.next()?, parts.next()?);
    let is_time = time.len() == 14 && time.ends_with('Z');
    let is_own = account.len() == 12 && hash.len() == 8 && parts.next()?.contains("_fl-");
    (is_time && is_own).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow_logs::files::tests::log;

    #[test]
    fn files_have_the_places_of_aws() {
        let root = Path::new("/data");
        // 2026-11-28 12:10:00
        let mut log = log(false);
        let slot = log.slot(1_795_867_800 + 299);
        let (directory, name) = place(root, &log, slot);
        assert_eq!(
            directory.to_str(),
            Some("/data/AWSLogs/123456789012/vpcflowlogs/eu-central-1/2026/11/28")
        );
        let (begin, end) = name.split_at(name.len() - 15);
        assert_eq!(begin, "123456789012_vpcflowlogs_eu-central-1_fl-0abc_20261128T1210Z_");
        assert!(end.ends_with(".log.gz") && end[..8].bytes().all(|it| it.is_ascii_hexdigit()));
        assert_eq!(time_in(&name), Some("20261128T1210Z"));
        log.setting.path = "bucket/prefix".to_owned();
        (log.setting.hive, log.setting.per_hour, log.setting.parquet) = (true, true, true);
        let (directory, name) = place(root, &log, slot);
        let expected = "/data/bucket/prefix/AWSLogs/aws-account-id=123456789012/\
            aws-service=vpcflowlogs/aws-region=eu-central-1/year=2026/month=11/day=28/hour=12";
        assert_eq!(directory.to_str(), Some(expected));
        assert!(name.ends_with(".log.parquet") && time_in(&name).is_some());
    }

    #[test]
    fn other_files_have_no_time() {
        for name in ["a.log.gz", "notes.txt", "1_vpcflowlogs_r_fl-1_20261128T1210Z_00000000.log.gz"]
        {
            assert_eq!(time_in(name), None, "{name}");
        }
    }
}
