//! Tables of flows and of address pairs.

use core::net::{IpAddr, SocketAddr};

use flowmote_engine::flowcache::{ActiveFlow, Estimate};
use flowmote_engine::samples::PastResult;
use flowmote_engine::source::Source;

use super::metric::label;
use super::{Content, Line, Sort, View, section};
use crate::commands::top::units::{fit, si};

/// Rows of a table, sorted.
pub(super) struct Conversations {
    title: &'static str,
    rows: Vec<Row>,
}

struct Row {
    source: Source,
    from: String,
    to: String,
    protocol: String,
    bits: f64,
    packets: f64,
    /// In percent of the value that rows are sorted by.
    error: f64,
}

impl View {
    /// The rows of flows.
    pub(super) fn flows(&self, content: &Content<'_>) -> Conversations {
        self.conversations("FLOW FROM", content.flows.flows.as_ref())
    }

    /// The rows of pairs of addresses.
    pub(super) fn pairs(&self, content: &Content<'_>) -> Conversations {
        self.conversations("ADDRESS", content.flows.pairs.as_ref())
    }

    fn conversations(&self, title: &'static str, result: Option<&PastResult>) -> Conversations {
        let flows = result.map_or(&[][..], |result| &result.flows);
        let mut rows: Vec<Row> = flows.iter().map(|(flow, _)| Row::of(flow, self.sort)).collect();
        if self.sort == Sort::Name {
            rows.sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        }
        Conversations { title, rows }
    }

    /// The table, in `height` lines.
    pub(super) fn table(
        &self,
        content: &Content<'_>,
        table: &Conversations,
        height: usize,
    ) -> Vec<Line> {
        // The column SEEN BY needs a wide screen.
        let at_width = if self.width >= 110 { 26 } else { 0 };
        let end = (self.width.saturating_sub(28 + at_width) / 2).clamp(10, 48);
        let line = |at: &str, from: &str, to: &str, protocol: &str, numbers: [&str; 3]| {
            let [bits, packets, error] = numbers;
            let (from, to) = (fit(from, end), fit(to, end));
            let text =
                format!("{from:end$} {to:end$} {protocol:5} {bits:>6} {packets:>6} {error:>6}");
            if at_width == 0 { text } else { format!("{text}  {}", fit(at, at_width - 2)) }
        };
        let header = line("SEEN BY", table.title, "TO", "PROTO", ["bit/s", "pkt/s", "±95%"]);
        section(header, height, table.rows.iter(), |row| {
            let numbers = [&si(row.bits)[..], &si(row.packets), &format!("{:.0}%", row.error)];
            let at = label(content.analyzer, &row.source);
            line(&at, &row.from, &row.to, &row.protocol, numbers)
        })
    }
}

impl Conversations {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl Row {
    fn of(flow: &ActiveFlow, sort: Sort) -> Self {
        let further = flow.values.first().map_or(0.0, |further| further.value);
        let (bytes, packets) = match sort {
            Sort::Packets => (further, flow.estimate.value),
            Sort::Bits | Sort::Name => (flow.estimate.value, further),
        };
        // The data source is known already.
        let mut fields = flow.key.split(',').skip(2).map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        let (from, to, protocol, ports) = (next(), next(), next(), [next(), next()]);
        let (from, to, protocol) = names(from, to, &protocol, ports);
        let error = error(&flow.estimate);
        Self { source: flow.source, from, to, protocol, bits: bytes * 8.0, packets, error }
    }
}

/// The distance from an estimate to the farther end of its interval, in percent.
pub(super) fn error(estimate: &Estimate) -> f64 {
    let Estimate { value, low, high, .. } = *estimate;
    100.0 * (high - value).max(value - low) / value
}

/// Source, destination and protocol of a flow as they are shown.
fn names(from: String, to: String, number: &str, ports: [String; 2]) -> (String, String, String) {
    let (Ok(source), Ok(destination)) = (from.parse::<IpAddr>(), to.parse::<IpAddr>()) else {
        return (mac(&from), mac(&to), ether_type(number));
    };
    match ports.map(|port| port.parse().unwrap_or(0)) {
        [0, 0] => (from, to, protocol(number)),
        [sport, dport] => {
            let end = |address, port| SocketAddr::new(address, port).to_string();
            (end(source, sport), end(destination, dport), protocol(number))
        }
    }
}

/// 12 hexadecimal digits as a MAC address.
fn mac(digits: &str) -> String {
    let lower = digits.to_ascii_lowercase();
    let pairs: Vec<&str> =
        lower.as_bytes().chunks(2).filter_map(|pair| str::from_utf8(pair).ok()).collect();
    pairs.join(":")
}

/// The name of an EtherType, or its hexadecimal number. Frames of IEEE 802.3 have none.
fn ether_type(number: &str) -> String {
    match (number, number.parse::<u16>()) {
        ("0", _) => "802.3".to_owned(),
        ("2054", _) => "arp".to_owned(),
        ("35020", _) => "lldp".to_owned(),
        (_, Ok(other)) => format!("{other:04x}"),
        (other, Err(_)) => other.to_owned(),
    }
}

/// The name of an IP protocol, or its number.
fn protocol(number: &str) -> String {
    let name = match number {
        "1" => "icmp",
        "2" => "igmp",
        "6" => "tcp",
        "17" => "udp",
        "47" => "gre",
        "50" => "esp",
        "58" => "icmp6",
        "132" => "sctp",
        other => other,
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source, destination and protocol, as shown.
    fn shown(from: &str, to: &str, number: &str, ports: [&str; 2]) -> [String; 3] {
        let (from, to, protocol) =
            names(from.to_owned(), to.to_owned(), number, ports.map(str::to_owned));
        [from, to, protocol]
    }

    #[test]
    fn ports_follow_addresses_if_there_are_any() {
        let tcp = shown("10.0.0.1", "10.0.0.2", "6", ["40000", "443"]);
        assert_eq!(tcp, ["10.0.0.1:40000", "10.0.0.2:443", "tcp"]);
        let udp = shown("2001:db8::1", "2001:db8::2", "17", ["53", "0"]);
        assert_eq!(udp, ["[2001:db8::1]:53", "[2001:db8::2]:0", "udp"]);
        let icmp = shown("10.0.0.1", "10.0.0.2", "1", ["0", "0"]);
        assert_eq!(icmp, ["10.0.0.1", "10.0.0.2", "icmp"]);
        assert_eq!(shown("10.0.0.1", "10.0.0.2", "89", ["0", "0"])[2], "89");
        assert_eq!(shown("10.0.0.1", "10.0.0.2", "", ["", ""]), ["10.0.0.1", "10.0.0.2", ""]);
    }

    #[test]
    fn other_packets_have_mac_addresses_and_ether_types() {
        let (from, to) = ("0200000000AB", "FFFFFFFFFFFF");
        let arp = shown(from, to, "2054", ["0", "0"]);
        assert_eq!(arp, ["02:00:00:00:00:ab", "ff:ff:ff:ff:ff:ff", "arp"]);
        let of = |number| shown(from, to, number, ["0", "0"])[2].clone();
        assert_eq!(["35020", "34969", "0", ""].map(of), ["lldp", "8899", "802.3", ""]);
    }

    #[test]
    fn error_is_the_distance_to_the_farther_end() {
        let estimate = Estimate { value: 200.0, low: 150.0, high: 300.0, ..Estimate::default() };
        assert_eq!(error(&estimate), 50.0);
        assert_eq!(error(&Estimate { low: 20.0, ..estimate }), 90.0);
    }
}
