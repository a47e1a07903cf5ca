//! The names and units that metrics of agents have in Prometheus: `sflow_`, the published name, the unit
//! in its base form, `_total` for a counter.

use flowmote_engine::points::Row;

use super::series::Metric;
use crate::http::prometheus::{Kind, name};

/// A base unit.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unit {
    /// Its name in names of metrics; empty if the name of the metric has it.
    suffix: &'static str,
    /// In the notation of UCUM.
    ucum: &'static str,
    /// By which a value is multiplied to have this unit.
    scale: f64,
}

/// A metric that is not published under a name, because a derived one is shown in its place.
#[derive(Debug)]
pub(super) struct Further {
    pub(super) record: &'static str,
    pub(super) field: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// A label that distinguishes the fields of a name.
    pub(super) label: Option<(&'static str, &'static str)>,
    pub(super) value: fn(&Row<'_>) -> Option<f64>,
}

/// The metric with a published name, and what its values are multiplied by. `None` for one that Prometheus
/// makes of others by `rate`.
pub(super) fn metric(published: &str, kind: Kind, help: String) -> Option<(Metric, f64)> {
    if kind == Kind::Gauge && RATES.contains(&published) {
        return None;
    }
    Some(with_unit(published, kind, unit(published, kind), help))
}

/// The metric of an `rtmetric` value, whose unit is unknown.
pub(super) fn custom(name: &str, kind: Kind) -> (Metric, f64) {
    with_unit(name, kind, NONE, "Value of an rtmetric sample.".to_owned())
}

fn with_unit(published: &str, kind: Kind, unit: Unit, help: String) -> (Metric, f64) {
    // The end of a counter's name.
    let base = published.strip_suffix("_total");
    let base = match (kind, base) {
        (Kind::Counter, Some(base)) => base.to_owned(),
        (Kind::Gauge, Some(base)) if unit.suffix.is_empty() => format!("{base}_all"),
        _ => published.to_owned(),
    };
    let mut full = format!("sflow_{}", name(&base));
    if !unit.suffix.is_empty() && !full.ends_with(unit.suffix) {
        full = format!("{full}_{}", unit.suffix);
    }
    if kind == Kind::Counter {
        full.push_str("_total");
    }
    (Metric { name: full, kind, unit: unit.ucum, help }, unit.scale)
}

/// The unit of a published name (docs/metrics.md).
fn unit(name: &str, kind: Kind) -> Unit {
    let table = match kind {
        Kind::Counter => COUNTERS,
        Kind::Gauge => GAUGES,
    };
    let found = table.iter().find(|(names, _)| names.iter().any(|it| matches(it, name)));
    found.map_or(NONE, |(_, unit)| *unit)
}

/// True if a name has the pattern: `*` at the beginning or the end stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(rest), None) => name.ends_with(rest),
        (None, Some(rest)) => name.starts_with(rest),
        (None, None) => name == pattern,
    }
}

/// The further metrics of a record.
pub(super) fn further(record: &str) -> impl Iterator<Item = &'static Further> + use<'_> {
    FURTHER.iter().filter(move |it| it.record == record)
}

const fn base(suffix: &'static str, ucum: &'static str, scale: f64) -> Unit {
    Unit { suffix, ucum, scale }
}

const NONE: Unit = base("", "", 1.0);
const BYTES: Unit = base("bytes", "By", 1.0);
const PERCENT: Unit = base("percent", "%", 1.0);
const SECONDS: Unit = base("seconds", "s", 1.0);
const MILLISECONDS: Unit = base("seconds", "s", 1e-3);
const BITS_PER_SECOND: Unit = base("bits_per_second", "bit/s", 1.0);
const MILLIJOULES: Unit = base("joules", "J", 1e-3);

/// Counters whose unit is more than a number, by their published names.
const COUNTERS: &[(&[&str], Unit)] = &[
    (&["*octets*", "*bytes*"], base("", "By", 1.0)),
    (&["cpu", "app_cpu", "cpu_guest*", "read_time", "write_time"], MILLISECONDS),
    (&["jvm_gc_time", "jvm_compilation_time", "memcache_rusage_*"], MILLISECONDS),
    (&["*nvml_gputime", "*nvml_memtime", "radio_*", "vir_cpu_time"], MILLISECONDS),
    (&["pfc_pause_duration"], base("seconds", "s", 1e-6)),
    (&["vdi_sessions_duration"], SECONDS),
    (&["*nvml_energy", "energy_energy"], MILLIJOULES),
];

