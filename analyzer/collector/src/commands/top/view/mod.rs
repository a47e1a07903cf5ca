//! The view as lines of text, for the screen and for plain output.

mod conversations;
mod hosts;
mod interfaces;
#[cfg(test)]
mod tests;

use core::time::Duration;

use flowmote_engine::{Engine, Instant, Origin, SubAgent, Totals};

use super::units::si;
use crate::output::notice;

/// A line of the view.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) role: Role,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    /// Names the columns below it.
    Header,
    Row,
    /// A condition that needs the attention of the user.
    Warning,
}

/// The tables to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Page {
    Overview,
    Flows,
    Pairs,
    Interfaces,
    Hosts,
}

impl Page {
    pub(super) const ALL: [Self; 5] =
        [Self::Overview, Self::Flows, Self::Pairs, Self::Interfaces, Self::Hosts];

    pub(super) fn next(self) -> Self {
        let mut pages = Self::ALL.into_iter().cycle().skip_while(|page| *page != self);
        pages.nth(1).unwrap_or(self)
    }
}

/// The order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Bits,
    Packets,
    Name,
}

impl Sort {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bits => "bit/s",
            Self::Packets => "packets/s",
            Self::Name => "name",
        }
    }
}

/// Content and size of a view of an [`Engine`].
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) page: Page,
    pub(super) sort: Sort,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl View {
    /// At most `height` lines, none wider than `width`.
    pub(super) fn lines(&self, engine: &Engine, now: Instant) -> Vec<Line> {
        let mut lines = summary(engine, now);
        let left = self.height.saturating_sub(lines.len());
        match self.page {
            Page::Overview => self.overview(engine, now, left, &mut lines),
            Page::Flows => lines.extend(self.flows(engine, now, left)),
            Page::Pairs => lines.extend(self.pairs(engine, now, left)),
            Page::Interfaces => lines.extend(self.interfaces(engine, left)),
            Page::Hosts => lines.extend(self.hosts(engine, left)),
        }
        lines.truncate(self.height);
        for line in &mut lines {
            line.text = line.text.chars().take(self.width).collect();
        }
        lines
    }

    /// All tables. Hosts get up to a sixth of the lines, interfaces up to a third; flows and pairs
    /// share the rest.
    fn overview(&self, engine: &Engine, now: Instant, height: usize, lines: &mut Vec<Line>) {
        let needs = |rows: usize, share: usize| (rows.max(1) + 1).min((height / share).max(2));
        let hosts = needs(engine.hosts().len(), 6);
        let interfaces = needs(engine.interfaces().len(), 3);
        let rest = height.saturating_sub(hosts + interfaces);
        // Pairs need three lines to be useful, so a small screen shows flows only.
        let pairs =
            if rest >= 14 { (engine.pairs(now).count().max(1) + 1).min(rest / 3) } else { 0 };
        lines.extend(self.flows(engine, now, rest - pairs));
        if pairs != 0 {
            lines.extend(self.pairs(engine, now, pairs));
        }
        lines.extend(self.interfaces(engine, interfaces));
        lines.extend(self.hosts(engine, hosts));
    }
}

/// Totals of everything received, losses and faults included.
fn summary(engine: &Engine, now: Instant) -> Vec<Line> {
    let tally = engine.tally();
    let gaps = tally.sequences.totals;
    let Totals { datagrams, flow_samples, packets } = engine.totals(now);
    let mut received = format!(
        "agents {}  datagrams/s {}  flow samples/s {}  lost {}  malformed {}",
        tally.sequences.agents(),
        si(datagrams.samples_per_second),
        si(flow_samples.samples_per_second),
        gaps.lost,
        tally.faults(),
    );
    if tally.implausible() != 0 {
        received += &format!("  implausible {}", tally.implausible());
    }
    let estimate = match packets.samples {
        0 => "no packet samples in the window".to_owned(),
        count => format!(
            "estimated {} packets/s, {} bit/s ±{:.0}% from {count} samples",
            si(packets.packets),
            si(packets.bits),
            packets.error()
        ),
    };
    let mut lines = vec![row(Role::Title, received), row(Role::Row, estimate)];
    let shared = tally.sequences.shared();
    if let [first, others @ ..] = &shared[..] {
        let more =
            if others.is_empty() { String::new() } else { format!(", {} more", others.len()) };
        lines.push(row(Role::Warning, format!("{first}{more}")));
    }
    if let Some(refused) = &tally.last_refused
        && now.since(refused.arrival.time) < REFUSED_SHOWN
    {
        lines.push(row(Role::Warning, notice(refused)));
    }
    if engine.evicted() != 0 {
        let evicted = engine.evicted();
        lines.push(row(Role::Warning, format!("tables full: {evicted} entries evicted")));
    }
    lines
}

/// A header and as many rows as fit into `height` lines.
fn section<T>(
    header: String,
    height: usize,
    rows: impl ExactSizeIterator<Item = T>,
    show: impl Fn(T) -> String,
) -> Vec<Line> {
    if height == 0 {
        return Vec::new();
    }
    let mut lines = vec![row(Role::Header, header)];
    if rows.len() == 0 {
        lines.push(row(Role::Row, "  (nothing yet)".to_owned()));
    }
    lines.extend(rows.take(height - 1).map(|item| row(Role::Row, show(item))));
    lines
}

fn row(role: Role, text: String) -> Line {
    Line { role, text }
}

/// The name of the interface if known, else its index; after the agent address if there are several
/// agents, and after the sender if several use that address.
fn label(engine: &Engine, origin: &Origin) -> String {
    let port = engine.interface_name(origin).map(str::to_owned);
    let port = port.unwrap_or_else(|| match origin.source.class {
        0 => format!("ifIndex {}", origin.source.index),
        _ => origin.source.to_string(),
    });
    let sequences = &engine.tally().sequences;
    let sub_agent = SubAgent { agent: origin.agent, sub_agent_id: origin.sub_agent_id };
    match origin.sender {
        Some(sender) if sequences.alternates(&sub_agent) => format!("{sender} {port}"),
        _ if sequences.several_agents() => format!("{} {port}", origin.agent),
        _ => port,
    }
}

/// Time for which the last datagram of another protocol is shown.
const REFUSED_SHOWN: Duration = Duration::from_secs(60);
