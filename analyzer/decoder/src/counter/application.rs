//! Counters of applications.

use crate::structure::structures;
use crate::value::Text;

structures! { Counter:
    /// Counter record 0:2200, 144 bytes (source: proposal on the sFlow list).
    ///
    /// Misses precede hits; in `memcache_counters` (0:2204) hits precede misses.
    MemcachedCounters = 0:2200 as "memcached_counters" {
        /// In seconds.
        Counter uptime: u32,
        /// In milliseconds.
        Counter rusage_user: u32,
        /// In milliseconds.
        Counter rusage_system: u32,
        Gauge curr_connections: u32,
        Counter total_connections: u32,
        Gauge connection_structures: u32,
        Counter cmd_get: u32,
        Counter cmd_set: u32,
        Counter cmd_flush: u32,
        Counter get_hits: u32,
        Counter get_misses: u32,
        Counter delete_misses: u32,
        Counter delete_hits: u32,
        Counter incr_misses: u32,
        Counter incr_hits: u32,
        Counter decr_misses: u32,
        Counter decr_hits: u32,
        Counter cas_misses: u32,
        Counter cas_hits: u32,
        Counter cas_badval: u32,
        Counter auth_cmds: u32,
        Counter auth_errors: u32,
        Counter bytes_read: u64,
        Counter bytes_written: u64,
        Identity limit_maxbytes: u32,
        Gauge accepting_conns: u32,
        Counter listen_disabled_num: u32,
        Gauge threads: u32,
        Counter conn_yields: u32,
        Gauge bytes: u64,
        Gauge curr_items: u32,
        Counter total_items: u32,
        Counter evictions: u32,
    }

    /// Counter record 0:2201, 60 bytes (source: sFlow HTTP structures).
    HttpCounters = 0:2201 as "http_counters" {
        Counter method_option_count: u32,
        Counter method_get_count: u32,
        Counter method_head_count: u32,
        Counter method_post_count: u32,
        Counter method_put_count: u32,
        Counter method_delete_count: u32,
        Counter method_trace_count: u32,
        Counter method_connect_count: u32,
        Counter method_other_count: u32,
        Counter status_1xx_count "status_1XX_count": u32,
        Counter status_2xx_count "status_2XX_count": u32,
        Counter status_3xx_count "status_3XX_count": u32,
        Counter status_4xx_count "status_4XX_count": u32,
        Counter status_5xx_count "status_5XX_count": u32,
        Counter status_other_count: u32,
    }

    /// Counter record 0:2202, at least 48 bytes (source: sFlow application structures).
    AppOperations<'a> = 0:2202 as "app_operations" {
        /// At most 32 bytes.
        Identity application: Text<'a>,
        Counter success: u32,
        Counter other: u32,
        Counter timeout: u32,
        Counter internal_error: u32,
        Counter bad_request: u32,
        Counter forbidden: u32,
        Counter too_large: u32,
        Counter not_implemented: u32,
        Counter not_found: u32,
        Counter unavailable: u32,
        Counter unauthorized: u32,
    }

    /// Counter record 0:2203, 40 bytes (source: sFlow application structures).
    AppResources = 0:2203 as "app_resources" {
        /// In milliseconds.
        Counter user_time: u32,
        /// In milliseconds.
        Counter system_time: u32,
        /// In bytes.
        Gauge mem_used: u64,
        /// In bytes.
        Gauge mem_max: u64,
        Gauge fd_open: u32,
        Gauge fd_max: u32,
        Gauge conn_open: u32,
        Gauge conn_max: u32,
    }

    /// Counter record 0:2204, 140 bytes (source: sFlow memcache structures).
    MemcacheCounters = 0:2204 as "memcache_counters" {
        Counter cmd_set: u32,
        Counter cmd_touch: u32,
        Counter cmd_flush: u32,
        Counter get_hits: u32,
        Counter get_misses: u32,
        Counter delete_hits: u32,
        Counter delete_misses: u32,
        Counter incr_hits: u32,
        Counter incr_misses: u32,
        Counter decr_hits: u32,
        Counter decr_misses: u32,
        Counter cas_hits: u32,
        Counter cas_misses: u32,
        Counter cas_badval: u32,
        Counter auth_cmds: u32,
        Counter auth_errors: u32,
        Gauge threads: u32,
        Counter conn_yields: u32,
        Counter listen_disabled_num: u32,
        Gauge curr_connections: u32,
        Counter rejected_connections: u32,
        Counter total_connections: u32,
        Gauge connection_structures: u32,
        Counter evictions: u32,
        Counter reclaimed: u32,
        Gauge curr_items: u32,
        Counter total_items: u32,
        Counter bytes_read: u64,
        Counter bytes_written: u64,
        Gauge bytes: u64,
        Identity limit_maxbytes: u64,
    }

    /// Counter record 0:2205, 92 bytes (source: header of the reference decoder).
    ///
    /// Not in the registry of sflow.org; only sflowtool defines it.
    VdiCounters = 0:2205 as "vdi_counters" {
        Gauge sessions_current: u32,
        Counter sessions_total: u32,
        /// In seconds.
        Counter sessions_duration: u32,
        Counter rx_bytes: u32,
        Counter tx_bytes: u32,
        Counter rx_packets: u32,
        Counter tx_packets: u32,
        Counter rx_packets_lost: u32,
        Counter tx_packets_lost: u32,
        /// In milliseconds.
        Gauge rtt_min_ms: u32,
        /// In milliseconds.
        Gauge rtt_max_ms: u32,
        /// In milliseconds.
        Gauge rtt_avg_ms: u32,
        Counter audio_rx_bytes: u32,
        Counter audio_tx_bytes: u32,
        /// In bit/s.
        Gauge audio_tx_limit: u32,
        Counter img_rx_bytes: u32,
        Counter img_tx_bytes: u32,
        Counter img_frames: u32,
        /// 0-100.
        Gauge img_qual_min: u32,
        /// 0-100.
        Gauge img_qual_max: u32,
        /// 0-100.
        Gauge img_qual_avg: u32,
        Counter usb_rx_bytes: u32,
        Counter usb_tx_bytes: u32,
    }

    /// Counter record 0:2206, 20 bytes (source: sFlow application structures).
    AppWorkers = 0:2206 as "app_workers" {
        Gauge workers_active: u32,
        Gauge workers_idle: u32,
        Gauge workers_max: u32,
        Counter req_delayed: u32,
        Counter req_dropped: u32,
    }

    /// Counter record 0:2207, 24 bytes (source: proposal on the sFlow list).
    OvsDpStats = 0:2207 as "ovs_dp_stats" {
        Counter hits: u32,
        Counter misses: u32,
        Counter lost: u32,
        Counter mask_hits: u32,
        Gauge flows: u32,
        Gauge masks: u32,
    }
}
