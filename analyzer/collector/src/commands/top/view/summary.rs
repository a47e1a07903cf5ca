//! The lines above the tables.

use core::time::Duration;

use flowmote_engine::flowcache::ActiveFlow;

use super::conversations::error;
use super::{Content, Line, Role, row};
use crate::commands::top::units::si;
use crate::output::notice;

/// Totals of everything received, losses and faults included.
pub(super) fn summary(content: &Content<'_>) -> Vec<Line> {
    let tally = content.analyzer.tally();
    let total = content.flows.total.as_ref();
    let samples = total.map_or(0, |total| total.matched);
    let mut received = format!(
        "agents {}  datagrams/s {}  flow samples/s {}  lost {}  malformed {}",
        tally.sequences.agents(),
        si(content.datagrams),
        si(samples as f64 / content.flows.seconds),
        tally.sequences.totals.lost,
        tally.faults(),
    );
    if tally.implausible() != 0 {
        received += &format!("  implausible {}", tally.implausible());
    }
    let estimate = total.and_then(|total| estimated(&total.flows.first()?.0));
    let estimate = estimate.unwrap_or_else(|| "no packet samples in the window".to_owned());
    let mut lines = vec![row(Role::Title, received), row(Role::Row, estimate)];
    lines.extend(warnings(content).into_iter().map(|text| row(Role::Warning, text)));
    lines
}

/// All packets together; `None` without a further value.
fn estimated(total: &ActiveFlow) -> Option<String> {
    let (bytes, packets) = (&total.estimate, total.values.first()?);
    Some(format!(
        "estimated {} packets/s, {} bit/s ±{:.0}% from {:.0} samples",
        si(packets.value),
        si(bytes.value * 8.0),
        error(bytes),
        packets.samples
    ))
}

/// Conditions that need the attention of the user.
fn warnings(content: &Content<'_>) -> Vec<String> {
    let Content { analyzer, flows, now, .. } = content;
    let mut warnings = Vec::new();
    if let [first, others @ ..] = &analyzer.tally().sequences.shared()[..] {
        let more =
            if others.is_empty() { String::new() } else { format!(", {} more", others.len()) };
        warnings.push(format!("{first}{more}"));
    }
    if let Some(refused) = &analyzer.tally().last_refused
        && now.since(refused.arrival.time) < REFUSED_SHOWN
    {
        warnings.push(notice(refused));
    }
    if let Some(held) = flows.shortened {
        let seconds = held.as_secs_f64();
        let full =
            format!("samples of {seconds:.1} s fill the memory: flows are averages over them");
        warnings.push(full);
    }
    let sources = analyzer.flows().usage().forgotten;
    let evicted = analyzer.agents().evicted + analyzer.metrics().evicted + sources;
    if evicted != 0 {
        warnings.push(format!("tables full: {evicted} entries evicted"));
    }
    warnings
}

/// Time for which the last datagram of another protocol is shown.
const REFUSED_SHOWN: Duration = Duration::from_secs(60);
