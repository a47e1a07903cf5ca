//! `CWAgent`: metrics of hosts, as the CloudWatch agent has them.

use std::sync::Arc;

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::points::Row;

use super::{
    BYTES, COUNT, Formula, Found, MILLISECONDS, NONE, PERCENT, percent, sum, total, value,
};
use crate::aws::cloudwatch::directory::Agent;
use crate::aws::cloudwatch::metric::{Dimension, Metric};
use crate::aws::cloudwatch::series::{Part, Pick};

pub(super) const NAMESPACE: &str = "CWAgent";

pub(super) const HOST: &[Formula] = &[
    value("cpu_usage_user", CPU, PERCENT, |row| without_guest(row, "cpu_user", "cpu_guest")),
    value("cpu_usage_nice", CPU, PERCENT, |row| without_guest(row, "cpu_nice", "cpu_guest_nice")),
    value("cpu_usage_system", CPU, PERCENT, |row| share(row, "cpu_system")),
    value("cpu_usage_idle", CPU, PERCENT, |row| share(row, "cpu_idle")),
    value("cpu_usage_iowait", CPU, PERCENT, |row| share(row, "cpu_wio")),
    value("cpu_usage_irq", CPU, PERCENT, |row| share(row, "cpu_intr")),
    value("cpu_usage_softirq", CPU, PERCENT, |row| share(row, "cpu_sintr")),
    value("cpu_usage_steal", CPU, PERCENT, |row| share(row, "cpu_steal")),
    value("cpu_usage_guest", CPU, PERCENT, |row| share(row, "cpu_guest")),
    value("cpu_usage_guest_nice", CPU, PERCENT, |row| share(row, "cpu_guest_nice")),
    value("cpu_usage_active", CPU, PERCENT, |row| Some(100.0 - share(row, "cpu_idle")?)),
    value("processes_running", CPU, COUNT, |row| row.value("proc_run")),
    value("processes_total_threads", CPU, COUNT, |row| row.value("proc_total")),
    value("mem_total", MEMORY, BYTES, |row| row.value("mem_total")),
    value("mem_free", MEMORY, BYTES, |row| row.value("mem_free")),
    value("mem_cached", MEMORY, BYTES, |row| row.value("mem_cached")),
    value("mem_buffered", MEMORY, BYTES, |row| row.value("mem_buffers")),
    value("mem_used", MEMORY, BYTES, |row| Some(row.value("mem_total")? - available(row)?)),
    value("mem_used_percent", MEMORY, PERCENT, |row| {
        let whole = row.value("mem_total")?;
        percent(whole - available(row)?, whole)
    }),
    // More than the kernel estimates: not all of the cache can be freed.
    value("mem_available", MEMORY, BYTES, available),
    value("mem_available_percent", MEMORY, PERCENT, |row| {
        percent(available(row)?, row.value("mem_total")?)
    }),
    value("swap_free", MEMORY, BYTES, |row| row.value("swap_free")),
    value("swap_used", MEMORY, BYTES, swap_used),
    value("swap_used_percent", MEMORY, PERCENT, |row| {
        // A host without swap uses none of it.
        Some(percent(swap_used(row)?, row.value("swap_total")?).unwrap_or(0.0))
    }),
    value("disk_total", DISK, BYTES, |row| row.value("disk_total")),
    value("disk_free", DISK, BYTES, |row| row.value("disk_free")),
    value("disk_used", DISK, BYTES, disk_used),
    value("disk_used_percent", DISK, PERCENT, |row| {
        percent(disk_used(row)?, row.value("disk_total")?)
    }),
    sum("diskio_reads", DISK, COUNT, |row| row.difference("reads")),
    sum("diskio_writes", DISK, COUNT, |row| row.difference("writes")),
    sum("diskio_read_bytes", DISK, BYTES, |row| row.difference("bytes_read")),
    sum("diskio_write_bytes", DISK, BYTES, |row| row.difference("bytes_written")),
    sum("diskio_read_time", DISK, MILLISECONDS, |row| row.difference("read_time")),
    sum("diskio_write_time", DISK, MILLISECONDS, |row| row.difference("write_time")),
    sum("net_bytes_recv", NET, BYTES, |row| row.difference("bytes_in")),
    sum("net_bytes_sent", NET, BYTES, |row| row.difference("bytes_out")),
    sum("net_packets_recv", NET, COUNT, |row| row.difference("pkts_in")),
    sum("net_packets_sent", NET, COUNT, |row| row.difference("pkts_out")),
    sum("net_err_in", NET, COUNT, |row| row.difference("errs_in")),
    sum("net_err_out", NET, COUNT, |row| row.difference("errs_out")),
    sum("net_drop_in", NET, COUNT, |row| row.difference("drops_in")),
    sum("net_drop_out", NET, COUNT, |row| row.difference("drops_out")),
    value("netstat_tcp_established", "mib2_tcp_group", COUNT, |row| row.value("tcpCurrEstab")),
];

