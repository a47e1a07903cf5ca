//! The flow logs of AWS: series of their records and files.

use core::sync::atomic::{AtomicU64, Ordering};

use super::engine::singles;
use super::text::{Exposition, Kind};
use crate::hub::Hub;

pub(super) fn add(text: &mut Exposition, hub: &Hub) {
    let (counts, files) = (&hub.flow_logs.counts, &hub.flow_logs.file_counts);
    let (counter, gauge) = (Kind::Counter, Kind::Gauge);
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let refused = "Samples for whose record there was no room.";
    let missed = "Samples that were gone before they were in a record.";
    let without = "Lines in no log group of their VPC: there are too many.";
    let lost = "Lines in no file: the disk was full or too slow.";
    singles(
        text,
        [
            ("flow_log_lines_total", counter, "Lines of flow logs.", of(&counts.lines)),
            ("flow_log_open_records", gauge, "Records of open windows.", of(&counts.open)),
            ("flow_log_samples_refused_total", counter, refused, of(&counts.refused)),
            ("flow_log_samples_missed_total", counter, missed, of(&counts.missed)),
            ("flow_log_lines_without_group_total", counter, without, of(&counts.without_group)),
            ("flow_log_files_total", counter, "Completed files.", of(&files.files)),
            ("flow_log_file_bytes_total", counter, "Bytes of them.", of(&files.bytes)),
            ("flow_log_file_lines_lost_total", counter, lost, of(&files.lost)),
            (
                "flow_log_files_removed_total",
                counter,
                "Files removed for room.",
                of(&files.removed),
            ),
            ("flow_log_files_bytes", gauge, "Bytes of the files that are there.", of(&files.kept)),
        ],
    );
    let Some(history) = &hub.flow_history else { return };
    let files = &hub.flow_logs.history_counts;
    let removed = "Files of the history removed for room.";
    singles(
        text,
        [
            ("flow_history_files_total", counter, "Completed files.", of(&files.files)),
            ("flow_history_file_bytes_total", counter, "Bytes of them.", of(&files.bytes)),
            ("flow_history_lines_lost_total", counter, lost, of(&files.lost)),
            ("flow_history_files_removed_total", counter, removed, of(&files.removed)),
            (
                "flow_history_files_damaged_total",
                counter,
                "Files that could not be read.",
                of(&history.damaged),
            ),
            ("flow_history_bytes", gauge, "Bytes of the files that are there.", of(&files.kept)),
        ],
    );
}
