//! Table of hosts: processor, load and memory.

use flowmote_engine::{Engine, Host, Origin};

use super::{Line, Sort, View, section};
use crate::commands::top::units::{bytes, fit};

impl View {
    pub(super) fn hosts(&self, engine: &Engine, height: usize) -> Vec<Line> {
        let mut rows: Vec<_> = engine.hosts().map(|(at, host)| (*at, host)).collect();
        rows.sort_by(|(a, x), (b, y)| match self.sort {
            Sort::Name => x.name.cmp(&y.name).then(a.cmp(b)),
            // Hosts have neither bits nor packets: both sort by processor.
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
        // -1.0 stands for unknown (sFlow Host Structures).
        let load = load.map(|load| if load < 0.0 { "-".to_owned() } else { format!("{load:.2}") });
        (cpu.cpu_num.to_string(), load.join(" "))
    });
    let (memory, used) = host.memory.map_or(("-".to_owned(), "-".to_owned()), |memory| {
        // The page cache counts as free: the kernel gives it up on demand.
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
