//! Tables of flows and of address pairs.

use core::net::{IpAddr, SocketAddr};

use flowmote_engine::{Conversation, Engine, Instant, Origin, Pair, Rate};

use super::{Line, Sort, View, label, section};
use crate::commands::top::units::{fit, si};

impl View {
    pub(super) fn flows(&self, engine: &Engine, now: Instant, height: usize) -> Vec<Line> {
        let flows = engine.flows(now).map(|row| {
            let (src, dst, protocol) = ends(&row.flow);
            (row.origin, src, dst, protocol, row.rate)
        });
        self.conversations(engine, "FLOW FROM", flows.collect(), height)
    }

    pub(super) fn pairs(&self, engine: &Engine, now: Instant, height: usize) -> Vec<Line> {
        let pairs = engine.pairs(now).map(|row| {
            let (src, dst) = match row.pair {
                Pair::Ip(src, dst) => (src.to_string(), dst.to_string()),
                Pair::Ethernet(src, dst) => (src.to_string(), dst.to_string()),
            };
            (row.origin, src, dst, String::new(), row.rate)
        });
        self.conversations(engine, "ADDRESS", pairs.collect(), height)
    }

    /// Rows of origin, source, destination, protocol and rate, sorted.
    fn conversations(
        &self,
        engine: &Engine,
        title: &str,
        mut rows: Vec<(Origin, String, String, String, Rate)>,
        height: usize,
    ) -> Vec<Line> {
        rows.sort_by(|a, b| match self.sort {
            Sort::Bits => b.4.bits.total_cmp(&a.4.bits),
            Sort::Packets => b.4.packets.total_cmp(&a.4.packets),
            Sort::Name => (&a.1, &a.2).cmp(&(&b.1, &b.2)),
        });
        // The column SEEN BY needs a wide screen.
        let at_width = if self.width >= 110 { 26 } else { 0 };
        let end = (self.width.saturating_sub(28 + at_width) / 2).clamp(10, 48);
        let row = |at: &str, src: &str, dst: &str, protocol: &str, numbers: [&str; 3]| {
            let [bits, packets, error] = numbers;
            let (src, dst) = (fit(src, end), fit(dst, end));
            let text =
                format!("{src:end$} {dst:end$} {protocol:5} {bits:>6} {packets:>6} {error:>6}");
            if at_width == 0 { text } else { format!("{text}  {}", fit(at, at_width - 2)) }
        };
        let header = row("SEEN BY", title, "TO", "PROTO", ["bit/s", "pkt/s", "±95%"]);
        section(header, height, rows.iter(), |(origin, src, dst, protocol, rate)| {
            let error = format!("{:.0}%", rate.error());
            let numbers = [&si(rate.bits)[..], &si(rate.packets), &error];
            row(&label(engine, origin), src, dst, protocol, numbers)
        })
    }
}

/// Source, destination and protocol of a flow as text.
fn ends(flow: &Conversation) -> (String, String, String) {
    match flow {
        Conversation::Ip(ip) if ip.src_port == 0 && ip.dst_port == 0 => {
            (ip.src.to_string(), ip.dst.to_string(), protocol(ip.protocol))
        }
        Conversation::Ip(ip) => {
            let end = |address: IpAddr, port: u16| SocketAddr::new(address, port).to_string();
            (end(ip.src, ip.src_port), end(ip.dst, ip.dst_port), protocol(ip.protocol))
        }
        Conversation::Ethernet { src, dst, ether_type } => {
            let name = match ether_type {
                0x0806 => "arp".to_owned(),
                0x88cc => "lldp".to_owned(),
                other => format!("{other:04x}"),
            };
            (src.to_string(), dst.to_string(), name)
        }
    }
}

/// The name of an IP protocol, or its number.
fn protocol(number: u8) -> String {
    match number {
        1 => "icmp".to_owned(),
        2 => "igmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        47 => "gre".to_owned(),
        50 => "esp".to_owned(),
        58 => "icmp6".to_owned(),
        132 => "sctp".to_owned(),
        other => other.to_string(),
    }
}
