//! The figures, their targets and their table.

use std::collections::BTreeMap;
use std::fmt;

use crate::agent::Kind;

/// A row of the table, in the order of the table; described by `describe`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    FloodRate,
    FloodSender,
    FloodLost,
    FloodPoolError,
    FloodDrops,
    FloodSamplesPerSecond,
    FloodUser,
    FloodSystem,
    FloodCpu,
    BareCpu,
    CpuRatio,
    SamplesPerDatagram,
    SparseRate,
    SparseSender,
    SparseCpu,
    SparseError,
    PacketReceived,
    HookReceived,
    PacketSent,
    HookSent,
    BulkThroughput,
    BulkCpu,
    BulkPackets,
    BulkOctets,
    TcpPlain,
    TcpCpu,
    TcpAnnotated,
    TcpSamples,
    TcpFollowed,
    TcpContainers,
    JsonUser,
    JsonCpu,
    JsonError,
    Resident,
    ResidentAnonymous,
    ResidentFile,
    ResidentShared,
    ResidentFlood,
    WakeUps,
    IdleCpu,
    ModulesWakeUps,
    ModulesCpu,
    ModulesResident,
    DelayMedian,
    DelayTail,
    DelayWorst,
    ClockError,
}

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Column {
    /// Without an agent.
    NoAgent,
    /// With this agent.
    Agent(Kind),
}

/// All measured values; several values of one figure are repetitions.
#[derive(Debug, Default)]
pub(crate) struct Figures(BTreeMap<(Figure, Column), Vec<f64>>);

/// Presentation of a figure.
struct Description {
    title: &'static str,
    unit: &'static str,
    decimals: usize,
    target: Option<f64>,
    /// Show the repetition farthest from zero instead of the median.
    worst: bool,
}

impl Figures {
    /// Adds a repetition.
    pub(crate) fn add(&mut self, figure: Figure, column: Column, value: f64) {
        self.0.entry((figure, column)).or_default().push(value);
    }

    /// Figures of Flowmote that miss their target.
    pub(crate) fn missed(&self) -> impl Iterator<Item = &'static str> {
        self.0.keys().filter(|(_, column)| *column == Column::Agent(Kind::Flowmote)).filter_map(
            |(figure, column)| {
                let description = figure.describe();
                let missed = self.value(*figure, *column)? > description.target?;
                missed.then_some(description.title)
            },
        )
    }

    fn value(&self, figure: Figure, column: Column) -> Option<f64> {
        let values = self.0.get(&(figure, column))?;
        if figure.describe().worst {
            return values.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        }
        quantile(values, 0.5)
    }

    fn cell(&self, figure: Figure, column: Column) -> String {
        let decimals = figure.describe().decimals;
        self.value(figure, column).map_or("-".into(), |value| format!("{value:.decimals$}"))
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {:54} | target | no agent | Flowmote | hsflowd |", "")?;
        writeln!(f, "|:{:-<54}-|-------:|---------:|---------:|--------:|", "")?;
        let mut figures: Vec<_> = self.0.keys().map(|(figure, _)| *figure).collect();
        figures.dedup();
        for figure in figures {
            let Description { title, unit, target, .. } = figure.describe();
            let title = if unit.is_empty() { title.into() } else { format!("{title}, {unit}") };
            let target = target.map_or(String::new(), |target| format!("≤ {target}"));
            let alone = self
                .value(figure, Column::NoAgent)
                .map_or(String::new(), |_| self.cell(figure, Column::NoAgent));
            let flowmote = self.cell(figure, Column::Agent(Kind::Flowmote));
            let hsflowd = self.cell(figure, Column::Agent(Kind::Hsflowd));
            writeln!(
                f,
                "| {title:54} | {target:>6} | {alone:>8} | {flowmote:>8} | {hsflowd:>7} |"
            )?;
        }
        Ok(())
    }
}

