//! A snapshot as text for people.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::counters::{Counters, is_gauge, without_details};
use super::snapshot::{Collector, Counted, Interface, Module, Snapshot};
use super::table::Table;
use crate::printable::printable;

/// Displays a snapshot, with rates since an earlier one if there is one.
pub(super) fn render(now: &Snapshot, before: Option<&Snapshot>) -> String {
    let view = View { now, before: before.filter(|before| is_earlier(before, now)) };
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = view.write(&mut text);
    text.split_inclusive('\n').map(without_controls).collect()
}

/// A line whose names, which come from outside, cannot act on a terminal.
fn without_controls(line: &str) -> String {
    let (text, end) = line.split_at(line.len() - usize::from(line.ends_with('\n')));
    format!("{}{end}", printable(text))
}

/// Returns true if both are of one run of an agent.
fn is_earlier(before: &Snapshot, now: &Snapshot) -> bool {
    before.pid == now.pid && before.uptime_ms < now.uptime_ms
}

struct View<'a> {
    now: &'a Snapshot,
    before: Option<&'a Snapshot>,
}

impl View<'_> {
    fn write(&self, f: &mut String) -> fmt::Result {
        self.identity(f)?;
        self.interfaces(f)?;
        self.collectors(f)?;
        writeln!(f, "\ncounters")?;
        let modules =
            self.now.modules.iter().map(|module| (Cow::from(&module.subject), &module.counted));
        for (subject, counted) in [(AGENT.into(), &self.now.totals)].into_iter().chain(modules) {
            self.counters(f, &subject, counted)?;
        }
        self.losses(f)
    }

    fn identity(&self, f: &mut String) -> fmt::Result {
        let Snapshot { version, pid, runs_as, configuration, .. } = self.now;
        let mut line = |name: &str, text: fmt::Arguments<'_>| writeln!(f, "{name:<14}{text}");
        line("flowmote", format_args!("{version}, up {}, pid {pid}", Uptime(self.now.uptime_ms)))?;
        let (address, reason) = (&self.now.agent_address, &self.now.agent_address_reason);
        let sub_agent = self.now.sub_agent_id;
        line("agent", format_args!("{address}, sub-agent {sub_agent}; {reason}"))?;
        let capabilities = match self.now.capabilities.as_slice() {
            [] => "no capability".to_owned(),
            some => some.join(" and "),
        };
        line("runs as", format_args!("{runs_as} with {capabilities}"))?;
        let file = configuration.as_deref().unwrap_or("from the command line");
        line("configuration", format_args!("{file}"))?;
        let wake_ups = self.rate(self.now.wake_ups, |before| Some(before.wake_ups));
        let resident = self.now.resident_bytes as f64 / 1e6;
        line("process", format_args!("{resident:.1} MB resident, {wake_ups} wake-ups/s"))?;
        let sources = self.now.data_sources.len();
        match self.now.polling_seconds {
            0 => line("data sources", format_args!("{sources}, counters off")),
            seconds => line("data sources", format_args!("{sources}, polled every {seconds} s")),
        }
    }

    fn interfaces(&self, f: &mut String) -> fmt::Result {
        let mut table = Table::new(&["interface", "rate"]);
        for Interface { name, sampling_rate, reason, filter, counted, .. } in &self.now.interfaces {
            table.row(&[&marked(name, counted), &format!("1 in {sampling_rate}")]);
            self.cells(&mut table, name, &counted.counters);
            table.note(&format!("{reason}; {filter}"));
        }
        write!(f, "{table}")
    }

    fn collectors(&self, f: &mut String) -> fmt::Result {
        let mut table = Table::new(&["collector", "state"]);
        for Collector { collector, address, state, counted } in &self.now.collectors {
            table.row(&[&marked(collector, counted), state]);
            self.cells(&mut table, &subject_of(collector), &counted.counters);
            if let Some(address) =
                address.as_ref().filter(|address| !collector.starts_with(*address))
            {
                table.note(address);
            }
        }
        write!(f, "{table}")
    }

    fn cells(&self, table: &mut Table, subject: &str, counters: &Counters) {
        for (name, count) in counters.usual() {
            table.cell(&in_words(name), &count.to_string());
            table.cell("/s", &self.rate_of(subject, name, count));
        }
    }

    fn counters(&self, f: &mut String, subject: &str, counted: &Counted) -> fmt::Result {
        write!(f, "  {}", marked(subject, counted))?;
        let mut separator = ": ";
        for (name, count) in counted.counters.usual() {
            write!(f, "{separator}{count} {}", in_words(name))?;
            if !is_gauge(name) {
                write!(f, " ({}/s)", self.rate_of(subject, name, count))?;
            }
            separator = ", ";
        }
        writeln!(f)
    }

    /// Lists every loss that is not 0.
    fn losses(&self, f: &mut String) -> fmt::Result {
        let mut any = false;
        for (subject, counted) in subjects(self.now) {
            for (name, count) in counted.losses.iter().filter(|(_, count)| *count > 0) {
                if !any {
                    writeln!(f, "\nlosses")?;
                }
                any = true;
                let rate = self.rate_of(&subject, name, count);
                writeln!(f, "! {subject}: {count} {} ({rate}/s)", in_words(name))?;
            }
        }
        if any { Ok(()) } else { writeln!(f, "\nno losses") }
    }

    /// The rate of a counter of a subject.
    fn rate_of(&self, subject: &str, name: &str, count: u64) -> String {
        self.rate(count, |before| {
            let (_, counted) = subjects(before)
                .find(|(known, _)| without_details(known) == without_details(subject))?;
            counted.counters.get(name).or_else(|| counted.losses.get(name))
        })
    }

    fn rate(&self, count: u64, earlier: impl Fn(&Snapshot) -> Option<u64>) -> String {
        let rate = self.before.and_then(|before| {
            let seconds = (self.now.uptime_ms - before.uptime_ms) as f64 / 1000.0;
            Some(count.checked_sub(earlier(before)?)? as f64 / seconds)
        });
        match rate {
            None => "-".to_owned(),
            Some(rate) if rate > 0.0 && rate < 100.0 => format!("{rate:.1}"),
            Some(rate) => format!("{rate:.0}"),
        }
    }
}

/// Everything that counts, with its name.
fn subjects(snapshot: &Snapshot) -> impl Iterator<Item = (Cow<'_, str>, &Counted)> {
    let interfaces = snapshot.interfaces.iter().map(|interface| {
        let Interface { name, counted, .. } = interface;
        (Cow::from(name), counted)
    });
    let modules = snapshot.modules.iter().map(|module| {
        let Module { subject, counted } = module;
        (Cow::from(subject), counted)
    });
    let collectors = snapshot.collectors.iter().map(|destination| {
        let Collector { collector, counted, .. } = destination;
        (Cow::from(subject_of(collector)), counted)
    });
    let agent = [(Cow::from(AGENT), &snapshot.totals)];
    interfaces.chain(modules).chain(collectors).chain(agent)
}

fn subject_of(collector: &str) -> String {
    format!("collector {collector}")
}

/// A name with a mark if something was lost.
fn marked(name: &str, counted: &Counted) -> String {
    let lost = counted.losses.iter().any(|(_, count)| count > 0);
    format!("{}{name}", if lost { "! " } else { "" })
}

fn in_words(name: &str) -> String {
    name.replace('_', " ")
}

/// Milliseconds, displayed in the two largest units.
struct Uptime(u64);

impl fmt::Display for Uptime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0 / 1000;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {} s", seconds % 60),
            (0, _, _) => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

/// Subject of the counters of the whole agent.
const AGENT: &str = "agent";

#[cfg(test)]
mod tests;
