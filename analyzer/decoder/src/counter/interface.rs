//! Counters of interfaces and their media.

use crate::structure::structures;
use crate::value::{MacAddress, Text};
use crate::xdr::List;

structures! { Counter:
    /// Counter record 0:1, 88 bytes (source: sFlow version 5).
    ///
    /// Present for every interface data source if possible. Unicast counts exclude multicast.
    IfCounters = 0:1 as "if_counters" {
        /// IF-MIB ifIndex.
        Identity if_index "ifIndex": u32,
        /// IANAifType (6 ethernetCsmacd, 24 loopback, 53 propVirtual, 71 wifi, 131 tunnel, 135
        /// l2vlan, 161 LAG).
        Enumeration if_type "ifType": u32,
        /// In bit/s.
        Gauge if_speed "ifSpeed": u64,
        /// 0 unknown, 1 full-duplex, 2 half-duplex, 3 in, 4 out.
        Enumeration if_direction "ifDirection": u32,
        /// Bit0 admin (1 up), bit1 oper (1 up): so 3 = up/up.
        Enumeration if_status "ifStatus": u32,
        /// In bytes.
        Counter if_in_octets "ifInOctets": u64,
        /// In packets.
        Counter if_in_ucast_pkts "ifInUcastPkts": u32,
        /// In packets.
        Counter if_in_multicast_pkts "ifInMulticastPkts": u32,
        /// In packets.
        Counter if_in_broadcast_pkts "ifInBroadcastPkts": u32,
        /// In packets.
        Counter if_in_discards "ifInDiscards": u32,
        /// In packets.
        Counter if_in_errors "ifInErrors": u32,
        /// In packets.
        Counter if_in_unknown_protos "ifInUnknownProtos": u32,
        /// In bytes.
        Counter if_out_octets "ifOutOctets": u64,
        /// In packets.
        Counter if_out_ucast_pkts "ifOutUcastPkts": u32,
        /// In packets.
        Counter if_out_multicast_pkts "ifOutMulticastPkts": u32,
        /// In packets.
        Counter if_out_broadcast_pkts "ifOutBroadcastPkts": u32,
        /// In packets.
        Counter if_out_discards "ifOutDiscards": u32,
        /// In packets.
        Counter if_out_errors "ifOutErrors": u32,
        /// 1 true, anything else false. The specification gives no coding: TruthValue of the IF-MIB
        /// is 1 true, 2 false, but host-sflow and most agents send 0 and 1.
        Enumeration if_promiscuous_mode "ifPromiscuousMode": u32,
    }

    /// Counter record 0:2, 52 bytes (source: sFlow version 5).
    ///
    /// In frames; EtherLike-MIB, RFC 2358.
    EthernetCounters = 0:2 as "ethernet_counters" {
        Counter dot3_stats_alignment_errors "dot3StatsAlignmentErrors": u32,
        Counter dot3_stats_fcs_errors "dot3StatsFCSErrors": u32,
        Counter dot3_stats_single_collision_frames "dot3StatsSingleCollisionFrames": u32,
        Counter dot3_stats_multiple_collision_frames "dot3StatsMultipleCollisionFrames": u32,
        Counter dot3_stats_sqe_test_errors "dot3StatsSQETestErrors": u32,
        Counter dot3_stats_deferred_transmissions "dot3StatsDeferredTransmissions": u32,
        Counter dot3_stats_late_collisions "dot3StatsLateCollisions": u32,
        Counter dot3_stats_excessive_collisions "dot3StatsExcessiveCollisions": u32,
        Counter dot3_stats_internal_mac_transmit_errors "dot3StatsInternalMacTransmitErrors": u32,
        Counter dot3_stats_carrier_sense_errors "dot3StatsCarrierSenseErrors": u32,
        Counter dot3_stats_frame_too_longs "dot3StatsFrameTooLongs": u32,
        Counter dot3_stats_internal_mac_receive_errors "dot3StatsInternalMacReceiveErrors": u32,
        Counter dot3_stats_symbol_errors "dot3StatsSymbolErrors": u32,
    }

    /// Counter record 0:3, 72 bytes (source: sFlow version 5).
    ///
    /// Token Ring MIB, RFC 1748.
    TokenringCounters = 0:3 as "tokenring_counters" {
        Counter dot5_stats_line_errors "dot5StatsLineErrors": u32,
        Counter dot5_stats_burst_errors "dot5StatsBurstErrors": u32,
        Counter dot5_stats_ac_errors "dot5StatsACErrors": u32,
        Counter dot5_stats_abort_trans_errors "dot5StatsAbortTransErrors": u32,
        Counter dot5_stats_internal_errors "dot5StatsInternalErrors": u32,
        Counter dot5_stats_lost_frame_errors "dot5StatsLostFrameErrors": u32,
        Counter dot5_stats_receive_congestions "dot5StatsReceiveCongestions": u32,
        Counter dot5_stats_frame_copied_errors "dot5StatsFrameCopiedErrors": u32,
        Counter dot5_stats_token_errors "dot5StatsTokenErrors": u32,
        Counter dot5_stats_soft_errors "dot5StatsSoftErrors": u32,
        Counter dot5_stats_hard_errors "dot5StatsHardErrors": u32,
        Counter dot5_stats_signal_loss "dot5StatsSignalLoss": u32,
        Counter dot5_stats_transmit_beacons "dot5StatsTransmitBeacons": u32,
        Counter dot5_stats_recoverys "dot5StatsRecoverys": u32,
        Counter dot5_stats_lobe_wires "dot5StatsLobeWires": u32,
        Counter dot5_stats_removes "dot5StatsRemoves": u32,
        Counter dot5_stats_singles "dot5StatsSingles": u32,
        Counter dot5_stats_freq_errors "dot5StatsFreqErrors": u32,
    }

    /// Counter record 0:4, 80 bytes (source: sFlow version 5).
    ///
    /// 100VG-AnyLAN MIB, RFC 2020.
    VgCounters = 0:4 as "vg_counters" {
        Counter dot12_in_high_priority_frames "dot12InHighPriorityFrames": u32,
        Counter dot12_in_high_priority_octets "dot12InHighPriorityOctets": u64,
        Counter dot12_in_norm_priority_frames "dot12InNormPriorityFrames": u32,
        Counter dot12_in_norm_priority_octets "dot12InNormPriorityOctets": u64,
        Counter dot12_in_ipm_errors "dot12InIPMErrors": u32,
        Counter dot12_in_oversize_frame_errors "dot12InOversizeFrameErrors": u32,
        Counter dot12_in_data_errors "dot12InDataErrors": u32,
        Counter dot12_in_null_addressed_frames "dot12InNullAddressedFrames": u32,
        Counter dot12_out_high_priority_frames "dot12OutHighPriorityFrames": u32,
        Counter dot12_out_high_priority_octets "dot12OutHighPriorityOctets": u64,
        Counter dot12_transition_into_trainings "dot12TransitionIntoTrainings": u32,
        Counter dot12_hc_in_high_priority_octets "dot12HCInHighPriorityOctets": u64,
        Counter dot12_hc_in_norm_priority_octets "dot12HCInNormPriorityOctets": u64,
        Counter dot12_hc_out_high_priority_octets "dot12HCOutHighPriorityOctets": u64,
    }

    /// Counter record 0:5, 28 bytes (source: sFlow version 5).
    VlanCounters = 0:5 as "vlan_counters" {
        Identity vlan_id: u32,
        /// In bytes.
        Counter octets: u64,
        Counter ucast_pkts "ucastPkts": u32,
        Counter multicast_pkts "multicastPkts": u32,
        Counter broadcast_pkts "broadcastPkts": u32,
        Counter discards: u32,
    }

    /// Counter record 0:6, 80 bytes (source: sFlow 802.11 structures).
    ///
    /// IEEE 802.11 MIB.
    Ieee80211Counters = 0:6 as "ieee80211_counters" {
        Counter dot11_transmitted_fragment_count "dot11TransmittedFragmentCount": u32,
        Counter dot11_multicast_transmitted_frame_count "dot11MulticastTransmittedFrameCount": u32,
        Counter dot11_failed_count "dot11FailedCount": u32,
        Counter dot11_retry_count "dot11RetryCount": u32,
        Counter dot11_multiple_retry_count "dot11MultipleRetryCount": u32,
        Counter dot11_frame_duplicate_count "dot11FrameDuplicateCount": u32,
        Counter dot11_rts_success_count "dot11RTSSuccessCount": u32,
        Counter dot11_rts_failure_count "dot11RTSFailureCount": u32,
        Counter dot11_ack_failure_count "dot11ACKFailureCount": u32,
        Counter dot11_received_fragment_count "dot11ReceivedFragmentCount": u32,
        Counter dot11_multicast_received_frame_count "dot11MulticastReceivedFrameCount": u32,
        Counter dot11_fcs_error_count "dot11FCSErrorCount": u32,
        Counter dot11_transmitted_frame_count "dot11TransmittedFrameCount": u32,
        Counter dot11_wep_undecryptable_count "dot11WEPUndecryptableCount": u32,
        Counter dot11_qos_discarded_fragment_count "dot11QoSDiscardedFragmentCount": u32,
        Gauge dot11_associated_station_count "dot11AssociatedStationCount": u32,
        Counter dot11_qos_cf_polls_received_count "dot11QoSCFPollsReceivedCount": u32,
        Counter dot11_qos_cf_polls_unused_count "dot11QoSCFPollsUnusedCount": u32,
        Counter dot11_qos_cf_polls_unusable_count "dot11QoSCFPollsUnusableCount": u32,
        Counter dot11_qos_cf_polls_lost_count "dot11QoSCFPollsLostCount": u32,
    }

    /// Counter record 0:7, 56 bytes (source: sFlow LAG port statistics).
    ///
    /// Sent with `if_counters` for each member of a link aggregation. IEEE8023-LAG-MIB.
    LagPortStats = 0:7 as "lag_port_stats" {
        Identity dot3ad_agg_port_actor_system_id "dot3adAggPortActorSystemID": MacAddress,
        Identity dot3ad_agg_port_partner_oper_system_id "dot3adAggPortPartnerOperSystemID": MacAddress,
        /// ifIndex of the aggregator.
        Identity dot3ad_agg_port_attached_agg_id "dot3adAggPortAttachedAggID": u32,
        /// 4 bytes in wire order: actorAdmin, actorOper, partnerAdmin, partnerOper (LACP state
        /// bits).
        Enumeration dot3ad_agg_port_state "dot3adAggPortState": [u8; 4],
        Counter dot3ad_agg_port_stats_lacpdus_rx "dot3adAggPortStatsLACPDUsRx": u32,
        Counter dot3ad_agg_port_stats_marker_pdus_rx "dot3adAggPortStatsMarkerPDUsRx": u32,
        Counter dot3ad_agg_port_stats_marker_response_pdus_rx
            "dot3adAggPortStatsMarkerResponsePDUsRx": u32,
        Counter dot3ad_agg_port_stats_unknown_rx "dot3adAggPortStatsUnknownRx": u32,
        Counter dot3ad_agg_port_stats_illegal_rx "dot3adAggPortStatsIllegalRx": u32,
        Counter dot3ad_agg_port_stats_lacpdus_tx "dot3adAggPortStatsLACPDUsTx": u32,
        Counter dot3ad_agg_port_stats_marker_pdus_tx "dot3adAggPortStatsMarkerPDUsTx": u32,
        Counter dot3ad_agg_port_stats_marker_response_pdus_tx
            "dot3adAggPortStatsMarkerResponsePDUsTx": u32,
    }

    /// Counter record 0:8, 24 bytes (source: proposal on the sFlow list).
    ///
    /// Packets forwarded in software, by cause.
    SlowPathCounts = 0:8 as "slow_path_counts" {
        Counter unknown: u32,
        Counter other: u32,
        Counter cam_miss: u32,
        Counter cam_full: u32,
        Counter no_hw_support: u32,
        Counter cntrl: u32,
    }

    /// Counter record 0:9, 64 bytes (source: sFlow InfiniBand structures, draft 2).
    IbCounters = 0:9 as "ib_counters" {
        Counter port_xmit_pkts "PortXmitPkts": u64,
        Counter port_rcv_pkts "PortRcvPkts": u64,
        Counter symbol_error_counter "SymbolErrorCounter": u32,
        Counter link_error_recovery_counter "LinkErrorRecoveryCounter": u32,
        Counter link_downed_counter "LinkDownedCounter": u32,
        Counter port_rcv_errors "PortRcvErrors": u32,
        Counter port_rcv_remote_physical_errors "PortRcvRemotePhysicalErrors": u32,
        Counter port_rcv_switch_relay_errors "PortRcvSwitchRelayErrors": u32,
        Counter port_xmit_discards "PortXmitDiscards": u32,
        Counter port_xmit_constraint_errors "PortXmitConstraintErrors": u32,
        Counter port_rcv_constraint_errors "PortRcvConstraintErrors": u32,
        Counter local_link_integrity_errors "LocalLinkIntegrityErrors": u32,
        Counter excessive_buffer_overrun_errors "ExcessiveBufferOverrunErrors": u32,
        Counter vl15_dropped "VL15Dropped": u32,
    }

    /// One `lane` of `sfp`.
    SfpLane as "lane" {
        /// 1-based lane number within the module, 0 unknown.
        Identity index: u32,
        /// In microamperes.
        Gauge tx_bias_current: u32,
        /// In microwatts.
        Gauge tx_power: u32,
        /// In microwatts.
        Gauge tx_power_min: u32,
        /// In microwatts.
        Gauge tx_power_max: u32,
        /// In nanometres.
        Identity tx_wavelength: u32,
        /// In microwatts.
        Gauge rx_power: u32,
        /// In microwatts.
        Gauge rx_power_min: u32,
        /// In microwatts.
        Gauge rx_power_max: u32,
        /// In nanometres.
        Identity rx_wavelength: u32,
    }

    /// Counter record 0:10, at least 20 bytes (source: sFlow optical interface structures).
    ///
    /// 20 bytes, and 40 per lane.
    Sfp<'a> = 0:10 as "sfp" {
        /// Module identifier.
        Identity module_id: u32,
        /// Total lanes in the module.
        Identity module_num_lanes: u32,
        /// In millivolts.
        Gauge module_supply_voltage: u32,
        /// Thousandths of a degree C, signed.
        Gauge module_temperature: i32,
        /// Count, then 40 bytes per reported lane.
        Gauge lanes: List<'a, SfpLane>,
    }

    /// Counter record 0:11, 20 bytes (source: draft of the sFlow PFC structures, 0.3).
    ///
    /// Sent with `if_counters` for a port with priority flow control. host-sflow puts received PFC
    /// frames in `requests`, sent ones in `indications`, and 0xFFFFFFFF in the other three. The
    /// names in the MIB suggest the reverse, so the direction is doubtful.
    PfcCounters = 0:11 as "pfc_counters" {
        /// ieee8021PfcRequests.
        Counter requests: u32,
        /// ieee8021PfcIndications.
        Counter indications: u32,
        /// Microseconds, cumulative.
        Counter pause_duration: u32,
        /// Watchdog expiries.
        Counter storm_detected: u32,
        /// Recoveries.
        Counter storm_restored: u32,
    }

    /// Counter record 0:1002, 12 bytes (source: sFlow 802.11 structures).
    RadioUtilization = 0:1002 as "radio_utilization" {
        /// In milliseconds.
        Counter elapsed_time: u32,
        /// In milliseconds.
        Counter on_channel_time: u32,
        /// In milliseconds.
        Counter on_channel_busy_time: u32,
    }

    /// Counter record 0:1003, 52 bytes (source: proposal on the sFlow list).
    ///
    /// Histogram: packets enqueued when the queue held 0, 1, 2, 3-4, 5-8, 9-32, 33-128, 129-1024
    /// and more than 1024 segments. One record per queue, with `if_counters`.
    QueueLength = 0:1003 as "queue_length" {
        /// Persistent index in port.
        Identity queue_index "queueIndex": u32,
        /// Bytes per segment.
        Identity segment_size "segmentSize": u32,
        /// Segments allocated.
        Identity queue_segments "queueSegments": u32,
        Counter queue_length0 "queueLength0": u32,
        Counter queue_length1 "queueLength1": u32,
        Counter queue_length2 "queueLength2": u32,
        Counter queue_length4 "queueLength4": u32,
        Counter queue_length8 "queueLength8": u32,
        Counter queue_length32 "queueLength32": u32,
        Counter queue_length128 "queueLength128": u32,
        Counter queue_length1024 "queueLength1024": u32,
        Counter queue_length_more "queueLengthMore": u32,
        Counter dropped: u32,
    }

    /// Counter record 0:1004, 12 bytes (source: sFlow OpenFlow structures).
    ///
    /// Must be sent with counters for an OpenFlow controlled port.
    OfPort = 0:1004 as "of_port" {
        Identity datapath_id: u64,
        /// OpenFlow 1.1 numbering for reserved ports (OFPP_LOCAL 0xFFFFFFFE).
        Identity port_no: u32,
    }

    /// Counter record 0:1005, at least 4 bytes (source: sFlow OpenFlow structures).
    PortName<'a> = 0:1005 as "port_name" {
        /// At most 255 bytes; OpenFlow name (at most 15 bytes, no NUL) or ifName.
        Identity name: Text<'a>,
    }
}
