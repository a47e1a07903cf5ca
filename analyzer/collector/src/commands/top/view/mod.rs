//! The view as lines of text, for the screen and for plain output.

mod conversations;
mod hosts;
mod interfaces;
mod metric;
mod summary;
#[cfg(test)]
mod tests;

use super::live::Content;
use super::recent::Wanted;
use summary::summary;

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

/// Choice and size of a view.
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) page: Page,
    pub(super) sort: Sort,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl View {
    /// The flows that the view shows.
    pub(super) fn wanted(&self) -> Wanted {
        let values = match self.sort {
            Sort::Packets => ["frames", "bytes"],
            Sort::Bits | Sort::Name => ["bytes", "frames"],
        };
        let rows = if self.sort == Sort::Name { usize::MAX } else { self.height };
        let on = |page| if [page, Page::Overview].contains(&self.page) { rows } else { 0 };
        Wanted { values, flows: on(Page::Flows), pairs: on(Page::Pairs) }
    }

    /// At most `height` lines, none wider than `width`.
    pub(super) fn lines(&self, content: &Content<'_>) -> Vec<Line> {
        let mut lines = summary(content);
        let left = self.height.saturating_sub(lines.len());
        match self.page {
            Page::Overview => self.overview(content, left, &mut lines),
            Page::Flows => lines.extend(self.table(content, &self.flows(content), left)),
            Page::Pairs => lines.extend(self.table(content, &self.pairs(content), left)),
            Page::Interfaces => {
                lines.extend(self.interface_table(content, &self.interfaces(content), left));
            }
            Page::Hosts => lines.extend(self.host_table(content, &self.hosts(content), left)),
        }
        lines.truncate(self.height);
        for line in &mut lines {
            line.text = line.text.chars().take(self.width).collect();
        }
        lines
    }

    /// All tables. Hosts get up to a sixth of the lines, interfaces up to a third; flows and pairs
    /// share the rest.
    fn overview(&self, content: &Content<'_>, height: usize, lines: &mut Vec<Line>) {
        let needs = |rows: usize, share: usize| (rows.max(1) + 1).min((height / share).max(2));
        let (hosts, interfaces) = (self.hosts(content), self.interfaces(content));
        let (for_hosts, for_interfaces) = (needs(hosts.len(), 6), needs(interfaces.len(), 3));
        let mut rest = height.saturating_sub(for_hosts + for_interfaces);
        // Pairs need three lines to be useful, so a small screen shows flows only.
        let pairs = self.pairs(content);
        let for_pairs = if rest >= 14 { (pairs.len().max(1) + 1).min(rest / 3) } else { 0 };
        rest -= for_pairs;
        lines.extend(self.table(content, &self.flows(content), rest));
        lines.extend(self.table(content, &pairs, for_pairs));
        lines.extend(self.interface_table(content, &interfaces, for_interfaces));
        lines.extend(self.host_table(content, &hosts, for_hosts));
    }
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
