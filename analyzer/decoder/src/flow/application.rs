//! Application transactions: sockets, HTTP, memcache, TCP state.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::structure::structures;
use crate::value::Text;

structures! { Flow:
    /// Flow record 0:2000, 32 bytes (source: proposal on the sFlow list, never final).
    Transaction = 0:2000 as "transaction" {
        /// 1 client, 2 server.
        E direction: u32,
        /// Microseconds queued.
        T wait: u32,
        /// Microseconds processing.
        T duration: u32,
        /// 0 ok, 1 generic failure, 2 out of memory, 3 timeout, 4 not permitted.
        E status: u32,
        I bytes_received: u64,
        I bytes_sent: u64,
    }

    /// Flow record 0:2001, at least 12 bytes (source: proposal on the sFlow list).
    ExtendedNfsStorageTransaction<'a> = 0:2001 as "extended_nfs_storage_transaction" {
        /// UTF-8 path.
        I path: &'a [u8],
        /// NFSv4 operation.
        E operation: u32,
        /// Nfsstat4.
        E status: u32,
    }

    /// Flow record 0:2002, 12 bytes (source: proposal on the sFlow list).
    ExtendedScsiStorageTransaction = 0:2002 as "extended_scsi_storage_transaction" {
        I lun: u32,
        /// Maxint = unknown.
        E operation: u32,
        /// SCSI status.
        E status: u32,
    }

    /// Flow record 0:2003, at least 24 bytes (source: proposal on the sFlow list).
    ExtendedHttpTransaction<'a> = 0:2003 as "extended_http_transaction" {
        I url: Text<'a>,
        I host: Text<'a>,
        I referer: Text<'a>,
        I useragent: Text<'a>,
        I user: Text<'a>,
        E status: u32,
    }

    /// Flow record 0:2100, 20 bytes (source: sFlow host structures).
    ///
    /// Required with every application flow_sample that used a network socket.
    ExtendedSocketIpv4 = 0:2100 as "extended_socket_ipv4" {
        /// IP protocol.
        I protocol: u32,
        /// Local address.
        I local_ip: Ipv4Addr,
        /// Remote address.
        I remote_ip: Ipv4Addr,
        /// Local port.
        I local_port: u32,
        /// Remote port.
        I remote_port: u32,
    }

    /// Flow record 0:2101, 44 bytes (source: sFlow host structures).
    ExtendedSocketIpv6 = 0:2101 as "extended_socket_ipv6" {
        /// IP protocol.
        I protocol: u32,
        /// Local address.
        I local_ip: Ipv6Addr,
        /// Remote address.
        I remote_ip: Ipv6Addr,
        /// Local port.
        I local_port: u32,
        /// Remote port.
        I remote_port: u32,
    }

    /// Flow record 0:2102, 20 bytes (source: sFlow HTTP structures).
    ///
    /// Socket used to reach the downstream server.
    ExtendedProxySocketIpv4 = 0:2102 as "extended_proxy_socket_ipv4" {
        /// IP protocol.
        I protocol: u32,
        /// Local address.
        I local_ip: Ipv4Addr,
        /// Remote address.
        I remote_ip: Ipv4Addr,
        /// Local port.
        I local_port: u32,
        /// Remote port.
        I remote_port: u32,
    }

    /// Flow record 0:2103, 44 bytes (source: sFlow HTTP structures).
    ExtendedProxySocketIpv6 = 0:2103 as "extended_proxy_socket_ipv6" {
        /// IP protocol.
        I protocol: u32,
        /// Local address.
        I local_ip: Ipv6Addr,
        /// Remote address.
        I remote_ip: Ipv6Addr,
        /// Local port.
        I local_port: u32,
        /// Remote port.
        I remote_port: u32,
    }

    /// Flow record 0:2200, at least 28 bytes (source: sFlow memcache structures).
    MemcacheOperation<'a> = 0:2200 as "memcache_operation" {
        /// 0 other, 1 ascii, 2 binary.
        E protocol: u32,
        /// 0 other, 1 set, 2 add, 3 replace, 4 append, 5 prepend, 6 cas, 7 get, 8 gets, 9 incr, 10
        /// decr, 11 delete, 12 stats, 13 flush, 14 version, 15 quit, 16 touch.
        E cmd: u32,
        /// At most 255 bytes.
        I key: Text<'a>,
        /// Keys in the request including the sampled one.
        I nkeys: u32,
        /// In bytes.
        I value_bytes: u32,
        /// In microseconds.
        T duration_us "uS": u32,
        /// 0 unknown, 1 ok, 2 error, 3 client_error, 4 server_error, 5 stored, 6 not_stored, 7
        /// exists, 8 not_found, 9 deleted.
        E status: u32,
    }

    /// Flow record 0:2201, at least 48 bytes (source: proposal on the sFlow list).
    ///
    /// At least three layouts were in use; this is the one that the reference decoder knows. Read
    /// the fields with that in mind.
    HttpRequestDeprecated<'a> = 0:2201 as "http_request_deprecated" {
        /// See 2206.
        E method: u32,
        E protocol: u32,
        /// At most 255 bytes.
        I uri: Text<'a>,
        /// At most 32 bytes.
        I host: Text<'a>,
        /// At most 255 bytes.
        I referer: Text<'a>,
        /// At most 64 bytes.
        I useragent: Text<'a>,
        /// At most 32 bytes.
        I authuser: Text<'a>,
        /// At most 32 bytes.
        I mime_type: Text<'a>,
        /// Response Content-Length.
        I bytes: u64,
        /// In microseconds.
        T duration_us "uS": u32,
        /// HTTP status.
        E status: i32,
    }

    /// What an application operation was asked to do; part of `app_operation` and
    /// `app_parent_context`.
    Context<'a> as "context" {
        /// Name of the application, at most 32 bytes.
        I application: Text<'a>,
        /// Name of the operation, at most 32 bytes.
        I operation: Text<'a>,
        /// Attributes as `name=value&...`, at most 255 bytes.
        I attributes: Text<'a>,
    }

    /// Flow record 0:2202, at least 40 bytes (source: sFlow application structures).
    ///
    /// With it: a socket record (2100/2101).
    AppOperation<'a> = 0:2202 as "app_operation" {
        /// Application, operation, attributes strings in that order.
        I context: Context<'a>,
        /// At most 64 bytes.
        I status_descr: Text<'a>,
        /// Request body bytes.
        I req_bytes: u64,
        /// Response body bytes.
        I resp_bytes: u64,
        /// In microseconds.
        T duration_us "uS": u32,
        /// 0 SUCCESS, 1 OTHER, 2 TIMEOUT, 3 INTERNAL_ERROR, 4 BAD_REQUEST, 5 FORBIDDEN, 6
        /// TOO_LARGE, 7 NOT_IMPLEMENTED, 8 NOT_FOUND, 9 UNAVAILABLE, 10 UNAUTHORIZED.
        E status: u32,
    }

    /// Flow record 0:2203, at least 12 bytes (source: sFlow application structures).
    AppParentContext<'a> = 0:2203 as "app_parent_context" {
        /// Server operation that led to this client operation.
        I context: Context<'a>,
    }

    /// Flow record 0:2204, at least 4 bytes (source: sFlow application structures).
    AppInitiator<'a> = 0:2204 as "app_initiator" {
        /// At most 64 bytes UTF-8, business id of the requester.
        I actor: Text<'a>,
    }

    /// Flow record 0:2205, at least 4 bytes (source: sFlow application structures).
    AppTarget<'a> = 0:2205 as "app_target" {
        /// At most 64 bytes UTF-8, business id of the target.
        I actor: Text<'a>,
    }

    /// Flow record 0:2206, at least 60 bytes (source: sFlow HTTP structures).
    HttpRequest<'a> = 0:2206 as "http_request" {
        /// 0 OTHER, 1 OPTIONS, 2 GET, 3 HEAD, 4 POST, 5 PUT, 6 DELETE, 7 TRACE, 8 CONNECT.
        E method: u32,
        /// Major*1000+minor, HTTP/1.1 = 1001.
        E protocol: u32,
        /// At most 255 bytes, as received.
        I uri: Text<'a>,
        /// At most 64 bytes.
        I host: Text<'a>,
        /// At most 255 bytes.
        I referer: Text<'a>,
        /// At most 128 bytes.
        I useragent: Text<'a>,
        /// At most 64 bytes X-Forwarded-For.
        I xff: Text<'a>,
        /// At most 32 bytes.
        I authuser: Text<'a>,
        /// At most 64 bytes, of the response.
        I mime_type "mime-type": Text<'a>,
        /// Request Content-Length.
        I req_bytes: u64,
        /// Response Content-Length.
        I resp_bytes: u64,
        /// In microseconds.
        T duration_us "uS": u32,
        /// HTTP status code.
        E status: i32,
    }

    /// Flow record 0:2207, at least 8 bytes (source: sFlow HTTP structures).
    ///
    /// Only if a proxy changed URI or host.
    ExtendedProxyRequest<'a> = 0:2207 as "extended_proxy_request" {
        /// At most 255 bytes, rewritten URI.
        I uri: Text<'a>,
        /// At most 64 bytes, rewritten host.
        I host: Text<'a>,
    }

    /// Flow record 0:2208, 92 bytes (source: proposal on the sFlow list).
    ///
    /// W3C Navigation Timing; times in ms, normalised so the smallest is 1; 0 = event not fired.
    ExtendedNavTiming = 0:2208 as "extended_nav_timing" {
        T navigation_type "type": u32,
        T redirect_count "redirectCount": u32,
        T navigation_start "navigationStart": u32,
        T unload_event_start "unloadEventStart": u32,
        T unload_event_end "unloadEventEnd": u32,
        T redirect_start "redirectStart": u32,
        T redirect_end "redirectEnd": u32,
        T fetch_start "fetchStart": u32,
        T domain_lookup_start "domainLookupStart": u32,
        T domain_lookup_end "domainLookupEnd": u32,
        T connect_start "connectStart": u32,
        T connect_end "connectEnd": u32,
        T secure_connection_start "secureConnectionStart": u32,
        T request_start "requestStart": u32,
        T response_start "responseStart": u32,
        T response_end "responseEnd": u32,
        T dom_loading "domLoading": u32,
        T dom_interactive "domInteractive": u32,
        T dom_content_loaded_event_start "domContentLoadedEventStart": u32,
        T dom_content_loaded_event_end "domContentLoadedEventEnd": u32,
        T dom_complete "domComplete": u32,
        T load_event_start "loadEventStart": u32,
        T load_event_end "loadEventEnd": u32,
    }

    /// Flow record 0:2209, 48 bytes (source: headers of the reference agent and decoder).
    ///
    /// Copied from Linux struct tcp_info.
    ExtendedTcpInfo = 0:2209 as "extended_tcp_info" {
        /// Packet direction: 0 unknown, 1 received, 2 sent.
        E dir: u32,
        /// In bytes.
        G snd_mss: u32,
        /// In bytes.
        G rcv_mss: u32,
        /// Packets in flight.
        G unacked: u32,
        /// In packets.
        G lost: u32,
        /// In packets.
        G retrans: u32,
        /// In bytes.
        G pmtu: u32,
        /// Smoothed, µs.
        T rtt: u32,
        /// In microseconds.
        T rttvar: u32,
        /// In packets.
        G snd_cwnd: u32,
        /// In packets.
        G reordering: u32,
        /// In microseconds.
        T min_rtt: u32,
    }

    /// Flow record 0:2210, 16 bytes (source: headers of the reference agent and decoder).
    ExtendedEntities = 0:2210 as "extended_entities" {
        /// Data source class of the packet source; 0 with index 0 unknown.
        E src_ds_class: u32,
        I src_ds_index: u32,
        /// Data source class of the destination.
        E dst_ds_class: u32,
        I dst_ds_index: u32,
    }
}
