//! Keys of application transactions and of the state of TCP, from records.

use flowmote_decoder::flow::{
    AppInitiator, AppOperation, AppParentContext, AppTarget, ExtendedEntities,
    ExtendedProxyRequest, ExtendedProxySocketIpv4, ExtendedProxySocketIpv6, ExtendedSocketIpv4,
    ExtendedSocketIpv6, ExtendedTcpInfo, HttpRequest, MemcacheOperation,
};

use super::{KeyInfo, Section, known, named, record, text};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { record(Section::Application, $($row),*) };
}

/// A text of a record.
macro_rules! texts {
    ($name:literal, $doc:literal, $record:ident . $($field:ident).+) => {
        key!($name, Kind::Text, $doc, |p, _| text(p.record::<$record<'_>>()?.$($field).+))
    };
}

/// A word of `extended_tcp_info`.
macro_rules! tcp {
    ($name:literal, $doc:literal, $field:ident) => {
        key!($name, Kind::Number, $doc, |p, _| known(p.record::<ExtendedTcpInfo>()?.$field))
    };
}

/// An address of a socket.
macro_rules! socket {
    ($name:literal, $kind:ident, $doc:literal, $record:ident . $field:ident) => {
        key!($name, Kind::$kind, $doc, |p, _| Some(p.record::<$record>()?.$field.into()))
    };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("requests", Kind::Number, "1 for each transaction", |p, _| {
        is_transaction(p).then_some(1u32.into())
    }),
    key!("duration", Kind::Number, "duration of the transaction, microseconds", |p, _| {
        let http = http(p).map(|http| http.duration_us);
        let operation = || operation(p).map(|operation| operation.duration_us);
        let memcache = || memcache(p).map(|memcache| memcache.duration_us);
        known(http.or_else(operation).or_else(memcache)?)
    }),
    key!("req_bytes", Kind::Number, "bytes of the request", |p, _| {
        let http = http(p).map(|http| http.req_bytes);
        http.or_else(|| Some(operation(p)?.req_bytes)).map(Value::from)
    }),
    key!("resp_bytes", Kind::Number, "bytes of the response", |p, _| {
        let http = http(p).map(|http| http.resp_bytes);
        http.or_else(|| Some(operation(p)?.resp_bytes)).map(Value::from)
    }),
    key!("protocol", Kind::Number, "IP protocol of the socket", |p, _| {
        let v4 = p.record::<ExtendedSocketIpv4>().map(|socket| socket.protocol);
        v4.or_else(|| Some(p.record::<ExtendedSocketIpv6>()?.protocol)).map(Value::from)
    }),
    socket!(
        "serveraddress",
        V4,
        "IPv4 address of the server: the local one of the socket",
        ExtendedSocketIpv4.local_ip
    ),
    socket!("serveraddress6", V6, "IPv6 address of the server", ExtendedSocketIpv6.local_ip),
    key!("serverport", Kind::Number, "port of the server", |p, _| {
        let v4 = p.record::<ExtendedSocketIpv4>().map(|socket| socket.local_port);
        v4.or_else(|| Some(p.record::<ExtendedSocketIpv6>()?.local_port)).map(Value::from)
    }),
    socket!(
        "clientaddress",
        V4,
        "IPv4 address of the client: the remote one of the socket",
        ExtendedSocketIpv4.remote_ip
    ),
    socket!("clientaddress6", V6, "IPv6 address of the client", ExtendedSocketIpv6.remote_ip),
    key!("clientport", Kind::Number, "port of the client", |p, _| {
        let v4 = p.record::<ExtendedSocketIpv4>().map(|socket| socket.remote_port);
        v4.or_else(|| Some(p.record::<ExtendedSocketIpv6>()?.remote_port)).map(Value::from)
    }),
    socket!(
        "proxyserveraddress",
        V4,
        "IPv4 address of the server behind the proxy",
        ExtendedProxySocketIpv4.remote_ip
    ),
    socket!(
        "proxyserveraddress6",
        V6,
        "IPv6 address of the server behind the proxy",
        ExtendedProxySocketIpv6.remote_ip
    ),
    key!("proxyserverport", Kind::Number, "port of the server behind the proxy", |p, _| {
        let v4 = p.record::<ExtendedProxySocketIpv4>().map(|socket| socket.remote_port);
        v4.or_else(|| Some(p.record::<ExtendedProxySocketIpv6>()?.remote_port)).map(Value::from)
    }),
    socket!(
        "proxyclientaddress",
        V4,
        "IPv4 address from which the proxy asks",
        ExtendedProxySocketIpv4.local_ip
    ),
    socket!(
        "proxyclientaddress6",
        V6,
        "IPv6 address from which the proxy asks",
        ExtendedProxySocketIpv6.local_ip
    ),
    key!("proxyclientport", Kind::Number, "port from which the proxy asks", |p, _| {
        let v4 = p.record::<ExtendedProxySocketIpv4>().map(|socket| socket.local_port);
        v4.or_else(|| Some(p.record::<ExtendedProxySocketIpv6>()?.local_port)).map(Value::from)
    }),
    key!("httpmethod", Kind::Text, "method: `GET`", |p, _| {
        Some(named(&HTTP_METHODS, http(p)?.method))
    }),
    key!("httpprotocol", Kind::Number, "version: 1001 is HTTP/1.1", |p, _| {
        Some(http(p)?.protocol.into())
    }),
    texts!("httpurl", "URL as received", HttpRequest.uri),
    texts!("httphost", "host", HttpRequest.host),
    texts!("httpreferer", "referer", HttpRequest.referer),
    texts!("httpuseragent", "user agent", HttpRequest.useragent),
    texts!("httpxff", "X-Forwarded-For", HttpRequest.xff),
    texts!("httpauthuser", "authenticated user", HttpRequest.authuser),
    texts!("httpmimetype", "MIME type of the response", HttpRequest.mime_type),
    key!("httpstatus", Kind::Number, "status of the response", |p, _| {
        u32::try_from(http(p)?.status).ok().map(Value::from)
    }),
    texts!("httpproxyurl", "URL as the proxy rewrote it", ExtendedProxyRequest.uri),
    texts!("httpproxyhost", "host as the proxy rewrote it", ExtendedProxyRequest.host),
    key!("memcacheprotocol", Kind::Text, "`OTHER`, `ASCII`, `BINARY`", |p, _| {
        Some(named(&["OTHER", "ASCII", "BINARY"], memcache(p)?.protocol))
    }),
    key!("memcachecommand", Kind::Text, "command: `GET`", |p, _| {
        Some(named(&MEMCACHE_COMMANDS, memcache(p)?.cmd))
    }),
    texts!("memcachekey", "key of the operation", MemcacheOperation.key),
    key!("memcachenkeys", Kind::Number, "keys in the request", |p, _| {
        Some(memcache(p)?.nkeys.into())
    }),
    key!("memcachebytes", Kind::Number, "bytes of the value", |p, _| {
        Some(memcache(p)?.value_bytes.into())
    }),
    key!("memcachestatus", Kind::Text, "result: `STORED`, `NOT_FOUND`", |p, _| {
        Some(named(&MEMCACHE_STATUS, memcache(p)?.status))
    }),
    texts!("appname", "application", AppOperation.context.application),
    texts!("appoperation", "operation of the application", AppOperation.context.operation),
    texts!(
        "appattributes",
        "attributes of the operation: `name=value&…`",
        AppOperation.context.attributes
    ),
    key!("appstatus", Kind::Text, "result: `SUCCESS`, `TIMEOUT`", |p, _| {
        Some(named(&APP_STATUS, operation(p)?.status))
    }),
    texts!("appstatusdescr", "description of the result", AppOperation.status_descr),
    texts!("appinitiator", "business identity of the requester", AppInitiator.actor),
    texts!("apptarget", "business identity of the target", AppTarget.actor),
    texts!(
        "appparent",
        "application that led to this operation",
        AppParentContext.context.application
    ),
    texts!(
        "appparentoperation",
        "operation that led to this one",
        AppParentContext.context.operation
    ),
    key!("entitysource", Kind::Text, "data source of the sender on this host: `3.5`", |p, _| {
        let entities = p.record::<ExtendedEntities>()?;
        entity(entities.src_ds_class, entities.src_ds_index)
    }),
    key!("entitydestination", Kind::Text, "data source of the receiver on this host", |p, _| {
        let entities = p.record::<ExtendedEntities>()?;
        entity(entities.dst_ds_class, entities.dst_ds_index)
    }),
    key!(
        "tcpdirection",
        Kind::Text,
        "of the packet, seen from the host: `received`, `sent`",
        |p, _| {
            Some(named(&["unknown", "received", "sent"], p.record::<ExtendedTcpInfo>()?.dir))
        }
    ),
    tcp!("tcprtt", "smoothed round-trip time, microseconds", rtt),
    tcp!("tcprttsdev", "variation of the round-trip time, microseconds", rttvar),
    tcp!("tcprttmin", "least round-trip time, microseconds", min_rtt),
    key!(
        "tcprttwait",
        Kind::Number,
        "round-trip time above the least one: time in queues, microseconds",
        |p, _| {
            let tcp = p.record::<ExtendedTcpInfo>()?;
            let unknown = tcp.rtt == u32::MAX || tcp.min_rtt == u32::MAX;
            (!unknown).then(|| tcp.rtt.saturating_sub(tcp.min_rtt).into())
        }
    ),
    tcp!("tcpunacked", "packets in flight", unacked),
    tcp!("tcplost", "packets lost", lost),
    tcp!("tcpretrans", "packets retransmitted", retrans),
    tcp!("tcpcwndsnd", "congestion window of the sender, packets", snd_cwnd),
    tcp!("tcpreordering", "reordering, packets", reordering),
    tcp!("tcpmss", "largest segment that is sent, bytes", snd_mss),
    tcp!("tcpmssrcv", "largest segment that is received, bytes", rcv_mss),
    tcp!("tcppmtu", "MTU of the path, bytes", pmtu),
];

fn http<'a>(packet: &Packet<'a>) -> Option<HttpRequest<'a>> {
    packet.record()
}

