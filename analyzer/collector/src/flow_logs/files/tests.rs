//! Files on a disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::*;
use crate::flow_logs::format::DEFAULT;

/// A flow log in the default format.
pub(super) fn log(parquet: bool) -> FileLog {
    FileLog {
        id: "fl-0abc".to_owned(),
        account: "123456789012".to_owned(),
        region: "eu-central-1".to_owned(),
        setting: FileSetting { path: String::new(), parquet, hive: false, per_hour: false },
        format: Format::parse(DEFAULT).unwrap(),
        window: 10,
    }
}

const LINE: &str = "2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 10 100 60 69 ACCEPT OK\n";
const STATUS: &str = "2 123456789012 eni-1 - - - - - - - 60 69 - NODATA\n";

fn writer(directory: &Path, limit: u64) -> Writer {
    let options = FileOptions { directory: directory.to_owned(), limit, parquet: false };
    Writer::new(options, Arc::default())
}

fn lines(log: &FileLog, slot: u64, text: &str) -> Lines {
    Lines { log: Arc::new(log.clone()), slot, text: text.to_owned() }
}

/// All files below a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn file_appears_when_it_is_complete() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(directory.path(), u64::MAX);
    writer.add(&lines(&log(false), 300, LINE));
    writer.add(&lines(&log(false), 300, STATUS));
    writer.add(&lines(&log(false), 600, LINE));
    writer.finish(601);
    assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
    writer.finish(602);
    let found = files(directory.path());
    let [file] = &found[..] else { panic!("{found:?}") };
    let names = DEFAULT.replace(['$', '{', '}'], "");
    assert_eq!(read(file), format!("{names}\n{LINE}{STATUS}"));
    writer.finish(u64::MAX);
    assert_eq!(files(directory.path()).len(), 2);
    assert_eq!(writer.counts.files.load(Ordering::Relaxed), 2);
}

#[test]
fn oldest_files_go_first_and_others_stay() {
    let directory = tempfile::tempdir().unwrap();
    let other = directory.path().join("notes.log.gz");
    fs::write(&other, [0; 5000]).unwrap();
    {
        let mut writer = writer(directory.path(), u64::MAX);
        (1..=5).for_each(|slot| writer.add(&lines(&log(false), slot * 300, LINE)));
        writer.finish(u64::MAX);
    }
    let all = files(directory.path());
    let bytes = fs::metadata(&all[0]).unwrap().len();
    // The next run knows the files of the one before.
    let mut writer = writer(directory.path(), bytes * 3 + bytes / 2);
    writer.add(&lines(&log(false), 1800, LINE));
    writer.finish(u64::MAX);
    let left = files(directory.path());
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(left.contains(&other) && left.contains(&all[3]) && left.contains(&all[4]), "{left:?}");
    assert_eq!(writer.counts.removed.load(Ordering::Relaxed), 3);
}

#[test]
fn lines_without_a_disk_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let mut writer = writer(&file, u64::MAX);
    writer.add(&lines(&log(false), 300, &LINE.repeat(3)));
    assert_eq!(writer.counts.lost.load(Ordering::Relaxed), 3);
    assert!(writer.counts.fails.load(Ordering::Relaxed));
    writer.options.directory = directory.path().to_owned();
    writer.add(&lines(&log(false), 300, LINE));
    writer.finish(u64::MAX);
    assert!(!writer.counts.fails.load(Ordering::Relaxed));
}

#[test]
fn columns_have_the_types_of_aws_and_unknown_numbers() {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(directory.path(), u64::MAX);
    writer.add(&lines(&log(true), 300, LINE));
    writer.add(&lines(&log(true), 300, STATUS));
    writer.finish(u64::MAX);
    let found = files(directory.path());
    let [file] = &found[..] else { panic!("{found:?}") };
    let reader = SerializedFileReader::new(fs::File::open(file).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    let value = |row: usize, name: &str| {
        let mut columns = rows[row].get_column_iter();
        columns.find(|(own, _)| *own == name).unwrap().1.clone()
    };
    assert_eq!(rows.len(), 2);
    assert_eq!(value(0, "srcaddr"), Field::Str("10.0.0.1".to_owned()));
    assert_eq!((value(0, "dstport"), value(0, "bytes")), (Field::Int(2), Field::Long(100)));
    assert_eq!((value(1, "dstport"), value(1, "bytes")), (Field::Null, Field::Null));
    assert_eq!(value(1, "log_status"), Field::Str("NODATA".to_owned()));
    let columns = reader.metadata().row_group(0).columns();
    assert!(
        columns.iter().all(|it| matches!(it.compression(), parquet::basic::Compression::GZIP(_)))
    );
}
