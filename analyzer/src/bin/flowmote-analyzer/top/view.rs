//! The view as lines of text, for screen and plain output alike.

use super::clock::{Moment, Rate};
use super::flows::{Conversation, Origin, Pair};
use super::hosts::Host;
use super::interfaces::{Interface, InterfaceRates};
use super::state::State;
use super::units::{bytes, fit, known, si};

/// A line and what it is.
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
    /// Something a user should look into.
    Warning,
}

/// Which tables are shown.
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

/// What decides the order of rows.
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

/// How to show a [`State`].
#[derive(Clone, Copy, Debug)]
pub(super) struct View {
    pub(super) page: Page,
    pub(super) sort: Sort,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl View {
    /// At most `height` lines, none wider than `width`.
    pub(super) fn lines(&self, state: &State, now: Moment) -> Vec<Line> {
        let mut lines = summary(state, now);
        let left = self.height.saturating_sub(lines.len());
        match self.page {
            Page::Overview => self.overview(state, now, left, &mut lines),
            Page::Flows => lines.extend(self.flows(state, now, left)),
            Page::Pairs => lines.extend(self.pairs(state, now, left)),
            Page::Interfaces => lines.extend(self.interfaces(state, left)),
            Page::Hosts => lines.extend(self.hosts(state, left)),
        }
        lines.truncate(self.height);
        for line in &mut lines {
            line.text = line.text.chars().take(self.width).collect();
        }
        lines
    }

    /// Hosts and interfaces take what they need up to a share, flows and pairs the rest.
    fn overview(&self, state: &State, now: Moment, height: usize, lines: &mut Vec<Line>) {
        let needs = |rows: usize, share: usize| (rows.max(1) + 1).min((height / share).max(2));
        let hosts = needs(state.hosts.len(), 6);
        let interfaces = needs(state.interfaces.len(), 3);
        let rest = height.saturating_sub(hosts + interfaces);
        let pairs = if rest >= 14 { (state.pairs.len().max(1) + 1).min(rest / 3) } else { 0 };
        lines.extend(self.flows(state, now, rest - pairs));
        if pairs != 0 {
            lines.extend(self.pairs(state, now, pairs));
        }
        lines.extend(self.interfaces(state, interfaces));
        lines.extend(self.hosts(state, hosts));
    }

    fn flows(&self, state: &State, now: Moment, height: usize) -> Vec<Line> {
        let flows = state.flows.iter().map(|((origin, flow), window)| {
            let (src, dst, protocol) = ends(flow);
            (*origin, src, dst, protocol, window.rate(now))
        });
        self.conversations(state, "FLOW FROM", flows.collect(), height)
    }

    fn pairs(&self, state: &State, now: Moment, height: usize) -> Vec<Line> {
        let pairs = state.pairs.iter().map(|((origin, pair), window)| {
            let (src, dst) = match pair {
                Pair::Ip(src, dst) => (src.to_string(), dst.to_string()),
                Pair::Ethernet(src, dst) => (src.to_string(), dst.to_string()),
            };
            (*origin, src, dst, String::new(), window.rate(now))
        });
        self.conversations(state, "ADDRESS", pairs.collect(), height)
    }

    fn conversations(
        &self,
        state: &State,
        title: &str,
        mut rows: Vec<(Origin, String, String, String, Rate)>,
        height: usize,
    ) -> Vec<Line> {
        rows.retain(|row| row.4.samples != 0);
        rows.sort_by(|a, b| match self.sort {
            Sort::Bits => b.4.bits.total_cmp(&a.4.bits),
            Sort::Packets => b.4.packets.total_cmp(&a.4.packets),
            Sort::Name => (&a.1, &a.2).cmp(&(&b.1, &b.2)),
        });
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
            row(&label(state, origin), src, dst, protocol, numbers)
        })
    }

    fn interfaces(&self, state: &State, height: usize) -> Vec<Line> {
        let mut rows: Vec<_> = state.interfaces.iter().map(|(at, port)| (*at, port)).collect();
        let rates = |port: &Interface| port.rates.unwrap_or_default();
        let bits = |r: InterfaceRates| r.in_bits.unwrap_or(0.0) + r.out_bits.unwrap_or(0.0);
        let packets =
            |r: InterfaceRates| r.in_packets.unwrap_or(0.0) + r.out_packets.unwrap_or(0.0);
        rows.sort_by(|(a, x), (b, y)| match self.sort {
            Sort::Bits => bits(rates(y)).total_cmp(&bits(rates(x))).then(a.cmp(b)),
            Sort::Packets => packets(rates(y)).total_cmp(&packets(rates(x))).then(a.cmp(b)),
            Sort::Name => x.name.cmp(&y.name).then(a.cmp(b)),
        });
        let name = (self.width.saturating_sub(60)).clamp(12, 40);
        let row = |cells: [&str; 9]| {
            let [port, status, speed, inb, outb, inp, outp, errors, discards] = cells;
            format!(
                "{:name$} {status:9} {speed:>5} {inb:>6} {outb:>6} {inp:>6} {outp:>6} {errors:>6} {discards:>5}",
                fit(port, name)
            )
        };
        let header = row([
            "INTERFACE",
            "adm/oper",
            "speed",
            "in b/s",
            "out",
            "in p/s",
            "out",
            "errors",
            "drops",
        ]);
        section(header, height, rows.iter(), |(origin, port)| {
            let Some((_, counters)) = &port.counters else {
                return row([&label(state, origin), "no data", "-", "-", "-", "-", "-", "-", "-"]);
            };
            let rates = rates(port);
            let up = |bit: u32| if counters.if_status & bit != 0 { "up" } else { "down" };
            row([
                &label(state, origin),
                &format!("{}/{}", up(1), up(2)),
                &si(counters.if_speed as f64),
                &known(rates.in_bits, si),
                &known(rates.out_bits, si),
                &known(rates.in_packets, si),
                &known(rates.out_packets, si),
                &known(rates.errors, si),
                &known(rates.discards, si),
            ])
        })
    }

    fn hosts(&self, state: &State, height: usize) -> Vec<Line> {
        let mut rows: Vec<_> = state.hosts.iter().map(|(at, host)| (*at, host)).collect();
        rows.sort_by(|(a, x), (b, y)| match self.sort {
            Sort::Name => x.name.cmp(&y.name).then(a.cmp(b)),
            _ => y.busy.unwrap_or(0.0).total_cmp(&x.busy.unwrap_or(0.0)).then(a.cmp(b)),
        });
        let name = (self.width.saturating_sub(53)).clamp(12, 40);
        let row = |cells: [&str; 6]| {
            let [host, busy, cpus, load, memory, used] = cells;
            format!(
                "{:name$} {busy:>6} {cpus:>5} {load:>17} {memory:>15} {used:>5}",
                fit(host, name)
            )
        };
        let header = row(["HOST", "cpu", "cpus", "load 1/5/15 min", "memory used", "share"]);
        section(header, height, rows.iter(), |(origin, host)| host_row(origin, host, row))
    }
}