fn operation<'a>(packet: &Packet<'a>) -> Option<AppOperation<'a>> {
    packet.record()
}

fn memcache<'a>(packet: &Packet<'a>) -> Option<MemcacheOperation<'a>> {
    packet.record()
}

fn is_transaction(packet: &Packet<'_>) -> bool {
    packet.rtflow.is_some()
        || http(packet).is_some()
        || operation(packet).is_some()
        || memcache(packet).is_some()
}

fn entity<'p>(class: u32, index: u32) -> Option<Value<'p>> {
    match (class, index) {
        (0, 0) => None,
        (0, index) => Some(index.into()),
        (class, index) => Some(format!("{class}.{index}").into()),
    }
}

const HTTP_METHODS: [&str; 9] =
    ["OTHER", "OPTIONS", "GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "CONNECT"];

const MEMCACHE_COMMANDS: [&str; 17] = [
    "OTHER", "SET", "ADD", "REPLACE", "APPEND", "PREPEND", "CAS", "GET", "GETS", "INCR", "DECR",
    "DELETE", "STATS", "FLUSH", "VERSION", "QUIT", "TOUCH",
];

const MEMCACHE_STATUS: [&str; 10] = [
    "UNKNOWN",
    "OK",
    "ERROR",
    "CLIENT_ERROR",
    "SERVER_ERROR",
    "STORED",
    "NOT_STORED",
    "EXISTS",
    "NOT_FOUND",
    "DELETED",
];

const APP_STATUS: [&str; 11] = [
    "SUCCESS",
    "OTHER",
    "TIMEOUT",
    "INTERNAL_ERROR",
    "BAD_REQUEST",
    "FORBIDDEN",
    "TOO_LARGE",
    "NOT_IMPLEMENTED",
    "NOT_FOUND",
    "UNAVAILABLE",
    "UNAUTHORIZED",
];
