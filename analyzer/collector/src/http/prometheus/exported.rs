//! Samples sent to other systems.

use core::sync::atomic::{AtomicU64, Ordering};

use super::text::{Exposition, Kind, NONE};
use crate::export::Destination;
use crate::hub::Hub;

/// Adds the families of all destinations, if there are any.
pub(super) fn add(text: &mut Exposition, hub: &Hub) {
    if hub.exports.destinations().next().is_none() {
        return;
    }
    let help = "Exported samples, by what became of them.";
    text.family("flowmote_export_samples_total", Kind::Counter, help);
    for it in hub.exports.destinations() {
        let counts = it.counts();
        for (result, count) in
            [("sent", &counts.sent), ("failed", &counts.failed), ("dropped", &counts.dropped)]
        {
            let result = ("result", result.to_owned());
            text.series(labels(it).into_iter().chain([result]), read(count));
        }
    }
    let help = "Requests with samples, repeated ones too.";
    text.family("flowmote_export_requests_total", Kind::Counter, help);
    hub.exports.destinations().for_each(|it| text.series(labels(it), read(&it.counts().requests)));
    let help = "Samples that wait, or are being sent.";
    text.family("flowmote_export_samples_pending", Kind::Gauge, help);
    hub.exports.destinations().for_each(|it| text.series(labels(it), it.pending()));
    let help = "Last success since 1970.";
    text.family("flowmote_export_last_success_timestamp_seconds", Kind::Gauge, help);
    let seconds = |it: &Destination| read(&it.counts().success) as f64 / 1e3;
    hub.exports.destinations().for_each(|it| text.series(labels(it), seconds(it)));
    let help = "Samples not exported because there are too many series or names.";
    text.family("flowmote_export_samples_skipped_total", Kind::Counter, help);
    text.series(NONE, hub.exports.skipped());
}

fn labels(destination: &Destination) -> [(&'static str, String); 2] {
    [("protocol", destination.protocol.to_string()), ("url", destination.name.clone())]
}

fn read(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
