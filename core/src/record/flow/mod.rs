//! Flow records: properties of one packet, or of one transaction of an application.
//!
//! Every flow sample of a packet has packet-header information, preferably [`SampledHeader`]. The
//! other records add what the header does not hold: forwarding, queues, sockets, applications.

mod app;
mod drop;
mod extended;
mod header;
mod host;
mod http;
mod sampled;
mod socket;

/// Calls the macro `$then` with every flow record, as `module::Record,`.
///
/// The list makes the re-exports below, so the compiler reports a record that is missing here as
/// unreachable. The proof that nothing panics, the coverage test and the round trip of encoder and
/// decoder use it as well: a new record is entered here once.
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_flow_record {
    ($then:ident) => {
        $then! {
            app::AppInitiator,
            app::AppOperation,
            app::AppParentContext,
            app::AppTarget,
            drop::ExtendedAcl,
            drop::ExtendedEgressQueue,
            drop::ExtendedFunction,
            drop::ExtendedHwTrap,
            drop::ExtendedLinuxDropReason,
            extended::ExtendedGateway,
            extended::ExtendedQueue,
            extended::ExtendedRouter,
            extended::ExtendedSwitch,
            extended::ExtendedTimestamp,
            extended::ExtendedTransit,
            header::SampledHeader,
            host::ExtendedEntities,
            host::ExtendedTcpInfo,
            http::ExtendedProxyRequest,
            http::HttpRequest,
            sampled::SampledEthernet,
            sampled::SampledIpv4,
            sampled::SampledIpv6,
            socket::ExtendedProxySocketIpv4,
            socket::ExtendedProxySocketIpv6,
            socket::ExtendedSocketIpv4,
            socket::ExtendedSocketIpv6,
        }
    };
}

macro_rules! reexport {
    ($($module:ident::$record:ident,)*) => {
        $(pub use self::$module::$record;)*
    };
}

for_each_flow_record!(reexport);

// The types of fields.
pub use self::app::{AppContext, AppStatus};
pub use self::drop::AclDirection;
pub use self::extended::AsPathSegment;
pub use self::header::HeaderProtocol;
pub use self::host::PacketDirection;
pub use self::http::HttpMethod;
pub use self::socket::{SocketIpv4, SocketIpv6};
