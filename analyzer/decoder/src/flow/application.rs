//! Application transactions: sockets, HTTP, memcache, TCP state.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::structure::structures;
use crate::value::Text;

structures! { Flow:
    /// Flow record 0:2000, 32 bytes (source: proposal on the sFlow list, never final).
    Transaction = 0:2000 as "transaction" {
        /// 1 client, 2 server.
        Enumeration direction: u32,
        /// Microseconds queued.
        Time wait: u32,
        /// Microseconds processing.
        Time duration: u32,
        /// 0 ok, 1 generic failure, 2 out of memory, 3 timeout, 4 not permitted.
        Enumeration status: u32,
        Identity bytes_received: u64,
        Identity bytes_sent: u64,
    }

    /// Flow record 0:2001, at least 12 bytes (source: proposal on the sFlow list).
    ExtendedNfsStorageTransaction<'a> = 0:2001 as "extended_nfs_storage_transaction" {
        /// UTF-8 path.
        Identity path: &'a [u8],
        /// NFSv4 operation.
        Enumeration operation: u32,
        /// Nfsstat4.
        Enumeration status: u32,
    }

    /// Flow record 0:2002, 12 bytes (source: proposal on the sFlow list).
    ExtendedScsiStorageTransaction = 0:2002 as "extended_scsi_storage_transaction" {
        Identity lun: u32,
        /// 0xFFFFFFFF unknown.
        Enumeration operation: u32,
        /// SCSI status.
        Enumeration status: u32,
    }

    /// Flow record 0:2003, at least 24 bytes (source: proposal on the sFlow list).
    ExtendedHttpTransaction<'a> = 0:2003 as "extended_http_transaction" {
        Identity url: Text<'a>,
        Identity host: Text<'a>,
        Identity referer: Text<'a>,
        Identity useragent: Text<'a>,
        Identity user: Text<'a>,
        Enumeration status: u32,
    }

    /// Flow record 0:2100, 20 bytes (source: sFlow host structures).
    ///
    /// Required with every application flow_sample that used a network socket.
    ExtendedSocketIpv4 = 0:2100 as "extended_socket_ipv4" {
        /// IP protocol.
        Identity protocol: u32,
        /// Local address.
        Identity local_ip: Ipv4Addr,
        /// Remote address.
        Identity remote_ip: Ipv4Addr,
        /// Local port.
        Identity local_port: u32,
        /// Remote port.
        Identity remote_port: u32,
    }

    /// Flow record 0:2101, 44 bytes (source: sFlow host structures).
    ExtendedSocketIpv6 = 0:2101 as "extended_socket_ipv6" {
        /// IP protocol.
        Identity protocol: u32,
        /// Local address.
        Identity local_ip: Ipv6Addr,
        /// Remote address.
        Identity remote_ip: Ipv6Addr,
        /// Local port.
        Identity local_port: u32,
        /// Remote port.
        Identity remote_port: u32,
    }

    /// Flow record 0:2102, 20 bytes (source: sFlow HTTP structures).
    ///
    /// Socket used to reach the downstream server.
    ExtendedProxySocketIpv4 = 0:2102 as "extended_proxy_socket_ipv4" {
        /// IP protocol.
        Identity protocol: u32,
        /// Local address.
        Identity local_ip: Ipv4Addr,
        /// Remote address.
        Identity remote_ip: Ipv4Addr,
        /// Local port.
        Identity local_port: u32,
        /// Remote port.
        Identity remote_port: u32,
    }

    /// Flow record 0:2103, 44 bytes (source: sFlow HTTP structures).
    ExtendedProxySocketIpv6 = 0:2103 as "extended_proxy_socket_ipv6" {
        /// IP protocol.
        Identity protocol: u32,
        /// Local address.
        Identity local_ip: Ipv6Addr,
        /// Remote address.
        Identity remote_ip: Ipv6Addr,
        /// Local port.
        Identity local_port: u32,
        /// Remote port.
        Identity remote_port: u32,
    }

    /// Flow record 0:2200, at least 28 bytes (source: sFlow memcache structures).
    MemcacheOperation<'a> = 0:2200 as "memcache_operation" {
        /// 0 other, 1 ascii, 2 binary.
        Enumeration protocol: u32,
        /// 0 other, 1 set, 2 add, 3 replace, 4 append, 5 prepend, 6 cas, 7 get, 8 gets, 9 incr, 10
        /// decr, 11 delete, 12 stats, 13 flush, 14 version, 15 quit, 16 touch.
        Enumeration cmd: u32,
        /// At most 255 bytes.
        Identity key: Text<'a>,
        /// Keys in the request including the sampled one.
        Identity nkeys: u32,
        /// In bytes.
        Identity value_bytes: u32,
        /// In microseconds.
        Time duration_us "uS": u32,
        /// 0 unknown, 1 ok, 2 error, 3 client_error, 4 server_error, 5 stored, 6 not_stored, 7
        /// exists, 8 not_found, 9 deleted.
        Enumeration status: u32,
    }

    /// Flow record 0:2201, at least 48 bytes (source: proposal on the sFlow list).
    ///
    /// At least three layouts were in use under this number; this is the one of the reference
    /// decoder, so the fields of another agent may be wrong.
    HttpRequestDeprecated<'a> = 0:2201 as "http_request_deprecated" {
        /// As in `http_request` (2206).
        Enumeration method: u32,
        Enumeration protocol: u32,
        /// At most 255 bytes.
        Identity uri: Text<'a>,
        /// At most 32 bytes.
        Identity host: Text<'a>,
        /// At most 255 bytes.
        Identity referer: Text<'a>,
        /// At most 64 bytes.
        Identity useragent: Text<'a>,
        /// At most 32 bytes.
        Identity authuser: Text<'a>,
        /// At most 32 bytes.
        Identity mime_type: Text<'a>,
        /// Response Content-Length.
        Identity bytes: u64,
        /// In microseconds.
        Time duration_us "uS": u32,
        /// HTTP status.
        Enumeration status: i32,
    }

    /// The request of an application operation; part of `app_operation` and
    /// `app_parent_context`.
    Context<'a> as "context" {
        /// Name of the application, at most 32 bytes.
        Identity application: Text<'a>,
        /// Name of the operation, at most 32 bytes.
        Identity operation: Text<'a>,
        /// Attributes as `name=value&...`, at most 255 bytes.
        Identity attributes: Text<'a>,
    }

    /// Flow record 0:2202, at least 40 bytes (source: sFlow application structures).
    ///
    /// A socket record (0:2100 or 0:2101) accompanies it.
    AppOperation<'a> = 0:2202 as "app_operation" {
        /// Application, operation, attributes strings in that order.
        Identity context: Context<'a>,
        /// At most 64 bytes.
        Identity status_descr: Text<'a>,
        /// Request body bytes.
        Identity req_bytes: u64,
        /// Response body bytes.
        Identity resp_bytes: u64,
        /// In microseconds.
        Time duration_us "uS": u32,
        /// 0 SUCCESS, 1 OTHER, 2 TIMEOUT, 3 INTERNAL_ERROR, 4 BAD_REQUEST, 5 FORBIDDEN, 6
        /// TOO_LARGE, 7 NOT_IMPLEMENTED, 8 NOT_FOUND, 9 UNAVAILABLE, 10 UNAUTHORIZED.
        Enumeration status: u32,
    }

    /// Flow record 0:2203, at least 12 bytes (source: sFlow application structures).
    AppParentContext<'a> = 0:2203 as "app_parent_context" {
        /// Server operation that led to this client operation.
        Identity context: Context<'a>,
    }

    /// Flow record 0:2204, at least 4 bytes (source: sFlow application structures).
    AppInitiator<'a> = 0:2204 as "app_initiator" {
        /// At most 64 bytes UTF-8, business id of the requester.
        Identity actor: Text<'a>,
    }

    /// Flow record 0:2205, at least 4 bytes (source: sFlow application structures).
    AppTarget<'a> = 0:2205 as "app_target" {
        /// At most 64 bytes UTF-8, business id of the target.
        Identity actor: Text<'a>,
    }

    /// Flow record 0:2206, at least 60 bytes (source: sFlow HTTP structures).
    HttpRequest<'a> = 0:2206 as "http_request" {
        /// 0 OTHER, 1 OPTIONS, 2 GET, 3 HEAD, 4 POST, 5 PUT, 6 DELETE, 7 TRACE, 8 CONNECT.
        Enumeration method: u32,
        /// Major*1000+minor, HTTP/1.1 = 1001.
        Enumeration protocol: u32,
        /// At most 255 bytes, as received.
        Identity uri: Text<'a>,
        /// At most 64 bytes.
        Identity host: Text<'a>,
        /// At most 255 bytes.
        Identity referer: Text<'a>,
        /// At most 128 bytes.
        Identity useragent: Text<'a>,
        /// At most 64 bytes X-Forwarded-For.
        Identity xff: Text<'a>,
        /// At most 32 bytes.
        Identity authuser: Text<'a>,
        /// At most 64 bytes, of the response.
        Identity mime_type "mime-type": Text<'a>,
        /// Request Content-Length.
        Identity req_bytes: u64,
        /// Response Content-Length.
        Identity resp_bytes: u64,
        /// In microseconds.
        Time duration_us "uS": u32,
        /// HTTP status code.
        Enumeration status: i32,
    }

    /// Flow record 0:2207, at least 8 bytes (source: sFlow HTTP structures).
    ///
    /// Only if a proxy changed URI or host.
    ExtendedProxyRequest<'a> = 0:2207 as "extended_proxy_request" {
        /// At most 255 bytes, rewritten URI.
        Identity uri: Text<'a>,
        /// At most 64 bytes, rewritten host.
        Identity host: Text<'a>,
    }

    /// Flow record 0:2208, 92 bytes (source: proposal on the sFlow list).
    ///
    /// W3C Navigation Timing; times in ms, normalised so the smallest is 1; 0 = event not fired.
    ExtendedNavTiming = 0:2208 as "extended_nav_timing" {
        Time navigation_type "type": u32,
        Time redirect_count "redirectCount": u32,
        Time navigation_start "navigationStart": u32,
        Time unload_event_start "unloadEventStart": u32,
        Time unload_event_end "unloadEventEnd": u32,
        Time redirect_start "redirectStart": u32,
        Time redirect_end "redirectEnd": u32,
        Time fetch_start "fetchStart": u32,
        Time domain_lookup_start "domainLookupStart": u32,
        Time domain_lookup_end "domainLookupEnd": u32,
        Time connect_start "connectStart": u32,
        Time connect_end "connectEnd": u32,
        Time secure_connection_start "secureConnectionStart": u32,
        Time request_start "requestStart": u32,
        Time response_start "responseStart": u32,
        Time response_end "responseEnd": u32,
        Time dom_loading "domLoading": u32,
        Time dom_interactive "domInteractive": u32,
        Time dom_content_loaded_event_start "domContentLoadedEventStart": u32,
        Time dom_content_loaded_event_end "domContentLoadedEventEnd": u32,
        Time dom_complete "domComplete": u32,
        Time load_event_start "loadEventStart": u32,
        Time load_event_end "loadEventEnd": u32,
    }

    /// Flow record 0:2209, 48 bytes (source: headers of the reference agent and decoder).
    ///
    /// Copied from Linux struct tcp_info.
    ExtendedTcpInfo = 0:2209 as "extended_tcp_info" {
        /// Packet direction: 0 unknown, 1 received, 2 sent.
        Enumeration dir: u32,
        /// In bytes.
        Gauge snd_mss: u32,
        /// In bytes.
        Gauge rcv_mss: u32,
        /// Packets in flight.
        Gauge unacked: u32,
        /// In packets.
        Gauge lost: u32,
        /// In packets.
        Gauge retrans: u32,
        /// In bytes.
        Gauge pmtu: u32,
        /// Smoothed, µs.
        Time rtt: u32,
        /// In microseconds.
        Time rttvar: u32,
        /// In packets.
        Gauge snd_cwnd: u32,
        /// In packets.
        Gauge reordering: u32,
        /// In microseconds.
        Time min_rtt: u32,
    }

    /// Flow record 0:2210, 16 bytes (source: headers of the reference agent and decoder).
    ExtendedEntities = 0:2210 as "extended_entities" {
        /// Data source class of the packet source; 0 with index 0 unknown.
        Enumeration src_ds_class: u32,
        Identity src_ds_index: u32,
        /// Data source class of the destination.
        Enumeration dst_ds_class: u32,
        Identity dst_ds_index: u32,
    }
}
