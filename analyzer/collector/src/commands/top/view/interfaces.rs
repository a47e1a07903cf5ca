//! Table of interfaces and their rates.

use flowmote_engine::metrics::Metrics;
use flowmote_engine::source::Source;

use super::metric::{label, numbers, sources};
use super::{Content, Line, Sort, View, section};
use crate::commands::top::units::{fit, known, si};

/// An interface, with what it is sorted by.
pub(super) struct Interface {
    source: Source,
    name: Option<String>,
    rate: f64,
}

impl View {
    /// The interfaces with counters or a name, sorted.
    pub(super) fn interfaces(&self, content: &Content<'_>) -> Vec<Interface> {
        let metrics = content.analyzer.metrics();
        let found = sources(metrics, &["ifindex", "ifname"]).into_iter();
        let mut interfaces: Vec<Interface> =
            found.map(|source| Interface::of(metrics, source, self.sort)).collect();
        interfaces.sort_by(|a, b| {
            let order = b.rate.total_cmp(&a.rate).then_with(|| a.name.cmp(&b.name));
            order.then(a.source.cmp(&b.source))
        });
        interfaces
    }

    /// The table of interfaces, in `height` lines.
    pub(super) fn interface_table(
        &self,
        content: &Content<'_>,
        interfaces: &[Interface],
        height: usize,
    ) -> Vec<Line> {
        let name = (self.width.saturating_sub(60)).clamp(12, 40);
        let row = |port: &str, status: &str, cells: [&str; 7]| {
            let [speed, inb, outb, inp, outp, errors, discards] = cells;
            let rates = format!("{inb:>6} {outb:>6} {inp:>6} {outp:>6} {errors:>6} {discards:>5}");
            format!("{:name$} {status:9} {speed:>5} {rates}", fit(port, name))
        };
        let titles = ["speed", "in b/s", "out", "in p/s", "out", "errors", "drops"];
        let header = row("INTERFACE", "adm/oper", titles);
        let metrics = content.analyzer.metrics();
        section(header, height, interfaces.iter(), |Interface { source, .. }| {
            let cells = cells(metrics, source);
            row(
                &label(content.analyzer, source),
                &status(metrics, source),
                cells.each_ref().map(|cell| &**cell),
            )
        })
    }
}

impl Interface {
    fn of(metrics: &Metrics, source: Source, sort: Sort) -> Self {
        let sum = |names| numbers(metrics, &source, names).unwrap_or(0.0);
        let (rate, name) = match sort {
            Sort::Bits => (sum(["ifinoctets", "ifoutoctets"]), None),
            Sort::Packets => (sum(["ifinpkts", "ifoutpkts"]), None),
            Sort::Name => (0.0, metrics.get(&source, "ifname").map(|name| name.to_string())),
        };
        Self { source, name, rate }
    }
}

/// Administrative and operational state.
fn status(metrics: &Metrics, source: &Source) -> String {
    let state = |name| metrics.get(source, name);
    match (state("ifadminstatus"), state("ifoperstatus")) {
        (Some(admin), Some(oper)) => format!("{admin}/{oper}"),
        _ => "no data".to_owned(),
    }
}

/// Speed and rates. A pair of rates is the sum of the known ones.
fn cells(metrics: &Metrics, source: &Source) -> [String; 7] {
    let number = |name| numbers(metrics, source, [name]);
    let bits = |name| number(name).map(|octets| octets * 8.0);
    let values = [
        number("ifspeed"),
        bits("ifinoctets"),
        bits("ifoutoctets"),
        number("ifinpkts"),
        number("ifoutpkts"),
        numbers(metrics, source, ["ifinerrors", "ifouterrors"]),
        numbers(metrics, source, ["ifindiscards", "ifoutdiscards"]),
    ];
    values.map(|value| known(value, si))
}