fn host_row(origin: &Origin, host: &Host, row: impl Fn([&str; 6]) -> String) -> String {
    let name = host.name.clone().unwrap_or_else(|| format!("{} {}", origin.agent, origin.source));
    let busy = host.busy.map_or("-".to_owned(), |busy| format!("{busy:.1}%"));
    let (cpus, load) = host.cpu.map_or(("-".to_owned(), "-".to_owned()), |(_, cpu)| {
        let load = [cpu.load_one, cpu.load_five, cpu.load_fifteen];
        let load = load.map(|load| if load < 0.0 { "-".to_owned() } else { format!("{load:.2}") });
        (cpu.cpu_num.to_string(), load.join(" "))
    });
    let (memory, used) = host.memory.map_or(("-".to_owned(), "-".to_owned()), |memory| {
        let idle = [memory.mem_free, memory.mem_buffers, memory.mem_cached];
        let idle = idle.into_iter().fold(0, u64::saturating_add);
        let used = memory.mem_total.saturating_sub(idle) as f64;
        let total = memory.mem_total as f64;
        let share =
            if total > 0.0 { format!("{:.0}%", 100.0 * used / total) } else { "-".to_owned() };
        (format!("{} / {}", bytes(used), bytes(total)), share)
    });
    row([&name, &busy, &cpus, &load, &memory, &used])
}

/// What was received, and what went wrong if anything did.
fn summary(state: &State, now: Moment) -> Vec<Line> {
    let tally = &state.tally;
    let gaps = tally.sequences.totals;
    let samples = state.samples.rate(now);
    let received = format!(
        "sub-agents {}  datagrams/s {}  flow samples/s {}  lost {}  malformed {}",
        tally.sequences.len(),
        si(state.datagrams.rate(now).samples_per_second),
        si(samples.samples_per_second),
        gaps.lost,
        tally.faults(),
    );
    let estimate = match samples.samples {
        0 => "no packet samples in the window".to_owned(),
        count => format!(
            "estimated {} packets/s, {} bit/s ±{:.0}% from {count} samples",
            si(samples.packets),
            si(samples.bits),
            samples.error()
        ),
    };
    let mut lines = vec![row(Role::Title, received), row(Role::Row, estimate)];
    if state.evicted() != 0 {
        let evicted = state.evicted();
        lines.push(row(Role::Warning, format!("tables full: {evicted} entries made room")));
    }
    lines
}

/// A header and as many rows as fit.
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

fn ends(flow: &Conversation) -> (String, String, String) {
    match flow {
        Conversation::Ip(ip) if ip.src_port == 0 && ip.dst_port == 0 => {
            (ip.src.to_string(), ip.dst.to_string(), protocol(ip.protocol))
        }
        Conversation::Ip(ip) => {
            let end = |address: core::net::IpAddr, port: u16| {
                core::net::SocketAddr::new(address, port).to_string()
            };
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

/// The interface's name where it is known, and whose it is where there are several agents.
fn label(state: &State, origin: &Origin) -> String {
    let port = state.interfaces.get(origin).and_then(|port| port.name.clone());
    let port = port.unwrap_or_else(|| match origin.source.class {
        0 => format!("ifIndex {}", origin.source.index),
        _ => origin.source.to_string(),
    });
    if state.several_agents() { format!("{} {port}", origin.agent) } else { port }
}
