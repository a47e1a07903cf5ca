//! Counters of applications.

use crate::structure::structures;
use crate::value::Text;

structures! { Counter:
    /// Counter record 0:2200, 144 bytes (source: proposal on the sFlow list).
    ///
    /// Note misses-before-hits order, reversed in 2204.
    MemcachedCounters = 0:2200 as "memcached_counters" {
        /// In seconds.
        C uptime: u32,
        /// In milliseconds.
        C rusage_user: u32,
        /// In milliseconds.
        C rusage_system: u32,
        G curr_connections: u32,
        C total_connections: u32,
        G connection_structures: u32,
        C cmd_get: u32,
        C cmd_set: u32,
        C cmd_flush: u32,
        C get_hits: u32,
        C get_misses: u32,
        C delete_misses: u32,
        C delete_hits: u32,
        C incr_misses: u32,
        C incr_hits: u32,
        C decr_misses: u32,
        C decr_hits: u32,
        C cas_misses: u32,
        C cas_hits: u32,
        C cas_badval: u32,
        C auth_cmds: u32,
        C auth_errors: u32,
        C bytes_read: u64,
        C bytes_written: u64,
        I limit_maxbytes: u32,
        G accepting_conns: u32,
        C listen_disabled_num: u32,
        G threads: u32,
        C conn_yields: u32,
        G bytes: u64,
        G curr_items: u32,
        C total_items: u32,
        C evictions: u32,
    }

    /// Counter record 0:2201, 60 bytes (source: sFlow HTTP structures).
    HttpCounters = 0:2201 as "http_counters" {
        C method_option_count: u32,
        C method_get_count: u32,
        C method_head_count: u32,
        C method_post_count: u32,
        C method_put_count: u32,
        C method_delete_count: u32,
        C method_trace_count: u32,
        C method_connect_count: u32,
        C method_other_count: u32,
        C status_1xx_count "status_1XX_count": u32,
        C status_2xx_count "status_2XX_count": u32,
        C status_3xx_count "status_3XX_count": u32,
        C status_4xx_count "status_4XX_count": u32,
        C status_5xx_count "status_5XX_count": u32,
        C status_other_count: u32,
    }

    /// Counter record 0:2202, at least 48 bytes (source: sFlow application structures).
    AppOperations<'a> = 0:2202 as "app_operations" {
        /// At most 32 bytes.
        I application: Text<'a>,
        C success: u32,
        C other: u32,
        C timeout: u32,
        C internal_error: u32,
        C bad_request: u32,
        C forbidden: u32,
        C too_large: u32,
        C not_implemented: u32,
        C not_found: u32,
        C unavailable: u32,
        C unauthorized: u32,
    }

    /// Counter record 0:2203, 40 bytes (source: sFlow application structures).
    AppResources = 0:2203 as "app_resources" {
        /// In milliseconds.
        C user_time: u32,
        /// In milliseconds.
        C system_time: u32,
        /// In bytes.
        G mem_used: u64,
        /// In bytes.
        G mem_max: u64,
        G fd_open: u32,
        G fd_max: u32,
        G conn_open: u32,
        G conn_max: u32,
    }

    /// Counter record 0:2204, 140 bytes (source: sFlow memcache structures).
    MemcacheCounters = 0:2204 as "memcache_counters" {
        C cmd_set: u32,
        C cmd_touch: u32,
        C cmd_flush: u32,
        C get_hits: u32,
        C get_misses: u32,
        C delete_hits: u32,
        C delete_misses: u32,
        C incr_hits: u32,
        C incr_misses: u32,
        C decr_hits: u32,
        C decr_misses: u32,
        C cas_hits: u32,
        C cas_misses: u32,
        C cas_badval: u32,
        C auth_cmds: u32,
        C auth_errors: u32,
        G threads: u32,
        C conn_yields: u32,
        C listen_disabled_num: u32,
        G curr_connections: u32,
        C rejected_connections: u32,
        C total_connections: u32,
        G connection_structures: u32,
        C evictions: u32,
        C reclaimed: u32,
        G curr_items: u32,
        C total_items: u32,
        C bytes_read: u64,
        C bytes_written: u64,
        G bytes: u64,
        I limit_maxbytes: u64,
    }

    /// Counter record 0:2205, 92 bytes (source: header of the reference decoder).
    ///
    /// Absent from the registry copy; only sflowtool defines it.
    VdiCounters = 0:2205 as "vdi_counters" {
        G sessions_current: u32,
        C sessions_total: u32,
        /// In seconds.
        C sessions_duration: u32,
        C rx_bytes: u32,
        C tx_bytes: u32,
        C rx_packets: u32,
        C tx_packets: u32,
        C rx_packets_lost: u32,
        C tx_packets_lost: u32,
        /// In milliseconds.
        G rtt_min_ms: u32,
        /// In milliseconds.
        G rtt_max_ms: u32,
        /// In milliseconds.
        G rtt_avg_ms: u32,
        C audio_rx_bytes: u32,
        C audio_tx_bytes: u32,
        /// In bit/s.
        G audio_tx_limit: u32,
        C img_rx_bytes: u32,
        C img_tx_bytes: u32,
        C img_frames: u32,
        /// 0-100.
        G img_qual_min: u32,
        /// 0-100.
        G img_qual_max: u32,
        /// 0-100.
        G img_qual_avg: u32,
        C usb_rx_bytes: u32,
        C usb_tx_bytes: u32,
    }

    /// Counter record 0:2206, 20 bytes (source: sFlow application structures).
    AppWorkers = 0:2206 as "app_workers" {
        G workers_active: u32,
        G workers_idle: u32,
        G workers_max: u32,
        C req_delayed: u32,
        C req_dropped: u32,
    }

    /// Counter record 0:2207, 24 bytes (source: proposal on the sFlow list).
    OvsDpStats = 0:2207 as "ovs_dp_stats" {
        C hits: u32,
        C misses: u32,
        C lost: u32,
        C mask_hits: u32,
        G flows: u32,
        G masks: u32,
    }
}
