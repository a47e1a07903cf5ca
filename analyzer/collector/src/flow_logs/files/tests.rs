//! Files on a disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use std::sync::mpsc::sync_channel;

use super::writer::Writer;
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
        run: None,
    }
}

/// Writes a file of the history with the records of a minute. Returns its path.
pub(crate) fn write_history(root: &Path, run: u64, minute: u64, lines: &str) -> PathBuf {
    let setting = FileSetting::of_history();
    let format = Format::parse(crate::flow_logs::format::HISTORY).unwrap();
    let log = FileLog { setting, format, window: 60, run: Some(run), ..log(true) };
    let mut file = open::OpenFile::create(root, &log, minute).unwrap();
    file.add(lines);
    file.finish().unwrap().0
}

const LINE: &str = "2 123456789012 eni-1 10.0.0.1 10.0.0.2 1 2 6 10 100 60 69 ACCEPT OK\n";
const STATUS: &str = "2 123456789012 eni-1 - - - - - - - 60 69 - NODATA\n";

fn writer(directory: &Path, limit: u64) -> Writer {
    let options = FileOptions { directory: directory.to_owned(), limit, parquet: false };
    Writer::new(options, Arc::default(), 16 << 20)
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

#[test]
fn text_that_is_written_in_parts_is_one_stream() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(directory.path(), u64::MAX);
    writer.waiting = 0;
    let (mut text, mut random) = (String::new(), 1_u32);
    for number in 0..3000 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let line = LINE.replace(" 100 ", &format!(" {random} ")).repeat(number % 3);
        text.push_str(&line);
        writer.add(&lines(&log(false), 300, &line));
    }
    writer.finish(u64::MAX);
    let found = files(directory.path());
    let [file] = &found[..] else { panic!("{found:?}") };
    // A reader of one stream reads all of it, and checks its sum and length.
    let (names, rest) =
        read(file).split_once('\n').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(names, DEFAULT.replace(['$', '{', '}'], ""));
    assert!(rest == text, "{} of {} bytes", rest.len(), text.len());
}

#[test]
fn waiting_lines_of_all_files_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(directory.path(), u64::MAX);
    writer.waiting = 100_000;
    for number in 0..2000 {
        let log = FileLog { id: format!("fl-{}", number % 10), ..log(number % 2 == 0) };
        writer.add(&lines(&log, 300, &LINE.repeat(7)));
        let waiting: usize = writer.open.values().map(|open| open.file.waiting()).sum();
        assert!(waiting <= 100_000, "{waiting}");
    }
    writer.finish(u64::MAX);
    let found = files(directory.path());
    assert_eq!((found.len(), writer.counts.lost.load(Ordering::Relaxed)), (10, 0));
    let own = |path: &&PathBuf| path.extension().is_some_and(|it| it == "gz");
    let text: usize = found.iter().filter(own).map(|path| read(path).lines().count() - 1).sum();
    assert_eq!(text, 1000 * 7);
}

#[test]
fn one_file_too_many_completes_the_one_without_lines_for_the_longest_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(directory.path(), u64::MAX);
    writer.most = 3;
    let of = |number: u32| FileLog { id: format!("fl-{number}"), ..log(false) };
    for number in [1, 2, 3, 1, 4, 4, 1] {
        writer.add(&lines(&of(number), 300, LINE));
    }
    let found = files(directory.path());
    let [file] = &found[..] else { panic!("{found:?}") };
    assert!(file.to_str().unwrap().contains("_fl-2_"), "{file:?}");
    writer.finish(u64::MAX);
    assert_eq!(files(directory.path()).len(), 4);
}

#[test]
fn directory_that_somebody_removed_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut writer = writer(directory.path(), u64::MAX);
    writer.add(&lines(&log(false), 300, LINE));
    fs::remove_dir_all(directory.path().join("AWSLogs")).unwrap();
    writer.finish(u64::MAX);
    assert_eq!(files(directory.path()).len(), 1);
    assert_eq!(writer.counts.lost.load(Ordering::Relaxed), 0);
}

/// Files whose thread takes nothing.
fn stopped(queue: usize) -> (Files, std::sync::mpsc::Receiver<Message>) {
    let (sender, receiver) = sync_channel(queue);
    let (counts, directory) = (Arc::default(), PathBuf::from("/none"));
    (Files { sender: Some(sender), thread: None, counts, directory }, receiver)
}

