//! Metrics that follow from others of the same record.

use super::MetricValue;
use super::fields::{Content, Fields};

/// The rates of the counters of a record, by field.
pub(super) struct Rates<'a> {
    pub(super) fields: &'a Fields,
    pub(super) rates: &'a [Option<f64>],
}

impl Rates<'_> {
    /// The rate of a counter; `None` if it is unknown.
    fn rate(&self, name: &str) -> Option<f64> {
        let mut fields = self.fields.iter().zip(self.rates);
        fields.find(|(field, _)| field.name == name).and_then(|(_, rate)| *rate)
    }

    /// The value of a gauge; `None` if it is unknown.
    fn gauge(&self, name: &str) -> Option<f64> {
        match &self.fields.iter().find(|field| field.name == name)?.content {
            Content::Value(Some(value)) => value.number(),
            _ => None,
        }
    }

    /// The sum of the known rates; `None` if none is known.
    fn sum(&self, names: impl IntoIterator<Item = &'static str>) -> Option<f64> {
        names.into_iter().filter_map(|name| self.rate(name)).reduce(|a, b| a + b)
    }
}

/// Passes the derived metrics of a record to `emit`.
pub(super) fn derive(record: &str, rates: &Rates<'_>, mut emit: impl FnMut(&str, MetricValue)) {
    match record {
        "if_counters" => interface(rates, emit),
        "host_cpu" => processor(rates, emit),
        "http_counters" => number(emit, "http_requests", rates.sum(METHODS)),
        "host_memory" => {
            let free = ["mem_free", "mem_buffers", "mem_cached"];
            let free = free.iter().filter_map(|name| rates.gauge(name)).sum::<f64>();
            let used = rates.gauge("mem_total").and_then(|total| percent(total - free, total));
            number(emit, "mem_utilization", used);
        }
        "host_disk_io" => {
            let (total, free) = (rates.gauge("disk_total"), rates.gauge("disk_free"));
            let used = total.zip(free).and_then(|(total, free)| percent(total - free, total));
            number(emit, "disk_utilization", used);
        }
        "app_workers" => {
            let (active, most) = (rates.gauge("workers_active"), rates.gauge("workers_max"));
            let used = active.zip(most).and_then(|(active, most)| percent(active, most));
            number(emit, "workers_utilization", used);
        }
        "virt_cpu" => {
            // Milliseconds of CPU time per second and CPU.
            let cpus = rates.gauge("nrVirtCpu").filter(|cpus| *cpus > 0.0);
            let used = rates.rate("cpuTime").zip(cpus).map(|(time, cpus)| time / 10.0 / cpus);
            number(&mut emit, "vir_cpu_utilization", used);
        }
        _ => {}
    }
}

fn interface(rates: &Rates<'_>, mut emit: impl FnMut(&str, MetricValue)) {
    let speed = rates.gauge("ifSpeed").filter(|speed| *speed > 0.0);
    let load = |octets| Some(rates.rate(octets)? * 800.0 / speed?);
    number(&mut emit, "ifinutilization", load("ifInOctets"));
    number(&mut emit, "ifoututilization", load("ifOutOctets"));
    number(&mut emit, "ifinpkts", rates.sum(IN_PACKETS));
    number(&mut emit, "ifoutpkts", rates.sum(OUT_PACKETS));
    if let Some(status) = rates.gauge("ifStatus") {
        let status = status as u32;
        let word = |bit| MetricValue::Text(if status & bit != 0 { "up" } else { "down" }.into());
        emit("ifadminstatus", word(1));
        emit("ifoperstatus", word(2));
    }
}

/// Shares of the time of all CPUs, in percent.
fn processor(rates: &Rates<'_>, mut emit: impl FnMut(&str, MetricValue)) {
    let Some(total) = rates.sum(CPU_TIMES).filter(|total| *total > 0.0) else { return };
    for name in CPU_TIMES {
        let share = rates.rate(name).and_then(|time| percent(time, total));
        number(&mut emit, name, share);
    }
    let idle = rates.sum(["cpu_idle"]).and_then(|idle| percent(total - idle, total));
    number(&mut emit, "cpu_utilization", idle);
}

fn number(mut emit: impl FnMut(&str, MetricValue), name: &str, value: Option<f64>) {
    if let Some(value) = value {
        emit(name, MetricValue::Number(value));
    }
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (100.0 * part / whole).clamp(0.0, 100.0))
}

/// True for counters that become no rates of their own: [`processor`] replaces them by shares.
pub(super) fn is_replaced(record: &str, field: &str) -> bool {
    record == "host_cpu" && CPU_TIMES.contains(&field)
}

/// True for a counter whose value is meant, not its rate.
pub(super) fn is_value(field: &str) -> bool {
    field == "uptime"
}

const IN_PACKETS: [&str; 3] = ["ifInUcastPkts", "ifInMulticastPkts", "ifInBroadcastPkts"];
const OUT_PACKETS: [&str; 3] = ["ifOutUcastPkts", "ifOutMulticastPkts", "ifOutBroadcastPkts"];
const METHODS: [&str; 9] = [
    "method_option_count",
    "method_get_count",
    "method_head_count",
    "method_post_count",
    "method_put_count",
    "method_delete_count",
    "method_trace_count",
    "method_connect_count",
    "method_other_count",
];
/// The times of a CPU, without those of guests, which `cpu_user` and `cpu_nice` include.
const CPU_TIMES: [&str; 8] = [
    "cpu_user",
    "cpu_nice",
    "cpu_system",
    "cpu_idle",
    "cpu_wio",
    "cpu_intr",
    "cpu_sintr",
    "cpu_steal",
];
