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
            let rates = format!("{inb:>6} {outb:>6} {inp:>6} {outp:>6} {errors:>6} {discards:>5}");
            format!("{:name$} {status:9} {speed:>5} {rates}", fit(port, name))
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
        "agents {}  datagrams/s {}  flow samples/s {}  lost {}  malformed {}",
        tally.sequences.agents(),
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
    let port = state.interface_name(origin).map(str::to_owned);
    let port = port.unwrap_or_else(|| match origin.source.class {
        0 => format!("ifIndex {}", origin.source.index),
        _ => origin.source.to_string(),
    });
    if state.tally.sequences.agents() > 1 { format!("{} {port}", origin.agent) } else { port }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::time::Instant;

    use super::*;

    /// A datagram of one sample, all in words.
    fn datagram(sequence: u32, uptime: u32, format: u32, sample: &[u32]) -> Vec<u8> {
        let mut words = vec![5, 1, 0x0a00_0001, 0, sequence, uptime, 1];
        words.extend([format, 4 * sample.len() as u32]);
        words.extend(sample);
        words.into_iter().flat_map(u32::to_be_bytes).collect()
    }

    /// Interface 3, named eth0, after so many octets in; what goes out is not known.
    fn counters(sequence: u32, octets: u32) -> Vec<u32> {
        let mut sample = vec![sequence, 3, 2, 1, 88, 3, 6, 0, 1_000_000_000, 1, 3, 0, octets];
        sample.extend([octets / 100, 0, u32::MAX, sequence, 0, u32::MAX]);
        sample.extend([u32::MAX; 8]);
        sample.extend([1005, 8, 4, u32::from_be_bytes(*b"eth0")]);
        sample
    }

    /// 1 in 100: 10.0.0.1:40000 > 10.0.0.2:443, TCP, 1500 bytes.
    fn flow(sequence: u32) -> Vec<u32> {
        let ip = [1500, 6, 0x0a00_0001, 0x0a00_0002, 40_000, 443, 0x10, 0];
        [&[sequence, 3, 100, 100 * sequence, 0, 3, 0, 1, 3, 32][..], &ip].concat()
    }

    fn host(sequence: u32, idle: u32, user: u32) -> Vec<u32> {
        let load = [0.5f32, 0.25, -1.0].map(f32::to_bits);
        let cpu = [1, 100, 4, 2400, 60, user, 0, 0, idle, 0, 0, 0, 0, 0];
        let memory = [1, 0, 0, 1 << 30, 0, 0, 0, 0, 0, 1 << 30, 0, 0, 0, 0, 0, 0, 0, 0];
        let mut sample = vec![sequence, 2 << 24 | 1, 2, 2003, 68];
        sample.extend(load);
        sample.extend(cpu);
        sample.extend([2004, 72]);
        sample.extend(memory);
        sample
    }

    fn shown(state: &State, start: Instant, page: Page, width: usize) -> Vec<String> {
        let now = state.clock.moment(start + Duration::from_secs(10));
        let view = View { page, sort: Sort::Bits, width, height: 20 };
        view.lines(state, now).into_iter().map(|line| line.text.trim_end().to_owned()).collect()
    }

    fn state() -> (State, Instant) {
        let start = Instant::now();
        let mut state = State::new(start, Duration::from_secs(10));
        let mut sequence = 0;
        let mut receive = |seconds: u64, format: u32, sample: &[u32]| {
            sequence += 1;
            let payload = datagram(sequence, 1000 * seconds as u32, format, sample);
            state.receive(&payload, start + Duration::from_secs(seconds));
        };
        receive(0, 2, &counters(1, 1_000_000));
        receive(0, 2, &host(1, u32::MAX - 9_999, 500));
        (1..=100).for_each(|count| receive(5, 1, &flow(count)));
        receive(10, 2, &counters(2, 13_500_000));
        // across the wrap: 30 s of idle time, 10 s of work
        receive(10, 2, &host(2, 20_000, 10_500));
        (state, start)
    }

    #[test]
    fn estimates_with_their_error() {
        let (state, start) = state();
        let lines = shown(&state, start, Page::Flows, 80);
        assert_eq!(lines[0], "agents 1  datagrams/s 10.4  flow samples/s 10  lost 0  malformed 0");
        // 100 samples at 1 in 100 in 10 s: 1000 packets/s of 1500 bytes
        assert_eq!(lines[1], "estimated 1.00k packets/s, 12.0M bit/s ±20% from 100 samples");
        let flow = lines[3].split_whitespace().collect::<Vec<_>>();
        assert_eq!(flow, ["10.0.0.1:40000", "10.0.0.2:443", "tcp", "12.0M", "1.00k", "20%"]);
        assert!(shown(&state, start, Page::Flows, 120)[3].ends_with("20%  eth0"));
        let pair = &shown(&state, start, Page::Pairs, 80)[3];
        assert!(pair.starts_with("10.0.0.1 ") && pair.contains(" 12.0M "), "{pair}");
    }

    #[test]
    fn differences_of_counters() {
        let (state, start) = state();
        let lines = shown(&state, start, Page::Interfaces, 80);
        let port = lines[3].split_whitespace().collect::<Vec<_>>();
        // 12.5 MB in 10 s; 125,000 packets; one discard; nothing known of output
        let expected = ["eth0", "up/up", "1.00G", "10.0M", "-", "12.5k", "-", "0", "0.10"];
        assert_eq!(port, expected);
        let lines = shown(&state, start, Page::Hosts, 80);
        let host = lines[3].split_whitespace().collect::<Vec<_>>();
        let load = ["0.50", "0.25", "-"];
        let memory = ["2.00Gi", "/", "4.00Gi", "50%"];
        assert_eq!(host, [&["10.0.0.1", "2:1", "25.0%", "4"][..], &load, &memory].concat());
    }

    #[test]
    fn every_page_keeps_to_its_size() {
        let (state, start) = state();
        for page in Page::ALL {
            for (width, height) in [(0, 0), (1, 1), (20, 3), (80, 24), (200, 50)] {
                let view = View { page, sort: Sort::Name, width, height };
                let now = state.clock.moment(start + Duration::from_secs(10));
                let lines = view.lines(&state, now);
                assert!(lines.len() <= height, "{page:?}");
                assert!(lines.iter().all(|line| line.text.chars().count() <= width), "{page:?}");
            }
        }
    }
}