#[test]
fn slow_disk_is_waited_for_once() {
    let (files, receiver) = stopped(1);
    let (log, counts) = (Arc::new(log(false)), files.counts.clone());
    let add = || {
        let begin = Instant::now();
        files.add(&log, 300, LINE.repeat(2), begin + Duration::from_millis(300));
        begin.elapsed()
    };
    assert!(add() < Duration::from_millis(200));
    assert!(add() >= Duration::from_millis(300));
    assert_eq!(counts.lost.load(Ordering::Relaxed), 2);
    assert!(counts.fails.load(Ordering::Relaxed));
    assert!(add() < Duration::from_millis(200));
    assert_eq!(counts.lost.load(Ordering::Relaxed), 4);
    // The disk takes lines again.
    let directory = tempfile::tempdir().unwrap();
    let options =
        FileOptions { directory: directory.path().into(), limit: u64::MAX, parquet: false };
    let writer = Writer::new(options, counts.clone(), 16 << 20);
    let thread = thread::spawn(move || writer.run(&receiver, || 301));
    let begin = Instant::now();
    while counts.is_behind.load(Ordering::Relaxed) {
        assert!(begin.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(5));
    }
    add();
    drop(files);
    thread.join().unwrap();
    assert_eq!(counts.lost.load(Ordering::Relaxed), 4);
    assert_eq!(counts.files.load(Ordering::Relaxed), 1);
    assert!(!counts.fails.load(Ordering::Relaxed));
}

#[test]
fn thread_that_has_ended_is_an_error() {
    let (files, receiver) = stopped(1);
    drop(receiver);
    files.add(&Arc::new(log(false)), 300, LINE.to_owned(), Instant::now());
    assert_eq!(files.counts.lost.load(Ordering::Relaxed), 1);
    assert!(files.counts.fails.load(Ordering::Relaxed));
}

#[test]
fn thread_that_hangs_does_not_hold_up_the_end() {
    let (sender, receiver) = sync_channel::<()>(1);
    let thread = thread::spawn(move || {
        let _ = receiver.recv();
    });
    assert!(!ends_within(&thread, Duration::from_millis(20)));
    drop(sender);
    assert!(ends_within(&thread, Duration::from_secs(10)));
}

#[test]
fn files_are_completed_by_the_time_of_their_lines() {
    let directory = tempfile::tempdir().unwrap();
    let options =
        FileOptions { directory: directory.path().into(), limit: u64::MAX, parquet: false };
    // The clock of the system may be anywhere.
    let clock = Arc::new(AtomicU64::new(301));
    let (own, counts) = (clock.clone(), Arc::<FileCounts>::default());
    let now = move || own.load(Ordering::Relaxed);
    let files_of = Files::start(options, counts.clone(), 16 << 20, now).unwrap();
    let log = Arc::new(log(false));
    let add = |slot| files_of.add(&log, slot, LINE.to_owned(), Instant::now());
    add(300);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(counts.files.load(Ordering::Relaxed), 0);
    clock.store(602, Ordering::Relaxed);
    add(600);
    let begin = Instant::now();
    while counts.files.load(Ordering::Relaxed) == 0 && begin.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(files(directory.path()).len(), 1);
    drop(files_of);
    assert_eq!(counts.files.load(Ordering::Relaxed), 2);
}

#[test]
fn file_that_cannot_be_removed_is_still_known() {
    let directory = tempfile::tempdir().unwrap();
    let mut kept = kept::Kept::default();
    // A directory is none that `remove_file` removes, whoever runs the test.
    let path =
        directory.path().join("123456789012_vpcflowlogs_r_fl-0_20261128T1210Z_01234567.log.gz");
    fs::create_dir(&path).unwrap();
    kept.add(path.clone(), 10);
    let (removed, error) = kept.remove_oldest(directory.path(), 5);
    assert!(removed == 0 && error.is_some());
    assert_eq!(kept.bytes(), 10);
    fs::remove_dir(&path).unwrap();
    assert!(matches!(kept.remove_oldest(directory.path(), 5), (0, None)));
    assert_eq!(kept.bytes(), 0);
}
