//! The published name of a field.
//!
//! A rule for each record, and a few fields that have other names. What no rule covers is the name of the
//! field in lower case.

/// The name of the metric of a field; `None` if the field is no metric.
///
/// `class` is that of the data source: the description of a virtual machine or container has names of
/// its own.
pub(super) fn name(record: &str, path: &str, field: &str, class: u32) -> Option<String> {
    if let Some(name) = exception(record, field, class) {
        return name.map(str::to_owned);
    }
    let (prefix, strip) = rule(record, class);
    let rest = strip.iter().find_map(|strip| field.strip_prefix(strip)).unwrap_or(field);
    let mut name = format!("{prefix}{path}{rest}").to_ascii_lowercase();
    if record == "http_counters" {
        name = name.trim_end_matches("_count").to_owned();
    }
    if field.is_empty() {
        // An item of a list: the path ends with its number.
        name.pop();
    }
    Some(name)
}

/// The field that numbers the records of this format, of which a sample has several.
pub(super) fn number(record: &str) -> Option<&'static str> {
    (record == "queue_length").then_some("queueIndex")
}

/// What stands before the fields of a record, and what is removed from them.
fn rule(record: &str, class: u32) -> (&'static str, &'static [&'static str]) {
    match record {
        "ethernet_counters" => ("eth_", &["dot3Stats"]),
        "lag_port_stats" => ("agg_", &["dot3adAggPortStats", "dot3adAggPort"]),
        "sfp" => ("opt_", &[]),
        "vlan_counters" => ("vlan_", &["vlan_"]),
        "ib_counters" => ("ib_", &[]),
        "pfc_counters" => ("pfc_", &[]),
        "slow_path_counts" => ("slow_path_", &[]),
        "radio_utilization" => ("radio_", &[]),
        "queue_length" => ("queue_", &["queue"]),
        "host_descr" if class == 3 => ("vir_", &[]),
        "host_parent" => ("parent_", &["container_"]),
        "virt_node" => ("vnode_", &[]),
        "virt_cpu" => ("vir_cpu_", &["cpu"]),
        "virt_memory" => ("vir_mem_", &[]),
        "virt_disk_io" => ("vir_disk_", &[]),
        "virt_net_io" => ("vir_net_", &[]),
        "jvm_runtime" => ("jvm_", &["vm_"]),
        "jvm_statistics" => ("jvm_", &[]),
        "memcached_counters" | "memcache_counters" => ("memcache_", &[]),
        "http_counters" => ("http_", &[]),
        "app_operations" | "app_resources" => ("app_", &[]),
        "vdi_counters" => ("vdi_", &[]),
        "ovs_dp_stats" => ("ovs_dp_", &[]),
        "energy" => ("energy_", &[]),
        "temperature" => ("temperature_", &[]),
        "humidity" => ("humidity_", &[]),
        "fans" => ("fans_", &[]),
        "xen_vif" => ("xen_vif_", &[]),
        "bst_device_buffers" => ("bst_device_", &[]),
        "bst_port_buffers" => ("bst_", &[]),
        "hw_tables" => ("hw_", &[]),
        "nvidia_gpu" if class == 3 => ("vir_nvml_", &[]),
        "nvidia_gpu" => ("nvml_", &[]),
        _ => ("", &[]),
    }
}

/// A field whose name follows no rule; `Some(None)` for one that is no metric.
fn exception(record: &str, field: &str, class: u32) -> Option<Option<&'static str>> {
    Some(match (record, field) {
        ("ethernet_counters", "dot3StatsSingleCollisionFrames") => Some("eth_singlecollisions"),
        ("ethernet_counters", "dot3StatsMultipleCollisionFrames") => Some("eth_multiplecollisions"),
        ("ethernet_counters", "dot3StatsDeferredTransmissions") => Some("eth_deferredtx"),
        ("ethernet_counters", "dot3StatsLateCollisions") => Some("eth_latecollision"),
        ("sfp", "module_num_lanes") => Some("opt_module_lanes"),
        ("processor", "cpu_5s") => Some("cpu_5sec"),
        ("processor", "cpu_1m") => Some("cpu_1min"),
        ("processor", "cpu_5m") => Some("cpu_5min"),
        ("of_port", "datapath_id") => Some("of_dpid"),
        ("of_port", "port_no") => Some("of_port"),
        ("port_name", "name") => Some("ifname"),
        ("host_descr", "hostname") if class == 3 => Some("vir_host_name"),
        ("host_descr", "hostname") => Some("host_name"),
        ("vlan_counters", "vlan_id") => Some("vlan_id"),
        ("ovs_dp_stats", "mask_hits") => Some("ovs_mask_hits"),
        ("jvm_runtime", "vm_name") => Some("jvm_name"),
        ("app_operations", "application") => Some("app_name"),
        ("nvidia_gpu", "gpu_time") if class == 3 => Some("vir_nvml_gputime"),
        ("nvidia_gpu", "mem_time") if class == 3 => Some("vir_nvml_memtime"),
        ("nvidia_gpu", "gpu_time") => Some("nvml_gputime"),
        ("nvidia_gpu", "mem_time") => Some("nvml_memtime"),
        // Lists of interfaces of a host, which are no values of a data source.
        ("host_adapters", _) => None,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_published_ones() {
        for (record, path, field, published) in [
            ("if_counters", "", "ifInOctets", Some("ifinoctets")),
            ("ethernet_counters", "", "dot3StatsFCSErrors", Some("eth_fcserrors")),
            ("ethernet_counters", "", "dot3StatsSQETestErrors", Some("eth_sqetesterrors")),
            (
                "ethernet_counters",
                "",
                "dot3StatsExcessiveCollisions",
                Some("eth_excessivecollisions"),
            ),
            ("lag_port_stats", "", "dot3adAggPortActorSystemID", Some("agg_actorsystemid")),
            ("lag_port_stats", "", "dot3adAggPortAttachedAggID", Some("agg_attachedaggid")),
            ("queue_length", "3_", "queueLength0", Some("queue_3_length0")),
            ("sfp", "", "module_id", Some("opt_module_id")),
            ("sfp", "lanes_1_", "tx_power", Some("opt_lanes_1_tx_power")),
            ("bst_port_buffers", "egress_queue_uc_pc_3_", "", Some("bst_egress_queue_uc_pc_3")),
            ("host_cpu", "", "load_one", Some("load_one")),
            ("http_counters", "", "method_get_count", Some("http_method_get")),
            ("http_counters", "", "status_2XX_count", Some("http_status_2xx")),
            ("app_workers", "", "workers_active", Some("workers_active")),
            ("jvm_runtime", "", "vm_name", Some("jvm_name")),
            ("mib2_tcp_group", "", "tcpRetransSegs", Some("tcpretranssegs")),
        ] {
            assert_eq!(name(record, path, field, 0).as_deref(), published, "{record}.{field}");
        }
        let guest = |record, field| name(record, "", field, 3).unwrap_or_default();
        assert_eq!(guest("host_descr", "hostname"), "vir_host_name");
        assert_eq!(guest("host_descr", "uuid"), "vir_uuid");
        assert_eq!(guest("nvidia_gpu", "gpu_time"), "vir_nvml_gputime");
    }
}