impl Figure {
    fn describe(self) -> Description {
        let (title, unit, decimals, target, worst) = match self {
            Self::FloodSender => ("N=1: CPU per packet of the sender", "ns", 0, None, false),
            Self::FloodRate => ("N=1: sender", "thousand packets/s", 0, None, false),
            Self::FloodLost => ("N=1: samples lost", "worst run", 0, Some(0.0), true),
            Self::FloodPoolError => {
                ("N=1: sample_pool minus packets sent", "worst run", 0, Some(0.0), true)
            }
            Self::FloodDrops => ("N=1: drops as exported", "worst run", 0, None, true),
            Self::FloodSamplesPerSecond => ("N=1: samples arrived", "thousand/s", 0, None, false),
            Self::FloodUser => ("N=1: CPU per sample, user", "ns", 0, None, false),
            Self::FloodSystem => ("N=1: CPU per sample, system", "ns", 0, None, false),
            Self::FloodCpu => ("N=1: CPU per sample", "ns", 0, None, false),
            Self::BareCpu => ("N=1: CPU per sample of the bare loop", "ns", 0, None, false),
            Self::CpuRatio => ("N=1: agent / bare loop", "", 2, Some(2.0), false),
            Self::SamplesPerDatagram => ("N=1: samples per datagram", "", 2, None, false),
            Self::SparseSender => ("N=400: CPU per packet of the sender", "ns", 0, None, false),
            Self::SparseRate => ("N=400: sender", "thousand packets/s", 0, None, false),
            Self::SparseCpu => ("N=400: CPU per packet seen", "ns", 2, None, false),
            Self::SparseError => {
                ("N=400: error of the estimate / 95 % bound", "worst run", 2, None, true)
            }
            Self::PacketReceived => ("not sampled, received: packet socket", "ns", 0, None, false),
            Self::HookReceived => ("not sampled, received: tc hook", "ns", 0, Some(60.0), false),
            Self::PacketSent => ("not sampled, sent: packet socket", "ns", 0, None, false),
            Self::HookSent => ("not sampled, sent: tc hook", "ns", 0, Some(60.0), false),
            Self::BulkThroughput => ("bulk TCP, N=400: throughput", "Gbit/s", 1, None, false),
            Self::BulkCpu => ("bulk TCP, N=400: CPU per wire packet", "ns", 2, None, false),
            Self::BulkPackets => {
                ("bulk TCP, N=400: error of packets / 95 % bound", "worst", 2, None, true)
            }
            Self::BulkOctets => {
                ("bulk TCP, N=400: error of bytes / 95 % bound", "worst", 2, None, true)
            }
            Self::TcpPlain => ("500 connections, N=10: CPU per sample", "µs", 2, None, false),
            Self::TcpCpu => {
                ("the same: more with tcp { }, per annotated sample", "µs", 2, Some(3.0), false)
            }
            Self::TcpSamples => ("the same: samples", "thousand/s", 1, None, false),
            Self::TcpFollowed => ("the same, idle: CPU per connection", "µs/s", 2, None, false),
            Self::TcpContainers => {
                ("containers: more with tcp { }, per annotated sample", "µs", 2, Some(3.0), false)
            }
            Self::TcpAnnotated => ("the same: samples with tcp_info", "%", 1, None, false),
            Self::JsonUser => ("10,000 JSON/s, N=400: CPU per message, user", "ns", 0, None, false),
            Self::JsonCpu => {
                ("10,000 JSON/s, N=400: CPU per message", "ns", 0, Some(3000.0), false)
            }
            Self::JsonError => ("10,000 JSON/s, N=400: error / 95 % bound", "worst", 2, None, true),
            Self::Resident => ("RSS, default rate", "MB", 2, Some(3.0), true),
            Self::ResidentFlood => ("RSS after the flood, N=1", "MB", 2, None, true),
            Self::ResidentAnonymous => ("RSS, default rate: anonymous", "MB", 2, None, true),
            Self::ResidentFile => ("RSS, default rate: files and ring", "MB", 2, None, true),
            Self::ResidentShared => ("RSS, default rate: shared", "MB", 2, None, true),
            Self::WakeUps => ("idle, polling 20: wake-ups", "1/s", 2, Some(0.5), true),
            Self::IdleCpu => ("idle, polling 20: CPU", "µs/s", 0, None, true),
            Self::ModulesWakeUps => ("all blocks, idle: wake-ups", "1/s", 2, Some(1.0), true),
            Self::ModulesCpu => ("all blocks, idle: CPU", "µs/s", 0, None, true),
            Self::ModulesResident => ("all blocks, idle: RSS", "MB", 2, Some(6.0), true),
            Self::DelayMedian => ("packet to datagram: median", "ms", 0, None, true),
            Self::DelayTail => ("packet to datagram: p99", "ms", 0, Some(250.0), true),
            Self::DelayWorst => ("packet to datagram: worst", "ms", 0, Some(1000.0), true),
            Self::ClockError => ("record 1043 minus time of sending: median", "µs", 0, None, true),
        };
        Description { title, unit, decimals, target, worst }
    }
}

/// The `q` quantile of `values` (nearest rank); `None` if there are none.
pub(crate) fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}