const GAUGES: &[(&[&str], Unit)] = &[
    (&["*utilization", "cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_wio"], PERCENT),
    (&["cpu_intr", "cpu_sintr", "cpu_steal", "cpu_5sec", "cpu_1min", "cpu_5min"], PERCENT),
    (&["part_max_used", "bst_*", "humidity_relative", "fans_speed", "*nvml_fan_speed"], PERCENT),
    (&["ovs_dp_hitrate", "ovs_dp_missrate", "app_usertime", "app_systemtime"], PERCENT),
    (&["mem_*", "swap_*", "disk_*", "vir_mem_*", "vir_disk_*", "vnode_memory*"], BYTES),
    (&["*_memory", "jvm_heap_*", "jvm_non_heap_*", "app_mem_*", "*nvml_mem_*"], BYTES),
    (&["memcache_bytes", "memcache_limit_maxbytes", "*_segmentsize"], BYTES),
    (&["uptime", "memcache_uptime", "ipreasmtimeout"], SECONDS),
    (&["tcprtomin", "tcprtomax"], MILLISECONDS),
    (&["ifspeed", "vdi_audio_tx_limit"], BITS_PER_SECOND),
    (&["cpu_speed", "vnode_mhz"], base("hertz", "Hz", 1e6)),
    (&["*nvml_temperature"], base("celsius", "Cel", 1.0)),
    (&["temperature_m*"], base("celsius", "Cel", 0.1)),
    (&["opt_module_temperature"], base("celsius", "Cel", 1e-3)),
    (&["energy_voltage", "opt_module_supply_voltage"], base("volts", "V", 1e-3)),
    (&["energy_current"], base("amperes", "A", 1e-3)),
    (&["energy_real_power"], base("watts", "W", 1e-3)),
    (&["energy_power_factor"], base("ratio", "1", 1e-2)),
    (&["*_tx_bias_current"], base("amperes", "A", 1e-6)),
    (&["*x_power", "*x_power_min", "*x_power_max"], base("watts", "W", 1e-6)),
    (&["*x_wavelength"], base("meters", "m", 1e-9)),
    (&["vdi_rtt_*"], base("", "ms", 1.0)),
];

/// Rates that are sums of counters.
const RATES: [&str; 3] = ["ifinpkts", "ifoutpkts", "http_requests"];

const FURTHER: &[Further] = &[
    cpu("cpu_user", "user", |row| row.difference("cpu_user")),
    cpu("cpu_nice", "nice", |row| row.difference("cpu_nice")),
    cpu("cpu_system", "system", |row| row.difference("cpu_system")),
    cpu("cpu_idle", "idle", |row| row.difference("cpu_idle")),
    cpu("cpu_wio", "wio", |row| row.difference("cpu_wio")),
    cpu("cpu_intr", "intr", |row| row.difference("cpu_intr")),
    cpu("cpu_sintr", "sintr", |row| row.difference("cpu_sintr")),
    cpu("cpu_steal", "steal", |row| row.difference("cpu_steal")),
    application("user_time", "user", |row| row.difference("user_time")),
    application("system_time", "system", |row| row.difference("system_time")),
    status("ifadminstatus", |row| Some(f64::from(row.value("ifStatus")? as u32 & 1))),
    status("ifoperstatus", |row| Some(f64::from(row.value("ifStatus")? as u32 >> 1 & 1))),
];

const fn cpu(
    field: &'static str,
    mode: &'static str,
    value: fn(&Row<'_>) -> Option<f64>,
) -> Further {
    let (record, label) = ("host_cpu", Some(("mode", mode)));
    Further { record, field, name: "cpu", kind: Kind::Counter, label, value }
}

const fn application(
    field: &'static str,
    mode: &'static str,
    value: fn(&Row<'_>) -> Option<f64>,
) -> Further {
    let (record, label) = ("app_resources", Some(("mode", mode)));
    Further { record, field, name: "app_cpu", kind: Kind::Counter, label, value }
}

/// 1 for up, 0 for down.
const fn status(name: &'static str, value: fn(&Row<'_>) -> Option<f64>) -> Further {
    let (record, field) = ("if_counters", "ifStatus");
    Further { record, field, name, kind: Kind::Gauge, label: None, value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_units() {
        for (published, kind, full, unit, scale) in [
            ("ifinoctets", Kind::Counter, "sflow_ifinoctets_total", "By", 1.0),
            ("bytes_read", Kind::Counter, "sflow_bytes_read_total", "By", 1.0),
            ("ifinucastpkts", Kind::Counter, "sflow_ifinucastpkts_total", "", 1.0),
            ("cpu", Kind::Counter, "sflow_cpu_seconds_total", "s", 1e-3),
            ("jvm_classes_total", Kind::Counter, "sflow_jvm_classes_total", "", 1.0),
            ("vir_cpu_time", Kind::Counter, "sflow_vir_cpu_time_seconds_total", "s", 1e-3),
            ("mem_total", Kind::Gauge, "sflow_mem_total_bytes", "By", 1.0),
            ("proc_total", Kind::Gauge, "sflow_proc_all", "", 1.0),
            ("load_one", Kind::Gauge, "sflow_load_one", "", 1.0),
            ("cpu_utilization", Kind::Gauge, "sflow_cpu_utilization_percent", "%", 1.0),
            ("ifspeed", Kind::Gauge, "sflow_ifspeed_bits_per_second", "bit/s", 1.0),
            ("memcache_bytes", Kind::Gauge, "sflow_memcache_bytes", "By", 1.0),
            ("opt_lanes_1_tx_power", Kind::Gauge, "sflow_opt_lanes_1_tx_power_watts", "W", 1e-6),
            ("temperature_maximum", Kind::Gauge, "sflow_temperature_maximum_celsius", "Cel", 0.1),
        ] {
            let (metric, factor) = metric(published, kind, String::new()).expect(published);
            let expected = (full, unit, scale);
            assert_eq!((metric.name.as_str(), metric.unit, factor), expected, "{published}");
        }
        assert_eq!(metric("ifinpkts", Kind::Gauge, String::new()), None);
        assert_eq!(custom("mem_used-percent", Kind::Gauge).0.name, "sflow_mem_used_percent");
        assert_eq!(custom("requests", Kind::Counter).0.name, "sflow_requests_total");
    }
}
