//! What the taps have counted, by interface.

use std::collections::BTreeMap;

use crate::modules::module::{Line, SampledInterface, Statistics};
use crate::modules::taps::Taps;
use crate::modules::taps::capture::{Capture, Tap, TapStats};
use crate::modules::taps::hooking::{Hooking, capture};
use crate::modules::taps::leaving::Leaving;
use crate::modules::taps::port::{Port, method};

impl Taps {
    /// Adds a line for each interface, and one for all that are no longer sampled.
    pub(super) fn add_lines(&mut self, statistics: &mut Statistics) {
        let news: Vec<_> = self.leaving.iter_mut().flat_map(Leaving::news).collect();
        self.add_to_ports(news);
        let Self { ports, taps, hooking, .. } = self;
        for tap in taps.values_mut() {
            // After an error the losses are those of the last time.
            let _ = tap.update_losses();
        }
        for (if_index, port) in ports {
            let (name, rate) = (&port.options.name, port.options.sampling_rate);
            let subject = format!("{name} (ifIndex {if_index}, 1 in {rate})");
            statistics.interfaces.push(SampledInterface {
                name: name.clone(),
                if_index: *if_index,
                sampling_rate: rate.get(),
                reason: port.reason.clone(),
                filter: capture(taps, hooking, port.tap).map_or("", |tap| method(tap.method())),
                line: totals_line(subject, totals(port, taps, hooking), false),
            });
        }
        let mut closed = self.gone;
        self.ended.values().for_each(|totals| closed += *totals);
        let subject = "interfaces no longer sampled".to_owned();
        statistics.lines.push(totals_line(subject, closed, true));
    }

    /// Adds the totals of taps that were replaced.
    pub(super) fn add_to_ports(&mut self, news: Vec<(u32, TapStats)>) {
        for (if_index, news) in news {
            match self.ports.get_mut(&if_index) {
                Some(port) => port.before += news,
                None => *self.ended.entry(if_index).or_default() += news,
            }
        }
    }
}

/// Totals of an interface over all its taps, with losses as of their last update.
fn totals(port: &Port, taps: &mut BTreeMap<u32, Tap>, hooking: &mut Hooking) -> TapStats {
    let mut totals = port.before;
    if let Some(tap) = capture(taps, hooking, port.tap) {
        totals += tap.totals(port.options.if_index);
    }
    totals
}

/// A line of the statistics for one interface or for all that were closed.
fn totals_line(subject: String, totals: TapStats, optional: bool) -> Line {
    // Named one by one, so that a new counter cannot be forgotten here.
    let TapStats { seen, chosen, delivered, lost, malformed } = totals;
    let waiting = chosen.saturating_sub(delivered.saturating_add(lost));
    Line {
        subject,
        counters: vec![(seen, "packets seen"), (delivered, "samples"), (lost, "drops")],
        exceptions: vec![(malformed, "unreadable ring entries"), (waiting, "samples in the ring")],
        optional,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_line_has_every_loss() {
        let totals = TapStats { seen: 90, chosen: 9, delivered: 5, lost: 3, malformed: 2 };
        let line = |totals| totals_line("eth0".to_owned(), totals, true);
        assert_eq!(
            line(totals).to_string(),
            "eth0: 90 packets seen, 5 samples, 3 drops, 2 unreadable ring entries, \
             1 samples in the ring"
        );
        let seen = line(TapStats { seen: 1, ..TapStats::default() });
        assert_eq!(seen.to_string(), "eth0: 1 packets seen, 0 samples, 0 drops");
        assert!(!seen.is_hidden() && line(TapStats::default()).is_hidden());
    }
}
