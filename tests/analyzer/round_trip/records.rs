//! The table of all records of the core, each with its fields.
//!
//! A new record is one more line in one of the two lists; a test fails if it is missing, the
//! compiler if a field is.

use flowmote_core::record::{counter, flow};
use flowmote_core::{for_each_counter_record, for_each_flow_record};
use flowmote_decoder::{CounterData, FlowData, counter as counter_read, flow as flow_read};

use crate::draw::{Draw, Source};
use crate::equal::Equal;

/// A record of the core.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// Draws one with random values.
    pub(crate) draw: for<'a> fn(&mut Source<'a>) -> Record<'a>,
}

/// A record with its values.
#[derive(Clone, Copy)]
pub(crate) enum Record<'a> {
    Flow(&'a dyn FlowRecord),
    Counter(&'a dyn CounterRecord),
}

/// A flow record that can be compared with a decoded one.
pub(crate) trait FlowRecord: flowmote_core::FlowRecord {
    /// Panics if `decoded` differs.
    fn check(&self, decoded: flowmote_decoder::FlowRecord<'_>);
}

/// A counter record that can be compared with a decoded one.
pub(crate) trait CounterRecord: flowmote_core::CounterRecord {
    /// Panics if `decoded` differs.
    fn check(&self, decoded: flowmote_decoder::CounterRecord<'_>);
}

/// `Name { field, field => its name in the decoder }`: drawing, comparing, and the list of all.
macro_rules! records {
    (
        flow { $($flow:ident $(<$flow_life:lifetime>)? { $($flow_fields:tt)* })* }
        wrapped { $($wrapped:ident)* }
        counter { $($counter:ident $(<$counter_life:lifetime>)? { $($counter_fields:tt)* })* }
    ) => {
        $(structure!(flow::$flow $(<$flow_life>)? as flow_read::$flow { $($flow_fields)* });)*
        $(structure!(
            counter::$counter $(<$counter_life>)? as counter_read::$counter { $($counter_fields)* }
        );)*
        $(
            impl<'a> Draw<'a> for flow::$wrapped {
                fn draw(source: &mut Source<'a>) -> Self {
                    Self(Draw::draw(source))
                }
            }

            impl Equal<flow_read::$wrapped> for flow::$wrapped {
                fn equal(&self, decoded: &flow_read::$wrapped, field: &str) {
                    self.0.equal(decoded, field);
                }
            }
        )*
        $(record!(FlowRecord FlowData flow $flow $(<$flow_life>)?);)*
        $(record!(FlowRecord FlowData flow $wrapped);)*
        $(record!(CounterRecord CounterData counter $counter $(<$counter_life>)?);)*

        /// Every record of the core.
        pub(crate) const CASES: &[Case] = &[
            $(Case {
                name: stringify!($flow),
                draw: |source| Record::Flow(source.arena.alloc(flow::$flow::draw(source))),
            },)*
            $(Case {
                name: stringify!($wrapped),
                draw: |source| Record::Flow(source.arena.alloc(flow::$wrapped::draw(source))),
            },)*
            $(Case {
                name: stringify!($counter),
                draw: |source| Record::Counter(source.arena.alloc(counter::$counter::draw(source))),
            },)*
        ];
    };
}

/// A structure of named fields: how it is drawn and compared.
macro_rules! structure {
    (
        $sent:ident::$name:ident $(<$life:lifetime>)? as $read:ident::$decoded:ident {
            $($field:ident $(=> $renamed:ident)?),* $(,)?
        }
    ) => {
        impl<'a> Draw<'a> for $sent::$name $(<$life>)? {
            fn draw(source: &mut Source<'a>) -> Self {
                Self { $($field: Draw::draw(source),)* }
            }
        }

        compare!($sent::$name $(<$life>)? as $read::$decoded { $($field $(=> $renamed)?),* });
    };
}

macro_rules! compare {
    (
        $sent:ident::$name:ident $(<$life:lifetime>)? as $read:ident::$decoded:ident {
            $($field:ident $(=> $renamed:ident)?),* $(,)?
        }
    ) => {
        impl<'a> Equal<$read::$decoded $(<$life>)?> for $sent::$name $(<$life>)? {
            fn equal(&self, decoded: &$read::$decoded $(<$life>)?, _: &str) {
                $(self.$field.equal(
                    field!(decoded $field $($renamed)?),
                    concat!(stringify!($name), ".", stringify!($field)),
                );)*
            }
        }
    };
}

/// The field of the decoder's structure.
macro_rules! field {
    ($decoded:ident $field:ident) => {
        &$decoded.$field
    };
    ($decoded:ident $field:ident $renamed:ident) => {
        &$decoded.$renamed
    };
}

/// A structure that is a record: what is read under its number.
macro_rules! record {
    ($trait:ident $data:ident $space:ident $name:ident $(<$life:lifetime>)?) => {
        impl<'a> $trait for $space::$name $(<$life>)? {
            fn check(&self, decoded: flowmote_decoder::$trait<'_>) {
                let format = flowmote_core::$trait::format(self).word();
                assert_eq!(decoded.data_format().0, format, stringify!($name));
                assert_eq!(decoded.check(), Ok(0), stringify!($name));
                let $data::$name(fields) = decoded.decode() else {
                    panic!("{} was decoded as {decoded:?}", stringify!($name));
                };
                self.equal(&fields, stringify!($name));
                let fields = decoded.read().expect(stringify!($name));
                self.equal(&fields, stringify!($name));
            }
        }
    };
}

structure!(flow::AppContext<'a> as flow_read::Context { application, operation, attributes });
structure!(flow::SocketIpv4 as flow_read::ExtendedSocketIpv4 {
    protocol, local_ip, remote_ip, local_port, remote_port,
});
compare!(flow::SocketIpv4 as flow_read::ExtendedProxySocketIpv4 {
    protocol, local_ip, remote_ip, local_port, remote_port,
});
structure!(flow::SocketIpv6 as flow_read::ExtendedSocketIpv6 {
    protocol, local_ip, remote_ip, local_port, remote_port,
});
compare!(flow::SocketIpv6 as flow_read::ExtendedProxySocketIpv6 {
    protocol, local_ip, remote_ip, local_port, remote_port,
});
structure!(counter::HostAdapter<'a> as counter_read::HostAdapter { if_index, mac_address });
structure!(counter::SfpLane as counter_read::SfpLane {
    index, tx_bias_current, tx_power, tx_power_min, tx_power_max, tx_wavelength, rx_power,
    rx_power_min, rx_power_max, rx_wavelength,
});

records! {
    flow {
        SampledHeader<'a> { protocol, frame_length, stripped, header }
        SampledEthernet { length, src_mac, dst_mac, ether_type }
        SampledIpv4 { length, protocol, src_ip, dst_ip, src_port, dst_port, tcp_flags, tos }
        SampledIpv6 { length, protocol, src_ip, dst_ip, src_port, dst_port, tcp_flags, priority }
        ExtendedSwitch { src_vlan, src_priority, dst_vlan, dst_priority }
        ExtendedRouter { nexthop, src_mask_len, dst_mask_len }
        ExtendedGateway<'a> {
            nexthop, as_number => asn, src_as, src_peer_as, dst_as_path, communities, localpref,
        }
        ExtendedEgressQueue { queue }
        ExtendedAcl<'a> { number, name, direction }
        ExtendedFunction<'a> { symbol }
        ExtendedTransit { delay }
        ExtendedQueue { depth }
        ExtendedHwTrap<'a> { group, trap }
        ExtendedLinuxDropReason<'a> { reason }
        ExtendedTimestamp { nanoseconds }
        AppOperation<'a> { context, status_descr, req_bytes, resp_bytes, duration_us, status }
        AppParentContext<'a> { context }
        AppInitiator<'a> { actor }
        AppTarget<'a> { actor }
        HttpRequest<'a> {
            method, protocol, uri, host, referer, useragent, xff, authuser, mime_type, req_bytes,
            resp_bytes, duration_us, status,
        }
        ExtendedProxyRequest<'a> { uri, host }
        ExtendedTcpInfo {
            dir, snd_mss, rcv_mss, unacked, lost, retrans, pmtu, rtt, rttvar, snd_cwnd, reordering,
            min_rtt,
        }
        ExtendedEntities { src_ds_class, src_ds_index, dst_ds_class, dst_ds_index }
    }
    wrapped {
        ExtendedSocketIpv4 ExtendedSocketIpv6 ExtendedProxySocketIpv4 ExtendedProxySocketIpv6
    }
    counter {
        IfCounters {
            if_index, if_type, if_speed, if_direction, if_status, if_in_octets, if_in_ucast_pkts,
            if_in_multicast_pkts, if_in_broadcast_pkts, if_in_discards, if_in_errors,
            if_in_unknown_protos, if_out_octets, if_out_ucast_pkts, if_out_multicast_pkts,
            if_out_broadcast_pkts, if_out_discards, if_out_errors, if_promiscuous_mode,
        }
        EthernetCounters {
            dot3_stats_alignment_errors, dot3_stats_fcs_errors, dot3_stats_single_collision_frames,
            dot3_stats_multiple_collision_frames, dot3_stats_sqe_test_errors,
            dot3_stats_deferred_transmissions, dot3_stats_late_collisions,
            dot3_stats_excessive_collisions, dot3_stats_internal_mac_transmit_errors,
            dot3_stats_carrier_sense_errors, dot3_stats_frame_too_longs,
            dot3_stats_internal_mac_receive_errors, dot3_stats_symbol_errors,
        }
        VlanCounters { vlan_id, octets, ucast_pkts, multicast_pkts, broadcast_pkts, discards }
        LagPortStats {
            dot3ad_agg_port_actor_system_id, dot3ad_agg_port_partner_oper_system_id,
            dot3ad_agg_port_attached_agg_id, dot3ad_agg_port_state,
            dot3ad_agg_port_stats_lacpdus_rx, dot3ad_agg_port_stats_marker_pdus_rx,
            dot3ad_agg_port_stats_marker_response_pdus_rx, dot3ad_agg_port_stats_unknown_rx,
            dot3ad_agg_port_stats_illegal_rx, dot3ad_agg_port_stats_lacpdus_tx,
            dot3ad_agg_port_stats_marker_pdus_tx, dot3ad_agg_port_stats_marker_response_pdus_tx,
        }
        Sfp<'a> { module_id, module_num_lanes, module_supply_voltage, module_temperature, lanes }
        PfcCounters { requests, indications, pause_duration, storm_detected, storm_restored }
        Processor { cpu_5s, cpu_1m, cpu_5m, total_memory, free_memory }
        QueueLength {
            queue_index, segment_size, queue_segments, queue_length0, queue_length1, queue_length2,
            queue_length4, queue_length8, queue_length32, queue_length128, queue_length1024,
            queue_length_more, dropped,
        }
        OfPort { datapath_id, port_no }
        PortName<'a> { name }
        HostDescr<'a> { hostname, uuid, machine_type, os_name, os_release }
        HostAdapters<'a> { adapters }
        HostParent { container_type, container_index }
        HostCpu {
            load_one, load_five, load_fifteen, proc_run, proc_total, cpu_num, cpu_speed, uptime,
            cpu_user, cpu_nice, cpu_system, cpu_idle, cpu_wio, cpu_intr, cpu_sintr, interrupts,
            contexts, cpu_steal, cpu_guest, cpu_guest_nice,
        }
        HostMemory {
            mem_total, mem_free, mem_shared, mem_buffers, mem_cached, swap_total, swap_free,
            page_in, page_out, swap_in, swap_out,
        }
        HostDiskIo {
            disk_total, disk_free, part_max_used, reads, bytes_read, read_time, writes,
            bytes_written, write_time,
        }
        HostNetIo { bytes_in, pkts_in, errs_in, drops_in, bytes_out, pkts_out, errs_out, drops_out }
        Mib2IpGroup {
            ip_forwarding, ip_default_ttl, ip_in_receives, ip_in_hdr_errors, ip_in_addr_errors,
            ip_forw_datagrams, ip_in_unknown_protos, ip_in_discards, ip_in_delivers,
            ip_out_requests, ip_out_discards, ip_out_no_routes, ip_reasm_timeout, ip_reasm_reqds,
            ip_reasm_oks, ip_reasm_fails, ip_frag_oks, ip_frag_fails, ip_frag_creates,
        }
        Mib2IcmpGroup {
            icmp_in_msgs, icmp_in_errors, icmp_in_dest_unreachs, icmp_in_time_excds,
            icmp_in_param_probs, icmp_in_src_quenchs, icmp_in_redirects, icmp_in_echos,
            icmp_in_echo_reps, icmp_in_timestamps, icmp_in_addr_masks, icmp_in_addr_mask_reps,
            icmp_out_msgs, icmp_out_errors, icmp_out_dest_unreachs, icmp_out_time_excds,
            icmp_out_param_probs, icmp_out_src_quenchs, icmp_out_redirects, icmp_out_echos,
            icmp_out_echo_reps, icmp_out_timestamps, icmp_out_timestamp_reps, icmp_out_addr_masks,
            icmp_out_addr_mask_reps,
        }
        Mib2TcpGroup {
            tcp_rto_algorithm, tcp_rto_min, tcp_rto_max, tcp_max_conn, tcp_active_opens,
            tcp_passive_opens, tcp_attempt_fails, tcp_estab_resets, tcp_curr_estab, tcp_in_segs,
            tcp_out_segs, tcp_retrans_segs, tcp_in_errs, tcp_out_rsts, tcp_in_csum_errs,
        }
        Mib2UdpGroup {
            udp_in_datagrams, udp_no_ports, udp_in_errors, udp_out_datagrams, udp_rcvbuf_errors,
            udp_sndbuf_errors, udp_in_csum_errors,
        }
        VirtNode { mhz, cpus, memory, memory_free, num_domains }
        VirtCpu { state, cpu_time, nr_virt_cpu }
        VirtMemory { memory, max_memory }
        VirtDiskIo { capacity, allocation, physical, rd_req, rd_bytes, wr_req, wr_bytes, errs }
        VirtNetIo { rx_bytes, rx_packets, rx_errs, rx_drop, tx_bytes, tx_packets, tx_errs, tx_drop }
        HttpCounters {
            method_option_count, method_get_count, method_head_count, method_post_count,
            method_put_count, method_delete_count, method_trace_count, method_connect_count,
            method_other_count, status_1xx_count, status_2xx_count, status_3xx_count,
            status_4xx_count, status_5xx_count, status_other_count,
        }
        AppOperations<'a> {
            application, success, other, timeout, internal_error, bad_request, forbidden, too_large,
            not_implemented, not_found, unavailable, unauthorized,
        }
        AppResources {
            user_time, system_time, mem_used, mem_max, fd_open, fd_max, conn_open, conn_max,
        }
        AppWorkers { workers_active, workers_idle, workers_max, req_delayed, req_dropped }
        NvidiaGpu {
            device_count, processes, gpu_time, mem_time, mem_total, mem_free, ecc_errors, energy,
            temperature, fan_speed,
        }
    }
}

macro_rules! names {
    ($($module:ident::$record:ident,)*) => {
        [$(stringify!($record)),*]
    };
}

/// The names of all records of the core, by its lists, sorted.
pub(crate) fn names_in_core() -> Vec<&'static str> {
    let (flow, counter) = (for_each_flow_record!(names), for_each_counter_record!(names));
    let mut names = [&flow[..], &counter[..]].concat();
    names.sort_unstable();
    names
}
