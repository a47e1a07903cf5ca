//! Records with lists, or with fields that depend on one another.

use core::fmt::Write as _;

use flowmote_decoder::counter::{HostAdapters, Sfp};
use flowmote_decoder::flow::{
    ExtendedGateway, ExtendedIpv4TunnelEgress, ExtendedIpv4TunnelIngress, ExtendedIpv6TunnelEgress,
    ExtendedIpv6TunnelIngress, ExtendedL2TunnelEgress, ExtendedL2TunnelIngress, ExtendedMpls,
};
use flowmote_decoder::{CounterData, CounterRecord, FlowData, FlowRecord, Malformed};

use super::element::{Element, Named};
use super::names;

impl Element<'_> {
    /// Writes the fields of a flow record. Records that `sflowtool` has no names for have none.
    pub(super) fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        if let Some(names) = names::flow(record.data_format()) {
            return record.visit(&mut Named::new(self, names));
        }
        match record.decode() {
            FlowData::SampledHeader(header) => self.header(&header),
            FlowData::SampledEthernet(header) => self.ethernet("", &header),
            FlowData::SampledIpv4(header) => self.sampled_ipv4("", &header),
            FlowData::SampledIpv6(header) => self.sampled_ipv6("", &header),
            FlowData::ExtendedL2TunnelEgress(ExtendedL2TunnelEgress { header, .. }) => {
                self.ethernet("tunnel_l2_out_", &header);
            }
            FlowData::ExtendedL2TunnelIngress(ExtendedL2TunnelIngress { header, .. }) => {
                self.ethernet("tunnel_l2_in_", &header);
            }
            FlowData::ExtendedIpv4TunnelEgress(ExtendedIpv4TunnelEgress { header, .. }) => {
                self.sampled_ipv4("tunnel_ipv4_out_", &header);
            }
            FlowData::ExtendedIpv4TunnelIngress(ExtendedIpv4TunnelIngress { header, .. }) => {
                self.sampled_ipv4("tunnel_ipv4_in_", &header);
            }
            FlowData::ExtendedIpv6TunnelEgress(ExtendedIpv6TunnelEgress { header, .. }) => {
                self.sampled_ipv6("tunnel_ipv6_out_", &header);
            }
            FlowData::ExtendedIpv6TunnelIngress(ExtendedIpv6TunnelIngress { header, .. }) => {
                self.sampled_ipv6("tunnel_ipv6_in_", &header);
            }
            FlowData::ExtendedGateway(gateway) => self.gateway(&gateway),
            FlowData::ExtendedMpls(mpls) => self.mpls(&mpls),
            FlowData::ExtendedVlantunnel(tunnel) => {
                self.stack("vlan_tunnel", tunnel.stack.iter().map(vlan_tag));
            }
            _ => {}
        }
        record.check()
    }

    /// Writes the fields of a counter record.
    pub(super) fn counter_record(
        &mut self,
        record: &CounterRecord<'_>,
    ) -> Result<usize, Malformed> {
        if let Some(names) = names::counter(record.data_format()) {
            return record.visit(&mut Named::new(self, names));
        }
        match record.decode() {
            CounterData::HostAdapters(adapters) => self.adapters(&adapters),
            CounterData::Sfp(sfp) => self.sfp(&sfp),
            _ => {}
        }
        record.check()
    }

    fn gateway(&mut self, gateway: &ExtendedGateway<'_>) {
        self.put("extendedType", "GATEWAY");
        self.address("bgp_nexthop", gateway.nexthop);
        self.number("my_as", gateway.asn);
        self.number("src_as", gateway.src_as);
        self.number("src_peer_as", gateway.src_peer_as);
        let mut path = String::new();
        for segment in gateway.dst_as_path.iter() {
            let set = segment.segment_type == AS_SET && !segment.as_numbers.is_empty();
            let numbers = joined(segment.as_numbers.iter());
            // Segments follow one another without a separator, as in `sflowtool`.
            path += &if set { format!("({numbers})") } else { numbers };
        }
        if !gateway.dst_as_path.is_empty() {
            self.put("dst_as_path", path);
        }
        let numbers = || gateway.dst_as_path.iter().flat_map(|segment| segment.as_numbers.iter());
        self.number("dst_as", numbers().last().unwrap_or(0));
        self.number("dst_peer_as", numbers().next().unwrap_or(0));
        if !gateway.communities.is_empty() {
            self.put("BGP_communities", joined(gateway.communities.iter()));
        }
        self.number("BGP_localpref", gateway.localpref);
    }

    fn mpls(&mut self, mpls: &ExtendedMpls<'_>) {
        self.put("extendedType", "MPLS");
        self.address("mpls_nexthop", mpls.nexthop);
        self.stack("mpls_input_stack", mpls.in_stack.iter());
        self.stack("mpls_output_stack", mpls.out_stack.iter());
    }

    /// Writes the entries of a stack with dashes between them; nothing if there is none.
    fn stack(&mut self, name: &str, entries: impl Iterator<Item = impl core::fmt::Display>) {
        let stack = joined(entries);
        if !stack.is_empty() {
            self.put(name, stack);
        }
    }

    fn adapters(&mut self, adapters: &HostAdapters<'_>) {
        self.key("adaptor_list");
        self.out.open(b'[');
        for adapter in adapters.adapters.iter() {
            self.out.begin("", b'{');
            self.number("ifIndex", adapter.if_index);
            self.number("MACs", adapter.mac_address.len());
            self.key("mac_list");
            self.out.open(b'[');
            adapter.mac_address.iter().for_each(|address| self.mac("", address));
            self.out.end(b']');
            self.out.end(b'}');
        }
        self.out.end(b']');
    }

    /// Writes the lanes of a module with the names that `sflowtool` has for them, `%u` included.
    fn sfp(&mut self, sfp: &Sfp<'_>) {
        self.number("sfp_module_id", sfp.module_id);
        self.number("sfp_module_total_lanes", sfp.module_num_lanes);
        self.number("sfp_module_supply_voltage", sfp.module_supply_voltage);
        self.put("sfp_module_temperature", sfp.module_temperature);
        self.number("sfp_module_active_lanes", sfp.lanes.len());
        self.key("sfp_lanes");
        self.out.open(b'[');
        for (at, lane) in sfp.lanes.iter().enumerate() {
            self.out.begin("", b'{');
            for (name, value) in [
                ("index", lane.index),
                ("tx_bias_current_uA", lane.tx_bias_current),
                ("tx_power_uW.%u", lane.tx_power),
                ("tx_power_min_uW.%u", lane.tx_power_min),
                ("tx_power_max_uW.%u", lane.tx_power_max),
                ("tx_wavelength_nM.%u", lane.tx_wavelength),
                ("rx_power_uW.%u", lane.rx_power),
                ("rx_power_min_uW.%u", lane.rx_power_min),
                ("rx_power_max_uW.%u", lane.rx_power_max),
                ("rx_wavelength_nM.%u", lane.rx_wavelength),
            ] {
                self.number(name, value);
                self.number(&format!("sfp_lane_{name}.{at}"), value);
            }
            self.out.end(b'}');
        }
        self.out.end(b']');
    }
}

/// The items with dashes between them.
fn joined(items: impl Iterator<Item = impl core::fmt::Display>) -> String {
    let mut text = String::new();
    for (at, item) in items.enumerate() {
        // Writing to memory does not fail.
        let _ = write!(text, "{}{item}", if at == 0 { "" } else { "-" });
    }
    text
}

/// A VLAN tag: TPID, priority, drop eligible, id. TPID and priority are not separated, as in
/// `sflowtool`.
fn vlan_tag(word: u32) -> String {
    format!("{:#06x}{}.{}.{}", word >> 16, word >> 13 & 7, word >> 12 & 1, word & 0x0fff)
}

/// Type of an unordered segment of an AS path.
const AS_SET: u32 = 1;