/// Metrics of an interface of a host.
pub(super) const INTERFACE: &[Formula] = &[
    sum("net_bytes_recv", PORT, BYTES, |row| row.difference("ifInOctets")),
    sum("net_bytes_sent", PORT, BYTES, |row| row.difference("ifOutOctets")),
    sum("net_packets_recv", PORT, COUNT, |row| {
        packets(row, ["ifInUcastPkts", "ifInMulticastPkts", "ifInBroadcastPkts"])
    }),
    sum("net_packets_sent", PORT, COUNT, |row| {
        packets(row, ["ifOutUcastPkts", "ifOutMulticastPkts", "ifOutBroadcastPkts"])
    }),
    sum("net_err_in", PORT, COUNT, |row| row.difference("ifInErrors")),
    sum("net_err_out", PORT, COUNT, |row| row.difference("ifOutErrors")),
    sum("net_drop_in", PORT, COUNT, |row| row.difference("ifInDiscards")),
    sum("net_drop_out", PORT, COUNT, |row| row.difference("ifOutDiscards")),
];

/// Adds the metrics of a data source.
pub(super) fn read(
    found: &mut Found<'_>,
    analyzer: &Analyzer,
    at: Part,
    is_host: bool,
    port: Option<&Arc<str>>,
) {
    if !found.wanted.has_namespace(NAMESPACE) {
        return;
    }
    let mut dimensions = of_host(found.agent);
    if is_host {
        found.all_formulas(NAMESPACE, HOST, analyzer, at, &dimensions);
    } else if let Some(port) = port {
        dimensions.push(("interface".to_owned(), port.to_string()));
        found.all_formulas(NAMESPACE, INTERFACE, analyzer, at, &dimensions);
    } else {
        drivers(found, analyzer, at, dimensions);
    }
}

/// Adds the counters of the driver of an adapter, which the agent sends under the name `nic-eth0`.
fn drivers(found: &mut Found<'_>, analyzer: &Analyzer, at: Part, mut dimensions: Vec<Dimension>) {
    let name = found.hub.names.label(at.source.data_source).to_string();
    let Some(interface) = name.strip_prefix("nic-") else { return };
    dimensions.push(("interface".to_owned(), interface.to_owned()));
    if let Some(driver) = analyzer.metrics().points().text(&at.source, "ethtool_driver") {
        dimensions.push(("driver".to_owned(), driver.to_string()));
    }
    for custom in analyzer.metrics().past_customs(&at.source) {
        let wanted = found.wanted.has(NAMESPACE, custom.name);
        if wanted && custom.name.starts_with("ethtool_") && custom.is_known() {
            let metric = Metric::new(NAMESPACE, custom.name, dimensions.clone());
            let unit = if custom.counter { COUNT } else { NONE };
            found.add(metric, Pick::Custom(custom.name.clone()), unit, at);
        }
    }
}

/// The dimensions of an instance, or of a host that is none.
fn of_host(agent: &Agent) -> Vec<Dimension> {
    let Some(instance) = &agent.instance else {
        return vec![("host".to_owned(), agent.host.to_string())];
    };
    let further = [("ImageId", &instance.image), ("InstanceType", &instance.kind)];
    let further = further
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.as_ref()?.to_string())));
    [("InstanceId".to_owned(), instance.id.to_string())].into_iter().chain(further).collect()
}

/// The dimensions that a formula adds: those of processors are of all together.
pub(super) fn further(formula: &Formula) -> Vec<Dimension> {
    let is_cpu = formula.name.starts_with("cpu_usage_");
    is_cpu.then(|| ("cpu".to_owned(), "cpu-total".to_owned())).into_iter().collect()
}

/// A time in percent of the time of all processors.
fn share(row: &Row<'_>, time: &str) -> Option<f64> {
    percent(row.difference(time)?, whole(row)?)
}

/// The same without the time of guests, which it includes.
fn without_guest(row: &Row<'_>, time: &str, guest: &str) -> Option<f64> {
    percent(row.difference(time)? - row.difference(guest).unwrap_or(0.0), whole(row)?)
}

fn whole(row: &Row<'_>) -> Option<f64> {
    // Records of before 2014 have no time that the hypervisor took.
    Some(total(row, &TIMES)? + row.difference("cpu_steal").unwrap_or(0.0))
}

fn available(row: &Row<'_>) -> Option<f64> {
    Some(row.value("mem_free")? + row.value("mem_buffers")? + row.value("mem_cached")?)
}

fn swap_used(row: &Row<'_>) -> Option<f64> {
    Some(row.value("swap_total")? - row.value("swap_free")?)
}

fn disk_used(row: &Row<'_>) -> Option<f64> {
    Some(row.value("disk_total")? - row.value("disk_free")?)
}

/// The counters that are known, together: some agents count all packets as unicast.
fn packets(row: &Row<'_>, fields: [&str; 3]) -> Option<f64> {
    fields.iter().filter_map(|field| row.difference(field)).reduce(|a, b| a + b)
}

const TIMES: [&str; 7] =
    ["cpu_user", "cpu_nice", "cpu_system", "cpu_idle", "cpu_wio", "cpu_intr", "cpu_sintr"];
const CPU: &str = "host_cpu";
const MEMORY: &str = "host_memory";
const DISK: &str = "host_disk_io";
const NET: &str = "host_net_io";
const PORT: &str = "if_counters";
