//! Metrics that follow from the fields of a record.

use super::fields::Fields;
use super::words::{Form, STATUS};

/// A metric that is no field.
#[derive(Debug)]
pub(super) struct Derived {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// `None` if a field that it needs is unknown.
    pub(super) value: fn(&Fields) -> Option<f64>,
}

/// The derived metrics of a record.
pub(super) fn derived(record: &str) -> &'static [Derived] {
    match record {
        "if_counters" => INTERFACE,
        "lag_port_stats" => LAG,
        "host_cpu" => CPU,
        "host_memory" => MEMORY,
        "host_disk_io" => DISK,
        "virt_cpu" => VIRTUAL_CPU,
        "http_counters" => HTTP,
        "app_resources" => RESOURCES,
        "app_workers" => WORKERS,
        "ovs_dp_stats" => DATAPATH,
        _ => &[],
    }
}

/// True for fields that are shown by derived metrics only.
pub(super) fn is_replaced(record: &str, field: &str) -> bool {
    match record {
        "if_counters" => field == "ifStatus",
        "lag_port_stats" => field == "dot3adAggPortState",
        "host_cpu" => CPU_TIMES.contains(&field),
        "app_resources" => matches!(field, "user_time" | "system_time"),
        _ => false,
    }
}

/// True for a counter whose value is meant, not its rate.
pub(super) fn is_value(field: &str) -> bool {
    field == "uptime"
}

/// True for counters that some systems set back by a little: Linux corrects idle times. The uptime
/// beside them shows whether the host has started again.
pub(super) fn may_step_back(record: &str, field: &str) -> bool {
    record == "host_cpu" && field != "uptime"
}

const INTERFACE: &[Derived] = &[
    number("ifinutilization", |it| load(it, "ifInOctets")),
    number("ifoututilization", |it| load(it, "ifOutOctets")),
    number("ifinpkts", |it| it.sum(&IN_PACKETS)),
    number("ifoutpkts", |it| it.sum(&OUT_PACKETS)),
    status("ifadminstatus", |it| bit(it, 0)),
    status("ifoperstatus", |it| bit(it, 1)),
];

const LAG: &[Derived] = &[
    number("agg_actoradminstate", |it| lacp_state(it, 0)),
    number("agg_actoroperstate", |it| lacp_state(it, 1)),
    number("agg_partneradminstate", |it| lacp_state(it, 2)),
    number("agg_partneroperstate", |it| lacp_state(it, 3)),
];

const CPU: &[Derived] = &[
    number("cpu_user", |it| share(it, "cpu_user")),
    number("cpu_nice", |it| share(it, "cpu_nice")),
    number("cpu_system", |it| share(it, "cpu_system")),
    number("cpu_idle", |it| share(it, "cpu_idle")),
    number("cpu_wio", |it| share(it, "cpu_wio")),
    number("cpu_intr", |it| share(it, "cpu_intr")),
    number("cpu_sintr", |it| share(it, "cpu_sintr")),
    number("cpu_steal", |it| share(it, "cpu_steal")),
    number("cpu_utilization", |it| share(it, "cpu_idle").map(|idle| 100.0 - idle)),
];

const MEMORY: &[Derived] = &[number("mem_utilization", |it| {
    let total = it.gauge("mem_total")?;
    let free = ["mem_free", "mem_buffers", "mem_cached"].map(|name| it.gauge(name));
    percent(total - free.into_iter().flatten().sum::<f64>(), total)
})];

const DISK: &[Derived] = &[number("disk_utilization", |it| {
    let total = it.gauge("disk_total")?;
    percent(total - it.gauge("disk_free")?, total)
})];

const VIRTUAL_CPU: &[Derived] = &[number("vir_cpu_utilization", |it| {
    let cpus = it.gauge("nrVirtCpu").filter(|cpus| *cpus > 0.0)?;
    Some(it.rate("cpuTime")? * PERCENT_OF_A_CPU / cpus)
})];

const HTTP: &[Derived] = &[number("http_requests", |it| it.sum(&METHODS))];

const RESOURCES: &[Derived] = &[
    number("app_usertime", |it| Some(it.rate("user_time")? * PERCENT_OF_A_CPU)),
    number("app_systemtime", |it| Some(it.rate("system_time")? * PERCENT_OF_A_CPU)),
];

const WORKERS: &[Derived] = &[number("workers_utilization", |it| {
    percent(it.gauge("workers_active")?, it.gauge("workers_max")?)
})];

const DATAPATH: &[Derived] = &[
    number("ovs_dp_hitrate", |it| percent(it.rate("hits")?, it.sum(&LOOKUPS)?)),
    number("ovs_dp_missrate", |it| percent(it.rate("misses")?, it.sum(&LOOKUPS)?)),
    number("ovs_dp_maskhitsperpacket", |it| {
        let lookups = it.sum(&LOOKUPS).filter(|lookups| *lookups > 0.0)?;
        Some(it.rate("mask_hits")? / lookups)
    }),
];

const fn number(name: &'static str, value: fn(&Fields) -> Option<f64>) -> Derived {
    Derived { name, form: Form::Number, value }
}

const fn status(name: &'static str, value: fn(&Fields) -> Option<f64>) -> Derived {
    Derived { name, form: Form::Words(STATUS), value }
}

/// Bytes per second in percent of the speed.
fn load(fields: &Fields, octets: &str) -> Option<f64> {
    let speed = fields.gauge("ifSpeed").filter(|speed| *speed > 0.0)?;
    Some(fields.rate(octets)? * 800.0 / speed)
}

fn bit(fields: &Fields, place: u32) -> Option<f64> {
    Some(f64::from(fields.gauge("ifStatus")? as u32 >> place & 1))
}

/// A byte of the four states, in their order on the wire.
fn lacp_state(fields: &Fields, place: u32) -> Option<f64> {
    let states = fields.gauge("dot3adAggPortState")? as u32;
    Some(f64::from(states >> (24 - 8 * place) & 0xff))
}

/// A time in percent of the time of all CPUs.
fn share(fields: &Fields, time: &str) -> Option<f64> {
    percent(fields.rate(time)?, fields.sum(&CPU_TIMES)?)
}

fn percent(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (100.0 * part / whole).clamp(0.0, 100.0))
}

/// Milliseconds per second to percent of one CPU.
const PERCENT_OF_A_CPU: f64 = 0.1;
const IN_PACKETS: [&str; 3] = ["ifInUcastPkts", "ifInMulticastPkts", "ifInBroadcastPkts"];
const OUT_PACKETS: [&str; 3] = ["ifOutUcastPkts", "ifOutMulticastPkts", "ifOutBroadcastPkts"];
const LOOKUPS: [&str; 2] = ["hits", "misses"];
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
